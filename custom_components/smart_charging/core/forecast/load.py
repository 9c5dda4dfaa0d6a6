"""What the house will draw, learned from what it drew."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from zoneinfo import ZoneInfo

FALLBACK_KW = 0.5
"""Mean draw that is assumed on the first day: a home with 4,400 kWh a year. Most use less, so
that a plan made with it does not count on room under the fuse that is not there."""

HALF_LIFE = timedelta(days=14)
"""A sample this old counts half: the seasons move by about as much in a fortnight."""

LEAST_SAMPLES = 2
"""Samples of the same weekday and hour below which all days' mean of the hour is the better guess."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class LoadProfile:
    """Mean load per weekday and hour of local time, in kW."""

    zone: ZoneInfo
    by_weekday: Mapping[tuple[int, int], float]
    """(weekday from Monday = 0, hour) -> kW."""
    by_hour: Mapping[int, float]

    def hour_kw(self, at: datetime) -> float:
        """Return the expected load in kW in the hour of local time that `at` lies in."""
        local = at.astimezone(self.zone)
        by_weekday = self.by_weekday.get((local.weekday(), local.hour))
        return self.by_hour.get(local.hour, FALLBACK_KW) if by_weekday is None else by_weekday

    def mean_kw(self, start: datetime, end: datetime) -> float:
        """Return the expected mean load in kW in [start, end), weighted by time."""
        if end <= start:
            return self.hour_kw(start)
        total = 0.0
        at = start
        while at < end:
            until = min(end, self._next_hour(at))
            total += self.hour_kw(at) * (until - at).total_seconds()
            at = until
        return total / (end - start).total_seconds()

    def _next_hour(self, at: datetime) -> datetime:
        # Local hours, which begin on a half hour of UTC in some zones.
        local = at.astimezone(self.zone)
        past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return at + (_HOUR - past)


def load_profile(history: Iterable[tuple[datetime, float]], time_zone: str) -> LoadProfile:
    """Return what the house's load follows: the same weekday and hour, newer days counting more.

    `history` are starts of hours (aware) with the mean load of the hour in kW. An hour of the
    week seen less than twice takes the mean of that hour on all days; one never seen takes
    FALLBACK_KW. Values that are no number are left out; negative ones, which a house cannot
    draw, count as 0.
    """
    zone = ZoneInfo(time_zone)
    samples = [(start, max(kw, 0.0)) for start, kw in history if isfinite(kw)]
    newest = max((start for start, _ in samples), default=None)
    weekdays: dict[tuple[int, int], _Mean] = {}
    hours: dict[int, _Mean] = {}
    for start, kw in samples:
        age = newest - start if newest is not None else timedelta()
        weight = 0.5 ** (age / HALF_LIFE)
        local = start.astimezone(zone)
        weekdays.setdefault((local.weekday(), local.hour), _Mean()).add(kw, weight)
        hours.setdefault(local.hour, _Mean()).add(kw, weight)
    return LoadProfile(
        zone=zone,
        by_weekday={
            key: mean.value for key, mean in weekdays.items() if mean.samples >= LEAST_SAMPLES
        },
        by_hour={key: mean.value for key, mean in hours.items()},
    )


class _Mean:
    """A weighted mean that grows."""

    def __init__(self) -> None:
        self.samples = 0
        self._total = 0.0
        self._weight = 0.0

    def add(self, value: float, weight: float) -> None:
        self.samples += 1
        self._total += value * weight
        self._weight += weight

    @property
    def value(self) -> float:
        return self._total / self._weight
