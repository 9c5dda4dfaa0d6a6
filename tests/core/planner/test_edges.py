"""Problems at the edge of sense: every one gets a plan."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
import subprocess
import sys

import pytest

from benchmarks.evening import home
from custom_components.smart_charging.core.grid import Grid, Topology
from custom_components.smart_charging.core.planner import (
    Battery,
    Charger,
    Goal,
    GoalKind,
    PeakTariff,
    Problem,
    Rung,
    Search,
    Stay,
    Trip,
    Vehicle,
    explain,
    plan,
    plan_to_json,
    slot_bounds,
)
from tests.core.planner.sites import at, charged_kwh, site
from tests.core.planner.test_invariants import check

CAR = Vehicle(
    id="car",
    capacity_kwh=50,
    soc=0.5,
    stays=(Stay(charger="garage", start=at(0), end=at(8)),),
    goals=(Goal(by=at(8), kind=GoalKind.READY_BY, soc=0.8),),
)
BASE = site(hours=10, load=0.4, chargers=(Charger(id="garage"),), vehicles=(CAR,))
MORNING = datetime(2026, 3, 29, 0, 40, tzinfo=UTC)


def _stretch(now: datetime, hours: int, minutes: int = 15) -> Problem:
    slots = slot_bounds(now, hours, minutes)
    n = len(slots) - 1
    return replace(
        BASE,
        now=now,
        slots=slots,
        import_price=(0.2,) * n,
        export_price=(0.0,) * n,
        estimated=(False,) * n,
        load_kw=(0.4,) * n,
        pv_kw=(0.0,) * n,
    )


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(replace(BASE, vehicles=(), chargers=()), id="nothing to plan"),
        pytest.param(_stretch(at(0), 1, 60), id="one slot"),
        pytest.param(_stretch(at(0), 50), id="200 slots"),
        pytest.param(_stretch(MORNING, 8), id="clocks go forward"),
        pytest.param(_stretch(at(0) + timedelta(minutes=14, seconds=31), 6), id="joined slot"),
        pytest.param(_stretch(at(20), 8), id="all stays and goals past"),
        pytest.param(
            replace(
                BASE,
                vehicles=(replace(CAR, stays=(Stay(charger="garage", start=at(2), end=at(2)),)),),
            ),
            id="zero-length stay",
        ),
        pytest.param(
            replace(
                BASE,
                vehicles=(replace(CAR, stays=(Stay(charger="garage", start=at(4), end=at(2)),)),),
            ),
            id="stay that ends before it starts",
        ),
        pytest.param(
            replace(
                BASE,
                vehicles=(replace(CAR, stays=(Stay(charger="gone", start=at(0), end=at(8)),)),),
            ),
            id="stay at a charger that is gone",
        ),
        pytest.param(replace(BASE, vehicles=(replace(CAR, soc=1.3),)), id="SoC above full"),
        pytest.param(replace(BASE, vehicles=(replace(CAR, soc=-0.1),)), id="SoC below empty"),
        pytest.param(replace(BASE, vehicles=(replace(CAR, capacity_kwh=0),)), id="no capacity"),
        pytest.param(
            replace(BASE, vehicles=(replace(CAR, capacity_kwh=0, taper_soc=0.5),)),
            id="no capacity, tapered",
        ),
        pytest.param(replace(BASE, vehicles=(replace(CAR, efficiency=0),)), id="no efficiency"),
        pytest.param(
            replace(BASE, vehicles=(replace(CAR, soc=None),)), id="SoC goal of an unknown SoC"
        ),
        pytest.param(
            replace(BASE, vehicles=(CAR, replace(CAR, id="b"))), id="two cars, one charger"
        ),
        pytest.param(replace(BASE, grid=Grid(import_limit_kw=0.1)), id="limit below the load"),
        pytest.param(replace(BASE, grid=Grid(import_limit_kw=0)), id="no import at all"),
        pytest.param(replace(BASE, grid=Grid(fuse_a=0)), id="no fuse"),
        pytest.param(
            replace(BASE, chargers=(Charger(id="garage", min_a=20, max_a=10),)),
            id="minimum above maximum",
        ),
        pytest.param(
            replace(BASE, chargers=(Charger(id="garage", max_a=0, min_a=0),)), id="dead charger"
        ),
        pytest.param(
            replace(BASE, chargers=(Charger(id="garage", phases=()),)), id="charger without phases"
        ),
        pytest.param(
            replace(
                BASE,
                grid=Grid(topology=Topology.THREE_400),
                chargers=(Charger(id="garage", phases=(3,), phase_map=(1,)),),
            ),
            id="short phase map",
        ),
        pytest.param(
            replace(BASE, batteries=(Battery(id="b", capacity_kwh=5, soc=0.02),)),
            id="battery below its window",
        ),
        pytest.param(
            replace(BASE, batteries=(Battery(id="b", capacity_kwh=5, soc=1.0, max_soc=0.9),)),
            id="battery above its window",
        ),
        pytest.param(
            replace(
                BASE,
                batteries=(Battery(id="b", capacity_kwh=5, soc=0.5, min_soc=0.9, max_soc=0.2),),
            ),
            id="window upside down",
        ),
        pytest.param(
            replace(
                BASE,
                batteries=(
                    Battery(
                        id="b", capacity_kwh=5, soc=0.5, charge_efficiency=0, discharge_efficiency=0
                    ),
                ),
            ),
            id="battery without efficiency",
        ),
        pytest.param(
            replace(
                BASE, vehicles=(replace(CAR, trips=(Trip(start=at(1), end=at(1), energy_kwh=90),)),)
            ),
            id="trip that no battery can drive",
        ),
        pytest.param(
            replace(
                BASE,
                vehicles=(replace(CAR, goals=(Goal(by=at(90), kind=GoalKind.TRIP, soc=0.9),)),),
            ),
            id="goal after the plan",
        ),
        pytest.param(
            replace(BASE, vehicles=(replace(CAR, goals=(Goal(by=at(3), kind=GoalKind.TRIP),)),)),
            id="goal that asks nothing",
        ),
        pytest.param(
            replace(BASE, peak=PeakTariff(price_per_kw=-3, floor_kw=-1)), id="negative peak price"
        ),
        pytest.param(replace(BASE, time_zone="Mars/Olympus"), id="unknown time zone"),
        pytest.param(replace(BASE, load_share_per_phase=(0, 0, 0)), id="no shares"),
        pytest.param(
            replace(BASE, import_price=tuple(0.0 for _ in BASE.import_price)), id="energy is free"
        ),
        pytest.param(
            replace(BASE, import_price=tuple(1e4 for _ in BASE.import_price)), id="absurd price"
        ),
    ],
)
def test_every_problem_has_a_plan(problem: Problem) -> None:
    answer = plan(problem)

    assert answer.rung is Rung.OPTIMAL
    assert len(answer.flows) == len(problem.slots) - 1
    json.dumps(plan_to_json(answer), allow_nan=False)
    assert plan(problem, cancelled=lambda: True).rung is Rung.GREEDY


def test_two_cars_at_one_charger_take_turns() -> None:
    second = replace(
        CAR,
        id="second",
        stays=(Stay(charger="garage", start=at(4), end=at(10)),),
        goals=(Goal(by=at(10), kind=GoalKind.READY_BY, soc=0.6),),
    )
    first = replace(CAR, stays=(Stay(charger="garage", start=at(0), end=at(4)),))

    answer = plan(replace(BASE, vehicles=(first, second)))

    owners = [s.vehicle for s in answer.schedule.chargers["garage"]]
    assert owners == ["car"] * 16 + ["second"] * 24
    assert charged_kwh(answer) > 16 * 0.25 * 3.6


def test_time_that_runs_out_is_said() -> None:
    problem = replace(home("spring", hours=12), search=Search(abort_s=0.0))

    answer = plan(problem)

    assert answer.rung is Rung.GREEDY
    check(problem, answer)


def test_importing_the_planner_imports_no_solver() -> None:
    code = (
        "import sys; import custom_components.smart_charging; before = set(sys.modules); "
        "import custom_components.smart_charging.core.planner as p; "
        "from benchmarks.evening import home; problem = home('spring', hours=12); "
        "p.problem_from_json(p.problem_to_json(problem)); "
        "new = set(sys.modules) - before; assert not {'numpy', 'pulp', 'highspy'} & new, 'eager'; "
        "p.baseline(problem); assert 'pulp' not in sys.modules, 'baseline'; "
        "p.plan(problem); assert 'pulp' in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_an_explanation_names_reason_figures_and_the_next_best() -> None:
    def price(h: float) -> float:
        return 0.1 if 2 <= h < 4.75 else 0.25 if h < 1 else 0.4

    problem = site(
        hours=10,
        price=price,
        load=0.4,
        chargers=(Charger(id="garage"),),
        vehicles=(
            replace(CAR, efficiency=1.0, goals=(Goal(by=at(8), kind=GoalKind.READY_BY, soc=0.7),)),
        ),
    )
    answer = plan(problem)

    charging = explain(answer, "garage", at(2.1))
    waiting = explain(answer, "garage", at(0.1))

    assert charging is not None and charging.alternative is not None
    assert charging.power_kw == pytest.approx(3.68)
    assert charging.price == pytest.approx(0.1)
    assert charging.alternative.start == at(0)
    assert charging.alternative.dearer_by == pytest.approx(0.15, abs=1e-3)
    assert waiting is not None and waiting.alternative is not None
    assert waiting.reason == "waiting"
    assert waiting.alternative.dearer_by == pytest.approx(0.15, abs=1e-3)
    assert explain(answer, "garage", at(20)) is None
    assert explain(answer, "nothing", at(1)) is None


@pytest.mark.parametrize("season", ["spring", "winter", "negative"])
def test_a_home_of_two_days_is_planned_to_a_thousandth(season: str) -> None:
    problem = home(season)

    answer = plan(problem)

    assert answer.rung is Rung.OPTIMAL
    assert answer.gap <= max(1e-3 * abs(answer.cost), 0.01) + 1e-3
    assert not answer.shortfalls
    assert answer.savings is not None and answer.savings > 0
    check(problem, answer)
