"""From powers to the plan: orders per device and slot, flows, cost, proof and shortfalls."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..schedule import BatteryStep, ChargerStep, Reason, Schedule
from .commands import command_a
from .needs import Needs
from .prepare import Prepared
from .presence import TINY
from .reasons import Outlook, battery_order, charging_reason, outlook
from .result import Flow, Plan, Rung
from .shortfall import shortfalls
from .solution import Solution, money, peaks
from .weights import Weights


@dataclass(frozen=True, kw_only=True)
class Proof:
    """How good the plan is known to be."""

    rung: Rung
    gap: float | None
    """Currency; `None` when the solver proved nothing."""


def assemble(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    weights: Weights,
    solution: Solution,
    proof: Proof,
    baseline_cost: float,
    solve_s: float,
) -> Plan:
    """Return the plan that a solution amounts to."""
    problem = prepared.problem
    cost = money(prepared, needs, weights, solution)
    bound = _crude_bound(prepared, needs, weights) if proof.gap is None else cost - proof.gap
    peak_kw = peaks(prepared, solution.imported)
    return Plan(
        schedule=Schedule(
            made_at=problem.now,
            chargers=_charger_steps(prepared, needs, solution, peak_kw),
            batteries=_battery_steps(prepared, needs, solution, peak_kw),
            peak_target_kw=peak_kw[0] if prepared.peak else None,
        ),
        flows=_flows(prepared, solution),
        cost=cost,
        bound=min(bound, cost),
        gap=max(0.0, cost - bound),
        rung=proof.rung,
        shortfalls=shortfalls(prepared, needs, solution),
        baseline_cost=baseline_cost,
        peak_kw=dict(zip(prepared.months, peak_kw, strict=True)),
        solve_s=solve_s,
    )


def _crude_bound(prepared: Prepared, needs: tuple[Needs, ...], weights: Weights) -> float:
    """Return a cost that no plan can be below, without the solver.

    Every slot imports only where that is paid for, exports all it can, and all storage ends full.
    """
    most_in = prepared.import_limit + prepared.breach_kw + prepared.over
    sellers = sum(max(b.max_discharge_kw, 0.0) for b in prepared.batteries if b.may_export)
    most_out = np.minimum(prepared.surplus + sellers, prepared.export_limit)
    bound = float(
        (
            np.minimum(prepared.import_price, 0.0) * most_in
            - np.maximum(prepared.export_price, 0.0) * most_out
        )
        @ prepared.hours
    )
    for value, battery in zip(weights.battery_value, prepared.batteries, strict=True):
        free = max(0.0, battery.max_soc - battery.soc) * battery.capacity_kwh
        held = max(0.0, battery.soc - battery.min_soc) * battery.capacity_kwh
        bound -= max(value * free, -value * held)
    for value, need in zip(weights.extra_value, needs, strict=True):
        bound -= value * (need.room_kwh[-1] if need.room_kwh and need.may_exceed else 0.0)
    return bound


def _charger_steps(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    solution: Solution,
    peak_kw: tuple[float, ...],
) -> Mapping[str, tuple[ChargerStep, ...]]:
    problem = prepared.problem
    owners: dict[tuple[int, int], tuple[int, int]] = {
        (plugged.charger, plugged.slot): (v, i)
        for v, slots in enumerate(prepared.plugged)
        for i, plugged in enumerate(slots)
    }
    looks = [outlook(prepared, need, solution.charge[v]) for v, need in enumerate(needs)]
    driven = [need.trip_kwh for need in needs]
    cars = _cars_kw(prepared, needs, solution)
    return {
        charger.id: tuple(
            _unplugged(prepared, t)
            if (owner := owners.get((c, t))) is None
            else _step(prepared, needs, solution, peak_kw, looks, driven, cars, t, *owner)
            for t in range(prepared.n)
        )
        for c, charger in enumerate(problem.chargers)
    }


def _unplugged(prepared: Prepared, t: int) -> ChargerStep:
    problem = prepared.problem
    return ChargerStep(
        start=problem.slots[t],
        end=problem.slots[t + 1],
        energy_kwh=0.0,
        current_a=0.0,
        phases=1,
        reason=Reason.UNPLUGGED,
        price=float(prepared.import_price[t]),
        estimated=problem.estimated[t],
    )


def _step(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    solution: Solution,
    peak_kw: tuple[float, ...],
    looks: list[Outlook],
    driven: list[tuple[float, ...]],
    cars: np.ndarray[tuple[int], np.dtype[np.float64]],
    t: int,
    v: int,
    i: int,
) -> ChargerStep:
    problem, need = prepared.problem, needs[v]
    vehicle, plugged = need.vehicle, prepared.plugged[v][i]
    charger = problem.chargers[plugged.charger]
    known = i < len(need.slots)
    power = float(solution.charge[v][i]) if known else 0.0
    energy = float(looks[v].energy[i]) if power > TINY else 0.0
    setting = plugged.settings[int(solution.setting[v][i])] if power > TINY else None
    charged = float(looks[v].energy[: i + 1].sum())
    soc = None
    if vehicle.soc is not None and vehicle.capacity_kwh > 0:
        held = vehicle.soc * vehicle.capacity_kwh - driven[v][t]
        soc = max(0.0, held + vehicle.efficiency * charged) / vehicle.capacity_kwh
    if known:
        reason = charging_reason(prepared, need, solution, v, i, looks[v], peak_kw)
    else:
        reason = Reason.REACHED if need.total_kwh > TINY and charged > TINY else Reason.NO_GOAL
    marginal = None
    if solution.charge_marginal is not None and solution.marginal is not None:
        marginal = float(solution.charge_marginal[v][i] if known else solution.marginal[t])
    sun = min(1.0, float(prepared.surplus[t]) / float(cars[t])) if cars[t] > TINY else 0.0
    price = float(prepared.import_price[t])
    return ChargerStep(
        start=problem.slots[t],
        end=problem.slots[t + 1],
        energy_kwh=energy,
        current_a=command_a(charger, plugged, setting, power) if setting else 0.0,
        phases=setting.phases if setting else 1,
        vehicle=vehicle.id,
        soc_after=soc,
        reason=reason,
        marginal_price=marginal,
        price=price,
        cost=energy * (sun * float(prepared.export_price[t]) + (1 - sun) * price),
        estimated=problem.estimated[t],
    )


def _cars_kw(
    prepared: Prepared, needs: tuple[Needs, ...], solution: Solution
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    cars = np.zeros(prepared.n)
    for need, charge in zip(needs, solution.charge, strict=True):
        for plugged, power in zip(need.slots, charge, strict=True):
            cars[plugged.slot] += power
    return cars


def _battery_steps(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    solution: Solution,
    peak_kw: tuple[float, ...],
) -> Mapping[str, tuple[BatteryStep, ...]]:
    problem = prepared.problem
    cars = _cars_kw(prepared, needs, solution)
    found: dict[str, tuple[BatteryStep, ...]] = {}
    for b, battery in enumerate(prepared.batteries):
        steps = []
        for t in range(prepared.n):
            mode, reason = battery_order(prepared, solution, b, t, float(cars[t]), peak_kw)
            steps.append(
                BatteryStep(
                    start=problem.slots[t],
                    end=problem.slots[t + 1],
                    mode=mode,
                    power_kw=float(solution.battery_in[b][t] - solution.battery_out[b][t]),
                    soc_after=float(solution.energy[b][t]) / battery.capacity_kwh,
                    reason=reason,
                    marginal_price=None
                    if solution.marginal is None
                    else float(solution.marginal[t]),
                )
            )
        found[battery.id] = tuple(steps)
    return found


def _flows(prepared: Prepared, solution: Solution) -> tuple[Flow, ...]:
    problem = prepared.problem
    return tuple(
        Flow(
            start=problem.slots[t],
            end=problem.slots[t + 1],
            import_kw=float(solution.imported[t]),
            export_kw=float(solution.exported[t]),
            pv_kw=float(prepared.pv[t] - solution.curtailed[t]),
            curtailed_kw=float(solution.curtailed[t]),
            load_kw=float(prepared.load[t]),
            import_price=float(prepared.import_price[t]),
            export_price=float(prepared.export_price[t]),
            estimated=problem.estimated[t],
        )
        for t in range(prepared.n)
    )
