"""From powers to the plan: orders per device and slot, flows, cost, proof and shortfalls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from ..schedule import BatteryStep, ChargerStep, Reason, Schedule
from .commands import command_a
from .needs import Needs, exportable_kw
from .prepare import Prepared
from .presence import TINY, PluggedSlot
from .problem import Problem
from .reasons import Outlook, SiteView, battery_order, charging_reason, outlook, site_view
from .result import Flow, Plan, Risk, Rung, Shortfall
from .shortfall import LEAST_KWH, shortfalls
from .solution import Solution, money, peaks
from .usual import usual_cost
from .weights import Weights


@dataclass(frozen=True, kw_only=True)
class Proof:
    """How good the plan is known to be."""

    rung: Rung
    gap: float | None
    """Currency; `None` when the solver proved nothing."""
    given_away: float = 0.0
    """Currency of it that went into fewer starts and phase switches."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """What the steps, flows and shortfalls of a plan are told from; see `result.Details`."""

    prepared: Prepared
    needs: tuple[Needs, ...]
    weights: Weights
    solution: Solution
    peak_kw: tuple[float, ...]

    @cached_property
    def _site(self) -> SiteView:
        return site_view(self.prepared, self.needs, self.solution, self.peak_kw)

    def schedule(self) -> Schedule:
        """Return the orders with their reasons."""
        prepared = self.prepared
        return Schedule(
            made_at=prepared.problem.now,
            chargers=_charger_steps(prepared, self.needs, self.solution, self._site),
            batteries=_battery_steps(prepared, self.solution, self._site),
            peak_target_kw=self.peak_kw[0] if prepared.peak else None,
        )

    def flows(self) -> tuple[Flow, ...]:
        """Return the energy balance of each slot."""
        return _flows(self.prepared, self._site)

    def shortfalls(self) -> tuple[Shortfall, ...]:
        """Return what goals miss, with causes."""
        return shortfalls(self.prepared, self.needs, self.solution)

    def baseline_cost(self) -> float:
        """Return what business as usual costs."""
        return usual_cost(self.prepared, self.needs, self.weights)


def assemble(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    weights: Weights,
    solution: Solution,
    proof: Proof,
    solve_s: float,
) -> Plan:
    """Return the plan that a solution amounts to."""
    cost = money(prepared, needs, weights, solution)
    bound = _crude_bound(prepared, needs, weights) if proof.gap is None else cost - proof.gap
    peak_kw = peaks(prepared, solution.imported)
    return Plan.told_from(
        Story(prepared=prepared, needs=needs, weights=weights, solution=solution, peak_kw=peak_kw),
        cost=cost,
        bound=min(bound, cost),
        gap=max(0.0, cost - bound),
        rung=proof.rung,
        at_risk=_risks(needs, solution),
        given_away=proof.given_away,
        peak_kw=dict(zip(prepared.months, peak_kw, strict=True)),
        solve_s=solve_s,
    )


def _risks(needs: tuple[Needs, ...], solution: Solution) -> tuple[Risk, ...]:
    """Return what goals would miss with little sun, by vehicle and time."""
    return tuple(
        Risk(
            vehicle=needs[v].vehicle.id,
            goal=demand.goal.kind,
            by=demand.goal.by,
            missing_kwh=kwh,
        )
        for v, demand, kwh in sorted(solution.at_risk, key=lambda x: (x[0], x[1].goal.by))
        if kwh > LEAST_KWH
    )


def _crude_bound(prepared: Prepared, needs: tuple[Needs, ...], weights: Weights) -> float:
    """Return a cost that no plan can be below, without the solver.

    Every slot imports only where that is paid for, exports all it can, and all storage ends full.
    """
    most_in = prepared.import_limit + prepared.breach_kw + prepared.over
    sellers = sum(max(b.max_discharge_kw, 0.0) for b in prepared.batteries if b.may_export)
    reach = prepared.surplus + sellers + exportable_kw(prepared, needs)
    most_out = np.minimum(reach, prepared.export_limit)
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
    prepared: Prepared, needs: tuple[Needs, ...], solution: Solution, site: SiteView
) -> Mapping[str, tuple[ChargerStep, ...]]:
    problem = prepared.problem
    owners: dict[tuple[int, int], tuple[int, int]] = {
        (plugged.charger, plugged.slot): (v, i)
        for v, whole in enumerate(prepared.plugged)
        for i, plugged in enumerate(whole.slots)
    }
    looks = [outlook(prepared, need, solution, v) for v, need in enumerate(needs)]
    socs = [_socs(prepared, need, looks[v]) for v, need in enumerate(needs)]
    found: dict[str, tuple[ChargerStep, ...]] = {}
    for c, charger in enumerate(problem.chargers):
        steps = []
        for t in range(prepared.n):
            if (owner := owners.get((c, t))) is None:
                steps.append(_unplugged(problem, site, t))
            else:
                v, i = owner
                plugged = prepared.plugged[v].slots[i]
                soc = socs[v][t] if socs[v] else None
                steps.append(_step(problem, needs[v], plugged, i, looks[v], site, soc))
        found[charger.id] = tuple(steps)
    return found


def _socs(prepared: Prepared, need: Needs, look: Outlook) -> tuple[float, ...]:
    """Return the SoC after each slot of the plan; nothing when it is not known."""
    vehicle = need.vehicle
    if vehicle.soc is None:
        return ()
    charged = [0.0] * prepared.n
    for plugged, before, after in zip(need.slots, look.before, look.before[1:], strict=False):
        charged[plugged.slot] += (after - before) * vehicle.efficiency
    held = vehicle.soc * vehicle.capacity_kwh
    driven = np.diff(need.trip_kwh, prepend=0.0).tolist()
    found = []
    for t in range(prepared.n):
        held = max(0.0, held - driven[t]) + charged[t]
        found.append(held / vehicle.capacity_kwh)
    return tuple(found)


def _unplugged(problem: Problem, site: SiteView, t: int) -> ChargerStep:
    return ChargerStep(
        start=problem.slots[t],
        end=problem.slots[t + 1],
        energy_kwh=0.0,
        current_a=0.0,
        phases=1,
        reason=Reason.UNPLUGGED,
        price=site.price[t],
        estimated=problem.estimated[t],
    )


def _step(
    problem: Problem,
    need: Needs,
    plugged: PluggedSlot,
    i: int,
    look: Outlook,
    site: SiteView,
    soc: float | None,
) -> ChargerStep:
    """Return the order of a charger with a vehicle, its plugged slot number `i`."""
    t = plugged.slot
    # Slots after the last goal are not part of the needs: nothing is charged there.
    needed = i < len(need.slots)
    power = look.power[i] if needed else 0.0
    setting = plugged.settings[look.setting[i]] if power > TINY else None
    given = look.given[i] if needed else 0.0
    energy = (look.energy[i] if setting else 0.0) - given
    if needed:
        reason = charging_reason(need, i, site, look)
    else:
        reason = Reason.REACHED if look.before[-1] > TINY else Reason.NO_GOAL
    marginal = None if site.marginal is None else site.marginal[t]
    if needed and look.marginal is not None:
        marginal = look.marginal[i]
    sun = min(1.0, site.surplus[t] / site.cars[t]) if energy > 0 else 0.0
    charger = problem.chargers[plugged.charger]
    return ChargerStep(
        start=problem.slots[t],
        end=problem.slots[t + 1],
        energy_kwh=energy,
        current_a=command_a(charger, plugged, setting, power) if setting else 0.0,
        phases=setting.phases if setting else 1,
        vehicle=need.vehicle.id,
        soc_after=soc,
        reason=reason,
        marginal_price=marginal,
        price=site.price[t],
        cost=_given_cost(need, site, t, given)
        if given > 0
        else energy * (sun * site.export_price[t] + (1 - sun) * site.price[t]),
        estimated=problem.estimated[t],
        due=_due(problem, need, t) if energy > 0 else None,
    )


def _given_cost(need: Needs, site: SiteView, t: int, given_kwh: float) -> float:
    """Return what giving back adds to the bill: wear, less the import saved or the export sold.

    It feeds the house first.
    """
    kw = site.given[t]
    house = min(1.0, site.house[t] / kw)
    price = house * site.price[t] + (1 - house) * site.export_price[t]
    wear = need.giving.wear_price if need.giving is not None else 0.0
    return given_kwh * (wear - price)


def _due(problem: Problem, need: Needs, t: int) -> datetime | None:
    """Return the first goal or departure inside slot `t`, by which its energy must be in."""
    start, end = problem.slots[t], problem.slots[t + 1]
    moments = [goal.by for goal in need.vehicle.goals]
    moments += [stay.end for stay in need.vehicle.stays]
    return min((moment for moment in moments if start < moment < end), default=None)


def _battery_steps(
    prepared: Prepared, solution: Solution, site: SiteView
) -> Mapping[str, tuple[BatteryStep, ...]]:
    slots = prepared.problem.slots
    found: dict[str, tuple[BatteryStep, ...]] = {}
    for b, battery in enumerate(prepared.batteries):
        steps = []
        into, out = solution.battery_in[b].tolist(), solution.battery_out[b].tolist()
        held = solution.energy[b].tolist()
        worth = _worth(prepared, solution, b)
        for t in range(prepared.n):
            mode, reason = battery_order(battery, into[t], out[t], held[t], t, site)
            steps.append(
                BatteryStep(
                    start=slots[t],
                    end=slots[t + 1],
                    mode=mode,
                    power_kw=into[t] - out[t],
                    soc_after=held[t] / battery.capacity_kwh,
                    reason=reason,
                    marginal_price=None if site.marginal is None else site.marginal[t],
                    stored_value=worth[0][t],
                    charge_cost=worth[1][t],
                    discharge_value=worth[2][t],
                )
            )
        found[battery.id] = tuple(steps)
    return found


def _worth(
    prepared: Prepared, solution: Solution, b: int
) -> tuple[Sequence[float | None], Sequence[float | None], Sequence[float | None]]:
    """Return per slot what a kWh in a battery is worth, costs to store, and brings when given."""
    if solution.prices is None:
        return (nothing := [None] * prepared.n), nothing, nothing
    battery, price = prepared.batteries[b], solution.prices.battery
    given = price * battery.discharge_efficiency - max(battery.wear_price, 0.0)
    return (
        solution.prices.stored[b].tolist(),
        (price / battery.charge_efficiency).tolist(),
        given.tolist(),
    )


def _flows(prepared: Prepared, site: SiteView) -> tuple[Flow, ...]:
    problem = prepared.problem
    load, pv = prepared.load.tolist(), prepared.pv.tolist()
    return tuple(
        Flow(
            start=problem.slots[t],
            end=problem.slots[t + 1],
            import_kw=site.imported[t],
            export_kw=site.exported[t],
            pv_kw=pv[t] - site.curtailed[t],
            curtailed_kw=site.curtailed[t],
            load_kw=load[t],
            import_price=site.price[t],
            export_price=site.export_price[t],
            estimated=problem.estimated[t],
        )
        for t in range(prepared.n)
    )
