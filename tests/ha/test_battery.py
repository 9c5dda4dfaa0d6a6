"""A home battery that can be commanded: its number, its select, and its way back."""

import asyncio
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import replace
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EVENT_CALL_SERVICE
from homeassistant.core import Event, HomeAssistant, ServiceCall
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smart_charging.core.reading import BatteryMode
from simulators.battery import HomeBattery
from simulators.car import ChargerConfig

from .entity_home import (
    BATTERY_PART,
    CHARGE_W,
    DISCHARGE_W,
    OPTIONS,
    SELECT,
    SUNNY,
    EntityHome,
    battery_data,
    entity_home,
)
from .faults import Watch
from .home import fixed_price, meter_data, site_entry

NIGHT = "2026-11-20 18:00:00+00:00"


@pytest.fixture
async def home(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncIterator[EntityHome]:
    """Return a home with a battery in the evening, observing."""
    async with entity_home(
        hass, freezer, replace(SUNNY, chargers=(ChargerConfig(key="charger"),))
    ) as home:
        await home.add(site_entry(meter_data(home.pty), battery_data(), fixed_price()))
        yield home


def battery(home: EntityHome) -> HomeBattery:
    """Return the simulated battery."""
    assert home.house.battery is not None
    return home.house.battery


async def act(home: EntityHome, turn: str = "on") -> None:
    """Hand control over, or take it back."""
    await home.call("switch", f"turn_{turn}", home.entity_id("switch", "_act"))


async def order(home: EntityHome, mode: BatteryMode, power_kw: float) -> None:
    """Order the battery as a person would: power, then mode."""
    await home.call(
        "number", "set_value", home.entity_id("number", "battery_power"), value=power_kw
    )
    await home.call(
        "select", "select_option", home.entity_id("select", "battery_mode"), option=mode.value
    )


def written(calls: list[Event]) -> list[str]:
    """Return what the battery's own entities were told, in order."""
    return [
        f"{call.data['service']} {call.data['service_data']['entity_id']}"
        for call in calls
        if call.data["domain"].startswith("input_")
    ]


@pytest.mark.freeze_time(NIGHT)
async def test_a_person_s_order_reaches_the_battery_watts_first(
    hass: HomeAssistant, home: EntityHome
) -> None:
    await act(home)
    await home.run(20, step=1)
    calls = async_capture_events(hass, EVENT_CALL_SERVICE)
    await order(home, BatteryMode.CHARGE, 1.5)
    await home.run(30, step=1)
    assert written(calls) == [f"set_value {CHARGE_W}", f"select_option {SELECT}"]
    ours = [c.data["domain"] for c in calls if c.data["domain"] in ("number", "select")]
    assert ours == ["number", "select", "number", "select"], "the person's, then ours"
    assert battery(home).mode is BatteryMode.CHARGE
    assert battery(home).power_kw == pytest.approx(1.5, abs=0.05)
    assert home.state("select", "battery_mode") == "charge"
    assert float(home.state("number", "battery_power")) == 1.5

    await order(home, BatteryMode.DISCHARGE, 0.7)
    await home.run(30, step=1)
    assert battery(home).power_kw == pytest.approx(-0.7, abs=0.05)
    assert float(home.shown(DISCHARGE_W)) == 700


@pytest.mark.freeze_time(NIGHT)
async def test_a_mode_goes_with_the_power_that_a_person_asked_for_before(home: EntityHome) -> None:
    await order(home, BatteryMode.HOLD, 1.5)
    await home.run(10, step=1)
    await home.call("button", "press", home.entity_id("button", "battery_resume"))
    await act(home)
    # Meanwhile control gives an order of its own, with a power of its own.
    await home.run(60, step=1)
    assert battery(home).mode is BatteryMode.SELF_CONSUMPTION
    assert float(home.state("number", "battery_power")) == 0
    await home.call(
        "select", "select_option", home.entity_id("select", "battery_mode"), option="charge"
    )
    await home.run(30, step=1)
    assert battery(home).power_kw == pytest.approx(1.5, abs=0.05)


@pytest.mark.freeze_time(NIGHT)
async def test_back_to_the_plan_ends_a_person_s_order(home: EntityHome) -> None:
    await act(home)
    await order(home, BatteryMode.HOLD, 0)
    await home.run(40, step=1)
    assert battery(home).mode is BatteryMode.HOLD
    await home.call("button", "press", home.entity_id("button", "battery_resume"))
    await home.run(40, step=1)
    assert home.site.settings.battery(BATTERY_PART).mode is None
    plan = home.site.plan
    assert plan is not None
    step = plan.schedule.battery_step(BATTERY_PART, home.clock.now())
    assert step is not None
    assert battery(home).mode is step.mode
    assert step.mode is not BatteryMode.HOLD


@pytest.mark.freeze_time(NIGHT)
async def test_in_observe_a_person_s_order_goes_straight_to_the_battery(home: EntityHome) -> None:
    await home.run(30, step=1)
    assert battery(home).mode is BatteryMode.SELF_CONSUMPTION
    await order(home, BatteryMode.CHARGE, 2)
    await home.run(10, step=1)
    assert battery(home).power_kw == pytest.approx(2, abs=0.1)
    # The number alone follows too.
    await home.call("number", "set_value", home.entity_id("number", "battery_power"), value=1)
    await home.run(10, step=1)
    assert battery(home).power_kw == pytest.approx(1, abs=0.1)
    await home.run(120, step=2)
    assert battery(home).mode is BatteryMode.CHARGE, "nobody undoes it"


@pytest.mark.freeze_time(NIGHT)
@pytest.mark.parametrize("original", list(BatteryMode))
@pytest.mark.parametrize("end", ["observe", "shutdown"])
async def test_its_own_mode_comes_back_when_control_ends(
    hass: HomeAssistant, home: EntityHome, original: BatteryMode, end: str
) -> None:
    await hass.services.async_call(
        "input_select",
        "select_option",
        {"entity_id": SELECT, "option": OPTIONS[original]},
        blocking=True,
    )
    await home.run(20, step=1)
    power_kw = battery(home).power_kw
    await act(home)
    other = BatteryMode.HOLD if original is not BatteryMode.HOLD else BatteryMode.CHARGE
    await order(home, other, 1)
    await home.run(40, step=1)
    assert battery(home).mode is other
    assert home.site.settings.battery(BATTERY_PART).original is original
    if end == "observe":
        await act(home, "off")
    else:
        await home.site.actor.make_safe()
    await home.run(20, step=1)
    assert battery(home).mode is original
    assert home.site.settings.battery(BATTERY_PART).original is None
    if original in (BatteryMode.CHARGE, BatteryMode.DISCHARGE):
        assert battery(home).power_kw == pytest.approx(power_kw, abs=0.05)
    elif original is BatteryMode.SELF_CONSUMPTION:
        assert float(home.shown(CHARGE_W)) == 2500


@pytest.mark.freeze_time(NIGHT)
async def test_a_battery_that_is_silent_when_control_ends_is_restored_when_it_speaks(
    home: EntityHome,
) -> None:
    await act(home)
    await order(home, BatteryMode.CHARGE, 1)
    await home.run(40, step=1)
    assert battery(home).mode is BatteryMode.CHARGE
    home.mute = True
    await home.run(60, step=1)
    assert home.state("select", "battery_mode") == "unavailable"
    await act(home, "off")
    await home.run(70, step=1)
    assert battery(home).mode is BatteryMode.CHARGE
    assert home.site.settings.battery(BATTERY_PART).release_due
    home.mute = False
    await home.run(150, step=1)
    assert battery(home).mode is BatteryMode.SELF_CONSUMPTION
    assert not home.site.settings.battery(BATTERY_PART).release_due


@pytest.mark.freeze_time(NIGHT)
async def test_batteries_that_do_not_answer_do_not_hold_a_shutdown_up(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    one = battery_data()
    other: dict[str, Any] = deepcopy({**one, "subentry_id": "other", "unique_id": "entity_other"})
    other["data"]["connection"]["mode"] = "input_select.other"
    options = {"options": list(OPTIONS.values())}
    hass.states.async_set("input_select.other", OPTIONS[BatteryMode.SELF_CONSUMPTION], options)
    async with entity_home(hass, freezer) as home:
        await home.add(site_entry(meter_data(home.pty), one, other, fixed_price()))
        await act(home)
        for battery_id in (one["unique_id"], other["unique_id"]):
            entity_id = home.entity_id("select", f"{battery_id}_battery_mode")
            await home.call("select", "select_option", entity_id, option=BatteryMode.HOLD.value)
        hass.states.async_set("input_select.other", OPTIONS[BatteryMode.HOLD], options)
        await home.run(10, step=1)
        rows = home.site.settings.batteries.values()
        assert [row.original for row in rows] == [BatteryMode.SELF_CONSUMPTION] * 2

        async def hang(_call: ServiceCall) -> None:
            await asyncio.Event().wait()

        for domain, service in (("input_select", "select_option"), ("input_number", "set_value")):
            hass.services.async_register(domain, service, hang)
        watch = Watch(home, caplog)
        began_s = home.clock.monotonic()
        stopping = asyncio.ensure_future(home.site._shutdown())
        while not stopping.done():
            freezer.tick(0.5)
            for _ in range(20):
                await asyncio.sleep(0)
        await stopping
        assert home.clock.monotonic() - began_s < 20, "Home Assistant waits no longer"
        lines = watch.lines(logging.WARNING)
        assert lines[-1] == "Not every device could be left in a safe state in time"
        assert all(row.original is not None for row in rows), "what is owed is not forgotten"
