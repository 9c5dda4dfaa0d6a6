"""Bases of all entities: where they belong, when they are written, when they are available."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription

from .config import PartConfig, VehicleConfig
from .const import DOMAIN
from .site import Site


class Cadence(Enum):
    """How often an entity may be written while its value changes."""

    STATE = 0.0
    """At once."""
    POWER = -1.0
    """At most every `interval_s` of the site's options."""
    COUNTER = 60.0
    """Energy, gas, water: each minute."""


@dataclass(frozen=True, kw_only=True)
class SmartEntityDescription(EntityDescription):
    """What our entities say besides Home Assistant's description."""

    cadence: Cadence = Cadence.STATE


class SmartEntity(Entity):
    """An entity that looks at the site when the site says that something changed."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    entity_description: SmartEntityDescription

    def __init__(self, site: Site, description: SmartEntityDescription) -> None:
        """Belong to `site`."""
        self.site = site
        self.entity_description = description
        self._shown: tuple[bool, object] | None = None
        self._written_at: float | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the site."""
        self.refresh()
        self.async_on_remove(self.site.async_listen(self._on_change))

    def refresh(self) -> None:
        """Take the present values of the site into the entity's attributes."""

    def shown(self) -> object:
        """Return what the entity shows, to tell whether it changed."""
        return None

    @callback
    def _on_change(self) -> None:
        self.refresh()
        now = self.site.clock.monotonic()
        shown = (self.available, self.shown())
        if shown == self._shown:
            return
        # Only a number that became another number may wait; what appears or goes may not.
        last = self._shown
        may_wait = last is not None and last[0] == shown[0] and None not in (last[1], shown[1])
        if may_wait and self._written_at is not None:
            cadence = self.entity_description.cadence
            wait = self.site.config.interval_s if cadence is Cadence.POWER else cadence.value
            if now - self._written_at < wait:
                return
        self._shown, self._written_at = shown, now
        self.async_write_ha_state()


class SiteEntity(SmartEntity):
    """An entity of the site itself."""

    def __init__(self, site: Site, description: SmartEntityDescription) -> None:
        """Belong to the site's own device."""
        super().__init__(site, description)
        self._attr_unique_id = f"{site.entry.entry_id}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, site.entry.entry_id)})


class PartEntity(SmartEntity):
    """An entity of one part of a device."""

    def __init__(self, site: Site, part: PartConfig, description: SmartEntityDescription) -> None:
        """Belong to the device of `part`."""
        super().__init__(site, description)
        self._device_id = part.device_id
        self._part_key = part.key
        self._first_part = part
        self._attr_unique_id = site.registry.part_unique_id(part, description.key)
        self._attr_device_info = site.registry.part_device_info(part)

    @property
    def part(self) -> PartConfig:
        """The part as it is configured now."""
        return self.site.part(self._first_part.id) or self._first_part

    @property
    @override
    def available(self) -> bool:
        """Available while readings of the part are fresh."""
        return self.site.reading(self.part) is not None


class VehicleEntity(SmartEntity):
    """An entity of one vehicle."""

    def __init__(
        self, site: Site, vehicle: VehicleConfig, description: SmartEntityDescription
    ) -> None:
        """Belong to the device of `vehicle`."""
        super().__init__(site, description)
        self._first = vehicle
        self._attr_unique_id = f"{vehicle.id}_{description.key}"
        self._attr_device_info = site.registry.vehicle_device_info(vehicle)

    @property
    def vehicle(self) -> VehicleConfig:
        """The vehicle as it is configured now."""
        return self.site.vehicle(self._first.id) or self._first


type PartEntities = Callable[[Site, PartConfig], list[PartEntity]]
type VehicleEntities = Callable[[Site, VehicleConfig], list[VehicleEntity]]
