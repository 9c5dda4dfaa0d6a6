"""The quarter-hour mean import on which a capacity tariff bills."""

from dataclasses import replace
from datetime import datetime

from ..reading import MeterReading
from .state import QuarterEnergy

QUARTER_S = 900.0

RISE_REST_S = 60.0
"""A budget over less time asks for jumps that a car cannot follow and that end with the quarter."""

FALL_REST_S = 10.0
"""What is drawn now is judged by the time that is really left, or a car would be stopped in each
quarter's last minute. With less than this left it is not judged any more: no car follows in time."""

FALL_SLACK_KW = 0.25
"""At a quarter's start so much above the mean forces no fall, at its end nothing: an ampere less
for a minute and one more after it are two writes for nothing."""

RISE_MARGIN_KW = 0.02
"""A rise stays so far below the target that the next flicker of the house forces no fall."""

LONGEST_GAP_S = 60.0
"""Between two steps; what lies beyond was not seen and is not counted."""


def quarter_start(at: datetime) -> datetime:
    """Return the start of the clock quarter that holds `at`."""
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)


def quarter_elapsed_s(at: datetime) -> float:
    """Return the seconds since the clock quarter began, 0 <= s < 900."""
    return (at - quarter_start(at)).total_seconds()


def quarter_budget_kw(target_kw: float, quarter_kw: float, elapsed_s: float) -> float:
    """Return the mean import in kW that the rest of the quarter may have.

    `quarter_kw` is 1-0:1.4.0: kWh imported since the quarter began x 4, so it grows from 0 and
    the whole quarter ends at quarter_kw + P x rest / 900; solved for P with the end at
    `target_kw`. Negative when the target is already broken. Raises ValueError unless
    0 <= `elapsed_s` < 900.
    """
    if not 0 <= elapsed_s < QUARTER_S:
        raise ValueError(f"elapsed_s must be in [0, 900): {elapsed_s}")
    return (target_kw - quarter_kw) * QUARTER_S / (QUARTER_S - elapsed_s)


def quarter_forecast_kw(quarter_kw: float, power_kw: float, elapsed_s: float) -> float:
    """Return the mean import in kW with which the quarter ends if `power_kw` (+ import) stays.

    Export does not lower what was imported. Raises ValueError unless 0 <= `elapsed_s` <= 900.
    """
    if not 0 <= elapsed_s <= QUARTER_S:
        raise ValueError(f"elapsed_s must be in [0, 900]: {elapsed_s}")
    return quarter_kw + max(power_kw, 0.0) * (QUARTER_S - elapsed_s) / QUARTER_S


def count_import(
    quarter: QuarterEnergy | None, last: datetime | None, at: datetime, power_kw: float
) -> QuarterEnergy:
    """Add the import since the meter reading at `last`; `at` tells time by the meter's clock."""
    start = quarter_start(at)
    elapsed = (at - start).total_seconds()
    gap = (at - last).total_seconds() if last is not None else QUARTER_S
    if quarter is None or quarter.start != start:
        seen = elapsed if 0 <= gap <= LONGEST_GAP_S else 0.0
        quarter, counted = QuarterEnergy(start=start, unseen_s=elapsed - seen), seen
    elif 0 <= gap <= LONGEST_GAP_S:
        counted = gap
    else:
        counted = 0.0
        quarter = replace(quarter, unseen_s=quarter.unseen_s + max(gap, 0.0))
    energy = max(power_kw, 0.0) * counted / 3600
    return replace(quarter, import_kwh=quarter.import_kwh + energy)


def allowed_import_kw(
    target_kw: float,
    meter: MeterReading,
    counted: QuarterEnergy | None,
    shortest_rest_s: float = RISE_REST_S,
) -> float:
    """Return the import in kW that keeps the running quarter at `target_kw`, never negative.

    Time is the meter's own. Where the meter does not count the quarter, ours is taken, and
    what we did not see of it counts as if it had been at the target. A rest of less than
    `shortest_rest_s` counts as that.
    """
    at = meter.device_time or meter.at
    elapsed = quarter_elapsed_s(at)
    quarter_kw = meter.quarter_kw
    if quarter_kw is None:
        quarter_kw = 0.0
        if counted is not None and counted.start == quarter_start(at):
            unseen = target_kw * counted.unseen_s / QUARTER_S
            quarter_kw = 4 * counted.import_kwh + unseen
        else:
            quarter_kw = target_kw * elapsed / QUARTER_S
    elapsed = min(elapsed, QUARTER_S - shortest_rest_s)
    return max(0.0, quarter_budget_kw(target_kw, quarter_kw, elapsed))
