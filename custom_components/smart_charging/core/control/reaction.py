"""What a charger's own orders show of it: steps of its current, and how late its car follows.

A step is the change of current between calm before an order and calm after it. It is compared
with the currents of the meter (which conductors moved?) and with the time of the order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from ..grid import Grid
from ..reading import ChargerReading, ChargerStatus, MeterReading
from .phases import PHASE_KV, grid_currents_a

SMALLEST_STEP_A = 2.0
"""Below it the house's own changes cannot be told from the charger's."""

CALM_A = 0.5
"""A current that moves less than this is calm."""

CALM_S = 6.0
"""How long the current must be calm: a meter that reports each 5 s still shows it."""

BEFORE_S = 8.0
"""The last seconds before an order tell how it was before."""

BESIDE_S = 4.0
"""The meter is looked at so long before and after the step only: the less time, the fewer loads
of the house change meanwhile."""

RAMP_S = 2.0
"""A car takes so long from one current to the next."""

UNMEASURED_S = 15.0
"""A car that nobody measures is taken to have followed after so long."""

LONGEST_S = 60.0
"""An order that did not show by then will not."""

KEPT = 8
"""Reaction times of each kind that are kept."""

OWN_LINES = 3


class Kind(StrEnum):
    """What an order asked for: cars are differently quick at each."""

    START = "start"
    STOP = "stop"
    CHANGE = "change"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What charger and meter showed at one time."""

    at: datetime
    read_at: datetime
    """When the charger reported."""
    own_a: tuple[float, ...]
    """Drawn on the charger's own L1, L2, L3."""
    grid_a: tuple[float, ...]
    """Signed, per grid phase; empty where the meter does not tell the phases apart."""


@dataclass(frozen=True, kw_only=True)
class StepSeen:
    """A change of the charger's current and what the meter showed of it."""

    own_a: tuple[float, ...]
    """Change on the charger's own L1, L2, L3."""
    grid_a: tuple[float, ...]
    """Change per grid phase; empty where the meter does not tell the phases apart."""
    kind: Kind
    after_s: float
    """From the order to half of the change."""


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """How late a car follows orders of one kind, in s."""

    shortest_s: float
    median_s: float
    longest_s: float


@dataclass(frozen=True, kw_only=True)
class Watch:
    """The order that is watched and what was seen around it."""

    ordered: tuple[float, int] | None = None
    """Current and phases of the order in force."""
    ordered_at: datetime | None = None
    """Set while its step is awaited."""
    moments: tuple[Moment, ...] = ()
    """Oldest first: some seconds before the order, all since."""
    unheard: int = 0
    """Orders in a row that never showed."""
    reactions_s: tuple[tuple[Kind, float], ...] = ()


def watch(
    seen: Watch,
    grid: Grid,
    *,
    ordered_a: float,
    phases: int,
    reading: ChargerReading,
    meter: MeterReading | None,
    now: datetime,
) -> tuple[Watch, StepSeen | None]:
    """Take note of the order in force and of new readings; return a step when one is complete.

    `ordered_a` and `phases` are what the charger was told and should follow now. Call it at least
    with every reading of the meter (or of the charger, without a meter).
    """
    order = (ordered_a, phases)
    if seen.ordered is None:
        seen = replace(seen, ordered=order)
    # A reading that comes with a new order still belongs to the one before.
    moment = _moment(grid, seen.ordered or order, reading, meter, now)
    if order != seen.ordered:
        # A second order before the first has shown leaves nothing to compare.
        calm = seen.ordered_at is None and bool(seen.moments)
        since = now - timedelta(seconds=BEFORE_S)
        kept = tuple(m for m in seen.moments if m.at >= since)
        seen = replace(seen, ordered=order, ordered_at=now if calm else None, moments=kept)
    seen = replace(seen, moments=(*seen.moments, moment))
    if seen.ordered_at is None:
        since = now - timedelta(seconds=BEFORE_S)
        return replace(seen, moments=tuple(m for m in seen.moments if m.at >= since)), None
    step = _step(seen, seen.ordered_at, measured=_measured(reading))
    if step is not None:
        kinds = (*seen.reactions_s, (step.kind, step.after_s))
        same = [k for k in kinds if k[0] is step.kind]
        kept_kinds = tuple(k for k in kinds if k[0] is not step.kind) + tuple(same[-KEPT:])
        return replace(seen, ordered_at=None, unheard=0, reactions_s=kept_kinds), step
    if (now - seen.ordered_at).total_seconds() > LONGEST_S:
        return replace(seen, ordered_at=None, unheard=seen.unheard + 1), None
    return seen, None


def reaction_of(seen: Watch, kind: Kind) -> Reaction | None:
    """Return how late the car follows orders of a kind, or `None` while none was seen."""
    times = [seconds for one, seconds in seen.reactions_s if one is kind]
    if not times:
        return None
    return Reaction(shortest_s=min(times), median_s=median(times), longest_s=max(times))


def _measured(reading: ChargerReading) -> bool:
    return reading.power_kw is not None or any(a is not None for a in reading.currents_a)


def _moment(
    grid: Grid,
    order: tuple[float, int],
    reading: ChargerReading,
    meter: MeterReading | None,
    now: datetime,
) -> Moment:
    currents = grid_currents_a(grid, meter) if meter is not None else None
    return Moment(at=now, read_at=reading.at, own_a=_own_a(order, reading), grid_a=currents or ())


def _own_a(order: tuple[float, int], reading: ChargerReading) -> tuple[float, ...]:
    """Return the current on each of the charger's lines, as well as it can be known."""
    own = [abs(a) if a is not None else 0.0 for a in reading.currents_a[:OWN_LINES]]
    if own and any(a is not None for a in reading.currents_a):
        return tuple(own + [0.0] * (OWN_LINES - len(own)))
    current_a, phases = order
    used = min(reading.phases or phases, OWN_LINES)
    if reading.power_kw is not None:
        current_a = abs(reading.power_kw) / PHASE_KV / used
    elif reading.status is not ChargerStatus.CHARGING:
        current_a = 0.0
    return tuple(current_a if line < used else 0.0 for line in range(OWN_LINES))


def _step(seen: Watch, ordered_at: datetime, *, measured: bool) -> StepSeen | None:
    now = seen.moments[-1].at
    if (now - ordered_at).total_seconds() < (CALM_S if measured else UNMEASURED_S):
        return None
    before = [m for m in seen.moments if m.at <= ordered_at]
    since = [m for m in seen.moments if m.at > ordered_at]
    after = [m for m in since if (now - m.at).total_seconds() <= CALM_S]
    if not _calm(before) or not _calm(after):
        return None
    own = _change([m.own_a for m in before], [m.own_a for m in after])
    line = max(range(OWN_LINES), key=lambda i: abs(own[i]))
    if abs(own[line]) < SMALLEST_STEP_A:
        return None
    was_a = median(m.own_a[line] for m in before)
    half_a, rising = was_a + own[line] / 2, own[line] > 0
    passed = next(i for i, m in enumerate(seen.moments) if (m.own_a[line] >= half_a) is rising
                  and m.at > ordered_at)  # fmt: skip
    if was_a < 1.0:
        kind = Kind.START
    else:
        kind = Kind.STOP if was_a + own[line] < 1.0 else Kind.CHANGE
    if measured:
        # The car moved between the last report of the old current and the first of the new one.
        before, after = _beside(seen.moments, passed)
    after_s = (seen.moments[passed].read_at - ordered_at).total_seconds()
    return StepSeen(
        own_a=own,
        grid_a=_change([m.grid_a for m in before], [m.grid_a for m in after]),
        kind=kind,
        after_s=max(0.0, after_s),
    )


def _beside(moments: Sequence[Moment], passed: int) -> tuple[list[Moment], list[Moment]]:
    """Return the moments just before and just after a step that is first seen at `passed`."""
    left = moments[passed - 1].read_at - timedelta(seconds=RAMP_S)
    right = moments[passed].at + timedelta(seconds=RAMP_S)
    beside = timedelta(seconds=BESIDE_S)
    before = [m for m in moments if left - beside <= m.at <= left]
    after = [m for m in moments if right <= m.at <= right + beside]
    return before or [moments[0]], after or [moments[-1]]


def _calm(moments: Sequence[Moment]) -> bool:
    """Tell whether the charger's own current stood still, on two moments at least."""
    if len(moments) < 2:
        return False
    lines = zip(*(m.own_a for m in moments), strict=True)
    return all(max(line) - min(line) <= CALM_A for line in lines)


def _change(
    were: Sequence[tuple[float, ...]], are: Sequence[tuple[float, ...]]
) -> tuple[float, ...]:
    """Return the change of each current: medians, so that one odd reading does not count."""
    width = min(len(a) for a in (*were, *are))
    return tuple(median(a[i] for a in are) - median(a[i] for a in were) for i in range(width))
