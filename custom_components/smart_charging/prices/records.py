"""One price of one period, as one run published it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from math import isfinite

LONGEST_PERIOD = timedelta(days=1)
"""No market prices a longer period; bounds how far back a price may reach into a question."""


class Standing(IntEnum):
    """How settled a price is; a higher one replaces a lower one of the same period."""

    FORECAST = 0
    DISPATCH = 1
    """Price of the dispatch while the period runs."""
    INTERIM = 2
    """Mean of the dispatch prices, may still be corrected."""
    FINAL = 3
    """What is billed."""


@dataclass(frozen=True, kw_only=True)
class PriceRecord:
    """A price that holds in [start, end).

    Raises ValueError for naive times, an empty or over-long period or a value that is no number.
    """

    start: datetime
    end: datetime
    value: float
    """Currency per kWh."""
    run_at: datetime
    """When the forecast was made or the price published."""
    standing: Standing = Standing.FORECAST

    def __post_init__(self) -> None:
        """Check, and turn the times to UTC: local times of a repeated hour never compare equal."""
        for name in ("start", "end", "run_at"):
            moment: datetime = getattr(self, name)
            if moment.tzinfo is None:
                raise ValueError(f"{name} must be aware")
            object.__setattr__(self, name, moment.astimezone(UTC))
        if not timedelta(0) < self.end - self.start <= LONGEST_PERIOD:
            raise ValueError("a period must be longer than nothing and at most a day")
        if not isfinite(self.value):
            raise ValueError("value must be finite")

    def replaces(self, other: "PriceRecord | None") -> bool:
        """Return whether this record holds rather than `other` of the same period."""
        if other is None:
            return True
        return (self.standing, self.run_at) >= (other.standing, other.run_at)
