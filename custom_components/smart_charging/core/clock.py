"""The one source of time that site, drivers and simulators share."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests and simulators hand in one that they move themselves."""

    def now(self) -> datetime:
        """Return the present as an aware UTC datetime."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for measuring intervals."""
