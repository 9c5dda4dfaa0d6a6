"""The planning problem once more, as the plainest mixed-integer programme: a binary for everything.

Written from the description in docs/planning.md and not from the planner's code: PuLP's
operators, one binary per direction of the grid and of each battery and per state of a charger in
every slot, no tight rows, no rounding. Whole amperes are integers where a charger has steps, and
each phase count has a binary. Preferences are left out: only money counts, and missed energy.

Solved by any of PuLP's solvers: CBC for the goldens and the benchmark, HiGHS as it comes for what
is solved in every run of the tests. Slow.

What it does not know, and refuses: a SoC below the minimum (charged at once, whatever it costs),
goals beyond the plan, two vehicles at one charger at the same time.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pulp

from custom_components.smart_charging.core.grid import Topology
from custom_components.smart_charging.core.planner import Problem

MISSED_MORE = 10.0
"""A missed kWh costs this many times what the dearest kWh of the problem may cost."""

OVER = 1000.0
"""Currency per kWh above every limit, which only the house alone can force."""


@dataclass(frozen=True, kw_only=True)
class Exact:
    """The independent answer."""

    cost: float
    """Currency as the plan counts it: without missed energy."""
    bound: float | None
    """What the solver has proven: no plan that misses as little costs less; `None` if unknown."""
    missed_kwh: float
    proven: bool


@dataclass(kw_only=True)
class Programme:
    """The model while it is written; every list has one entry per slot."""

    problem: Problem
    model: pulp.LpProblem = field(default_factory=lambda: pulp.LpProblem("plain", pulp.LpMinimize))
    hours: list[float] = field(default_factory=list)
    spare: list[float] = field(default_factory=list)
    """Sun that the house leaves, kW."""
    net: list[float] = field(default_factory=list)
    """House that the sun leaves, kW."""
    money: list[Any] = field(default_factory=list)
    penalty: list[Any] = field(default_factory=list)
    missed: list[Any] = field(default_factory=list)
    cars: list[list[Any]] = field(default_factory=list)
    """Mean powers, kW."""
    parts: list[list[Any]] = field(default_factory=list)
    """(mean power, least running power, binary) of charges for a part of the slot."""
    running: list[list[tuple[int, tuple[int, ...], Any, Any]]] = field(default_factory=list)
    """(charger, grid phases, A on each of them, kW that runs beyond the mean)."""
    sun_only: list[list[Any]] = field(default_factory=list)
    """Mean powers of cars that take sun only."""
    needs_supply: list[list[Any]] = field(default_factory=list)
    """What charges at least take from grid and batteries, as the sun cannot carry a minimum."""

    def variable(self, name: str, low: float = 0.0, high: float | None = None) -> Any:
        return self.model.add_variable(name, low, high)

    def binary(self, name: str) -> Any:
        return self.model.add_variable(name, cat="Binary")

    @property
    def lowest_price(self) -> float:
        return max(0.0, min(self.problem.import_price))

    @property
    def dearest_kwh(self) -> float:
        problem = self.problem
        dearest = max(abs(x) for x in (*problem.import_price, *problem.export_price))
        peak = 4 * problem.peak.price_per_kw if problem.peak else 0.0
        wear = max((b.wear_price for b in problem.batteries), default=0.0)
        return 1 + 2 * dearest + peak + wear + problem.grid.breach_price


def exact(
    problem: Problem,
    solver: str | None = None,
    *,
    gap: float = 1e-4,
    time_limit_s: float = 60.0,
) -> Exact:
    """Return the least cost of a problem; `solver` is the path of a CBC, HiGHS without one."""
    programme = _written(problem)
    model = programme.model
    model += pulp.lpSum(programme.money) + pulp.lpSum(programme.penalty)
    limits: dict[str, Any] = {"gapRel": gap, "timeLimit": time_limit_s, "msg": False}
    chosen: Any = pulp.HiGHS(**limits) if solver is None else pulp.COIN_CMD(path=solver, **limits)
    stats: Any = model.solve(chosen)
    assert stats.has_solution, stats.status
    cost = float(pulp.value(pulp.lpSum(programme.money)))
    objective = float(pulp.value(model.objective))
    bound = stats.best_bound if solver is None else None
    return Exact(
        cost=cost,
        bound=None if bound is None else float(bound) - (objective - cost),
        missed_kwh=float(pulp.value(pulp.lpSum(programme.missed))),
        proven=stats.status in (pulp.LpSolveStatus.Optimal, pulp.LpSolveStatus.GapLimit),
    )


def optimal_cost(problem: Problem, time_limit_s: float = 60.0) -> float:
    """Return the least cost of a small problem, proven to 1e-6."""
    answer = exact(problem, gap=1e-6, time_limit_s=time_limit_s)
    assert answer.proven
    return answer.cost


def _written(problem: Problem) -> Programme:
    from tests.core.planner.reference_cars import write_cars

    n = len(problem.slots) - 1
    programme = Programme(problem=problem)
    programme.hours = [(b - a).total_seconds() / 3600 for a, b in pairwise(problem.slots)]
    balance = list(zip(problem.pv_kw, problem.load_kw, strict=True))
    programme.spare = [max(0.0, pv - load) for pv, load in balance]
    programme.net = [max(0.0, load - pv) for pv, load in balance]
    for lists in ("cars", "parts", "running", "sun_only", "needs_supply"):
        setattr(programme, lists, [[] for _ in range(n)])
    write_cars(programme)
    _write_site(programme)
    return programme


def _write_site(x: Programme) -> None:
    problem, grid, m = x.problem, x.problem.grid, x.model
    fuse_kw = grid.fuse_kw
    contract = fuse_kw if grid.import_limit_kw is None else min(grid.import_limit_kw, fuse_kw)
    more = max(0.0, min(grid.breach_kw, fuse_kw - contract))
    most_out = fuse_kw if grid.export_limit_kw is None else min(grid.export_limit_kw, fuse_kw)
    into, out = _write_batteries(x)
    imports = []
    for t, h in enumerate(x.hours):
        alone = max(0.0, problem.load_kw[t] - problem.pv_kw[t] - contract - more)
        bought = x.variable(f"i{t}", 0, contract + more + alone)
        sold = x.variable(f"e{t}", 0, most_out)
        wasted = x.variable(f"w{t}", 0, problem.pv_kw[t])
        breach = x.variable(f"b{t}", 0, more)
        forced = x.variable(f"o{t}", 0, alone)
        buying = x.binary(f"d{t}")
        imports.append(bought)
        charged, given = pulp.lpSum(into[t]), pulp.lpSum(out[t])
        m += (
            bought + problem.pv_kw[t] - wasted + given
            == sold + problem.load_kw[t] + pulp.lpSum(x.cars[t]) + charged
        )
        m += bought <= contract + breach + forced
        m += bought <= (contract + more + alone) * buying
        # A car that runs for a part of a slot buys while it runs and leaves sun to sell after.
        in_part = [part for *_, part in x.parts[t]]
        m += sold <= most_out * (1 - buying + pulp.lpSum(in_part))
        if x.needs_supply[t]:
            # The sun is there once for all cars.
            m += pulp.lpSum(x.needs_supply[t]) <= bought + given
        m += bought + pulp.lpSum(kw for *_, kw in x.running[t]) <= contract + more + alone
        m += pulp.lpSum(x.sun_only[t]) <= x.spare[t] - wasted if x.sun_only[t] else wasted >= 0
        _write_battery_rights(x, t, into[t], out[t], sold, wasted)
        _write_lines(x, t, charged - given + wasted)
        x.money += [
            h * problem.import_price[t] * bought,
            -h * problem.export_price[t] * sold,
            h * grid.breach_price * breach,
        ]
        x.penalty.append(h * OVER * forced)
    _write_peak(x, imports)


def _write_batteries(x: Programme) -> tuple[list[list[Any]], list[list[Any]]]:
    """Return charge and discharge of each battery per slot."""
    into: list[list[Any]] = [[] for _ in x.hours]
    out: list[list[Any]] = [[] for _ in x.hours]
    for b, battery in enumerate(x.problem.batteries):
        start = held = battery.soc * battery.capacity_kwh
        assert battery.min_soc <= battery.soc <= battery.max_soc
        low, high = battery.min_soc * battery.capacity_kwh, battery.max_soc * battery.capacity_kwh
        for t, h in enumerate(x.hours):
            charge = x.variable(f"bi{b}_{t}", 0, battery.max_charge_kw)
            discharge = x.variable(f"bo{b}_{t}", 0, battery.max_discharge_kw)
            way = x.binary(f"bd{b}_{t}")
            x.model += charge <= battery.max_charge_kw * way
            x.model += discharge <= battery.max_discharge_kw * (1 - way)
            after = x.variable(f"bs{b}_{t}", low, high)
            x.model += after == held + h * (
                battery.charge_efficiency * charge - (1 / battery.discharge_efficiency) * discharge
            )
            held = after
            into[t].append(charge)
            out[t].append(discharge)
            x.money.append(h * battery.wear_price * discharge)
        worth = 0.95 * x.lowest_price * battery.discharge_efficiency * (1 - 1e-3 * b) - 1e-6 * b
        x.money += [-worth * held, worth * start]
    return into, out


def _write_battery_rights(
    x: Programme, t: int, into: list[Any], out: list[Any], sold: Any, wasted: Any
) -> None:
    batteries = x.problem.batteries
    sun = [into[i] for i, b in enumerate(batteries) if not b.may_charge_from_grid]
    if sun:
        x.model += pulp.lpSum(sun) <= x.spare[t] - wasted
    house = [out[i] for i, b in enumerate(batteries) if not (b.may_export or b.may_feed_cars)]
    if house:
        x.model += pulp.lpSum(house) <= x.net[t]
    keep = [out[i] for i, b in enumerate(batteries) if not b.may_export]
    if len(keep) > len(house):
        x.model += pulp.lpSum(keep) <= x.net[t] + _beyond_the_sun(x, t)
    no_cars = [out[i] for i, b in enumerate(batteries) if not b.may_feed_cars]
    if len(no_cars) > len(house):
        x.model += pulp.lpSum(no_cars) <= x.net[t] + sold
    if not any(b.may_export for b in batteries):
        x.model += sold <= x.spare[t] - wasted if x.spare[t] > 0 else sold <= 0


def _beyond_the_sun(x: Programme, t: int) -> Any:
    """Return what cars take beyond the spare sun: all the time, or while a part of it runs."""
    spare, m = x.spare[t], x.model
    total = pulp.lpSum(x.cars[t])
    if not x.cars[t] or spare <= 0:
        return total
    beyond = x.variable(f"x{t}", 0)
    case = x.binary(f"c{t}")
    most = 100.0
    m += beyond <= total - spare + (most + spare) * case
    in_part = pulp.lpSum(max(0.0, 1 - spare / low) * power for power, low, _ in x.parts[t] if low)
    m += beyond <= in_part + most * (1 - case)
    return beyond


def _write_lines(x: Programme, t: int, spread_kw: Any) -> None:
    """Current on each phase: the house by its shares, sun and batteries evenly, cars as mapped."""
    problem, grid = x.problem, x.problem.grid
    phases = grid.topology.phases
    a_per_kw = 1 / grid.topology.charger_kw_per_a(phases)
    shares = problem.load_share_per_phase
    if len(shares) != phases:
        shares = (1 / phases,) * phases
    for phase in range(1, phases + 1):
        house = (
            problem.load_kw[t] * shares[phase - 1] / sum(shares) * phases - problem.pv_kw[t]
        ) * a_per_kw
        drawn = [a for _, lines, a, _ in x.running[t] if phase in lines]
        if drawn and phases > 1:
            x.model += house + a_per_kw * spread_kw + pulp.lpSum(drawn) <= max(grid.fuse_a, house)
        for circuit in problem.circuits:
            own = [
                a
                for c, lines, a, _ in x.running[t]
                if phase in lines
                and (
                    problem.chargers[c].id in circuit.chargers
                    or problem.chargers[c].circuit == circuit.id
                )
            ]
            if own:
                x.model += pulp.lpSum(own) <= circuit.fuse_a


def _write_peak(x: Programme, imports: list[Any]) -> None:
    """The highest quarter-hour mean of each local month, beyond what is paid for anyway."""
    problem, tariff = x.problem, x.problem.peak
    if tariff is None:
        return
    zone = ZoneInfo(problem.time_zone)
    peaks: dict[str, Any] = {}
    for t, (start, end) in enumerate(pairwise(problem.slots)):
        assert x.hours[t] <= 0.25 or t, "a first slot longer than a quarter"
        month = f"{(start + (end - start) / 2).astimezone(zone):%Y_%m}"
        if month not in peaks:
            base = tariff.floor_kw
            if not peaks:
                prior_kw = problem.quarter_energy_kwh / 0.25 if x.hours[0] < 0.25 else 0.0
                base = max(base, tariff.month_peak_kw, prior_kw)
            peaks[month] = x.variable(f"peak{month}", base)
            x.money += [tariff.price_per_kw * peaks[month], -tariff.price_per_kw * base]
        prior = problem.quarter_energy_kwh if t == 0 and x.hours[0] < 0.25 else 0.0
        length = max(0.25, x.hours[t])
        x.model += (prior + x.hours[t] * imports[t]) * (1 / length) <= peaks[month]


def lines_of(problem: Problem, charger: int, used: int) -> tuple[int, ...]:
    """Return the grid phases that a charger loads when the car uses `used` of its phases."""
    topology = problem.grid.topology
    lines = problem.chargers[charger].phase_map[:used]
    if topology is Topology.THREE_230 and used == 1:
        lines = (lines[0], lines[0] % 3 + 1)
    return tuple((line - 1) % topology.phases + 1 for line in lines)


def without_preferences(problem: Problem) -> Problem:
    """Return the problem without what runs now, which only preferences ask about."""
    return replace(problem, previous=())
