"""From the relaxation to what chargers can do: 0 or min..max, one phase count, one direction.

A `Pattern` narrows the bounds of the relaxation; with them the solver finds the best powers in
a millisecond. Between two points one slot stays free to charge part of the time, so that the
energy comes out exactly. Whether a charge below the minimum is on or off is decided by
sigma-delta: what is left over in one slot is carried to the next.
"""

import numpy as np
import numpy.typing as npt

from .columns import Columns
from .model import ABSENT, Ids
from .needs import Needs
from .pattern import FREE, OFF, ON, Pattern
from .prepare import Prepared
from .presence import TINY, PluggedSlot, Series
from .runs import long_enough
from .solution import setting_for
from .solver import Solved

NEARLY = 1.5
"""A car whose taper leaves less than this many times the minimum may end up below it."""

SLACK_KW = 1e-5
"""A power this near a minimum counts as the minimum: the solver's own tolerance."""


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
        held = _held_settings(need, power)
        taper = _tapered(prepared, need, power)
        tapers.append(taper)
        if any(x.min_on_s > 0 for x in prepared.problem.chargers):
            least = np.array([_least(s, int(n)) for s, n in zip(need.slots, held, strict=True)])
            states.append(long_enough(prepared, need, power - threshold * least))
        else:
            states.append(_states(prepared, need, power, held, taper, threshold))
        settings.append(held)
        caps.append(np.array([s.max_kw for s in need.slots]))
    return Pattern(
        state=states,
        setting=settings,
        cap=caps,
        pinned={},
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
