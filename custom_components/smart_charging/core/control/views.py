"""One charger as control sees it now: what it draws, what it may draw, whether it reacts."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from ..grid import Grid
from ..reading import ChargerReading, ChargerStatus
from .phases import active_phases, drawn, use_of
from .stale import CHARGER_STALE_S, STALE_INTERVALS, learn_interval_s
from .state import ChargerMemory, Draw, Use
from .types import ChargerOrder, ChargerSpec

REACTION_S = 15.0
"""After this long an order has shown up or never will. Cars react in 3 to 10 s; the rest is polling."""

SHORTEST_REACTION_S = 8.0
LONGEST_REACTION_S = 60.0
MARGIN_S = 5.0
"""Where the charger's own reaction time is known, that and this margin are waited instead, within
these bounds; a start, which commissioning does not try, is given `REACTION_S` at least."""

SHOWN_A = 1.0
"""A draw this close to the order counts as following it."""

UNDER_READINGS = 2
"""Readings below the offer after which the rest is given to others."""

SETTLE_S = 10.0
"""A car may take this long to reach its offer; until then drawing less says nothing."""

IDLE_S = 120.0
"""An offer unused for so long comes after everybody who draws."""

IDLE_RETRY_S = 3600.0
"""After this long such a car is asked again: it cannot ask by itself while it is paused."""

KEEP_DRAWS_S = 20.0
"""Longer than the time between the readings of a meter and of a charger."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A charger that has reported at least once."""

    spec: ChargerSpec
    order: ChargerOrder
    memory: ChargerMemory
    reading: ChargerReading
    fresh: bool
    plugged: bool
    settled: bool
    """The last change of its order has shown up, or will not."""
    overdue: bool
    """The same without the patience for a car that is known to be slow: a limit has none."""
    active: int
    """Phases on which the car draws."""
    max_a: float
    now_use: Use
    """Its latest draw."""
    per_a: tuple[tuple[int, float], ...]
    """kW per A for each number of phases that it can run on."""

    @property
    def id(self) -> str:
        """Id of the charger."""
        return self.spec.id

    @property
    def ordered_a(self) -> float:
        """Current of the order in force."""
        return self.memory.ordered_a

    @property
    def running(self) -> bool:
        """Whether the order in force lets the car charge."""
        return self.memory.ordered_a > 0

    @property
    def obeyed(self) -> bool:
        """Whether the charger shows that it offers no more than ordered."""
        limit = self.reading.limit_a
        shown = max(self.now_use.phase_a) if limit is None else limit
        return shown <= self.memory.ordered_a + SHOWN_A / 2

    @property
    def beyond(self) -> bool:
        """Whether it draws plainly more than it was ordered."""
        return max(self.now_use.phase_a) > self.memory.ordered_a + SHOWN_A

    @property
    def kw_per_a(self) -> float:
        """Power per ampere on the phases in use."""
        return dict(self.per_a)[self.memory.phases]

    def draw_at(self, at: datetime) -> Use:
        """Return the draw at the moment of a meter reading, as far as it was seen."""
        earlier = [d for d in self.memory.draws if d.at <= at]
        if earlier:
            return earlier[-1].use
        return self.memory.draws[0].use if self.memory.draws else self.now_use


def look(
    grid: Grid,
    spec: ChargerSpec,
    order: ChargerOrder,
    memory: ChargerMemory | None,
    reading: ChargerReading | None,
    now: datetime,
) -> View | None:
    """Return what is known of a charger, or `None` while it has never reported."""
    last = reading or (memory.reading if memory is not None else None)
    if last is None:
        return None
    if memory is None:
        memory = _first(grid, spec, order, last)
    memory = _phases_seen(spec, memory, last, now)
    active = active_phases(grid, memory.phases, order.vehicle_max_phases)
    is_new = memory.reading is None or last.at > memory.reading.at or not memory.draws
    interval = memory.interval_s
    if is_new and memory.reading is not None and memory.draws:
        interval = learn_interval_s(interval, (last.at - memory.reading.at).total_seconds())
    silence = (now - last.at).total_seconds()
    fresh = silence <= max(CHARGER_STALE_S, STALE_INTERVALS * (interval or 0.0))
    plugged = last.status is not ChargerStatus.UNPLUGGED
    if not order.smart:
        memory = replace(memory, ordered_a=_offered_a(grid, spec, active, last), changed_at=None)
    use = drawn(grid, spec, active, last, memory.ordered_a)
    if not fresh and _is_drawing(use):
        use = use_of(grid, spec, active, max(memory.ordered_a, last.limit_a or 0.0)).highest(use)
    if is_new:
        since = now - timedelta(seconds=KEEP_DRAWS_S)
        kept = tuple(d for d in memory.draws if d.at >= since)
        memory = replace(memory, draws=(*kept, Draw(at=last.at, use=use)))
    settled = _settled(spec, memory, last, use, now)
    settle_s = max(SETTLE_S, min(spec.reaction_s or 0.0, LONGEST_REACTION_S))
    used = _usage(memory, last, use, now, is_new=is_new, settle_s=settle_s)
    memory = replace(used, interval_s=interval)
    if not plugged:
        memory = replace(
            memory, under=0, idle_since=None, enough_since=None, short_since=None,
            switch_since=None, limit_stopped_at=None,
        )  # fmt: skip
    max_a = spec.max_a if order.vehicle_max_a is None else min(spec.max_a, order.vehicle_max_a)
    return View(
        spec=spec,
        order=order,
        memory=replace(memory, reading=last),
        reading=last,
        fresh=fresh,
        plugged=plugged,
        settled=settled,
        overdue=settled or _waited_s(memory, now) >= REACTION_S,
        active=active,
        max_a=max_a,
        now_use=use,
        per_a=tuple(
            (p, grid.topology.charger_kw_per_a(active_phases(grid, p, order.vehicle_max_phases)))
            for p in {*spec.phases, memory.phases}
        ),
    )


def _first(
    grid: Grid, spec: ChargerSpec, order: ChargerOrder, reading: ChargerReading
) -> ChargerMemory:
    phases = reading.phases if reading.phases in spec.phases else max(spec.phases)
    assert phases is not None
    active = active_phases(grid, phases, order.vehicle_max_phases)
    return ChargerMemory(ordered_a=_offered_a(grid, spec, active, reading), phases=phases)


def _offered_a(grid: Grid, spec: ChargerSpec, active: int, reading: ChargerReading) -> float:
    """Return the offer that holds before our first order."""
    if reading.limit_a is not None:
        return min(reading.limit_a, spec.max_a)
    use = drawn(grid, spec, active, reading, spec.min_a)
    steps = ceil(max(use.phase_a) / spec.step_a - 1e-6)
    return min(steps * spec.step_a, spec.max_a) if _is_drawing(use) else 0.0


def _phases_seen(
    spec: ChargerSpec, memory: ChargerMemory, reading: ChargerReading, now: datetime
) -> ChargerMemory:
    """Believe a charger that keeps to other phases than ordered, and do not ask again at once."""
    seen = reading.phases
    if memory.phases not in spec.phases:
        # A person narrowed the choice: counted at once, before the charger shows it.
        return replace(memory, phases=max(spec.phases), switched_at=now)
    if seen is None or seen == memory.phases or seen not in spec.phases:
        return memory
    told = max((t for t in (memory.switched_at, memory.changed_at) if t is not None), default=None)
    if told is not None and (now - told).total_seconds() <= 2 * REACTION_S:
        return memory
    return replace(memory, phases=seen, switched_at=now)


def _is_drawing(use: Use) -> bool:
    return max(use.phase_a) >= SHOWN_A


def _reaction_s(spec: ChargerSpec, memory: ChargerMemory) -> float:
    """Return after how long the last change of an order has shown up, or never will."""
    if spec.reaction_s is None:
        return REACTION_S
    started = memory.running_since is not None and memory.running_since == memory.changed_at
    shortest = REACTION_S if started else SHORTEST_REACTION_S
    return min(max(spec.reaction_s + MARGIN_S, shortest), LONGEST_REACTION_S)


def _waited_s(memory: ChargerMemory, now: datetime) -> float:
    since = memory.changed_at
    return float("inf") if since is None else (now - since).total_seconds()


def _settled(
    spec: ChargerSpec, memory: ChargerMemory, reading: ChargerReading, use: Use, now: datetime
) -> bool:
    if memory.changed_at is None or _waited_s(memory, now) >= _reaction_s(spec, memory):
        return True
    if reading.at <= memory.changed_at:
        return False
    if memory.overlaps or memory.switched_at == memory.changed_at:
        return False
    return abs(max(use.phase_a) - memory.ordered_a) <= SHOWN_A


def _usage(
    memory: ChargerMemory,
    reading: ChargerReading,
    use: Use,
    now: datetime,
    *,
    is_new: bool,
    settle_s: float,
) -> ChargerMemory:
    """Count how far the car leaves its offer unused."""
    drawn_a = max(use.phase_a)
    since = memory.changed_at
    ramping = since is not None and (reading.at - since).total_seconds() < settle_s
    under = memory.under
    if is_new:
        unused = not ramping and memory.ordered_a > 0 and drawn_a + SHOWN_A < memory.ordered_a
        under = memory.under + 1 if unused else 0
    idle = memory.idle_since
    if drawn_a >= SHOWN_A:
        idle = None
    elif memory.ordered_a > 0 and idle is None:
        idle = now
    elif memory.ordered_a <= 0 and idle is not None and since is not None:
        # Too short an offer says nothing; a long one is not forgotten by pausing.
        idle = idle if (since - idle).total_seconds() >= IDLE_S else None
    if idle is not None and (now - idle).total_seconds() >= IDLE_RETRY_S:
        idle = None
    return replace(memory, under=under, idle_since=idle)
