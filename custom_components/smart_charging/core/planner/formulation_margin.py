"""A margin for goals that a day with little sun would miss, in the model; see `margin.py`.

There are rows only where a goal could miss at all: a home whose limits are wide has none.
"""

import numpy as np

from .columns import Columns, RiskColumn, each, least_currents, optional_columns
from .margin import DullDay, Margin, counted, margin_of
from .model import ABSENT, Ids, Model, Terms
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Series
from .solution import given_kwh
from .weights import Weights


def margin_rows(
    model: Model, prepared: Prepared, needs: tuple[Needs, ...], weights: Weights, columns: Columns
) -> None:
    """What is still charged with little sun, r in kW, and what each goal then misses, u in kWh.

    For each day on which that could matter:

    - r <= p until the end of the day's last slot that hangs on the sun
    - sum_v r_v <= room + sum_b f_b [kW]: import limit with breach, dull sun, less the house
    - house_l + sum_v a_vl r_v - a sum_b f_b <= fuse_l [A], and each circuit without f_b
    - sum_t h f_b / eta_d <= e_b before the day - floor [kWh]: what batteries help with
    - u + (energy as planned before the day) + sum of h r from then on >= need [kWh]

    Cost: u at a weight below that of any goal and above what moving a kWh can cost.
    """
    if (margin := margin_of(prepared, needs)) is None:
        return
    missed: dict[int, Ids] = {}
    for v, need in enumerate(needs):
        demands = counted(need)
        missed[v] = model.columns(f"risk{v}", [d.need_kwh for d in demands], cost=weights.margin)
        columns.risks += [
            RiskColumn(vehicle=v, demand=d, missed=int(u), unmet=columns.unmet[v][d])
            for u, d in zip(missed[v], demands, strict=True)
        ]
    for number, day in enumerate(margin.days):
        reduced = []
        for v, need in enumerate(needs):
            kw = _reduced(model, prepared, need, margin, columns, day, v, f"{number}_{v}")
            reduced.append(kw)
            _goals(model, prepared, need, columns, day, v, kw, missed[v])
        help_ = _help(model, prepared, margin, columns, day, reduced, needs, number)
        _limits(model, prepared, needs, margin, day, reduced, help_)


def _reduced(
    model: Model,
    prepared: Prepared,
    need: Needs,
    margin: Margin,
    columns: Columns,
    day: DullDay,
    v: int,
    name: str,
) -> Ids:
    """Return the columns of r along the plugged slots, from the day's first slot on."""
    slot = need.plugged.slot
    last = max((d.point for d in counted(need)), default=0)
    there = (slot >= day.first) & (np.arange(len(slot)) < last)
    upper = np.where(there, margin.most_kw[v], 0.0)
    found = optional_columns(model, f"dull{name}", upper, np.zeros(len(slot)))
    at = np.flatnonzero((found != ABSENT) & (slot < day.end))
    if len(at):
        model.at_most([(found[at], 1.0), (columns.charge[v][at], -1.0)], np.zeros(len(at)))
    return found


def _goals(
    model: Model,
    prepared: Prepared,
    need: Needs,
    columns: Columns,
    day: DullDay,
    v: int,
    reduced: Ids,
    missed: Ids,
) -> None:
    """Rows u + sum of h p before the day + sum of h r from then on - given back >= need [kWh]."""
    slot = need.plugged.slot
    hours = prepared.hours[slot]
    before, known = slot < day.first, slot < day.end
    planned = np.where(before, columns.charge[v], reduced)
    given = np.where(known, columns.given[v], ABSENT)
    lost = given_kwh(prepared, need, np.ones(len(slot)))
    for u, demand in zip(missed.tolist(), counted(need), strict=True):
        at = np.arange(demand.point)
        if not bool((slot[at] >= day.first).any()):
            continue
        taken = columns.fetched[v][demand]
        model.at_least(
            [
                (u, 1.0),
                (planned[at], hours[at], np.zeros(len(at), dtype=np.int64)),
                (given[at], -lost[at], np.zeros(len(at), dtype=np.int64)),
                (taken, 1.0, np.zeros(len(taken), dtype=np.int64)),
            ],
            [demand.need_kwh],
        )


def _help(
    model: Model,
    prepared: Prepared,
    margin: Margin,
    columns: Columns,
    day: DullDay,
    reduced: list[Ids],
    needs: tuple[Needs, ...],
    number: int,
) -> list[Ids]:
    """Return the columns per slot of what batteries give on the day and after it.

    From what the plan has in them before it; those that may not feed cars carry the house.
    """
    some = np.zeros(prepared.n, dtype=bool)
    for need, kw in zip(needs, reduced, strict=True):
        some[need.plugged.slot[kw != ABSENT]] = True
    house = np.maximum(prepared.load - margin.dull.pv, 0.0)
    found = []
    for b, battery in enumerate(prepared.batteries):
        most = np.where(some, max(battery.max_discharge_kw, 0.0), 0.0)
        if not battery.may_feed_cars:
            most = np.minimum(most, house)
        ids = optional_columns(model, f"help{number}_{b}", most, np.zeros(prepared.n))
        held = battery.soc * battery.capacity_kwh
        floor = min(battery.min_soc * battery.capacity_kwh, held)
        terms: list[Terms] = [
            (ids, prepared.hours / battery.discharge_efficiency, np.zeros(prepared.n, dtype=int))
        ]
        if day.first:
            terms.append((int(columns.battery_energy[b][day.first - 1]), -1.0))
        model.at_most(terms, [-floor if day.first else held - floor])
        found.append(ids)
    return found


def _limits(
    model: Model,
    prepared: Prepared,
    needs: tuple[Needs, ...],
    margin: Margin,
    day: DullDay,
    reduced: list[Ids],
    help_: list[Ids],
) -> None:
    """Import, fuses and circuits with little sun, where the cars together can reach them."""
    dull = margin.dull
    everyone = tuple(range(len(prepared.problem.chargers)))
    even = [np.ones(len(kw)) for kw in reduced]
    _limit(model, prepared, needs, margin, reduced, even, everyone, margin.room_kw, help_, 1.0)
    phases = prepared.line_load_a.shape[0]
    for phase in range(phases):
        lines = [least_currents(need, kw, phase) for need, kw in zip(needs, reduced, strict=True)]
        if phases > 1:
            left = dull.line_limit_a[phase] - dull.line_load_a[phase]
            a = prepared.line_a_per_kw
            _limit(model, prepared, needs, margin, reduced, lines, everyone, left, help_, a)
        for circuit, members in prepared.circuits:
            fuse = np.full(prepared.n, max(circuit.fuse_a, 0.0))
            _limit(model, prepared, needs, margin, reduced, lines, members, fuse, [], 0.0)


def _limit(
    model: Model,
    prepared: Prepared,
    needs: tuple[Needs, ...],
    margin: Margin,
    reduced: list[Ids],
    per_kw: list[Series],
    members: tuple[int, ...],
    limit: Series,
    help_: list[Ids],
    help_per_kw: float,
) -> None:
    """Rows sum of per_kw r - help <= limit, over vehicles at chargers `members`."""
    most = np.zeros(prepared.n)
    cars: list[Terms] = []
    for v, (need, kw, factor) in enumerate(zip(needs, reduced, per_kw, strict=True)):
        here = np.isin(need.plugged.charger, members) & (kw != ABSENT)
        most[need.plugged.slot] += factor * margin.most_kw[v] * here
        cars.append((np.where(here, kw, ABSENT), factor, need.plugged.slot))
    model.at_most([*cars, *each(help_, -help_per_kw)], limit, where=most > limit + TINY)
