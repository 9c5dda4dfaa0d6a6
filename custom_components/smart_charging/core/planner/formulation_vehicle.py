"""The vehicles in the model: power per slot, goals, trips, room, taper and least current."""

import numpy as np

from .columns import ABSENT, Columns, charging_at, optional_columns, present, progress
from .model import Ids, Model, Term
from .needs import Needs
from .prepare import Prepared
from .presence import TINY
from .weights import ASAP_H, Weights

STAY_WITH = 0.5
"""Preference for going on with what a charger does now, against that of a car's time."""

IN_TURN = 0.5
"""By how much more the car that is due first is preferred early, against that of a car's time."""


def charge_columns(
    model: Model,
    prepared: Prepared,
    needs: tuple[Needs, ...],
    weights: Weights,
    columns: Columns,
) -> None:
    """Mean power of each vehicle in each slot in which it is plugged in."""
    running = {p.charger: p.current_a > 0 for p in prepared.problem.previous}
    due = [min((d.goal.by for d in n.demands if not d.past), default=None) for n in needs]
    order = sorted(range(len(needs)), key=lambda v: (due[v] is None, due[v] or 0, v))
    for v, need in enumerate(needs):
        at = np.array([s.slot for s in need.slots], dtype=np.int64)
        upper = np.array([s.max_kw for s in need.slots])
        hours = prepared.hours[at] if len(at) else np.zeros(0)
        # Earlier rather than later, and on with what runs now.
        wish = 0.1 + 0.9 * progress(prepared)[at] if len(at) else np.zeros(0)
        # Who is due first goes first: cars that share a limit then charge one after the other.
        wish *= 1 + IN_TURN * (1 - order.index(v) / len(needs))
        if len(at) and at[0] == 0:
            charger = prepared.problem.chargers[need.slots[0].charger].id
            if running.get(charger, False):
                wish[0] -= STAY_WITH
            elif charger in running:
                wish[0] += 0.1
        columns.charge.append(
            optional_columns(model, f"car{v}", upper, weights.preference * wish * hours)
        )


def demand_rows(
    model: Model, prepared: Prepared, need: Needs, weights: Weights, charge: Ids, v: int
) -> None:
    """Goals, trips and room along the cumulative energy at each point."""
    if not need.points:
        return
    total = model.columns(f"charged{v}", np.full(len(need.points), np.inf))
    drives = model.columns(
        f"drive{v}",
        [d.need_kwh for d in need.drives],
        cost=[weights.request] * len(need.drives),
    )
    begin = 0
    for k, end in enumerate(need.points):
        terms: list[Term] = [
            (int(charge[i]), -float(prepared.hours[need.slots[i].slot]))
            for i in range(begin, end)
            if charge[i] != ABSENT
        ]
        if k:
            terms.append((int(total[k - 1]), -1.0))
        model.equal([(int(total[k]), 1.0), *terms], 0.0)
        missed = [(int(drives[j]), 1.0) for j, d in enumerate(need.drives) if d.point < end]
        model.at_most([(int(total[k]), 1.0), *missed], need.room_kwh[k])
        begin = end
    position = {point: int(total[k]) for k, point in enumerate(need.points)}
    open_demands = [d for d in need.demands if not d.past and d.need_kwh > TINY]
    unmet = model.columns(
        f"unmet{v}",
        [d.need_kwh for d in open_demands],
        cost=[weights.goal(d.goal.kind) * (1 - 1e-3 * j) for j, d in enumerate(open_demands)],
    )
    for j, demand in enumerate(open_demands):
        terms = [(int(unmet[j]), 1.0)]
        if demand.point:
            terms.append((position[demand.point], 1.0))
        if demand.goal.soc is not None:
            # What a trip lacks it charges on its way: the battery is not emptier than empty.
            terms += [
                (int(drives[i]), 1.0) for i, d in enumerate(need.drives) if d.start < demand.goal.by
            ]
        model.at_least(terms, demand.need_kwh)
    for j, drive in enumerate(need.drives):
        terms = [(int(drives[i]), 1.0) for i in range(j + 1)]
        if drive.point:
            terms.append((position[drive.point], 1.0))
        model.at_least(terms, drive.need_kwh)
    _at_once(model, prepared, need, weights, charge, v)
    if (value := weights.extra_value[v]) > 0 and need.may_exceed:
        extra = int(model.columns(f"extra{v}", [need.room_kwh[-1]], cost=[-value])[0])
        terms = [(extra, 1.0), (int(total[-1]), -1.0)]
        terms += [
            (int(unmet[j]), -1.0)
            for j, d in enumerate(open_demands)
            if d.need_kwh >= need.total_kwh - TINY
        ][:1]
        terms += [(int(x), -1.0) for x in drives]
        model.at_most(terms, -need.total_kwh)


def _at_once(
    model: Model, prepared: Prepared, need: Needs, weights: Weights, charge: Ids, v: int
) -> None:
    """The minimum SoC: energy towards it is worth more, the earlier it comes."""
    if (demand := need.asap) is None or demand.need_kwh <= TINY:
        return
    at = [
        i
        for i in range(demand.point)
        if charge[i] != ABSENT and prepared.since_h[need.slots[i].slot] < ASAP_H
    ]
    if not at:
        return
    hours = prepared.hours[[need.slots[i].slot for i in at]]
    since = prepared.since_h[[need.slots[i].slot for i in at]]
    worth = weights.asap_slope * (ASAP_H - since) * hours
    first = model.columns(f"first{v}", [need.slots[i].max_kw for i in at], cost=-worth)
    for j, i in enumerate(at):
        model.at_most([(int(first[j]), 1.0), (int(charge[i]), -1.0)], 0.0)
    model.at_most([(int(first[j]), float(hours[j])) for j in range(len(at))], demand.need_kwh)


def taper_rows(model: Model, prepared: Prepared, need: Needs, charge: Ids, v: int) -> None:
    """Above `taper_soc` the power falls on a line to 10 % at full."""
    vehicle = need.vehicle
    if vehicle.taper_soc is None or vehicle.soc is None or not need.slots:
        return
    knee, capacity = vehicle.taper_soc, vehicle.capacity_kwh
    most = (vehicle.soc * capacity + vehicle.efficiency * need.room_kwh[-1]) / capacity
    if knee >= 1 or most <= knee:
        return
    slope = 0.9 / (1 - knee)
    start = min(vehicle.soc, 1.0) * capacity
    held = model.columns(
        f"held{v}", np.full(len(need.slots), np.inf), lower=np.full(len(need.slots), -np.inf)
    )
    for i, plugged in enumerate(need.slots):
        h = float(prepared.hours[plugged.slot])
        driven = need.trip_kwh[plugged.slot] - (need.trip_kwh[need.slots[i - 1].slot] if i else 0.0)
        terms: list[Term] = [(int(held[i]), 1.0)]
        if i:
            terms.append((int(held[i - 1]), -1.0))
        if charge[i] != ABSENT:
            terms.append((int(charge[i]), -vehicle.efficiency * h))
        model.equal(terms, -driven if i else start - driven)
        if charge[i] == ABSENT:
            continue
        # Power against the mean of the SoC before and after the slot.
        full = plugged.max_kw
        rise = slope * full / capacity
        lead = 1.0 - rise * vehicle.efficiency * h / 2
        model.at_most(
            [
                # A battery that one slot can fill is held to the SoC after it.
                (int(charge[i]), lead if lead > 0.5 else 1.0),
                (int(held[i]), rise),
            ],
            full * (1 + slope * knee),
        )


def sun_rows(model: Model, prepared: Prepared, need: Needs, columns: Columns, v: int) -> None:
    """Perspective rows: at the minimum current spare sun carries only a part of a charge.

    Running at `least` kW for the share p / least of a slot takes p * (1 - sun / least) from the
    grid or the batteries, and so does a charge at p > least at the least.
    """
    for i, plugged in enumerate(need.slots):
        t = plugged.slot
        sun, least = float(prepared.surplus[t]), plugged.min_kw
        if columns.charge[v][i] == ABSENT or not TINY < sun < least - TINY:
            continue
        terms: list[Term] = [(int(columns.charge[v][i]), 1 - sun / least)]
        terms.append((int(columns.imported[t]), -1.0))
        terms += present(columns.battery_out, t, -1.0)
        model.at_most(terms, 0.0)


def shared_sun_rows(
    model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns
) -> None:
    """Vehicles that take sun only share it."""
    cars = charging_at(needs, columns.charge, prepared.n)
    for t in range(prepared.n):
        terms = [(column, 1.0) for v, _, column in cars[t] if needs[v].vehicle.surplus_only]
        wasted = present([columns.curtailed], t, 1.0)
        if terms and (len(terms) > 1 or wasted):
            model.at_most([*terms, *wasted], float(prepared.surplus[t]))


def switch_rows(model: Model, need: Needs, columns: Columns, v: int) -> None:
    """0 or min..max all the time; once per stretch between two points a part of the time."""
    charge = columns.charge[v]
    at = [i for i in range(len(need.slots)) if charge[i] != ABSENT]
    running = np.full(len(need.slots), ABSENT)
    partial = np.full(len(need.slots), ABSENT)
    if at:
        running[at] = model.columns(f"on{v}", [1.0] * len(at), integer=True)
        partial[at] = model.columns(f"part{v}", [1.0] * len(at), integer=True)
    columns.running.append(running)
    columns.partial.append(partial)
    for i in at:
        plugged = need.slots[i]
        on, part, power = int(running[i]), int(partial[i]), int(charge[i])
        model.at_most([(power, 1.0), (on, -plugged.max_kw), (part, -plugged.min_kw)], 0.0)
        if need.vehicle.taper_soc is None:
            model.at_least([(power, 1.0), (on, -plugged.min_kw)], 0.0)
        model.at_most([(on, 1.0), (part, 1.0)], 1.0)
    begin = 0
    for end in need.points:
        terms = [(int(partial[i]), 1.0) for i in range(begin, end) if partial[i] != ABSENT]
        if len(terms) > 1:
            model.at_most(terms, 1.0)
        begin = end


def peak_rows(model: Model, prepared: Prepared, need: Needs, columns: Columns, v: int) -> None:
    """Perspective rows of the month's peak: a car at its minimum needs room below it.

    With the peak raised by `rise`, a charge that goes on takes p <= room + rise + batteries,
    where room is what sun and the peak so far leave. One slot between two points may charge a
    part of the time, and is exempt: its share is `relief`.
    """
    if prepared.peak is None:
        return
    whole = {q.slots[0]: q for q in prepared.quarters if len(q.slots) == 1 and q.prior_kwh == 0}
    begin = 0
    for end in need.points:
        rows: list[tuple[int, float, float]] = []
        for i in range(begin, end):
            plugged = need.slots[i]
            t, least = plugged.slot, plugged.min_kw
            if columns.charge[v][i] == ABSENT or t not in whole or plugged.share < 1:
                continue
            if whole[t].hours > prepared.hours[t] + TINY:
                continue
            room = float(prepared.pv[t] - prepared.load[t])
            room = max(0.0, room + prepared.peak_base_kw[whole[t].month])
            if room < least - TINY:
                rows.append((i, room, least))
        begin = end
        if not rows:
            continue
        most = max(least - room for _, room, least in rows)
        relief = model.columns(f"relief{v}_{end}", [most] * len(rows))
        for j, (i, room, least) in enumerate(rows):
            t = need.slots[i].slot
            month = whole[t].month
            peak = int(columns.peak[month])
            terms: list[Term] = [(int(columns.charge[v][i]), 1 - room / least), (peak, -1.0)]
            terms.append((int(relief[j]), -1.0))
            terms += present(columns.battery_out, t, -1.0)
            model.at_most(terms, -prepared.peak_base_kw[month])
        model.at_most([(int(x), 1.0) for x in relief], most)
