"""Slots: the steps of a plan, and the months that they fall in."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

QUARTER = timedelta(minutes=15)
"""Meters take the mean import of a capacity tariff over clock quarters."""

JOIN_BELOW = timedelta(minutes=1)
"""A shorter first slot joins the next: no device carries out an order for seconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def floor_to(at: datetime, step: timedelta) -> datetime:
    """Return the last border of `step` on the UTC clock that is not after `at`."""
    return at - (at - _EPOCH) % step


def slot_bounds(now: datetime, hours: int = 48, minutes: int = 15) -> tuple[datetime, ...]:
    """Return the n+1 bounds of the slots that start at `now`, aligned to the UTC clock.

    The first slot is shortened to `now` and joined to the next when under one minute of it is
    left. The last bound is `hours` after the start of the slot that holds `now`. Counting in
    UTC makes days of 23 and 25 hours right by themselves.
    """
    step = timedelta(minutes=minutes)
    now = now.astimezone(UTC)
    begin = floor_to(now, step)
    end = begin + timedelta(hours=hours)
    first = begin + step
    if first - now < JOIN_BELOW and first + step <= end:
        first += step
    bounds = [now]
    while first <= end:
        bounds.append(first)
        first += step
    return tuple(bounds)


def months_of(bounds: tuple[datetime, ...], time_zone: str) -> tuple[tuple[str, ...], list[int]]:
    """Return the months `YYYY-MM` that the slots fall in, and the month of each slot.

    A slot belongs to the local month that holds its middle. An unknown time zone counts as UTC.
    """
    try:
        zone: ZoneInfo | None = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
    if _one_month(bounds, zone):
        local = bounds[0].astimezone(zone or UTC)
        return (f"{local.year}-{local.month:02}",), [0] * (len(bounds) - 1)
    names: list[str] = []
    index: list[int] = []
    last: tuple[int, int] | None = None
    for start, end in pairwise(bounds):
        local = (start + (end - start) / 2).astimezone(zone or UTC)
        if (month := (local.year, local.month)) != last:
            names.append(f"{local.year}-{local.month:02}")
            last = month
        index.append(len(names) - 1)
    return tuple(names), index


def _one_month(bounds: tuple[datetime, ...], zone: ZoneInfo | None) -> bool:
    """Return whether all slots surely fall in one month: nearly every plan, and far sooner seen."""
    first, last = (at.astimezone(zone or UTC) for at in (bounds[0], bounds[-1]))
    return last - first < timedelta(days=28) and first.month == last.month
