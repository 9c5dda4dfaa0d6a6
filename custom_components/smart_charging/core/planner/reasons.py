"""Why each device does what it does in a slot."""

from dataclasses import dataclass

import numpy as np

from ..reading import BatteryMode
from ..schedule import Reason
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Series
from .solution import Solution, charged_kwh

MOSTLY = 0.5
"""A charge counts as sun when at least this share of it is spare sun."""

FORCED = 0.98
"""A charge counts as forced by its goal when it uses this share of what the time allows."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What the reasons of one vehicle rest on."""

    energy: Series
    """AC kWh per plugged slot."""
    before: Series
    """AC kWh charged before each plugged slot."""
    possible: Series
    """AC kWh that each plugged slot could have given."""


def outlook(prepared: Prepared, need: Needs, charge: Series) -> Outlook:
    """Return what the reasons of a vehicle rest on."""
    energy = charged_kwh(prepared, need, charge)
    at = [s.slot for s in need.slots]
    return Outlook(
        energy=energy,
        before=np.cumsum(energy) - energy,
        possible=np.array([s.max_kw for s in need.slots]) * prepared.hours[at],
    )


def charging_reason(
    prepared: Prepared,
    need: Needs,
    solution: Solution,
    v: int,
    i: int,
    look: Outlook,
    peak_kw: tuple[float, ...],
) -> Reason:
    """Return why a plugged vehicle charges or waits in its slot number `i`."""
    plugged = need.slots[i]
    t = plugged.slot
    power = float(solution.charge[v][i])
    asap = need.asap
    below_minimum = asap is not None and i < asap.point and look.before[i] < asap.need_kwh - TINY
    if power <= TINY:
        return _idle(prepared, need, solution, i, look, peak_kw)
    if below_minimum:
        return Reason.MINIMUM_SOC
    sun = max(0.0, float(prepared.surplus[t])) - max(0.0, float(solution.exported[t]))
    if sun >= MOSTLY * power:
        return Reason.SUN
    if prepared.import_price[t] < 0:
        return Reason.NEGATIVE_PRICE
    if _forced(need, i, look):
        return Reason.LIMIT if plugged.limited else Reason.GOAL
    if power < plugged.max_kw - TINY and _at_peak(prepared, solution, t, peak_kw):
        return Reason.PEAK
    return Reason.CHEAP


def _idle(
    prepared: Prepared,
    need: Needs,
    solution: Solution,
    i: int,
    look: Outlook,
    peak_kw: tuple[float, ...],
) -> Reason:
    plugged = need.slots[i]
    later = float(look.energy[i:].sum())
    if later <= TINY:
        asked = need.total_kwh > TINY or need.vehicle.surplus_only
        return Reason.REACHED if asked and look.before[i] > TINY else Reason.NO_GOAL
    if not plugged.settings and plugged.limited:
        return Reason.LIMIT
    if prepared.peak is not None and solution.marginal is not None:
        # A slot that is cheap to buy in, and yet dear: the peak makes it so.
        dearer = float(solution.marginal[plugged.slot] - prepared.import_price[plugged.slot])
        if dearer > 0.01 and _at_peak(prepared, solution, plugged.slot, peak_kw):
            return Reason.PEAK
    return Reason.WAITING


def _forced(need: Needs, i: int, look: Outlook) -> bool:
    """Return whether an open goal leaves no slot that is not used."""
    for demand in need.demands:
        if demand.past or demand.point <= i:
            continue
        left = float(look.possible[i : demand.point].sum())
        missing = demand.need_kwh - float(look.before[i])
        if missing > TINY and missing >= FORCED * left:
            return True
    return False


def _at_peak(prepared: Prepared, solution: Solution, t: int, peak_kw: tuple[float, ...]) -> bool:
    if prepared.peak is None:
        return False
    number = int(prepared.quarter_of[t])
    mean = prepared.quarter_means(solution.imported)[number]
    return bool(mean >= peak_kw[prepared.quarters[number].month] - 0.01)


def battery_order(
    prepared: Prepared,
    solution: Solution,
    b: int,
    t: int,
    cars_kw: float,
    peak_kw: tuple[float, ...],
) -> tuple[BatteryMode, Reason]:
    """Return mode and reason of a battery in a slot.

    Where self-consumption would do by itself what is planned it is the order: it also follows
    what the forecast did not know.
    """
    battery = prepared.batteries[b]
    into, out = float(solution.battery_in[b][t]), float(solution.battery_out[b][t])
    imported, exported = float(solution.imported[t]), float(solution.exported[t])
    if into > TINY:
        if imported <= TINY:
            alone = exported <= TINY or into >= battery.max_charge_kw - TINY
            return (BatteryMode.SELF_CONSUMPTION if alone else BatteryMode.CHARGE), Reason.SUN
        negative = prepared.import_price[t] < 0
        return BatteryMode.CHARGE, Reason.NEGATIVE_PRICE if negative else Reason.STORE
    if out > TINY:
        house = float(prepared.net_load[t])
        if out > house + TINY and cars_kw > TINY:
            return BatteryMode.DISCHARGE, Reason.HELP
        if imported > TINY and _at_peak(prepared, solution, t, peak_kw):
            return BatteryMode.DISCHARGE, Reason.PEAK
        alone = (
            exported <= TINY
            and cars_kw <= TINY
            and (imported <= TINY or out >= battery.max_discharge_kw - TINY)
        )
        mode = BatteryMode.SELF_CONSUMPTION if alone else BatteryMode.DISCHARGE
        return mode, Reason.FEED_HOUSE
    held = float(solution.energy[b][t])
    empty = held <= battery.min_soc * battery.capacity_kwh + TINY
    full = held >= battery.max_soc * battery.capacity_kwh - TINY
    nothing_to_do = (imported <= TINY or empty) and (exported <= TINY or full)
    if nothing_to_do and cars_kw <= TINY:
        return BatteryMode.SELF_CONSUMPTION, Reason.HOLD
    return BatteryMode.HOLD, Reason.HOLD
