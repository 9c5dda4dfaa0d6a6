"""An NRGkick of each generation that fails in every way that they fail, in a real Home Assistant."""

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
from .nrgkick_home import NAME, Kick, kick_home

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")

LONG_S = {2: 45, 1: 75}
"""Outlasts three polls, and the patience of the driver."""


async def begin(kick: Kick, fault: str) -> None:
    if fault == "off":
        await kick.simulator.stop()
    else:
        kick.simulator.inject(fault)


async def mend(kick: Kick, fault: str) -> None:
    if fault == "off":
        await kick.start()
    kick.simulator.clear()


SHORT = ["http_5xx", "hang_up", "garbage", "half", "list", "silence", "off"]


@pytest.mark.parametrize(
    ("generation", "fault"),
    [(2, fault) for fault in (*SHORT, "api_off")] + [(1, fault) for fault in (*SHORT, "bluetooth")],
)
async def test_a_short_fault_shows_nowhere(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture, generation: int, fault: str
) -> None:
    async with kick_home(make_home, generation) as kick:
        watch = Watch(kick.home, caplog)
        await begin(kick, fault)
        await kick.home.run(3, step=1)
        await mend(kick, fault)
        await kick.home.run(20 * (3 - generation), step=1)
        watch.assert_nothing()
        assert not watch.link_lines()


@pytest.mark.parametrize(
    ("generation", "fault", "told"),
    [
        (2, "http_5xx", "HTTP 503"),
        # Whichever is noticed first: readings that are old, or a question without an answer.
        (2, "silence", "no answer|nothing readable since"),
        (2, "half", "cannot be understood"),
        (2, "off", "Connect call failed"),
        (2, "api_off", "local API is off"),
        (2, "wrong_password", "password"),
        (1, "http_5xx", "HTTP 503"),
        (1, "silence", "no answer"),
        (1, "off", "Connect call failed"),
        (1, "bluetooth", "Bluetooth"),
        (1, "apart", "Bluetooth"),
    ],
)
async def test_a_long_fault_shows_once_and_ends_by_itself(
    hass: HomeAssistant,
    make_home: HomeFactory,
    caplog: pytest.LogCaptureFixture,
    generation: int,
    fault: str,
    told: str,
) -> None:
    async with kick_home(make_home, generation) as kick:
        home = kick.home
        watch = Watch(home, caplog)
        assert home.state("binary_sensor", "charger_plugged") == "on"

        await begin(kick, fault)
        await home.run(LONG_S[generation], step=1)
        assert re.search(told, watch.assert_gone(CHARGER, NAME))
        assert not watch.went_unavailable(METER)
        assert home.state("sensor", "_grid_power") != "unknown"
        flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        refused = fault == "wrong_password"
        assert [f["context"]["source"] for f in flows] == [SOURCE_REAUTH] * refused

        # Meanwhile the car leaves.
        kick.point.unplug()
        await mend(kick, fault)
        await watch.recovered(CHARGER, NAME)
        if generation == 2:
            assert home.state("binary_sensor", "charger_plugged") == "off"
            assert home.state("sensor", "charger_status") == "unplugged"
        kick.point.plug(Car(soc=0.5))
        await home.run(11, step=1)
        assert home.state("binary_sensor", "charger_plugged") == "on"
        assert not watch.went_unavailable(METER)
        assert len(watch.lines(logging.WARNING)) == 1


async def test_a_row_of_bad_answers_is_neither_hammered_nor_lost(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async with kick_home(make_home, 2) as kick:
        watch = Watch(kick.home, caplog)
        simulator = kick.simulator
        simulator.inject("http_5xx")
        asked = len(simulator.asked)
        await kick.home.run(120, step=1)
        assert len(simulator.asked) - asked <= 30
        watch.assert_gone(CHARGER, NAME)
        simulator.clear()
        await watch.recovered(CHARGER, NAME)


async def test_missing_values_are_unknown_and_nothing_else(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async with kick_home(make_home, 2) as kick:
        watch = Watch(kick.home, caplog)
        kick.simulator.inject("no_values")
        await kick.home.run(15, step=1)
        assert not watch.unavailable(CHARGER)
        assert kick.home.state("sensor", "charger_power") == "unknown"
        assert kick.home.state("sensor", "charger_status") == "charging"
        kick.simulator.clear()
        await kick.home.run(15, step=1)
        assert float(kick.home.state("sensor", "charger_power")) > 1
        watch.assert_no_noise()
