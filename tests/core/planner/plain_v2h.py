"""Vehicles that feed the house, once more as the plainest mixed-integer programme.

Written from the description and not from the planner's code: a state of charge in every slot and
a binary for everything. One phase, quarter-hour slots, known SoC, whole slots at the charger.
"""

from datetime import datetime

import pulp

from custom_components.smart_charging.core.planner import Problem, Vehicle

MISSED = 80.0
"""Currency per kWh of a missed goal: above every price of the problems that are compared."""


def least_cost(problem: Problem, time_limit_s: float = 120.0) -> float:
    """Return the least cost of a problem as the plan counts it."""
    slots = range(len(problem.slots) - 1)
    h = [(problem.slots[t + 1] - problem.slots[t]).total_seconds() / 3600 for t in slots]
    m = pulp.LpProblem("plain", pulp.LpMinimize)
    grid = problem.grid
    limit = grid.fuse_kw if grid.import_limit_kw is None else grid.import_limit_kw
    out_limit = grid.fuse_kw if grid.export_limit_kw is None else grid.export_limit_kw
    lowest = max(0.0, min(problem.import_price))
    spare = [max(0.0, problem.pv_kw[t] - problem.load_kw[t]) for t in slots]
    house = [max(0.0, problem.load_kw[t] - problem.pv_kw[t]) for t in slots]
    money: list[object] = []
    into: dict[int, list[object]] = {t: [] for t in slots}
    out: dict[int, list[object]] = {t: [] for t in slots}
    # What may not be sold, what may but must not reach cars, and batteries that feed cars.
    kept: dict[int, list[object]] = {t: [] for t in slots}
    sold: dict[int, list[object]] = {t: [] for t in slots}
    batteries: dict[int, list[object]] = {t: [] for t in slots}
    sun_rows: dict[int, list[object]] = {t: [] for t in slots}
    parts: dict[int, list[object]] = {t: [] for t in slots}

    for v, vehicle in enumerate(problem.vehicles):
        _vehicle(m, problem, vehicle, v, h, spare, lowest, money, into, out, kept, sold, sun_rows,
                 parts)  # fmt: skip

    for b, battery in enumerate(problem.batteries):
        held = battery.soc * battery.capacity_kwh
        for t in slots:
            c = m.add_variable(f"bc{b}_{t}", 0, battery.max_charge_kw)
            d = m.add_variable(f"bd{b}_{t}", 0, battery.max_discharge_kw)
            way = m.add_variable(f"bw{b}_{t}", cat="Binary")
            m += c <= battery.max_charge_kw * way
            m += d <= battery.max_discharge_kw * (1 - way)
            after = m.add_variable(
                f"be{b}_{t}",
                battery.min_soc * battery.capacity_kwh,
                battery.max_soc * battery.capacity_kwh,
            )
            m += after == held + h[t] * (
                battery.charge_efficiency * c - (1 / battery.discharge_efficiency) * d
            )
            held = after
            into[t].append(c)
            out[t].append(d)
            batteries[t].append(d)
            money.append(h[t] * battery.wear_price * d)
            assert not battery.may_export
            assert not battery.may_feed_cars
            kept[t].append(d)
        worth = 0.95 * lowest * battery.discharge_efficiency * (1 - 1e-3 * b) - 1e-6 * b
        money += [-worth * held, worth * battery.soc * battery.capacity_kwh]

    peak = None
    if problem.peak is not None:
        base = max(problem.peak.floor_kw, problem.peak.month_peak_kw)
        peak = m.add_variable("peak", base)
        money += [problem.peak.price_per_kw * peak, -problem.peak.price_per_kw * base]
    for t in slots:
        imp = m.add_variable(f"imp{t}", 0, limit)
        exp = m.add_variable(f"exp{t}", 0, out_limit)
        used = m.add_variable(f"sun{t}", 0, problem.pv_kw[t])
        buying = m.add_variable(f"buy{t}", cat="Binary")
        m += imp <= limit * buying
        # A car that runs for a part of a slot buys while it runs and leaves sun to sell after.
        m += exp <= out_limit * (1 - buying + pulp.lpSum(parts[t]))
        m += imp + used + pulp.lpSum(out[t]) == exp + problem.load_kw[t] + pulp.lpSum(into[t])
        m += pulp.lpSum(kept[t]) <= house[t]
        m += pulp.lpSum(kept[t]) + pulp.lpSum(sold[t]) - exp <= house[t]
        for row in sun_rows[t]:
            m += row <= imp + pulp.lpSum(batteries[t])
        if peak is not None:
            m += imp <= peak
        money += [h[t] * problem.import_price[t] * imp, -h[t] * problem.export_price[t] * exp]
    m += pulp.lpSum(money)
    stats = m.solve(pulp.HiGHS(msg=False, gapRel=0, gapAbs=1e-5, timeLimit=time_limit_s))
    assert stats.status == pulp.LpSolveStatus.Optimal, stats.status
    return float(pulp.value(m.objective))


def _vehicle(m, problem, vehicle: Vehicle, v, h, spare, lowest, money, into, out, kept, sold,
             sun_rows, parts) -> None:  # fmt: skip
    capacity, gain = vehicle.capacity_kwh, vehicle.efficiency
    floor = max(vehicle.discharge_floor_soc, vehicle.minimum_soc) * capacity
    held = vehicle.soc * capacity
    high = max(vehicle.target_soc * capacity, held)
    held_at: list[tuple[datetime, object]] = []
    net: list[object] = []
    part_of: dict[tuple[object, object], list[object]] = {}
    for t, start in enumerate(problem.slots[:-1]):
        end = problem.slots[t + 1]
        driven = sum(
            x.energy_kwh for x in vehicle.trips if _previous(problem, t) <= x.start < start
        )
        held = held - driven
        held_at.append((start, held))
        stay = next((s for s in vehicle.stays if s.start <= start and end <= s.end), None)
        if stay is None:
            continue
        charger = next(c for c in problem.chargers if c.id == stay.charger)
        low, most = charger.min_a * 0.23, min(charger.max_a, vehicle.max_a or 1e9) * 0.23
        p = m.add_variable(f"p{v}_{t}", 0, most)
        on = m.add_variable(f"on{v}_{t}", cat="Binary")
        part = m.add_variable(f"part{v}_{t}", cat="Binary")
        back = charger.max_discharge_kw if vehicle.may_discharge else 0.0
        q = m.add_variable(f"q{v}_{t}", 0, back)
        gives = m.add_variable(f"gives{v}_{t}", cat="Binary")
        m += p <= most * on + low * part
        m += p >= low * on
        m += on + part + gives <= 1
        m += q <= back * gives
        loss = 1 / charger.discharge_efficiency
        after = m.add_variable(f"s{v}_{t}", 0, high)
        m += after == held + gain * h[t] * p - loss * h[t] * q
        m += after >= floor * gives
        held = after
        net.append(h[t] * p - (loss / gain) * h[t] * q)
        into[t].append(p)
        out[t].append(q)
        (sold if vehicle.may_export else kept)[t].append(q)
        money.append(h[t] * vehicle.wear_price * q)
        due = min((g.by for g in vehicle.goals if g.by > start), default=problem.slots[-1])
        part_of.setdefault((due, stay.start), []).append(part)
        parts[t].append(part)
        if spare[t] < low:
            sun_rows[t].append(p * (1 - spare[t] / low))
    held_at.append((problem.slots[-1], held))
    for group in part_of.values():
        m += pulp.lpSum(group) <= 1
    asked = 0.0
    for g, goal in enumerate(vehicle.goals):
        by_then = next(energy for at, energy in held_at if at == goal.by)
        driven = sum(x.energy_kwh for x in vehicle.trips if x.start < goal.by)
        asked = max(asked, ((goal.soc - vehicle.soc) * capacity + driven) / gain)
        miss = m.add_variable(f"miss{v}_{g}", 0)
        m += by_then + gain * miss >= goal.soc * capacity
        money.append(MISSED * miss)
    for k, trip in enumerate(vehicle.trips):
        driven = sum(x.energy_kwh for x in vehicle.trips if x.start <= trip.start)
        asked = max(asked, (driven - vehicle.soc * capacity) / gain)
        before = next(energy for at, energy in reversed(held_at) if at <= trip.start)
        short = m.add_variable(f"short{v}_{k}", 0)
        m += before + short >= trip.energy_kwh
        money.append(MISSED * short)
    total = pulp.lpSum(net)
    if vehicle.may_discharge or vehicle.opportunistic:
        worth = 0.95 * lowest * (1 - 1e-3 * (len(problem.batteries) + v))
        money += [-worth * total, worth * asked]
    else:
        m += total <= asked


def _previous(problem: Problem, t: int) -> datetime:
    return problem.slots[t - 1] if t else problem.slots[0]
