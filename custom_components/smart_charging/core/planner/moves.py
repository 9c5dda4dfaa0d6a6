"""Changes of a pattern that its duals promise something of.

The reduced cost of a power is what one more kW in that slot would cost: with a slot that is on at
its minimum against the solver's wish it is above zero, with a slot that is off but wanted below.
Times the minimum it is an estimate of what the change saves. One solve tells what it really does.
"""

from dataclasses import dataclass

import numpy as np

from .columns import Columns
from .model import ABSENT
from .needs import Needs
from .pattern import FREE, OFF, ON, Pattern
from .presence import TINY
from .solver import Solved

PER_STRETCH = 3
"""Slots to switch on, and to switch off, that are looked at in each stretch between two points."""

PROMISE = 1e-5
"""Currency that a change must promise."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """Switch one slot of a vehicle off, another on; or let another be the part of a slot."""

    promise: float = 0.0
    vehicle: int
    off: int | None = None
    on: int | None = None
    free: int | None = None
    setting: tuple[int, int] | None = None
    """Position and the setting that it takes."""

    def apply(
        self, needs: tuple[Needs, ...], pattern: Pattern, solved: Solved, columns: Columns
    ) -> None:
        """Change the pattern."""
        v = self.vehicle
        if self.off is not None:
            pattern.state[v][self.off] = OFF
        if self.on is not None:
            pattern.state[v][self.on] = ON
        if self.setting is not None:
            pattern.setting[v][self.setting[0]] = self.setting[1]
            _open(needs, pattern, v, self.setting[0])
        if self.free is not None:
            begin, end = stretch(needs[v], self.free)
            for j in range(begin, end):
                if pattern.state[v][j] == FREE:
                    power = solved.values[columns.charge[v][j]]
                    runs = power >= needs[v].plugged.min_kw[j] / 2
                    pattern.state[v][j] = ON if runs else OFF
            pattern.state[v][self.free] = FREE
        for i in (self.on, self.free):
            if i is not None:
                _open(needs, pattern, v, i)


def _open(needs: tuple[Needs, ...], pattern: Pattern, v: int, i: int) -> None:
    """Give a slot its whole range back: caps came from what stood there before."""
    pattern.cap[v][i] = needs[v].plugged.max_kw[i]
    pattern.pinned.pop((v, i), None)


def stretch(need: Needs, i: int) -> tuple[int, int]:
    """Return begin and end of the stretch between two points that holds position `i`."""
    end = next(p for p in need.points if i < p)
    return max((p for p in need.points if p <= i), default=0), end


def moves(
    needs: tuple[Needs, ...], columns: Columns, pattern: Pattern, solved: Solved
) -> list[Move]:
    """Return what may better a plan, most promising first."""
    found: list[Move] = []
    for v, need in enumerate(needs):
        begin = 0
        for end in need.points:
            found += _in_stretch(need, columns, pattern, solved, v, begin, end)
            begin = end
    # A stable order: equal promises keep the order of vehicles and time.
    return sorted(found, key=lambda m: -m.promise)


def _in_stretch(
    need: Needs, columns: Columns, pattern: Pattern, solved: Solved, v: int, begin: int, end: int
) -> list[Move]:
    state = pattern.state[v]
    at = [i for i in range(begin, end) if columns.charge[v][i] != ABSENT]
    if not at:
        return []
    ids = columns.charge[v][at]
    rise = dict(zip(at, solved.column_duals[ids].tolist(), strict=True))
    power = dict(zip(at, solved.values[ids].tolist(), strict=True))
    least = dict(zip(at, need.plugged.min_kw[at].tolist(), strict=True))
    # What switching off saves, and what switching on costs.
    saves = {i: rise[i] * power[i] for i in at if state[i] == ON and power[i] > TINY}
    costs = {i: rise[i] * least[i] for i in at if state[i] == OFF}
    offs = sorted(saves, key=lambda i: (-saves[i], i))[:PER_STRETCH]
    ons = sorted(costs, key=lambda i: (costs[i], i))[:PER_STRETCH]
    found = [Move(promise=saves[i], vehicle=v, off=i) for i in offs]
    found += [Move(promise=-costs[i], vehicle=v, on=i) for i in ons]
    found += [Move(promise=saves[i] - costs[j], vehicle=v, off=i, on=j) for i in offs for j in ons]
    # The part of a slot may take any power: it promises nearly as much.
    found += [Move(promise=0.9 * saves[i], vehicle=v, free=i) for i in offs]
    found += [Move(promise=-0.9 * costs[j], vehicle=v, free=j) for j in ons]
    choice = need.plugged.switching & (need.plugged.count > 1) & (state == ON)
    for i in at:
        if not choice[i]:
            continue
        plugged = need.slots[i]
        number = min(int(pattern.setting[v][i]), len(plugged.settings) - 1)
        held, share = plugged.settings[number], plugged.share
        if number and rise[i] > 0 and power[i] <= share * held.min_kw + TINY:
            fall = share * (held.min_kw - min(held.min_kw, plugged.settings[number - 1].max_kw))
            found.append(Move(promise=rise[i] * max(fall, 0.1), vehicle=v, setting=(i, number - 1)))
        if (
            number + 1 < len(plugged.settings)
            and rise[i] < 0
            and power[i] >= share * held.max_kw - TINY
        ):
            gain = share * (plugged.settings[number + 1].max_kw - held.max_kw) / 4
            found.append(Move(promise=-rise[i] * gain, vehicle=v, setting=(i, number + 1)))
    return [move for move in found if move.promise > PROMISE and np.isfinite(move.promise)]
