"""What each charger and each flow may do: the bounds that make a relaxation a plan."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from .columns import Columns
from .model import ABSENT, Ids
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Series
from .rounding_v2h import giving_bounds
from .solution import setting_for
from .solver import Solved, Solver

OFF, ON, FREE = 0, 1, 2


@dataclass(kw_only=True)
class Pattern:
    """What each charge and each flow may do."""

    state: list[npt.NDArray[np.int64]]
    """OFF, ON or FREE (part of the time) per plugged slot, for each vehicle."""
    setting: list[npt.NDArray[np.int64]]
    """Which setting an ON slot keeps."""
    cap: list[Series]
    """Highest mean power in kW, none above the slot's own."""
    pinned: dict[tuple[int, int], float]
    """Mean power in kW of the (vehicle, position) that a limit has fixed."""
    exporting: dict[int, bool]
    """Direction of the slots in which import and export exclude each other."""
    discharging: dict[tuple[int, int], bool]
    """Direction of (battery, slot) where charge and discharge exclude each other."""
    gives: list[npt.NDArray[np.bool_]]
    """Slots in which a vehicle may give back, as far as it does not charge in them."""
    battery_cap: dict[tuple[int, int], float]
    """Highest charge in kW of the (battery, slot) that makes room for a car."""
    battery_now: dict[int, tuple[float, float, float, float]]
    """Least and highest charge, least and highest discharge in kW of batteries in the present slot
    that stay with an order."""
    waste_cap: dict[int, float]
    """Most sun in kW thrown away in a slot, where more would take the room of a car."""
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
            gives=list(self.gives),
            battery_cap=dict(self.battery_cap),
            battery_now=dict(self.battery_now),
            waste_cap=dict(self.waste_cap),
            tapered=self.tapered,
            full_range=self.full_range,
        )

    def limited(self, needs: tuple[Needs, ...]) -> bool:
        """Return whether limits have narrowed anything."""
        narrowed = self.pinned or self.battery_cap or self.waste_cap
        capped = (
            bool((cap < need.plugged.max_kw).any())
            for cap, need in zip(self.cap, needs, strict=True)
        )
        return bool(narrowed) or any(capped)

    def reopen(self, needs: tuple[Needs, ...]) -> None:
        """Take back what limits have narrowed."""
        self.cap = [need.plugged.max_kw.copy() for need in needs]
        self.pinned.clear()
        self.battery_cap.clear()
        self.waste_cap.clear()


def apply(
    prepared: Prepared, needs: tuple[Needs, ...], columns: Columns, solver: Solver, pattern: Pattern
) -> None:
    """Set the bounds of the live solver to a pattern."""
    ranges = [limits_of(pattern, need, v) for v, need in enumerate(needs)]
    bounds = [(ids, *range_) for ids, range_ in zip(columns.charge, ranges, strict=True)]
    bounds += _directions(prepared, columns, pattern)
    for v, need in enumerate(needs):
        bounds += giving_bounds(need, columns, v, pattern.gives[v] & (pattern.state[v] == OFF))
    if bounds:
        ids, lower, upper = (np.concatenate(x) for x in zip(*bounds, strict=True))
        there = ids != ABSENT
        solver.set_bounds(ids[there], lower[there], upper[there])
    for v, need in enumerate(needs):
        _line_factors(need, columns, solver, pattern, v)
    _feed_limits(prepared, needs, columns, solver, ranges)


def _directions(
    prepared: Prepared, columns: Columns, pattern: Pattern
) -> list[tuple[Ids, Series, Series]]:
    """Return columns and bounds of the flows that exclude each other or make room for a car."""
    found: list[tuple[Ids, Series, Series]] = []

    def bound(ids: Ids, upper: Series, lower: Series | None = None) -> None:
        found.append((ids, np.zeros(len(ids)) if lower is None else lower, upper))

    if columns.one_way:
        at = np.array(columns.one_way)
        exporting = np.array([pattern.exporting[t] for t in columns.one_way])
        most = prepared.import_limit + prepared.breach_kw + prepared.over[at]
        bound(columns.imported[at], np.where(exporting, 0.0, most))
        bound(columns.exported[at], np.where(exporting, columns.export_most[at], 0.0))
    # Slots that an earlier pattern capped get their bound back.
    columns.waste_capped.update(pattern.waste_cap)
    if columns.waste_capped:
        at = np.array(
            sorted(t for t in columns.waste_capped if columns.curtailed[t] != ABSENT), int
        )
        caps = np.array([pattern.waste_cap.get(t, np.inf) for t in at.tolist()])
        bound(columns.curtailed[at], np.minimum(prepared.pv[at], caps))
    columns.capped.update(
        pattern.battery_cap, pattern.discharging, ((b, 0) for b in pattern.battery_now)
    )
    if not columns.capped:
        return found
    for b in range(len(prepared.batteries)):
        into, out = columns.charge_most[b].copy(), columns.discharge_most[b].copy()
        into_least, out_least = np.zeros(len(into)), np.zeros(len(out))
        for (c, t), cap in pattern.battery_cap.items():
            if c == b:
                into[t] = min(cap, into[t])
        for (c, t), discharging in pattern.discharging.items():
            if c == b:
                (into if discharging else out)[t] = 0.0
        if b in pattern.battery_now:
            into_least[0], into[0], out_least[0], out[0] = pattern.battery_now[b]
        bound(columns.battery_in[b], into, into_least)
        bound(columns.battery_out[b], out, out_least)
    return found


def limits_of(pattern: Pattern, need: Needs, v: int) -> tuple[Series, Series]:
    """Return the least and highest mean power in kW that a pattern allows a vehicle."""
    plugged, state = need.plugged, pattern.state[v]
    high = np.where(state == OFF, 0.0, pattern.cap[v])
    if len(plugged.kind) > 1:
        low = np.zeros(len(plugged))
        on = ((state == ON) & ~plugged.barred).nonzero()[0]
        number = np.minimum(pattern.setting[v][on], plugged.count[on] - 1)
        high[on] = np.minimum(high[on], plugged.share[on] * plugged.most_kw[number, on])
        low[on] = np.minimum(plugged.share[on] * plugged.least_kw[number, on], high[on])
    else:
        low = np.minimum(plugged.min_kw, high) * (state == ON)
    if pattern.full_range:
        low[:] = 0.0
    low[pattern.tapered[v]] = 0.0
    for (w, i), pin in pattern.pinned.items():
        if w == v:
            high[i] = pin
            low[i] = 0.0 if pattern.full_range else pin
    return low, high


def chosen_settings(
    need: Needs, charge: Ids, solved: Solved, pattern: Pattern, v: int
) -> npt.NDArray[np.int64]:
    """Return which setting each slot of a vehicle runs at in an answer, -1 where it does not."""
    plugged, state, setting = need.plugged, pattern.state[v], pattern.setting[v]
    power = solved.values[charge]
    runs = (power > TINY) & (plugged.count > 0)
    if len(plugged.kind) < 2:
        return np.where(runs, 0, -1)
    held = np.minimum(setting, plugged.count - 1)
    chosen = np.where(runs, held, -1)
    for i in np.flatnonzero(runs & (state != ON)).tolist():
        chosen[i] = setting_for(need.slots[i], float(power[i]), int(setting[i]))
    return chosen


def _line_factors(need: Needs, columns: Columns, solver: Solver, pattern: Pattern, v: int) -> None:
    """Give the rows of fuse and circuits the currents of the setting that is chosen."""
    plugged, charge = need.plugged, columns.charge[v]
    if len(plugged.kind) < 2:
        return
    choice = np.flatnonzero((plugged.count > 1) & (charge != ABSENT))
    number = np.minimum(pattern.setting[v][choice], plugged.count[choice] - 1)
    lines = plugged.line_a_per_kw[number, choice] / plugged.share[choice, None]
    for charger in np.unique(plugged.charger[choice]).tolist():
        here = plugged.charger[choice] == charger
        slot = plugged.slot[choice[here]]
        for rows in columns.fuse_rows(charger):
            for phase, row in enumerate(rows):
                changes = zip(
                    row[slot].tolist(),
                    charge[choice[here]].tolist(),
                    lines[here, phase].tolist(),
                    strict=True,
                )
                for number_, column, factor in changes:
                    if number_ != ABSENT:
                        solver.set_factor(number_, column, factor)


def _feed_limits(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    columns: Columns,
    solver: Solver,
    ranges: list[tuple[Series, Series]],
) -> None:
    """With spare sun, batteries give no more than cars take beyond it at their chosen powers."""
    if not columns.feed_rows:
        return
    share, limit = feed_shares(prepared, needs, columns, ranges)
    for need, charge in zip(needs, columns.charge, strict=True):
        for t, column in zip(need.plugged.slot.tolist(), charge.tolist(), strict=True):
            if column != ABSENT and t in columns.feed_rows:
                solver.set_factor(columns.feed_rows[t], column, -float(share[t]))
    at, rows = (np.array(list(x)) for x in (columns.feed_rows, columns.feed_rows.values()))
    solver.set_limits(rows, limit[at])


def feed_shares(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    columns: Columns,
    ranges: list[tuple[Series, Series]],
) -> tuple[Series, Series]:
    """Return how much of each kW of cars batteries may feed, and their limit in kW without cars.

    The excess over the sun bends upwards; between the least and the highest total power of the
    cars, `ranges` of each vehicle, its chord lies on or above it, and on it when the least already
    exceeds the sun. Without sun it is all of each kW.
    """
    least, most = np.zeros(prepared.n), np.zeros(prepared.n)
    for need, charge, (low, high) in zip(needs, columns.charge, ranges, strict=True):
        there = charge != ABSENT
        least += np.bincount(need.plugged.slot, low * there, minlength=prepared.n)
        most += np.bincount(need.plugged.slot, high * there, minlength=prepared.n)
    above = np.maximum(least - prepared.surplus, 0.0)
    span = most - least
    rise = np.maximum(most - prepared.surplus, 0.0) - above
    share = np.divide(rise, span, out=np.zeros(prepared.n), where=span > TINY)
    return np.where(prepared.surplus > 0, share, 1.0), prepared.net_load + above - share * least
