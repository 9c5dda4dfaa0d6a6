"""The planning model: which columns and rows a prepared problem has.

It is tight rather than big. The least current of a charger (0 or min..max) appears as
*perspective rows*: a car that runs at its minimum for a part of a slot takes from the grid what
the sun does not give in that part. With them the linear relaxation lies within a fraction of a
percent of the optimum. Directions (import or export, charge or discharge) need no binaries
except where prices make burning energy worthwhile, and there one row gives the convex hull of
both. Without `integers` the model is the relaxation; with them it is the whole problem.
"""

import numpy as np

from .columns import ABSENT, Columns, charging_at, optional_columns, present
from .formulation_battery import battery_columns, battery_rows
from .formulation_vehicle import (
    charge_columns,
    demand_rows,
    peak_rows,
    shared_sun_rows,
    sun_rows,
    switch_rows,
    taper_rows,
)
from .model import Model, Term
from .needs import Needs
from .prepare import Prepared
from .presence import TINY
from .weights import Weights


def formulate(
    prepared: Prepared, needs: tuple[Needs, ...], weights: Weights, *, integers: bool = False
) -> tuple[Model, Columns]:
    """Return the model of a problem and where everything stands in it.

    The binaries of a model with `integers` come after all other columns, which stand where they
    stand in the relaxation.
    """
    model = Model("plan")
    columns = _site_columns(model, prepared, weights)
    battery_columns(model, prepared, weights, columns)
    charge_columns(model, prepared, needs, weights, columns)
    _balance(model, prepared, needs, columns)
    _site_limits(model, prepared, needs, columns)
    _circuits(model, prepared, needs, columns)
    _peaks(model, prepared, columns)
    battery_rows(model, prepared, needs, columns)
    for v, need in enumerate(needs):
        demand_rows(model, prepared, need, weights, columns.charge[v], v)
        taper_rows(model, prepared, need, columns.charge[v], v)
        sun_rows(model, prepared, need, columns, v)
        peak_rows(model, prepared, need, columns, v)
    shared_sun_rows(model, prepared, needs, columns)
    _directions(model, prepared, columns, integers=integers)
    if integers:
        for v, need in enumerate(needs):
            switch_rows(model, need, columns, v)
    return model, columns


def _site_columns(model: Model, prepared: Prepared, weights: Weights) -> Columns:
    n, hours = prepared.n, prepared.hours
    sellers = sum(max(b.max_discharge_kw, 0.0) for b in prepared.batteries if b.may_export)
    reach = prepared.surplus + sellers
    export = np.minimum(reach, prepared.export_limit)
    # Throwing sun away can only pay where selling costs, buying pays, or the export is limited.
    curtail = (
        (prepared.export_price < 0)
        | (prepared.import_price < 0)
        | (prepared.import_price < prepared.export_price)
        | (reach > prepared.export_limit)
    )
    price = prepared.problem.grid.breach_price
    everything = prepared.import_limit + prepared.breach_kw + prepared.over
    return Columns(
        imported=model.columns("import", everything, cost=prepared.import_price * hours),
        export_most=export,
        exported=optional_columns(model, "export", export, -prepared.export_price * hours),
        curtailed=optional_columns(
            model, "curtail", np.where(curtail, prepared.pv, 0.0), np.zeros(n)
        ),
        over=optional_columns(model, "over", prepared.over, weights.limit * hours),
        breach=optional_columns(
            model, "breach", np.full(n, prepared.breach_kw), np.full(n, max(price, 0.0)) * hours
        ),
        charge=[],
        battery_in=[],
        battery_out=[],
        charge_most=[],
        discharge_most=[],
        battery_energy=[],
        peak=model.columns(
            "peak",
            [np.inf] * len(prepared.months),
            lower=list(prepared.peak_base_kw),
            cost=[max(prepared.peak.price_per_kw, 0.0)] * len(prepared.months),
        )
        if prepared.peak
        else np.zeros(0, dtype=np.int64),
    )


def _balance(model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns) -> None:
    """Import - export - charge = load - sun + curtailed, in every slot."""
    cars = charging_at(needs, columns.charge, prepared.n)
    for t in range(prepared.n):
        terms: list[Term] = [(int(columns.imported[t]), 1.0)]
        terms += present([columns.exported], t, -1.0)
        terms += present([columns.curtailed], t, -1.0)
        terms += present(columns.battery_in, t, -1.0)
        terms += present(columns.battery_out, t, 1.0)
        terms += [(column, -1.0) for _, _, column in cars[t]]
        columns.balance.append(model.equal(terms, float(prepared.load[t] - prepared.pv[t])))


def _site_limits(
    model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns
) -> None:
    """Contract with its priced breach, and the fuse of each phase where it can bind."""
    if prepared.breach_kw > TINY or bool(np.any(prepared.over > TINY)):
        for t in range(prepared.n):
            extra = present([columns.breach, columns.over], t, -1.0)
            if extra:
                model.at_most([(int(columns.imported[t]), 1.0), *extra], prepared.import_limit)
    phases = prepared.line_load_a.shape[0]
    if phases == 1:
        return
    cars = charging_at(needs, columns.charge, prepared.n)
    batteries = sum(max(b.max_charge_kw, 0.0) for b in prepared.batteries)
    a = prepared.line_a_per_kw
    for t in range(prepared.n):
        for phase in range(phases):
            most = float(prepared.line_load_a[phase, t]) + a * (
                batteries + (float(prepared.pv[t]) if columns.curtailed[t] != ABSENT else 0.0)
            )
            terms: list[Term] = []
            for v, i, column in cars[t]:
                plugged = needs[v].slots[i]
                per_kw = min(s.line_a_per_kw[phase] for s in plugged.settings)
                most += max(s.line_a_per_kw[phase] * s.max_kw for s in plugged.settings)
                terms.append((column, per_kw / plugged.share))
            limit = float(prepared.line_limit_a[phase, t])
            if most <= limit + TINY:
                continue
            terms += present(columns.battery_in, t, a)
            terms += present(columns.battery_out, t, -a)
            terms += present([columns.curtailed], t, a)
            columns.line_rows[t, phase] = model.at_most(
                terms, limit - float(prepared.line_load_a[phase, t])
            )


def _circuits(model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns) -> None:
    """The fuse of each circuit, per phase, where its chargers together can exceed it."""
    if not prepared.circuits:
        return
    cars = charging_at(needs, columns.charge, prepared.n)
    phases = prepared.line_load_a.shape[0]
    for circuit, members in prepared.circuits:
        for t in range(prepared.n):
            here = [
                (column, needs[v].slots[i])
                for v, i, column in cars[t]
                if needs[v].slots[i].charger in members
            ]
            for phase in range(phases):
                most = sum(
                    max(s.line_a_per_kw[phase] * s.max_kw for s in plugged.settings)
                    for _, plugged in here
                )
                if most > circuit.fuse_a + TINY:
                    row = model.at_most(
                        [
                            (column, min(s.line_a_per_kw[phase] for s in p.settings) / p.share)
                            for column, p in here
                        ],
                        max(circuit.fuse_a, 0.0),
                    )
                    columns.circuit_rows.setdefault((t, phase), []).append((members, row))


def _peaks(model: Model, prepared: Prepared, columns: Columns) -> None:
    """Mean import of each quarter stays below the month's peak."""
    if prepared.peak is None:
        return
    for quarter in prepared.quarters:
        peak = int(columns.peak[quarter.month])
        terms: list[Term] = [
            (int(columns.imported[t]), float(prepared.hours[t])) for t in quarter.slots
        ]
        model.at_most([*terms, (peak, -quarter.hours)], -quarter.prior_kwh)


def _directions(model: Model, prepared: Prepared, columns: Columns, *, integers: bool) -> None:
    """Where burning energy would pay, opposite flows exclude each other.

    A battery may be worth emptying in any slot when a later one pays for filling it.
    """
    paid = bool(np.any(prepared.import_price < 0))
    for t in range(prepared.n):
        if prepared.import_price[t] < prepared.export_price[t] and columns.exported[t] != ABSENT:
            columns.one_way.append(t)
            most_in = float(prepared.import_limit + prepared.breach_kw + prepared.over[t])
            one = (int(columns.imported[t]), most_in)
            other = (int(columns.exported[t]), float(columns.export_most[t]))
            _exclude(model, columns, t, one, other, integers=integers)
        if paid and prepared.batteries:
            columns.battery_one_way.append(t)
            for i, battery in enumerate(prepared.batteries):
                into, out = int(columns.battery_in[i][t]), int(columns.battery_out[i][t])
                if ABSENT not in (into, out):
                    one = (into, battery.max_charge_kw)
                    other = (out, battery.max_discharge_kw)
                    _exclude(model, columns, t, one, other, integers=integers)


def _exclude(
    model: Model, columns: Columns, t: int, one: Term, other: Term, *, integers: bool
) -> None:
    """Let one of two columns be above zero; both come with their largest value."""
    (first, most), (second, most_other) = one, other
    if min(most, most_other) <= TINY:
        return
    if not integers:
        model.at_most([(first, 1 / most), (second, 1 / most_other)], 1.0)
        return
    way = int(model.columns(f"way{len(columns.ways)}", [1.0], integer=True)[0])
    columns.ways.append((t, way, first, second))
    model.at_most([(first, 1.0), (way, -most)], 0.0)
    model.at_most([(second, 1.0), (way, most_other)], most_other)
