"""Clocks that simulators, drivers under test and the demo share."""

from datetime import UTC, datetime, timedelta
import time


class RealClock:
    """The clock of this computer."""

    def now(self) -> datetime:
        """Return the present as an aware UTC datetime."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved; for lock-step tests."""

    def __init__(self, start: datetime) -> None:
        """Stand at `start`, an aware datetime. Raises ValueError for a naive one."""
        if start.tzinfo is None:
            raise ValueError("start must be aware")
        self._start = start.astimezone(UTC)
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        """Return the present as an aware UTC datetime."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Return the seconds that it has been moved since its start."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError("a clock never runs backwards")
        self._elapsed_s += seconds


class ScaledClock:
    """A clock that starts at a chosen moment and runs `factor` times as fast as real time."""

    def __init__(self, start: datetime, factor: float = 1.0) -> None:
        """Start now at `start`, an aware datetime. Raises ValueError for a bad start or factor."""
        if start.tzinfo is None:
            raise ValueError("start must be aware")
        if factor <= 0:
            raise ValueError("factor must be positive")
        self._start = start.astimezone(UTC)
        self._factor = factor
        self._origin_s = time.monotonic()

    def now(self) -> datetime:
        """Return the simulated present as an aware UTC datetime."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the simulated seconds since the start."""
        return (time.monotonic() - self._origin_s) * self._factor
