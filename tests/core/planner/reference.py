"""The planning problem once more, as the plainest mixed-integer programme: a binary for everything.

Written from the description of the model and not from its code: PuLP's operators, stock HiGHS,
one binary per direction and per state of a charger in every slot. Slow, and only for small
problems with one phase, quarter-hour slots and known SoC.
"""

import pulp

from custom_components.smart_charging.core.planner import Problem

MISSED = 50.0
"""Currency per kWh of a missed goal: above every price of the problems that are compared."""


def optimal_cost(problem: Problem, time_limit_s: float = 60.0) -> float:
    """Return the least cost of a problem as the plan counts it."""
    n = len(problem.slots) - 1
    slots = range(n)
    h = [(problem.slots[t + 1] - problem.slots[t]).total_seconds() / 3600 for t in slots]
    m = pulp.LpProblem("reference", pulp.LpMinimize)
    limit = problem.grid.import_limit_kw or problem.grid.fuse_kw
    out_limit = (
        problem.grid.fuse_kw
        if problem.grid.export_limit_kw is None
        else problem.grid.export_limit_kw
    )
    imp = [m.add_variable(f"i{t}", 0, limit) for t in slots]
    exp = [m.add_variable(f"e{t}", 0, out_limit) for t in slots]
    used = [m.add_variable(f"u{t}", 0, problem.pv_kw[t]) for t in slots]
    buying = [m.add_variable(f"d{t}", cat="Binary") for t in slots]
    money = []
    for t in slots:
        m += imp[t] <= limit * buying[t]
        money += [h[t] * problem.import_price[t] * imp[t], -h[t] * problem.export_price[t] * exp[t]]

    parts_in = {t: [] for t in slots}
    cars = {t: [] for t in slots}
    sun_needs = {t: [] for t in slots}
    lowest = max(0.0, min(problem.import_price))
    for v, vehicle in enumerate(problem.vehicles):
        done = []
        part_of = {}
        for t in slots:
            stay = next(
                (
                    s
                    for s in vehicle.stays
                    if s.start <= problem.slots[t] and problem.slots[t + 1] <= s.end
                ),
                None,
            )
            if stay is None:
                continue
            charger = next(c for c in problem.chargers if c.id == stay.charger)
            low, high = charger.min_a * 0.23, min(charger.max_a, vehicle.max_a or 1e9) * 0.23
            p = m.add_variable(f"p{v}_{t}", 0, high)
            on = m.add_variable(f"on{v}_{t}", cat="Binary")
            part = m.add_variable(f"part{v}_{t}", cat="Binary")
            m += p <= high * on + low * part
            m += p >= low * on
            m += on + part <= 1
            due = min(
                (g.by for g in vehicle.goals if g.by > problem.slots[t]), default=problem.slots[-1]
            )
            parts_in[t].append(part)
            part_of.setdefault((due, stay.start), []).append(part)
            cars[t].append(p)
            spare = max(0.0, problem.pv_kw[t] - problem.load_kw[t])
            if spare < low:
                sun_needs[t].append(p * (1 - spare / low))
            done.append((t, p))
        for parts in part_of.values():
            m += pulp.lpSum(parts) <= 1
        room = (vehicle.target_soc - vehicle.soc) * vehicle.capacity_kwh / vehicle.efficiency
        total = pulp.lpSum(h[t] * p for t, p in done)
        m += total <= room
        asked = 0.0
        for g, goal in enumerate(vehicle.goals):
            need = (
                goal.energy_kwh
                if goal.energy_kwh is not None
                else (goal.soc - vehicle.soc) * vehicle.capacity_kwh / vehicle.efficiency
            )
            asked = max(asked, need)
            miss = m.add_variable(f"miss{v}_{g}", 0)
            m += pulp.lpSum(h[t] * p for t, p in done if problem.slots[t] < goal.by) + miss >= need
            money.append(MISSED * miss)
        if vehicle.opportunistic:
            extra = m.add_variable(f"extra{v}", 0)
            m += extra <= total - asked
            worth = 0.95 * lowest * (1 - 1e-3 * (len(problem.batteries) + v))
            money.append(-worth * extra)
        elif all(price >= 0 for price in problem.import_price):
            m += total <= asked

    flows = {t: ([], []) for t in slots}
    for b, battery in enumerate(problem.batteries):
        held = battery.soc * battery.capacity_kwh
        for t in slots:
            into = m.add_variable(f"bi{b}_{t}", 0, battery.max_charge_kw)
            out = m.add_variable(f"bo{b}_{t}", 0, battery.max_discharge_kw)
            way = m.add_variable(f"bd{b}_{t}", cat="Binary")
            m += into <= battery.max_charge_kw * way
            m += out <= battery.max_discharge_kw * (1 - way)
            after = m.add_variable(
                f"bs{b}_{t}",
                battery.min_soc * battery.capacity_kwh,
                battery.max_soc * battery.capacity_kwh,
            )
            m += after == held + h[t] * (
                battery.charge_efficiency * into - (1 / battery.discharge_efficiency) * out
            )
            held = after
            flows[t][0].append(into)
            flows[t][1].append(out)
            money.append(h[t] * battery.wear_price * out)
            if not battery.may_export and not battery.may_feed_cars:
                m += out <= max(0.0, problem.load_kw[t] - problem.pv_kw[t])
        worth = 0.95 * lowest * battery.discharge_efficiency * (1 - 1e-3 * b) - 1e-6 * b
        money += [-worth * held, worth * battery.soc * battery.capacity_kwh]

    for t in slots:
        m += imp[t] + used[t] + pulp.lpSum(flows[t][1]) == exp[t] + problem.load_kw[t] + pulp.lpSum(
            cars[t]
        ) + pulp.lpSum(flows[t][0])
        if sun_needs[t]:
            m += pulp.lpSum(sun_needs[t]) <= imp[t] + pulp.lpSum(flows[t][1])
        # A car that runs for a part of a slot buys while it runs and leaves sun to sell after.
        m += exp[t] <= out_limit * (1 - buying[t] + pulp.lpSum(parts_in[t]))
    if problem.peak is not None:
        base = max(problem.peak.floor_kw, problem.peak.month_peak_kw)
        peak = m.add_variable("peak", base)
        for t in slots:
            m += imp[t] <= peak
        money += [problem.peak.price_per_kw * peak, -problem.peak.price_per_kw * base]
    m += pulp.lpSum(money)
    stats = m.solve(pulp.HiGHS(msg=False, gapRel=0, gapAbs=1e-5, timeLimit=time_limit_s))
    assert stats.status == pulp.LpSolveStatus.Optimal, stats.status
    return float(pulp.value(m.objective))
