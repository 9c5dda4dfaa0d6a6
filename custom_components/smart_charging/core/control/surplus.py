"""Charging by the sun alone: when to start, when to stop, on how many phases."""

from dataclasses import dataclass, replace
from datetime import datetime

from .state import ChargerMemory

START_S = 60.0
"""The sun must carry the minimum for so long before a charge starts."""

STOP_S = 180.0
"""A shortage may last so long before a charge stops: clouds pass, contactors wear."""


@dataclass(frozen=True, kw_only=True)
class SunAnswer:
    """Whether the sun lets a charger run."""

    run: bool
    from_grid: bool
    """Its minimum may come from the grid for now."""
    enough: bool
    """The sun carries the minimum at this moment."""


def sun_answer(
    memory: ChargerMemory,
    left_kw: float,
    minimum_kw: float,
    now: datetime,
    *,
    always: bool,
) -> tuple[SunAnswer, ChargerMemory]:
    """Decide whether a charger runs on `left_kw`, what the sun leaves to it.

    `always` is Minimum and solar: the minimum runs without sun.
    """
    enough = left_kw >= minimum_kw - 1e-6
    memory = replace(
        memory,
        enough_since=(memory.enough_since or now) if enough else None,
        short_since=None if enough else (memory.short_since or now),
    )
    if always:
        return SunAnswer(run=True, from_grid=True, enough=enough), memory
    if memory.ordered_a > 0:
        patient = enough or _lasted(memory.short_since, now) < STOP_S
        return SunAnswer(run=patient, from_grid=patient, enough=enough), memory
    ready = enough and _lasted(memory.enough_since, now) >= START_S
    return SunAnswer(run=ready, from_grid=False, enough=enough), memory


def _lasted(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()
