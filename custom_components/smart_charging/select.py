"""Selects: what a charger does, which vehicle is at it, on how many phases; a battery's mode."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .config import PartConfig
from .const import GUEST
from .core.control.types import Mode
from .core.reading import BatteryMode, BatteryReading, ChargerReading, PartKind
from .entity import PartEntity, SmartEntityDescription
from .errors import translated
from .site import SiteConfigEntry

# Orders of different devices must not wait for one another; each runner has its own lock.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class SelectDescription(SelectEntityDescription, SmartEntityDescription):
    """A select."""


MODE = SelectDescription(
    key="charging_mode", translation_key="charging_mode", options=[mode.value for mode in Mode]
)
VEHICLE = SelectDescription(key="vehicle", translation_key="vehicle")
PHASES = SelectDescription(key="phases", translation_key="phases", options=["1", "3"])
BATTERY_MODE = SelectDescription(
    key="mode", translation_key="mode", options=[mode.value for mode in BatteryMode]
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SiteConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the selects of chargers and batteries as they come."""
    site = entry.runtime_data

    def parts(part: PartConfig) -> list[PartEntity]:
        if part.kind is PartKind.CHARGER:
            entities: list[PartEntity] = [VehicleAtCharger(site, part, VEHICLE)]
            if part.controllable:
                entities.append(ChargingMode(site, part, MODE))
            if part.controllable and part.charger_spec().switching:
                entities.append(ChargerPhases(site, part, PHASES))
            return entities
        if part.kind is PartKind.BATTERY and part.controllable:
            return [BatteryModeSelect(site, part, BATTERY_MODE)]
        return []

    site.coordinator.register(async_add_entities, parts=parts)


class _PartSelect(PartEntity, SelectEntity):
    """A select of a part."""

    entity_description: SelectDescription

    @override
    def shown(self) -> object:
        return (self.current_option, tuple(self.options))


class ChargingMode(_PartSelect):
    """What a person wants of a charger."""

    @property
    @override
    def available(self) -> bool:
        return True

    @override
    def refresh(self) -> None:
        self._attr_current_option = self.site.plugs.settings(self.part).mode.value

    @override
    async def async_select_option(self, option: str) -> None:
        self.site.plugs.settings(self.part).mode = Mode(option)
        self.site.changed("mode")


class VehicleAtCharger(_PartSelect):
    """Which vehicle is plugged in."""

    # Home Assistant asks before the entity has looked at the site for the first time.
    _attr_options: list[str] = [GUEST]

    @property
    @override
    def available(self) -> bool:
        return True

    @override
    def refresh(self) -> None:
        names = {vehicle.id: vehicle.name for vehicle in self.site.config.vehicles}
        self._attr_options = [GUEST, *names.values()]
        self._attr_current_option = names.get(self.site.plugs.vehicle_option(self.part), GUEST)

    @override
    async def async_select_option(self, option: str) -> None:
        ids = {vehicle.name: vehicle.id for vehicle in self.site.config.vehicles}
        self.site.plugs.choose(self.part, ids.get(option, GUEST))
        self.site.changed("vehicle")


class ChargerPhases(_PartSelect):
    """On how many phases the charger runs; shows what the charger reads back."""

    @override
    def refresh(self) -> None:
        reading = self.site.reading(self.part)
        phases = reading.phases if isinstance(reading, ChargerReading) else None
        self._attr_current_option = str(phases) if phases in (1, 3) else None

    @override
    async def async_select_option(self, option: str) -> None:
        reading = self.site.reading(self.part)
        current_a = (reading.limit_a or 0.0) if isinstance(reading, ChargerReading) else 0.0
        with translated(self.site.registry.part_name(self.part)):
            await self.site.actor.command_phases(self.part, self._context, current_a, int(option))


class BatteryModeSelect(_PartSelect):
    """What a home battery is told to do."""

    @override
    def refresh(self) -> None:
        reading = self.site.reading(self.part)
        mode = reading.mode if isinstance(reading, BatteryReading) else None
        self._attr_current_option = mode.value if mode else None

    @override
    async def async_select_option(self, option: str) -> None:
        with translated(self.site.registry.part_name(self.part)):
            await self.site.actor.command_battery(
                self.part,
                self._context,
                BatteryMode(option),
                self.site.actor.power_with_mode_kw(self.part, self._context),
            )
