"""Numbers: the current of a charger, the power of a battery, the goals of a vehicle."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.number import (
    NumberDeviceClass,
    NumberEntity,
    NumberEntityDescription,
    NumberMode,
)
from homeassistant.const import (
    PERCENTAGE,
    EntityCategory,
    UnitOfElectricCurrent,
    UnitOfEnergy,
    UnitOfPower,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .config import PartConfig, VehicleConfig
from .core.reading import ChargerReading, PartKind
from .entity import PartEntity, SmartEntityDescription, VehicleEntity
from .errors import below_minimum, translated
from .settings import VehicleSettings
from .site import Site, SiteConfigEntry

# Orders of different devices must not wait for one another; each runner has its own lock.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class NumberDescription(NumberEntityDescription, SmartEntityDescription):
    """A number."""


@dataclass(frozen=True, kw_only=True)
class GoalDescription(NumberDescription):
    """A number among a vehicle's goals."""

    get: Callable[[VehicleSettings], float]
    set: Callable[[VehicleSettings, float], None]


CURRENT = NumberDescription(
    key="current",
    translation_key="current",
    device_class=NumberDeviceClass.CURRENT,
    native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
    native_min_value=0,
    native_step=1,
    mode=NumberMode.BOX,
)
GUEST_ENERGY = NumberDescription(
    key="guest_energy",
    translation_key="guest_energy",
    device_class=NumberDeviceClass.ENERGY,
    native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
    native_min_value=0,
    native_max_value=200,
    native_step=0.5,
    mode=NumberMode.BOX,
    entity_category=EntityCategory.CONFIG,
)
BATTERY_POWER = NumberDescription(
    key="power",
    translation_key="battery_power",
    device_class=NumberDeviceClass.POWER,
    native_unit_of_measurement=UnitOfPower.KILO_WATT,
    native_min_value=0,
    native_step=0.01,
    mode=NumberMode.BOX,
)


def _set_minimum(settings: VehicleSettings, value: float) -> None:
    settings.minimum_soc = value / 100


def _set_target(settings: VehicleSettings, value: float) -> None:
    settings.target_soc = value / 100


def _set_energy(settings: VehicleSettings, value: float) -> None:
    settings.energy_kwh = value


GOALS = (
    GoalDescription(
        key="minimum_soc",
        translation_key="minimum_soc",
        native_unit_of_measurement=PERCENTAGE,
        native_min_value=0,
        native_max_value=100,
        native_step=1,
        get=lambda settings: round(settings.minimum_soc * 100),
        set=_set_minimum,
    ),
    GoalDescription(
        key="target_soc",
        translation_key="target_soc",
        native_unit_of_measurement=PERCENTAGE,
        native_min_value=0,
        native_max_value=100,
        native_step=1,
        get=lambda settings: round(settings.target_soc * 100),
        set=_set_target,
    ),
    GoalDescription(
        key="energy",
        translation_key="energy_goal",
        device_class=NumberDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        native_min_value=0,
        native_max_value=200,
        native_step=0.1,
        mode=NumberMode.BOX,
        get=lambda settings: settings.energy_kwh,
        set=_set_energy,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SiteConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the numbers of parts and vehicles as they come."""
    site = entry.runtime_data

    def parts(part: PartConfig) -> list[PartEntity]:
        if not part.controllable:
            return []
        if part.kind is PartKind.CHARGER:
            return [
                ChargerCurrent(site, part, CURRENT),
                GuestEnergy(site, part, GUEST_ENERGY),
            ]
        if part.kind is PartKind.BATTERY:
            return [BatteryPower(site, part, BATTERY_POWER)]
        return []

    site.coordinator.register(
        async_add_entities,
        parts=parts,
        vehicles=lambda vehicle: [VehicleGoal(site, vehicle, d) for d in GOALS],
    )


class ChargerCurrent(PartEntity, NumberEntity):
    """The current that a charger is allowed to give: 0 pauses. Shows what the charger reads back."""

    entity_description: NumberDescription

    @property
    @override
    def native_max_value(self) -> float:
        return self.part.charger_spec().max_a

    @override
    def refresh(self) -> None:
        reading = self.site.reading(self.part)
        self._attr_native_value = reading.limit_a if isinstance(reading, ChargerReading) else None

    @override
    def shown(self) -> object:
        return None if self.native_value is None else (self.native_value, self.native_max_value)

    @override
    async def async_set_native_value(self, value: float) -> None:
        minimum = self.part.charger_spec().min_a
        if 0 < value < minimum:
            raise below_minimum(value, minimum)
        with translated(self.site.registry.part_name(self.part)):
            await self.site.actor.command_charger(self.part, self._context, value)


class GuestEnergy(PartEntity, NumberEntity):
    """What a car without a vehicle of its own is given."""

    entity_description: NumberDescription

    @property
    @override
    def available(self) -> bool:
        return True

    @override
    def refresh(self) -> None:
        self._attr_native_value = self.site.plugs.settings(self.part).guest_energy_kwh

    @override
    def shown(self) -> object:
        return self.native_value

    @override
    async def async_set_native_value(self, value: float) -> None:
        self.site.plugs.settings(self.part).guest_energy_kwh = value
        self.site.changed("guest energy")


class BatteryPower(PartEntity, NumberEntity):
    """The power of a battery's charge and discharge modes."""

    entity_description: NumberDescription

    @property
    @override
    def native_max_value(self) -> float:
        spec = self.part.battery_spec()
        return max(spec.max_charge_kw, spec.max_discharge_kw)

    @override
    def refresh(self) -> None:
        self._attr_native_value = self.site.actor.battery_power_kw(self.part)

    @override
    def shown(self) -> object:
        return self.native_value

    @override
    async def async_set_native_value(self, value: float) -> None:
        with translated(self.site.registry.part_name(self.part)):
            await self.site.actor.set_battery_power(self.part, self._context, value)


class VehicleGoal(VehicleEntity, NumberEntity):
    """A goal of a vehicle."""

    entity_description: GoalDescription

    def __init__(self, site: Site, vehicle: VehicleConfig, description: GoalDescription) -> None:
        """Belong to `vehicle`."""
        super().__init__(site, vehicle, description)

    @override
    def refresh(self) -> None:
        self._attr_native_value = self.entity_description.get(
            self.site.settings.vehicle(self.vehicle.id)
        )

    @override
    def shown(self) -> object:
        return self.native_value

    @override
    async def async_set_native_value(self, value: float) -> None:
        self.entity_description.set(self.site.settings.vehicle(self.vehicle.id), value)
        self.site.changed("goal")
