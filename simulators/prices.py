"""A feed of five-minute prices with a cheap spell that starts soon, for demo and tests."""

from datetime import UTC, datetime, timedelta
from math import cos, pi

from custom_components.smart_charging.core.price import Price

STEP = timedelta(minutes=5)
SWING = 0.25
"""Share by which the ordinary price swings around its mean over a day."""
RIPPLE = 0.04
"""Share by which neighbouring prices differ, so that no two slots tie."""


def five_minute_prices(
    start: datetime,
    *,
    hours: float = 36.0,
    cheap_after_min: float = 20.0,
    cheap_for_min: float = 120.0,
    ordinary: float = 0.30,
    cheap: float = 0.06,
) -> list[Price]:
    """Return prices in currency per kWh from the five minutes that hold `start` (aware).

    The cheap spell starts at the first step that lies `cheap_after_min` or more after `start`
    and comes back at the same time of the following days. The same arguments give the same
    prices. Raises ValueError for a naive start.
    """
    if start.tzinfo is None:
        raise ValueError("start must be aware")
    start = start.astimezone(UTC)
    at = start - (start - datetime(1970, 1, 1, tzinfo=UTC)) % STEP
    until = at + timedelta(hours=hours)
    spell_from = start + timedelta(minutes=cheap_after_min)
    spell = timedelta(minutes=cheap_for_min)
    found = []
    while at < until:
        in_spell = at >= spell_from and (at - spell_from) % timedelta(days=1) < spell
        value = (cheap if in_spell else ordinary * _daily(at)) * _ripple(at)
        found.append(Price(start=at, end=at + STEP, value=round(value, 5)))
        at += STEP
    return found


def _daily(at: datetime) -> float:
    """Return the ordinary price's share of its mean: highest at 18:00, lowest at 6:00 UTC."""
    return 1 + SWING * cos(2 * pi * ((at.hour + at.minute / 60) - 18) / 24)


def _ripple(at: datetime) -> float:
    step = int(at.timestamp() // STEP.total_seconds())
    return 1 + RIPPLE * ((step * 7919 % 101) / 100 - 0.5)
