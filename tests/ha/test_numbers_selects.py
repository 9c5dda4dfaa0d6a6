"""What people set at chargers and vehicles: numbers, selects and times."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
import pytest

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.core.planner.problem import GoalKind
from simulators.car import Car

from .conftest import QUIET, HomeFactory
from .entity_home import SUNNY, EntityHome, entity_home, sun_data
from .home import (
    CAR,
    CHARGER_PART,
    Home,
    car_data,
    charger_data,
    fixed_price,
    meter_data,
    site_entry,
)

NIGHT = "2026-11-20 18:00:00+00:00"
NOON = "2026-06-10 10:00:00+00:00"


async def acting_home(make_home: HomeFactory, *, fuse_a: float = 25, **car: Any) -> Home:
    """Return a home with meter, charger, car and one price that acts."""
    home = await make_home(QUIET)
    await home.add(
        site_entry(
            meter_data(home.pty),
            charger_data(home.wattpilot_port),
            car_data(**car),
            fixed_price(),
            fuse_a=fuse_a,
        )
    )
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    return home


async def set_current(home: Home, amps: float) -> None:
    """Set the charger's current as a person would."""
    await home.call("number", "set_value", home.entity_id("number", "_current"), value=amps)


async def choose(home: Home, select: str, option: str) -> None:
    """Choose an option as a person would."""
    await home.call("select", "select_option", home.entity_id("select", select), option=option)


@pytest.mark.freeze_time(NIGHT)
async def test_a_current_set_by_hand_holds_within_limits_until_the_car_leaves(
    make_home: HomeFactory,
) -> None:
    home = await acting_home(make_home, fuse_a=20)
    point = home.house.chargers["charger"]
    await set_current(home, 10)
    await home.run(40, step=1)
    assert point.offered_a == 10
    assert float(home.state("number", "_current")) == 10
    assert home.state("sensor", "charger_reason") == "manual"
    attributes = home.hass.states.get(home.entity_id("sensor", "charger_reason")).attributes  # type: ignore[union-attr]  # it is there
    assert attributes["override_until"] == "departure"

    # An oven on the first phase: by hand or not, the fuse comes first.
    home.house.extra_kw[0] = 2.8
    await home.run(60, step=1)
    assert point.offered_a < 10
    assert abs(home.house.line_a[0]) <= 20
    attributes = home.hass.states.get(home.entity_id("sensor", "charger_reason")).attributes  # type: ignore[union-attr]  # it is there
    assert attributes["limit"] == "fuse L1"
    home.house.extra_kw[0] = 0
    await home.run(300, step=2)
    assert point.offered_a == 10

    point.unplug()
    await home.run(5, step=1)
    point.plug(Car(soc=0.4))
    await home.run(20, step=1)
    assert home.site.settings.charger(CHARGER_PART).override is None
    assert home.state("sensor", "charger_reason") != "manual"


@pytest.mark.freeze_time(NIGHT)
async def test_zero_pauses_and_back_to_the_plan_goes_on(make_home: HomeFactory) -> None:
    home = await acting_home(make_home)
    point = home.house.chargers["charger"]
    await choose(home, "_charging_mode", "fast")
    await home.run(40, step=1)
    assert point.currents_a[0] > 15
    await set_current(home, 0)
    await home.run(15, step=1)
    assert point.currents_a[0] == 0
    assert float(home.state("number", "_current")) == 0
    assert home.site.plan is not None
    planned = home.site.plan.schedule.chargers.get(CHARGER_PART, ())
    assert not any(step.energy_kwh for step in planned), "a paused car is not planned for"
    await home.call("button", "press", home.entity_id("button", "charger_resume"))
    await home.run(120, step=1)
    assert point.currents_a[0] > 15
    assert home.state("sensor", "charger_reason") == "manual", "the mode is Fast still"


@pytest.mark.freeze_time(NIGHT)
async def test_a_current_that_no_car_can_follow_is_refused_in_words(
    make_home: HomeFactory,
) -> None:
    home = await acting_home(make_home)
    with pytest.raises(ServiceValidationError) as refusal:
        await set_current(home, 4)
    assert refusal.value.translation_key == "below_minimum_current"
    assert refusal.value.translation_placeholders == {"minimum": "6", "value": "4"}
    with pytest.raises(ServiceValidationError):
        await set_current(home, 17)
    assert home.site.settings.charger(CHARGER_PART).override is None


@pytest.mark.freeze_time(NIGHT)
async def test_in_observe_a_current_set_by_hand_reaches_the_charger_and_nothing_else_does(
    make_home: HomeFactory,
) -> None:
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    await home.run(60)
    assert not home.wattpilot.writes
    await set_current(home, 8)
    await home.run(20, step=1)
    assert home.house.chargers["charger"].offered_a == 8
    count = len(home.wattpilot.writes)
    await home.run(60)
    assert len(home.wattpilot.writes) == count


@pytest.mark.freeze_time(NIGHT)
async def test_a_charger_that_refuses_says_so(make_home: HomeFactory) -> None:
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    home.wattpilot.inject("reject_writes")
    with pytest.raises(HomeAssistantError) as failure:
        await set_current(home, 8)
    assert failure.value.translation_key == "device_failed"
    assert failure.value.translation_placeholders is not None
    assert failure.value.translation_placeholders["name"] == "Wattpilot"
    assert "not allowed" in failure.value.translation_placeholders["error"]


@pytest.fixture
async def sunny(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncIterator[EntityHome]:
    """Return a home with sun and no battery at noon that acts."""
    async with entity_home(hass, freezer, replace(SUNNY, battery=None)) as home:
        await home.add(
            site_entry(
                meter_data(home.pty),
                charger_data(home.wattpilot_port),
                sun_data(),
                car_data(),
                fixed_price(),
            )
        )
        await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
        yield home


@pytest.mark.freeze_time(NOON)
async def test_the_mode_drives_the_charger(sunny: EntityHome) -> None:
    point, meter = sunny.house.chargers["charger"], sunny.house.meter
    await choose(sunny, "_charging_mode", "fast")
    await sunny.run(60, step=1)
    assert point.power_kw == pytest.approx(11, abs=0.3)
    assert sunny.state("sensor", "charger_reason") == "manual"

    await choose(sunny, "_charging_mode", "off")
    await sunny.run(20, step=1)
    assert point.power_kw == 0
    assert sunny.state("sensor", "charger_reason") == "off"

    await choose(sunny, "_charging_mode", "solar")
    # The sun alone starts a charge once in a quarter, and not in the one in which it was stopped.
    await sunny.run(960, step=2)
    assert point.power_kw > 3
    assert -1.0 < meter.power_kw < 0.2, "what the sun leaves, and no more"
    assert sunny.state("sensor", "charger_reason") == "sun"
    sunny.house.pv_curtail_kw = 0.0
    await sunny.run(600, step=2)
    assert point.power_kw == 0, "without sun nothing"

    await choose(sunny, "_charging_mode", "minimum_solar")
    await sunny.run(300, step=2)
    assert point.currents_a[0] == pytest.approx(6, abs=0.1), "the minimum, sun or not"

    await choose(sunny, "_charging_mode", "smart")
    await sunny.run(30, step=1)
    plan = sunny.site.plan
    assert plan is not None
    step = plan.schedule.charger_step(CHARGER_PART, sunny.clock.now())
    assert step is not None
    assert sunny.state("sensor", "charger_reason") == step.reason.value


@pytest.mark.freeze_time(NIGHT)
async def test_the_phases_chosen_by_hand_hold_until_the_car_leaves(make_home: HomeFactory) -> None:
    home = await acting_home(make_home)
    point = home.house.chargers["charger"]
    await choose(home, "_charging_mode", "fast")
    await home.run(40, step=1)
    assert point.phases == 3
    await choose(home, "_phases", "1")
    await home.run(300, step=2)
    assert point.phases == 1
    assert home.state("select", "_phases") == "1"
    assert point.power_kw == pytest.approx(3.7, abs=0.2)
    assert home.site.problem is not None
    assert home.site.problem.chargers[0].phases == (1,), "the plan counts with it"
    point.unplug()
    await home.run(5, step=1)
    point.plug(Car(soc=0.4))
    # Contactors wear: the next switch waits for ten minutes and another quarter.
    await home.run(1200)
    assert point.phases == 3


@pytest.mark.freeze_time(NIGHT)
async def test_the_vehicle_is_chosen_by_its_present_name(make_home: HomeFactory) -> None:
    home = await acting_home(make_home)
    select = home.entity_id("select", "_vehicle")
    state = home.hass.states.get(select)
    assert state is not None
    assert state.attributes["options"] == ["guest", "Car"]
    assert state.state == "Car", "a lone vehicle is assumed"

    await choose(home, "_vehicle", "guest")
    await home.call("number", "set_value", home.entity_id("number", "_guest_energy"), value=5)
    await home.run(5, step=1)
    assert home.site.problem is not None
    (vehicle,) = home.site.problem.vehicles
    assert vehicle.id == f"guest:{CHARGER_PART}"
    delivered = home.site.plugs.watches[CHARGER_PART].delivered_kwh()
    assert vehicle.goals[0].energy_kwh == pytest.approx(5 - delivered, abs=0.1)
    assert home.state("sensor", f"{CAR}_missing_energy") == "unknown"

    assert home.entry is not None
    subentry = home.entry.subentries[CAR]
    home.hass.config_entries.async_update_subentry(home.entry, subentry, title="Blue car")
    await home.run(3, step=1)
    state = home.hass.states.get(select)
    assert state is not None
    assert state.attributes["options"] == ["guest", "Blue car"]
    await choose(home, "_vehicle", "Blue car")
    await home.run(3, step=1)
    assert home.state("select", "_vehicle") == "Blue car"
    assert home.site.problem.vehicles[0].id == CAR
    with pytest.raises(ServiceValidationError):
        await choose(home, "_vehicle", "Car")


@pytest.mark.freeze_time(NIGHT)
async def test_every_goal_re_plans_within_two_seconds(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    hass.states.async_set("sensor.car_soc", "30", {"unit_of_measurement": "%"})
    home = await acting_home(make_home, soc_entity="sensor.car_soc")

    async def planned() -> Any:
        before = home.clock.now()
        for _ in range(2):
            await home.tick(1)
        plan, problem = home.site.plan, home.site.problem
        assert plan is not None
        assert problem is not None
        assert plan.schedule.made_at >= before
        return problem.vehicles[0]

    await home.call("number", "set_value", home.entity_id("number", "_target_soc"), value=90)
    vehicle = await planned()
    assert [(goal.kind, goal.soc) for goal in vehicle.goals] == [(GoalKind.READY_BY, 0.9)]
    assert vehicle.target_soc == 0.9

    await home.call("number", "set_value", home.entity_id("number", "_minimum_soc"), value=50)
    vehicle = await planned()
    assert [(goal.kind, goal.soc) for goal in vehicle.goals] == [
        (GoalKind.MINIMUM, 0.5),
        (GoalKind.READY_BY, 0.9),
    ]
    await home.call("time", "set_value", home.entity_id("time", "_ready_by"), time="05:45:00")
    vehicle = await planned()
    assert vehicle.goals[-1].by.isoformat() == "2026-11-21T04:45:00+00:00"
    assert home.state("time", "_ready_by") == "05:45:00"

    hass.states.async_set("sensor.car_soc", "unknown")
    home.site.settings.charger(CHARGER_PART).plugged_soc = None
    await home.call("number", "set_value", home.entity_id("number", f"{CAR}_energy"), value=12.5)
    vehicle = await planned()
    delivered = home.site.plugs.watches[CHARGER_PART].delivered_kwh()
    assert vehicle.goals[0].energy_kwh == pytest.approx(12.5 - delivered, abs=0.1)
    assert home.state("number", f"{CAR}_energy") == "12.5"

    await choose(home, "_charging_mode", "solar")
    vehicle = await planned()
    assert vehicle.surplus_only
    assert vehicle.goals == ()

    await home.call("button", "press", home.entity_id("button", "_replan"))
    await planned()


@pytest.mark.freeze_time(NIGHT)
async def test_a_minimum_above_the_target_is_reached_all_the_same(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    hass.states.async_set("sensor.car_soc", "55", {"unit_of_measurement": "%"})
    home = await acting_home(make_home, soc_entity="sensor.car_soc")
    await home.call("number", "set_value", home.entity_id("number", "_target_soc"), value=50)
    await home.call("number", "set_value", home.entity_id("number", "_minimum_soc"), value=60)
    await home.run(80, step=1)
    assert home.state("sensor", "charger_reason") == "minimum_soc"
    assert home.house.chargers["charger"].power_kw > 10


@pytest.mark.freeze_time(NIGHT)
async def test_a_disabled_number_of_ours_is_a_repair_until_it_is_enabled(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await acting_home(make_home)
    point, registry = home.house.chargers["charger"], er.async_get(hass)
    await choose(home, "_charging_mode", "fast")
    await home.run(60, step=1)
    number = home.entity_id("number", "_current")
    registry.async_update_entity(number, disabled_by=er.RegistryEntryDisabler.USER)
    await choose(home, "_charging_mode", "off")
    await home.run(30, step=1)
    assert point.power_kw > 10, "nothing reaches the charger"
    assert home.entry is not None
    issue_id = f"{home.entry.entry_id}_entity_disabled_{CHARGER_PART}"
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    assert issue.translation_key == "entity_disabled"
    assert issue.translation_placeholders == {"name": "Wattpilot"}
    assert home.state("binary_sensor", "_problem") == "on"
    assert home.state("sensor", "_status") == "problem"
    registry.async_update_entity(number, disabled_by=None)
    # Home Assistant reloads the site by itself, half a minute later.
    await home.run(40, step=1)
    await home.connected()
    await home.run(40, step=1)
    assert ir.async_get(hass).async_get_issue(DOMAIN, issue_id) is None
    assert point.power_kw == 0
