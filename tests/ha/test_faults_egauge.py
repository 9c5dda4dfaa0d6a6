"""An eGauge that fails, in a real Home Assistant that has no other meter."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
import logging
import re
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
import pytest

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.core.reading import ChargerStatus

from .egauge_home import GAUGE, NAME, PASSWORD, GaugeHome, egauge_home
from .faults import LONG_S, Watch
from .home import CHARGER

pytestmark = pytest.mark.freeze_time("2026-06-10 11:00:00+00:00")

LINK_FAULTS = ("off", "silence", "http_5xx", "garbage", "half", "hang_up")
both_interfaces = pytest.mark.parametrize("interface", ["json", "xml"])

type Opens = Callable[..., Any]


@pytest.fixture
async def opens(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncIterator[Opens]:
    """Build a home that has learnt its meter's pace."""
    async with AsyncExitStack() as stack:

        async def opened(interface: str = "json", **connection: Any) -> GaugeHome:
            home = await stack.enter_async_context(
                egauge_home(hass, freezer, json=interface == "json", **connection)
            )
            await home.run(20, step=1)
            return home

        yield opened


async def begin(home: GaugeHome, fault: str) -> None:
    match fault:
        case "off":
            await home.gauge.stop()
        case "restart":
            await home.gauge.stop()
            home.gauge.tokens.clear()
            await home.start_gauge()
        case "expired" | "stale_nonce" | "reset":
            home.gauge.inject(fault, 1)
        case _:
            home.gauge.inject(fault)


async def mend(home: GaugeHome, fault: str) -> None:
    if fault == "off":
        await home.start_gauge()
    home.gauge.clear()


@both_interfaces
@pytest.mark.parametrize("fault", [*LINK_FAULTS, "restart", "null_rate", "frozen"])
async def test_a_short_fault_shows_nowhere(
    opens: Opens, caplog: pytest.LogCaptureFixture, interface: str, fault: str
) -> None:
    home = await opens(interface)
    watch = Watch(home, caplog)
    await begin(home, fault)
    await home.run(3, step=1)
    await mend(home, fault)
    await home.run(20, step=1)
    watch.assert_nothing()
    assert not watch.link_lines()


@pytest.mark.parametrize("fault", ["expired", "stale_nonce"])
async def test_a_login_that_ran_out_is_renewed_unnoticed(
    hass: HomeAssistant, opens: Opens, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    home = await opens()
    watch, logins = Watch(home, caplog), home.gauge.logins
    for _ in range(3):
        await begin(home, "expired")
        await begin(home, fault)
        await home.run(30, step=1)
    assert home.gauge.logins == logins + 3
    watch.assert_nothing()
    assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)


@pytest.mark.parametrize(
    ("interface", "fault", "told"),
    [
        # Whichever is noticed first: readings that are old, or a question without an answer.
        *((kind, "off", "no connection") for kind in ("json", "xml")),
        *((kind, "silence", "no answer in time|nothing readable") for kind in ("json", "xml")),
        *((kind, "http_5xx", "HTTP 503") for kind in ("json", "xml")),
        *((kind, "hang_up", "connection broke") for kind in ("json", "xml")),
        ("json", "half", "cannot be understood|HTTP 200 to a login"),
        ("xml", "half", "cannot be understood"),
        *((kind, "frozen", "stand still|nothing readable") for kind in ("json", "xml")),
        ("xml", "garbage", "cannot be understood|another shape"),
        ("json", "garbage", "cannot be understood|HTTP 200 to a login"),
        ("json", "bad_password", "Invalid username or password"),
        ("json", "expired_for_good", "may not read"),
        ("json", "json_off_and_xml_off", "no XML interface"),
        ("xml", "xml_off", "no XML interface"),
        ("xml", "xml_locked", "only with a user name"),
        ("xml", "bomb", "definitions of its own"),
        ("json", "renamed", "Grid, Grid L1"),
    ],
)
async def test_a_long_fault_shows_once_and_ends_by_itself(
    hass: HomeAssistant,
    opens: Opens,
    caplog: pytest.LogCaptureFixture,
    interface: str,
    fault: str,
    told: str,
) -> None:
    home = await opens(interface)
    watch = Watch(home, caplog)
    assert float(home.state("sensor", "pv_power")) > 1
    match fault:
        case "bad_password":
            home.gauge.tokens.clear()
            home.gauge.inject("bad_password")
        case "expired_for_good":
            home.gauge.inject("expired")
        case "json_off_and_xml_off":
            home.gauge.inject("json_off")
            home.gauge.inject("xml_off")
        case _:
            await begin(home, fault)
    await home.run(LONG_S, step=1)
    cause = watch.assert_gone(GAUGE, NAME)
    assert re.search(told, cause), cause
    assert PASSWORD not in cause
    assert not watch.went_unavailable(CHARGER)
    assert home.state("sensor", "_grid_power") in ("unknown", "unavailable")
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    # A meter that now wants a login needs more than another password.
    refused = fault in ("bad_password", "expired_for_good")
    assert [f["context"]["source"] for f in flows] == [SOURCE_REAUTH] * refused
    asked = len(home.gauge.asked)
    await home.run(300, step=5)
    assert len(home.gauge.asked) - asked <= 60, "a meter in trouble is not hammered"
    await mend(home, fault)
    await watch.recovered(GAUGE, NAME)
    assert float(home.state("sensor", "pv_power")) > 1
    assert home.state("sensor", "_grid_power") != "unknown"
    assert len(watch.lines(logging.WARNING)) == 1


async def test_a_login_cannot_be_made_while_the_meter_is_in_trouble(
    hass: HomeAssistant, opens: Opens, caplog: pytest.LogCaptureFixture
) -> None:
    """That is no reason to ask a person for another password."""
    home = await opens()
    watch = Watch(home, caplog)
    home.gauge.tokens.clear()
    home.gauge.inject("no_nonce")
    await home.run(LONG_S, step=1)
    assert "HTTP 503 to a login" in watch.assert_gone(GAUGE, NAME)
    assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    home.gauge.clear()
    await watch.recovered(GAUGE, NAME)


async def test_missing_values_are_unknown_and_nothing_else(
    opens: Opens, caplog: pytest.LogCaptureFixture
) -> None:
    home = await opens()
    watch = Watch(home, caplog)
    home.gauge.inject("null_rate")
    await home.run(20, step=1)
    assert not watch.unavailable(GAUGE)
    assert home.state("sensor", "meter_power") == "unknown"
    assert home.state("sensor", "pv_power") == "unknown"
    home.gauge.clear()
    await home.run(20, step=1)
    assert float(home.state("sensor", "pv_power")) > 1
    watch.assert_no_noise()


async def test_a_register_that_is_gone_takes_only_its_part_along(
    opens: Opens, caplog: pytest.LogCaptureFixture
) -> None:
    home = await opens(pv="Carport")
    watch = Watch(home, caplog)
    # What was never there is missed a minute after the start.
    await home.run(60, step=1)
    assert home.state("sensor", "pv_power") == "unavailable"
    assert float(home.state("sensor", "meter_power")) == pytest.approx(
        home.house.meter.power_kw, abs=0.3
    )
    (line,) = watch.lines(logging.WARNING)
    assert line.startswith(f"{NAME} PV is unavailable: ")
    watch.assert_no_noise()


@both_interfaces
async def test_counters_that_begin_anew_do_not_show_as_power(
    opens: Opens, caplog: pytest.LogCaptureFixture, interface: str
) -> None:
    home = await opens(interface)
    watch = Watch(home, caplog)
    if interface == "xml":
        home.gauge.inject("no_instant")
        await home.run(10, step=1)
    await begin(home, "reset")
    for _ in range(70):
        await home.tick(1)
        meter = home.site.meter
        assert meter is not None
        assert meter.power_kw is None or abs(meter.power_kw) < 12
    assert float(home.state("sensor", "meter_import_energy")) < 1
    assert float(home.state("sensor", "meter_power")) == pytest.approx(
        home.house.meter.power_kw, abs=0.3
    )
    watch.assert_nothing()


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
@both_interfaces
async def test_a_car_goes_on_safely_while_its_meter_is_lost(
    opens: Opens, caplog: pytest.LogCaptureFixture, interface: str
) -> None:
    home = await opens(interface)
    point = home.house.chargers["charger"]
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.choose("fast")
    await home.run(60, step=1)
    assert point.effective_a == 16
    # The most that the house drew on a line within the last week is what counts then.
    home.house.advance()
    home.house.extra_kw[0] = 2.8
    await home.run(60, step=1)
    home.house.extra_kw[0] = 0.0
    await home.run(240, step=1)
    assert point.effective_a == 16
    await begin(home, "silence")
    await home.run(LONG_S, step=1)
    assert point.effective_a < 16
    home.house.advance()
    home.house.extra_kw[0] = 2.8
    await home.run(30, step=1)
    assert max(home.house.line_a) <= 25
    home.house.extra_kw[0] = 0.0
    await mend(home, "silence")
    await home.run(300, step=1)
    assert point.effective_a == 16
    assert point.status is ChargerStatus.CHARGING
    await home.call("switch", "turn_off", home.entity_id("switch", "_act"))
