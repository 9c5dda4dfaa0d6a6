"""Times: when a vehicle, or a guest at a charger, must be ready."""

from dataclasses import dataclass
from datetime import time
from typing import override

from homeassistant.components.time import TimeEntity, TimeEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .config import PartConfig
from .core.reading import PartKind
from .entity import PartEntity, SmartEntityDescription, VehicleEntity
from .site import SiteConfigEntry

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class TimeDescription(TimeEntityDescription, SmartEntityDescription):
    """A time of day."""


READY_BY = TimeDescription(key="ready_by", translation_key="ready_by")
GUEST_READY_BY = TimeDescription(
    key="guest_time",
    translation_key="guest_ready_by",
    entity_category=EntityCategory.CONFIG,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SiteConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the times of chargers and vehicles as they come."""
    site = entry.runtime_data

    def parts(part: PartConfig) -> list[PartEntity]:
        if part.kind is PartKind.CHARGER and part.controllable:
            return [GuestReadyBy(site, part, GUEST_READY_BY)]
        return []

    site.coordinator.register(
        async_add_entities,
        parts=parts,
        vehicles=lambda vehicle: [ReadyBy(site, vehicle, READY_BY)],
    )


class ReadyBy(VehicleEntity, TimeEntity):
    """The local time of day at which the vehicle must be ready."""

    entity_description: TimeDescription

    @override
    def refresh(self) -> None:
        self._attr_native_value = self.site.settings.vehicle(self.vehicle.id).ready_by

    @override
    def shown(self) -> object:
        return self.native_value

    @override
    async def async_set_value(self, value: time) -> None:
        self.site.settings.vehicle(self.vehicle.id).ready_by = value
        self.site.changed("ready by")


class GuestReadyBy(PartEntity, TimeEntity):
    """The local time of day at which a car without a vehicle of its own must be ready."""

    entity_description: TimeDescription

    @property
    @override
    def available(self) -> bool:
        return True

    @override
    def refresh(self) -> None:
        self._attr_native_value = self.site.plugs.settings(self.part).guest_ready_by

    @override
    def shown(self) -> object:
        return self.native_value

    @override
    async def async_set_value(self, value: time) -> None:
        self.site.plugs.settings(self.part).guest_ready_by = value
        self.site.changed("guest ready by")
