"""What happens to a house from outside: sun, clouds, habits. Pure functions of time and seed.

Everything here depends on the moment alone and never on how the house got there, so a
house that is integrated in other steps sees the same day.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import floor, pi, pow, sin
from random import Random
from typing import Literal
from zoneinfo import ZoneInfo

type Hours = tuple[float, ...]

EVENING_SHAPE: Hours = (
    *(0.55, 0.5, 0.5, 0.5, 0.5, 0.6, 0.9, 1.3, 1.2, 0.9, 0.8, 0.9),
    *(1.1, 0.9, 0.8, 0.8, 1.0, 1.5, 1.9, 1.8, 1.6, 1.3, 1.0, 0.7),
)
"""Load of a household per local hour as a share of its mean; the mean of these is 1."""


@lru_cache(maxsize=4096)
def _knot(seed: int, name: str, index: int) -> float:
    return Random(f"{seed}:{name}:{index}").uniform(-1.0, 1.0)


def noise(seed: int, name: str, t: float, interval_s: float) -> float:
    """Return smooth noise in -1..1 at the epoch second `t`, with a new knot every `interval_s`."""
    index = floor(t / interval_s)
    share = t / interval_s - index
    share = share * share * (3 - 2 * share)
    return _knot(seed, name, index) * (1 - share) + _knot(seed, name, index + 1) * share


@dataclass(frozen=True, kw_only=True)
class Appliance:
    """Something that a person switches on."""

    name: str
    power_kw: float
    minutes: float
    hours: Hours
    """Local hours around which it is used, each once a day."""
    phase: int = 1
    """Grid phase (on 3x230: line pair) that feeds it."""
    chance: float = 0.8
    """Probability that a use takes place."""
    duty_s: float | None = None
    """A thermostat switches it on for two thirds of this period; `None`: on all the time."""


HOUSEHOLD: tuple[Appliance, ...] = (
    Appliance(name="kettle", power_kw=2.2, minutes=3, hours=(7.2, 10.0, 16.0), phase=2),
    Appliance(name="oven", power_kw=2.8, minutes=45, hours=(18.2,), phase=3, duty_s=90),
    Appliance(name="hob", power_kw=1.8, minutes=25, hours=(12.1, 18.5), phase=2, duty_s=40),
    Appliance(name="dishwasher", power_kw=2.0, minutes=35, hours=(20.3,), phase=1),
    Appliance(name="washing machine", power_kw=1.9, minutes=25, hours=(9.5,), phase=3, chance=0.5),
)


@dataclass(frozen=True, slots=True)
class _Use:
    start: float
    end: float
    appliance: Appliance


@lru_cache(maxsize=64)
def _uses(
    seed: int, day: date, time_zone: ZoneInfo, appliances: tuple[Appliance, ...]
) -> tuple[_Use, ...]:
    """Return what is switched on during a local day, as epoch seconds."""
    random = Random(f"{seed}:uses:{day}")
    midnight = datetime(day.year, day.month, day.day, tzinfo=time_zone).timestamp()
    uses = []
    for appliance in appliances:
        for hour in appliance.hours:
            start = midnight + (hour + random.gauss(0, 0.4)) * 3600
            length = appliance.minutes * 60 * random.uniform(0.7, 1.3)
            if random.random() < appliance.chance:
                uses.append(_Use(start, start + length, appliance))
    return tuple(uses)


def appliance_kw(
    seed: int, t: float, local: datetime, appliances: tuple[Appliance, ...]
) -> tuple[float, float, float]:
    """Return the kW per phase that appliances draw at `t`, which is `local` on the wall."""
    powers = [0.0, 0.0, 0.0]
    zone = local.tzinfo
    if not isinstance(zone, ZoneInfo):
        raise TypeError("local must carry a ZoneInfo")
    day = local.date()
    days = (day - timedelta(days=1), day) if local.hour < 6 else (day,)
    for one in days:
        for use in _uses(seed, one, zone, appliances):
            if use.start <= t < use.end:
                duty = use.appliance.duty_s
                if duty is None or (t - use.start) % duty < duty * 2 / 3:
                    powers[use.appliance.phase - 1] += use.appliance.power_kw
    return powers[0], powers[1], powers[2]


def shape(hours: Hours, hour: float) -> float:
    """Return a daily shape at a local hour 0..24, straight lines between the hours."""
    index = floor(hour) % 24
    share = hour - floor(hour)
    return hours[index] * (1 - share) + hours[(index + 1) % 24] * share


type Sky = Literal["clear", "mixed", "overcast"]

_CLOUD: dict[Sky, tuple[float, float]] = {
    "clear": (0.97, 0.03),
    "mixed": (0.65, 0.45),
    "overcast": (0.18, 0.08),
}
"""Mean and swing of the share of sunlight that passes."""


def sunlight(seed: int, t: float, hour: float, sunrise: float, sunset: float, sky: Sky) -> float:
    """Return sunlight 0..1 at solar `hour`: a sine between sunrise and sunset, less the clouds."""
    if not sunrise < hour < sunset:
        return 0.0
    height = pow(sin(pi * (hour - sunrise) / (sunset - sunrise)), 1.2)
    mean, swing = _CLOUD[sky]
    slow, fast = noise(seed, "cloud", t, 900), noise(seed, "gust", t, 45)
    return height * min(1.0, max(0.05, mean + swing * (0.7 * slow + 0.3 * fast)))
