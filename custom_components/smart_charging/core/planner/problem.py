"""Everything that a plan depends on, frozen: planning it again gives the same plan.

kW, kWh, h, currency per kWh, SoC 0..1, aware UTC datetimes. All series have one value per
slot. Energies asked by a person or a request are AC at the charger; SoC goals count in the
vehicle's battery.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..grid import Circuit, Grid
from ..reading import BatteryMode


class GoalKind(StrEnum):
    """Where a goal comes from, most pressing first."""

    MINIMUM = "minimum"
    TRIP = "trip"
    READY_BY = "ready_by"
    REQUEST = "request"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Energy that a vehicle must hold at a time. Exactly one of `soc` and `energy_kwh` is set."""

    by: datetime
    kind: GoalKind
    soc: float | None = None
    energy_kwh: float | None = None
    """AC at the charger, counted from the problem's `now`."""


@dataclass(frozen=True, kw_only=True)
class Stay:
    """A vehicle is plugged in at a charger in [start, end)."""

    charger: str
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Trip:
    """Energy that driving takes out of the battery between two stays."""

    start: datetime
    end: datetime
    energy_kwh: float


@dataclass(frozen=True, kw_only=True)
class Charger:
    """A charging point."""

    id: str
    min_a: float = 6.0
    max_a: float = 16.0
    step_a: float = 1.0
    phases: tuple[int, ...] = (1,)
    """Phase counts that it can run on, e.g. (1,), (3,), (1, 3)."""
    switching: bool = False
    """Whether the phase count may change during a charge."""
    min_on_s: float = 0.0
    """Once started a charge goes on at least this long, unless its stay, its goal's energy or a
    limit ends it."""
    phase_map: tuple[int, ...] = (1, 2, 3)
    """Grid phase of the charger's own L1, L2, L3."""
    circuit: str | None = None
    max_discharge_kw: float = 0.0
    """AC power that it can give back from a vehicle, on its most phases; 0 when it cannot."""
    discharge_efficiency: float = 0.9
    """AC energy given back per energy out of the vehicle's battery."""


@dataclass(frozen=True, kw_only=True)
class Vehicle:
    """A car with its battery."""

    id: str
    capacity_kwh: float
    soc: float | None = None
    """Present state of charge; `None` when unknown: then goals are energies from now."""
    minimum_soc: float = 0.2
    target_soc: float = 1.0
    """Charging never goes beyond it."""
    efficiency: float = 0.9
    """Battery energy per AC energy."""
    max_phases: int = 3
    max_a: float | None = None
    taper_soc: float | None = None
    """SoC above which power falls linearly to 10 % at full; `None` for no taper."""
    stays: tuple[Stay, ...] = ()
    trips: tuple[Trip, ...] = ()
    goals: tuple[Goal, ...] = ()
    surplus_only: bool = False
    """Takes sun only: no goal, no grid energy (modes Solar only)."""
    opportunistic: bool = False
    """Beyond its goals it may take energy that costs less than it is worth later (sun)."""
    energy_value: float | None = None
    """Currency per kWh AC that energy beyond the goals is worth; `None` lets the planner decide."""
    may_discharge: bool = False
    """May feed the house where its charger can; needs a known SoC."""
    discharge_floor_soc: float = 0.4
    """SoC below which it gives nothing back; at least the minimum SoC counts."""
    wear_price: float = 0.0
    """Currency per kWh AC given back."""
    may_export: bool = False
    """What it gives back may go to the grid too."""


@dataclass(frozen=True, kw_only=True)
class Battery:
    """A home battery."""

    id: str
    capacity_kwh: float
    soc: float
    min_soc: float = 0.1
    max_soc: float = 1.0
    max_charge_kw: float = 5.0
    max_discharge_kw: float = 5.0
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    wear_price: float = 0.0
    """Currency per kWh discharged."""
    may_feed_cars: bool = False
    may_charge_from_grid: bool = True
    may_export: bool = False


@dataclass(frozen=True, kw_only=True)
class PeakTariff:
    """A charge on the highest quarter-hour mean import of the month."""

    price_per_kw: float
    """Currency per kW of month peak (a twelfth of the yearly rate)."""
    floor_kw: float = 2.5
    """Billed at least; free to reach."""
    month_peak_kw: float = 0.0
    """Peak so far in the running month."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a charger does now, so that a re-plan can stay with it."""

    charger: str
    current_a: float
    phases: int
    since: datetime


@dataclass(frozen=True, kw_only=True)
class BatteryCommand:
    """What the last plan has a battery do in the present slot, so that a re-plan can stay with it."""

    battery: str
    mode: BatteryMode


@dataclass(frozen=True, kw_only=True)
class Search:
    """Limits of the search, as counts, so that the same problem gives the same plan."""

    solves: int = 40
    nodes: int = 2000
    gap_relative: float = 1e-3
    gap_absolute: float = 0.01
    abort_s: float = 10.0
    """Wall time that only aborts; the plan's rung then says so."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A site and its next two days."""

    now: datetime
    time_zone: str
    """IANA name, for month borders."""
    slots: tuple[datetime, ...]
    """n+1 bounds of n slots."""
    import_price: tuple[float, ...]
    export_price: tuple[float, ...]
    estimated: tuple[bool, ...]
    """True where the import price is not published."""
    load_kw: tuple[float, ...]
    """House load without cars and batteries."""
    pv_kw: tuple[float, ...]
    pv_p10_kw: tuple[float, ...] | None = None
    """PV that is exceeded with 90 % probability."""
    load_share_per_phase: tuple[float, ...] = (1.0,)
    """Share of the load on each phase; sums to 1."""
    grid: Grid = field(default_factory=Grid)
    circuits: tuple[Circuit, ...] = ()
    peak: PeakTariff | None = None
    quarter_energy_kwh: float = 0.0
    """Import since the running quarter began."""
    chargers: tuple[Charger, ...] = ()
    vehicles: tuple[Vehicle, ...] = ()
    batteries: tuple[Battery, ...] = ()
    previous: tuple[Command, ...] = ()
    previous_batteries: tuple[BatteryCommand, ...] = ()
    search: Search = field(default_factory=Search)
