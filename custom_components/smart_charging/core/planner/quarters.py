"""The clock quarters whose mean import a capacity tariff is measured on."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from .slots import QUARTER, floor_to

MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
HOUR_US = 3_600_000_000
"""Microseconds per second and hour. Moments count in whole microseconds, so that borders meet exactly."""


@dataclass(frozen=True, kw_only=True)
class Quarters:
    """Groups of slots whose mean import is one value each; arrays of one value per group."""

    of_slot: npt.NDArray[np.int64]
    """Number of the quarter of each slot."""
    size: npt.NDArray[np.int64]
    """How many slots it has."""
    hours: npt.NDArray[np.float64]
    """Length over which the mean is taken."""
    prior_kwh: npt.NDArray[np.float64]
    """Imported before the first of these slots began."""
    month: npt.NDArray[np.int64]
    """Index into the months of the plan."""


def quarters_of(
    now: datetime,
    bounds_us: npt.NDArray[np.int64],
    month: npt.NDArray[np.int64],
    running_kwh: float,
) -> Quarters:
    """Group slots into clock quarters; `bounds_us` are their bounds in microseconds from `now`.

    `running_kwh` is what has been imported since the running quarter began. Slots of a quarter
    and more stand for themselves: their mean power is taken as that of the quarters in them.
    """
    quarter = QUARTER // MICROSECOND
    # On the UTC clock, counted from the border before `now`.
    clock = bounds_us + (now - floor_to(now, QUARTER)) // MICROSECOND
    start, end = clock[:-1], clock[1:]
    begin = np.where(end - start >= quarter, start, start // quarter * quarter)
    new = begin[1:] != begin[:-1]
    first = np.concatenate([[0], new.nonzero()[0] + 1])
    size = np.concatenate([first[1:], [len(start)]]) - first
    length = end[first + size - 1] - start[first]
    whole = length >= quarter
    prior = np.zeros(len(first))
    if not whole[0] and start[0] + length[0] <= begin[0] + quarter:
        prior[0] = max(0.0, running_kwh)
    return Quarters(
        of_slot=np.repeat(np.arange(len(first)), size),
        size=size,
        hours=np.where(whole, length, quarter) / HOUR_US,
        prior_kwh=prior,
        month=month[first],
    )
