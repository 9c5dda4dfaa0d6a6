"""Suggestions of entities, and the texts and rows of the makes."""

import json
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant, split_entity_id
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.core.reading import PartKind
from custom_components.smart_charging.devices import entity as package
from custom_components.smart_charging.devices.base import DeviceError
from custom_components.smart_charging.devices.entity import MAKES, errors
from custom_components.smart_charging.devices.entity.known import KNOWN
from custom_components.smart_charging.devices.entity.suggest import suggest

FIXTURES = Path(__file__).parent.parent / "fixtures" / "entity"
TEXTS = Path(package.__file__).parent.parent / "texts"


def add_device(hass: HomeAssistant, platform: str, name: str) -> tuple[MockConfigEntry, str]:
    entry = MockConfigEntry(domain=platform)
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(platform, name)}, name=name
    )
    return entry, device.id


def add(
    hass: HomeAssistant,
    owner: tuple[MockConfigEntry, str],
    entity_id: str,
    **kwargs: Any,
) -> str:
    domain, name = split_entity_id(entity_id)
    kwargs.setdefault("unique_id", f"serial_{name}")
    return (
        er.async_get(hass)
        .async_get_or_create(
            domain,
            owner[0].domain,
            kwargs.pop("unique_id"),
            suggested_object_id=name,
            config_entry=owner[0],
            device_id=owner[1],
            **kwargs,
        )
        .entity_id
    )


def add_power(hass: HomeAssistant, owner: tuple[MockConfigEntry, str], entity_id: str) -> str:
    return add(
        hass,
        owner,
        entity_id,
        original_device_class="power",
        unit_of_measurement="W",
        capabilities={"state_class": "measurement"},
    )


async def test_nrgkick_is_recognised_with_all_its_controls(hass: HomeAssistant) -> None:
    owner = add_device(hass, "nrgkick", "Garage")
    for key in ("status", "total_active_power", "l1_current", "l2_current", "charged_energy"):
        add(hass, owner, f"sensor.garage_{key}", unique_id=f"123_{key}", translation_key=key)
    add(hass, owner, "number.garage_current", unique_id="123_current_set")
    add(hass, owner, "number.garage_phases", unique_id="123_phase_count")
    add(hass, owner, "switch.garage_charging", unique_id="123_charging_enabled")
    (found,) = suggest(hass, PartKind.CHARGER)
    assert (found.title, found.known, found.make) == ("Garage", True, "entity_charger")
    assert found.data == {
        "status": "sensor.garage_status",
        "limit": "number.garage_current",
        "enable": "switch.garage_charging",
        "phase": "number.garage_phases",
        "power": "sensor.garage_total_active_power",
        "l1_current": "sensor.garage_l1_current",
        "l2_current": "sensor.garage_l2_current",
        "session_energy": "sensor.garage_charged_energy",
        "phases": "1_3",
    }


async def test_wallbox_keys_stand_before_its_serial_number(hass: HomeAssistant) -> None:
    owner = add_device(hass, "wallbox", "Wallbox")
    add(hass, owner, "sensor.a", unique_id="status_description-12345")
    add(hass, owner, "number.b", unique_id="max_charging_current-12345")
    add(hass, owner, "switch.c", unique_id="paused-12345")
    (found,) = suggest(hass, PartKind.CHARGER)
    assert found.data == {"status": "sensor.a", "limit": "number.b", "enable": "switch.c"}


async def test_inverted_pause_switch_comes_prefilled(hass: HomeAssistant) -> None:
    owner = add_device(hass, "v2c", "Trydan")
    for name in ("number.intensity", "switch.paused", "binary_sensor.connected"):
        add(hass, owner, name, translation_key=split_entity_id(name)[1])
    (found,) = suggest(hass, PartKind.CHARGER)
    assert found.data["enable_invert"] is True
    assert found.data["connected"] == "binary_sensor.connected"


async def test_solaredge_meter_and_inverter_are_told_apart(hass: HomeAssistant) -> None:
    inverter = add_device(hass, "solaredge_modbus", "Inverter")
    meter = add_device(hass, "solaredge_modbus", "Meter")
    add(hass, inverter, "sensor.inverter_ac_power", unique_id="7E_ac_power")
    add(hass, inverter, "sensor.inverter_ac_energy", unique_id="7E_ac_energy")
    add(hass, inverter, "sensor.inverter_dc_power", unique_id="7E_dc_power")
    add(hass, meter, "sensor.meter_ac_power", unique_id="7E_meter_1_ac_power")
    add(hass, meter, "sensor.meter_reactive", unique_id="7E_meter_1_ac_reactive_power")
    add(hass, meter, "sensor.meter_imported", unique_id="7E_meter_1_energy_imported")
    (grid,) = suggest(hass, PartKind.METER)
    assert grid.data == {
        "power": "sensor.meter_ac_power",
        "import_energy": "sensor.meter_imported",
        "invert": True,
    }
    (sun,) = suggest(hass, PartKind.PV)
    assert sun.data == {"power": "sensor.inverter_ac_power", "energy": "sensor.inverter_ac_energy"}


async def test_dsmr_gives_its_two_powers_and_the_belgian_peak(hass: HomeAssistant) -> None:
    owner = add_device(hass, "dsmr", "Electricity meter")
    for key in (
        "current_electricity_usage",
        "current_electricity_delivery",
        "instantaneous_current_l1",
        "belgium_maximum_demand_current_month",
    ):
        add(hass, owner, f"sensor.{key}", unique_id=f"serial_{key}")
    (found,) = suggest(hass, PartKind.METER)
    assert found.data == {
        "import_power": "sensor.current_electricity_usage",
        "export_power": "sensor.current_electricity_delivery",
        "l1_current": "sensor.instantaneous_current_l1",
        "month_peak": "sensor.belgium_maximum_demand_current_month",
    }


async def test_unknown_integrations_are_guessed_by_class_unit_and_name(
    hass: HomeAssistant,
) -> None:
    egauge = add_device(hass, "egauge", "eGauge")
    grid = add_power(hass, egauge, "sensor.egauge_grid_power")
    solar = add_power(hass, egauge, "sensor.egauge_solar_power")
    add_power(hass, egauge, "sensor.egauge_kitchen_power")
    storage = add_device(hass, "acme", "Box")
    soc = add(hass, storage, "sensor.box_level", original_device_class="battery")
    power = add_power(hass, storage, "sensor.box_battery_power")
    charger = add_device(hass, "mqtt", "EVSE")
    state = add(
        hass,
        charger,
        "sensor.evse_state",
        capabilities={"options": ["Available", "Preparing", "Charging"]},
    )
    limit = add(hass, charger, "number.evse_current", unit_of_measurement="A")
    assert [s.data for s in suggest(hass, PartKind.METER)] == [{"power": grid}]
    assert [s.data for s in suggest(hass, PartKind.PV)] == [{"power": solar}]
    assert [s.data for s in suggest(hass, PartKind.BATTERY)] == [{"soc": soc, "power": power}]
    (guess,) = suggest(hass, PartKind.CHARGER)
    assert (guess.data, guess.known) == ({"status": state, "limit": limit}, False)


async def test_nothing_is_guessed_where_there_is_a_choice_and_ours_is_left_out(
    hass: HomeAssistant,
) -> None:
    owner = add_device(hass, "acme", "Analyser")
    add_power(hass, owner, "sensor.grid_power")
    add_power(hass, owner, "sensor.mains_power")
    ours = add_device(hass, "smart_charging", "Site")
    add_power(hass, ours, "sensor.site_grid_power")
    assert suggest(hass, PartKind.METER) == []


UNREAD = {
    ("besen", "number"),
    ("besen", "switch"),
    ("easee", "sensor"),
    ("goecharger_api2", "number"),
    ("goecharger_api2", "sensor"),
    ("goecharger_api2", "select"),
    ("keba", "binary_sensor"),
    ("keba", "sensor"),
    ("myenergi", "select"),
    ("myenergi", "sensor"),
    ("nexblue", "switch"),
    ("nrgkick", "switch"),
    ("ocpp", "sensor"),
    ("powerwall", "sensor"),
    ("silla_prism", "number"),
    ("silla_prism", "select"),
}
"""Platforms whose keys the survey could not read: they are made while the integration runs."""


def surveyed_as(key: str) -> set[str]:
    """Return how the survey may have noted a key: as it is, or by the name of its constant."""
    lower = key.lower()
    return {lower, lower.removeprefix("charger_").removesuffix("_key")}


def known_as(names: str) -> set[str]:
    """Return the keys of a row's field, also without the place that a value has in a list."""
    return {key for name in names.split("|") for key in (name, re.sub(r"_\d+$", "", name))}


def test_keys_of_the_table_exist_in_the_integrations_that_they_name() -> None:
    survey = json.loads((FIXTURES / "ha_entities.json").read_text())
    missing = [
        (row.platform, row.kind.value, name)
        for row in KNOWN
        for name in row.fields.values()
        if (row.platform, domain := name.partition(".")[0]) not in UNREAD
        and not {
            noted for key in survey[row.platform].get(domain, ()) for noted in surveyed_as(key)
        }
        & known_as(name.partition(".")[2])
    ]
    assert missing == []


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.key)
def test_every_field_choice_error_and_part_of_a_make_has_its_text(make: Any) -> None:
    texts = json.loads((TEXTS / f"{make.key}.json").read_text())
    assert set(texts["fields"]) == {field.key for field in make.fields}
    assert {key: set(options) for key, options in texts["choices"].items()} == {
        field.key: set(field.options) for field in make.fields if field.options
    }
    assert set(texts["parts"]) == {part.value for part in make.parts}
    common = {"cannot_connect", "entity_missing", "entity_disabled", "entity_unavailable"}
    common |= {"entity_unit", "nothing_chosen"}
    orders = {"rejected", "option_missing"}
    expected = {
        PartKind.METER: common,
        PartKind.PV: common,
        PartKind.BATTERY: common | orders | {"mode_not_supported"},
        PartKind.CHARGER: common | orders | {"cannot_pause"},
    }
    assert set(texts["errors"]) == expected[make.parts[0]]
    own = {
        e.key for e in vars(errors).values() if isinstance(e, type) and issubclass(e, DeviceError)
    }
    assert own <= set().union(*expected.values()) | {"wrong_device"}
    assert callable(make.load())
