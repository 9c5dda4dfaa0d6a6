"""Energy asked for by a time: New Zealand's half-hour prices, exact energy, least cost."""

from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from custom_components.smart_charging.core.grid import Grid
from custom_components.smart_charging.core.planner import (
    Cause,
    Charger,
    Goal,
    GoalKind,
    Problem,
    Rung,
    Stay,
    Vehicle,
    plan,
)
from tests.core.planner.sites import at, charged_kwh, charging, site

AUCKLAND = ZoneInfo("Pacific/Auckland")
PRICES = Path(__file__).parents[2] / "fixtures" / "wits" / "PRSL_forward72.json"


def half_hours() -> list[tuple[datetime, float]]:
    """Return start and price in NZD/kWh of the forecast half hours."""
    records = json.loads(PRICES.read_text())["prices"]
    return [
        (datetime.fromisoformat(r["tradingDateTime"]).astimezone(UTC), r["price"] / 1000)
        for r in records
    ]


def request(start: str, end: str, kwh: float = 46, kw: float = 7.7, **vehicle: object) -> Problem:
    """Return the request of a person: so many kWh at so many kW, between two local times."""
    begin, by = (
        datetime.fromisoformat(x).replace(tzinfo=AUCKLAND).astimezone(UTC) for x in (start, end)
    )
    prices = half_hours()
    now = prices[0][0]
    slots = (*(s for s, _ in prices), prices[-1][0] + timedelta(minutes=30))
    n = len(prices)
    return Problem(
        now=now,
        time_zone="Pacific/Auckland",
        slots=slots,
        import_price=tuple(p for _, p in prices),
        export_price=(0.0,) * n,
        estimated=(False,) * n,
        load_kw=(0.0,) * n,
        pv_kw=(0.0,) * n,
        grid=Grid(fuse_a=63),
        chargers=(Charger(id="garage", max_a=kw / 0.23),),
        vehicles=(
            Vehicle(
                id="car",
                capacity_kwh=60,
                stays=(Stay(charger="garage", start=begin, end=by),),
                goals=(Goal(by=by, kind=GoalKind.REQUEST, energy_kwh=kwh),),
                **vehicle,
            ),
        ),
    )


def test_46_kwh_overnight_are_delivered_exactly_at_least_cost() -> None:
    answer = plan(request("2024-02-01 18:30", "2024-02-02 06:30"))

    assert charged_kwh(answer) == pytest.approx(46, abs=1e-6)
    # Eleven cheapest half hours at 7.7 kW, and 3.65 kWh in the twelfth at 78 NZD/MWh.
    assert answer.cost == pytest.approx(2.818, abs=1e-4)
    assert answer.rung is Rung.OPTIMAL
    assert not answer.shortfalls
    full = [s for s in charging(answer) if s.energy_kwh == pytest.approx(3.85)]
    part = [s for s in charging(answer) if s.energy_kwh < 3.84]
    assert len(full) == 11
    assert [s.energy_kwh for s in part] == [pytest.approx(3.65)]
    assert part[0].start.astimezone(AUCKLAND).strftime("%H:%M") == "00:00"


def test_the_seeds_eleven_half_hours_cost_what_they_did() -> None:
    answer = plan(request("2024-02-01 18:30", "2024-02-02 06:30", kwh=42.35))

    assert answer.cost == pytest.approx(2.5333, abs=1e-4)
    assert min(s.start for s in charging(answer)).astimezone(AUCKLAND).hour == 0


@pytest.mark.parametrize(
    ("start", "end", "kwh", "kw"),
    [
        ("2024-02-01 23:30", "2024-02-02 06:30", 46, 7.7),
        ("2024-02-01 18:00", "2024-02-01 20:00", 7, 7),
        ("2024-02-01 18:40", "2024-02-01 20:50", 10, 7),
        ("2024-02-01 22:10", "2024-02-01 22:40", 3, 7.7),
    ],
)
def test_windows_of_any_borders_deliver_what_is_asked(
    start: str, end: str, kwh: float, kw: float
) -> None:
    answer = plan(request(start, end, kwh, kw))

    assert charged_kwh(answer) == pytest.approx(kwh, abs=1e-6)
    assert not answer.shortfalls
    begin = datetime.fromisoformat(start).replace(tzinfo=AUCKLAND)
    for step in charging(answer):
        # Only the part of a slot within the window counts.
        inside = min(step.end, datetime.fromisoformat(end).replace(tzinfo=AUCKLAND)) - max(
            step.start, begin
        )
        assert step.energy_kwh <= kw * inside.total_seconds() / 3600 + 1e-6


def test_a_window_too_short_delivers_what_fits_and_says_what_is_missing_and_why() -> None:
    answer = plan(request("2024-02-01 18:30", "2024-02-01 20:30"))

    assert charged_kwh(answer) == pytest.approx(15.4)
    (shortfall,) = answer.shortfalls
    assert shortfall.missing_kwh == pytest.approx(30.6)
    assert shortfall.cause is Cause.TIME
    assert shortfall.goal is GoalKind.REQUEST
    assert answer.rung is Rung.OPTIMAL


def test_a_window_of_no_length_delivers_nothing_and_says_so() -> None:
    answer = plan(request("2024-02-01 20:30", "2024-02-01 20:30"))

    assert charged_kwh(answer) == 0
    assert [s.cause for s in answer.shortfalls] == [Cause.NOT_PLUGGED_IN]
    assert answer.shortfalls[0].missing_kwh == pytest.approx(46)


def test_a_request_of_the_past_is_named_and_not_charged() -> None:
    answer = plan(request("2024-02-01 12:00", "2024-02-01 18:00"))

    assert charged_kwh(answer) == 0
    assert [s.cause for s in answer.shortfalls] == [Cause.PAST]


def test_more_than_a_weak_charger_gives_is_charged_as_far_as_it_goes() -> None:
    problem = site(
        hours=24,
        chargers=(Charger(id="garage", max_a=3.7 / 0.23),),
        vehicles=(
            Vehicle(
                id="car",
                capacity_kwh=80,
                stays=(Stay(charger="garage", start=at(0), end=at(12)),),
                goals=(Goal(by=at(12), kind=GoalKind.REQUEST, energy_kwh=68.8),),
            ),
        ),
    )

    answer = plan(problem)

    assert charged_kwh(answer) == pytest.approx(44.4)
    assert answer.shortfalls[0].missing_kwh == pytest.approx(24.4)
    assert answer.shortfalls[0].cause is Cause.CHARGER_POWER
    assert all(s.current_a <= 3.7 / 0.23 for s in charging(answer))


def test_an_unknown_soc_never_gets_more_than_was_asked_even_when_prices_pay_for_it() -> None:
    problem = site(
        hours=12,
        price=lambda h: -0.1 if 4 <= h < 8 else 0.2,
        chargers=(Charger(id="garage"),),
        vehicles=(
            Vehicle(
                id="guest",
                capacity_kwh=60,
                stays=(Stay(charger="garage", start=at(0), end=at(12)),),
                goals=(Goal(by=at(12), kind=GoalKind.REQUEST, energy_kwh=5),),
            ),
        ),
    )

    answer = plan(problem)

    assert charged_kwh(answer) == pytest.approx(5, abs=1e-6)
    assert all(4 <= (s.start - at(0)).total_seconds() / 3600 < 8 for s in charging(answer))


def test_a_goal_within_a_slot_is_met_before_its_time() -> None:
    problem = site(
        hours=12,
        price=lambda h: 0.3 - 0.01 * h,
        chargers=(Charger(id="garage", max_a=16, step_a=0),),
        vehicles=(
            Vehicle(
                id="car",
                capacity_kwh=60,
                soc=0.5,
                efficiency=1.0,
                stays=(Stay(charger="garage", start=at(0), end=at(12)),),
                goals=(Goal(by=at(6) + timedelta(minutes=5), kind=GoalKind.READY_BY, soc=0.6),),
            ),
        ),
    )

    answer = plan(problem)

    last = charging(answer)[-1]
    assert charged_kwh(answer) == pytest.approx(6, abs=1e-6)
    assert last.start == at(6)
    assert last.energy_kwh <= 3.68 * 5 / 60 + 1e-6
