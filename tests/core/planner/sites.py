"""Building blocks of the planner's tests."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from custom_components.smart_charging.core.planner import Plan, Problem, slot_bounds
from custom_components.smart_charging.core.schedule import ChargerStep

NOW = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


def at(hours: float) -> datetime:
    """Return the time `hours` from the start of the tests."""
    return NOW + timedelta(hours=hours)


def site(
    *,
    hours: int = 24,
    now: datetime = NOW,
    price: Callable[[float], float] | float = 0.25,
    export: Callable[[float], float] | float = 0.0,
    load: Callable[[float], float] | float = 0.0,
    pv: Callable[[float], float] | float = 0.0,
    **more: Any,
) -> Problem:
    """Return a site; series are constants or functions of the hours since the start."""
    slots = slot_bounds(now, hours)
    middles = [(a + (b - a) / 2 - NOW).total_seconds() / 3600 for a, b in pairwise(slots)]

    def series(value: Callable[[float], float] | float) -> tuple[float, ...]:
        return tuple(value(h) if callable(value) else value for h in middles)

    defaults: dict[str, Any] = {
        "now": now,
        "time_zone": "Europe/Brussels",
        "slots": slots,
        "import_price": series(price),
        "export_price": series(export),
        "estimated": (False,) * len(middles),
        "load_kw": series(load),
        "pv_kw": series(pv),
    }
    return Problem(**(defaults | more))


def charging(answer: Plan, charger: str = "garage") -> list[ChargerStep]:
    """Return the steps in which a charger charges."""
    return [s for s in answer.schedule.chargers[charger] if s.energy_kwh > 0]


def charged_kwh(answer: Plan, charger: str = "garage") -> float:
    """Return what a charger delivers in a plan."""
    return sum(s.energy_kwh for s in answer.schedule.chargers[charger])
