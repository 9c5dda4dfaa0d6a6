"""Why each device does what it does in a slot."""

from dataclasses import dataclass

import numpy as np

from ..reading import BatteryMode
from ..schedule import Reason
from .needs import Needs
from .prepare import Prepared
from .presence import TINY
from .problem import Battery
from .solution import Solution, charged_kwh, net_kwh

MOSTLY = 0.5
"""A charge counts as sun when at least this share of it is spare sun."""

AT_PEAK_KW = 0.01
"""A quarter this near the month's peak counts as reaching it."""

PEAK_SHOWS = 0.01
"""Currency per kWh above the price from which the peak counts as the reason."""

FORCED = 0.98
"""A charge counts as forced by its goal when it uses this share of what the time allows."""


@dataclass(frozen=True, kw_only=True)
class SiteView:
    """The site per slot, as plain numbers: what steps are written from."""

    surplus: list[float]
    house: list[float]
    """Load that the sun leaves."""
    imported: list[float]
    exported: list[float]
    curtailed: list[float]
    cars: list[float]
    given: list[float]
    """What vehicles give back."""
    price: list[float]
    export_price: list[float]
    marginal: list[float] | None
    at_peak: list[bool]
    """The quarter of the slot reaches the month's peak, which costs something."""


def site_view(
    prepared: Prepared, needs: tuple[Needs, ...], solution: Solution, peak_kw: tuple[float, ...]
) -> SiteView:
    """Return the site per slot."""
    cars, given = np.zeros(prepared.n), np.zeros(prepared.n)
    for need, kw in zip(needs, solution.given, strict=True):
        np.add.at(given, need.plugged.slot, kw)
    for need, charge in zip(needs, solution.charge, strict=True):
        np.add.at(cars, need.plugged.slot, charge)
    if prepared.peak is None:
        at_peak = [False] * prepared.n
    else:
        highest = np.array(peak_kw)[prepared.quarters.month]
        reached = prepared.quarter_means(solution.imported) >= highest - AT_PEAK_KW
        at_peak = reached[prepared.quarters.of_slot].tolist()
    return SiteView(
        surplus=prepared.surplus.tolist(),
        house=prepared.net_load.tolist(),
        imported=solution.imported.tolist(),
        exported=solution.exported.tolist(),
        curtailed=solution.curtailed.tolist(),
        cars=cars.tolist(),
        given=given.tolist(),
        price=prepared.import_price.tolist(),
        export_price=prepared.export_price.tolist(),
        marginal=None if solution.marginal is None else solution.marginal.tolist(),
        at_peak=at_peak,
    )


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """One vehicle along its plugged slots, as plain numbers."""

    power: list[float]
    energy: list[float]
    """AC kWh charged in each slot."""
    given: list[float]
    """AC kWh given back in each slot."""
    before: list[float]
    """AC kWh gained before each slot, and at the end of the last: charged less given back."""
    possible: list[float]
    """AC kWh that could have been charged before each slot, and at the end of the last."""
    setting: list[int]
    marginal: list[float] | None


def outlook(prepared: Prepared, need: Needs, solution: Solution, v: int) -> Outlook:
    """Return a vehicle along its plugged slots."""
    energy = charged_kwh(prepared, need, solution.charge[v])
    possible = need.plugged.max_kw * prepared.hours[need.plugged.slot]
    gained = net_kwh(prepared, need, solution, v)
    given = solution.given[v] * prepared.hours[need.plugged.slot]
    prices = solution.charge_marginal
    return Outlook(
        power=solution.charge[v].tolist(),
        energy=energy.tolist(),
        given=given.tolist(),
        before=[0.0, *np.cumsum(gained).tolist()],
        possible=[0.0, *np.cumsum(possible).tolist()],
        setting=solution.setting[v].tolist(),
        marginal=None if prices is None else prices[v].tolist(),
    )


def charging_reason(need: Needs, i: int, site: SiteView, look: Outlook) -> Reason:
    """Return why a plugged vehicle charges or waits in its slot number `i`."""
    plugged = need.slots[i]
    t = plugged.slot
    power = look.power[i]
    if look.given[i] > TINY:
        return Reason.SELL if site.house[t] < site.given[t] * MOSTLY else Reason.FEED_HOUSE
    if power <= TINY:
        return _idle(need, i, site, look)
    asap = need.asap
    if asap is not None and i < asap.point and look.before[i] < asap.need_kwh - TINY:
        return Reason.MINIMUM_SOC
    if site.surplus[t] - site.exported[t] - site.curtailed[t] >= MOSTLY * power:
        return Reason.SUN
    if site.price[t] < 0:
        return Reason.NEGATIVE_PRICE
    if _forced(need, i, look):
        return Reason.LIMIT if plugged.limited else Reason.GOAL
    if power < plugged.max_kw - TINY and site.at_peak[t]:
        return Reason.PEAK
    return Reason.CHEAP


def _idle(need: Needs, i: int, site: SiteView, look: Outlook) -> Reason:
    plugged = need.slots[i]
    if sum(look.energy[i:]) <= TINY:
        asked = need.total_kwh > TINY or need.vehicle.surplus_only
        return Reason.REACHED if asked and look.before[i] > TINY else Reason.NO_GOAL
    if not plugged.settings and plugged.limited:
        return Reason.LIMIT
    if site.at_peak[plugged.slot] and site.marginal is not None:
        # A slot that is cheap to buy in, and yet dear: the peak makes it so.
        if site.marginal[plugged.slot] - site.price[plugged.slot] > PEAK_SHOWS:
            return Reason.PEAK
    return Reason.WAITING


def _forced(need: Needs, i: int, look: Outlook) -> bool:
    """Return whether an open goal leaves no slot that is not used."""
    for demand in need.demands:
        if demand.past or demand.point <= i:
            continue
        left = look.possible[demand.point] - look.possible[i]
        missing = demand.need_kwh - look.before[i]
        if missing > TINY and missing >= FORCED * left:
            return True
    return False


def battery_order(
    battery: Battery, into: float, out: float, held_kwh: float, t: int, site: SiteView
) -> tuple[BatteryMode, Reason]:
    """Return mode and reason of a battery in a slot, from its powers in kW.

    Where self-consumption would do by itself what is planned it is the order: it also follows
    what the forecast did not know.
    """
    imported, exported, cars = site.imported[t], site.exported[t], site.cars[t]
    empty = held_kwh <= battery.min_soc * battery.capacity_kwh + TINY
    full = held_kwh >= battery.max_soc * battery.capacity_kwh - TINY
    if into > TINY:
        if imported <= TINY:
            alone = exported <= TINY or full or into >= battery.max_charge_kw - TINY
            return (BatteryMode.SELF_CONSUMPTION if alone else BatteryMode.CHARGE), Reason.SUN
        reason = Reason.NEGATIVE_PRICE if site.price[t] < 0 else Reason.STORE
        return BatteryMode.CHARGE, reason
    if out > TINY:
        # Export that spare sun does not account for comes out of batteries.
        sold = exported - max(0.0, site.surplus[t] - site.curtailed[t] - cars)
        sold = sold if battery.may_export else 0.0
        if min(out, sold) >= MOSTLY * out:
            return BatteryMode.DISCHARGE, Reason.SELL
        if out > site.house[t] + TINY and cars > TINY:
            return BatteryMode.DISCHARGE, Reason.HELP
        if imported > TINY and site.at_peak[t]:
            return BatteryMode.DISCHARGE, Reason.PEAK
        follows = imported <= TINY or empty or out >= battery.max_discharge_kw - TINY
        alone = exported <= TINY and cars <= TINY and follows
        mode = BatteryMode.SELF_CONSUMPTION if alone else BatteryMode.DISCHARGE
        return mode, Reason.FEED_HOUSE
    nothing_to_do = (imported <= TINY or empty) and (exported <= TINY or full)
    if nothing_to_do and cars <= TINY:
        return BatteryMode.SELF_CONSUMPTION, Reason.HOLD
    return BatteryMode.HOLD, Reason.HOLD
