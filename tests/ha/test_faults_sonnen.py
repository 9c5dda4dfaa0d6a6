"""A sonnenBatterie that fails, in a real Home Assistant."""

from collections.abc import AsyncIterator
import logging

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
import pytest

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.core.reading import BatteryMode
from simulators.sonnen import MANUAL, V2_OWN

from .faults import LONG_S, Watch
from .home import METER
from .sonnen_home import DEVICE, NAME, TOKEN, SonnenHome, sonnen_home
from .test_sonnen import act, order

pytestmark = pytest.mark.freeze_time("2026-06-10 11:00:00+00:00")

LINK_FAULTS = ("off", "silence", "http_5xx", "garbage", "hang_up")


@pytest.fixture
async def home(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncIterator[SonnenHome]:
    async with sonnen_home(hass, freezer) as home:
        await home.run(20, step=1)
        yield home


async def begin(home: SonnenHome, fault: str) -> None:
    match fault:
        case "off":
            await home.battery.stop()
        case "restart":
            await home.battery.stop()
            await home.battery.start()
        case "late":
            home.battery.inject("delay", seconds=0.05)
        case _:
            home.battery.inject(fault)


async def mend(home: SonnenHome, fault: str) -> None:
    if fault == "off":
        await home.battery.start()
    home.battery.clear()


@pytest.mark.parametrize("fault", [*LINK_FAULTS, "restart", "late", "partial", "frozen"])
async def test_a_short_fault_shows_nowhere(
    home: SonnenHome, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    watch = Watch(home, caplog)
    await begin(home, fault)
    await home.run(4, step=1)
    await mend(home, fault)
    await home.run(20, step=1)
    watch.assert_nothing()
    assert not watch.link_lines()


@pytest.mark.parametrize("fault", [*LINK_FAULTS, "unauthorized", "frozen"])
async def test_a_long_fault_shows_once_and_ends_by_itself(
    hass: HomeAssistant, home: SonnenHome, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    watch = Watch(home, caplog)
    assert float(home.state("sensor", "pv_power")) > 0
    await begin(home, fault)
    # The token is proven each minute; figures may stand still for two.
    await home.run({"unauthorized": 120, "frozen": 180}.get(fault, LONG_S), step=1)
    cause = watch.assert_gone(DEVICE, NAME)
    assert TOKEN not in cause
    assert not watch.went_unavailable(METER)
    assert home.state("sensor", "_grid_power") != "unknown"
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [f["context"]["source"] for f in flows] == [SOURCE_REAUTH] * (fault == "unauthorized")
    calls = len(home.battery.calls)
    await home.run(300, step=5)
    assert len(home.battery.calls) - calls <= 25, "a weak processor is not hammered"
    await mend(home, fault)
    await watch.recovered(DEVICE, NAME)
    assert float(home.state("sensor", "pv_power")) > 0
    assert len(watch.lines(logging.WARNING)) == 1


async def test_a_part_that_is_missing_is_named_and_the_others_stay(
    home: SonnenHome, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(home, caplog)
    home.battery.inject("partial", fields=("USOC", "Pac_total_W"))
    await home.run(LONG_S, step=1)
    assert home.state("sensor", "battery_soc") == "unavailable"
    assert home.state("sensor", "pv_power") != "unavailable"
    (line,) = watch.lines(logging.WARNING)
    assert "unavailable" in line
    home.battery.clear()
    await home.run(20, step=1)
    assert home.state("sensor", "battery_soc") != "unavailable"
    assert not watch.issues()
    watch.assert_no_noise()


@pytest.mark.parametrize("fault", ["write_off", "deaf", "mode_locked", "reverts"])
async def test_a_battery_that_refuses_orders_stays_its_own_master_and_is_told(
    home: SonnenHome, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    watch = Watch(home, caplog)
    home.battery.inject(fault)
    await act(home)
    await order(home, BatteryMode.CHARGE, 1)
    await home.run(90, step=1)
    assert home.battery.mode == V2_OWN
    assert home.state("select", "battery_mode") == "self_consumption"
    told = watch.lines(logging.WARNING)
    assert told
    assert len(told) <= 3, told
    assert watch.issues()
    assert not watch.went_unavailable(DEVICE)
    home.battery.clear()
    await home.run(90, step=1)
    assert home.battery.mode == MANUAL
    assert home.battery.battery.power_kw == pytest.approx(1, abs=0.05)
    assert not watch.issues()
    watch.assert_no_noise()


async def test_a_battery_that_is_silent_when_control_ends_is_restored_when_it_speaks(
    home: SonnenHome,
) -> None:
    await act(home)
    await order(home, BatteryMode.CHARGE, 1)
    await home.run(40, step=1)
    assert home.battery.mode == MANUAL
    await home.battery.stop()
    await home.run(60, step=1)
    await act(home, "off")
    await home.run(70, step=1)
    assert home.battery.mode == MANUAL
    await home.battery.start()
    await home.run(150, step=1)
    assert home.battery.mode == V2_OWN
