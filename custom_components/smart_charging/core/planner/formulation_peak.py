"""The month's peak in the model: quarter-hour means, and what a least current means for them."""

import numpy as np

from .columns import Columns, each
from .model import ABSENT, Model
from .needs import Needs
from .prepare import Prepared
from .presence import TINY


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


def peak_rows(model: Model, prepared: Prepared, need: Needs, columns: Columns, v: int) -> None:
    """P (1 - room / least) - (P - base) - relief - sum_b d_b - sum_v q_v <= 0 [kW] where room < least.

    Perspective rows of the month's peak: a car at its minimum `least` needs room below it. With
    the peak raised by P - base, a charge that goes on takes p <= room + P - base + batteries,
    where room is what sun and the peak so far leave. One slot between two points may charge a
    part of the time, and is exempt: sum of relief <= max (least - room) in each stretch.
    """
    if prepared.peak is None or not need.points:
        return
    plugged, quarters, charge = need.plugged, prepared.quarters, columns.charge[v]
    quarter = quarters.of_slot[plugged.slot]
    whole = (
        (quarters.size[quarter] == 1)
        & (quarters.prior_kwh[quarter] == 0)
        & (quarters.hours[quarter] <= prepared.hours[plugged.slot] + TINY)
    )
    base = np.array(prepared.peak_base_kw)[quarters.month[quarter]]
    room = np.maximum((prepared.pv - prepared.load)[plugged.slot] + base, 0.0)
    least = plugged.min_kw
    at = np.flatnonzero((charge != ABSENT) & whole & (plugged.share >= 1) & (room < least - TINY))
    if not len(at):
        return
    slot, room, least, base = plugged.slot[at], room[at], least[at], base[at]
    _, stretch = np.unique(np.searchsorted(need.points, at, side="right"), return_inverse=True)
    most = np.zeros(int(stretch[-1]) + 1)
    np.maximum.at(most, stretch, least - room)
    relief = model.columns(f"relief{v}", most[stretch])
    model.at_most(
        [
            (charge[at], 1 - room / least),
            (columns.peak[quarters.month[quarter[at]]], -1.0),
            (relief, -1.0),
            *each([x[slot] for x in (*columns.battery_out, *columns.given_at)], -1.0),
        ],
        -base,
    )
    model.at_most([(relief, 1.0, stretch)], most)
