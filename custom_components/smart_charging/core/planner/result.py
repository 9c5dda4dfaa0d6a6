"""A plan: what to do in each slot, what it costs, what could not be met, and why."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..schedule import Schedule
from .problem import GoalKind


class Cause(StrEnum):
    """The constraint that leaves a goal unmet."""

    TIME = "time"
    """Not enough time at the charger."""
    CHARGER_POWER = "charger_power"
    SITE_LIMIT = "site_limit"
    CIRCUIT = "circuit"
    BATTERY_WINDOW = "battery_window"
    """The goal is above what the vehicle's battery holds or may hold."""
    PAST = "past"
    """The goal's time has passed."""
    NOT_PLUGGED_IN = "not_plugged_in"


@dataclass(frozen=True, kw_only=True)
class Shortfall:
    """Energy that a goal misses."""

    vehicle: str
    goal: GoalKind
    by: datetime
    missing_kwh: float
    """AC at the charger."""
    cause: Cause


class Rung(StrEnum):
    """Which step of the ladder made the plan, best first."""

    OPTIMAL = "optimal"
    """Proven within the gap."""
    INCUMBENT = "incumbent"
    """The best found when the search ended; its gap is given."""
    SHIFTED = "shifted"
    """The last plan, moved to now."""
    GREEDY = "greedy"
    """Cheapest free slots, without the solver."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Energy balance of the site in one slot; kW."""

    start: datetime
    end: datetime
    import_kw: float
    export_kw: float
    pv_kw: float
    """After curtailment."""
    curtailed_kw: float
    load_kw: float
    import_price: float
    export_price: float
    estimated: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The answer to a problem."""

    schedule: Schedule
    flows: tuple[Flow, ...]
    cost: float
    """Currency over the horizon: import, export, breach, wear and the rise of each month's peak,
    less the value that storages gain. Missed goals do not count: they are shortfalls."""
    bound: float
    """No plan that meets the goals as well costs less."""
    gap: float
    """(cost - bound) in currency; what preferences may give away is part of it."""
    rung: Rung
    shortfalls: tuple[Shortfall, ...] = ()
    baseline_cost: float | None = None
    """The same problem charged at full power on arrival."""
    peak_kw: dict[str, float] = field(default_factory=dict)
    """Quarter-hour peak planned per month, keyed `YYYY-MM`."""
    solve_s: float = 0.0

    @property
    def savings(self) -> float | None:
        """Currency saved against the baseline, or `None` without one."""
        return None if self.baseline_cost is None else self.baseline_cost - self.cost
