"""Times: when a vehicle must be ready."""

from dataclasses import dataclass
from datetime import time
from typing import override

from homeassistant.components.time import TimeEntity, TimeEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import SmartEntityDescription, VehicleEntity
from .site import SiteConfigEntry

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class TimeDescription(TimeEntityDescription, SmartEntityDescription):
    """A time of day."""


READY_BY = TimeDescription(key="ready_by", translation_key="ready_by")


async def async_setup_entry(
    hass: HomeAssistant, entry: SiteConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the times of vehicles as they come."""
    site = entry.runtime_data
    site.coordinator.register(
        async_add_entities, vehicles=lambda vehicle: [ReadyBy(site, vehicle, READY_BY)]
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
