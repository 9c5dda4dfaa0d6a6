"""A plan: what to do in each slot, what it costs, what could not be met, and why."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, Self

from ..schedule import Schedule
from .problem import GoalKind

if TYPE_CHECKING:
    from .explain import Explanation


class Cause(StrEnum):
    """The constraint that leaves a goal unmet."""

    TIME = "time"
    """Not enough time at the charger."""
    CHARGER_POWER = "charger_power"
    SITE_LIMIT = "site_limit"
    """Fuse or contract."""
    BREACH_ALLOWANCE = "breach_allowance"
    """The contract, and all of the breach of it that may be bought."""
    CIRCUIT = "circuit"
    BATTERY_WINDOW = "battery_window"
    """The goal is above what the vehicle's battery holds or may hold."""
    PAST = "past"
    """The goal's time has passed."""
    NOT_PLUGGED_IN = "not_plugged_in"


@dataclass(frozen=True, kw_only=True)
class Shortfall:
    """Energy that a goal misses for one cause; a goal with several causes has as many."""

    vehicle: str
    goal: GoalKind
    by: datetime
    missing_kwh: float
    """AC at the charger."""
    cause: Cause


@dataclass(frozen=True, kw_only=True)
class Risk:
    """Energy that a goal would miss on a day with little sun, and no plan could then bring."""

    vehicle: str
    goal: GoalKind
    by: datetime
    missing_kwh: float
    """AC at the charger, beyond what the plan misses anyway."""


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


class Details(Protocol):
    """What a plan is told from when it is first read."""

    def schedule(self) -> Schedule:
        """Return the orders with their reasons."""

    def flows(self) -> tuple[Flow, ...]:
        """Return the energy balance of each slot."""

    def shortfalls(self) -> tuple[Shortfall, ...]:
        """Return what goals miss, with causes."""

    def baseline_cost(self) -> float | None:
        """Return what business as usual costs."""


LAZY = frozenset({"schedule", "flows", "shortfalls", "baseline_cost"})
"""Fields of a plan that are made from its details when they are first read."""


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
    """(cost - bound) in currency; what preferences give away is part of it."""
    rung: Rung
    given_away: float = 0.0
    """Currency of the gap that fewer starts and phase switches cost, at most a ten-thousandth of
    the bill."""
    shortfalls: tuple[Shortfall, ...] = field(default_factory=tuple)
    at_risk: tuple[Risk, ...] = ()
    """Goals that the sun's tenth percentile would miss. Only the solver knows: empty on the
    rungs below it."""
    baseline_cost: float | None = field(default_factory=lambda: None)
    """The same problem charged at full power on arrival."""
    peak_kw: dict[str, float] = field(default_factory=dict)
    """Quarter-hour peak planned per month, keyed `YYYY-MM`."""
    solve_s: float = 0.0

    def explain(self, device: str, at: datetime) -> "Explanation | None":
        """Return why a charger or battery does what it does at a time; `None` outside the plan."""
        from .explain import explain

        return explain(self, device, at)

    @classmethod
    def told_from(cls, details: Details, **figures: Any) -> Self:
        """Return a plan of which `figures` are known; the rest is made when it is first read."""
        plan = object.__new__(cls)
        plan.__dict__.update(figures, _details=details)
        return plan

    if not TYPE_CHECKING:
        # Hidden from type checkers: to them all fields are there, and any other name is a fault.
        def __getattr__(self, name: str) -> Any:
            """Make a field that is read for the first time."""
            details = self.__dict__.get("_details")
            if details is None or name not in LAZY:
                raise AttributeError(f"{type(self).__name__!r} has no {name!r}")
            made = self.__dict__[name] = getattr(details, name)()
            return made

    def complete(self) -> Self:
        """Make everything that is made when first read, and let go of what it is made from.

        Takes as long as the plan itself: in an executor, before an event loop reads the plan.
        """
        for name in LAZY:
            getattr(self, name)
        self.__dict__.pop("_details", None)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy has: all fields."""
        return self.complete().__dict__.copy()

    @property
    def savings(self) -> float | None:
        """Currency saved against the baseline, or `None` without one."""
        return None if self.baseline_cost is None else self.baseline_cost - self.cost
