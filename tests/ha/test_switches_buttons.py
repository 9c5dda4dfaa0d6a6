"""Handing control over and back: the switches of site and charger, the buttons, stopping."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

from simulators.wattpilot_logic import Json

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
OWN = {"amp": 13, "frc": 0, "fup": True, "lmo": 4, "psm": 2}
"""What the owner set in the charger's own app: eco mode on three phases with 13 A."""


def owned(home: Home) -> dict[str, Json]:
    """Return what the charger holds of the owner's settings."""
    return {key: home.wattpilot.values[key] for key in OWN}


async def fast_home(make_home: HomeFactory) -> Home:
    """Return a home whose charger has its own settings, in mode Fast, observing."""
    home = await make_home()
    for key, value in OWN.items():
        home.wattpilot.logic.write(key, value)
    await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    await home.call(
        "select", "select_option", home.entity_id("select", "_charging_mode"), option="fast"
    )
    return home


async def switch(home: Home, unique_id: str, turn: str) -> None:
    """Turn one of our switches."""
    await home.call("switch", f"turn_{turn}", home.entity_id("switch", unique_id))


@pytest.mark.freeze_time(NIGHT)
async def test_act_takes_the_charger_and_gives_it_back_as_it_was(make_home: HomeFactory) -> None:
    home = await fast_home(make_home)
    await home.run(60, step=1)
    assert owned(home) == OWN, "a site that observes writes nothing"
    assert home.state("switch", "_act") == "off"

    await switch(home, "_act", "on")
    await home.run(30, step=1)
    assert home.state("switch", "_act") == "on"
    # Three phases at once: what was only imagined so far binds nobody.
    assert home.house.chargers["charger"].power_kw == pytest.approx(11, abs=0.3)
    assert owned(home) != OWN

    await switch(home, "_act", "off")
    await home.run(30, step=1)
    assert owned(home) == OWN
    assert home.state("switch", "_act") == "off"
    count = len(home.wattpilot.writes)
    await home.run(120)
    assert len(home.wattpilot.writes) == count, "and leaves it alone from then on"


@pytest.mark.freeze_time(NIGHT)
async def test_smart_charging_off_releases_the_charger_and_on_takes_it_back(
    make_home: HomeFactory,
) -> None:
    home = await fast_home(make_home)
    await switch(home, "_act", "on")
    await home.run(30, step=1)
    assert owned(home) != OWN
    await switch(home, "_smart_charging", "off")
    await home.run(60, step=1)
    assert owned(home) == OWN
    assert home.state("sensor", "charger_reason") == "released"
    assert home.state("switch", "_smart_charging") == "off"
    problem = home.site.problem
    assert problem is not None
    assert problem.vehicles == (), "nothing is planned for a charger that follows itself"

    await switch(home, "_smart_charging", "on")
    await home.run(15, step=1)
    assert home.house.chargers["charger"].offered_a == 16
    assert home.state("sensor", "charger_reason") == "manual"


@pytest.mark.freeze_time(NIGHT)
async def test_a_charger_that_cannot_be_released_stays_ours_and_says_why(
    make_home: HomeFactory,
) -> None:
    home = await fast_home(make_home)
    await switch(home, "_act", "on")
    await home.run(30, step=1)
    home.wattpilot.inject("reject_writes")
    with pytest.raises(HomeAssistantError) as failure:
        await switch(home, "_smart_charging", "off")
    assert failure.value.translation_key == "device_failed"
    assert home.state("switch", "_smart_charging") == "on"
    assert home.site.settings.charger(CHARGER_PART).smart


@pytest.mark.freeze_time(NIGHT)
async def test_what_could_not_be_handed_back_is_handed_back_later(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await fast_home(make_home)
    await switch(home, "_act", "on")
    await home.run(30, step=1)
    home.wattpilot.inject("reject_writes")
    await switch(home, "_act", "off")
    assert home.state("switch", "_act") == "off"
    assert owned(home) != OWN
    assert home.site.settings.charger(CHARGER_PART).release_due

    # A restart in between changes nothing about it.
    assert home.entry is not None
    assert await hass.config_entries.async_reload(home.entry.entry_id)
    await home.connected()
    await home.run(70, step=1)
    assert owned(home) != OWN
    home.wattpilot.clear("reject_writes")
    await home.run(130, step=1)
    assert owned(home) == OWN
    assert not home.site.settings.charger(CHARGER_PART).release_due


@pytest.mark.freeze_time(NIGHT)
async def test_acting_again_calls_a_late_hand_back_off(make_home: HomeFactory) -> None:
    home = await fast_home(make_home)
    await switch(home, "_act", "on")
    await home.run(30, step=1)
    home.wattpilot.inject("reject_writes")
    await switch(home, "_act", "off")
    home.wattpilot.clear("reject_writes")
    await switch(home, "_act", "on")
    await home.run(150, step=1)
    assert home.house.chargers["charger"].offered_a == 16
    assert not home.site.settings.charger(CHARGER_PART).release_due


@pytest.mark.freeze_time(NIGHT)
async def test_charge_now_charges_at_once_and_back_to_the_plan_waits_again(
    make_home: HomeFactory,
) -> None:
    home = await fast_home(make_home)
    await switch(home, "_act", "on")
    await home.call(
        "select", "select_option", home.entity_id("select", "_charging_mode"), option="off"
    )
    await home.run(20, step=1)
    point = home.house.chargers["charger"]
    assert point.power_kw == 0
    await home.call("button", "press", home.entity_id("button", "charger_charge_now"))
    await home.run(40, step=1)
    assert point.power_kw > 10
    assert home.state("sensor", "charger_reason") == "manual"
    await home.call("button", "press", home.entity_id("button", "charger_resume"))
    await home.run(20, step=1)
    assert point.power_kw == 0
    assert home.state("sensor", "charger_reason") == "off"
