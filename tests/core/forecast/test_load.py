"""What the house will draw."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.smart_charging.core.forecast import FALLBACK_KW, load_profile

HOUR = timedelta(hours=1)
BRUSSELS = "Europe/Brussels"
MONDAY = datetime(2026, 6, 1, tzinfo=UTC)


def days(count: int, kw: float = 1.0) -> list[tuple[datetime, float]]:
    return [(MONDAY + i * HOUR, kw) for i in range(24 * count)]


def test_first_day_takes_the_stated_constant() -> None:
    profile = load_profile([], BRUSSELS)
    assert profile.mean_kw(MONDAY, MONDAY + HOUR) == FALLBACK_KW == 0.5


def test_same_hour_of_the_week_counts_before_the_same_hour_of_any_day() -> None:
    history = days(28)
    # Washing on Saturdays from 10 to 11 UTC.
    saturdays = {MONDAY + timedelta(days=5 + 7 * w, hours=10) for w in range(4)}
    history = [(start, 4.0 if start in saturdays else kw) for start, kw in history]
    profile = load_profile(history, "UTC")
    next_saturday = MONDAY + timedelta(days=33, hours=10)
    assert profile.mean_kw(next_saturday, next_saturday + HOUR) == pytest.approx(4.0)
    assert profile.mean_kw(next_saturday - 24 * HOUR, next_saturday - 23 * HOUR) == pytest.approx(
        1.0
    )


def test_newer_weeks_count_more() -> None:
    history = [*days(7, 1.0), *[(s + timedelta(days=14), 3.0) for s, _ in days(7)]]
    at = MONDAY + timedelta(days=21)
    value = load_profile(history, "UTC").mean_kw(at, at + HOUR)
    # A fortnight halves the weight: (1 x 0.5 + 3 x 1) / 1.5.
    assert value == pytest.approx(7 / 3)


def test_hour_of_the_week_seen_once_takes_that_hour_of_all_days() -> None:
    history = [(start, float(start.day)) for start, _ in days(3)]
    tuesday_next_week = MONDAY + timedelta(days=8)
    value = load_profile(history, "UTC").mean_kw(tuesday_next_week, tuesday_next_week + HOUR)
    assert value == pytest.approx(2.0, abs=0.1)


def test_mean_is_weighted_by_time_over_hours() -> None:
    history = [(start, float(start.hour)) for start, _ in days(14)]
    profile = load_profile(history, "UTC")
    start = MONDAY + timedelta(days=14, hours=5, minutes=45)
    assert profile.mean_kw(start, start + timedelta(minutes=60)) == pytest.approx(5.75)
    assert profile.mean_kw(start, start + timedelta(minutes=15)) == pytest.approx(5.0)
    assert profile.mean_kw(start, start) == pytest.approx(5.0)


def test_habits_follow_the_clock_on_the_wall_across_a_clock_change() -> None:
    # Dinner at 18 local: 17 UTC in winter, 16 UTC in summer.
    history = []
    for day in range(14):
        start = datetime(2026, 3, 14, 17, tzinfo=UTC) + timedelta(days=day)
        history += [(start, 3.0), (start - HOUR, 0.2)]
    profile = load_profile(history, BRUSSELS)
    summer = datetime(2026, 3, 30, 16, tzinfo=UTC)
    assert profile.mean_kw(summer, summer + HOUR) == pytest.approx(3.0)


def test_zones_off_by_half_an_hour_keep_their_own_hours() -> None:
    start = datetime(2026, 6, 1, 0, 30, tzinfo=UTC)  # 06:00 in Kolkata
    profile = load_profile(
        [(start + i * HOUR, float(i % 24)) for i in range(24 * 14)], "Asia/Kolkata"
    )
    later = start + timedelta(days=14)
    assert profile.mean_kw(later, later + HOUR) == pytest.approx(0.0)
    assert profile.mean_kw(later + HOUR, later + 2 * HOUR) == pytest.approx(1.0)


def test_broken_samples_do_no_harm() -> None:
    history = [*days(14), (MONDAY, float("nan")), (MONDAY + 7 * 24 * HOUR, -8.0)]
    at = MONDAY + timedelta(days=14)
    value = load_profile(history, "UTC").mean_kw(at, at + HOUR)
    assert 0.4 < value < 1.0
