"""What the values of a problem may be, beyond their types.

One table for both who read it: the codec refuses what is outside, and the published schema
(`docs/problem.schema.json`) says the same. Only what means nothing is refused: a start SoC
outside its window, a goal in the past or a limit below the load has a plan.
"""

from dataclasses import dataclass

from ..grid import Circuit, Grid
from .problem import (
    Battery,
    Charger,
    Command,
    Goal,
    PeakTariff,
    Problem,
    Search,
    Trip,
    Vehicle,
)

TIME = (
    r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""A time with its offset from UTC, RFC 3339 with seconds left out where they are none."""

TIME_EXAMPLE = "2026-04-14T17:00:00+02:00"


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What a number may be; of a list, each number in it."""

    least: float | None = None
    above: float | None = None
    most: float | None = None
    items: tuple[int, int | None] = (0, None)
    """Least and most length of a list."""


ANY = Bound()
AT_LEAST_0 = Bound(least=0)
ABOVE_0 = Bound(above=0)
SHARE = Bound(above=0, most=1)

BY_NAME = {
    "_a": AT_LEAST_0,
    "_s": AT_LEAST_0,
    "capacity_kwh": ABOVE_0,
    "charge_kw": AT_LEAST_0,
    "discharge_kw": AT_LEAST_0,
    "efficiency": SHARE,
}
"""Bounds by the end of a field's name, for fields without one of their own."""

BOUNDS: dict[type, dict[str, Bound]] = {
    Problem: {
        "slots": Bound(items=(2, None)),
        "load_share_per_phase": Bound(least=0, items=(1, 3)),
        "quarter_energy_kwh": AT_LEAST_0,
    },
    Grid: {"breach_kw": AT_LEAST_0},
    Circuit: {},
    PeakTariff: {"price_per_kw": AT_LEAST_0, "floor_kw": AT_LEAST_0, "month_peak_kw": AT_LEAST_0},
    Charger: {
        "phases": Bound(least=1, most=3, items=(1, None)),
        "phase_map": Bound(least=1, most=3, items=(3, 3)),
    },
    Vehicle: {"soc": AT_LEAST_0, "max_phases": Bound(least=1, most=3)},
    Trip: {"energy_kwh": AT_LEAST_0},
    Goal: {"soc": AT_LEAST_0, "energy_kwh": AT_LEAST_0},
    Battery: {"soc": AT_LEAST_0},
    Command: {"phases": Bound(least=1, most=3)},
    Search: {
        "solves": AT_LEAST_0,
        "nodes": AT_LEAST_0,
        "gap_relative": AT_LEAST_0,
        "gap_absolute": AT_LEAST_0,
    },
}
"""Classes with bounds, and the bounds of their own fields."""

EXACTLY_ONE: dict[type, tuple[str, ...]] = {Goal: ("soc", "energy_kwh")}
"""Fields of which exactly one has a value."""


def bound_of(kind: type, name: str) -> Bound:
    """Return what the values of a field may be."""
    own = BOUNDS.get(kind)
    if own is None:
        return ANY
    ends = (bound for end, bound in BY_NAME.items() if name.endswith(end))
    return own[name] if name in own else next(ends, ANY)
