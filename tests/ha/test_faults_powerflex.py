"""A PowerFlex service that fails in every way that it may, in a real Home Assistant."""

import logging
import re

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
import pytest

from custom_components.smart_charging.const import DOMAIN
from simulators.car import Car

from .conftest import HomeFactory
from .faults import Watch
from .home import CHARGER, METER
from .powerflex_home import NAME, PASSWORD, Garage, powerflex_home

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")

LONG_S = 90
"""Outlasts the patience with a service that measures nothing new, and the stale time."""


async def begin(garage: Garage, fault: str) -> None:
    if fault == "off":
        await garage.service.stop()
    else:
        garage.service.inject(fault)


async def mend(garage: Garage, fault: str) -> None:
    garage.service.clear()
    if fault == "off":
        await garage.start()


@pytest.mark.parametrize(
    "fault",
    [
        *("http_5xx", "hang_up", "garbage", "half", "list", "silence", "off"),
        *("expired", "no_series", "no_results", "shuffled", "foreign", "frozen", "read_only"),
        "reset",
    ],
)
async def test_a_short_fault_shows_nowhere(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    async with powerflex_home(make_home) as garage:
        watch = Watch(garage.home, caplog)
        await begin(garage, fault)
        await garage.home.run(11, step=1)
        await mend(garage, fault)
        await garage.home.run(30, step=1)
        watch.assert_nothing()
        assert not watch.link_lines()
        assert garage.home.state("sensor", "charger_status") == "charging"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("http_5xx", "HTTP 503"),
        ("hang_up", "connection broke"),
        # Whichever is noticed first: readings that are old, or a question without an answer.
        ("silence", "no answer|nothing readable since"),
        ("half", "cannot be understood"),
        ("off", "no connection"),
        ("no_series", "no new measurement|nothing readable since"),
        ("foreign", "no new measurement|nothing readable since"),
        ("frozen", "no new measurement|nothing readable since"),
        ("rate_limited", "too many calls"),
        ("revoked", "token"),
    ],
)
async def test_a_long_fault_shows_once_and_ends_by_itself(
    hass: HomeAssistant,
    make_home: HomeFactory,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    told: str,
) -> None:
    async with powerflex_home(make_home) as garage:
        home = garage.home
        watch = Watch(home, caplog)
        assert home.state("binary_sensor", "charger_plugged") == "on"

        await begin(garage, fault)
        await home.run(LONG_S, step=1)
        cause = watch.assert_gone(CHARGER, NAME)
        assert re.search(told, cause), cause
        assert PASSWORD not in cause
        assert not watch.went_unavailable(METER)
        assert home.state("sensor", "_grid_power") != "unknown"
        flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        refused = fault == "revoked"
        assert [f["context"]["source"] for f in flows] == [SOURCE_REAUTH] * refused
        asked, logins = len(garage.service.asked), garage.service.logins
        await home.run(120, step=2)
        assert len(garage.service.asked) - asked <= 60
        assert garage.service.logins - logins <= 8, "no login after login"

        # Meanwhile the car leaves.
        garage.point.unplug()
        await mend(garage, fault)
        await watch.recovered(CHARGER, NAME)
        assert home.state("binary_sensor", "charger_plugged") == "off"
        garage.point.plug(Car(soc=0.5, phases=1))
        await home.run(21, step=1)
        assert home.state("binary_sensor", "charger_plugged") == "on"
        assert not watch.went_unavailable(METER)
        assert len(watch.lines(logging.WARNING)) == 1


async def test_missing_values_are_unknown_and_nothing_else(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async with powerflex_home(make_home) as garage:
        watch = Watch(garage.home, caplog)
        garage.service.inject("null_values")
        await garage.home.run(30, step=1)
        assert not watch.unavailable(CHARGER)
        assert garage.home.state("sensor", "charger_power") == "unknown"
        assert garage.home.state("sensor", "charger_status") == "charging"
        garage.service.clear()
        await garage.home.run(30, step=1)
        assert float(garage.home.state("sensor", "charger_power")) > 1
        watch.assert_no_noise()


@pytest.mark.parametrize("fault", ["refuses", "ignores", "read_only"])
async def test_a_service_that_takes_no_orders_is_told_and_obeys_when_it_does(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    async with powerflex_home(make_home) as garage:
        home = garage.home
        watch = Watch(home, caplog)
        garage.service.inject(fault)
        await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
        await home.choose("off")
        await home.run(90, step=1)
        assert garage.service.limit_kw is None
        assert watch.issues()
        assert not watch.went_unavailable(CHARGER)
        await mend(garage, fault)
        await home.run(100, step=1)
        assert garage.service.limit_kw == 0
        assert not watch.issues()
        watch.assert_no_noise()


async def test_a_service_that_starts_anew_is_told_its_limit_again(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async with powerflex_home(make_home) as garage:
        home = garage.home
        await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
        await home.choose("off")
        await home.run(40, step=1)
        assert garage.service.limit_kw == 0
        watch = Watch(home, caplog)
        garage.service.inject("reset", 1)
        await home.run(60, step=1)
        assert garage.service.limit_kw == 0
        watch.assert_no_noise()
        assert not watch.went_unavailable(CHARGER)


async def test_a_service_that_is_silent_when_control_ends_is_put_right_when_it_speaks(
    make_home: HomeFactory,
) -> None:
    async with powerflex_home(make_home) as garage:
        home = garage.home
        garage.service.limit(6.0)
        await home.run(20, step=1)
        await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
        await home.choose("off")
        await home.run(40, step=1)
        assert garage.service.limit_kw == 0
        await garage.service.stop()
        await home.run(60, step=1)
        await home.call("switch", "turn_off", home.entity_id("switch", "_act"))
        await home.run(70, step=1)
        assert garage.service.limit_kw == 0
        await garage.start()
        await home.run(180, step=1)
        assert garage.service.limit_kw == 6
