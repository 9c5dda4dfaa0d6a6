"""What the homes of the problem set are built from: moments, tariffs, boxes and batteries."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.weather import Days, Series, load
from custom_components.smart_charging.core.grid import Grid, Topology
from custom_components.smart_charging.core.planner import (
    Battery,
    Charger,
    Goal,
    GoalKind,
    PeakTariff,
    Problem,
    Stay,
    slot_bounds,
)

HOURS = 48
BRUSSELS = "Europe/Brussels"
WINTER = datetime(2026, 1, 20, 16, 0, tzinfo=UTC)
SPRING = datetime(2026, 4, 14, 15, 37, tzinfo=UTC)
SUMMER = datetime(2026, 7, 7, 5, 0, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 13, 17, 8, tzinfo=UTC)
MONTH_END = datetime(2026, 11, 29, 17, 0, tzinfo=UTC)
"""The last two evenings of a month lie before it, the first day of the next within."""
NEW_ZEALAND = datetime(2026, 6, 16, 6, 10, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When a home is planned: what its series and its people's hours count from."""

    now: datetime
    seed: int
    time_zone: str = BRUSSELS

    @property
    def days(self) -> Days:
        """The slots of the home."""
        return Days(slots=slot_bounds(self.now, HOURS), time_zone=self.time_zone, seed=self.seed)

    def at(self, hours: float) -> datetime:
        """Return the time `hours` after the hour in which the plan begins."""
        return self.now.replace(minute=0) + timedelta(hours=hours)

    def home(self, price: Series, export: Series, **more: Any) -> Problem:
        """Return a home with these prices; load and one phase unless `more` says otherwise."""
        days = self.days
        n = len(days.slots) - 1
        defaults: dict[str, Any] = {
            "now": self.now,
            "time_zone": self.time_zone,
            "slots": days.slots,
            "import_price": price,
            "export_price": export,
            "estimated": tuple(t > 128 for t in range(n)),
            "load_kw": load(days),
            "pv_kw": (0.0,) * n,
            "grid": Grid(topology=Topology.SINGLE_230, fuse_a=50),
        }
        return Problem(**(defaults | more))

    def stay(self, start: float, end: float, charger: str = "garage") -> Stay:
        """Return a stay between two hours."""
        return Stay(charger=charger, start=max(self.at(start), self.now), end=self.at(end))

    def ready(self, by: float, soc: float, kind: GoalKind = GoalKind.READY_BY) -> Goal:
        """Return a goal at an hour."""
        return Goal(by=self.at(by), kind=kind, soc=soc)


def shift(series: Series, factor: float, add: float) -> Series:
    """Return prices with a factor (tax) and something added (network, supplier)."""
    return tuple(round(factor * x + add, 5) for x in series)


def flat(moment: Moment, price: float) -> Series:
    """Return one price for all slots."""
    return (price,) * (len(moment.days.slots) - 1)


def battery(name: str = "store", **more: Any) -> Battery:
    """Return a home battery of 10 kWh that may do everything, unless `more` says otherwise."""
    defaults: dict[str, Any] = {
        "capacity_kwh": 10.0,
        "soc": 0.35,
        "max_charge_kw": 4.0,
        "max_discharge_kw": 4.0,
        "wear_price": 0.01,
        "may_feed_cars": True,
        "may_export": True,
    }
    return Battery(id=name, **(defaults | more))


ONE_PHASE = Charger(id="garage", max_a=32, step_a=0)
DRIVE = Charger(id="drive", max_a=16, step_a=0)
THREE_PHASE = Charger(id="garage", max_a=16, phases=(3,), step_a=0)
PEAK = PeakTariff(price_per_kw=4.2, floor_kw=2.5, month_peak_kw=3.6)
THREE_400 = Grid(topology=Topology.THREE_400, fuse_a=32)
SHARES = (0.5, 0.3, 0.2)
