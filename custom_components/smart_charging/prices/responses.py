"""Price lists as integrations answer them to a service call. Pure."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from ..core.price import Price
from .formats import Shape, read_rows, rows_of

NORD_POOL = Shape(name="Nord Pool", lists=(), start="start", end="end", value="price")
TIBBER = Shape(name="Tibber", lists=(), start="start_time", value="price")
TIMESTAMPED = Shape(name="EnergyZero, easyEnergy", lists=(), start="timestamp", value="price")


def nord_pool(response: Any, area: str | None) -> list[Price]:
    """Read `nordpool.get_prices_for_date`: rows in currency per MWh for each area."""
    return read_rows(_of(response, area), NORD_POOL, 0.001, UTC)


def tibber(response: Any, home: str | None) -> list[Price]:
    """Read `tibber.get_prices`: rows in currency per kWh for each home."""
    homes = response.get("prices") if isinstance(response, Mapping) else None
    return read_rows(_of(homes, home), TIBBER, 1.0, UTC)


def timestamped(response: Any) -> list[Price]:
    """Read the price services of EnergyZero and easyEnergy: rows in EUR per kWh."""
    rows = response.get("prices") if isinstance(response, Mapping) else None
    return read_rows(rows_of(rows), TIMESTAMPED, 1.0, UTC)


def _of(groups: Any, name: str | None) -> list[Mapping[str, Any]]:
    """Return the rows of the group called `name`; where there is only one, of that."""
    if not isinstance(groups, Mapping):
        return []
    if name in groups:
        return rows_of(groups[name])
    return rows_of(next(iter(groups.values()))) if len(groups) == 1 else []
