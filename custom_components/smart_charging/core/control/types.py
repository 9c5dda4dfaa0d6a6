"""The boundary of control: what it is told, what it remembers, what it orders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..grid import Circuit, Grid
from ..reading import BatteryMode, BatteryReading, ChargerReading, MeterReading
from ..schedule import Reason, Schedule


class Mode(StrEnum):
    """What a person wants of a charger."""

    OFF = "off"
    SOLAR = "solar"
    """Sun only."""
    MINIMUM_SOLAR = "minimum_solar"
    """At least the minimum current, more with sun."""
    SMART = "smart"
    """Follow the plan."""
    FAST = "fast"


class MeterGrade(StrEnum):
    """What a meter is good for."""

    CONTROL = "control"
    """Young enough (age <= 15 s) to guard the fuse and follow the sun."""
    SLOW = "slow"
    """Plans and learns only."""


@dataclass(frozen=True, kw_only=True)
class ChargerSpec:
    """What control must know of a charger."""

    id: str
    min_a: float = 6.0
    max_a: float = 16.0
    step_a: float = 1.0
    phases: tuple[int, ...] = (1,)
    switching: bool = False
    phase_map: tuple[int, ...] = (1, 2, 3)
    circuit: str | None = None
    write_interval_s: float = 10.0
    """Writes are no closer than this, limits excepted."""
    reaction_s: float | None = None
    """Longest time from an order until the meter shows it, as commissioning found it; `None`: unknown."""


@dataclass(frozen=True, kw_only=True)
class BatterySpec:
    """What control must know of a battery."""

    id: str
    capacity_kwh: float
    min_soc: float = 0.1
    max_soc: float = 1.0
    max_charge_kw: float = 5.0
    max_discharge_kw: float = 5.0
    may_feed_cars: bool = False
    controllable: bool = True
    phases: tuple[int, ...] = (1, 2, 3)
    """Grid phases that its inverter feeds, evenly."""


@dataclass(frozen=True, kw_only=True)
class ControlSite:
    """The site as control sees it."""

    grid: Grid
    circuits: tuple[Circuit, ...] = ()
    chargers: tuple[ChargerSpec, ...] = ()
    batteries: tuple[BatterySpec, ...] = ()
    slow_meter_a: float = 0.0
    """Current per charger phase, over all chargers together, that the user allows without a control-grade meter."""
    cars_before_battery: bool = True
    """Whether what the sun puts into a battery counts as surplus that a car may take instead."""


@dataclass(frozen=True, kw_only=True)
class Override:
    """A person's order that ends by itself."""

    current_a: float | None
    """0 pauses; `None` is the highest allowed (charge now)."""
    until: datetime | None
    """`None`: until the car leaves or is full."""


@dataclass(frozen=True, kw_only=True)
class ChargerOrder:
    """What is asked of one charger."""

    mode: Mode = Mode.SMART
    smart: bool = True
    """False: hands off, the charger follows its own control."""
    override: Override | None = None
    below_minimum: bool = False
    """The vehicle is below its minimum SoC: charge at once."""
    laxity_h: float | None = None
    """Hours that may pass idle before the next goal is lost; `None` without a goal."""
    vehicle_max_a: float | None = None
    vehicle_max_phases: int = 3
    vehicle_full: bool = False
    """All that the vehicle may take has been taken."""


@dataclass(frozen=True, kw_only=True)
class BatteryOrder:
    """What a person asks of one battery; `None` leaves it to the plan."""

    mode: BatteryMode | None = None
    power_kw: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Orders:
    """All that is asked of control."""

    schedule: Schedule | None = None
    chargers: Mapping[str, ChargerOrder] = field(default_factory=dict)
    batteries: Mapping[str, BatteryOrder] = field(default_factory=dict)
    outside_limit_kw: float | None = None
    """Import limit that a grid operator or another entity sets now."""
    peak_target_kw: float | None = None
    """Quarter-hour mean import not to be exceeded: max of the month's peak, the floor, what the plan bought."""
    house_peak_a: tuple[float, ...] = ()
    """Highest house current per grid phase, without chargers, of the last 7 days; empty when unknown."""


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The latest reading of each part."""

    meter: MeterReading | None = None
    grade: MeterGrade = MeterGrade.CONTROL
    pv_kw: float | None = None
    chargers: Mapping[str, ChargerReading] = field(default_factory=dict)
    batteries: Mapping[str, BatteryReading] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ChargerSetpoint:
    """The order to one charger."""

    current_a: float
    """0 pauses."""
    phases: int | None = None
    """`None` leaves the phases as they are."""
    reason: Reason
    release: bool = False
    """Give the charger back to its own control."""
    urgent: bool = False
    """A limit forces it: exempt from the write interval."""
    limit: str | None = None
    """What holds it down, where something does: `fuse L2`, `fuse` (split over the phases unknown),
    `circuit Garage`, `contract`, `outside limit`, `peak`, `stale meter`, `slow meter`."""


@dataclass(frozen=True, kw_only=True)
class BatterySetpoint:
    """The order to one battery."""

    mode: BatteryMode
    power_kw: float = 0.0
    """Magnitude; meaningful for charge and discharge."""
    reason: Reason


@dataclass(frozen=True, kw_only=True)
class Setpoints:
    """All that control orders at one step."""

    chargers: Mapping[str, ChargerSetpoint] = field(default_factory=dict)
    batteries: Mapping[str, BatterySetpoint] = field(default_factory=dict)
    assumed_split: bool = False
    """The meter does not tell the phases apart: the worst sensible split of the house was assumed."""
