"""The price book: what every period is expected to cost, and what it cost in the end."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.price import Price
from .overlay import overlay
from .records import LONGEST_PERIOD, PriceRecord, Standing

SCHEMA_VERSION = 1

FORECASTS_KEPT = timedelta(days=31)
"""A month: long enough to compare forecasts with what was settled, short enough for the store."""

STORED_DECIMALS = 6
"""1e-6 currency per kWh is 0.001 per MWh, a tenth of the finest price that a market publishes."""


class PriceBook:
    """Prices by period start (UTC). The newest run wins, whichever schedule it comes from.

    Two tables: the last forecast of each period, kept for a month after the period, and the
    settled price of each past period, kept: a final or interim price where one was published,
    else the forecast that held when the period ended.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._forecasts: dict[datetime, PriceRecord] = {}
        self._settled: dict[datetime, PriceRecord] = {}
        self._starts: list[datetime] | None = None
        """Sorted keys of both tables; `None` when they changed."""

    def merge(self, records: Iterable[PriceRecord], now: datetime) -> bool:
        """Take records in any order; return whether `prices` would now answer differently."""
        changed = False
        for record in records:
            before = self._holding(record.start)
            if record.standing is Standing.FORECAST:
                if not record.replaces(self._forecasts.get(record.start)):
                    continue
                self._forecasts[record.start] = record
            if record.standing is not Standing.FORECAST or record.end <= now:
                if record.replaces(self._settled.get(record.start)):
                    self._settled[record.start] = record
            after = self._holding(record.start)
            if before is None or after is None or _differs(before, after):
                changed = True
        self._starts = None
        self.settle(now)
        return changed

    def settle(self, now: datetime) -> None:
        """Keep the forecast that holds for every period that has ended and has no better price."""
        for start, record in self._forecasts.items():
            if record.end <= now and start not in self._settled:
                self._settled[start] = record

    def purge(self, now: datetime) -> None:
        """Settle, then drop the forecasts of periods that ended more than a month ago."""
        self.settle(now)
        oldest = now - FORECASTS_KEPT
        self._forecasts = {s: r for s, r in self._forecasts.items() if r.end >= oldest}

    def prices(self, start: datetime, end: datetime) -> list[Price]:
        """Return the prices that overlap [start, end), ordered and without overlap.

        Where periods of different length meet, the newest run holds.
        """
        near = list(self._between(start - LONGEST_PERIOD, end))
        # Asked each second for the price of now, of which one record of a day tells.
        first = min((r.start for r in near if r.end > start), default=end)
        found = overlay(r for r in near if r.end > first)
        return [p for p in found if p.end > start and p.start < end]

    def forecast(self, period: datetime) -> PriceRecord | None:
        """Return the last forecast of the period that starts at `period`, if it is still kept."""
        return self._forecasts.get(period.astimezone(UTC))

    def settled(self, period: datetime) -> PriceRecord | None:
        """Return the settled price of the period that starts at `period`."""
        return self._settled.get(period.astimezone(UTC))

    @property
    def newest_run(self) -> datetime | None:
        """When the newest forecast was made."""
        return max((r.run_at for r in self._forecasts.values()), default=None)

    @property
    def known_until(self) -> datetime | None:
        """End of the last known price."""
        return max((r.end for r in self._forecasts.values()), default=None)

    @property
    def final_until(self) -> datetime | None:
        """End of the last period whose billed price is known."""
        ends = (r.end for r in self._settled.values() if r.standing is Standing.FINAL)
        return max(ends, default=None)

    def age(self, now: datetime) -> timedelta | None:
        """Return how old the newest forecast is, or `None` without any."""
        newest = self.newest_run
        return None if newest is None else now - newest

    def dump(self) -> dict[str, Any]:
        """Return the book as JSON, periods of equal length joined to rows of values."""
        return {
            "version": SCHEMA_VERSION,
            "forecasts": list(_pack(self._forecasts, past=self._settled)),
            "settled": list(_pack(self._settled, past=self._settled)),
        }

    def load(self, stored: Any) -> int:
        """Add what `dump` gave; return how many pieces were damaged or unknown and skipped."""
        if not isinstance(stored, dict) or stored.get("version") != SCHEMA_VERSION:
            return 1
        skipped = 0
        for name, table in (("forecasts", self._forecasts), ("settled", self._settled)):
            rows = stored.get(name)
            if not isinstance(rows, list):
                skipped += 1
                continue
            for row in rows:
                try:
                    records = _unpack(row)
                except (KeyError, TypeError, ValueError, OverflowError):
                    skipped += 1
                    continue
                table.update((r.start, r) for r in records)
        self._starts = None
        return skipped

    def _holding(self, start: datetime) -> PriceRecord | None:
        return self._settled.get(start) or self._forecasts.get(start)

    def _between(self, start: datetime, end: datetime) -> Iterator[PriceRecord]:
        if self._starts is None:
            self._starts = sorted(self._forecasts.keys() | self._settled.keys())
        for key in self._starts[bisect_left(self._starts, start) :]:
            if key >= end:
                return
            record = self._holding(key)
            if record is not None:
                yield record


def _differs(a: PriceRecord, b: PriceRecord) -> bool:
    return (a.value, a.end) != (b.value, b.end)


def _pack(
    table: dict[datetime, PriceRecord], past: dict[datetime, PriceRecord]
) -> Iterator[dict[str, Any]]:
    """Join neighbours of one length, run and standing; the run of a past period is not kept."""
    row: dict[str, Any] | None = None
    joins: tuple[Any, ...] = ()
    for start in sorted(table):
        record = table[start]
        step = record.end - record.start
        run = None if start in past else record.run_at
        if row is not None and joins == (start, step, run, record.standing):
            row["values"].append(round(record.value, STORED_DECIMALS))
        else:
            if row is not None:
                yield row
            row = {
                "start": start.isoformat(),
                "step_s": step.total_seconds(),
                "standing": int(record.standing),
                "run_at": None if run is None else run.isoformat(),
                "values": [round(record.value, STORED_DECIMALS)],
            }
        joins = (record.end, step, run, record.standing)
    if row is not None:
        yield row


def _unpack(row: dict[str, Any]) -> list[PriceRecord]:
    """Return the records of a row. Raises KeyError, TypeError, ValueError or OverflowError."""
    start = datetime.fromisoformat(row["start"])
    step = timedelta(seconds=row["step_s"])
    standing = Standing(row["standing"])
    run_at = None if row["run_at"] is None else datetime.fromisoformat(row["run_at"])
    return [
        PriceRecord(
            start=start + step * i,
            end=start + step * (i + 1),
            value=value,
            run_at=run_at or start + step * i,
            standing=standing,
        )
        for i, value in enumerate(row["values"])
    ]
