"""The ladder: optimum, incumbent, last plan moved, greedy. The plan says which rung it is."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import pulp

from .assemble import Proof, assemble
from .codec import ProblemInvalid, structure_faults
from .columns import Columns
from .formulation import formulate
from .greedy import cheapest_slots, moved
from .limits import tighten
from .model import ABSENT, Model
from .needs import Needs, needs_of
from .prepare import Prepared, prepare
from .presence import TINY
from .problem import Problem
from .readout import read
from .result import Plan, Rung
from .rounding import FREE, OFF, ON, Pattern, apply, exclude, fractional, pattern_of
from .rounding_v2h import give_way
from .simulate import simulate
from .solution import Solution, money, setting_for
from .solver import Solved, Solver
from .weights import GIVE_AWAY, Weights, weights_of

THRESHOLDS = (0.5, 0.25, 0.75, 1.0, 2.0)
"""Sigma-delta thresholds to try, likeliest first; the last switches all doubtful slots off."""

CORRECTIONS = 12
"""Times that a pattern is lowered for a limit before it counts as failed."""

BRANCHES = 150
"""Charges and directions in doubt up to which the search for a proof ends in seconds. Beyond,
the plan stays the best of the rounding with its gap."""

BETTER = 1e-7
"""Currency by which a plan must be better to replace another."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A pattern with the best powers for it."""

    pattern: Pattern
    solved: Solved
    solution: Solution


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
        self._prepared = prepared
        self._needs = needs
        self._weights = weights
        self._deadline = deadline
        self._cancelled = cancelled
        self._limits = prepared.problem.search
        self._solver: Solver
        self._columns: Columns
        self.best: Attempt | None = None
        self._tolerance = self._limits.gap_absolute
        self.bound = -np.inf

    def run(self) -> None:
        """Climb until the gap is closed or a limit of the search is reached."""
        model, self._columns = formulate(self._prepared, self._needs, self._weights)
        self._solver = model.solver(time_limit_s=self._left())
        relaxed = self._solver.answer()
        if relaxed is None:
            return
        self.bound = relaxed.objective
        for threshold in THRESHOLDS:
            self._keep(
                self._settle(
                    pattern_of(self._prepared, self._needs, self._columns, relaxed, threshold)
                )
            )
            if self.closed or self.stopped:
                break
        if self.best is None and not self.stopped:
            self._last_resort(relaxed)
        self._flip(relaxed)
        if not self.closed and not self.stopped and self.best is not None:
            self._branch(self.best, relaxed)

    @property
    def closed(self) -> bool:
        """Whether the best is proven within the gap that is asked for."""
        return self.best is not None and self.gap <= self._tolerance

    @property
    def gap(self) -> float:
        """Currency by which the best may be dearer than the optimum."""
        if self.best is None:
            return np.inf
        return max(0.0, self.best.solved.objective - self.bound)

    @property
    def stopped(self) -> bool:
        """Whether time is up or a newer problem is waiting."""
        return self._left() <= 0 or (self._cancelled is not None and self._cancelled())

    def _left(self) -> float:
        return self._deadline - perf_counter()

    def _keep(self, attempt: Attempt | None) -> bool:
        if attempt is None:
            return False
        better = self.best is None or attempt.solved.objective < self.best.solved.objective - BETTER
        if better:
            self.best = attempt
            cost = money(self._prepared, self._needs, self._weights, attempt.solution)
            limits = self._limits
            self._tolerance = max(limits.gap_absolute, limits.gap_relative * abs(cost))
        return better

    def _settle(self, pattern: Pattern) -> Attempt | None:
        """Return the best powers for a pattern, lowered until running currents keep the limits."""
        for round_ in range(CORRECTIONS):
            apply(self._prepared, self._needs, self._columns, self._solver, pattern)
            solved = self._solver.solve(self._left())
            if solved is None:
                if give_way(self._needs, pattern.gives, pattern.exporting):
                    continue
                return None
            if exclude(self._columns, solved, pattern, everywhere=round_ >= CORRECTIONS // 3):
                continue
            solution = read(
                self._prepared, self._needs, self._columns, solved, self._settings(pattern, solved)
            )
            if not tighten(
                self._prepared,
                self._needs,
                pattern,
                solution,
                pin=round_ >= CORRECTIONS // 3,
                everything=round_ >= CORRECTIONS - 2,
            ):
                return Attempt(pattern=pattern, solved=solved, solution=solution)
        return None

    def _settings(
        self, pattern: Pattern, solved: Solved
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...]:
        found = []
        for v, need in enumerate(self._needs):
            chosen = np.full(len(need.slots), -1, dtype=np.int64)
            for i, plugged in enumerate(need.slots):
                if (column := self._columns.charge[v][i]) == ABSENT or not plugged.settings:
                    continue
                power = float(solved.values[column])
                held = int(pattern.setting[v][i])
                if pattern.state[v][i] == ON and plugged.settings:
                    chosen[i] = min(held, len(plugged.settings) - 1) if power > 1e-6 else -1
                else:
                    chosen[i] = setting_for(plugged, power, held)
            found.append(chosen)
        return tuple(found)

    def _last_resort(self, relaxed: Solved) -> None:
        """Let minimums go, then switch off whatever ends up below its minimum."""
        pattern = pattern_of(self._prepared, self._needs, self._columns, relaxed, 2.0)
        pattern.full_range = True
        attempt = self._settle(pattern)
        if attempt is None:
            return
        for v, need in enumerate(self._needs):
            for i, plugged in enumerate(need.slots):
                low = attempt.solution.charge[v][i] < plugged.min_kw - 1e-5
                low &= not attempt.pattern.tapered[v][i]
                if attempt.pattern.state[v][i] == ON and low:
                    attempt.pattern.state[v][i] = OFF
        self._keep(self._settle(attempt.pattern))

    def _flip(self, relaxed: Solved) -> None:
        """Try other states of each charge that the relaxation left in doubt."""
        doubtful = fractional(self._needs, self._columns, relaxed)
        improved = True
        while improved:
            improved = False
            for v, i in doubtful:
                for change in (self._switched, self._freed):
                    if self.closed or self.stopped or self._solver.solves >= self._limits.solves:
                        return
                    if self.best is None or self.best.pattern.state[v][i] == FREE:
                        break
                    improved |= self._keep(self._settle(change(self.best, v, i)))

    def _switched(self, attempt: Attempt, v: int, i: int) -> Pattern:
        """Return the pattern with a charge on that was off, or off that was on."""
        pattern = attempt.pattern.copy()
        pattern.state[v][i] = ON if pattern.state[v][i] == OFF else OFF
        return pattern

    def _freed(self, attempt: Attempt, v: int, i: int) -> Pattern:
        """Return the pattern whose part of a slot is this one instead of the present one."""
        pattern = attempt.pattern.copy()
        points = self._needs[v].points
        end = next(p for p in points if i < p)
        begin = max((p for p in points if p <= i), default=0)
        for j in range(begin, end):
            if pattern.state[v][j] == FREE:
                runs = attempt.solution.charge[v][j] >= self._needs[v].slots[j].min_kw / 2
                pattern.state[v][j] = ON if runs else OFF
        pattern.state[v][i] = FREE
        return pattern

    def _branch(self, start: Attempt, relaxed: Solved) -> None:
        """Solve the whole problem with binaries, from the best so far.

        What is stopped by the clock is thrown away: the plan must not hang on the machine's mood.
        """
        model, columns = formulate(self._prepared, self._needs, self._weights, integers=True)
        free = self._fix(model, columns, relaxed)
        if free > BRANCHES:
            return
        solver = model.solver(
            time_limit_s=self._left(),
            cancelled=self._cancelled,
            start=self._start(start, columns, model.count),
            nodes=self._limits.nodes,
            gap_absolute=self._tolerance / 2,
        )
        if self.stopped or (found := solver.answer()) is None:
            return
        self.bound = max(self.bound, min(found.bound, start.solved.objective))
        self._keep(self._settle(pattern_of(self._prepared, self._needs, self._columns, found, 2.0)))

    def _fix(self, model: Model, columns: Columns, relaxed: Solved) -> int:
        """Fix what no better plan can have otherwise, and return how many binaries stay free.

        By the reduced costs of the relaxation: a switch that costs more than the gap.
        """
        free = sum(int(np.count_nonzero(x != ABSENT)) for x in columns.above)
        for t, _, one, other in columns.ways:
            both = min(relaxed.values[one], relaxed.values[other]) > TINY
            free += int(both or self._prepared.import_price[t] < 0)
        for v, need in enumerate(self._needs):
            for i, plugged in enumerate(need.slots):
                if (on := int(columns.running[v][i])) == ABSENT:
                    continue
                column = columns.charge[v][i]
                power, rise = relaxed.values[column], relaxed.column_duals[column]
                if power <= TINY and rise * plugged.min_kw > self.gap:
                    model.fix(on, 0.0)
                elif (
                    power >= plugged.max_kw - TINY
                    and -rise * (plugged.max_kw - plugged.min_kw) > self.gap
                ):
                    model.fix(on, 1.0)
                else:
                    free += 1
        return free

    def _start(
        self, attempt: Attempt, columns: Columns, count: int
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the best so far as values of the model with binaries."""
        values = np.zeros(count)
        values[: len(attempt.solved.values)] = attempt.solved.values
        for _, column, one, other in columns.ways:
            values[column] = float(values[one] > values[other])
        for v, need in enumerate(self._needs):
            for i, plugged in enumerate(need.slots):
                if (on := columns.running[v][i]) == ABSENT:
                    continue
                power = values[columns.charge[v][i]]
                runs = power >= plugged.min_kw - 1e-6
                values[on] = float(runs)
                values[columns.partial[v][i]] = float(not runs and power > 1e-9)
        return values


def solve(problem: Problem, last: Plan | None, cancelled: Callable[[], bool] | None) -> Plan:
    """Return the plan of a problem; see `plan`."""
    started = perf_counter()
    if faults := structure_faults(problem):
        raise ProblemInvalid(faults)
    prepared = prepare(problem)
    problem = prepared.problem
    needs = tuple(needs_of(prepared, v) for v in range(len(problem.vehicles)))
    weights = weights_of(prepared, needs)
    search = Climb(prepared, needs, weights, started + problem.search.abort_s, cancelled)
    if not search.stopped:
        try:
            search.run()
        except pulp.PulpError:
            # Whatever the solver refuses, a plan is owed: the lower rungs need no solver.
            search.best = None
    if search.best is not None:
        solution = search.best.solution
        proof = Proof(
            rung=Rung.OPTIMAL if search.closed else Rung.INCUMBENT,
            gap=search.gap + GIVE_AWAY * weights.bill,
        )
    elif last is not None and (shifted := moved(problem, prepared, needs, last)) is not None:
        solution, proof = simulate(prepared, needs, shifted), Proof(rung=Rung.SHIFTED, gap=None)
    else:
        charge = cheapest_slots(prepared, needs)
        solution, proof = simulate(prepared, needs, charge), Proof(rung=Rung.GREEDY, gap=None)
    return assemble(prepared, needs, weights, solution, proof, perf_counter() - started)
