"""The system's clock, as Home Assistant sees it."""

from datetime import datetime
import time

from homeassistant.util import dt as dt_util


class SystemClock:
    """The one clock of a running site; tests move it by moving Home Assistant's time."""

    def now(self) -> datetime:
        """Return the present as an aware UTC datetime."""
        return dt_util.utcnow()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()
