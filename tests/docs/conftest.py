"""A home with one of everything, as the documents describe it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NoReturn

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.smart_charging.core.reading import PartKind
from custom_components.smart_charging.devices.base import Data, DriverContext, Make, Publish
from custom_components.smart_charging.devices.registry import register
from tests.ha.home import CAR, car_data, fixed_price, site_entry

SECTIONS = {
    "meter": "Meter",
    "pv": "Solar panels",
    "battery": "Home battery",
    "charger": "Charger",
}
"""Part, and the heading of docs/entities.md under which its entities stand."""

METER_FEATURES = (
    *("tariff", "export_t1_kwh", "quarter_kw", "month_peak", "gas_m3", "water_m3", "phase_power"),
    *("limiter", "breaker", "text_message", "warning"),
)


class Silent:
    """A driver whose device never says anything: its entities exist all the same."""

    def __init__(self, data: Data, context: DriverContext) -> None:
        pass

    async def run(self, publish: Publish) -> NoReturn:
        while True:
            await asyncio.sleep(3600)


SILENT = Make(
    key="documented",
    name="Documented",
    fields=(),
    parts=tuple(PartKind),
    load=lambda: Silent,  # type: ignore[arg-type, return-value]  # nobody asks who it is
)


@dataclass(frozen=True, kw_only=True)
class Documented:
    """One entity as a person meets it."""

    section: str
    platform: str
    key: str
    name: str
    entity_id: str
    shown: bool


def device(part: str, title: str, **figures: Any) -> ConfigSubentryDataWithId:
    return ConfigSubentryDataWithId(
        subentry_id=f"{part}_sub",
        subentry_type="device",
        title=title,
        unique_id=f"documented_{part}",
        data={
            "make": "documented",
            "connection": {},
            "identity": {"serial": part},
            "parts": {part: {"kind": part, "used": True, "controllable": True, **figures}},
        },
    )


def documented(row: er.RegistryEntry, entry_id: str) -> Documented:
    owners = {f"documented_{part}_{part}_": heading for part, heading in SECTIONS.items()}
    owners |= {f"{entry_id}_": "Site", f"{CAR}_": "Vehicle"}
    owner = next(each for each in owners if row.unique_id.startswith(each))
    return Documented(
        section=owners[owner],
        platform=row.domain,
        key=row.unique_id.removeprefix(owner),
        name=str(row.original_name),
        entity_id=row.entity_id,
        shown=row.disabled_by is None,
    )


@pytest.fixture
async def entities(
    hass: HomeAssistant, enable_custom_integrations: None
) -> AsyncIterator[list[Documented]]:
    """Return the entities of a running home called Home, with a Wattpilot and a Car."""
    unregister = register(SILENT)
    entry = site_entry(
        device("meter", "P1 meter", features=list(METER_FEATURES), meter_phases=[3]),
        device("pv", "Roof", features=["warning"]),
        device("battery", "Battery", features=["warning"]),
        device("charger", "Wattpilot", phases="1_3", can_switch_phases=True),
        car_data(),
        fixed_price(),
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    rows = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    yield [documented(row, entry.entry_id) for row in rows]
    await hass.config_entries.async_unload(entry.entry_id)
    unregister()
