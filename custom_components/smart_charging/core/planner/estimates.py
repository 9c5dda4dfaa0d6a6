"""What changes of a vehicle's charge cost at least, by the duals of a plan."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .columns import Columns
from .model import ABSENT
from .moves import stretch
from .needs import Needs
from .pattern import OFF, limits_of
from .prepare import Prepared
from .presence import TINY, Numbers, Series

if TYPE_CHECKING:
    from .search import Attempt

DIGITS = 1e-6
"""Share by which a difference of two long sums may be off."""


class Estimates:
    """Costs in currency of switching plugged slots of a vehicle on and off."""

    def __init__(
        self, prepared: Prepared, need: Needs, columns: Columns, attempt: "Attempt", v: int
    ) -> None:
        self._prepared, self._need, self._attempt, self._v = prepared, need, attempt, v
        ids = columns.charge[v]
        there = ids != ABSENT
        self._rise = attempt.solved.column_duals[ids]
        self._power = attempt.solution.charge[v]
        self._on = np.where(there, np.maximum(self._rise, 0.0) * need.plugged.min_kw, np.inf)
        self._off = np.maximum(-self._rise, 0.0) * self._power
        self._on_sums = _sums(np.where(there, self._on, 0.0))
        self._off_sums = _sums(self._off)
        self._orders: dict[tuple[int, int], tuple[Numbers, Series, Series]] = {}

    def least(self, on: range, off: range, budget: float) -> float:
        """Return about the least that it costs; infinite when that is surely beyond a budget."""
        sums = self._on_sums[on.stop] - self._on_sums[on.start]
        sums += self._off_sums[off.stop] - self._off_sums[off.start]
        if sums > budget + DIGITS * abs(budget) + DIGITS:
            return np.inf
        least = 0.0
        if on:
            least += float(np.add.reduce(self._on[on.start : on.stop]))
        if off:
            least += float(np.add.reduce(self._off[off.start : off.stop]))
        if off and not on and least <= budget:
            least = max(least, self._elsewhere(off))
        return least

    def _elsewhere(self, off: range) -> float:
        """Return about what it costs to charge the energy of a run in others, infinite without room."""
        begin, end = stretch(self._need, off.start)
        energy, rooms = self._energy_sums, self._room_sums
        left = energy[off.stop] - energy[off.start]
        # Mostly what runs besides is full: seen before anything is sorted.
        if left > rooms[end] - rooms[begin] - (rooms[off.stop] - rooms[off.start]) + DIGITS:
            return np.inf
        others, room, price = self._cheapest_first(begin, end)
        apart = (others < off.start) | (others >= off.stop)
        room, price = room[apart], price[apart]
        placed = np.cumsum(room)
        # Cheapest first, until all of it is placed.
        full = int(np.searchsorted(placed, left - TINY))
        if full == len(placed):
            return np.inf if left > TINY else 0.0
        before = float(placed[full - 1]) if full else 0.0
        return float(room[:full] @ price[:full]) + (left - before) * float(price[full])

    def _cheapest_first(self, begin: int, end: int) -> tuple[Numbers, Series, Series]:
        """Return the slots of a stretch with their room in kWh and its price per kWh."""
        if (begin, end) not in self._orders:
            order = begin + np.argsort(self._rise[begin:end], kind="stable")
            hours = self._hours[order]
            price = np.maximum(self._rise[order], 0.0) / hours
            self._orders[begin, end] = order, self._room_kw[order] * hours, price
        return self._orders[begin, end]

    @cached_property
    def _hours(self) -> Series:
        found: Series = self._prepared.hours[self._need.plugged.slot]
        return found

    @cached_property
    def _energy_sums(self) -> list[float]:
        return _sums(self._power * self._hours)

    @cached_property
    def _room_sums(self) -> list[float]:
        return _sums(self._room_kw * self._hours)

    @cached_property
    def _room_kw(self) -> Series:
        """What each slot that is on could charge besides."""
        pattern = self._attempt.pattern
        _, highest = limits_of(pattern, self._need, self._v)
        on = pattern.state[self._v] != OFF
        found: Series = np.maximum(highest - self._power, 0.0) * on
        return found


def _sums(values: Series) -> list[float]:
    """Return the sums of the first 0, 1, ... values."""
    return [0.0, *np.cumsum(values).tolist()]
