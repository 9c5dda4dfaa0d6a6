"""The batteries in the model: energy, sources and uses."""

from dataclasses import dataclass

import numpy as np

from .columns import Columns, each, optional_columns, progress
from .model import ABSENT, Model, Terms
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Flags
from .weights import Weights

IN_ORDER = 0.1
"""By how much more each further battery is preferred still: equal ones do not take turns."""

THROUGHPUT = 0.5
"""Preference against moving a kWh through a battery for nothing, against that of a car's time."""

UNSURE_SOC = 0.005
"""SoC by which a battery may be below its window before that is worth buying energy: some tenths
of a percent are the meter's."""


def battery_columns(model: Model, prepared: Prepared, weights: Weights, columns: Columns) -> None:
    """Charge c and discharge d in kW and energy e in kWh at the end of each slot, per battery.

    Cost: sum of h (wear d + calm (c + d)) - value e_n. Below its window, where it starts, a
    battery fills up as soon as that is not dear: e + miss >= floor, at a cost of h request miss.
    """
    n, hours = prepared.n, prepared.hours
    still = weights.preference * THROUGHPUT * (1 + 0.1 * progress(prepared))
    for i, battery in enumerate(prepared.batteries):
        calm = still * (1 + IN_ORDER * i)
        into = np.full(n, max(battery.max_charge_kw, 0.0))
        out = np.full(n, max(battery.max_discharge_kw, 0.0))
        if not battery.may_charge_from_grid:
            into = np.minimum(into, prepared.surplus)
        if not battery.may_export and not battery.may_feed_cars:
            out = np.minimum(out, prepared.net_load)
        wear = max(battery.wear_price, 0.0)
        columns.charge_most.append(into)
        columns.discharge_most.append(out)
        columns.battery_in.append(optional_columns(model, f"charge{i}", into, calm * hours))
        columns.battery_out.append(
            optional_columns(model, f"discharge{i}", out, (calm + wear) * hours)
        )
        capacity = battery.capacity_kwh
        held = battery.soc * capacity
        low = min(battery.min_soc * capacity, held)
        high = max(battery.max_soc * capacity, held)
        energy = model.columns(f"energy{i}", np.full(n, high), lower=low)
        model.add_cost(int(energy[-1]), -weights.battery_value[i])
        columns.battery_energy.append(energy)
        floor_kwh = min(battery.min_soc * capacity, high)
        if held < floor_kwh - UNSURE_SOC * capacity:
            miss = model.columns(
                f"below{i}", np.full(n, floor_kwh - held), cost=weights.request * hours
            )
            model.at_least([(energy, 1.0), (miss, 1.0)], np.full(n, floor_kwh))


def battery_rows(
    model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns
) -> None:
    """Energy from slot to slot, and where it may come from and go."""
    _battery_energy(model, prepared, columns)
    _battery_sources(model, prepared, columns)
    _battery_uses(model, prepared, needs, columns)


def _battery_energy(model: Model, prepared: Prepared, columns: Columns) -> None:
    """e_t - e_(t-1) - h eta_c c + h d / eta_d = 0 [kWh], with e_0 = soc x capacity."""
    n, hours = prepared.n, prepared.hours
    for i, battery in enumerate(prepared.batteries):
        energy = columns.battery_energy[i]
        start = np.zeros(n)
        start[0] = battery.soc * battery.capacity_kwh
        balance = model.equal(
            [
                (energy, 1.0),
                (columns.battery_in[i], -battery.charge_efficiency * hours),
                (columns.battery_out[i], hours / battery.discharge_efficiency),
                (energy[:-1], -1.0, np.arange(1, n)),
            ],
            start,
        )
        columns.battery_balance.append(balance)


def _battery_sources(model: Model, prepared: Prepared, columns: Columns) -> None:
    """sum_b c_b + w <= spare sun [kW], over batteries that may not charge from the grid.

    One alone with all sun used is left out: the bound of its column says the same.
    """
    sun_only = [
        columns.battery_in[i]
        for i, b in enumerate(prepared.batteries)
        if not b.may_charge_from_grid
    ]
    if sun_only:
        some = sum((x != ABSENT).astype(int) for x in sun_only)
        wasted = columns.curtailed != ABSENT
        model.at_most(
            [*each(sun_only, 1.0), (columns.curtailed, 1.0)],
            prepared.surplus,
            where=(some > 1) | ((some > 0) & wasted),
        )


def _battery_uses(
    model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns
) -> None:
    """Batteries and vehicles feed the house, and cars or the grid only where they may.

    - house only:  sum d <= net load [kW]
    - no export:   sum d - k sum_v p_v <= net load, k = max(0, full - sun) / full. Beyond the
      house as much as cars take beyond the spare sun: the line from none charging to all at
      full power `full` lies on or above that.
    - no cars:     sum d - g- <= net load
    """
    outlets = _outlets(prepared, needs, columns)
    keep = [x for x in outlets if not x.may_export]
    house = [x for x in keep if not x.may_feed_cars]
    sell = [x for x in outlets if x.may_export and not x.may_feed_cars]
    load = prepared.net_load
    if len(house) > 1:
        model.at_most([x.terms for x in house], load, where=np.any([x.some for x in house], axis=0))
    if len(keep) > len(house):
        full = np.zeros(prepared.n)
        for need, charge in zip(needs, columns.charge, strict=True):
            most = np.where(charge != ABSENT, need.plugged.max_kw, 0.0)
            full += np.bincount(need.plugged.slot, most, minlength=prepared.n)
        beyond = np.maximum(full - prepared.surplus, 0.0)
        share = np.divide(beyond, full, out=np.zeros(prepared.n), where=full > TINY)
        cars = [
            (charge, -share[need.plugged.slot], need.plugged.slot)
            for need, charge in zip(needs, columns.charge, strict=True)
        ]
        columns.feeding = rows = model.at_most(
            [*(x.terms for x in keep), *cars],
            load,
            where=np.any([x.some for x in keep], axis=0),
        )
        at = np.flatnonzero((rows != ABSENT) & (prepared.surplus > 0))
        columns.feed_rows = dict(zip(at.tolist(), rows[at].tolist(), strict=True))
    if sell:
        members = [*house, *sell]
        model.at_most(
            [*(x.terms for x in members), (columns.exported, -1.0)],
            load,
            where=np.any([x.some for x in members], axis=0),
        )


@dataclass(frozen=True, kw_only=True)
class _Outlet:
    """A battery or vehicle that gives energy, and to whom it may."""

    terms: Terms
    some: Flags
    """Slots in which it can."""
    may_export: bool
    may_feed_cars: bool


def _outlets(prepared: Prepared, needs: tuple[Needs, ...], columns: Columns) -> list[_Outlet]:
    found = [
        _Outlet(
            terms=(out, 1.0),
            some=out != ABSENT,
            may_export=battery.may_export,
            may_feed_cars=battery.may_feed_cars,
        )
        for battery, out in zip(prepared.batteries, columns.battery_out, strict=True)
    ]
    givers = [need.vehicle for need in needs if need.giving is not None]
    found += [
        _Outlet(
            terms=(given, 1.0),
            some=given != ABSENT,
            may_export=vehicle.may_export,
            may_feed_cars=False,
        )
        for vehicle, given in zip(givers, columns.given_at, strict=True)
    ]
    return found
