"""The planner on its own problem set: time against bare HiGHS, gaps, money, steadiness, memory.

    scripts/bench planner [--json] [--quick] [--rounds N] [--milp-minutes M] [--cbc PATH]

All figures come from one run. `ratio_to_highs` compares plan() with raw HiGHS on the very models
that the plan had solved (see replay.py), both on the CPU clock of the thread, by turns; `_wall` is
the same on the clock of the wall; `_told` against raw HiGHS that is also told where our planner lets
the simplex begin, and how to walk. Milliseconds are wall time, `_cpu` beside them. Progress goes to
stderr.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
import json
from math import ceil
from multiprocessing import get_context
from random import Random
import shutil
from statistics import median
import sys
from typing import Any

from benchmarks.evening import home
from benchmarks.homes import homes
from benchmarks.process import loop_lags_ms, resident_mb
from benchmarks.replans import noisy, replan
from benchmarks.replay import Took, recorded, replay, replay_cold, timed
from custom_components.smart_charging.core.planner import Plan, Problem, plan

__all__ = ["home", "homes"]

CENT = 0.01
"""Money below which a relative figure says nothing: such a gap or excess counts as 0."""

CLOSE = 1e-3

DEFINITIONS = {
    "ratio_to_highs": "median over homes of the median over rounds of plan() / (passModel + run of"
    " all models that the plan solved, on raw HiGHS, warm where the plan solved again, without"
    " presolve, which begins and walks as it does by itself), thread CPU time",
    "ratio_to_highs_cold": "the same against passModel + run of each model on its own: raw HiGHS"
    " that keeps nothing from one to the next",
    "ratio_to_highs_told": "the same where raw HiGHS is given our start and options of the simplex"
    " too",
    "median_ms": "wall time of plan(): median over homes of each home's median",
    "p95_ms": "wall time of plan(): 95th percentile of all homes and rounds",
    "read_median_ms": "the same with orders, flows, shortfalls and savings read from the plan",
    "gap_within_share": "share of homes with gap <= max(0.1 % of the cost, 0.01)",
    "gap_max": "largest gap / |cost|; a gap of at most 0.01 counts as 0",
    "warm_median_ms": "wall time of plan() with other SoC, load and sun, given the last plan",
    "loop_lag_p99_ms": "lag of an event loop that ticks each ms while plans run in its executor",
    "rss_growth_mb": "growth of resident memory over the plans after the warm-up",
    "flips_per_100": "most orders of chargers in 100 noisy re-plans of one home, at one moment or"
    " two minutes apart, that change what a charger does and that the plan before did not have",
    "battery_flips_per_100": "the same of a battery's mode: other than the plan before had for now",
    "stayed_per_100": "chargers that go on as they are where the plan before had a change for now",
    "money_vs_milp_max": "largest (cost - plain MILP's cost) / |MILP's cost|; at most 0.01 counts as"
    " 0; only homes with the same missed energy",
    "over_continuous_max": "largest (cost - bound with continuous current) / |bound|; at most 0.01"
    " counts as 0",
}


def say(text: str) -> None:
    """Tell how far the run is."""
    print(text, file=sys.stderr, flush=True)


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def relative(amount: float, of: float) -> float:
    """Return an amount of money as a share, 0 when it is a cent at most."""
    return 0.0 if amount <= CENT else amount / max(abs(of), CENT)


def missed_kwh(answer: Plan) -> float:
    """Return what the goals of a plan miss."""
    return sum(s.missing_kwh for s in answer.shortfalls)


def whole(problem: Problem) -> Plan:
    """Return a plan of which everything that Home Assistant shows has been read."""
    answer = plan(problem)
    # Reading is what makes them.
    assert answer.schedule.made_at == problem.now
    assert len(answer.flows) == len(problem.slots) - 1
    assert all(s.missing_kwh > 0 for s in answer.shortfalls)
    assert answer.savings is not None
    return answer


def measure(problem: Problem, rounds: int) -> tuple[dict[str, Any], list[Took]]:
    """Return the figures of one home, and what each of its plans took."""
    plan(problem)
    with recorded() as recording:
        answer = plan(problem)
    replay(recording)
    ours, raw = _against(problem, lambda: replay(recording, told=False), rounds)
    told = _against(problem, lambda: replay(recording), rounds)
    cold = _against(problem, lambda: replay_cold(recording), rounds)
    read = [timed(lambda: whole(problem)) for _ in range(rounds)]
    warm = _warm(problem, answer, rounds)
    return {
        "ratio_to_highs": _ratio(ours, raw),
        "ratio_to_highs_wall": median(p.wall_s / r.wall_s for p, r in zip(ours, raw, strict=True)),
        "ratio_to_highs_cold": _ratio(*cold),
        "ratio_to_highs_told": _ratio(*told),
        "median_ms": 1000 * median(p.wall_s for p in ours),
        "median_cpu_ms": 1000 * median(p.cpu_s for p in ours),
        "read_median_ms": 1000 * median(r.wall_s for r in read),
        "read_median_cpu_ms": 1000 * median(r.cpu_s for r in read),
        "highs_ms": 1000 * median(r.wall_s for r in raw),
        "highs_cpu_ms": 1000 * median(r.cpu_s for r in raw),
        "warm_median_ms": 1000 * median(w.wall_s for w in warm),
        "warm_median_cpu_ms": 1000 * median(w.cpu_s for w in warm),
        "solves": recording.solves,
        "cost": answer.cost,
        "bound": answer.bound,
        "gap": answer.gap,
        "gap_relative": relative(answer.gap, answer.cost),
        "gap_within": answer.gap <= max(CLOSE * abs(answer.cost), CENT),
        "missed_kwh": missed_kwh(answer),
        "rung": answer.rung.value,
    }, ours


def _against(
    problem: Problem, other: Callable[[], Took], rounds: int
) -> tuple[list[Took], list[Took]]:
    """Return what a plan takes and what something else does, by turns: none comes always first."""
    ours: list[Took] = []
    theirs: list[Took] = []
    turns: list[Callable[[], None]] = [
        lambda: ours.append(timed(lambda: plan(problem))),
        lambda: theirs.append(other()),
    ]
    for k in range(rounds):
        for turn in turns if k % 2 else reversed(turns):
            turn()
    return ours, theirs


def _ratio(ours: list[Took], theirs: list[Took]) -> float:
    return median(p.cpu_s / r.cpu_s for p, r in zip(ours, theirs, strict=True))


def _warm(problem: Problem, answer: Plan, rounds: int) -> list[Took]:
    """Return what re-plans on other readings take."""
    rng = Random(5)
    found = []
    for _ in range(rounds):
        other = noisy(problem, rng)
        found.append(timed(lambda: plan(other, answer)))  # noqa: B023 - run at once
    return found


def block(problems: Mapping[str, Problem], rounds: int) -> dict[str, Any]:
    """Return the figures of a set of homes."""
    rows: dict[str, dict[str, Any]] = {}
    took: list[Took] = []
    for name, problem in problems.items():
        rows[name], plans = measure(problem, rounds)
        took += plans
        row = rows[name]
        say(
            f"  {name:46}{row['median_ms']:8.1f} ms  x{row['ratio_to_highs']:.2f}"
            f"  gap {row['gap']:.4f}  {row['rung']}"
        )

    def over(key: str) -> float:
        return median(float(row[key]) for row in rows.values())

    return {
        "ratio_to_highs": over("ratio_to_highs"),
        "ratio_to_highs_wall": over("ratio_to_highs_wall"),
        "ratio_to_highs_cold": over("ratio_to_highs_cold"),
        "ratio_to_highs_told": over("ratio_to_highs_told"),
        "median_ms": over("median_ms"),
        "median_cpu_ms": over("median_cpu_ms"),
        "p95_ms": 1000 * percentile([t.wall_s for t in took], 0.95),
        "p95_cpu_ms": 1000 * percentile([t.cpu_s for t in took], 0.95),
        "read_median_ms": over("read_median_ms"),
        "read_median_cpu_ms": over("read_median_cpu_ms"),
        "highs_median_cpu_ms": over("highs_cpu_ms"),
        "gap_within_share": sum(row["gap_within"] for row in rows.values()) / len(rows),
        "gap_max": max(row["gap_relative"] for row in rows.values()),
        "warm_median_ms": over("warm_median_ms"),
        "warm_median_cpu_ms": over("warm_median_cpu_ms"),
        "missed_kwh": sum(row["missed_kwh"] for row in rows.values()),
        "instances": rows,
    }


def flips(
    problems: Mapping[str, Problem], rows: Mapping[str, dict[str, Any]], count: int
) -> dict[str, Any]:
    """Return how often noisy re-plans take back what was ordered; adds it to the homes' rows."""
    scale = 100 / count
    for name, problem in problems.items():
        still = replan(problem, every=timedelta(0), count=count)
        going = replan(problem, every=timedelta(minutes=2), count=count)
        rows[name]["flips_per_100"] = scale * max(still.charger, going.charger)
        rows[name]["battery_flips_per_100"] = scale * max(still.battery, going.battery)
        rows[name]["stayed_per_100"] = scale * max(still.stayed, going.stayed)
        say(f"  {name:46}{rows[name]['flips_per_100']:6.1f} orders taken back in 100")
    keys = ("flips_per_100", "battery_flips_per_100", "stayed_per_100")
    return {key: max(rows[name][key] for name in problems) for key in keys}


def memory(turn: Sequence[Problem], warm_up: int, plans: int) -> float:
    """Return by how many MB planning on grows the process."""
    for k in range(warm_up):
        whole(turn[k % len(turn)])
    before = resident_mb()
    for k in range(plans):
        whole(turn[k % len(turn)])
    return resident_mb() - before


def _exact(problem: Problem, cbc: str | None, limit_s: float) -> dict[str, Any]:
    from tests.core.planner.reference import exact

    answer = exact(problem, cbc, gap=1e-4, time_limit_s=limit_s)
    return {"cost": answer.cost, "missed_kwh": answer.missed_kwh, "proven": answer.proven}


def money(
    problems: Mapping[str, Problem],
    rows: Mapping[str, dict[str, Any]],
    cbc: str | None,
    minutes: float,
) -> dict[str, Any]:
    """Compare the plans' money with the plain MILP, solved in two processes at a time.

    Adds the figures to the rows of the homes.
    """
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {
            name: pool.submit(_exact, problem, cbc, 60 * minutes)
            for name, problem in problems.items()
        }
        for name, job in jobs.items():
            row, answer = rows[name], job.result()
            excess = row["cost"] - answer["cost"]
            row["milp_cost"] = answer["cost"]
            row["milp_proven"] = answer["proven"]
            row["milp_missed_kwh"] = answer["missed_kwh"]
            row["money_vs_milp"] = relative(excess, answer["cost"])
            row["money_vs_milp_absolute"] = excess
            say(
                f"  {name:46}{excess:+9.4f} against the MILP's {answer['cost']:.4f}"
                f"{'' if answer['proven'] else ' (not proven in time)'}"
            )
    same = [row for row in rows.values() if row["missed_kwh"] <= row["milp_missed_kwh"] + CENT]
    return {
        "money_vs_milp_max": max((row["money_vs_milp"] for row in same), default=None),
        "money_vs_milp_max_absolute": max(
            (row["money_vs_milp_absolute"] for row in same), default=None
        ),
        "money_vs_milp_min_absolute": min(
            (row["money_vs_milp_absolute"] for row in same), default=None
        ),
        "milp_proven_share": sum(row["milp_proven"] for row in rows.values()) / len(rows),
        "milp_compared_share": len(same) / len(rows),
        "milp_solver": "CBC" if cbc else "HiGHS",
    }


def over_continuous(stepped: dict[str, Any], problems: Mapping[str, Problem]) -> None:
    """Add what whole amperes cost above the bound of the same homes with continuous current."""
    for name, problem in problems.items():
        free = replace(problem, chargers=tuple(replace(c, step_a=0.0) for c in problem.chargers))
        row, bound = stepped["instances"][name], plan(free).bound
        row["continuous_bound"] = bound
        row["over_continuous"] = relative(row["cost"] - bound, bound)
    stepped["over_continuous_max"] = max(
        row["over_continuous"] for row in stepped["instances"].values()
    )


def _many(problems: Sequence[Problem], times: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            for problem in problems:
                whole(problem)

    return run


def run(*, quick: bool, rounds: int, minutes: float, cbc: str | None) -> dict[str, Any]:
    """Return all figures."""
    every = 4 if quick else 1
    continuous = dict(list(homes().items())[::every])
    stepped = dict(list(homes(discrete=True).items())[::every])
    found: dict[str, Any] = {}
    for title, problems in (("continuous", continuous), ("whole amperes", stepped)):
        say(title)
        figures = block(problems, rounds)
        rows = figures["instances"]
        if problems is stepped:
            over_continuous(figures, stepped)
        figures |= flips(problems, rows, 20 if quick else 100)
        if minutes > 0:
            say(f"plain MILP, at most {minutes:g} min a home")
            figures |= money(problems, rows, cbc, minutes)
        found = figures if problems is continuous else found | {"discrete": figures}
    both = [*continuous.values(), *stepped.values()]
    say("event loop")
    idle, busy = loop_lags_ms(_many(both, 1 if quick else 2))
    found["loop_lag_p99_ms"] = percentile(busy, 0.99)
    found["loop_lag_idle_p99_ms"] = percentile(idle, 0.99)
    say("memory")
    found["rss_plans"] = 60 if quick else 300
    found["rss_growth_mb"] = memory(both, 10 if quick else 50, found["rss_plans"])
    found["definitions"] = DEFINITIONS
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="every fourth home, fewer repetitions")
    parser.add_argument("--rounds", type=int, help="repetitions (default 9, quick 3)")
    parser.add_argument(
        "--milp-minutes",
        type=float,
        help="limit of the plain MILP per home; 0 leaves it out (default 1, quick 0.2)",
    )
    parser.add_argument(
        "--cbc", default=shutil.which("cbc"), help="CBC for the MILP (default: on PATH, else HiGHS)"
    )
    options = parser.parse_args()
    minutes = options.milp_minutes
    if minutes is None:
        minutes = 0.2 if options.quick else 1.0
    rounds = options.rounds or (3 if options.quick else 9)
    found = run(quick=options.quick, rounds=rounds, minutes=minutes, cbc=options.cbc)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for title, figures in (("continuous", found), ("discrete", found["discrete"])):
        print(title)
        for key, value in figures.items():
            if isinstance(value, int | float | str) or value is None:
                shown = f"{value:.5g}" if isinstance(value, float) else value
                print(f"  {key:28} {shown}")


if __name__ == "__main__":
    main()
