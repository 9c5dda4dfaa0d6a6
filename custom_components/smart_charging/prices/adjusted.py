"""From the published price to the bill: price x factor + addition, for every kind of source."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..core.price import Price
from ..devices.base import Data, DriverContext, Field, FieldKind
from .base import PriceSource, SourceKind

FACTOR = "factor"
ADDITION = "addition"

BILL_FIELDS = (
    Field(
        key=FACTOR,
        kind=FieldKind.NUMBER,
        required=False,
        default=1.0,
        minimum=0.0,
        maximum=10.0,
        step=0.001,
    ),
    Field(
        key=ADDITION,
        kind=FieldKind.NUMBER,
        required=False,
        default=0.0,
        minimum=-10.0,
        maximum=10.0,
        step=0.001,
    ),
)


class AdjustedSource:
    """A source whose prices are turned into what the bill says: price x factor + addition."""

    def __init__(self, source: PriceSource, *, factor: float, addition: float) -> None:
        """Take the source, the factor (taxes in proportion) and the addition per kWh (fees)."""
        self.source = source
        self._factor = factor
        self._addition = addition

    @property
    def version(self) -> int:
        """Version of the source."""
        return self.source.version

    @property
    def fetched_at(self) -> datetime | None:
        """When the source's newest data arrived."""
        return self.source.fetched_at

    async def identify(self) -> str:
        """Test the source and return its unique id. Raises DeviceError."""
        return await self.source.identify()

    async def run(self, changed: Callable[[], None]) -> None:
        """Keep the source fresh until cancelled. Raises DeviceError."""
        await self.source.run(changed)

    def prices(self, start: datetime, end: datetime) -> list[Price]:
        """Return the prices of the bill that overlap [start, end), per kWh."""
        return [
            replace(p, value=p.value * self._factor + self._addition)
            for p in self.source.prices(start, end)
        ]

    def dump(self) -> dict[str, Any]:
        """Return what the source keeps: its own prices, so that a changed fee needs no new ones."""
        return self.source.dump()

    def load(self, stored: dict[str, Any]) -> None:
        """Hand back what `dump` gave."""
        self.source.load(stored)


def with_bill(kind: SourceKind) -> SourceKind:
    """Return `kind` with the fields of the bill added and applied."""

    def create(data: Data, context: DriverContext) -> PriceSource:
        # An optional field that a person empties is absent or None.
        factor, addition = data.get(FACTOR), data.get(ADDITION)
        return AdjustedSource(
            kind.create(data, context),
            factor=1.0 if factor is None else float(factor),
            addition=0.0 if addition is None else float(addition),
        )

    return replace(kind, fields=(*kind.fields, *BILL_FIELDS), create=create)
