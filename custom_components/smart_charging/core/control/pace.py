"""How fast an order may change: down at once for a limit, otherwise with patience."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from .limits import SUN
from .quarter import quarter_start
from .sharing import Share
from .stale import Sight
from .state import ChargerMemory, Use
from .views import View
from .wish import Wish

LIMIT_REST_S = 60.0
"""A charger that a limit stopped stays off so long: what came on seldom goes off at once."""

REST_GROWTH = 4.0
"""Each further such stop in a quarter makes the rest longer: an oven that cycles shall not drive
a contactor."""

BLIND = (Sight.STALE.value, Sight.SLOW.value)
"""Limits that stand in for a meter."""

_EPS = 1e-6

type Room = Callable[[Wish], tuple[float, str | None]]
"""Returns the current that a rise may reach, and the limit that sets it."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """An order as it may be given now."""

    current_a: float
    phases: int
    urgent: bool
    limit: str | None
    """What holds it down."""


def pace(
    view: View, memory: ChargerMemory, wish: Wish, share: Share, room: Room, now: datetime
) -> Pace:
    """Move the order towards the share as far as limits, cars and contactors bear it."""
    ordered, target = memory.ordered_a, share.current_a
    limit = None if share.limit == SUN else share.limit
    forced = limit is not None and target < ordered - _EPS
    due = _since(memory.changed_at, now) >= view.spec.write_interval_s - _EPS
    # A fall stays urgent until it holds: the first attempt to write it may fail.
    urgent = memory.urgent and not (view.obeyed and view.settled)
    kept = Pace(current_a=ordered, phases=memory.phases, urgent=urgent, limit=limit)
    if forced:
        # Down on the phases in use; another number of them can wait.
        return replace(kept, current_a=target, urgent=True)
    if not due:
        return kept
    if wish.phases != memory.phases and target > 0:
        return _switched(view, memory, wish, target, room, kept, now)
    if target < ordered - _EPS:
        # An order off the charger's grid (by hand, say) is put on it whatever the distance.
        stepped = target <= _EPS or ordered - target >= view.spec.step_a - _EPS
        return replace(kept, current_a=target, urgent=False) if stepped else kept
    if target <= ordered + _EPS:
        return kept
    return _raised(view, memory, wish, target, room, kept, now)


def _switched(
    view: View,
    memory: ChargerMemory,
    wish: Wish,
    target_a: float,
    room: Room,
    kept: Pace,
    now: datetime,
) -> Pace:
    if not view.fresh or not view.settled:
        return kept
    if memory.ordered_a <= 0 and not _may_start(memory, wish, now):
        return kept
    reachable, label = room(wish)
    current = wish.floored_a(min(target_a, reachable))
    if current <= 0:
        return replace(kept, limit=kept.limit or _hard(label))
    return replace(kept, current_a=current, phases=wish.phases, urgent=False)


def _raised(
    view: View,
    memory: ChargerMemory,
    wish: Wish,
    target_a: float,
    room: Room,
    kept: Pace,
    now: datetime,
) -> Pace:
    if not view.fresh or not view.settled:
        return kept
    if memory.ordered_a <= 0 and not _may_start(memory, wish, now):
        return kept
    reachable, label = room(wish)
    current = wish.floored_a(min(target_a, reachable))
    if current - memory.ordered_a < view.spec.step_a - _EPS:
        return replace(kept, limit=kept.limit or _hard(label))
    held = current < target_a - _EPS
    limit = kept.limit or (_hard(label) if held else None)
    return replace(kept, current_a=current, urgent=False, limit=limit)


def _may_start(memory: ChargerMemory, wish: Wish, now: datetime) -> bool:
    """Tell whether a charge may start: once in a quarter, and not after a stop in it."""
    if memory.limit_stopped_at is not None:
        return _since(memory.limit_stopped_at, now) >= memory.rest_s
    if wish.prompt or memory.quarter != quarter_start(now):
        return True
    return memory.starts == 0 and memory.stops == 0


def note(
    view: View, memory: ChargerMemory, order: Pace, wish: Wish, before: Use, now: datetime
) -> ChargerMemory:
    """Remember an order. `before` is what the charger might draw until now."""
    quarter = quarter_start(now)
    if memory.quarter != quarter:
        memory = replace(
            memory, quarter=quarter, starts=0, stops=0, switches=0, limit_stops=0, blind_stops=0
        )
    if wish.want_a <= 0 and order.current_a <= 0:
        memory = replace(memory, limit_stopped_at=None)
    current_same = abs(order.current_a - memory.ordered_a) <= _EPS
    if current_same and order.phases == memory.phases:
        return memory
    if memory.ordered_a <= 0 < order.current_a:
        again = memory.limit_stopped_at is not None
        memory = replace(
            memory,
            starts=memory.starts + (0 if again or wish.prompt else 1),
            limit_stopped_at=None,
            running_since=now,
        )
    elif order.current_a <= 0 < memory.ordered_a:
        memory = replace(
            memory,
            stops=memory.stops + (0 if order.urgent or wish.prompt else 1),
            limit_stopped_at=now if order.urgent else None,
            running_since=None,
        )
        if order.urgent:
            memory = _rested(memory, blind=order.limit in BLIND)
    if order.phases != memory.phases:
        memory = replace(memory, switches=memory.switches + 1, switched_at=now, switch_since=None)
    return replace(
        memory,
        ordered_a=order.current_a,
        phases=order.phases,
        changed_at=now,
        urgent=order.urgent,
        overlaps=not view.settled,
        before=before,
        under=0,
    )


def _rested(memory: ChargerMemory, *, blind: bool) -> ChargerMemory:
    """Set the rest after a stop that a limit forced."""
    if blind:
        # A meter that is back is trusted at once, unless it goes and comes.
        stops = memory.blind_stops + 1
        return replace(memory, blind_stops=stops, rest_s=0.0 if stops == 1 else LIMIT_REST_S)
    stops = memory.limit_stops + 1
    return replace(memory, limit_stops=stops, rest_s=LIMIT_REST_S * REST_GROWTH ** (stops - 1))


def _since(at: datetime | None, now: datetime) -> float:
    return float("inf") if at is None else (now - at).total_seconds()


def _hard(label: str | None) -> str | None:
    return None if label == SUN else label
