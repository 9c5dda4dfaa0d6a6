"""Runs: charges that go on from slot to slot, how many there are, and how long each lasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from .needs import Needs
from .pattern import FREE, OFF, ON, Pattern
from .prepare import Prepared
from .presence import TINY, Series

RATHER_LONGER = 20.0
"""Slots that a charge too short is rather made longer by than left out."""

type Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A charge in the plugged slots [begin, end) of a vehicle, all of one stay."""

    begin: int
    end: int
    goes_on: bool
    """It runs now already: no start."""


def runs_of(prepared: Prepared, need: Needs, on: Flags) -> list[Run]:
    """Return the runs of the positions that are on, in order of time."""
    # A run begins where the position before is off, or apart; it ends likewise.
    joined = on[1:] & on[:-1] & need.plugged.follows
    begin, end = on.copy(), on.copy()
    begin[1:] &= ~joined
    end[:-1] &= ~joined
    return [
        Run(begin=i, end=j + 1, goes_on=i == 0 and runs_now_h(prepared, need) is not None)
        for i, j in zip(begin.nonzero()[0].tolist(), end.nonzero()[0].tolist(), strict=True)
    ]


def runs_now_h(prepared: Prepared, need: Needs) -> float | None:
    """Return for how many hours a vehicle has been charging up to now, `None` when it is not."""
    if not len(need.plugged) or need.plugged.slot[0] != 0:
        return None
    problem = prepared.problem
    charger = problem.chargers[int(need.plugged.charger[0])].id
    for command in problem.previous:
        if command.charger == charger and command.current_a > 0:
            return max(0.0, (problem.now - command.since).total_seconds() / 3600)
    return None


def least_h(prepared: Prepared, need: Needs, i: int) -> float:
    """Return for how many hours a charge at position `i` goes on at least."""
    return max(0.0, prepared.problem.chargers[int(need.plugged.charger[i])].min_on_s / 3600)


def lengthen(prepared: Prepared, needs: tuple[Needs, ...], pattern: Pattern) -> None:
    """Change a pattern, as little as possible, so that no charge is shorter than its charger asks.

    The end of a stay, the room of the vehicle and a slot without power may still end it.
    """
    if not any(charger.min_on_s > 0 for charger in prepared.problem.chargers):
        return
    for v, need in enumerate(needs):
        if not any(least_h(prepared, need, int(i)) for i in _stays(need)):
            continue
        wish = np.where(pattern.state[v] == OFF, -1.0, RATHER_LONGER)
        pattern.state[v] = long_enough(prepared, need, wish)


def long_enough(prepared: Prepared, need: Needs, wish: Series) -> npt.NDArray[np.int64]:
    """Return the states with the highest sum of wishes of slots that are on, in runs long enough.

    Within each stretch the end of its last run is free to charge a part of the time: there the
    goal's energy ends it.
    """
    state = np.full(len(wish), OFF, dtype=np.int64)
    begins = _stays(need)
    for begin, end in zip(begins, [*begins[1:], len(wish)], strict=True):
        for i in _chosen(prepared, need, wish, begin, end):
            state[i] = ON
    _within_room(prepared, need, state)
    begin = 0
    for end in need.points:
        on = np.flatnonzero(state[begin:end] != OFF)
        if len(on):
            last = begin + int(on[-1])
            after = last + 1
            more = after < len(state) and need.plugged.follows[last] and state[after] != OFF
            if not more:
                state[last] = FREE
        begin = end
    return state


def _stays(need: Needs) -> list[int]:
    """Return the first position of each unbroken presence."""
    follows = need.plugged.follows
    return [0, *(np.flatnonzero(~follows) + 1).tolist()] if len(need.plugged) else []


def _chosen(prepared: Prepared, need: Needs, wish: Series, begin: int, end: int) -> Sequence[int]:
    """Return the positions that are on in one presence: the best by dynamic programming.

    best[i] is the highest sum over [begin, i) with slot i-1 off, on[i] with it on and its run
    long enough. A run that begins at i takes all slots up to where it is long enough.
    """
    count = end - begin
    hours = prepared.hours[need.plugged.slot[begin:end]] * need.plugged.share[begin:end]
    powered = need.plugged.max_kw[begin:end] > TINY
    gains = np.where(powered, wish[begin:end], 0.0)
    total = np.concatenate([[0.0], np.cumsum(gains)])
    time = np.concatenate([[0.0], np.cumsum(hours)])
    least = least_h(prepared, need, begin)
    off = np.full(count + 1, -inf)
    on = np.full(count + 1, -inf)
    came: dict[tuple[bool, int], tuple[bool, int]] = {}
    so_far = runs_now_h(prepared, need) if begin == 0 else None
    start = 0
    if so_far is not None:
        # What runs now runs on until it is long enough.
        start = min(int(np.searchsorted(time, least - so_far - TINY)), count)
        on[start] = total[start]
    else:
        off[0] = 0.0
    for i in range(start, count):
        for was_on, value in ((False, off[i]), (True, on[i])):
            if value > off[i + 1]:
                off[i + 1], came[False, i + 1] = value, (was_on, i)
        if on[i] + gains[i] > on[i + 1]:
            on[i + 1], came[True, i + 1] = on[i] + gains[i], (True, i)
        long = min(int(np.searchsorted(time, time[i] + max(least, TINY) - TINY)), count)
        long = max(long, i + 1)
        if off[i] + total[long] - total[i] > on[long]:
            on[long], came[True, long] = off[i] + total[long] - total[i], (False, i)
    at: tuple[bool, int] = (bool(on[count] > off[count]), count)
    found: list[int] = []
    while at in came:
        before = came[at]
        if at[0]:
            found += range(before[1], at[1])
        at = before
    if at[0]:
        found += range(at[1])
    return [begin + i for i in found if powered[i]]


def _within_room(prepared: Prepared, need: Needs, state: npt.NDArray[np.int64]) -> None:
    """Switch off, from the end, what the vehicle has no room for even at the minimum."""
    least = need.plugged.min_kw * prepared.hours[need.plugged.slot]
    for k, point in enumerate(need.points):
        on = [i for i in range(point) if state[i] != OFF]
        energy = float(least[on].sum())
        while len(on) > 1 and energy - float(least[on[-1]]) > need.room_kwh[k] - TINY:
            energy -= float(least[on[-1]])
            state[on.pop()] = OFF
        if on and energy > need.room_kwh[k] - TINY:
            state[on[-1]] = FREE
