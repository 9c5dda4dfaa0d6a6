"""From a vehicle's wishes to goals that the planner understands. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ..core.planner.problem import Goal, GoalKind

SOC_TOLERANCE = 0.005
"""A goal is met within half a per cent: what SoC sensors of cars resolve."""

ENERGY_TOLERANCE_KWH = 0.05


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person wants of the vehicle that is plugged in now."""

    soc: float | None
    """Present SoC; `None` when unknown."""
    capacity_kwh: float
    efficiency: float
    minimum_soc: float
    target_soc: float
    energy_kwh: float
    """AC energy wanted since plug-in; counts where the SoC is unknown."""
    delivered_kwh: float
    """AC energy delivered since plug-in."""
    ready_by: time
    """Local time of day."""
    full: bool
    """The car itself ended the charge."""
    at_once: bool = False
    """Wanted as soon as possible (mode Fast, charge now)."""

    @property
    def missing_kwh(self) -> float:
        """AC energy between now and the target."""
        if self.full:
            return 0.0
        if self.soc is None:
            return max(0.0, self.energy_kwh - self.delivered_kwh)
        return max(0.0, self.target_soc - self.soc) * self.capacity_kwh / self.efficiency

    @property
    def below_minimum(self) -> bool:
        """Whether the vehicle must charge at once."""
        return (
            not self.full and self.soc is not None and self.soc < self.minimum_soc - SOC_TOLERANCE
        )

    @property
    def reached(self) -> bool:
        """Whether nothing more is asked for."""
        return self.missing_kwh < ENERGY_TOLERANCE_KWH


def next_ready_by(now: datetime, ready_by: time, time_zone: str) -> datetime:
    """Return the next moment (UTC) at which the local clock shows `ready_by`.

    A time that a clock change skips or repeats counts at the earlier of its two readings: nobody
    is annoyed by a car that is ready too soon.
    """
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()
    for day in (0, 1):
        local = datetime.combine(today + timedelta(days=day), ready_by, zone)
        moment = min(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        if moment > now:
            return moment
    raise AssertionError("tomorrow's time of day always lies ahead")


def goals_of(wish: Wish, now: datetime, time_zone: str, max_kw: float) -> tuple[Goal, ...]:
    """Return the goals of a wish, for a vehicle that charges with at most `max_kw`.

    The minimum SoC is due as soon as full power from now on can reach it: earlier cannot be,
    later is against its purpose.
    """
    if wish.reached:
        return ()
    goals: list[Goal] = []

    def earliest(energy_kwh: float) -> datetime:
        hours = energy_kwh / max_kw if max_kw > 0 else 0.0
        # A quarter in hand: the car needs seconds to react and slots have edges.
        return now + timedelta(hours=hours, minutes=15)

    if wish.below_minimum and wish.soc is not None:
        energy = (wish.minimum_soc - wish.soc) * wish.capacity_kwh / wish.efficiency
        goals.append(Goal(by=earliest(energy), kind=GoalKind.MINIMUM, soc=wish.minimum_soc))
    by = next_ready_by(now, wish.ready_by, time_zone)
    if wish.at_once:
        by = min(by, earliest(wish.missing_kwh))
    if wish.soc is None:
        goals.append(Goal(by=by, kind=GoalKind.REQUEST, energy_kwh=wish.missing_kwh))
    else:
        goals.append(Goal(by=by, kind=GoalKind.READY_BY, soc=wish.target_soc))
    return tuple(goals)


def laxity_h(wish: Wish, now: datetime, by: datetime, max_kw: float) -> float | None:
    """Return the hours that may pass idle before the goal at `by` is lost; `None` without a goal."""
    if wish.reached:
        return None
    hours_left = (by - now).total_seconds() / 3600
    return hours_left - (wish.missing_kwh / max_kw if max_kw > 0 else hours_left)
