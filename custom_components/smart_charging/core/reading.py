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


class Remedy(StrEnum):
    """What a person can do about a warning: each has a repair that says how."""

    AUTHORISE = "authorise"
    """It waits for a card, a code or the app."""
    OWN_RULE = "own_rule"
    """A schedule, limit or mode of its own keeps it from charging."""
    CABLE = "cable"
    """Plug, cable or car: unplug, look, plug in again."""
    INSTALLATION = "installation"
    """Protection or wiring: for an electrician if it comes back."""
    TEMPERATURE = "temperature"
    """Let it cool down."""
    DEVICE = "device"
    """A fault inside: restart it, else the maker's service."""
    OFF_GRID = "off_grid"
    """It runs without the grid."""
    BREAKER = "breaker"
    """The meter has cut the house off."""
    BREAKER_BUTTON = "breaker_button"
    """The meter waits for its button before it gives power again."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Base of all readings."""

    at: datetime
    """Host clock when the reading arrived."""
    device_time: datetime | None = None
    """The device's own clock, where it has one."""
    warning: str | None = None
    """Fault or refusal in the device's own words."""
    remedy: Remedy | None = None
    """What a person can do about it; `None` where there is nothing to do, or nothing known."""


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


class Tariff(StrEnum):
    """What the tariff in force is called. Meters number them differently from country to country."""

    NORMAL = "normal"
    """Day, peak."""
    LOW = "low"
    """Night and weekend, off-peak."""
    FIRST = "tariff_1"
    """Where it is not known what the numbers stand for."""
    SECOND = "tariff_2"
    THIRD = "tariff_3"
    FOURTH = "tariff_4"


class Breaker(StrEnum):
    """The switch inside a meter that can cut the house off."""

    CLOSED = "closed"
    OPEN = "open"
    READY = "ready"
    """Open; it closes when somebody presses the meter's button."""


@dataclass(frozen=True, kw_only=True)
class Limiter:
    """Where the meter itself cuts the house off; `None` where it does not."""

    power_kw: float | None = None
    """Import of all phases together."""
    current_a: float | None = None
    """Current of each phase."""


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
    """Active tariff register, 1 to 4 as the meter numbers them."""
    tariff_name: Tariff | None = None
    quarter_kw: float | None = None
    """1-0:1.4.0: kWh imported since the quarter began x 4."""
    month_peak: Peak | None = None
    peak_history: tuple[Peak, ...] = ()
    """Monthly peaks of the past, oldest first."""
    gas_m3: float | None = None
    water_m3: float | None = None
    limiter: Limiter | None = None
    """`None` where the meter does not say; a limiter without values where it says that it is off."""
    breaker: Breaker | None = None
    text_message: str | None = None
    """What the grid operator tells on the meter's display."""


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


type AnyReading = MeterReading | PvReading | BatteryReading | ChargerReading
