"""Binary sensors: plugged in, charging, goals at risk, something to mend."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.binary_sensor import (  # type: ignore[attr-defined]  # moved in 2026
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .config import PartConfig, VehicleConfig
from .core.reading import PartKind
from .entity import PartEntity, SiteEntity, SmartEntityDescription, VehicleEntity
from .site import Site, SiteConfigEntry

PARALLEL_UPDATES = 0

AT_RISK_KWH = 0.1
"""Below this a shortfall is rounding."""


@dataclass(frozen=True, kw_only=True)
class SiteBinaryDescription(BinarySensorEntityDescription, SmartEntityDescription):
    """A binary sensor of the site."""

    value_fn: Callable[[Site], bool | None]


@dataclass(frozen=True, kw_only=True)
class ChargerBinaryDescription(BinarySensorEntityDescription, SmartEntityDescription):
    """A binary sensor of a charger."""

    value_fn: Callable[[Site, PartConfig], bool | None]


@dataclass(frozen=True, kw_only=True)
class VehicleBinaryDescription(BinarySensorEntityDescription, SmartEntityDescription):
    """A binary sensor of a vehicle."""

    value_fn: Callable[[Site, VehicleConfig], bool | None]


SITE = (
    SiteBinaryDescription(
        key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda site: site.issues.any_open or site.replanner.failure is not None,
    ),
)
CHARGER = (
    ChargerBinaryDescription(
        key="plugged",
        device_class=BinarySensorDeviceClass.PLUG,
        value_fn=lambda site, part: site.plugs.watches[part.id].plugged,
    ),
    ChargerBinaryDescription(
        key="charging",
        device_class=BinarySensorDeviceClass.BATTERY_CHARGING,
        value_fn=lambda site, part: site.plugs.watches[part.id].charging,
    ),
)
VEHICLE = (
    VehicleBinaryDescription(
        key="goal_at_risk",
        translation_key="goal_at_risk",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value_fn=lambda site, vehicle: (
            any(
                s.vehicle == vehicle.id and s.missing_kwh > AT_RISK_KWH
                for s in site.plan.shortfalls
            )
            if site.plan
            else None
        ),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SiteConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the binary sensors of the site, and those of chargers and vehicles as they come."""
    site = entry.runtime_data

    def parts(part: PartConfig) -> list[PartEntity]:
        if part.kind is not PartKind.CHARGER:
            return []
        return [ChargerBinarySensor(site, part, d) for d in CHARGER]

    site.coordinator.register(
        async_add_entities,
        site=[SiteBinarySensor(site, d) for d in SITE],
        parts=parts,
        vehicles=lambda vehicle: [VehicleBinarySensor(site, vehicle, d) for d in VEHICLE],
    )


class SiteBinarySensor(SiteEntity, BinarySensorEntity):
    """A binary sensor of the site."""

    entity_description: SiteBinaryDescription

    @override
    def refresh(self) -> None:
        self._attr_is_on = self.entity_description.value_fn(self.site)

    @override
    def shown(self) -> object:
        return self.is_on


class ChargerBinarySensor(PartEntity, BinarySensorEntity):
    """A binary sensor of a charger."""

    entity_description: ChargerBinaryDescription

    @override
    def refresh(self) -> None:
        if self.part.id in self.site.plugs.watches:
            self._attr_is_on = self.entity_description.value_fn(self.site, self.part)

    @override
    def shown(self) -> object:
        return self.is_on


class VehicleBinarySensor(VehicleEntity, BinarySensorEntity):
    """A binary sensor of a vehicle."""

    entity_description: VehicleBinaryDescription

    @override
    def refresh(self) -> None:
        self._attr_is_on = self.entity_description.value_fn(self.site, self.vehicle)

    @override
    def shown(self) -> object:
        return self.is_on
