"""From times and values to places in the picture, with the marks along an axis."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from math import ceil, floor, log10

TICK_MINUTES = (5, 15, 30, 60, 120, 180, 360, 720, 1440)
"""Distances between marks of time: those that fit a day."""

TICK_PX = 46
"""Least room for a mark of time."""

EVENING, MORNING = 22, 6
"""Local hours between which it is night in the picture."""

SPIKE = 3.0
"""Prices this many times beyond nine in ten of the others are cut off and written out."""


@dataclass(frozen=True, kw_only=True)
class TimeScale:
    """Time from left to right."""

    begin: datetime
    end: datetime
    left: float
    right: float
    zone: tzinfo

    def x(self, at: datetime) -> float:
        """Return the place of a time, kept inside the picture."""
        share = (at - self.begin) / (self.end - self.begin)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def ticks(self) -> list[tuple[datetime, bool]]:
        """Return the marked times in local time, and whether each is a midnight."""
        minutes = (self.end - self.begin).total_seconds() / 60
        fit = max(1.0, (self.right - self.left) / TICK_PX)
        apart = next((m for m in TICK_MINUTES if minutes / m <= fit), None)
        days = 1 if apart is not None else ceil(minutes / 1440 / fit)
        found = []
        for at in self._walk(5 if apart is not None and apart < 60 else 60):
            minute = 60 * at.hour + at.minute
            if minute % (apart or 1440) == 0 and (minute or not at.toordinal() % days):
                found.append((at, minute == 0))
        return found

    def nights(self) -> Iterator[tuple[float, float]]:
        """Yield the left and right of each night."""
        begun = self.begin if self._dark(self.begin.astimezone(self.zone)) else None
        for at in self._walk(60):
            if self._dark(at) and begun is None:
                begun = at
            elif not self._dark(at) and begun is not None:
                yield self.x(begun), self.x(at)
                begun = None
        if begun is not None:
            yield self.x(begun), self.right

    def _dark(self, at: datetime) -> bool:
        return at.hour >= EVENING or at.hour < MORNING

    def _walk(self, minutes: int) -> Iterator[datetime]:
        """Yield local times with whole multiples of `minutes` on the clock; hours may repeat."""
        at = self.begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        while at <= self.end:
            local = at.astimezone(self.zone)
            # Zones that are off by parts of an hour have their full hours in between.
            if at >= self.begin and local.minute % minutes == 0:
                yield local
            at += timedelta(minutes=5 if minutes < 60 else 15)


@dataclass(frozen=True, kw_only=True)
class ValueScale:
    """Values from bottom to top; what lies beyond its ends is cut off."""

    low: float
    high: float
    top: float
    bottom: float

    def y(self, value: float) -> float:
        """Return the place of a value."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.bottom - share * (self.bottom - self.top)

    def ticks(self, wanted: int = 4) -> list[float]:
        """Return round values along the scale."""
        apart = round_step((self.high - self.low) / wanted)
        first, last = ceil(self.low / apart - 1e-9), floor(self.high / apart + 1e-9)
        return [i * apart for i in range(first, last + 1)]


def round_step(least: float) -> float:
    """Return the next of 1, 2, 2.5, 5, 10, ... above a value."""
    power = 10.0 ** floor(log10(least))
    return next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= least * (1 - 1e-9))


def price_range(values: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and highest price to draw: with 0, and without spikes."""
    sizes = sorted(abs(x) for x in values)
    usual = sizes[int(0.9 * (len(sizes) - 1))]
    most = SPIKE * usual if usual > 0 else sizes[-1]
    low = max(min(*values, 0.0), -most)
    high = min(max(*values, 0.0), most)
    if high - low < 1e-9:
        return 0.0, 1.0
    room = 0.06 * (high - low)
    return (low - room if low else 0.0), high + room
