"""From the relaxation to what chargers can do: 0 or min..max, one phase count, one direction.

A `Pattern` narrows the bounds of the relaxation; with them the solver finds the best powers in
a millisecond. Between two points one slot stays free to charge part of the time, so that the
energy comes out exactly. Whether a charge below the minimum is on or off is decided by
sigma-delta: what is left over in one slot is carried to the next.
"""

from dataclasses import dataclass
from math import inf
from typing import Self

import numpy as np
import numpy.typing as npt

from .columns import Columns
from .model import ABSENT, Ids
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, PluggedSlot, Series
from .rounding_v2h import given_kw, giving_bounds, holds_floor, taken
from .solution import setting_for
from .solver import Solved, Solver

OFF, ON, FREE = 0, 1, 2

NEARLY = 1.5
"""A car whose taper leaves less than this many times the minimum may end up below it."""

SLACK_KW = 1e-5
"""A power this near a minimum counts as the minimum: the solver's own tolerance."""


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
    gives: list[npt.NDArray[np.bool_]]
    """Slots in which a vehicle may give back, as far as it does not charge in them."""
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
            gives=list(self.gives),
            battery_cap=dict(self.battery_cap),
            tapered=self.tapered,
            full_range=self.full_range,
        )


def fractional(needs: tuple[Needs, ...], columns: Columns, solved: Solved) -> list[tuple[int, int]]:
    """Return the (vehicle, position) whose power lies between 0 and the minimum."""
    return [
        (v, i)
        for v, need in enumerate(needs)
        for i, plugged in enumerate(need.slots)
        if (c := columns.charge[v][i]) != ABSENT
        and TINY < solved.values[c] < plugged.min_kw - SLACK_KW
    ]


def pattern_of(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    columns: Columns,
    solved: Solved,
    threshold: float,
) -> Pattern:
    """Return the pattern nearest to an answer.

    `threshold` is the part of a minimum slot that must have gathered before a slot goes on;
    above 1 all that is below the minimum goes off, which every limit allows.
    """
    states, settings, caps, tapers = [], [], [], []
    for v, need in enumerate(needs):
        power = _powers(columns.charge[v], solved)
        if need.giving is not None:
            power = np.where(taken(columns.given[v], solved) > power, 0.0, power)
        held = _held_settings(need, power)
        taper = _tapered(prepared, need, power - given_kw(prepared, need, columns, solved, v))
        tapers.append(taper)
        states.append(_states(prepared, need, power, held, taper, threshold))
        settings.append(held)
        caps.append(np.array([s.max_kw for s in need.slots]))
    return Pattern(
        state=states,
        setting=settings,
        cap=caps,
        pinned={},
        gives=[holds_floor(need, columns, solved, v) for v, need in enumerate(needs)],
        battery_cap={},
        tapered=tapers,
        exporting={
            t: _is_back(solved, columns.imported, columns.exported, t) for t in columns.one_way
        },
        discharging={
            (b, t): _is_back(solved, into, out, t)
            for b, (into, out) in enumerate(
                zip(columns.battery_in, columns.battery_out, strict=True)
            )
            for t in columns.battery_one_way
            if prepared.import_price[t] < 0
        },
    )


def _is_back(solved: Solved, there: Ids, back: Ids, t: int) -> bool:
    """Return whether the second of two opposite flows is the greater."""
    if back[t] == ABSENT:
        return False
    return there[t] == ABSENT or bool(solved.values[back[t]] > solved.values[there[t]])


def exclude(columns: Columns, solved: Solved, pattern: Pattern, *, everywhere: bool) -> bool:
    """Give the flows that run both ways at once the direction of their difference.

    With `everywhere` all batteries keep their present direction: what may not burn in one slot
    may otherwise wander to the next. Return whether there were any; the pattern must then be
    solved again.
    """
    values = solved.values
    changed = False
    free = [
        (b, t)
        for b in range(len(columns.battery_in))
        for t in columns.battery_one_way
        if ABSENT not in (columns.battery_in[b][t], columns.battery_out[b][t])
        and (b, t) not in pattern.discharging
    ]
    for b, t in free:
        into, out = values[columns.battery_in[b][t]], values[columns.battery_out[b][t]]
        if min(into, out) > SLACK_KW:
            pattern.discharging[b, t] = bool(out > into)
            changed = True
    if changed and everywhere:
        for b, t in free:
            into, out = values[columns.battery_in[b][t]], values[columns.battery_out[b][t]]
            if max(into, out) > SLACK_KW:
                pattern.discharging.setdefault((b, t), bool(out > into))
    return changed


def _tapered(prepared: Prepared, need: Needs, power: Series) -> npt.NDArray[np.bool_]:
    """Return in which slots the car is so full that it draws no more than about the minimum."""
    vehicle = need.vehicle
    found = np.zeros(len(need.slots), dtype=bool)
    if vehicle.taper_soc is None or vehicle.soc is None or vehicle.taper_soc >= 1:
        return found
    held = vehicle.soc * vehicle.capacity_kwh
    for i, plugged in enumerate(need.slots):
        held += float(power[i] * prepared.hours[plugged.slot]) * vehicle.efficiency
        soc = (held - need.trip_kwh[plugged.slot]) / vehicle.capacity_kwh
        draws = plugged.max_kw * (1 - 0.9 * (soc - vehicle.taper_soc) / (1 - vehicle.taper_soc))
        found[i] = soc > vehicle.taper_soc and draws < NEARLY * plugged.min_kw
    return found


def _powers(ids: Ids, solved: Solved) -> Series:
    return np.where(ids == ABSENT, 0.0, solved.values[ids])


def _held_settings(need: Needs, power: Series) -> npt.NDArray[np.int64]:
    """Return the setting of each slot: one for the whole stay where it may not change."""
    held = np.zeros(len(need.slots), dtype=np.int64)
    running: int | None = None
    most: dict[int, float] = {}
    for i, plugged in enumerate(need.slots):
        if plugged.share > TINY:
            mean = float(power[i]) / plugged.share
            most[plugged.stay] = max(most.get(plugged.stay, 0.0), mean)
    for i, plugged in enumerate(need.slots):
        if len(plugged.settings) < 2:
            continue
        if not plugged.switching:
            needed = most.get(plugged.stay, 0.0)
            number = next(
                (k for k, s in enumerate(plugged.settings) if needed <= s.max_kw + TINY),
                len(plugged.settings) - 1,
            )
        else:
            number = max(_nearest(plugged, float(power[i]), running), 0)
        held[i] = number
        running = number if power[i] > TINY else running
    return held


def _nearest(plugged: PluggedSlot, power_kw: float, running: int | None) -> int:
    """Return the setting whose range a power lies in, or comes closest to."""
    mean = power_kw / plugged.share
    number = setting_for(plugged, power_kw, running)
    if number > 0:
        below, above = plugged.settings[number - 1], plugged.settings[number]
        if mean < above.min_kw and mean - below.max_kw < above.min_kw - mean:
            return number - 1
    return number


def _least(plugged: PluggedSlot, number: int) -> float:
    if not plugged.settings:
        return 0.0
    return plugged.share * plugged.settings[min(number, len(plugged.settings) - 1)].min_kw


def _states(
    prepared: Prepared,
    need: Needs,
    power: Series,
    setting: npt.NDArray[np.int64],
    taper: npt.NDArray[np.bool_],
    threshold: float,
) -> npt.NDArray[np.int64]:
    state = np.full(len(need.slots), OFF, dtype=np.int64)
    begin = 0
    for end in need.points:
        gathered = 0.0
        left: list[int] = []
        for i in range(begin, end):
            plugged = need.slots[i]
            least = _least(plugged, int(setting[i]))
            if power[i] <= TINY:
                continue
            if power[i] >= least - SLACK_KW or taper[i]:
                state[i] = ON
                continue
            hours = float(prepared.hours[plugged.slot])
            gathered += float(power[i]) * hours
            if gathered >= threshold * least * hours:
                state[i] = ON
                gathered -= least * hours
            else:
                left.append(i)
        if left:
            # The one that can take what has gathered, and that the relaxation uses most.
            room = [s.max_kw * float(prepared.hours[s.slot]) for s in need.slots]
            state[max(left, key=lambda i: (min(room[i], gathered), power[i], -i))] = FREE
        else:
            on = [i for i in range(begin, end) if state[i] == ON]
            # Without a part of a slot left over, the last one stays free to end early.
            if on:
                state[on[-1]] = FREE
        begin = end
    return state


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
        for column, low, high in giving_bounds(
            need, columns, v, pattern.gives[v] & (pattern.state[v] == OFF)
        ):
            bound(column, low, high)
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
