"""Prices, sun and load of a benchmark home: seeded, of the size and shape that homes see.

All series have one value per slot. Prices in currency per kWh, powers in kW.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import exp, pi, sin
from random import Random
from zoneinfo import ZoneInfo

type Series = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Days:
    """The local hours of the slots, and the chance that is drawn for them."""

    slots: tuple[datetime, ...]
    time_zone: str
    seed: int

    @property
    def local(self) -> list[datetime]:
        """Local time of the middle of each slot."""
        zone = ZoneInfo(self.time_zone)
        return [(a + (b - a) / 2).astimezone(zone) for a, b in pairwise(self.slots)]

    def each(self, value: Callable[[float, int], float]) -> Series:
        """Return `value` of local hour (0..24) and day number, rounded, for every slot."""
        moments = self.local
        first = moments[0].date()
        return tuple(
            round(value(m.hour + m.minute / 60 + m.second / 3600, (m.date() - first).days), 5)
            for m in moments
        )


def dynamic(days: Days, *, mean: float, swing: float, noon: float, period_h: float = 1.0) -> Series:
    """Return a day-ahead price: dear mornings and evenings, cheap nights, `noon` cheaper by sun.

    One value per `period_h`: 1 h, or 0.5 h in New Zealand.
    """
    rng = Random(days.seed)
    drawn: dict[tuple[int, int], float] = {}
    level = [rng.uniform(0.85, 1.15) for _ in range(4)]

    def price(hour: float, day: int) -> float:
        period = int(hour / period_h)
        h = (period + 0.5) * period_h
        noise = drawn.setdefault((day, period), rng.gauss(0, 0.08))
        shape = (
            0.8 * exp(-((h - 8) ** 2) / 4)
            + 1.1 * exp(-((h - 19) ** 2) / 6)
            - 0.5 * exp(-((h - 3.5) ** 2) / 8)
            - noon * exp(-((h - 13.5) ** 2) / 7)
            + noise
        )
        return mean * level[day % 4] + swing * shape

    return days.each(price)


def day_night(days: Days, *, day: float, night: float) -> Series:
    """Return a tariff that is low from 22 to 7 and at weekends."""
    return tuple(
        night if m.hour < 7 or m.hour >= 22 or m.weekday() >= 5 else day for m in days.local
    )


def sun(days: Days, *, peak_kw: float, half_day_h: float = 6.0) -> Series:
    """Return PV of a roof: a bell around 13:00 with clouds that come and go."""
    rng = Random(days.seed + 1)
    clouds = [
        (rng.uniform(2, 6), rng.uniform(0, 2 * pi), rng.uniform(0.15, 0.45)) for _ in range(3)
    ]
    sky = [rng.uniform(0.55, 1.0) for _ in range(4)]

    def power(hour: float, day: int) -> float:
        height = max(0.0, 1 - ((hour - 13) / half_day_h) ** 2)
        shade = 1 - sum(
            depth * max(0.0, sin(speed * hour + phase + 2.1 * day)) / 2
            for speed, phase, depth in clouds
        )
        return float(peak_kw * sky[day % 4] * height**1.3 * max(0.1, shade))

    return days.each(power)


def load(days: Days, *, base_kw: float = 0.3, busy_kw: float = 1.2) -> Series:
    """Return a household: a base, breakfast, an evening with cooking, and appliances."""
    rng = Random(days.seed + 2)
    runs = [
        (day, rng.uniform(9, 22), rng.uniform(0.5, 1.5), rng.uniform(0.8, 2.2))
        for day in range(4)
        for _ in range(2)
    ]

    def power(hour: float, day: int) -> float:
        people = 0.5 * exp(-((hour - 7.3) ** 2) / 1.2) + exp(-((hour - 19) ** 2) / 3.5)
        appliances = sum(
            kw for on, start, length, kw in runs if on == day and start <= hour < start + length
        )
        return base_kw + busy_kw * people + 0.5 * appliances + rng.uniform(0, 0.15)

    return days.each(power)
