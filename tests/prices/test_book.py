"""The price book: newest run wins, settled prices stay, forecasts go after a month."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
import json
import math
from typing import Any

import pytest

from custom_components.smart_charging.prices.book import PriceBook
from custom_components.smart_charging.prices.records import PriceRecord, Standing

T0 = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
HALF = timedelta(minutes=30)
DAY = timedelta(days=1)


def record(
    period: int, value: float, run: float, standing: Standing = Standing.FORECAST
) -> PriceRecord:
    """Return the price of the half hour number `period`, of a run `run` half hours after T0."""
    start = T0 + period * HALF
    return PriceRecord(
        start=start, end=start + HALF, value=value, run_at=T0 + run * HALF, standing=standing
    )


def values(book: PriceBook, first: int = 0, last: int = 100) -> list[float]:
    return [p.value for p in book.prices(T0 + first * HALF, T0 + last * HALF)]


def test_newest_run_wins_whatever_the_order_of_arrival() -> None:
    book = PriceBook()
    book.merge([record(3, 0.30, run=1)], T0)
    book.merge([record(3, 0.20, run=0)], T0)
    assert values(book) == [0.30]
    book.merge([record(3, 0.10, run=2)], T0)
    assert values(book) == [0.10]


def test_late_long_run_overrides_earlier_short_run_of_the_same_period() -> None:
    book = PriceBook()
    short = [record(i, 0.10, run=0) for i in range(1, 9)]
    book.merge(short, T0)
    book.merge([record(i, 0.25, run=0.3) for i in range(1, 73)], T0)
    assert values(book) == [0.25] * 72


def test_merge_tells_whether_prices_answer_differently() -> None:
    book = PriceBook()
    assert book.merge([record(1, 0.1, run=0)], T0)
    assert not book.merge([record(1, 0.1, run=1)], T0), "same value of a newer run"
    assert not book.merge([record(1, 0.9, run=0)], T0), "older run"
    assert book.merge([record(1, 0.2, run=2)], T0)
    assert not book.merge([], T0)


def test_forecast_that_held_at_the_end_of_a_period_is_settled() -> None:
    book = PriceBook()
    book.merge([record(0, 0.1, run=-1), record(1, 0.3, run=-1)], T0)
    book.merge([record(0, 0.2, run=0), record(1, 0.4, run=0)], T0)
    book.settle(T0 + HALF)
    settled = book.settled(T0)
    assert settled is not None
    assert settled.value == 0.2
    assert book.settled(T0 + HALF) is None, "still running"


def test_interim_then_final_replace_the_forecast_of_the_past_and_never_the_other_way() -> None:
    book = PriceBook()
    now = T0 + DAY
    book.merge([record(0, 0.1, run=0)], now)
    assert book.merge([record(0, 0.5, run=2, standing=Standing.INTERIM)], now)
    assert book.merge([record(0, 0.6, run=40, standing=Standing.FINAL)], now)
    assert not book.merge([record(0, 0.7, run=45, standing=Standing.INTERIM)], now)
    assert not book.merge([record(0, 0.8, run=46)], now)
    assert values(book) == [0.6]
    assert book.final_until == T0 + HALF
    forecast = book.forecast(T0)
    assert forecast is not None
    assert forecast.value == 0.8, "what was forecast last can still be compared"


def test_forecasts_go_a_month_after_their_period_and_settled_prices_stay() -> None:
    book = PriceBook()
    book.merge([record(0, 0.1, run=0), record(48, 0.2, run=0)], T0)
    book.purge(T0 + HALF + timedelta(days=31))
    assert book.forecast(T0) is not None, "exactly a month old"
    book.purge(T0 + HALF + timedelta(days=31, seconds=1))
    assert book.forecast(T0) is None
    assert book.forecast(T0 + DAY) is not None
    assert values(book) == [0.1, 0.2]


def test_prices_are_those_that_overlap_and_leave_gaps() -> None:
    book = PriceBook()
    book.merge([record(i, i / 100, run=0) for i in (0, 1, 2, 5)], T0)
    found = book.prices(T0 + HALF + timedelta(minutes=10), T0 + 6 * HALF)
    assert [(p.start - T0) / HALF for p in found] == [1, 2, 5]
    assert book.prices(T0 + 3 * HALF, T0 + 5 * HALF) == []


def test_finer_prices_replace_their_part_of_a_coarser_one() -> None:
    book = PriceBook()
    hour = PriceRecord(start=T0, end=T0 + 2 * HALF, value=0.4, run_at=T0 - HALF)
    five = timedelta(minutes=5)
    live = PriceRecord(start=T0 + five, end=T0 + 2 * five, value=0.9, run_at=T0 + five)
    book.merge([hour, live], T0)
    found = book.prices(T0, T0 + DAY)
    assert [((p.start - T0) / five, (p.end - T0) / five, p.value) for p in found] == [
        (0, 1, 0.4),
        (1, 2, 0.9),
        (2, 12, 0.4),
    ]


def test_coarser_prices_of_a_newer_run_replace_finer_ones() -> None:
    book = PriceBook()
    quarter = timedelta(minutes=15)
    quarters = [
        PriceRecord(
            start=T0 + i * quarter, end=T0 + (i + 1) * quarter, value=0.1 + i / 100, run_at=T0
        )
        for i in range(6)
    ]
    hour = PriceRecord(start=T0, end=T0 + 4 * quarter, value=0.7, run_at=T0 + quarter)
    book.merge([*quarters, hour], T0)
    found = book.prices(T0, T0 + DAY)
    assert [p.value for p in found] == pytest.approx([0.7, 0.14, 0.15])
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_age_is_that_of_the_newest_run() -> None:
    book = PriceBook()
    assert book.age(T0) is None
    book.merge([record(4, 0.1, run=0), record(5, 0.1, run=1)], T0)
    assert book.age(T0 + DAY) == DAY - HALF
    assert book.known_until == T0 + 6 * HALF


def test_restart_from_json_answers_the_same() -> None:
    book = PriceBook()
    now = T0 + 10 * HALF
    book.merge(
        [record(i, round(i / 1000 - 0.01, 3), run=i // 4) for i in range(80) if i != 30], now
    )
    book.merge([record(i, 12.5005, run=9, standing=Standing.FINAL) for i in range(3)], now)
    stored = json.loads(json.dumps(book.dump()))
    again = PriceBook()
    assert again.load(stored) == 0
    assert again.prices(T0, T0 + 5 * DAY) == book.prices(T0, T0 + 5 * DAY)
    assert again.final_until == book.final_until
    assert again.newest_run == book.newest_run
    assert again.dump() == stored


def test_dump_of_a_year_stays_small() -> None:
    book = PriceBook()
    now = T0 + timedelta(days=365)
    book.merge(
        [record(i, 0.1 + i % 48 / 1000, run=i, standing=Standing.FINAL) for i in range(17_520)],
        now,
    )
    assert len(json.dumps(book.dump())) < 150_000


def test_restored_forecast_gives_way_to_a_newer_run_and_not_to_an_older_one() -> None:
    book = PriceBook()
    book.merge([record(5, 0.3, run=1)], T0)
    again = PriceBook()
    again.load(book.dump())
    again.merge([record(5, 0.1, run=0.5)], T0)
    assert values(again) == [0.3]
    again.merge([record(5, 0.2, run=1.5)], T0)
    assert values(again) == [0.2]


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        "book",
        {},
        {"version": 99, "forecasts": [], "settled": []},
        {"version": 1},
        {"version": 1, "forecasts": 3, "settled": {}},
    ],
)
def test_unknown_content_is_skipped_and_counted(stored: object) -> None:
    book = PriceBook()
    assert book.load(stored) > 0
    assert values(book) == []


@pytest.mark.parametrize(
    "damage",
    [
        {"start": "yesterday"},
        {"start": "2026-11-21T00:00:00"},
        {"start": None},
        {"step_s": 0},
        {"step_s": -1800},
        {"step_s": 1e300},
        {"step_s": "half"},
        {"standing": 9},
        {"run_at": 5},
        {"values": None},
        {"values": [0.1, None]},
        {"values": [math.nan]},
        {"values": ["0.1"]},
    ],
)
def test_damaged_rows_are_skipped_and_the_others_used(damage: dict[str, object]) -> None:
    book = PriceBook()
    book.merge([record(5, 0.3, run=1)], T0)
    stored = book.dump()
    good = stored["forecasts"][0]
    stored["forecasts"] = [{**good, **damage}, "row", good]
    again = PriceBook()
    assert again.load(stored) == 2
    assert values(again) == [0.3]


def test_a_record_takes_no_naive_time_no_empty_period_and_no_value_without_number() -> None:
    good: dict[str, Any] = {"start": T0, "end": T0 + HALF, "value": 0.1, "run_at": T0}
    for wrong in (
        {"start": T0.replace(tzinfo=None)},
        {"end": T0},
        {"end": T0 + timedelta(days=2)},
        {"value": math.inf},
    ):
        with pytest.raises(ValueError):
            PriceRecord(**{**good, **wrong})
