"""From wishes to goals: what is missing, when it is due, how long it may wait."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.core.planner.problem import Goal, GoalKind
from custom_components.smart_charging.trips.goals import (
    Wish,
    goals_of,
    laxity_h,
    next_ready_by,
)

ZONE = "Europe/Brussels"
EVENING = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
MAX_KW = 11.0

KNOWN = Wish(
    soc=0.4,
    capacity_kwh=60.0,
    efficiency=0.9,
    minimum_soc=0.2,
    target_soc=0.8,
    energy_kwh=15.0,
    delivered_kwh=0.0,
    ready_by=time(7, 0),
    full=False,
)
UNKNOWN = replace(KNOWN, soc=None)


def goals(wish: Wish, max_kw: float = MAX_KW) -> tuple[Goal, ...]:
    """Return the goals of `wish` this evening."""
    return goals_of(wish, EVENING, ZONE, max_kw)


def test_what_is_missing_counts_at_the_charger() -> None:
    assert KNOWN.missing_kwh == pytest.approx(0.4 * 60 / 0.9)
    assert replace(KNOWN, soc=0.9).missing_kwh == 0


def test_without_soc_the_energy_since_plug_in_counts() -> None:
    assert UNKNOWN.missing_kwh == 15
    assert replace(UNKNOWN, delivered_kwh=12.5).missing_kwh == pytest.approx(2.5)
    assert replace(UNKNOWN, delivered_kwh=16).missing_kwh == 0


def test_a_car_that_ended_its_charge_itself_wants_nothing() -> None:
    full = replace(KNOWN, full=True, soc=0.1)
    assert full.missing_kwh == 0
    assert full.reached
    assert not full.below_minimum
    assert goals(full) == ()
    assert laxity_h(full, EVENING, EVENING, MAX_KW) is None


def test_the_target_is_due_at_the_ready_by_time() -> None:
    (goal,) = goals(KNOWN)
    assert goal == Goal(
        by=datetime(2026, 11, 21, 6, 0, tzinfo=UTC), kind=GoalKind.READY_BY, soc=0.8
    )


def test_without_soc_the_goal_is_an_energy_from_now() -> None:
    (goal,) = goals(replace(UNKNOWN, delivered_kwh=5.0))
    assert goal.kind is GoalKind.REQUEST
    assert goal.soc is None
    assert goal.energy_kwh == pytest.approx(10.0)


def test_below_its_minimum_a_car_is_due_as_soon_as_full_power_gets_it_there() -> None:
    low = replace(KNOWN, soc=0.1)
    assert low.below_minimum
    minimum, ready = goals(low)
    hours = 0.1 * 60 / 0.9 / MAX_KW
    assert minimum.kind is GoalKind.MINIMUM
    assert minimum.soc == 0.2
    assert minimum.by == EVENING + timedelta(hours=hours, minutes=15)
    assert ready.kind is GoalKind.READY_BY


def test_a_sensor_that_shows_half_a_per_cent_less_is_not_below_the_minimum() -> None:
    assert not replace(KNOWN, soc=0.196).below_minimum
    assert replace(KNOWN, soc=0.194).below_minimum
    assert not replace(UNKNOWN, minimum_soc=1.0).below_minimum


def test_what_is_wanted_at_once_is_due_at_the_earliest_possible_moment() -> None:
    (goal,) = goals(replace(KNOWN, at_once=True))
    assert goal.by == EVENING + timedelta(hours=KNOWN.missing_kwh / MAX_KW, minutes=15)
    (late,) = goals(replace(KNOWN, at_once=True, capacity_kwh=600.0))
    assert late.by == datetime(2026, 11, 21, 6, 0, tzinfo=UTC), "never later than asked"


def test_laxity_is_what_may_pass_idle() -> None:
    by = EVENING + timedelta(hours=5)
    assert laxity_h(KNOWN, EVENING, by, MAX_KW) == pytest.approx(5 - KNOWN.missing_kwh / MAX_KW)
    assert laxity_h(KNOWN, EVENING, by, 0.0) == 0, "what cannot charge is always pressing"
    assert laxity_h(replace(KNOWN, soc=0.8), EVENING, by, MAX_KW) is None


@pytest.mark.parametrize(
    ("now", "ready_by", "expected"),
    [
        ("2026-11-20T05:59:59+00:00", time(7), "2026-11-20T06:00:00+00:00"),
        ("2026-11-20T06:00:00+00:00", time(7), "2026-11-21T06:00:00+00:00"),
        ("2026-11-20T23:30:00+00:00", time(0, 15), "2026-11-21T23:15:00+00:00"),
        # The night when clocks go forward: 2:30 is skipped, 7:00 comes an hour sooner.
        ("2026-03-28T20:00:00+00:00", time(7), "2026-03-29T05:00:00+00:00"),
        ("2026-03-28T20:00:00+00:00", time(2, 30), "2026-03-29T00:30:00+00:00"),
        ("2026-03-29T00:45:00+00:00", time(2, 30), "2026-03-30T00:30:00+00:00"),
        # The night when they go back: 2:30 comes twice.
        ("2026-10-24T20:00:00+00:00", time(7), "2026-10-25T06:00:00+00:00"),
        ("2026-10-24T20:00:00+00:00", time(2, 30), "2026-10-25T00:30:00+00:00"),
    ],
)
def test_ready_by_is_the_next_such_time_on_the_local_clock(
    now: str, ready_by: time, expected: str
) -> None:
    found = next_ready_by(datetime.fromisoformat(now), ready_by, ZONE)
    assert found == datetime.fromisoformat(expected)


@given(
    now=st.datetimes(
        min_value=datetime(2026, 1, 1),
        max_value=datetime(2027, 12, 31),
        timezones=st.just(UTC),
    ),
    ready_by=st.times(),
    zone=st.sampled_from([ZONE, "Pacific/Auckland", "Australia/Lord_Howe", "UTC"]),
)
def test_ready_by_lies_ahead_by_a_day_at_most(now: datetime, ready_by: time, zone: str) -> None:
    ahead = next_ready_by(now, ready_by, zone) - now
    assert timedelta(0) < ahead <= timedelta(hours=26)
