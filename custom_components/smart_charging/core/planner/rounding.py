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
from .rounding_v2h import given_kw, holds_floor
from .runs import long_enough
from .solution import setting_for
from .solver import Solved

NEARLY = 1.5
"""A car whose taper leaves less than this many times the minimum may end up below it."""

SLACK_KW = 1e-5
"""A power this near a minimum counts as the minimum: the solver's own tolerance."""


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
        power = solved.values[columns.charge[v]]
        if need.giving is not None:
            power = np.where(solved.values[columns.given[v]] > power, 0.0, power)
        held = _held_settings(need, power)
        taper = _tapered(prepared, need, power - given_kw(prepared, need, columns, solved, v))
        tapers.append(taper)
        if any(x.min_on_s > 0 for x in prepared.problem.chargers):
            least = _least(need, held)
            states.append(long_enough(prepared, need, power - threshold * least))
        else:
            states.append(_states(prepared, need, power, held, taper, threshold))
        settings.append(held)
        caps.append(need.plugged.max_kw.copy())
    return Pattern(
        state=states,
        setting=settings,
        cap=caps,
        pinned={},
        gives=[holds_floor(need, columns, solved, v) for v, need in enumerate(needs)],
        battery_cap={},
        battery_now={},
        waste_cap={},
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

    Where burning energy never pays it happens beside a car that charges for a part of a slot: its
    perspective row asks for what the sun lacks while it runs, and the rest of the slot fills up.
    """
    flows = [
        (solved.values[into], solved.values[out])
        for into, out in zip(columns.battery_in, columns.battery_out, strict=True)
    ]
    known = len(pattern.discharging)
    for b, (into, out) in enumerate(flows):
        for t in (np.minimum(into, out) > SLACK_KW).nonzero()[0].tolist():
            pattern.discharging.setdefault((b, t), bool(out[t] > into[t]))
    if len(pattern.discharging) == known:
        return False
    if everywhere:
        for b, (into, out) in enumerate(flows):
            for t in (np.maximum(into, out) > SLACK_KW).nonzero()[0].tolist():
                pattern.discharging.setdefault((b, t), bool(out[t] > into[t]))
    return True


def _tapered(prepared: Prepared, need: Needs, power: Series) -> npt.NDArray[np.bool_]:
    """Return in which slots the car is so full that it draws no more than about the minimum."""
    vehicle, plugged = need.vehicle, need.plugged
    if vehicle.taper_soc is None or vehicle.soc is None or vehicle.taper_soc >= 1:
        return np.zeros(len(plugged), dtype=bool)
    charged = np.cumsum(power * prepared.hours[plugged.slot]) * vehicle.efficiency
    held = vehicle.soc * vehicle.capacity_kwh + charged - need.trip_kwh[plugged.slot]
    soc = held / vehicle.capacity_kwh
    draws = plugged.max_kw * (1 - 0.9 * (soc - vehicle.taper_soc) / (1 - vehicle.taper_soc))
    found: npt.NDArray[np.bool_] = (soc > vehicle.taper_soc) & (draws < NEARLY * plugged.min_kw)
    return found


def _held_settings(need: Needs, power: Series) -> npt.NDArray[np.int64]:
    """Return the setting of each slot: one for the whole stay where it may not change."""
    held = np.zeros(len(need.plugged), dtype=np.int64)
    if len(need.plugged.kind) < 2:
        return held
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


def _least(need: Needs, setting: npt.NDArray[np.int64]) -> Series:
    """Return the lowest mean power of each slot's setting; 0 without one."""
    plugged = need.plugged
    if len(plugged.kind) < 2:
        return plugged.min_kw
    number = np.clip(setting, 0, np.maximum(plugged.count - 1, 0))
    least = plugged.least_kw[number, np.arange(len(plugged))]
    found: Series = plugged.share * np.where(plugged.count > 0, least, 0.0)
    return found


def _states(
    prepared: Prepared,
    need: Needs,
    power: Series,
    setting: npt.NDArray[np.int64],
    taper: npt.NDArray[np.bool_],
    threshold: float,
) -> npt.NDArray[np.int64]:
    hours = prepared.hours[need.plugged.slot]
    least = _least(need, setting)
    on = (power > TINY) & ((power >= least - SLACK_KW) | taper)
    doubtful = np.flatnonzero((power > TINY) & ~on)
    state = np.where(on, ON, OFF)
    begin = 0
    for end in need.points:
        gathered = 0.0
        left: list[int] = []
        for i in doubtful[(doubtful >= begin) & (doubtful < end)].tolist():
            gathered += float(power[i] * hours[i])
            if gathered >= threshold * float(least[i] * hours[i]):
                state[i] = ON
                gathered -= float(least[i] * hours[i])
            else:
                left.append(i)
        if left:
            # The one that can take what has gathered, and that the relaxation uses most.
            room = need.plugged.max_kw * hours
            state[max(left, key=lambda i: (min(room[i], gathered), power[i], -i))] = FREE
        elif len(running := np.flatnonzero(state[begin:end] == ON)):
            # Without a part of a slot left over, the last one stays free to end early.
            state[begin + running[-1]] = FREE
        begin = end
    return state
