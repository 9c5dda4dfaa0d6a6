"""What goals, limits, storage and preferences are worth, derived from the problem's own prices.

Every weight comes from magnitudes of prices, so that negative prices never turn an order around:
limits > minimum SoC > trips > ready-by > requests > money > preferences.
"""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from .needs import Needs
from .prepare import Prepared
from .problem import GoalKind

KIND = {
    GoalKind.MINIMUM: 4.0,
    GoalKind.TRIP: 2.0,
    GoalKind.READY_BY: 1.5,
    GoalKind.REQUEST: 1.0,
}
"""One kWh of a goal against one of a request."""

STORED = 0.95
"""Energy left at the end is worth this share of the lowest import price: a little less than
buying it then, so that nothing is bought only to be kept."""

RANK = 1e-3
"""Step between the values of two storages, so that no two tie."""

GIVE_AWAY = 1e-4
"""Share of the bill that preferences may cost."""

LEAST_BILL = 0.1
"""Currency that a bill counts as at least, so that preferences also work on a bill near zero."""

LEAST_KEPT = 0.1
"""A battery that gives back less of what it takes raises the weights no further."""

ASAP_H = 12.0
"""Hours over which the worth of charging at once declines."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Worths in currency per kWh where nothing else is said."""

    request: float
    """A kWh that a request misses: dearer than any way to deliver it."""
    margin: float
    """A kWh that a goal misses on a day with little sun: dearer than to charge it at another time,
    and worth less than any goal as the sun is expected."""
    asap_slope: float
    """Per kWh and hour: by how much the worth of charging at once declines."""
    limit: float
    battery_value: tuple[float, ...]
    """Per kWh in each battery at the end."""
    extra_value: tuple[float, ...]
    """Per AC kWh beyond the goals, for each vehicle."""
    preference: float
    """Per kWh charged at the end of the plan rather than at its start."""
    bill: float
    """Estimate of the bill, for bounds that are a share of it."""

    def goal(self, kind: GoalKind) -> float:
        """Return what a kWh of a goal of this kind is worth."""
        return self.request * KIND[kind]


def weights_of(prepared: Prepared, needs: tuple[Needs, ...]) -> Weights:
    """Return the weights of a problem."""
    grid = prepared.problem.grid
    prices = np.abs(np.concatenate([prepared.import_price, prepared.export_price]))
    highest = float(prices.max())
    breach = max(grid.breach_price, 0.0)
    # One more kWh within a quarter raises its mean by 4 kW.
    peak = 4 * max(prepared.peak.price_per_kw, 0.0) if prepared.peak else 0.0
    wear = max((max(b.wear_price, 0.0) for b in prepared.batteries), default=0.0)
    wear = max([wear, *(need.giving.wear_price for need in needs if need.giving)])
    # The longest way to a car is through the battery that loses most.
    kept = min(
        (b.charge_efficiency * b.discharge_efficiency for b in prepared.batteries), default=1
    )
    request = 1 + (2 * highest + breach + peak) / max(kept, LEAST_KEPT) + wear
    stored = STORED * max(0.0, float(prepared.import_price.min()))
    batteries = tuple(
        stored * b.discharge_efficiency * (1 - RANK * i) - RANK * RANK * i
        for i, b in enumerate(prepared.batteries)
    )
    slope = 8 * highest + 0.1
    bill = _bill(prepared, needs)
    return Weights(
        request=request,
        margin=request - 0.5,
        asap_slope=slope,
        limit=request * KIND[GoalKind.MINIMUM] * 4 + slope * ASAP_H,
        battery_value=batteries,
        extra_value=tuple(
            _extra_value(prepared, need, stored, len(batteries) + i) for i, need in enumerate(needs)
        ),
        preference=_preference(prepared, needs, bill),
        bill=bill,
    )


def _extra_value(prepared: Prepared, need: Needs, stored: float, rank: int) -> float:
    vehicle = need.vehicle
    if vehicle.energy_value is not None and isfinite(vehicle.energy_value):
        return max(0.0, vehicle.energy_value)
    if vehicle.surplus_only:
        # A person chose sun in the car over sun sold or kept for the house.
        best_sale = max(0.0, float(prepared.export_price.max()), stored)
        return best_sale * (1 + RANK) + RANK
    keeps = vehicle.opportunistic or need.giving is not None
    return stored * (1 - RANK * rank) if keeps else 0.0


def _bill(prepared: Prepared, needs: tuple[Needs, ...]) -> float:
    house = np.abs(prepared.import_price) * prepared.net_load + np.abs(
        prepared.export_price
    ) * np.minimum(prepared.surplus, prepared.export_limit)
    cars = sum(need.total_kwh for need in needs) * float(np.abs(prepared.import_price).mean())
    return max(LEAST_BILL, float(house @ prepared.hours) + cars)


def _preference(prepared: Prepared, needs: tuple[Needs, ...], bill: float) -> float:
    cars = sum(need.room_kwh[-1] if need.room_kwh else 0.0 for need in needs)
    batteries = sum(
        min(b.capacity_kwh, b.max_charge_kw * float(prepared.hours.sum()))
        for b in prepared.batteries
    )
    batteries += sum(need.vehicle.capacity_kwh for need in needs if need.giving)
    days = max(1.0, float(prepared.hours.sum()) / 24)
    moved = cars + 2 * days * batteries
    # The preferences of one kWh never add up to more than twice this weight.
    return GIVE_AWAY * bill / (2 * max(moved, 1.0))
