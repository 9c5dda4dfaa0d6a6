"""One rate, day and night."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..core.price import Price
from ..devices.base import Data, DriverContext, Field, FieldKind
from .base import SourceKind


class FixedPrice:
    """The same price for ever."""

    version = 1

    def __init__(self, data: Data, context: DriverContext) -> None:
        """Take the rate in currency per kWh."""
        self.fetched_at: datetime | None = context.clock.now()
        self._rate = float(data["rate"])

    async def identify(self) -> str:
        """Return the unique id: a contract has one fixed rate."""
        return "fixed"

    async def run(self, changed: Callable[[], None]) -> None:
        """Wait until cancelled: nothing ever changes."""
        await asyncio.Event().wait()

    def prices(self, start: datetime, end: datetime) -> list[Price]:
        """Return one price over all of [start, end)."""
        return [Price(start=start, end=end, value=self._rate)] if start < end else []

    def dump(self) -> dict[str, Any]:
        """Return nothing: all of it stands in the form."""
        return {}

    def load(self, stored: dict[str, Any]) -> None:
        """Take nothing back."""


FIXED = SourceKind(
    key="fixed",
    name="Fixed rate",
    fields=(
        Field(
            key="rate",
            kind=FieldKind.NUMBER,
            minimum=-10.0,
            maximum=100.0,
            step=0.001,
        ),
    ),
    create=FixedPrice,
)
