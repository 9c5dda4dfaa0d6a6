"""Price lists as integrations write them into the attributes of an entity. Pure.

Each known integration is a row in `SHAPES`; any other is recognised by the names of its fields.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from math import isfinite
from statistics import median
from typing import Any

from ..core.price import Price
from .units import per_kwh, per_kwh_of_key

type Attributes = Mapping[str, Any]
type Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How one integration writes prices."""

    name: str
    lists: tuple[str, ...]
    """Attributes that hold rows; those that are there are joined."""
    start: str
    end: str | None = None
    value: str
    per_kwh: float | None = None
    """By what to multiply the values; `None` takes the unit of the entity."""


AMBER = Shape(
    name="Amber Electric",
    lists=("forecasts",),
    start="start_time",
    end="end_time",
    value="per_kwh",
    per_kwh=1.0,
)

SHAPES = (
    Shape(name="Smart Charging", lists=("prices",), start="start", end="end", value="value"),
    Shape(
        name="Nord Pool (HACS)",
        lists=("raw_today", "raw_tomorrow"),
        start="start",
        end="end",
        value="value",
    ),
    AMBER,
    Shape(
        name="Octopus Energy",
        lists=("rates",),
        start="start",
        end="end",
        value="value_inc_vat",
        per_kwh=1.0,
    ),
    # The list of the market price sensor holds several units: the finest one comes first.
    *(
        Shape(
            name="EPEX Spot",
            lists=("data",),
            start="start_time",
            end="end_time",
            value=key,
            per_kwh=per_kwh_of_key(key),
        )
        for key in (
            "price_per_kwh",
            "price_eur_per_mwh",
            "price_gbp_per_mwh",
            "price_ct_per_kwh",
            "price_pence_per_kwh",
        )
    ),
    Shape(name="ENTSO-e", lists=("prices",), start="time", value="price"),
    Shape(name="ENTSO-e", lists=("prices_today", "prices_tomorrow"), start="time", value="price"),
    Shape(
        name="Tibber",
        lists=("today", "tomorrow", "raw_today", "raw_tomorrow", "prices"),
        start="startsAt",
        value="total",
    ),
    # The sensor's unit is NZD/kWh, the rows are as the service gives them.
    Shape(
        name="WITS",
        lists=("forecast",),
        start="tradingDateTime",
        value="price",
        per_kwh=0.001,
    ),
    Shape(name="energyZero, easyEnergy", lists=("prices",), start="timestamp", value="price"),
)

STARTS = (
    *("start", "start_time", "startsAt", "starts_at", "from", "valid_from", "start_timestamp"),
    *("time", "timestamp", "datetime", "date_time", "date", "hour"),
)
ENDS = ("end", "end_time", "endsAt", "ends_at", "to", "till", "valid_to", "end_timestamp")
VALUES = (
    *("value_inc_vat", "total", "value", "price", "electricity_price", "rate", "cost", "tariff"),
)

GAP = 2.0
"""Steps of an hour or less that suddenly double have a hole in them; longer ones are tariff times."""
HOUR = timedelta(hours=1)


def parse(
    attributes: Attributes, unit: str | None, zone: tzinfo = UTC
) -> tuple[str, list[Price]] | None:
    """Return the name of the shape and the prices in currency per kWh, ordered by start.

    `unit` is the entity's, `zone` that of times without an offset. `None` where no list of
    prices is found. Raises UnknownUnit.
    """
    for shape in SHAPES:
        rows = [r for name in shape.lists for r in rows_of(attributes.get(name))]
        rows = [r for r in rows if shape.start in r and shape.value in r]
        if not rows:
            continue
        factor = per_kwh(unit) if shape.per_kwh is None else shape.per_kwh
        if prices := read_rows(rows, shape, factor, zone):
            return shape.name, prices
    if "spot_per_kwh" in attributes:
        # Amber's sensor of the running interval, which its forecast leaves out.
        if prices := read_rows([attributes], AMBER, 1.0, zone):
            return AMBER.name, prices
    return _generic(attributes, unit, zone)


def read_rows(rows: Iterable[Row], shape: Shape, factor: float, zone: tzinfo) -> list[Price]:
    """Return the prices of `rows`; a row without a time or a number is left out.

    A missing end is the next start. Where two rows start together the later one holds.
    """
    found: dict[datetime, tuple[datetime | None, float]] = {}
    before: datetime | None = None
    for row in rows:
        start = _moment(row.get(shape.start), zone, before)
        value = _number(row.get(shape.value))
        if start is None or value is None:
            continue
        before = start
        end = None if shape.end is None else _moment(row.get(shape.end), zone, start)
        found[start] = (end, value * factor)
    return _with_ends(found)


def _generic(
    attributes: Attributes, unit: str | None, zone: tzinfo
) -> tuple[str, list[Price]] | None:
    """Find rows with a start and a value, whatever they are called."""
    if times := _by_time(attributes):
        attributes = {**attributes, "": times}
    for name, held in attributes.items():
        rows = rows_of(held)
        if not rows:
            continue
        start = next((k for k in STARTS if k in rows[0]), None)
        end = next((k for k in ENDS if k in rows[0]), None)
        value = next((k for k in rows[0] if per_kwh_of_key(str(k)) is not None), None)
        value = value or next((k for k in VALUES if k in rows[0]), None)
        if start is None or value is None:
            continue
        factor = per_kwh_of_key(value)
        shape = Shape(name=name, lists=(name,), start=start, end=end, value=value)
        # Many integrations give today and tomorrow in lists of their own.
        partners = [a for a in attributes if a != name and _day_of(a) == _day_of(name)]
        rows = [*rows, *(r for a in partners for r in rows_of(attributes[a]))]
        prices = read_rows(rows, shape, per_kwh(unit) if factor is None else factor, zone)
        if prices:
            return name, prices
    return None


def _day_of(name: str) -> str:
    """Return the name of an attribute without the day that it speaks of."""
    return name.replace("tomorrow", "").replace("today", "").strip("_")


def rows_of(held: Any) -> list[Row]:
    """Return the rows of a list, or of a mapping from times to values; nothing for all else."""
    if isinstance(held, Mapping):
        return _by_time(held)
    if not isinstance(held, Sequence) or isinstance(held, str | bytes):
        return []
    return [row for row in held if isinstance(row, Mapping)]


def _by_time(held: Mapping[Any, Any]) -> list[Row]:
    """Return a row for each key that is a time; plain words and numbers are none."""
    return [{"start": at, "value": value} for at, value in held.items() if _is_time(at)]


def _is_time(key: Any) -> bool:
    if isinstance(key, datetime):
        return True
    # A date alone is no time, and some attributes are called by one.
    if not isinstance(key, str) or ":" not in key:
        return False
    try:
        datetime.fromisoformat(key)
    except ValueError:
        return False
    return True


def _moment(value: Any, zone: tzinfo, before: datetime | None) -> datetime | None:
    """Return a time in UTC, without seconds: some services start a period one second late.

    A wall-clock time without offset that would not come after `before` is the second of the
    hour that autumn repeats.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    at = value
    if at.tzinfo is None:
        local = at.replace(tzinfo=zone)
        at = local.astimezone(UTC)
        if before is not None and at <= before:
            at = local.replace(fold=1).astimezone(UTC)
    at = at.astimezone(UTC)
    # 10:59:59 is how some write the end of an hour, 10:00:01 its start.
    return (at + timedelta(seconds=30)).replace(second=0, microsecond=0)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) else None


def _with_ends(found: Mapping[datetime, tuple[datetime | None, float]]) -> list[Price]:
    """Return prices in order; ends that are missing or reach into the next price are mended."""
    starts = sorted(found)
    steps = [b - a for a, b in pairwise(starts)]
    usual = timedelta(seconds=median(s.total_seconds() for s in steps)) if steps else HOUR
    prices = []
    for i, start in enumerate(starts):
        end, value = found[start]
        following = starts[i + 1] if i + 1 < len(starts) else None
        if end is None or end <= start:
            end = start + usual
            if following is not None and (usual > HOUR or following - start < GAP * usual):
                end = following
        if following is not None and end > following:
            end = following
        prices.append(Price(start=start, end=end, value=value))
    return prices
