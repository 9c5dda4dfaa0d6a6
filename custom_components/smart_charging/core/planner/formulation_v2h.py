"""Vehicles that feed the house, in the model: power given back and the battery's energy per slot.

A vehicle that only charges needs one energy per stretch between two points; one that gives back
needs its energy in every slot.
"""

import numpy as np

from .columns import Columns, each, optional_columns, progress
from .formulation_battery import THROUGHPUT
from .giving import Giving
from .model import ABSENT, Ids, Model, Terms
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Series
from .weights import Weights


def giving_columns(
    model: Model,
    prepared: Prepared,
    needs: tuple[Needs, ...],
    weights: Weights,
    columns: Columns,
    *,
    integers: bool,
) -> None:
    """Power q given back in kW, battery energy s in kWh at the end, per plugged slot.

    Cost: sum of h (wear + calm) q. Where the battery may hold less than the floor, z says that it
    does not: between 0 and 1, and one of them with `integers`.
    """
    calm = weights.preference * THROUGHPUT * (1 + 0.1 * progress(prepared))
    for v, need in enumerate(needs):
        none = np.full(len(need.plugged), ABSENT)
        if (giving := need.giving) is None:
            columns.given.append(none)
            columns.held.append(none)
            columns.above.append(none)
            continue
        slot = need.plugged.slot
        cost = (giving.wear_price + calm[slot]) * prepared.hours[slot]
        columns.given.append(optional_columns(model, f"given{v}", giving.most_kw, cost))
        m = len(slot)
        columns.held.append(
            model.columns(f"soc{v}", np.full(m, giving.high_kwh), lower=giving.low_kwh)
        )
        above = none.copy()
        at = np.flatnonzero(giving.below & (giving.most_kw > TINY))
        if len(at):
            above[at] = model.columns(f"above{v}", np.ones(len(at)), integer=integers)
        columns.above.append(above)
        at_slot = np.full(prepared.n, ABSENT)
        at_slot[slot] = columns.given[v]
        columns.given_at.append(at_slot)


def giving_rows(
    model: Model, prepared: Prepared, need: Needs, columns: Columns, drives: Ids, v: int
) -> None:
    """Energy of the battery from slot to slot, and its floor.

    - s_i - s_(i-1) - eta h p + h q / eta_q = -driven [kWh], with s_0 = soc x capacity
    - s_i >= low + (floor - low) z, q <= most z where it may hold less than the floor, down to
      low. A trip that finds the battery empty leaves s below 0: what it lacked and charged on
      its way is made up for before anything is given back.
    - s_i + eta (what drives fetched by then) <= high [kWh]: what it holds for all that
    """
    if (giving := need.giving) is None:
        return
    plugged, held = need.plugged, columns.held[v]
    given, above = columns.given[v], columns.above[v]
    m, hours, gain = len(plugged), prepared.hours[plugged.slot], need.vehicle.efficiency
    change = -np.diff(need.trip_kwh[plugged.slot], prepend=0.0)
    change[0] += giving.start_kwh
    model.equal(
        [
            (held, 1.0),
            (columns.charge[v], -gain * hours),
            (given, giving.out_per_ac * hours),
            (held[:-1], -1.0, np.arange(1, m)),
        ],
        change,
    )
    lacking = [j for j, drive in enumerate(need.drives) if drive.need_kwh > TINY]
    if lacking:
        points = [need.drives[j].point for j in lacking]
        rows = [np.arange(point, m) for point in points]
        fetched = [
            (np.full(len(at), drives[j]), gain, at) for j, at in zip(lacking, rows, strict=True)
        ]
        model.at_most(
            [(held, 1.0), *fetched],
            np.full(m, giving.high_kwh),
            where=np.arange(m) >= min(points),
        )
    at = np.flatnonzero(above != ABSENT)
    if not len(at):
        return
    low = giving.low_kwh[at]
    model.at_least([(held[at], 1.0), (above[at], low - giving.floor_kwh)], low)
    model.at_most([(given[at], 1.0), (above[at], -giving.most_kw[at])], np.zeros(len(at)))


def given_currents(needs: tuple[Needs, ...], columns: Columns, phase: int) -> list[Terms]:
    """Return the current in A that what vehicles give back takes off a phase, per slot."""
    return [
        (given, -_line_a(need.giving, need, phase), need.plugged.slot)
        for need, given in zip(needs, columns.given, strict=True)
        if need.giving is not None
    ]


def _line_a(giving: Giving, need: Needs, phase: int) -> Series:
    """Return the running current in A on a phase per kW of mean power, per plugged slot."""
    per_kw: Series = giving.line_a_per_kw[phase] / np.maximum(need.plugged.share, TINY)
    return per_kw


def giving_fuse_rows(
    model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns
) -> None:
    """What is given back keeps to the fuses that it runs through, the other way.

    - main fuse: sum_v a_vl q_v + a sum_b d_b <= fuse_l + house_l [A] per phase l
    - circuit:   sum_v a_vl q_v <= fuse [A] per phase l: what others charge there counts for
      nothing, it may end at any moment

    Only where several together can exceed it: one vehicle alone has it in its bound.
    """
    if not columns.given_at:
        return
    a, grid = prepared.line_a_per_kw, prepared.problem.grid
    everyone = tuple(range(len(prepared.problem.chargers)))
    for phase, house in enumerate(prepared.line_load_a):
        fuse = np.maximum(max(grid.fuse_a, 0.0), -house) + house
        batteries = sum(max(b.max_discharge_kw, 0.0) for b in prepared.batteries)
        spread = each(columns.battery_out, a)
        _together(model, prepared, needs, columns, phase, everyone, fuse, spread, a * batteries)
        for circuit, members in prepared.circuits:
            limit = np.full(prepared.n, max(circuit.fuse_a, 0.0))
            _together(model, prepared, needs, columns, phase, members, limit, [], 0.0)


def _together(
    model: Model,
    prepared: Prepared,
    needs: tuple[Needs, ...],
    columns: Columns,
    phase: int,
    members: tuple[int, ...],
    limit_a: Series,
    others: list[Terms],
    others_a: float,
) -> None:
    """Add the rows of one fuse and phase, for vehicles at chargers `members` and `others`."""
    most, count = np.full(prepared.n, others_a), np.zeros(prepared.n)
    cars: list[Terms] = []
    for need, given in zip(needs, columns.given, strict=True):
        if (giving := need.giving) is None:
            continue
        slot, per_kw = need.plugged.slot, _line_a(giving, need, phase)
        here = np.isin(need.plugged.charger, members) & (given != ABSENT)
        most += np.bincount(slot, per_kw * giving.most_kw * here, minlength=prepared.n)
        count += np.bincount(slot, here, minlength=prepared.n)
        cars.append((np.where(here, given, ABSENT), per_kw, slot))
    model.at_most([*cars, *others], limit_a, where=(count > 0) & (most > limit_a + TINY))


def one_way_rows(
    model: Model, prepared: Prepared, need: Needs, columns: Columns, v: int, *, integers: bool
) -> None:
    """A vehicle charges or gives back, never both in one slot.

    With binaries: q / most + on + part <= 1. Without, q / most + p / full <= 1 where paying for
    use could make it worth to burn energy; elsewhere the losses keep the two apart.
    """
    if (giving := need.giving) is None:
        return
    given, charge = columns.given[v], columns.charge[v]
    both = np.flatnonzero((given != ABSENT) & (charge != ABSENT))
    if not len(both):
        return
    terms: list[Terms] = [(given[both], 1 / giving.most_kw[both])]
    if integers:
        terms += [(columns.running[v][both], 1.0), (columns.partial[v][both], 1.0)]
    elif (prepared.import_price < 0).any():
        terms.append((charge[both], 1 / need.plugged.max_kw[both]))
    else:
        return
    model.at_most(terms, np.ones(len(both)))
