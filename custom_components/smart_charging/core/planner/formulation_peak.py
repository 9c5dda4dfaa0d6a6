"""The month's peak in the model: quarter-hour means, and by how much it must rise at least."""

import numpy as np
import numpy.typing as npt

from .columns import Columns
from .model import ABSENT, Model
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Series

LEAST_KWH = 0.25
"""A jump counts when this much cannot be charged without it: less makes rows of huge factors."""


def quarter_rows(model: Model, prepared: Prepared, columns: Columns) -> None:
    """sum_t h_t g+_t - H P_m <= -prior [kWh]: the mean import of a quarter of H hours, month m."""
    if prepared.peak is None:
        return
    quarters = prepared.quarters
    model.at_most(
        [
            (columns.imported, prepared.hours, quarters.of_slot),
            (columns.peak[quarters.month], -quarters.hours),
        ],
        -quarters.prior_kwh,
    )


def rise_rows(model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns) -> None:
    """(P - base) (E - cap) >= D (E_k - cap) [kW, kWh] at each point k of a vehicle.

    With the peak raised by less than D a car can use those slots only in which sun, batteries
    and the peak so far leave room for its minimum. What it can charge then by the point, cap,
    jumps where a rise opens a slot: D is the last jump before cap reaches what it may charge, E.
    A smaller rise means E_k <= cap, a larger one E_k <= E: the row holds for both.
    """
    if prepared.peak is None:
        return
    room, months = (
        room_below_peak(prepared, needs),
        prepared.quarters.month[prepared.quarters.of_slot],
    )
    for need, charge in zip(needs, columns.charge, strict=True):
        if need.giving is not None:
            # What is given back may be charged again: E is no limit of what goes in.
            continue
        slot = need.plugged.slot
        for k, point in enumerate(need.points):
            at = np.flatnonzero(charge[:point] != ABSENT)
            if not len(at) or months[slot[at[0]]] != months[slot[at[-1]]]:
                continue
            found = _least_rise(prepared, need, at, room, k)
            if found is None:
                continue
            rise, cap = found
            month = int(months[slot[at[0]]])
            share = rise / (need.room_kwh[k] - cap)
            model.at_least(
                [(columns.peak[month], 1.0), (charge[at], -share * prepared.hours[slot[at]], 0)],
                prepared.peak_base_kw[month] - share * cap,
            )


def _least_rise(
    prepared: Prepared, need: Needs, at: npt.NDArray[np.int64], room: Series, k: int
) -> tuple[float, float] | None:
    """Return the rise D in kW that point `k` needs, and the kWh that fit below it."""
    slot = need.plugged.slot[at]
    hours, room = prepared.hours[slot], room[slot]
    least, most = need.plugged.min_kw[at], need.plugged.max_kw[at]
    # One slot per stretch may charge a part of the time, at any rise.
    parts_kwh = (k + 1) * float((least * hours).max())
    found = None
    for rise in np.unique(np.maximum(least - room, 0.0)).tolist():
        if rise <= TINY:
            continue
        power = np.minimum(most, room + rise - 10 * TINY)
        below = float(np.where(power >= least - TINY, power, 0.0) @ hours) + parts_kwh
        if below > need.room_kwh[k] - LEAST_KWH:
            break
        found = rise, below
    return found


def room_below_peak(prepared: Prepared, needs: tuple[Needs, ...]) -> Series:
    """Return the most that sun, storages and the peaks so far leave for one car in each slot.

    Slots that are no whole quarter leave everything: the row of their quarter is about a mean.
    """
    quarters, batteries = prepared.quarters, prepared.batteries
    feeding = sum(
        max(b.max_discharge_kw, 0.0) for b in batteries if b.may_feed_cars or b.may_export
    )
    most = float(sum(max(b.max_discharge_kw, 0.0) for b in batteries) - feeding)
    house: Series = np.full(prepared.n, most)
    for need in needs:
        if need.giving is not None:
            house += np.bincount(need.plugged.slot, need.giving.most_kw, minlength=prepared.n)
    base = np.array(prepared.peak_base_kw)[quarters.month][quarters.of_slot]
    room: Series = prepared.pv - prepared.load + base + feeding
    room += np.minimum(prepared.net_load, house)
    return np.where(whole_quarters(prepared), room, np.inf)


def whole_quarters(prepared: Prepared) -> npt.NDArray[np.bool_]:
    """Return which slots are a quarter of their own, of which nothing has passed."""
    quarters = prepared.quarters
    alone = (quarters.size == 1) & (quarters.prior_kwh == 0)
    whole: npt.NDArray[np.bool_] = alone[quarters.of_slot] & (
        quarters.hours[quarters.of_slot] <= prepared.hours + TINY
    )
    return whole
