"""What a vehicle may give back: to the house, or to the grid too."""

from dataclasses import dataclass

import numpy as np

from .prepare import Prepared
from .presence import TINY, Flags, Plugged, Series, settings_of
from .problem import Vehicle


@dataclass(frozen=True, kw_only=True)
class Giving:
    """What a vehicle may give back along its plugged slots, and what it must keep."""

    most_kw: Series
    """Highest mean AC power per plugged slot; 0 where it may not."""
    out_per_ac: Series
    """Energy out of the battery per AC energy given back, per plugged slot."""
    line_a_per_kw: Series
    """Current on each grid phase per kW of running power; phases x plugged slots."""
    floor_kwh: float
    """Battery energy below which it gives nothing back."""
    high_kwh: float
    """Battery energy that charging may reach."""
    start_kwh: float
    """Battery energy now."""
    low_kwh: Series
    """The least that it may hold at the end of each plugged slot, trips driven."""
    below: Flags
    """Plugged slots in which that is less than the floor."""
    wear_price: float


def giving_of(
    prepared: Prepared, vehicle: Vehicle, plugged: Plugged, driven_kwh: Series
) -> Giving | None:
    """Return what `vehicle` may give back in its slots, `None` when nothing.

    `driven_kwh` is the battery energy driven away by each bound of the slots of the plan.
    """
    if not vehicle.may_discharge or vehicle.soc is None or vehicle.surplus_only:
        return None
    capacity = vehicle.capacity_kwh
    floor = max(vehicle.discharge_floor_soc, vehicle.minimum_soc, 0.0) * capacity
    start = max(vehicle.soc, 0.0) * capacity
    high = max(vehicle.target_soc * capacity, start)
    most, out, lines = _chargers(prepared, vehicle, plugged)
    slots = plugged.slot
    if not vehicle.may_export:
        most = np.minimum(most, prepared.net_load[slots])
    most = np.where(_reach(prepared, vehicle, plugged, driven_kwh, start, high) > floor, most, 0.0)
    if not (most > TINY).any():
        return None
    low = min(start, floor) - driven_kwh[slots]
    return Giving(
        most_kw=np.where(most > TINY, most, 0.0),
        out_per_ac=out,
        line_a_per_kw=lines,
        floor_kwh=floor,
        high_kwh=high,
        start_kwh=start,
        low_kwh=low,
        below=low < floor - TINY,
        wear_price=max(vehicle.wear_price, 0.0),
    )


def _chargers(
    prepared: Prepared, vehicle: Vehicle, plugged: Plugged
) -> tuple[Series, Series, Series]:
    """Return mean power in kW, battery energy per AC energy and currents per kW, per slot.

    On the most phases of charger and vehicle, within what the fuse of each circuit carries, and
    the main fuse beside what the house draws or sends out on each phase.
    """
    problem = prepared.problem
    m, phases = len(plugged), prepared.line_load_a.shape[0]
    most, out, lines = np.zeros(m), np.ones(m), np.zeros((phases, m))
    for c in np.unique(plugged.charger).tolist():
        charger = problem.chargers[c]
        at = np.flatnonzero(plugged.charger == c)
        per_kw = np.array(settings_of(charger, vehicle, problem.grid)[-1].line_a_per_kw)
        house = prepared.line_load_a[:, plugged.slot[at]]
        free = np.maximum(max(problem.grid.fuse_a, 0.0), -house) + house
        circuits = [max(x.fuse_a, 0.0) for x, members in prepared.circuits if c in members]
        kw = np.full(len(at), max(charger.max_discharge_kw, 0.0))
        for phase in np.flatnonzero(per_kw > 0).tolist():
            fuse = np.minimum(free[phase], min(circuits, default=np.inf))
            kw = np.minimum(kw, np.maximum(fuse, 0.0) / per_kw[phase])
        most[at] = kw * plugged.share[at]
        loss = charger.discharge_efficiency
        out[at] = 1 / loss if 0 < loss <= 1 else 1.0
        lines[:, at] = per_kw[:, None]
    return most, out, lines


def _reach(
    prepared: Prepared,
    vehicle: Vehicle,
    plugged: Plugged,
    driven_kwh: Series,
    start: float,
    high: float,
) -> Series:
    """Return the most that the battery can hold at the begin of each slot, trips driven."""
    gained = vehicle.efficiency * plugged.max_kw * prepared.hours[plugged.slot]
    trips = np.diff(driven_kwh[plugged.slot], prepend=0.0)
    held, found = start, np.zeros(len(plugged))
    for i in range(len(plugged)):
        held = max(held - float(trips[i]), 0.0)
        found[i] = held
        held = min(high, held + float(gained[i]))
    return found
