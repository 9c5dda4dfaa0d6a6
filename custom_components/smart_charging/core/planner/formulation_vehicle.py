"""The vehicles in the model: power per slot, goals, trips, room, taper and least current."""

import numpy as np

from .columns import Columns, optional_columns, progress
from .formulation_v2h import giving_rows
from .model import ABSENT, Ids, Model
from .needs import Demand, Needs
from .prepare import Prepared
from .presence import TINY, Series
from .runs import runs_now_h
from .solution import given_kwh
from .weights import ASAP_H, Weights

STAY_WITH = 0.5
"""Preference for going on with what a charger does now, against that of a car's time."""

STAY_H = 1.0
"""Hours over which it fades: not only the present slot, else each plan ends the charge at its end."""

IN_TURN = 0.5
"""By how much more the car that is due first is preferred early, against that of a car's time."""


def charge_columns(
    model: Model,
    prepared: Prepared,
    needs: tuple[Needs, ...],
    weights: Weights,
    columns: Columns,
) -> None:
    """Mean power p in kW of each vehicle in each slot in which it is plugged in.

    Cost: sum of h preference wish p, where wish is smaller for what should come first: earlier
    rather than later, on with what runs now, and who is due first: cars that share a limit then
    charge one after the other.
    """
    idle = {p.charger for p in prepared.problem.previous if p.current_a <= 0}
    due = [min((d.goal.by for d in n.demands if not d.past), default=None) for n in needs]
    runs = [runs_now_h(prepared, need) is not None for need in needs]
    # Of two that are due at the same time the one that runs goes on.
    order = sorted(range(len(needs)), key=lambda v: (due[v] is None, due[v] or 0, not runs[v], v))
    later = 0.1 + 0.9 * progress(prepared)
    for v, need in enumerate(needs):
        at = need.plugged.slot
        wish = later[at] * (1 + IN_TURN * (1 - order.index(v) / len(needs)))
        if len(at) and at[0] == 0:
            charger = prepared.problem.chargers[int(need.plugged.charger[0])].id
            if runs[v]:
                fades = np.maximum(1 - prepared.since_h[at] / STAY_H, 0.0)
                wish -= STAY_WITH * fades
            elif charger in idle:
                wish[0] += 0.1
        cost = weights.preference * wish * prepared.hours[at]
        columns.charge.append(optional_columns(model, f"car{v}", need.plugged.max_kw, cost))


def demand_rows(
    model: Model, prepared: Prepared, need: Needs, weights: Weights, columns: Columns, v: int
) -> None:
    """Goals, trips and room along the energy E_k charged by each point k, in AC kWh from now.

    - energy: E_k - E_(k-1) - sum of h (p - q / (eta eta_q)) between the two = 0
    - room:   E_k - (what drives fetched elsewhere by k) <= room_k
    - goal:   unmet + E_k + (what drives before it fetched, for a goal on the SoC) >= need
    - drive:  fetched + (what drives before it fetched) + E_k >= need: a battery is not emptier
      than empty, what a trip lacks it charges on its way

    Cost: unmet and fetched kWh at their weights.
    """
    columns.unmet.append({})
    columns.fetched.append({})
    if not need.points:
        return
    points, plugged = np.array(need.points), need.plugged
    charge, gives = columns.charge[v], need.giving is not None
    lowest = -np.inf if gives else 0.0
    total = model.columns(f"charged{v}", np.full(len(points), np.inf), lower=lowest)
    drives = model.columns(
        f"drive{v}", [max(d.need_kwh, 0.0) for d in need.drives], cost=weights.request
    )
    k = np.arange(len(points))
    stretch = np.searchsorted(points, np.arange(len(plugged)), side="right")
    model.equal(
        [
            (total, 1.0),
            (charge, -prepared.hours[plugged.slot], stretch),
            (columns.given[v], given_kwh(prepared, need, np.ones(len(plugged))), stretch),
            (total[:-1], -1.0, k[1:]),
        ],
        np.zeros(len(points)),
    )
    fetched = [
        (np.full(np.count_nonzero(points > d.point), drives[j]), 1.0, k[points > d.point])
        for j, d in enumerate(need.drives)
    ]
    model.at_most([(total, 1.0), *fetched], need.room_kwh)
    position = {point: int(total[i]) for i, point in enumerate(need.points)}
    demands = [d for d in need.demands if not d.past and (gives or d.need_kwh > TINY)]
    unmet = model.columns(
        f"unmet{v}",
        [max(d.need_kwh, 0.0) for d in demands],
        cost=[weights.goal(d.goal.kind) * (1 - 1e-3 * j) for j, d in enumerate(demands)],
    )
    for missed, demand in zip(unmet.tolist(), demands, strict=True):
        before = [j for j, d in enumerate(need.drives) if d.start < demand.goal.by]
        taken = drives[before] if demand.goal.soc is not None else drives[:0]
        columns.unmet[v][demand], columns.fetched[v][demand] = missed, taken
        model.at_least(
            [(missed, 1.0), (position.get(demand.point, ABSENT), 1.0), (taken, 1.0, 0)],
            demand.need_kwh,
        )
    for j, drive in enumerate(need.drives):
        model.at_least(
            [(drives[: j + 1], 1.0, 0), (position.get(drive.point, ABSENT), 1.0)], drive.need_kwh
        )
    giving_rows(model, prepared, need, columns, drives, v)
    _at_once(model, prepared, need, weights, charge, v)
    _extra(model, need, weights.extra_value[v], total, drives, unmet, demands, v)


def _extra(
    model: Model,
    need: Needs,
    value: float,
    total: Ids,
    drives: Ids,
    unmet: Ids,
    demands: list[Demand],
    v: int,
) -> None:
    """Extra - E_last - fetched - unmet <= -asked [kWh]: what is charged beyond the goals, at a value."""
    if value <= 0 or not need.may_exceed:
        return
    # What gives back may end with less than was asked for at some time.
    lowest = 0.0 if need.giving is None else -np.inf
    extra = model.columns(f"extra{v}", [need.room_kwh[-1]], lower=lowest, cost=-value)
    largest = [j for j, d in enumerate(demands) if d.need_kwh >= need.total_kwh - TINY][:1]
    model.at_most(
        [(extra, 1.0), (total[-1], -1.0), (unmet[largest], -1.0, 0), (drives, -1.0, 0)],
        -need.total_kwh,
    )


def _at_once(
    model: Model, prepared: Prepared, need: Needs, weights: Weights, charge: Ids, v: int
) -> None:
    """First <= p [kW] and sum of h first <= need [kWh]: the minimum SoC.

    Energy towards it is worth more, the earlier it comes: slope x (12 h - time from now).
    """
    if (demand := need.asap) is None or demand.need_kwh <= TINY:
        return
    slot = need.plugged.slot
    at = np.flatnonzero((charge != ABSENT) & (prepared.since_h[slot] < ASAP_H))
    at = at[at < demand.point]
    if not len(at):
        return
    hours = prepared.hours[slot[at]]
    worth = weights.asap_slope * (ASAP_H - prepared.since_h[slot[at]]) * hours
    first = model.columns(f"first{v}", need.plugged.max_kw[at], cost=-worth)
    model.at_most([(first, 1.0), (charge[at], -1.0)], np.zeros(len(at)))
    model.at_most([(first, hours, 0)], demand.need_kwh)


def taper_rows(model: Model, prepared: Prepared, need: Needs, columns: Columns, v: int) -> None:
    """Above `taper_soc` the power falls on a line to 10 % at full.

    - held_i - held_(i-1) - eta h p = -driven [kWh]
    - p (1 - rise eta h / 2) + rise held <= full (1 + slope knee) [kW], slope = 0.9 / (1 - knee)
      and rise = slope full / capacity: power against the mean of the SoC before and after.
    """
    vehicle, plugged, charge = need.vehicle, need.plugged, columns.charge[v]
    if vehicle.taper_soc is None or vehicle.soc is None or not len(plugged):
        return
    knee, capacity = vehicle.taper_soc, vehicle.capacity_kwh
    highest = (vehicle.soc * capacity + vehicle.efficiency * need.room_kwh[-1]) / capacity
    if knee >= 1 or highest <= knee:
        return
    m, hours = len(plugged), prepared.hours[plugged.slot]
    held = columns.held[v]
    if need.giving is None:
        held = model.columns(f"held{v}", np.full(m, np.inf), lower=-np.inf)
        change = -np.diff(need.trip_kwh[plugged.slot], prepend=0.0)
        change[0] += min(vehicle.soc, 1.0) * capacity
        gain = -vehicle.efficiency * hours
        model.equal([(held, 1.0), (charge, gain), (held[:-1], -1.0, np.arange(1, m))], change)
    slope = 0.9 / (1 - knee)
    full = plugged.max_kw
    rise = slope * full / capacity
    lead = 1.0 - rise * vehicle.efficiency * hours / 2
    model.at_most(
        # A battery that one slot can fill is held to the SoC after it.
        [(charge, np.where(lead > 0.5, lead, 1.0)), (held, rise)],
        full * (1 + slope * knee),
        where=charge != ABSENT,
    )


def shared_sun_rows(
    model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns
) -> None:
    """sum_v p_v + w <= spare sun [kW] over the vehicles that take sun only.

    One alone with all sun used is left out: the bound of its column says the same.
    """
    cars = [
        (columns.charge[v], 1.0, need.plugged.slot)
        for v, need in enumerate(needs)
        if need.vehicle.surplus_only
    ]
    if not cars:
        return
    some = sum(np.bincount(at[ids != ABSENT], minlength=prepared.n) for ids, _, at in cars)
    wasted = columns.curtailed != ABSENT
    model.at_most(
        [*cars, (columns.curtailed, 1.0)],
        prepared.surplus,
        where=(some > 1) | ((some > 0) & wasted),
    )


def switch_rows(model: Model, need: Needs, columns: Columns, v: int) -> None:
    """0 or min..max all the time; once per stretch between two points a part of the time.

    least on <= p <= most on + least part [kW], on + part <= 1, sum of part <= 1 per stretch.
    """
    charge, plugged = columns.charge[v], need.plugged
    at = np.flatnonzero(charge != ABSENT)
    m = len(at)
    running, partial = np.full(len(plugged), ABSENT), np.full(len(plugged), ABSENT)
    columns.running.append(running)
    columns.partial.append(partial)
    if not m:
        return
    on = model.columns(f"on{v}", np.ones(m), integer=True)
    part = model.columns(f"part{v}", np.ones(m), integer=True)
    running[at], partial[at] = on, part
    power, least, most = charge[at], plugged.min_kw[at], plugged.max_kw[at]
    model.at_most([(power, 1.0), (on, -most), (part, -least)], np.zeros(m))
    if need.vehicle.taper_soc is None:
        model.at_least([(power, 1.0), (on, -least)], np.zeros(m))
    model.at_most([(on, 1.0), (part, 1.0)], np.ones(m))
    stretch = np.searchsorted(need.points, at, side="right")
    once: Series = np.ones(len(need.points))
    model.at_most([(part, 1.0, stretch)], once, where=np.bincount(stretch, minlength=len(once)) > 1)
