"""Slots: the steps of a plan, the quarters that a peak is measured on, the months it is billed in."""

from dataclasses import dataclass
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


def hours_between(bounds: tuple[datetime, ...]) -> list[float]:
    """Return the length in hours of each of the n slots between n+1 `bounds`."""
    return [(b - a).total_seconds() / 3600 for a, b in pairwise(bounds)]


def overlap_h(start: datetime, end: datetime, other_start: datetime, other_end: datetime) -> float:
    """Return how many hours two intervals have in common."""
    return max(0.0, (min(end, other_end) - max(start, other_start)).total_seconds() / 3600)


@dataclass(frozen=True, kw_only=True)
class Quarter:
    """Slots whose mean import is one value of the capacity tariff."""

    slots: tuple[int, ...]
    hours: float
    """Length over which the mean is taken."""
    prior_kwh: float
    """Imported before the first of these slots began."""
    month: int
    """Index into the months of the plan."""


def months_of(bounds: tuple[datetime, ...], time_zone: str) -> tuple[tuple[str, ...], list[int]]:
    """Return the months `YYYY-MM` that the slots fall in, and the month of each slot.

    A slot belongs to the local month that holds its middle. An unknown time zone counts as UTC.
    """
    try:
        zone: ZoneInfo | None = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
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


def quarters_of(
    bounds: tuple[datetime, ...], month: list[int], running_kwh: float
) -> tuple[Quarter, ...]:
    """Group the slots into clock quarters.

    `running_kwh` is what has been imported since the running quarter began. Slots of a quarter
    and more stand for themselves: their mean power is taken as that of the quarters in them.
    """
    groups: dict[datetime, list[int]] = {}
    for t, (start, end) in enumerate(pairwise(bounds)):
        key = start if end - start >= QUARTER else floor_to(start, QUARTER)
        groups.setdefault(key, []).append(t)
    found: list[Quarter] = []
    for key, slots in groups.items():
        length = bounds[slots[-1] + 1] - bounds[slots[0]]
        whole = length >= QUARTER
        inside = slots[0] == 0 and not whole and bounds[slots[-1] + 1] <= key + QUARTER
        found.append(
            Quarter(
                slots=tuple(slots),
                hours=(length if whole else QUARTER).total_seconds() / 3600,
                prior_kwh=max(0.0, running_kwh) if inside else 0.0,
                month=month[slots[0]],
            )
        )
    return tuple(found)
