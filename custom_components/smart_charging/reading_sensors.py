"""Sensors of what parts report: which reading field, in which unit, how often."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    PERCENTAGE,
    EntityCategory,
    UnitOfElectricCurrent,
    UnitOfElectricPotential,
    UnitOfEnergy,
    UnitOfPower,
    UnitOfVolume,
)
from homeassistant.helpers.typing import StateType

from .core.reading import (
    AnyReading,
    BatteryMode,
    BatteryReading,
    Breaker,
    ChargerReading,
    ChargerStatus,
    MeterReading,
    PvReading,
    Tariff,
)
from .entity import Cadence, SmartEntityDescription

type Value = StateType | datetime

POWER: dict[str, Any] = {
    "device_class": SensorDeviceClass.POWER,
    "state_class": SensorStateClass.MEASUREMENT,
    "native_unit_of_measurement": UnitOfPower.KILO_WATT,
    "suggested_display_precision": 2,
    "cadence": Cadence.POWER,
}
ENERGY: dict[str, Any] = {
    "device_class": SensorDeviceClass.ENERGY,
    "state_class": SensorStateClass.TOTAL_INCREASING,
    "native_unit_of_measurement": UnitOfEnergy.KILO_WATT_HOUR,
    "suggested_display_precision": 1,
    "cadence": Cadence.COUNTER,
}
CURRENT: dict[str, Any] = {
    "device_class": SensorDeviceClass.CURRENT,
    "state_class": SensorStateClass.MEASUREMENT,
    "native_unit_of_measurement": UnitOfElectricCurrent.AMPERE,
    "suggested_display_precision": 1,
    "cadence": Cadence.POWER,
}


@dataclass(frozen=True, kw_only=True)
class PartSensorDescription[R: AnyReading](SensorEntityDescription, SmartEntityDescription):
    """A sensor of a part's reading."""

    value_fn: Callable[[R], Value]
    feature: str | None = None
    """Optional reading field that the part must have."""
    attributes_fn: Callable[[R], Mapping[str, Any]] | None = None


LONGEST_STATE = 255
"""Home Assistant takes no longer one."""

HIDDEN: dict[str, Any] = {"entity_registry_enabled_default": False}
DIAGNOSTIC: dict[str, Any] = {**HIDDEN, "entity_category": EntityCategory.DIAGNOSTIC}

METER_SENSORS: tuple[PartSensorDescription[MeterReading], ...] = (
    PartSensorDescription(key="power", value_fn=lambda r: r.power_kw, **POWER),
    PartSensorDescription(
        key="import_energy",
        translation_key="import_energy",
        value_fn=lambda r: r.import_kwh,
        **ENERGY,
    ),
    PartSensorDescription(
        key="export_energy",
        translation_key="export_energy",
        value_fn=lambda r: r.export_kwh,
        **ENERGY,
    ),
    PartSensorDescription(
        key="import_t1",
        translation_key="import_t1",
        feature="tariff",
        value_fn=lambda r: r.import_t1_kwh,
        **ENERGY,
    ),
    PartSensorDescription(
        key="import_t2",
        translation_key="import_t2",
        feature="tariff",
        value_fn=lambda r: r.import_t2_kwh,
        **ENERGY,
    ),
    PartSensorDescription(
        key="export_t1",
        translation_key="export_t1",
        feature="export_t1_kwh",
        value_fn=lambda r: r.export_t1_kwh,
        **{**ENERGY, **HIDDEN},
    ),
    PartSensorDescription(
        key="export_t2",
        translation_key="export_t2",
        feature="export_t1_kwh",
        value_fn=lambda r: r.export_t2_kwh,
        **{**ENERGY, **HIDDEN},
    ),
    PartSensorDescription(
        key="tariff",
        translation_key="tariff",
        feature="tariff",
        device_class=SensorDeviceClass.ENUM,
        options=[tariff.value for tariff in Tariff],
        value_fn=lambda r: r.tariff_name.value if r.tariff_name else None,
    ),
    PartSensorDescription(
        key="quarter_power",
        translation_key="quarter_power",
        feature="quarter_kw",
        value_fn=lambda r: r.quarter_kw,
        **{**POWER, **HIDDEN},
    ),
    PartSensorDescription(
        key="peak",
        translation_key="peak",
        feature="month_peak",
        value_fn=lambda r: r.month_peak.kw if r.month_peak else None,
        attributes_fn=lambda r: {
            "at": r.month_peak.at.isoformat() if r.month_peak and r.month_peak.at else None
        },
        **{**POWER, **HIDDEN},
    ),
    PartSensorDescription(
        key="limiter_power",
        translation_key="limiter_power",
        feature="limiter",
        value_fn=lambda r: r.limiter.power_kw if r.limiter else None,
        **{**POWER, **DIAGNOSTIC, "cadence": Cadence.STATE},
    ),
    PartSensorDescription(
        key="limiter_current",
        translation_key="limiter_current",
        feature="limiter",
        value_fn=lambda r: r.limiter.current_a if r.limiter else None,
        **{**CURRENT, **DIAGNOSTIC, "cadence": Cadence.STATE},
    ),
    PartSensorDescription(
        key="breaker",
        translation_key="breaker",
        feature="breaker",
        device_class=SensorDeviceClass.ENUM,
        options=[state.value for state in Breaker],
        value_fn=lambda r: r.breaker.value if r.breaker else None,
        **DIAGNOSTIC,
    ),
    PartSensorDescription(
        key="text_message",
        translation_key="text_message",
        feature="text_message",
        value_fn=lambda r: r.text_message and r.text_message[:LONGEST_STATE],
        # Whole: it may be four times as long as a state.
        attributes_fn=lambda r: {"text": r.text_message},
        **DIAGNOSTIC,
    ),
    PartSensorDescription(
        key="gas",
        translation_key="gas",
        feature="gas_m3",
        device_class=SensorDeviceClass.GAS,
        state_class=SensorStateClass.TOTAL_INCREASING,
        native_unit_of_measurement=UnitOfVolume.CUBIC_METERS,
        cadence=Cadence.COUNTER,
        value_fn=lambda r: r.gas_m3,
    ),
    PartSensorDescription(
        key="water",
        translation_key="water",
        feature="water_m3",
        device_class=SensorDeviceClass.WATER,
        state_class=SensorStateClass.TOTAL_INCREASING,
        native_unit_of_measurement=UnitOfVolume.CUBIC_METERS,
        cadence=Cadence.COUNTER,
        value_fn=lambda r: r.water_m3,
    ),
)


def phase_sensors(number: int) -> tuple[PartSensorDescription[MeterReading], ...]:
    """Return the sensors of one line conductor, 1 to 3."""
    index = number - 1

    def of(field: str) -> Callable[[MeterReading], Value]:
        def value(reading: MeterReading) -> Value:
            if len(reading.phases) <= index:
                return None
            found: float | None = getattr(reading.phases[index], field)
            return found

        return value

    hidden: dict[str, Any] = {**DIAGNOSTIC, "feature": "phase_power"}
    return (
        PartSensorDescription(
            key=f"power_l{number}",
            translation_key=f"power_l{number}",
            value_fn=of("power_kw"),
            **{**POWER, **hidden},
        ),
        PartSensorDescription(
            key=f"current_l{number}",
            translation_key=f"current_l{number}",
            value_fn=of("current_a"),
            **{**CURRENT, **hidden},
        ),
        PartSensorDescription(
            key=f"voltage_l{number}",
            translation_key=f"voltage_l{number}",
            device_class=SensorDeviceClass.VOLTAGE,
            state_class=SensorStateClass.MEASUREMENT,
            native_unit_of_measurement=UnitOfElectricPotential.VOLT,
            cadence=Cadence.POWER,
            value_fn=of("voltage_v"),
            **hidden,
        ),
    )


PV_SENSORS: tuple[PartSensorDescription[PvReading], ...] = (
    PartSensorDescription(key="power", value_fn=lambda r: r.power_kw, **POWER),
    PartSensorDescription(key="energy", value_fn=lambda r: r.energy_kwh, **ENERGY),
)

BATTERY_SENSORS: tuple[PartSensorDescription[BatteryReading], ...] = (
    PartSensorDescription(
        key="soc",
        device_class=SensorDeviceClass.BATTERY,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        cadence=Cadence.POWER,
        value_fn=lambda r: None if r.soc is None else round(r.soc * 100, 1),
    ),
    # Home Assistant's convention for batteries: + is discharge.
    PartSensorDescription(
        key="power",
        value_fn=lambda r: None if r.power_kw is None else -r.power_kw,
        **POWER,
    ),
    PartSensorDescription(
        key="battery_mode",
        translation_key="battery_mode",
        device_class=SensorDeviceClass.ENUM,
        options=[mode.value for mode in BatteryMode],
        value_fn=lambda r: r.mode.value if r.mode else None,
    ),
)

CHARGER_READING_SENSORS: tuple[PartSensorDescription[ChargerReading], ...] = (
    PartSensorDescription(
        key="charger_status",
        translation_key="charger_status",
        device_class=SensorDeviceClass.ENUM,
        options=[status.value for status in ChargerStatus],
        value_fn=lambda r: r.status.value if r.status else None,
    ),
    PartSensorDescription(key="power", value_fn=lambda r: r.power_kw, **POWER),
    PartSensorDescription(key="energy", value_fn=lambda r: r.total_kwh, **ENERGY),
)
