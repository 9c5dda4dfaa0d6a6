"""Two rates by the clock on the wall: day and night."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ..core.price import Price
from ..devices.base import Data, DriverContext, Field, FieldKind
from .base import SourceKind

SATURDAY = 5


class DayNightPrice:
    """A day rate between two hours of the wall clock, a night rate otherwise."""

    version = 1

    def __init__(self, data: Data, context: DriverContext) -> None:
        """Take rates in currency per kWh, hours as decimals (7.5 is 07:30) and `time_zone`.

        A day that starts later than it ends runs over midnight; one that starts when it ends
        lasts all day.
        """
        self.fetched_at: datetime | None = context.clock.now()
        self._day = float(data["day_rate"])
        self._night = float(data["night_rate"])
        self._day_start_h = float(data["day_start"]) % 24
        self._day_end_h = float(data["day_end"]) % 24
        self._weekend_is_night = bool(data.get("weekend_is_night", True))
        # Home Assistant holds this zone already: no file is read here.
        self._zone = ZoneInfo(str(data["time_zone"]))

    async def identify(self) -> str:
        """Return the unique id: a contract has one day and night rate."""
        return "day_night"

    async def run(self, changed: Callable[[], None]) -> None:
        """Wait until cancelled: nothing ever changes."""
        await asyncio.Event().wait()

    def prices(self, start: datetime, end: datetime) -> list[Price]:
        """Return the rates over [start, end), cut at its ends; equal neighbours are joined."""
        if start >= end:
            return []
        switches: list[tuple[datetime, float]] = []
        for at, value in self._switches(start, end):
            if at >= end:
                break
            at = max(at, start)
            if switches and switches[-1][0] == at:
                switches.pop()
            if not switches or switches[-1][1] != value:
                switches.append((at, value))
        ends = [at for at, _ in switches[1:]] + [end]
        return [
            Price(start=at, end=until, value=value)
            for (at, value), until in zip(switches, ends, strict=True)
        ]

    def dump(self) -> dict[str, Any]:
        """Return nothing: all of it stands in the form."""
        return {}

    def load(self, stored: dict[str, Any]) -> None:
        """Take nothing back."""

    def _switches(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, float]]:
        """Yield the moments (UTC) at which a rate begins, from the midnight before `start`."""
        day = start.astimezone(self._zone).date()
        while (midnight := self._at(day, 0)) < end:
            if day.weekday() >= SATURDAY and self._weekend_is_night:
                yield midnight, self._night
            elif self._day_start_h == self._day_end_h:
                yield midnight, self._day
            elif self._day_start_h < self._day_end_h:
                yield midnight, self._night
                yield self._at(day, self._day_start_h), self._day
                yield self._at(day, self._day_end_h), self._night
            else:
                yield midnight, self._day
                yield self._at(day, self._day_end_h), self._night
                yield self._at(day, self._day_start_h), self._day
            day += timedelta(days=1)

    def _at(self, day: date, hour: float) -> datetime:
        """Return the moment of a wall-clock time; in the hour that is left out, just after it."""
        minutes = round(hour * 60)
        wall = datetime.combine(day, time(minutes // 60, minutes % 60), self._zone)
        return wall.astimezone(UTC)


def _hour(key: str, default: float) -> Field:
    return Field(
        key=key,
        kind=FieldKind.NUMBER,
        default=default,
        minimum=0.0,
        maximum=24.0,
        step=0.25,
        unit="h",
    )


def _rate(key: str) -> Field:
    return Field(key=key, kind=FieldKind.NUMBER, minimum=-10.0, maximum=100.0, step=0.001)


DAY_NIGHT = SourceKind(
    key="day_night",
    name="Day and night rate",
    fields=(
        _rate("day_rate"),
        _rate("night_rate"),
        _hour("day_start", 7.0),
        _hour("day_end", 22.0),
        Field(key="weekend_is_night", kind=FieldKind.BOOLEAN, required=False, default=True),
    ),
    create=DayNightPrice,
)
