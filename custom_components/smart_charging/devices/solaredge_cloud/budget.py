"""How often the service may be asked: credits of the month, and the hours of daylight."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

MONTH_CREDITS: Final = 2000
"""What the free plan gives; a call takes one."""

USED_SHARE: Final = 0.95
"""The rest is for set-up, restarts and whatever else has the same key."""

LONGEST_STRETCH: Final = 24.0
"""With no credits left a quarter becomes six hours: now and then the service is asked anyway,
since the count is ours and may be wrong."""

DAY_HOURS: Final = range(5, 22)
"""Hours that may be light, until the sun of this site is known."""

REMEMBERED: Final = timedelta(days=3)


def next_month(now: datetime) -> datetime:
    """Return the first moment of the month after `now`, in the zone of `now`."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


class Credits:
    """Counts the calls of this month. The service does not tell, and a restart forgets."""

    def __init__(self) -> None:
        self._month_end: datetime | None = None
        self._used = 0.0

    def spend(self, now: datetime) -> None:
        """Count a call."""
        self._turn(now)
        self._used += 1

    def left(self, now: datetime) -> float:
        """Return the credits that may still be spent this month."""
        self._turn(now)
        return max(0.0, MONTH_CREDITS * USED_SHARE - self._used)

    def stretch(self, now: datetime, calls_per_day: float) -> float:
        """Return by how much intervals must be longer for the credits to last the month."""
        days = (next_month(now) - now) / timedelta(days=1)
        wanted = calls_per_day * days
        left = self.left(now)
        return min(max(1.0, wanted / left), LONGEST_STRETCH) if left else LONGEST_STRETCH

    def _turn(self, now: datetime) -> None:
        end = next_month(now)
        if end == self._month_end:
            return
        # At a start in mid-month: as if credits had been spent evenly until now.
        begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        gone = (now - begin) / (end - begin)
        self._used = MONTH_CREDITS * USED_SHARE * gone if self._month_end is None else 0.0
        self._month_end = end


class Daylight:
    """Learns at which hours the sun of a site shines."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._lit: dict[date, set[int]] = {}

    def learn(self, now: datetime, lit: Iterable[datetime], zone: tzinfo | None) -> None:
        """Take the moments at which there was sun, in the zone of the site."""
        self._since = self._since or now
        for moment in lit:
            local = moment.astimezone(zone)
            self._lit.setdefault(local.date(), set()).add(local.hour)
        oldest = (now - REMEMBERED).astimezone(zone).date()
        self._lit = {day: hours for day, hours in self._lit.items() if day >= oldest}

    def hours(self, now: datetime, zone: tzinfo | None) -> range:
        """Return the local hours that deserve calls: those that were light lately, and one around."""
        if self._since is None:
            return DAY_HOURS
        since, local = self._since.astimezone(zone), now.astimezone(zone)
        # Only days that were watched from before dawn to their end say when the sun shines.
        first = since.date() + timedelta(days=int(since.hour >= DAY_HOURS.start))
        seen = {h for day, hours in self._lit.items() if first <= day < local.date() for h in hours}
        if not seen:
            return DAY_HOURS
        return range(max(0, min(seen) - 1), min(24, max(seen) + 2))
