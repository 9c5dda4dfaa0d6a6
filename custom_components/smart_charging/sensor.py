"""Sensors: what the site measures, plans and says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    PERCENTAGE,
    EntityCategory,
    UnitOfEnergy,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .config import PartConfig, VehicleConfig
from .core.reading import (
    PartKind,
)
from .core.schedule import Reason
from .entity import Cadence, PartEntity, SiteEntity, SmartEntityDescription, VehicleEntity
from .outlook import (
    Commissioned,
    Overridden,
    Status,
    commissioned,
    commissioning_facts,
    current_step,
    explain,
    overridden,
    override_facts,
    peak_months,
    plan_rows,
    quarter_forecast,
    site_status,
    soc_facts,
)
from .reading_sensors import (
    BATTERY_SENSORS,
    CHARGER_READING_SENSORS,
    CURRENT,
    ENERGY,
    METER_SENSORS,
    POWER,
    PV_SENSORS,
    PartSensorDescription,
    Value,
    phase_sensors,
)
from .site import Site, SiteConfigEntry

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class SiteSensorDescription(SensorEntityDescription, SmartEntityDescription):
    """A sensor of the site."""

    value_fn: Callable[[Site], Value]
    attributes_fn: Callable[[Site], Mapping[str, Any]] | None = None
    currency_per_kwh: bool = False
    currency: bool = False


@dataclass(frozen=True, kw_only=True)
class ChargerSensorDescription(SensorEntityDescription, SmartEntityDescription):
    """A sensor of what the site knows of a charger."""

    value_fn: Callable[[Site, PartConfig], Value]
    attributes_fn: Callable[[Site, PartConfig], Mapping[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class VehicleSensorDescription(SensorEntityDescription, SmartEntityDescription):
    """A sensor of a vehicle."""

    value_fn: Callable[[Site, VehicleConfig], Value]
    attributes_fn: Callable[[Site, VehicleConfig], Mapping[str, Any]] | None = None


SITE_SENSORS = (
    SiteSensorDescription(
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        options=[status.value for status in Status],
        value_fn=lambda site: site_status(site).value,
    ),
    SiteSensorDescription(
        key="grid_power",
        translation_key="grid_power",
        value_fn=lambda site: site.meter.power_kw if site.meter else None,
        **POWER,
    ),
    SiteSensorDescription(
        key="house_power",
        translation_key="house_power",
        value_fn=lambda site: site.house_kw,
        **POWER,
    ),
    SiteSensorDescription(
        key="import_price",
        translation_key="import_price",
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=3,
        currency_per_kwh=True,
        value_fn=lambda site: site.price_now("import"),
    ),
    SiteSensorDescription(
        key="export_price",
        translation_key="export_price",
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=3,
        currency_per_kwh=True,
        entity_registry_enabled_default=False,
        value_fn=lambda site: site.price_now("export"),
    ),
    SiteSensorDescription(
        key="plan_cost",
        translation_key="plan_cost",
        device_class=SensorDeviceClass.MONETARY,
        suggested_display_precision=2,
        currency=True,
        value_fn=lambda site: round(site.plan.cost, 4) if site.plan else None,
        attributes_fn=plan_rows,
    ),
    SiteSensorDescription(
        key="plan_savings",
        translation_key="plan_savings",
        device_class=SensorDeviceClass.MONETARY,
        suggested_display_precision=2,
        currency=True,
        value_fn=lambda site: (
            round(site.plan.savings, 4) if site.plan and site.plan.savings is not None else None
        ),
    ),
    SiteSensorDescription(
        key="plan_made",
        translation_key="plan_made",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda site: site.plan.schedule.made_at if site.plan else None,
    ),
    SiteSensorDescription(
        key="plan_time",
        translation_key="plan_time",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=0,
        value_fn=lambda site: round(site.plan.solve_s * 1000) if site.plan else None,
    ),
    SiteSensorDescription(
        key="prices_fetched",
        translation_key="prices_fetched",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda site: site.prices_fetched_at,
    ),
    SiteSensorDescription(
        key="quarter_forecast",
        translation_key="quarter_forecast",
        value_fn=quarter_forecast,
        **POWER,
    ),
    SiteSensorDescription(
        key="month_peak",
        translation_key="month_peak",
        value_fn=lambda site: site.history.month_peak_kw(),
        **POWER,
    ),
    SiteSensorDescription(
        key="mean_peak",
        translation_key="mean_peak",
        value_fn=lambda site: (
            None if (mean_kw := site.history.mean_peak_kw()) is None else round(mean_kw, 4)
        ),
        attributes_fn=peak_months,
        **{**POWER, "cadence": Cadence.STATE},
    ),
)

CHARGER_SENSORS = (
    ChargerSensorDescription(
        key="reason",
        translation_key="reason",
        device_class=SensorDeviceClass.ENUM,
        options=[reason.value for reason in Reason],
        value_fn=lambda site, part: (
            setpoint.reason.value
            if (setpoint := site.actor.setpoints.chargers.get(part.id))
            else None
        ),
        attributes_fn=explain,
    ),
    ChargerSensorDescription(
        key="setpoint",
        translation_key="setpoint",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda site, part: (
            setpoint.current_a if (setpoint := site.actor.setpoints.chargers.get(part.id)) else None
        ),
        **{**CURRENT, "cadence": Cadence.STATE},
    ),
    ChargerSensorDescription(
        key="session_energy",
        translation_key="session_energy",
        value_fn=lambda site, part: round(site.plugs.watches[part.id].delivered_kwh(), 3),
        **{**ENERGY, "state_class": SensorStateClass.TOTAL, "cadence": Cadence.POWER},
    ),
    ChargerSensorDescription(
        key="override",
        translation_key="override",
        device_class=SensorDeviceClass.ENUM,
        options=[each.value for each in Overridden],
        value_fn=lambda site, part: overridden(site, part).value,
        attributes_fn=override_facts,
    ),
    ChargerSensorDescription(
        key="override_end",
        translation_key="override_end",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda site, part: (
            override.until if (override := site.plugs.settings(part).override) else None
        ),
    ),
    ChargerSensorDescription(
        key="commissioning",
        translation_key="commissioning",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[each.value for each in Commissioned],
        value_fn=lambda site, part: commissioned(site, part).value,
        attributes_fn=commissioning_facts,
    ),
    ChargerSensorDescription(
        key="next_start",
        translation_key="next_start",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda site, part: (
            step.start if (step := current_step(site, part.id, ahead=True)) else None
        ),
    ),
)

VEHICLE_SENSORS = (
    VehicleSensorDescription(
        key="soc",
        device_class=SensorDeviceClass.BATTERY,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        value_fn=lambda site, vehicle: (
            None if (soc := site.plugs.soc(vehicle)) is None else round(soc * 100, 1)
        ),
        attributes_fn=soc_facts,
        cadence=Cadence.POWER,
    ),
    VehicleSensorDescription(
        key="missing_energy",
        translation_key="missing_energy",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=1,
        cadence=Cadence.POWER,
        value_fn=lambda site, vehicle: (
            round(site.plugs.wish(part).missing_kwh, 2)
            if (part := site.plugs.charger_of(vehicle))
            else None
        ),
    ),
    VehicleSensorDescription(
        key="shortfall",
        translation_key="shortfall",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=1,
        value_fn=lambda site, vehicle: (
            round(sum(s.missing_kwh for s in site.plan.shortfalls if s.vehicle == vehicle.id), 2)
            if site.plan
            else None
        ),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SiteConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of the site, and those of parts and vehicles as they come."""
    site = entry.runtime_data

    def parts(part: PartConfig) -> list[PartEntity]:
        match part.kind:
            case PartKind.METER:
                phases = max(part.figures.get("meter_phases") or (1,))
                described: tuple[PartSensorDescription[Any], ...] = METER_SENSORS + tuple(
                    d for number in range(1, phases + 1) for d in phase_sensors(number)
                )
            case PartKind.PV:
                described = PV_SENSORS
            case PartKind.BATTERY:
                described = BATTERY_SENSORS
            case PartKind.CHARGER:
                described = CHARGER_READING_SENSORS
        entities: list[PartEntity] = [
            PartSensor(site, part, d)
            for d in described
            if d.feature is None or d.feature in part.features
        ]
        if part.kind is PartKind.CHARGER:
            entities += [ChargerSensor(site, part, d) for d in CHARGER_SENSORS]
        return entities

    site.coordinator.register(
        async_add_entities,
        site=[SiteSensor(site, d) for d in SITE_SENSORS],
        parts=parts,
        vehicles=lambda vehicle: [VehicleSensor(site, vehicle, d) for d in VEHICLE_SENSORS],
    )


class SiteSensor(SiteEntity, SensorEntity):
    """A sensor of the site."""

    entity_description: SiteSensorDescription
    _unrecorded_attributes = frozenset({"slots", "steps", "shortfalls", "at_risk", "months"})

    def __init__(self, site: Site, description: SiteSensorDescription) -> None:
        """Give prices and costs the site's currency."""
        super().__init__(site, description)
        if description.currency_per_kwh:
            self._attr_native_unit_of_measurement = f"{site.config.currency}/kWh"
        elif description.currency:
            self._attr_native_unit_of_measurement = site.config.currency

    @override
    def refresh(self) -> None:
        self._attr_native_value = self.entity_description.value_fn(self.site)

    @override
    def shown(self) -> object:
        if self.entity_description.attributes_fn is None:
            return self.native_value
        return (self.native_value, self.site.plan.schedule.made_at if self.site.plan else None)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        describe = self.entity_description.attributes_fn
        return None if describe is None else describe(self.site)


class PartSensor(PartEntity, SensorEntity):
    """A sensor of a part's reading."""

    entity_description: PartSensorDescription[Any]
    _unrecorded_attributes = frozenset({"text"})

    @override
    def refresh(self) -> None:
        reading = self.site.reading(self.part)
        describe = self.entity_description.attributes_fn
        self._attr_native_value = (
            None if reading is None else self.entity_description.value_fn(reading)
        )
        self._attr_extra_state_attributes = (
            {} if reading is None or describe is None else dict(describe(reading))
        )

    @override
    def shown(self) -> object:
        if not self._attr_extra_state_attributes or self.native_value is None:
            return self.native_value
        return (self.native_value, self._attr_extra_state_attributes)


class ChargerSensor(PartEntity, SensorEntity):
    """A sensor of what the site knows of a charger."""

    entity_description: ChargerSensorDescription

    @override
    def refresh(self) -> None:
        if self.part.id in self.site.plugs.watches:
            self._attr_native_value = self.entity_description.value_fn(self.site, self.part)

    @override
    def shown(self) -> object:
        if self.entity_description.attributes_fn is None:
            return self.native_value
        return (self.native_value, self.extra_state_attributes)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        describe = self.entity_description.attributes_fn
        return None if describe is None else describe(self.site, self.part)


class VehicleSensor(VehicleEntity, SensorEntity):
    """A sensor of a vehicle."""

    entity_description: VehicleSensorDescription

    @override
    def refresh(self) -> None:
        self._attr_native_value = self.entity_description.value_fn(self.site, self.vehicle)

    @override
    def shown(self) -> object:
        if self.native_value is None or self.entity_description.attributes_fn is None:
            return self.native_value
        return (self.native_value, self.extra_state_attributes)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        describe = self.entity_description.attributes_fn
        return None if describe is None else describe(self.site, self.vehicle)
