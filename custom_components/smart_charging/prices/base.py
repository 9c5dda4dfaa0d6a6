"""What a price source is and what it declares."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ..core.price import Price
from ..devices.base import Data, DriverContext, Field


class PriceSource(Protocol):
    """Delivers prices; failures are DeviceError like those of drivers.

    `version` grows whenever `prices` would answer differently, so that the site re-plans.
    """

    @property
    def version(self) -> int:
        """Grows whenever `prices` would answer differently."""

    @property
    def fetched_at(self) -> datetime | None:
        """When the newest data arrived; `None` before any did."""

    async def identify(self) -> str:
        """Test the source and return its unique id. Raises DeviceError."""

    async def run(self, changed: Callable[[], None]) -> None:
        """Keep the prices fresh until cancelled, calling `changed` on every new version.

        The first data that arrive in a run are told too, even if they bring nothing new: so a
        fault that ended a run before is known to be over.

        Raises DeviceError when it cannot go on; the site's runner waits and calls it again.
        What was fetched before stays.
        """

    def prices(self, start: datetime, end: datetime) -> list[Price]:
        """Return the known prices that overlap [start, end), ordered, per kWh in the site's currency."""

    def dump(self) -> dict[str, Any]:
        """Return what must survive a restart, as JSON."""

    def load(self, stored: dict[str, Any]) -> None:
        """Take back what `dump` gave; unknown or damaged content is skipped and logged once."""


@dataclass(frozen=True, kw_only=True)
class SourceKind:
    """One row in the table of price sources."""

    key: str
    name: str
    fields: tuple[Field, ...]
    create: Callable[[Data, DriverContext], PriceSource]
    currency: str | None = None
    """The currency that it always delivers; `None` where it is that of the site."""
