"""A charger that fails in every way that Wattpilots fail, in a real Home Assistant."""

import logging

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
import pytest

from custom_components.smart_charging.const import DOMAIN
from simulators.car import Car

from .conftest import HomeFactory
from .faults import LONG_S, RECOVERY_S, Watch
from .home import CHARGER, METER, Home, charger_data, fixed_price, meter_data, site_entry

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")

NAME = "Wattpilot"


async def home_with_charger(make_home: HomeFactory) -> Home:
    home = await make_home()
    await home.add(
        site_entry(meter_data(home.pty), charger_data(home.wattpilot_port), fixed_price())
    )
    # Until the site has learnt the charger's own pace, the make's counts.
    await home.run(10, step=1)
    return home


async def begin(home: Home, fault: str) -> None:
    match fault:
        case "off":
            home.wattpilot.inject("drop")
            await home.wattpilot.stop()
        case "refused":
            home.wattpilot.inject("drop")
            home.wattpilot.inject("wrong_password")
        case "drop" | "silence" | "stall":
            home.wattpilot.inject(fault)
        case _:
            home.wattpilot.reboot()


async def mend(home: Home, fault: str) -> None:
    if fault == "off":
        await home.wattpilot.start(home.wattpilot_port)
    home.wattpilot.clear()


@pytest.mark.parametrize("fault", ["drop", "reboot", "silence", "stall", "off"])
async def test_a_short_fault_shows_nowhere(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    home = await home_with_charger(make_home)
    watch = Watch(home, caplog)
    await begin(home, fault)
    await home.run(3, step=1)
    await mend(home, fault)
    await home.run(20, step=1)
    watch.assert_nothing()
    assert not watch.link_lines()


@pytest.mark.parametrize("fault", ["silence", "stall", "off", "refused"])
async def test_a_long_fault_shows_once_and_ends_by_itself(
    hass: HomeAssistant, make_home: HomeFactory, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    home = await home_with_charger(make_home)
    watch = Watch(home, caplog)
    assert home.state("binary_sensor", "charger_plugged") == "on"

    await begin(home, fault)
    await home.run(LONG_S, step=1)
    cause = watch.assert_gone(CHARGER, NAME)
    if fault == "refused":
        assert "password" in cause.lower()
    assert not watch.went_unavailable(METER)
    assert home.state("sensor", "_grid_power") != "unknown"
    # What the car draws is not known, so neither is what the house does.
    assert home.state("sensor", "_house_power") == "unknown"
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [f["context"]["source"] for f in flows] == [SOURCE_REAUTH] * (fault == "refused")

    # Meanwhile the car leaves.
    home.house.chargers["charger"].unplug()
    await mend(home, fault)
    await watch.recovered(CHARGER, NAME)
    assert home.state("binary_sensor", "charger_plugged") == "off"
    assert home.state("sensor", "charger_status") == "unplugged"
    home.house.chargers["charger"].plug(Car(soc=0.5))
    await home.run(3, step=1)
    assert home.state("binary_sensor", "charger_plugged") == "on"
    assert not watch.went_unavailable(METER)
    assert len(watch.lines(logging.WARNING)) == 1


async def test_a_charger_that_comes_and_goes_is_neither_hammered_nor_lost(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await home_with_charger(make_home)
    watch = Watch(home, caplog)
    logins = home.wattpilot.logins
    for _ in range(120):
        home.wattpilot.inject("drop")
        await home.tick(1)
    # Each attempt gives readings for a moment: it is back, and then it is gone again.
    tried = home.wattpilot.logins - logins
    assert 4 <= tried <= 8
    assert len(watch.lines(logging.WARNING)) <= tried
    watch.anew()
    await home.run(RECOVERY_S, step=1)
    assert not watch.unavailable(CHARGER)
    assert not watch.issues()
    watch.assert_no_noise()
    assert not watch.went_unavailable(METER)
