"""The batteries in the model: energy, sources and uses."""

import numpy as np

from .columns import Columns, charging_at, optional_columns, present, progress
from .model import Model, Term
from .needs import Needs
from .prepare import Prepared
from .presence import TINY
from .weights import Weights

THROUGHPUT = 0.5
"""Preference against moving a kWh through a battery for nothing, against that of a car's time."""


def battery_columns(model: Model, prepared: Prepared, weights: Weights, columns: Columns) -> None:
    """Charge, discharge and energy of each battery per slot."""
    hours = prepared.hours
    calm = weights.preference * THROUGHPUT * (1 + 0.1 * progress(prepared))
    for i, battery in enumerate(prepared.batteries):
        into = np.full(prepared.n, max(battery.max_charge_kw, 0.0))
        out = np.full(prepared.n, max(battery.max_discharge_kw, 0.0))
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
        energy = model.columns(
            f"energy{i}", np.full(prepared.n, high), lower=np.full(prepared.n, low)
        )
        model.add_cost(int(energy[-1]), -weights.battery_value[i])
        columns.battery_energy.append(energy)
        floor_kwh = min(battery.min_soc * capacity, high)
        if held < floor_kwh - TINY:
            # Below its window a battery fills up to it as soon as that is not dear.
            miss = model.columns(
                f"below{i}",
                np.full(prepared.n, floor_kwh - held),
                cost=np.full(prepared.n, weights.request) * hours,
            )
            for t in range(prepared.n):
                model.at_least([(int(energy[t]), 1.0), (int(miss[t]), 1.0)], floor_kwh)


def battery_rows(
    model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns
) -> None:
    """Energy from slot to slot, and where it may come from and go."""
    for i, battery in enumerate(prepared.batteries):
        energy = columns.battery_energy[i]
        gain = battery.charge_efficiency
        loss = 1 / battery.discharge_efficiency
        for t in range(prepared.n):
            h = float(prepared.hours[t])
            terms: list[Term] = [(int(energy[t]), 1.0)]
            terms += present([columns.battery_in[i]], t, -gain * h)
            terms += present([columns.battery_out[i]], t, loss * h)
            if t:
                terms.append((int(energy[t - 1]), -1.0))
            model.equal(terms, 0.0 if t else battery.soc * battery.capacity_kwh)
    _battery_sources(model, prepared, columns)
    _battery_uses(model, prepared, needs, columns)


def _battery_sources(model: Model, prepared: Prepared, columns: Columns) -> None:
    """Batteries that may not charge from the grid share the spare sun."""
    sun_only = [
        columns.battery_in[i]
        for i, b in enumerate(prepared.batteries)
        if not b.may_charge_from_grid
    ]
    if not sun_only:
        return
    for t in range(prepared.n):
        wasted = present([columns.curtailed], t, 1.0)
        terms = present(sun_only, t, 1.0)
        # Alone and with all sun used, the bound of the column says the same.
        if terms and (len(terms) > 1 or wasted):
            model.at_most([*terms, *wasted], max(float(prepared.surplus[t]), 0.0))


def _battery_uses(
    model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns
) -> None:
    """Batteries feed the house, and cars or the grid only where they may."""
    keep = [i for i, b in enumerate(prepared.batteries) if not b.may_export]
    house = [i for i in keep if not prepared.batteries[i].may_feed_cars]
    sell = [i for i, b in enumerate(prepared.batteries) if b.may_export and not b.may_feed_cars]
    out = columns.battery_out
    cars = charging_at(needs, columns.charge, prepared.n)
    for t in range(prepared.n):
        load, sun = float(prepared.net_load[t]), float(prepared.surplus[t])
        if len(house) > 1 and (terms := present([out[i] for i in house], t, 1.0)):
            model.at_most(terms, load)
        if len(keep) > len(house) and (terms := present([out[i] for i in keep], t, 1.0)):
            # Beyond the house, as much as cars take beyond the spare sun: the line from none
            # charging to all at full power lies on or above that.
            full = sum(needs[v].slots[i].max_kw for v, i, _ in cars[t])
            share = max(0.0, full - sun) / full if full > TINY else 0.0
            row = model.at_most([*terms, *((column, -share) for *_, column in cars[t])], load)
            if sun > 0:
                columns.feed_rows[t] = row
        if sell and (terms := present([out[i] for i in (*house, *sell)], t, 1.0)):
            model.at_most([*terms, *present([columns.exported], t, -1.0)], load)
