"""When WITS publishes, and so when to ask. Pure."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zlib import crc32

from .client import NZ

JITTER_S = 60
"""Spread of the homes that ask at the same time: the service must not meet them all at once."""


class Schedule(StrEnum):
    """The forecasts that we read. Their names are the service's."""

    SHORT = "PRSS"
    """Price-responsive short: made every half hour, for about four hours."""
    LONG = "PRSL"
    """Price-responsive long: made every two hours, for a day and a half."""


PERIODS = {Schedule.SHORT: 8, Schedule.LONG: 72}
"""Half hours to ask for."""


def next_due(schedule: Schedule, after: datetime, jitter_s: float = 0.0) -> datetime:
    """Return the first moment after `after` (aware) at which `schedule` is due, in UTC.

    Short: at five past and 25 to. Long: at a quarter past each even hour of New Zealand's wall
    clock; in the night when the clocks go forward and 2:15 is left out, at 4:15.
    """
    minutes = (5, 35) if schedule is Schedule.SHORT else (15,)
    at = (after - timedelta(seconds=jitter_s)).astimezone(UTC)
    hour = at.replace(minute=0, second=0, microsecond=0)
    while True:
        for minute in minutes:
            moment = hour + timedelta(minutes=minute)
            if moment <= at:
                continue
            if schedule is Schedule.SHORT or moment.astimezone(NZ).hour % 2 == 0:
                return moment + timedelta(seconds=jitter_s)
        hour += timedelta(hours=1)


def jitter_s(*parts: str) -> float:
    """Return a delay below `JITTER_S` that stays the same for one home."""
    return float(crc32("/".join(parts).encode()) % JITTER_S)
