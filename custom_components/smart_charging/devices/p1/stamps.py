"""Times in telegrams."""

from datetime import UTC, datetime, timedelta, timezone
import re

from .versions import Version

_STAMP = re.compile(r"\((\d{12})([SW]?)\)")


class Stamps:
    """Times as meters write them: local, with S for summer and W for winter."""

    def __init__(self, dialect: Version) -> None:
        """Take what says how far the meter's clock is from UTC."""
        winter = timedelta(hours=dialect.winter_utc_offset_h)
        self._zones = {"W": timezone(winter), "S": timezone(winter + timedelta(hours=1))}

    def line(self, rest: str) -> datetime | None:
        """Return the moment in the first group of a line."""
        match = _STAMP.match(rest)
        return None if match is None else self.text(match[1] + match[2])

    def text(self, stamp: str) -> datetime | None:
        """Return the moment, or `None` for a placeholder and for a time without its letter."""
        zone = self._zones.get(stamp[-1:])
        if zone is None:
            return None
        try:
            local = datetime.strptime(stamp[:-1], "%y%m%d%H%M%S")
        except ValueError:
            return None
        return local.replace(tzinfo=zone).astimezone(UTC)
