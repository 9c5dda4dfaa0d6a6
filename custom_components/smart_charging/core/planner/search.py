"""The search for a plan: a bound, roundings of it, and what their duals say can be better.

Every step is counted, so that the same problem gives the same plan; the clock only aborts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import numpy.typing as npt

from .branching import branch
from .columns import Columns
from .formulation import formulate
from .limits import tighten
from .moves import moves
from .needs import Needs
from .pattern import OFF, ON, Pattern, apply, chosen_settings
from .peak_scan import scan_peak
from .prepare import Prepared
from .readout import read
from .rounding import exclude, pattern_of
from .rounding_v2h import give_way
from .runs import lengthen
from .solution import Solution, money
from .solver import Solved, Solver
from .weights import Weights

THRESHOLDS = (0.5, 0.25, 0.75, 1.0, 2.0)
"""Sigma-delta thresholds to try, likeliest first; the last switches all doubtful slots off."""

CORRECTIONS = 12
"""Times that a pattern is lowered for a limit before it counts as failed."""

LAST_CORRECTIONS = 60
"""The same where no other pattern is left."""

BETTER = 1e-7
"""Currency by which a plan must be better to replace another."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A pattern with the best powers for it."""

    pattern: Pattern
    solved: Solved
    solution: Solution
    cost: float
    """Money."""


class Climb:
    """One problem on its way to a plan."""

    def __init__(
        self,
        prepared: Prepared,
        needs: tuple[Needs, ...],
        weights: Weights,
        deadline: float,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self.prepared = prepared
        self.needs = needs
        self.weights = weights
        self.limits = prepared.problem.search
        self.tolerance = self.limits.gap_absolute
        self.best: Attempt | None = None
        self.bound = -np.inf
        self.columns: Columns
        self.cancelled = cancelled
        self._deadline = deadline
        self.solver: Solver

    def run(self) -> None:
        """Climb until the gap is closed or a limit of the search is reached."""
        model, self.columns = formulate(self.prepared, self.needs, self.weights)
        self.solver = model.solver(time_limit_s=self.left_s)
        relaxed = self.solver.answer()
        if relaxed is None:
            return
        self.bound = relaxed.objective
        for threshold in THRESHOLDS:
            self.keep(
                self.settle(
                    pattern_of(self.prepared, self.needs, self.columns, relaxed, threshold),
                    self.to_beat,
                )
            )
            if self.closed or self.stopped:
                break
        if not self.closed and not self.stopped:
            scan_peak(self)
        if self.best is None and not self.stopped:
            self._last_resort(relaxed)
        self._improve()
        if not self.closed and not self.stopped and self.best is not None:
            branch(self, self.best, relaxed)

    @property
    def closed(self) -> bool:
        """Whether the best is proven within the gap that is asked for."""
        return self.best is not None and self.gap <= self.tolerance

    @property
    def gap(self) -> float:
        """Currency by which the best may be dearer than the optimum."""
        if self.best is None:
            return np.inf
        return max(0.0, self.best.solved.objective - self.bound)

    @property
    def to_beat(self) -> float:
        """Objective that a better plan stays below."""
        return np.inf if self.best is None else self.best.solved.objective - BETTER

    @property
    def stopped(self) -> bool:
        """Whether time is up or a newer problem is waiting."""
        return self.left_s <= 0 or (self.cancelled is not None and self.cancelled())

    @property
    def left_s(self) -> float:
        """Seconds until the clock aborts."""
        return self._deadline - perf_counter()

    def keep(self, attempt: Attempt | None) -> bool:
        """Make an attempt the best if it is, and return whether it is."""
        if attempt is None or attempt.solved.objective >= self.to_beat:
            return False
        self.best = attempt
        limits = self.limits
        self.tolerance = max(limits.gap_absolute, limits.gap_relative * abs(attempt.cost))
        return True

    def settle(
        self, pattern: Pattern, most: float = np.inf, corrections: int = CORRECTIONS
    ) -> Attempt | None:
        """Return the best powers for a pattern, lowered until running currents keep the limits.

        `None` when there are none, or as soon as they are sure to cost more than `most`.
        """
        prepared, needs, columns = self.prepared, self.needs, self.columns
        lengthen(prepared, needs, pattern)
        for round_ in range(corrections):
            apply(prepared, needs, columns, self.solver, pattern)
            solved = self.solver.solve(self.left_s)
            if solved is None and give_way(needs, pattern.gives, pattern.exporting):
                continue
            if solved is None or solved.objective > most:
                return None
            if exclude(columns, solved, pattern, everywhere=round_ >= CORRECTIONS // 3):
                continue
            setting = self._settings(pattern, solved)
            solution = read(prepared, needs, columns, solved, setting, pattern)
            if not tighten(
                prepared,
                needs,
                pattern,
                solution,
                pin=round_ >= CORRECTIONS // 3,
                everything=round_ >= corrections - 2,
            ):
                cost = money(prepared, needs, self.weights, solution)
                return Attempt(pattern=pattern, solved=solved, solution=solution, cost=cost)
        return None

    def _settings(self, pattern: Pattern, solved: Solved) -> tuple[npt.NDArray[np.int64], ...]:
        return tuple(
            chosen_settings(need, self.columns.charge[v], solved, pattern, v)
            for v, need in enumerate(self.needs)
        )

    def _last_resort(self, relaxed: Solved) -> None:
        """Let minimums go, then switch off whatever ends up below its minimum."""
        pattern = pattern_of(self.prepared, self.needs, self.columns, relaxed, 2.0)
        pattern.full_range = True
        attempt = self.settle(pattern, corrections=LAST_CORRECTIONS)
        if attempt is None:
            return
        for v, need in enumerate(self.needs):
            for i, plugged in enumerate(need.slots):
                low = attempt.solution.charge[v][i] < plugged.min_kw - 1e-5
                low &= not attempt.pattern.tapered[v][i]
                if attempt.pattern.state[v][i] == ON and low:
                    attempt.pattern.state[v][i] = OFF
        self.keep(self.settle(attempt.pattern))

    def _improve(self) -> None:
        """Try the changes that the duals of the best promise most of, until none helps.

        First with the caps that limits have set, then without them: they came from what ran
        beside it then.
        """
        while not self.closed and (self._better(reopen=False) or self._better(reopen=True)):
            pass

    def _better(self, *, reopen: bool) -> bool:
        """Return whether one of the changes is better, and is the best now."""
        best = self.best
        if best is None or (reopen and not best.pattern.limited(self.needs)):
            return False
        for change in moves(self.needs, self.columns, best.pattern, best.solved):
            if self.closed or self.stopped or self.solver.solves >= self.limits.solves:
                return False
            pattern = best.pattern.copy()
            if reopen:
                pattern.reopen(self.needs)
            change.apply(self.needs, pattern, best.solved, self.columns)
            if self.keep(self.settle(pattern, self.to_beat)):
                return True
        return False
