"""Home Assistant restarts in the middle of a charge."""

from copy import deepcopy
from datetime import UTC, datetime
import logging
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.smart_charging.core.reading import ChargerStatus

from .conftest import HomeFactory
from .faults import Watch
from .home import (
    CAR,
    CHARGER_PART,
    METER,
    car_data,
    charger_data,
    fixed_price,
    meter_data,
    site_entry,
)
from .test_faults_acting import charging
from .test_switches_buttons import OWN, owned


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_a_restart_in_mid_charge_loses_nothing_and_the_car_goes_on(
    hass: HomeAssistant, hass_storage: dict[str, Any], make_home: HomeFactory
) -> None:
    home = await make_home()
    entry = site_entry(
        meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
    )
    site = await home.add(entry)
    await home.call("number", "set_value", home.entity_id("number", f"{CAR}_energy"), value=9)
    await home.call("time", "set_value", home.entity_id("time", "_ready_by"), time="22:15:00")
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.run(900)
    point = home.house.chargers["charger"]
    assert point.status is ChargerStatus.CHARGING
    before = site.plan
    assert before is not None
    charged = point.session_kwh
    assert charged > 1

    assert await hass.config_entries.async_unload(entry.entry_id)
    # While we are away the car charges on at what it was allowed.
    await home.run(60, step=5)
    assert point.status is ChargerStatus.CHARGING
    stored = hass_storage[f"smart_charging.{entry.entry_id}"]["data"]
    assert stored["vehicles"][CAR]["energy_kwh"] == 9
    assert stored["plan"]["cost"] == pytest.approx(before.cost)

    assert await hass.config_entries.async_setup(entry.entry_id)
    resumed = home.site
    assert resumed is not site
    assert resumed.plan == before
    assert resumed.settings.acting
    await home.connected()
    await home.run(20, step=1)
    assert point.status is ChargerStatus.CHARGING
    watch = resumed.plugs.watches[CHARGER_PART]
    assert watch.delivered_kwh() == pytest.approx(point.session_kwh, abs=0.02)
    await home.run_until(datetime(2026, 11, 20, 20, 15, tzinfo=UTC))
    assert point.session_kwh == pytest.approx(9, rel=0.01)


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_when_home_assistant_stops_the_charger_is_left_at_a_proven_safe_current(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty),
            charger_data(home.wattpilot_port),
            car_data(),
            fixed_price(),
            fuse_a=20,
        )
    )
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    home.house.extra_kw[0] = 1.5
    await home.run(60)
    home.house.extra_kw[0] = 0.0
    await home.run(1800)
    point = home.house.chargers["charger"]
    assert point.offered_a == 16
    highest = max(home.site.history.house_peak_a())
    assert highest > 6.5
    stopping = hass.async_create_task(home.site._shutdown())
    await home.run(10, step=1)
    assert stopping.done()
    assert point.offered_a == (20 - highest) // 1
    assert point.status is ChargerStatus.CHARGING


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
@pytest.mark.parametrize("case", ["safe", "paused", "its own", "not heard"])
async def test_when_home_assistant_stops_a_charger_that_is_safe_or_not_ours_is_left_alone(
    make_home: HomeFactory, case: str
) -> None:
    home = await make_home()
    if case == "not heard":
        await home.wattpilot.stop()
    home.entry = site_entry(
        meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
    )
    home.entry.add_to_hass(home.hass)
    assert await home.hass.config_entries.async_setup(home.entry.entry_id)
    await home.connected(*([METER] if case == "not heard" else []))
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    if case != "not heard":
        await home.choose("off" if case == "paused" else "fast")
    await home.run(60, step=3)
    point = home.house.chargers["charger"]
    match case:
        case "paused":
            assert point.offered_a == 0
        case "safe":
            assert point.offered_a == 16
        case "its own":
            # More than is safe without a meter, but its owner's business.
            home.house.extra_kw[0] = 3.0
            await home.run(60, step=3)
            await home.call("switch", "turn_off", home.entity_id("switch", "_smart_charging"))
            home.house.extra_kw[0] = 0.0
            await home.run(30, step=3)
            assert max(home.site.history.house_peak_a()) > 25 - 16
            assert point.offered_a == 16
    before = len(home.wattpilot.writes)
    await home.site._shutdown()
    await home.run(5, step=1)
    assert home.wattpilot.writes[before:] == []


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_when_home_assistant_stops_a_charger_that_refuses_is_named(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await charging(make_home, 20, 2.0)
    watch = Watch(home, caplog)
    home.wattpilot.inject("reject_writes")
    await home.site._shutdown()
    (line,) = watch.lines(logging.WARNING)
    assert line.startswith("Wattpilot could not be left at 9 A: ")
    watch.assert_no_noise()


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_a_charger_is_given_back_as_it_was_even_if_home_assistant_was_killed_at_once(
    hass: HomeAssistant, hass_storage: dict[str, Any], make_home: HomeFactory
) -> None:
    home = await make_home()
    for key, value in OWN.items():
        home.wattpilot.logic.write(key, value)
    entry = site_entry(
        meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
    )
    await home.add(entry)
    await home.choose("fast")
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.run(5, step=1)
    assert owned(home) != OWN
    key = f"smart_charging.{entry.entry_id}"
    # All that a process which is killed now leaves behind.
    left = deepcopy(hass_storage[key])
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass_storage[key] = left
    assert await hass.config_entries.async_setup(entry.entry_id)
    await home.connected()
    await home.run(30, step=1)
    await home.call("switch", "turn_off", home.entity_id("switch", "_act"))
    await home.run(30, step=1)
    assert owned(home) == OWN
