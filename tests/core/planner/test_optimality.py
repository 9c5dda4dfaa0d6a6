"""The plan against an independent mixed-integer programme of the same problem."""

from datetime import UTC, datetime, timedelta
import random

import pytest

from custom_components.smart_charging.core.grid import Grid
from custom_components.smart_charging.core.planner import (
    Battery,
    Charger,
    Goal,
    GoalKind,
    PeakTariff,
    Problem,
    Rung,
    Stay,
    Vehicle,
    plan,
    slot_bounds,
)
from tests.core.planner.reference import optimal_cost

NOW = datetime(2026, 5, 5, 8, 0, tzinfo=UTC)


def small_home(
    seed: int,
    *,
    hours: int = 8,
    negative: bool = False,
    peak: bool = False,
    battery: bool = True,
    cars: int = 1,
    opportunistic: bool = False,
) -> Problem:
    rng = random.Random(seed)
    slots = slot_bounds(NOW, hours)
    n = len(slots) - 1
    mean = -0.02 if negative else 0.22
    price = tuple(round(mean + rng.uniform(-0.12, 0.15), 4) for _ in range(n))
    spread = rng.choice([0.02, 0.08])
    return Problem(
        now=NOW,
        time_zone="Europe/Brussels",
        slots=slots,
        import_price=price,
        export_price=tuple(round(p - spread, 4) for p in price),
        estimated=(False,) * n,
        load_kw=tuple(round(rng.uniform(0.2, 1.4), 3) for _ in range(n)),
        pv_kw=tuple(
            round(max(0.0, 3.2 - 0.02 * (t - n / 2) ** 2) * rng.uniform(0.3, 1), 3)
            for t in range(n)
        ),
        grid=Grid(fuse_a=40),
        peak=PeakTariff(price_per_kw=4.0, floor_kw=2.5, month_peak_kw=2.9) if peak else None,
        chargers=tuple(
            Charger(id=f"c{i}", max_a=16 if i == 0 else 20, step_a=0) for i in range(cars)
        ),
        vehicles=tuple(
            Vehicle(
                id=f"v{i}",
                capacity_kwh=50,
                soc=0.4,
                opportunistic=opportunistic,
                stays=(
                    Stay(
                        charger=f"c{i}",
                        start=NOW + timedelta(hours=i),
                        end=NOW + timedelta(hours=hours - i),
                    ),
                ),
                goals=(
                    Goal(
                        by=NOW + timedelta(hours=hours - 1 - i),
                        kind=GoalKind.READY_BY,
                        soc=0.4 + round(rng.uniform(0.08, 0.2), 3),
                    ),
                ),
            )
            for i in range(cars)
        ),
        batteries=(
            Battery(
                id="b",
                capacity_kwh=8,
                soc=0.4,
                max_charge_kw=3,
                max_discharge_kw=3,
                wear_price=0.01,
                may_feed_cars=True,
                may_export=True,
            ),
        )
        if battery
        else (),
    )


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(small_home(1), id="battery, sun and one car"),
        pytest.param(small_home(2, battery=False), id="sun and one car"),
        pytest.param(small_home(3, peak=True, hours=6), id="capacity tariff"),
        pytest.param(small_home(4, negative=True, hours=6), id="negative prices"),
        pytest.param(small_home(5, cars=2, hours=6), id="two cars"),
        pytest.param(small_home(6, opportunistic=True, battery=False), id="sun beyond the goal"),
        pytest.param(
            small_home(49, negative=True, cars=2, hours=6), id="paid to use energy, two cars"
        ),
        pytest.param(small_home(53, cars=2, hours=6), id="sun for a part of a slot"),
        pytest.param(small_home(7, peak=True, battery=False, hours=6), id="peak without battery"),
    ],
)
def test_the_plan_costs_what_the_plainest_exact_model_finds(problem: Problem) -> None:
    answer = plan(problem)
    exact = optimal_cost(problem)

    assert answer.rung is Rung.OPTIMAL
    assert not answer.shortfalls
    assert answer.cost == pytest.approx(exact, rel=1e-3, abs=0.01)
    assert answer.cost >= exact - 1e-4
    assert answer.bound <= exact + 1e-4
