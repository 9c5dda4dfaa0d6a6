"""What each charger and each flow may do: the bounds that make a relaxation a plan."""

from dataclasses import dataclass
from math import inf
from typing import Self

import numpy as np
import numpy.typing as npt

from .columns import Columns
from .model import ABSENT
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, PluggedSlot, Series
from .solver import Solver

OFF, ON, FREE = 0, 1, 2


@dataclass(kw_only=True)
class Pattern:
    """What each charge and each flow may do."""

    state: list[npt.NDArray[np.int64]]
    """OFF, ON or FREE (part of the time) per plugged slot, for each vehicle."""
    setting: list[npt.NDArray[np.int64]]
    """Which setting an ON slot keeps."""
    cap: list[Series]
    """Highest mean power in kW."""
    pinned: dict[tuple[int, int], float]
    """Mean power in kW of the (vehicle, position) that a limit has fixed."""
    exporting: dict[int, bool]
    """Direction of the slots in which import and export exclude each other."""
    discharging: dict[tuple[int, int], bool]
    """Direction of (battery, slot) where charge and discharge exclude each other."""
    battery_cap: dict[tuple[int, int], float]
    """Highest charge in kW of the (battery, slot) that makes room for a car."""
    tapered: list[npt.NDArray[np.bool_]]
    """Slots in which the car itself may draw less than the charger's minimum, nearly full."""
    full_range: bool = False
    """ON slots may fall below their minimum: the last resort where limits tighten."""

    def copy(self) -> Self:
        """Return a pattern that may be changed on its own."""
        return type(self)(
            state=[x.copy() for x in self.state],
            setting=[x.copy() for x in self.setting],
            cap=[x.copy() for x in self.cap],
            pinned=dict(self.pinned),
            exporting=dict(self.exporting),
            discharging=dict(self.discharging),
            battery_cap=dict(self.battery_cap),
            tapered=self.tapered,
            full_range=self.full_range,
        )


def apply(
    prepared: Prepared, needs: tuple[Needs, ...], columns: Columns, solver: Solver, pattern: Pattern
) -> None:
    """Set the bounds of the live solver to a pattern."""
    ids: list[int] = []
    lower: list[float] = []
    upper: list[float] = []

    def bound(column: int, low: float, high: float) -> None:
        ids.append(column)
        lower.append(low)
        upper.append(high)

    for v, need in enumerate(needs):
        for i, plugged in enumerate(need.slots):
            if (column := int(columns.charge[v][i])) == ABSENT:
                continue
            low, high = limits_of(pattern, v, i, plugged)
            bound(column, low, high)
            _line_factors(columns, solver, plugged, column, pattern, v, i)
    most = float(prepared.import_limit + prepared.breach_kw)
    for t in columns.one_way:
        exporting = pattern.exporting.get(t)
        everything = most + float(prepared.over[t])
        bound(int(columns.imported[t]), 0.0, 0.0 if exporting is True else everything)
        bound(
            int(columns.exported[t]),
            0.0,
            0.0 if exporting is False else float(columns.export_most[t]),
        )
    # Slots that an earlier pattern capped get their bound back.
    columns.capped.update(pattern.battery_cap)
    both_ways = {(b, t) for t in columns.battery_one_way for b in range(len(prepared.batteries))}
    for b, t in sorted(both_ways | columns.capped):
        discharging = pattern.discharging.get((b, t))
        cap = pattern.battery_cap.get((b, t), inf)
        if (into := int(columns.battery_in[b][t])) != ABSENT:
            most_in = min(cap, float(columns.charge_most[b][t]))
            bound(into, 0.0, 0.0 if discharging is True else most_in)
        if (out := int(columns.battery_out[b][t])) != ABSENT:
            most_out = float(columns.discharge_most[b][t])
            bound(out, 0.0, 0.0 if discharging is False else most_out)
    solver.set_bounds(np.array(ids, dtype=np.int64), np.array(lower), np.array(upper))
    _feed_limits(prepared, needs, columns, solver, pattern)


def limits_of(pattern: Pattern, v: int, i: int, plugged: PluggedSlot) -> tuple[float, float]:
    """Return the least and highest mean power in kW that a pattern allows in a plugged slot."""
    state = pattern.state[v][i]
    if (pin := pattern.pinned.get((v, i))) is not None:
        return pin, pin
    high = min(float(pattern.cap[v][i]), plugged.max_kw)
    if state == OFF or not plugged.settings:
        return 0.0, 0.0
    if state == FREE:
        return 0.0, high
    setting = plugged.settings[min(int(pattern.setting[v][i]), len(plugged.settings) - 1)]
    high = min(high, plugged.share * setting.max_kw)
    free = pattern.full_range or pattern.tapered[v][i]
    low = 0.0 if free else min(plugged.share * setting.min_kw, high)
    return low, high


def _line_factors(
    columns: Columns,
    solver: Solver,
    plugged: PluggedSlot,
    column: int,
    pattern: Pattern,
    v: int,
    i: int,
) -> None:
    """Give the rows of fuse and circuits the currents of the setting that is chosen."""
    if len(plugged.settings) < 2:
        return
    number = min(int(pattern.setting[v][i]), len(plugged.settings) - 1)
    per_kw = plugged.settings[number].line_a_per_kw
    for phase, factor in enumerate(per_kw):
        for rows in columns.fuse_rows(plugged.charger):
            if (row := int(rows[phase][plugged.slot])) != ABSENT:
                solver.set_factor(row, column, factor / plugged.share)


def _feed_limits(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    columns: Columns,
    solver: Solver,
    pattern: Pattern,
) -> None:
    """With spare sun, batteries give no more than cars take beyond it at their chosen powers.

    The excess over the sun bends upwards; between the least and the highest total power of the
    cars its chord lies on or above it, and on it when the least already exceeds the sun.
    """
    if not columns.feed_rows:
        return
    least = dict.fromkeys(columns.feed_rows, 0.0)
    most = dict.fromkeys(columns.feed_rows, 0.0)
    at: dict[int, list[int]] = {t: [] for t in columns.feed_rows}
    for v, need in enumerate(needs):
        for i, plugged in enumerate(need.slots):
            column = int(columns.charge[v][i])
            if plugged.slot in at and column != ABSENT:
                low, high = limits_of(pattern, v, i, plugged)
                least[plugged.slot] += low
                most[plugged.slot] += high
                at[plugged.slot].append(column)
    for t, row in columns.feed_rows.items():
        sun = float(prepared.surplus[t])
        low, high = max(0.0, least[t] - sun), max(0.0, most[t] - sun)
        span = most[t] - least[t]
        share = (high - low) / span if span > TINY else 0.0
        for column in at[t]:
            solver.set_factor(row, column, -share)
        solver.set_limit(row, float(prepared.net_load[t]) + low - share * least[t])
