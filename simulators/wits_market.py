"""A wholesale market as WITS publishes it: prices of half hours and runs that foretell them.

Deterministic: the same moment, schedule and run give the same price.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

NZ = ZoneInfo("Pacific/Auckland")
PERIOD = timedelta(minutes=30)

RUN_TYPES = {"RTD": "D", "Interim": "I", "Final": "F", "PRSS": "S", "PRSL": "G"}
PUBLISHED_AFTER = {"PRSS": timedelta(minutes=3), "PRSL": timedelta(minutes=10)}
"""From the time of a run until its prices can be fetched."""
HORIZON = {"PRSS": 8, "PRSL": 72}
BACK_KEPT = {"Interim": timedelta(days=7), "Final": timedelta(days=30), "RTD": timedelta(hours=4)}

SHAPE = (
    *(62, 55, 48, 45, 45, 58, 118, 228, 246, 181, 142, 128),
    *(121, 117, 124, 139, 176, 262, 291, 268, 214, 163, 108, 79),
)
"""NZD per MWh by wall-clock hour of an ordinary day."""
NEGATIVE_HOUR, NEGATIVE_PRICE = 3, -4.5
SPIKE_HOUR, SPIKE_PRICE = 18, 12_500.5

type Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class WitsMarket:
    """What the market pays, and what its schedules say of it."""

    noise: float = 0.08
    """Share by which a PRSS run may miss; PRSL misses by up to twice that."""
    negative: bool = False
    """A price below zero in each night."""
    spike: bool = False
    """A price above 10,000 NZD per MWh in each evening."""
    table: Mapping[datetime, float] | None = None
    """True price in NZD per MWh per period start (UTC), instead of the daily shape."""
    fixed: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """Rows per schedule that are published as they are."""

    def truth(self, start: datetime) -> float:
        """Return the price in NZD per MWh that the period at `start` (aware) ends with.

        Raises KeyError for a period that the table does not hold.
        """
        if self.table is not None:
            return self.table[start.astimezone(UTC)]
        wall = start.astimezone(NZ)
        if self.negative and wall.hour == NEGATIVE_HOUR:
            return NEGATIVE_PRICE
        if self.spike and wall.hour == SPIKE_HOUR:
            return SPIKE_PRICE
        return round(SHAPE[wall.hour] * Random(f"{start.timestamp():.0f}").uniform(0.95, 1.05), 2)

    def run_at(self, schedule: str, at: datetime) -> datetime:
        """Return the time of the newest published run of PRSS or PRSL at `at`, in UTC."""
        run = floor_period(at - PUBLISHED_AFTER[schedule])
        while schedule == "PRSL" and (run.minute or run.astimezone(NZ).hour % 2):
            run -= PERIOD
        return run

    def forecast(self, schedule: str, run: datetime, start: datetime) -> float:
        """Return what `run` of PRSS or PRSL says of the period at `start`, in NZD per MWh."""
        share = self.noise * (2 if schedule == "PRSL" else 1)
        miss = Random(f"{schedule} {run.timestamp():.0f} {start.timestamp():.0f}").uniform(-1, 1)
        return round(self.truth(start) * (1 + share * miss), 2)

    def rows(self, schedule: str, now: datetime, nodes: Sequence[str]) -> list[Row]:
        """Return everything that `schedule` publishes at `now` for `nodes`, in order of time."""
        if schedule in self.fixed:
            return [dict(row) for row in self.fixed[schedule] if row["node"] in nodes]
        if schedule in HORIZON:
            run = self.run_at(schedule, now)
            starts = [run + i * PERIOD for i in range(HORIZON[schedule] + 1)]
            made = [(s, run, self.forecast(schedule, run, s)) for s in starts if self._has(s)]
        else:
            start = floor_period(now - BACK_KEPT[schedule])
            made = []
            while start + PERIOD <= now:
                published = _published(schedule, start)
                if published <= now and self._has(start):
                    made.append((start, published, self.truth(start)))
                start += PERIOD
        return [
            {
                "schedule": schedule,
                "tradingDateTime": start.astimezone(NZ).isoformat(),
                "tradingPeriod": trading_period(start),
                "runType": RUN_TYPES[schedule],
                "lastRunTime": run.astimezone(NZ).isoformat(),
                "node": node,
                "price": price,
            }
            for start, run, price in made
            for node in nodes
        ]

    def _has(self, start: datetime) -> bool:
        return self.table is None or start in self.table


def floor_period(at: datetime) -> datetime:
    """Return the start of the half hour that holds `at`, in UTC."""
    at = at.astimezone(UTC)
    return at.replace(minute=at.minute - at.minute % 30, second=0, microsecond=0)


def trading_period(start: datetime) -> int:
    """Return the number of a period: real half hours since local midnight, from 1 to 46, 48 or 50."""
    wall = start.astimezone(NZ)
    midnight = datetime.combine(wall.date(), time(), NZ).astimezone(UTC)
    return int((start.astimezone(UTC) - midnight) / PERIOD) + 1


def _published(schedule: str, start: datetime) -> datetime:
    """Return when the price of a past period is published: Final at 14:00 of the next day."""
    if schedule != "Final":
        return start + PERIOD + timedelta(minutes=5)
    next_day = start.astimezone(NZ).date() + timedelta(days=1)
    return datetime.combine(next_day, time(14), NZ).astimezone(UTC)
