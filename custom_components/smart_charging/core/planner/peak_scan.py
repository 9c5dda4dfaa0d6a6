"""Roundings for a few heights of the month's peak.

How high the peak may get decides which slots bear the least current of a car. The relaxation
raises it by shares of that, slot by slot, and no single switch is worth a rise on its own: so
some rises are tried as a whole.
"""

from typing import TYPE_CHECKING

import numpy as np

from .formulation_peak import room_below_peak
from .model import ABSENT
from .presence import TINY, Series
from .rounding import pattern_of

if TYPE_CHECKING:
    from .search import Climb

WORTH = 5
"""Times the tolerance that the gap must be: the heights take solves that single switches lack."""

RISES = 6
"""Heights that are tried of all at which a slot opens, and again between the best's neighbours."""


def scan_peak(climb: "Climb") -> None:
    """Round the relaxation of some heights of the peak, and keep what is better."""
    if climb.prepared.peak is None or climb.gap <= WORTH * climb.tolerance:
        return
    room = room_below_peak(climb.prepared, climb.needs)
    rises = _rises(climb, room)
    for _ in range(2):
        if not len(rises):
            return
        at = np.unique(np.linspace(0, len(rises) - 1, RISES).astype(int))
        found: list[float] = []
        for i in at:
            found.append(_round_at(climb, room, float(rises[i])))
            if climb.closed or climb.stopped:
                return
        if not found or min(found) == np.inf:
            return
        best = found.index(min(found))
        rises = rises[at[max(best - 1, 0)] : at[min(best + 1, len(at) - 1)] + 1]


def _round_at(climb: "Climb", room: Series, rise: float) -> float:
    """Keep the rounding of the relaxation with the peak at most so much higher, if it is better.

    Return its objective, infinite when it is sure not to be better.
    """
    prepared, columns = climb.prepared, climb.columns
    peaks = np.array(prepared.peak_base_kw)
    climb.solver.set_bounds(columns.peak, peaks, peaks + rise)
    for need, charge in zip(climb.needs, columns.charge, strict=True):
        plugged, at = need.plugged, np.flatnonzero(charge != ABSENT)
        opened = room[plugged.slot] + rise >= plugged.min_kw - TINY
        most = np.where(opened, plugged.max_kw, 0.0)[at]
        climb.solver.set_bounds(charge[at], np.zeros(len(at)), most)
    relaxed = climb.solver.solve(climb.left_s)
    climb.solver.set_bounds(columns.peak, peaks, np.full(len(peaks), np.inf))
    if relaxed is None or relaxed.objective >= climb.to_beat:
        return np.inf
    found = climb.settle(pattern_of(prepared, climb.needs, columns, relaxed, 0.5), climb.to_beat)
    climb.keep(found)
    return np.inf if found is None else found.solved.objective


def _rises(climb: "Climb", room: Series) -> Series:
    """Return the rises in kW at which slots open for a car, ascending."""
    jumps = [
        np.maximum(need.plugged.min_kw - room[need.plugged.slot], 0.0)[charge != ABSENT]
        for need, charge in zip(climb.needs, climb.columns.charge, strict=True)
    ]
    found: Series = np.unique(np.round(np.concatenate([*jumps, np.zeros(0)]), 3))
    return found[found > TINY] + 5e-4 + 10 * TINY
