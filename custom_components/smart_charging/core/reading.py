"""What a part reports. A missing value is `None`, never 0.

Signs and units as everywhere in the core: grid power + on import, battery power + on
charge, kW, kWh, A, V, SoC 0..1, aware UTC datetimes.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PartKind(StrEnum):
    """A role that a device offers."""

    METER = "meter"
    PV = "pv"
    BATTERY = "battery"
    CHARGER = "charger"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Base of all readings."""

    at: datetime
    """Host clock when the reading arrived."""
    device_time: datetime | None = None
    """The device's own clock, where it has one."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One line conductor at a meter."""

    power_kw: float | None = None
    """Signed: + import."""
    voltage_v: float | None = None
    current_a: float | None = None
    """Signed like the power where the direction is known, else a magnitude."""


@dataclass(frozen=True, kw_only=True)
class Peak:
    """A quarter-hour mean import."""

    kw: float
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class MeterReading(Reading):
    """State of the grid connection."""

    power_kw: float | None = None
    phases: tuple[Phase, ...] = ()
    import_kwh: float | None = None
    """All tariffs together."""
    export_kwh: float | None = None
    import_t1_kwh: float | None = None
    import_t2_kwh: float | None = None
    export_t1_kwh: float | None = None
    export_t2_kwh: float | None = None
    tariff: int | None = None
    """Active tariff register, 1 or 2 as the meter numbers them."""
    quarter_kw: float | None = None
    """1-0:1.4.0: kWh imported since the quarter began x 4."""
    month_peak: Peak | None = None
    peak_history: tuple[Peak, ...] = ()
    """Monthly peaks of the past, oldest first."""
    gas_m3: float | None = None
    water_m3: float | None = None


@dataclass(frozen=True, kw_only=True)
class PvReading(Reading):
    """State of a PV system."""

    power_kw: float | None = None
    energy_kwh: float | None = None


class BatteryMode(StrEnum):
    """What a home battery is told to do."""

    SELF_CONSUMPTION = "self_consumption"
    HOLD = "hold"
    CHARGE = "charge"
    DISCHARGE = "discharge"


@dataclass(frozen=True, kw_only=True)
class BatteryReading(Reading):
    """State of a home battery."""

    soc: float | None = None
    power_kw: float | None = None
    """+ on charge."""
    mode: BatteryMode | None = None
    """Mode that the battery itself reports, where it does."""
    charged_kwh: float | None = None
    discharged_kwh: float | None = None


class ChargerStatus(StrEnum):
    """What a charger says of the car."""

    UNPLUGGED = "unplugged"
    CONNECTED = "connected"
    """A car is plugged in and does not charge: paused, waiting or authorising."""
    CHARGING = "charging"
    COMPLETE = "complete"
    """The car itself ended the charge."""
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class ChargerReading(Reading):
    """State of a charger."""

    status: ChargerStatus | None = None
    power_kw: float | None = None
    currents_a: tuple[float | None, ...] = ()
    """Drawn per phase of the charger, L1 first."""
    limit_a: float | None = None
    """Read-back of the current limit in force, 0 where charging is held off."""
    phases: int | None = None
    """Phases in use, or allowed while nothing is drawn."""
    session_kwh: float | None = None
    total_kwh: float | None = None
    vehicle_tag: str | None = None
    """The charger's own identification of the car (RFID, MAC)."""
    released: bool | None = None
    """True while the charger follows its own logic instead of our setpoints."""
    warning: str | None = None
    """Fault or refusal in the charger's own words."""


type AnyReading = MeterReading | PvReading | BatteryReading | ChargerReading
