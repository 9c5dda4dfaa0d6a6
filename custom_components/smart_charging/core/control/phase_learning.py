"""Learns which grid phases a charger's conductors are connected to.

Each step of the charger's current is compared with what the meter's phase currents did at the
same time. Every possible wiring is scored; a conductor is known once all wirings that explain
the steps agree on it. Equal currents on three phases look the same on every wiring: then the
order stays open, and does not matter.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import permutations

from ..grid import Grid, Topology
from ..reading import ChargerReading, MeterReading
from .reaction import SMALLEST_STEP_A, StepSeen, Watch, watch

APART = 1.0
"""Sum of the misfits by which a wiring must be worse than the best to be ruled out. A clean step
gives 1/2 to 2/3, so two of them decide, and steps that a load of the house spoilt take more."""

GOOD = 0.5
"""Mean misfit up to which a wiring explains what was seen; a hob on the same phase gives 1/3."""

LEAST_SHARE = 0.5
"""On 3x230 the current of a line changes by at least half and at most all of the charger's: it
adds at an angle of up to 60 degrees to what flows already."""

WIRINGS: tuple[tuple[int, ...], ...] = tuple(permutations((1, 2, 3)))


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What is known of a charger's wiring and reaction; starts empty, kept by the caller."""

    watch: Watch = field(default_factory=Watch)
    steps: int = 0
    misfit: tuple[float, ...] = (0.0,) * len(WIRINGS)
    """Sum over the steps, per possible wiring, 0 to 1 for each step."""
    moved: tuple[int, ...] = (0, 0, 0)
    """In how many steps each grid phase moved along."""


@dataclass(frozen=True, kw_only=True)
class LearnedMap:
    """The wiring as far as the meter shows it."""

    phase_map: tuple[int, ...]
    """Grid phase of the charger's own L1, L2, L3; what is not known stays as configured."""
    known: tuple[bool, ...]
    """Whether each of them is proven."""
    moved: tuple[int, ...]
    """Grid phases (from 1) that moved with the charger in most steps."""
    steps: int
    """Steps that it rests on."""


def learn(
    learning: Learning,
    grid: Grid,
    *,
    ordered_a: float,
    phases: int,
    reading: ChargerReading,
    meter: MeterReading | None,
    now: datetime,
) -> Learning:
    """Take note of an order in force and of the latest readings; call it about once a second.

    `ordered_a` (A, 0 pauses) and `phases` are what the charger was told. Other chargers should
    keep their current meanwhile; what they and the house do at the same time is noise.
    """
    seen, step = watch(
        learning.watch,
        grid,
        ordered_a=ordered_a,
        phases=phases,
        reading=reading,
        meter=meter,
        now=now,
    )
    learning = replace(learning, watch=seen)
    if step is None or grid.topology.phases == 1 or len(step.grid_a) != grid.topology.phases:
        return learning
    return _scored(learning, grid, step, unmeasured=_unmeasured(grid, meter))


def learned_map(
    learning: Learning, grid: Grid, configured: tuple[int, ...] = (1, 2, 3)
) -> LearnedMap | None:
    """Return the wiring, or `None` while the meter has not shown it.

    On one phase it is known without a step.
    """
    if grid.topology.phases == 1:
        return LearnedMap(phase_map=configured, known=(True,) * 3, moved=(1,), steps=learning.steps)
    best = min(learning.misfit)
    if learning.steps < 2 or best > GOOD * learning.steps:
        return None
    possible = [
        w for w, misfit in zip(WIRINGS, learning.misfit, strict=True) if misfit < best + APART
    ]
    known = tuple(len({w[line] for w in possible}) == 1 for line in range(3))
    # Of the wirings that explain it, the one that leaves most as it was set.
    chosen = max(possible, key=lambda w: sum(a == b for a, b in zip(w, configured, strict=False)))
    return LearnedMap(
        phase_map=chosen,
        known=known,
        moved=tuple(p + 1 for p, n in enumerate(learning.moved) if 3 * n >= 2 * learning.steps),
        steps=learning.steps,
    )


def _scored(
    learning: Learning, grid: Grid, step: StepSeen, *, unmeasured: frozenset[int]
) -> Learning:
    measured = [p for p in range(3) if p not in unmeasured]
    misfit = tuple(
        old + _misfit(grid, wiring, step, measured)
        for old, wiring in zip(learning.misfit, WIRINGS, strict=True)
    )
    sign = 1.0 if sum(step.own_a) > 0 else -1.0
    least = max(map(abs, step.own_a)) * LEAST_SHARE
    moved = tuple(
        n + (p in measured and sign * step.grid_a[p] >= least) for p, n in enumerate(learning.moved)
    )
    return replace(learning, steps=learning.steps + 1, misfit=misfit, moved=moved)


def _misfit(grid: Grid, wiring: tuple[int, ...], step: StepSeen, measured: list[int]) -> float:
    """Return how far a step is from what a wiring would show: 0 not at all, 1 in every phase.

    A phase that a load of the house moved as well counts at most as wholly wrong.
    """
    size = max(map(abs, step.own_a))
    expected = [0.0, 0.0, 0.0]
    for line, change in enumerate(step.own_a):
        expected[wiring[line] - 1] = change
    least = 1.0
    if grid.topology is Topology.THREE_230:
        least = LEAST_SHARE
        if sum(abs(change) >= SMALLEST_STEP_A for change in step.own_a) == 1:
            # A one-phase car sits between the lines of its L1 and L2.
            expected[wiring[1] - 1] = step.own_a[0]
    total = 0.0
    for p in measured:
        low, high = sorted((expected[p] * least, expected[p]))
        off = max(low - step.grid_a[p], step.grid_a[p] - high, 0.0)
        total += min(off / (size * least), 1.0) ** 2
    return total / len(measured)


def _unmeasured(grid: Grid, meter: MeterReading | None) -> frozenset[int]:
    """Return the lines that the meter does not measure: L2 of an Aron meter."""
    if grid.topology is not Topology.THREE_230 or meter is None or len(meter.phases) != 3:
        return frozenset()
    second = meter.phases[1]
    return frozenset({1}) if not second.current_a and not second.voltage_v else frozenset()
