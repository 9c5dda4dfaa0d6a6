"""What a plan asks of HiGHS, recorded, and the same asked of a raw `highspy.Highs`.

The recorder wraps the methods of `highspy.Highs` that change a model or solve it: whoever calls
them and however the planner is built inside, the same models, bounds and solves can be replayed
from ready arrays. Only what has to be done is timed in a replay: passing a model, changing bounds,
costs or coefficients, giving a start, solving. Options are set between the clocks. Where the planner
tells the simplex where to begin and how to walk, a replay may leave that out: bare HiGHS begins from
nothing and walks as it does by itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from time import perf_counter, thread_time
from typing import Any

PREFIXES = ("add", "change", "clear", "delete", "pass", "run", "set", "solve")
SKIPPED = frozenset({"setCallback", "clearCallbacks"})
TIMED = frozenset(
    {
        "changeCoeff",
        "changeColBounds",
        "changeColCost",
        "changeColsBounds",
        "changeColsCost",
        "changeRowBounds",
        "changeRowsBounds",
        "passModel",
        "run",
        "setBasis",
        "setSolution",
        "solve",
    }
)


@dataclass(frozen=True, kw_only=True)
class Took:
    """Seconds on the clock of the wall and of the thread's CPU."""

    wall_s: float
    cpu_s: float


@dataclass(kw_only=True)
class Recording:
    """The calls to each solver object, in order."""

    solvers: dict[int, list[tuple[str, tuple[Any, ...]]]] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)
    """The objects themselves: a number of one that is gone may be given again."""

    @property
    def solves(self) -> int:
        """How often a solver ran."""
        return sum(name in ("run", "solve") for calls in self.solvers.values() for name, _ in calls)


def timed(run: Callable[[], Any]) -> Took:
    """Return what a run takes."""
    wall, cpu = perf_counter(), thread_time()
    run()
    return Took(cpu_s=thread_time() - cpu, wall_s=perf_counter() - wall)


@contextmanager
def recorded() -> Iterator[Recording]:
    """Record what is asked of every `highspy.Highs` in the body."""
    import highspy

    cls: Any = highspy.Highs
    recording = Recording()
    depth = [0]
    names = [n for n in dir(cls) if n.startswith(PREFIXES) and n not in SKIPPED]
    own = {name: cls.__dict__[name] for name in names if name in cls.__dict__}

    def wrap(name: str, inner: Any) -> Any:
        def call(solver: Any, *args: Any, **more: Any) -> Any:
            if depth[0] == 0:
                _note(recording, solver, name, args)
            depth[0] += 1
            try:
                return inner(solver, *args, **more)
            finally:
                depth[0] -= 1

        return call

    for name in names:
        setattr(cls, name, wrap(name, getattr(cls, name)))
    try:
        yield recording
    finally:
        for name in names:
            if name in own:
                setattr(cls, name, own[name])
            else:
                delattr(cls, name)


def _note(recording: Recording, solver: Any, name: str, args: tuple[Any, ...]) -> None:
    if id(solver) not in recording.solvers:
        recording.kept.append(solver)
        recording.solvers[id(solver)] = calls = []
        if name not in ("passModel", "setOptionValue") and solver.getNumCol():
            # A solver that was kept from an earlier plan: as it stood.
            calls.append(("passModel", (solver.getLp(),)))
            calls.append(("setBasis", (solver.getBasis(),)))
    # Arrays may be used again for the next call.
    copied = tuple(a.copy() if hasattr(a, "copy") else a for a in args)
    recording.solvers[id(solver)].append((name, copied))


def replay_cold(recording: Recording) -> Took:
    """Pass each model that was solved to a raw solver of its own, from arrays, and run it."""
    import highspy

    wall = cpu = 0.0
    make: Any = highspy.Highs
    for calls in recording.solvers.values():
        kept = make()
        kept.setOptionValue("output_flag", False)
        options = [
            args for name, args in calls if name == "setOptionValue" and not _tells(name, args)
        ]
        for name, args in calls:
            if name not in ("run", "solve"):
                getattr(kept, name)(*args)
                continue
            model, fresh = kept.getLp(), make()
            fresh.setOptionValue("output_flag", False)
            for each in options:
                fresh.setOptionValue(*each)
            began, cpu_began = perf_counter(), thread_time()
            fresh.passModel(model)
            fresh.run()
            cpu += thread_time() - cpu_began
            wall += perf_counter() - began
    return Took(wall_s=wall, cpu_s=cpu)


def _tells(name: str, args: tuple[Any, ...]) -> bool:
    """Return whether a call tells the simplex where to begin or how to walk."""
    return name == "setBasis" or (name == "setOptionValue" and "simplex" in args[0])


def replay(recording: Recording, *, told: bool = True) -> Took:
    """Ask the same of raw solvers, and return what that takes.

    Unless `told` they find for themselves where the simplex begins and how it walks.
    """
    import highspy

    wall = cpu = 0.0
    make: Any = highspy.Highs
    for calls in recording.solvers.values():
        raw = make()
        raw.setOptionValue("output_flag", False)
        asked = [call for call in calls if told or not _tells(*call)]
        groups = groupby(asked, lambda call: call[0] in TIMED)
        # Calls that follow each other are timed together: the clock takes as long as a small one.
        for counts, some in [
            (counts, [(getattr(raw, name), args) for name, args in group])
            for counts, group in groups
        ]:
            began, cpu_began = perf_counter(), thread_time()
            for call, args in some:
                call(*args)
            if counts:
                cpu += thread_time() - cpu_began
                wall += perf_counter() - began
    return Took(wall_s=wall, cpu_s=cpu)
