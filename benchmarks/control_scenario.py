"""The homes that control is measured on: who lives there, what they own, and their days."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import pi, sin
from random import Random
from zoneinfo import ZoneInfo

from custom_components.smart_charging.core.grid import Circuit
from custom_components.smart_charging.core.planner import PeakTariff
from simulators.battery import BatteryConfig
from simulators.car import Car, ChargerConfig

ZONE = "Europe/Brussels"


@dataclass(frozen=True, kw_only=True)
class Outing:
    """A drive: the car must hold `soc` when it leaves and comes back with less."""

    leaves: datetime
    returns: datetime
    energy_kwh: float
    soc: float


@dataclass(frozen=True, kw_only=True)
class Resident:
    """A car of the home, its charger, its week."""

    car: Car
    charger: ChargerConfig
    switching: bool = False
    circuit: str | None = None
    outings: tuple[Outing, ...] = ()

    @property
    def max_kw(self) -> float:
        """Highest power of car and charger together."""
        phases = min(self.car.phases, self.charger.phases)
        return 0.23 * phases * min(self.car.max_a, self.charger.max_a)

    def at_home(self, at: datetime) -> bool:
        """Tell whether the car is at home then."""
        return self.out(at) is None

    def out(self, at: datetime) -> Outing | None:
        """Return the drive that the car is on then."""
        return next((o for o in self.outings if o.leaves <= at < o.returns), None)

    def next_outing(self, at: datetime) -> Outing | None:
        """Return the first drive that begins after that."""
        return next((o for o in self.outings if o.leaves > at), None)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A home and its days."""

    start: datetime
    residents: tuple[Resident, ...]
    seed: int = 5
    fuse_a: float = 25.0
    circuits: tuple[Circuit, ...] = ()
    pv_peak_kw: float = 6.0
    battery: BatteryConfig | None = None
    peak: PeakTariff | None = None
    silences: tuple[tuple[float, float], ...] = ()
    """Seconds since the start between which no telegram comes."""
    silence_s: float = 0.0
    """Length of the silences that begin while cars draw more than is proven safe."""


def price(at: datetime) -> float:
    """Return the import price: dear mornings and evenings, cheap nights and noons."""
    hour = at.astimezone(ZoneInfo(ZONE)).hour
    day = Random(f"price:{at.astimezone(ZoneInfo(ZONE)).date()}")
    level, swing = day.uniform(0.22, 0.30), day.uniform(0.06, 0.11)
    wave = -0.7 * sin(2 * pi * (hour - 13) / 24) + 0.5 * sin(4 * pi * (hour - 16) / 24)
    return round(level + swing * wave + 0.008 * sin(1.7 * hour), 5)


def at(day: datetime, days: int, clock: str) -> datetime:
    """Return the local time `clock` (HH:MM), `days` after `day`, as aware UTC."""
    hour, minute = map(int, clock.split(":"))
    local = day.astimezone(ZoneInfo(ZONE)) + timedelta(days=days)
    return local.replace(hour=hour, minute=minute, second=0, microsecond=0).astimezone(
        ZoneInfo("UTC")
    )
