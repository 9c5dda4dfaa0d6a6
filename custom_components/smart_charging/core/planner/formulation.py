"""The planning model: which columns and rows a prepared problem has.

It is tight rather than big. The least current of a charger (0 or min..max) appears as
*perspective rows*: a car that runs at its minimum for a part of a slot takes from the grid what
the sun does not give in that part. With them the linear relaxation lies within a fraction of a
percent of the optimum. Directions (import or export, charge or discharge) need no binaries
except where prices make burning energy worthwhile, and there one row gives the convex hull of
both. Without `integers` the model is the relaxation; with them it is the whole problem.

Symbols of the equations, in kW, kWh, A and h: see docs/planning.md, *Equations*.
"""

import numpy as np

from .columns import Columns, each, least_currents, optional_columns
from .formulation_battery import battery_columns, battery_rows
from .formulation_margin import margin_rows
from .formulation_peak import quarter_rows, rise_rows
from .formulation_perspective import perspective_rows
from .formulation_v2h import (
    given_currents,
    giving_columns,
    giving_fuse_rows,
    one_way_rows,
)
from .formulation_vehicle import (
    charge_columns,
    demand_rows,
    shared_sun_rows,
    switch_rows,
    taper_rows,
)
from .model import ABSENT, Ids, Model, Terms
from .needs import Needs, exportable_kw
from .prepare import Prepared
from .presence import TINY, Series
from .start import begin
from .weights import Weights


def formulate(
    prepared: Prepared, needs: tuple[Needs, ...], weights: Weights, *, integers: bool = False
) -> tuple[Model, Columns]:
    """Return the model of a problem and where everything stands in it.

    The binaries of a model with `integers` come after all other columns, which stand where they
    stand in the relaxation.
    """
    model = Model("plan")
    columns = _site_columns(model, prepared, needs, weights)
    battery_columns(model, prepared, weights, columns)
    charge_columns(model, prepared, needs, weights, columns)
    giving_columns(model, prepared, needs, weights, columns, integers=integers)
    _balance(model, prepared, needs, columns)
    _contract(model, prepared, columns)
    _fuses(model, prepared, needs, columns)
    _circuits(model, prepared, needs, columns)
    quarter_rows(model, prepared, columns)
    battery_rows(model, prepared, needs, columns)
    for v, need in enumerate(needs):
        demand_rows(model, prepared, need, weights, columns, v)
        taper_rows(model, prepared, need, columns, v)
    shared_sun_rows(model, prepared, needs, columns)
    perspective_rows(model, prepared, needs, columns)
    rise_rows(model, prepared, needs, columns)
    giving_fuse_rows(model, prepared, needs, columns)
    margin_rows(model, prepared, needs, weights, columns)
    _directions(model, prepared, columns, integers=integers)
    if integers:
        for v, need in enumerate(needs):
            switch_rows(model, need, columns, v)
    for v, need in enumerate(needs):
        one_way_rows(model, prepared, need, columns, v, integers=integers)
    if not integers:
        begin(model, prepared, columns)
    return model, columns


def _site_columns(
    model: Model, prepared: Prepared, needs: tuple[Needs, ...], weights: Weights
) -> Columns:
    """Import g+, export g-, sun thrown away w, breach r and force majeure o, in kW per slot.

    Cost: sum of h (price_in g+ - price_out g- + price_breach r + limit o) + price_peak P.
    """
    n, hours = prepared.n, prepared.hours
    sellers = sum(max(b.max_discharge_kw, 0.0) for b in prepared.batteries if b.may_export)
    reach = prepared.surplus + sellers + exportable_kw(prepared, needs)
    export = np.minimum(reach, prepared.export_limit)
    # Throwing sun away can only pay where selling costs, buying pays, or the export is limited.
    curtail = (
        (prepared.export_price < 0)
        | (prepared.import_price < 0)
        | (prepared.import_price < prepared.export_price)
        | (reach > prepared.export_limit)
    )
    price = max(prepared.problem.grid.breach_price, 0.0)
    everything = prepared.import_limit + prepared.breach_kw + prepared.over
    return Columns(
        imported=model.columns("import", everything, cost=prepared.import_price * hours),
        export_most=export,
        exported=optional_columns(model, "export", export, -prepared.export_price * hours),
        curtailed=optional_columns(
            model, "curtail", np.where(curtail, prepared.pv, 0.0), np.zeros(n)
        ),
        over=optional_columns(model, "over", prepared.over, weights.limit * hours),
        breach=optional_columns(model, "breach", np.full(n, prepared.breach_kw), price * hours),
        peak=model.columns(
            "peak",
            np.full(len(prepared.months), np.inf),
            lower=np.array(prepared.peak_base_kw),
            cost=max(prepared.peak.price_per_kw, 0.0),
        )
        if prepared.peak
        else np.zeros(0, dtype=np.int64),
    )


def _balance(model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns) -> None:
    """g+ - g- - w - sum_b (c_b - d_b) - sum_v (p_v - q_v) = load - sun [kW], in every slot."""
    columns.balance = model.equal(
        [
            (columns.imported, 1.0),
            (columns.exported, -1.0),
            (columns.curtailed, -1.0),
            *each(columns.battery_in, -1.0),
            *each(columns.battery_out, 1.0),
            *columns.cars(needs, -1.0),
            *each(columns.given_at, 1.0),
        ],
        prepared.load - prepared.pv,
    )


def _contract(model: Model, prepared: Prepared, columns: Columns) -> None:
    """g+ - r - o <= contract [kW], where the bound of g+ does not say it."""
    more = (columns.breach != ABSENT) | (columns.over != ABSENT)
    if more.any():
        model.at_most(
            [(columns.imported, 1.0), (columns.breach, -1.0), (columns.over, -1.0)],
            np.full(prepared.n, prepared.import_limit),
            where=more,
        )


def _fuses(model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns) -> None:
    """house_l + a (sum_b (c_b - d_b) + w) + sum_v a_vl (p_v - q_v) <= fuse_l [A], per slot and phase l.

    a is A per kW spread evenly over the phases, a_vl that of a car. Only where it can bind, and
    only with several phases: with one it is the contract.
    """
    phases = prepared.line_load_a.shape[0]
    if phases == 1:
        return
    a = prepared.line_a_per_kw
    batteries = sum(max(b.max_charge_kw, 0.0) for b in prepared.batteries)
    spread = a * (batteries + np.where(columns.curtailed != ABSENT, prepared.pv, 0.0))
    for phase in range(phases):
        house, limit = prepared.line_load_a[phase], prepared.line_limit_a[phase]
        most = house + spread
        cars: list[Terms] = []
        for need, charge in zip(needs, columns.charge, strict=True):
            per_kw, highest = _currents(need, charge, phase)
            most = most + np.bincount(need.plugged.slot, highest, minlength=prepared.n)
            cars.append((charge, per_kw, need.plugged.slot))
        cars += given_currents(needs, columns, phase)
        columns.line_rows.append(
            model.at_most(
                [
                    *cars,
                    *each(columns.battery_in, a),
                    *each(columns.battery_out, -a),
                    (columns.curtailed, a),
                ],
                limit - house,
                where=most > limit + TINY,
            )
        )


def _currents(need: Needs, charge: Ids, phase: int) -> tuple[Series, Series]:
    """Return the least current per kW of mean power and the highest current in A on a phase.

    Per plugged slot; both over the settings that a charger may choose from.
    """
    plugged = need.plugged
    lines = plugged.line_a_per_kw[..., phase]
    highest = (lines * plugged.most_kw).max(axis=0, initial=0.0)
    return least_currents(need, charge, phase), np.where(charge != ABSENT, highest, 0.0)


def _circuits(model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns) -> None:
    """sum_v a_vl p_v <= fuse [A] of each circuit, per slot and phase l, where it can bind."""
    for circuit, members in prepared.circuits:
        rows = []
        for phase in range(prepared.line_load_a.shape[0]):
            most = np.zeros(prepared.n)
            cars = []
            for need, charge in zip(needs, columns.charge, strict=True):
                here = np.isin(need.plugged.charger, members)
                per_kw, highest = _currents(need, charge, phase)
                most += np.bincount(need.plugged.slot, highest * here, minlength=prepared.n)
                cars.append((np.where(here, charge, ABSENT), per_kw, need.plugged.slot))
            rows.append(
                model.at_most(
                    cars,
                    np.full(prepared.n, max(circuit.fuse_a, 0.0)),
                    where=most > circuit.fuse_a + TINY,
                )
            )
        columns.circuit_rows.append((members, rows))


def _directions(model: Model, prepared: Prepared, columns: Columns, *, integers: bool) -> None:
    """Where burning energy would pay, opposite flows exclude each other.

    A battery may be worth emptying in any slot when a later one pays for filling it.
    """
    turned = (prepared.import_price < prepared.export_price) & (columns.exported != ABSENT)
    if turned.any():
        columns.one_way = np.flatnonzero(turned).tolist()
        most_in = prepared.import_limit + prepared.breach_kw + prepared.over
        one, other = (columns.imported, most_in), (columns.exported, columns.export_most)
        _exclude(model, columns, turned, one, other, integers=integers)
    if prepared.batteries and (prepared.import_price < 0).any():
        columns.battery_one_way = list(range(prepared.n))
        for i, battery in enumerate(prepared.batteries):
            into, out = columns.battery_in[i], columns.battery_out[i]
            one = (into, np.full(prepared.n, battery.max_charge_kw))
            other = (out, np.full(prepared.n, battery.max_discharge_kw))
            both = (into != ABSENT) & (out != ABSENT)
            _exclude(model, columns, both, one, other, integers=integers)


def _exclude(
    model: Model,
    columns: Columns,
    where: np.ndarray[tuple[int], np.dtype[np.bool_]],
    one: tuple[Ids, Series],
    other: tuple[Ids, Series],
    *,
    integers: bool,
) -> None:
    """X / X + y / Y <= 1, the hull of "x or y"; with a binary z: x <= X z and y <= Y (1 - z).

    Both come with their largest values X and Y.
    """
    at = np.flatnonzero(where & (np.minimum(one[1], other[1]) > TINY))
    x, most_x, y, most_y = one[0][at], one[1][at], other[0][at], other[1][at]
    if not integers:
        model.at_most([(x, 1 / most_x), (y, 1 / most_y)], np.ones(len(at)))
        return
    way = model.columns(f"way{len(columns.ways)}", np.ones(len(at)), integer=True)
    columns.ways += zip(at.tolist(), way.tolist(), x.tolist(), y.tolist(), strict=True)
    model.at_most([(x, 1.0), (way, -most_x)], np.zeros(len(at)))
    model.at_most([(y, 1.0), (way, most_y)], most_y)
