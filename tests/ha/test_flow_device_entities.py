"""The form of a device that is made of entities."""

from collections.abc import AsyncIterator, Callable

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.core.reading import ChargerStatus
from tests.devices.chargers_all import CHARGERS
from tests.devices.chargers_of_ha import ChargerOfHa, Installed

from .flow_rig import Rig, message, options, shown, subentries


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


@pytest.fixture
def nrgkick(hass: HomeAssistant) -> Callable[[str], None]:
    """Return what adds a charger of the integration `nrgkick`."""

    def add(name: str) -> None:
        owner = MockConfigEntry(domain="nrgkick")
        owner.add_to_hass(hass)
        device = dr.async_get(hass).async_get_or_create(
            config_entry_id=owner.entry_id, identifiers={("nrgkick", name)}, name=name
        )
        for domain, key, state, attributes in (
            ("sensor", "status", "connected", {}),
            ("number", "current_set", "16", {"unit_of_measurement": "A", "min": 6, "max": 32}),
            ("switch", "charging_enabled", "on", {}),
            ("number", "phase_count", "3", {"min": 1, "max": 3}),
        ):
            row = er.async_get(hass).async_get_or_create(
                domain,
                "nrgkick",
                f"{name}_{key}",
                suggested_object_id=f"{name}_{key}",
                config_entry=owner,
                device_id=device.id,
                translation_key=key,
            )
            hass.states.async_set(row.entity_id, state, attributes)

    return add


W = {"unit_of_measurement": "W", "device_class": "power"}


async def test_a_meter_of_entities_names_what_is_wrong(hass: HomeAssistant, rig: Rig) -> None:
    entry = await rig.site()
    form = await rig.add(entry, "device", "entity_meter")
    form = await rig.answer(form, invert=False)
    assert "at least one of these fields: power, import_power" in message(form)
    form = await rig.answer(form, power="sensor.grid")
    assert "no entity sensor.grid" in message(form)
    hass.states.async_set("sensor.grid", "7", {"unit_of_measurement": "A"})
    form = await rig.accept(form)
    assert "counts in A" in message(form)
    hass.states.async_set("sensor.grid", "700", {**W, "friendly_name": "Grid"})
    result = await rig.accept(form)
    assert (result["type"], result["title"]) == ("create_entry", "Grid")
    site = entry.runtime_data
    await rig.until(lambda: site.meter is not None)
    assert site.meter.power_kw == pytest.approx(0.7)


async def test_solar_panels_of_an_entity_have_no_figures(hass: HomeAssistant, rig: Rig) -> None:
    hass.states.async_set("sensor.pv", "2100", W)
    form = await rig.add(await rig.site(), "device", "entity_pv")
    result = await rig.answer(form, power="sensor.pv")
    assert result["type"] == "create_entry"


async def test_a_battery_of_entities_is_checked_once_more(hass: HomeAssistant, rig: Rig) -> None:
    hass.states.async_set("sensor.soc", "60", {"unit_of_measurement": "%"})
    hass.states.async_set("sensor.battery", "500", W)
    entry = await rig.site()
    form = await rig.add(entry, "device", "entity_battery")
    form = await rig.answer(form, soc="sensor.soc", power="sensor.battery", capacity_kwh=7.7)
    assert form["step_id"] == "figures_battery"
    assert shown(form)["capacity_kwh"] == 7.7
    assert (await rig.accept(form, max_charge_kw=3))["type"] == "create_entry"

    (battery,) = subentries(entry, "device")
    form = await rig.accept(await rig.change(entry, battery), capacity_kwh=8.5)
    assert shown(form)["capacity_kwh"] == 8.5, "as it was answered a moment ago"
    assert shown(form)["max_charge_kw"] == 3, "as it was set before"
    assert (await rig.accept(form))["reason"] == "reconfigure_successful"
    assert battery.data["parts"]["battery"]["capacity_kwh"] == 8.5


async def test_a_charger_of_entities_that_cannot_switch_is_not_asked_to(
    hass: HomeAssistant, rig: Rig
) -> None:
    hass.states.async_set("sensor.status", "connected")
    hass.states.async_set("switch.charge", "on")
    entry = await rig.site()
    form = await rig.add(entry, "device", "entity_charger")
    assert shown(form)["control"] == "entities"
    form = await rig.accept(
        form, status="sensor.status", enable="switch.charge", phases="3", max_a=20
    )
    assert form["step_id"] == "figures_charger"
    assert shown(form) == {
        "max_a": 20,
        "min_a": 20,
        "phases": "phases_3",
        "phase_map": "map_123",
    }
    assert (await rig.accept(form))["type"] == "create_entry"


async def test_devices_of_other_integrations_fill_in_the_form(
    hass: HomeAssistant, rig: Rig, nrgkick: Callable[[str], None]
) -> None:
    nrgkick("garage")
    nrgkick("carport")
    entry = await rig.site()
    form = await rig.add(entry, "device", "entity_charger")
    assert form["step_id"] == "suggestion"
    assert options(form, "suggestion") == ["0", "1", "own"]
    labels = [o["label"] for o in form["data_schema"].schema["suggestion"].config["options"]]
    assert labels[:2] == ["carport (nrgkick)", "garage (nrgkick)"]
    assert (await rig.reopen(form))["step_id"] == "suggestion"
    form = await rig.answer(form, suggestion="1")
    assert form["step_id"] == "entity_charger"
    assert shown(form)["status"] == "sensor.garage_status"
    assert shown(form)["phases"] == "1_3"
    assert shown(form)["control"] == "entities", "the rest is proposed as usual"
    form = await rig.accept(form)
    assert form["step_id"] == "figures_charger"
    assert "switchable" not in shown(form)
    await rig.accept(form)

    form = await rig.add(entry, "device", "entity_charger")
    assert options(form, "suggestion") == ["0", "own"], "the garage is ours already"
    form = await rig.answer(form, suggestion="own")
    assert form["step_id"] == "entity_charger"
    assert "status" not in shown(form)


@pytest.mark.parametrize("charger", CHARGERS, ids=lambda charger: charger.platform)
async def test_a_charger_of_another_integration_is_picked_as_a_device(
    hass: HomeAssistant, rig: Rig, charger: ChargerOfHa
) -> None:
    Installed(hass, charger)
    entry = await rig.site()
    form = await rig.add(entry, "device", "entity_charger")
    assert options(form, "suggestion") == ["0", "own"]
    form = await rig.answer(form, suggestion="0")
    told = shown(form)
    assert {key: told[key] for key in charger.suggested} == charger.suggested
    # Nothing is left for the person to fill in.
    form = await rig.accept(form)
    assert form["step_id"] == "figures_charger"
    assert shown(form)["max_a"] == charger.max_a
    form = await rig.accept(form)
    if form["type"] == "menu":
        form = await rig.answer(form, next_step_id="later")
    assert form["type"] == "create_entry"
    site = entry.runtime_data
    (part,) = site.config.devices[0].parts
    await rig.until(lambda: site.reading(part) is not None)
    assert part.controllable
    assert site.reading(part).status is ChargerStatus.CHARGING
