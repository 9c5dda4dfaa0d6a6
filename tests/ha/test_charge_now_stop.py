"""Actions for a charger: charge now and stop, with and without a time."""

from datetime import datetime
from typing import Any

from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
import pytest

from custom_components.smart_charging.const import DOMAIN

from .conftest import HomeFactory
from .home import (
    CHARGER_PART,
    Home,
    car_data,
    charger_data,
    fixed_price,
    meter_data,
    site_entry,
)

NIGHT = "2026-11-20 18:00:00+00:00"


async def off_home(make_home: HomeFactory) -> Home:
    """Return a home that acts and whose charger is off."""
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    await home.call(
        "select", "select_option", home.entity_id("select", "_charging_mode"), option="off"
    )
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.run(20, step=1)
    assert home.house.chargers["charger"].power_kw == 0
    return home


def device(home: Home, identifier: str) -> str:
    """Return the id of the registry device with this identifier."""
    assert home.entry is not None
    return next(
        device.id
        for device in dr.async_entries_for_config_entry(
            dr.async_get(home.hass), home.entry.entry_id
        )
        if (DOMAIN, identifier) in device.identifiers
    )


async def order(home: Home, action: str, **data: Any) -> None:
    """Call an action for the charger."""
    charger = device(home, "wattpilot_91012345_charger")
    await home.hass.services.async_call(
        DOMAIN, action, {"device_id": charger, **data}, blocking=True
    )
    await home.settle()


@pytest.mark.freeze_time(NIGHT)
async def test_charge_now_ends_by_itself_after_its_time(make_home: HomeFactory) -> None:
    home = await off_home(make_home)
    point = home.house.chargers["charger"]
    await order(home, "charge_now", current_a=8, duration={"minutes": 5})
    await home.run(60, step=1)
    assert point.offered_a == 8
    assert point.power_kw > 5
    assert home.state("sensor", "charger_reason") == "manual"
    await home.run(250, step=2)
    assert point.power_kw == 0
    assert home.state("sensor", "charger_reason") == "off"
    assert home.site.settings.charger(CHARGER_PART).override is None


@pytest.mark.freeze_time(NIGHT)
async def test_without_a_time_charge_now_lasts_and_is_as_fast_as_limits_allow(
    make_home: HomeFactory,
) -> None:
    home = await off_home(make_home)
    await order(home, "charge_now")
    await home.run(900)
    assert home.house.chargers["charger"].offered_a == 16


@pytest.mark.freeze_time(NIGHT)
async def test_stop_pauses_for_its_time_and_the_plan_knows(make_home: HomeFactory) -> None:
    home = await off_home(make_home)
    point = home.house.chargers["charger"]
    await home.call(
        "select", "select_option", home.entity_id("select", "_charging_mode"), option="fast"
    )
    await home.run(40, step=1)
    assert point.power_kw > 10
    await order(home, "stop", duration="00:10:00")
    await home.run(30, step=1)
    assert point.power_kw == 0
    assert home.site.problem is not None
    assert home.site.problem.vehicles == ()
    await home.run(640)
    assert point.power_kw > 10
    await order(home, "stop")
    await home.run(1800)
    assert point.power_kw == 0, "until the car leaves"


@pytest.mark.freeze_time(NIGHT)
async def test_only_chargers_can_be_told_and_only_currents_that_cars_follow(
    make_home: HomeFactory,
) -> None:
    home = await off_home(make_home)
    for identifier in ("p1_1SAG3100000001_meter", home.site.entry.entry_id):
        with pytest.raises(ServiceValidationError) as refusal:
            await order(home, "stop", device_id=device(home, identifier))
        assert refusal.value.translation_key == "not_a_charger"
    with pytest.raises(ServiceValidationError) as refusal:
        await order(home, "charge_now", device_id="nothing")
    assert refusal.value.translation_placeholders == {"device": "nothing"}
    with pytest.raises(ServiceValidationError) as refusal:
        await order(home, "charge_now", current_a=4)
    assert refusal.value.translation_key == "below_minimum_current"
    assert home.site.settings.charger(CHARGER_PART).override is None


def own_order(home: Home) -> tuple[str, Any, str]:
    """Return what the charger's page says of a person's order."""
    state = home.hass.states.get(home.entity_id("sensor", "charger_override"))
    assert state is not None
    return (
        state.state,
        state.attributes.get("until"),
        home.state("sensor", "charger_override_end"),
    )


@pytest.mark.freeze_time(NIGHT)
async def test_a_person_s_order_shows_how_long_it_holds(make_home: HomeFactory) -> None:
    home = await off_home(make_home)
    assert own_order(home) == ("none", None, "unknown")
    await order(home, "charge_now", current_a=8, duration={"minutes": 5})
    shown, until, ends = own_order(home)
    assert shown == "current"
    assert datetime.fromisoformat(until).replace(microsecond=0) == datetime.fromisoformat(ends)
    assert home.site.settings.charger(CHARGER_PART).override is not None
    await order(home, "stop")
    assert own_order(home) == ("paused", "departure", "unknown")
    await order(home, "charge_now")
    assert own_order(home) == ("charge_now", "departure_or_full", "unknown")
    await home.call("button", "press", home.entity_id("button", "charger_resume"))
    assert own_order(home)[0] == "none"


@pytest.mark.freeze_time(NIGHT)
async def test_charge_now_ends_when_the_car_is_full(make_home: HomeFactory) -> None:
    home = await off_home(make_home)
    point = home.house.chargers["charger"]
    await order(home, "charge_now")
    await home.run(60, step=2)
    assert point.power_kw > 5
    assert point.car is not None
    point.car.ended = True
    await home.run(120, step=2)
    assert own_order(home)[0] == "none"
    assert home.state("sensor", "charger_reason") != "manual"
