"""A plan without the solver: the cheapest slots that are free, most pressing goal first."""

import numpy as np

from ..schedule import ChargerStep
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Series
from .problem import Problem
from .result import Plan
from .simulate import Charging, Headroom, nothing, place, room_at
from .weights import KIND


def cheapest_slots(prepared: Prepared, needs: tuple[Needs, ...]) -> Charging:
    """Return the charging of each vehicle.

    A slot costs its import price, or its export price where the sun carries the car. The
    month's peak is not looked at: a goal is worth more, and this is the last resort.
    """
    room = Headroom(prepared)
    charging = nothing(needs)
    order = sorted(
        ((v, demand) for v, need in enumerate(needs) for demand in need.demands if not demand.past),
        key=lambda x: (-KIND[x[1].goal.kind], x[1].goal.by, x[0]),
    )
    for v, demand in order:
        need = needs[v]
        slots = need.slots[: demand.point]
        at = sorted(
            range(len(slots)),
            key=lambda i: (0.0 if demand.asap else _price(prepared, need, i), i),
        )
        for i in at:
            hours = float(prepared.hours[slots[i].slot])
            done = float(_energies(prepared, need, charging.power[v])[: demand.point].sum())
            left = min(demand.need_kwh - done, _free(prepared, need, charging.power[v], i))
            if left <= TINY or charging.power[v][i] > 0:
                continue
            place(room, needs, charging, v, i, left / hours)
    return charging


def moved(
    problem: Problem, prepared: Prepared, needs: tuple[Needs, ...], last: Plan
) -> Charging | None:
    """Return the charging that the last plan ordered for the slots of this one.

    `None` when the last plan does not reach the present.
    """
    if not any(flow.start <= problem.now < flow.end for flow in last.flows):
        return None
    room = Headroom(prepared)
    charging = nothing(needs)
    for v, need in enumerate(needs):
        for i, plugged in enumerate(need.slots):
            start, end = problem.slots[plugged.slot], problem.slots[plugged.slot + 1]
            step = last.schedule.charger_step(
                problem.chargers[plugged.charger].id, start + (end - start) / 2
            )
            if step is None or step.vehicle != need.vehicle.id or step.energy_kwh <= TINY:
                continue
            hours = float(prepared.hours[plugged.slot])
            left = _free(prepared, need, charging.power[v], i)
            place(room, needs, charging, v, i, min(_mean_kw(step), left / hours))
    return charging


def _mean_kw(step: ChargerStep) -> float:
    return step.energy_kwh / ((step.end - step.start).total_seconds() / 3600)


def _price(prepared: Prepared, need: Needs, i: int) -> float:
    t = need.slots[i].slot
    if prepared.surplus[t] >= need.slots[i].min_kw:
        return min(float(prepared.export_price[t]), float(prepared.import_price[t]))
    return float(prepared.import_price[t])


def _energies(prepared: Prepared, need: Needs, charge: Series) -> Series:
    return charge * prepared.hours[need.plugged.slot]


def _free(prepared: Prepared, need: Needs, charge: Series, i: int) -> float:
    """Return the AC energy that may still be added in plugged slot `i`."""
    total = np.cumsum(_energies(prepared, need, charge))
    return min(
        room_at(need, point - 1) - float(total[point - 1]) for point in need.points if point > i
    )
