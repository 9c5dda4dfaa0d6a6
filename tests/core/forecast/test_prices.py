"""Prices per slot, and beyond what is published."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.core.forecast import (
    PricesMissing,
    extend_prices,
    slot_means,
)
from custom_components.smart_charging.core.price import Price

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
BRUSSELS = "Europe/Brussels"


def series(start: datetime, step: timedelta, values: list[float]) -> list[Price]:
    return [
        Price(start=start + i * step, end=start + (i + 1) * step, value=v)
        for i, v in enumerate(values)
    ]


def slots(start: datetime, count: int, step: timedelta = QUARTER) -> list[datetime]:
    return [start + i * step for i in range(count + 1)]


NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_five_minute_prices_give_the_mean_of_three() -> None:
    prices = series(NOON, timedelta(minutes=5), [0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    means, estimated = slot_means(prices, slots(NOON, 2))
    assert means == pytest.approx([0.2, 0.4])
    assert estimated == [False, False]


@pytest.mark.parametrize(("minutes", "values"), [(30, [0.1, 0.3]), (60, [0.2])])
def test_longer_prices_hold_in_each_of_their_slots(minutes: int, values: list[float]) -> None:
    prices = series(NOON, timedelta(minutes=minutes), values)
    means, _ = slot_means(prices, slots(NOON, 4))
    assert means == pytest.approx([v for v in values for _ in range(4 // len(values))])


def test_slot_across_two_prices_is_weighted_by_time() -> None:
    prices = series(NOON, HOUR, [0.1, 0.4])
    means, _ = slot_means(prices, [NOON + timedelta(minutes=50), NOON + timedelta(minutes=65)])
    assert means == pytest.approx([0.2])


def test_first_slot_shortened_to_now_takes_only_what_is_left() -> None:
    prices = series(NOON, timedelta(minutes=5), [9.0, 0.2, 0.4])
    means, _ = slot_means(prices, [NOON + timedelta(minutes=5), NOON + QUARTER])
    assert means == pytest.approx([0.3])


def test_negative_prices_stay_negative() -> None:
    means, _ = slot_means(series(NOON, HOUR, [-0.25]), slots(NOON, 1))
    assert means == [-0.25]


def test_slot_covered_in_part_is_an_estimate_and_one_without_a_price_an_error() -> None:
    prices = series(NOON, timedelta(minutes=10), [0.3])
    assert slot_means(prices, slots(NOON, 1)) == ([0.3], [True])
    with pytest.raises(PricesMissing, match="12:15"):
        slot_means(prices, slots(NOON, 2))


def test_unpublished_hours_repeat_the_last_day_at_the_same_local_time() -> None:
    start = datetime(2026, 6, 1, 22, tzinfo=UTC)  # midnight in Brussels
    published = series(start, HOUR, [float(h) for h in range(24)])
    result = extend_prices(published, start, start + 48 * HOUR, BRUSSELS)
    assert [p.value for p in result] == [float(h) for h in range(24)] * 2
    assert [p.estimated for p in result] == [False] * 24 + [True] * 24


def test_the_last_published_day_repeats_and_not_an_older_one() -> None:
    start = datetime(2026, 6, 1, 22, tzinfo=UTC)
    published = series(start, HOUR, [1.0] * 24 + [2.0] * 24)
    result = extend_prices(published, start + 48 * HOUR, start + 96 * HOUR, BRUSSELS)
    assert {p.value for p in result} == {2.0}


def test_hour_that_only_an_earlier_day_knows_comes_from_there() -> None:
    start = datetime(2026, 6, 1, 22, tzinfo=UTC)
    published = series(start, HOUR, [float(h) for h in range(24)] + [100.0] * 6)
    result = extend_prices(published, start + 48 * HOUR, start + 72 * HOUR, BRUSSELS)
    assert [p.value for p in result] == [100.0, *[float(h) for h in range(6, 24)]]
    assert result[0].end - result[0].start == 6 * HOUR


def test_hour_that_no_day_knows_takes_the_mean_of_the_last_day() -> None:
    published = series(NOON, HOUR, [0.1, 0.3])
    result = extend_prices(published, NOON, NOON + 5 * HOUR, BRUSSELS)
    assert result[2:] == [
        Price(start=NOON + 2 * HOUR, end=NOON + 5 * HOUR, value=pytest.approx(0.2), estimated=True)
    ]


def test_gap_within_what_is_published_is_filled() -> None:
    start = datetime(2026, 6, 1, 22, tzinfo=UTC)
    published = series(start, HOUR, [float(h) for h in range(48)])
    del published[30]
    result = extend_prices(published, start, start + 48 * HOUR, BRUSSELS)
    assert (result[30].value, result[30].estimated) == (6.0, True)
    assert all(a.end == b.start for a, b in pairwise(result))


def test_nothing_known_is_an_error() -> None:
    with pytest.raises(PricesMissing):
        extend_prices([], NOON, NOON + HOUR, BRUSSELS)


@pytest.mark.parametrize(
    ("midnight", "hours", "expected"),
    [
        # 2026-03-29 loses its hour 2, 2026-10-25 has it twice.
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 23, [0, 1, *range(3, 24)]),
        (datetime(2026, 10, 24, 22, tzinfo=UTC), 25, [0, 1, 2, 2, *range(3, 24)]),
    ],
)
def test_days_of_23_and_25_hours_repeat_by_the_clock_on_the_wall(
    midnight: datetime, hours: int, expected: list[int]
) -> None:
    yesterday = series(midnight - 24 * HOUR, HOUR, [float(h) for h in range(24)])
    result = extend_prices(yesterday, midnight, midnight + hours * HOUR, BRUSSELS)
    means, estimated = slot_means(result, slots(midnight, hours, HOUR))
    assert means == [float(h) for h in expected]
    assert all(estimated)


@pytest.mark.parametrize("midnight", [datetime(2026, 3, 29, 22, tzinfo=UTC)])
def test_day_after_a_short_day_has_all_its_hours(midnight: datetime) -> None:
    short_day = series(midnight - 23 * HOUR, HOUR, [0.0, 1.0, *[float(h) for h in range(3, 24)]])
    result = extend_prices(short_day, midnight, midnight + 24 * HOUR, BRUSSELS)
    means, _ = slot_means(result, slots(midnight, 24, HOUR))
    assert means[:2] == [0.0, 1.0]
    assert means[3:] == [float(h) for h in range(3, 24)]
    assert means[2] == 3.0, "hour 2 does not exist on the short day: its clock shows 3 then"


@settings(max_examples=60, deadline=None)
@given(
    first=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 20)),
    minutes=st.sampled_from([5, 15, 30, 60, 1440]),
    count=st.integers(1, 60),
    offset=st.integers(-50, 50),
    zone=st.sampled_from(["Europe/Brussels", "Pacific/Auckland", "Asia/Kolkata", "UTC"]),
)
def test_result_covers_the_horizon_without_gap_or_overlap(
    first: datetime, minutes: int, count: int, offset: int, zone: str
) -> None:
    begin = first.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    published = series(begin, timedelta(minutes=minutes), [float(i) for i in range(count)])
    start = begin + offset * HOUR
    end = start + 48 * HOUR
    result = extend_prices(published, start, end, zone)
    assert result[0].start <= start
    assert result[-1].end >= end
    assert all(a.end == b.start for a, b in pairwise(result))
    assert all(p.start < p.end for p in result)
    assert {p.value for p in result if not p.estimated} <= set(range(count))
