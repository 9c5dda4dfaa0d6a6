"""Batteries stay with the mode that the last plan has for the present slot, where that costs nothing.

With what meters tell the best mode changes at each look: whether a battery gives 0.1 kW to a house
that needs 0.1 kW is worth next to nothing either way, yet each is another order.
"""

from dataclasses import replace

import numpy as np

from ..reading import BatteryMode
from .presence import TINY
from .reasons import battery_order, site_view
from .search import Attempt, Climb
from .solution import peaks
from .staying import orders, taken_back

LEAST_KW = 0.1
"""Power of a battery that charges or gives because it did."""


def stay_batteries(climb: Climb, most: float) -> None:
    """Make the best of a climb a plan whose batteries stay with their modes, where one costs `most`."""
    wanted = {x.battery: x.mode for x in climb.prepared.problem.previous_batteries}
    standing = orders(climb) if wanted else []
    for b, battery in enumerate(climb.prepared.batteries):
        if climb.best is None or climb.stopped:
            return
        mode = wanted.get(battery.id)
        if mode is None or _mode(climb, climb.best, b) == mode:
            continue
        flows = _flows(climb, climb.best, b, mode)
        if flows is None:
            continue
        pattern = climb.best.pattern.copy()
        pattern.battery_now[b] = flows
        found = climb.settle(pattern, most)
        if found is None or _mode(climb, found, b) != mode:
            continue
        if len(taken_back(found, standing)) <= len(taken_back(climb.best, standing)):
            climb.best = found


def _mode(climb: Climb, attempt: Attempt, b: int) -> BatteryMode:
    """Return the mode that a plan has a battery in now."""
    solution = replace(attempt.solution, prices=None)
    site = site_view(
        climb.prepared, climb.needs, solution, peaks(climb.prepared, solution.imported)
    )
    into, out, held = (
        float(x[b][0]) for x in (solution.battery_in, solution.battery_out, solution.energy)
    )
    return battery_order(climb.prepared.batteries[b], into, out, held, 0, site)[0]


def _flows(
    climb: Climb, best: Attempt, b: int, mode: BatteryMode
) -> tuple[float, float, float, float] | None:
    """Return the ranges of charge and discharge in kW that a mode means now; `None` for none."""
    into = float(climb.columns.charge_most[b][0])
    out = float(climb.columns.discharge_most[b][0])
    if mode is BatteryMode.CHARGE:
        return (LEAST_KW, into, 0.0, 0.0) if into > LEAST_KW else None
    if mode is BatteryMode.DISCHARGE:
        return (0.0, 0.0, LEAST_KW, out) if out > LEAST_KW else None
    if mode is BatteryMode.HOLD:
        return 0.0, 0.0, 0.0, 0.0
    return _alone(climb, best, b, into, out)


def _alone(
    climb: Climb, best: Attempt, b: int, into: float, out: float
) -> tuple[float, float, float, float] | None:
    """Return what a battery would do by itself: it serves the house, and takes the sun left over."""
    prepared, solution, battery = climb.prepared, best.solution, climb.prepared.batteries[b]
    if any(
        need.plugged.slot[0] == 0 and charge[0] > TINY
        for need, charge in zip(climb.needs, solution.charge, strict=True)
        if len(charge)
    ):
        return None
    others = [k for k in range(len(prepared.batteries)) if k != b]
    given = sum(float(solution.battery_out[k][0] - solution.battery_in[k][0]) for k in others)
    house = float(prepared.load[0] - prepared.pv[0] + solution.curtailed[0]) - given
    held, hours = battery.soc * battery.capacity_kwh, float(prepared.hours[0])
    room = max(0.0, battery.max_soc * battery.capacity_kwh - held) / battery.charge_efficiency
    left = max(0.0, held - battery.min_soc * battery.capacity_kwh) * battery.discharge_efficiency
    charge = float(np.clip(-house, 0.0, min(into, room / hours)))
    discharge = float(np.clip(house, 0.0, min(out, left / hours)))
    return charge, charge, discharge, discharge
