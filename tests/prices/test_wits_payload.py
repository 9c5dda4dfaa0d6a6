"""What WITS answers, as the service and its specification write it."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.smart_charging.prices.book import PriceBook
from custom_components.smart_charging.prices.records import Standing
from custom_components.smart_charging.prices.wits.payload import (
    Unreadable,
    nodes,
    records,
    rows,
)

from .conftest import fixture

NOW = datetime(2026, 9, 26, 12, 0, tzinfo=UTC)
HALF = timedelta(minutes=30)


def test_list_and_object_of_several_schedules_read_the_same() -> None:
    listed, spec = fixture("prices_live_toplevel_list.json"), fixture("prices_spec_object.json")
    assert rows(listed) == rows(spec)
    assert len(rows(listed)) == 11
    assert {row["schedule"] for row in rows(listed)} == {"PRSS", "RTD"}
    assert len(rows(fixture("prices_toplevel_array.json"))) == 6
    assert len(rows(fixture("prices_documented_object.json"))) == 3


@pytest.mark.parametrize("body", [None, "x", 3, {}, {"message": "no"}, [1], {"prices": None}])
def test_anything_else_is_unreadable(body: object) -> None:
    with pytest.raises(Unreadable):
        rows(body)


def test_prices_become_nzd_per_kwh_and_times_utc() -> None:
    found = records(rows(fixture("PRSS_negative_and_spike.json")), "KBY0662", NOW)
    assert [r.value for r in found[:4]] == pytest.approx([-0.00001, 0.0, 12.5005, 0.155])
    assert found[0].start == datetime(2024, 2, 1, 5, 30, tzinfo=UTC)
    assert found[0].end - found[0].start == HALF
    assert found[0].run_at == datetime(2024, 2, 1, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "periods", "midnight"),
    [
        ("schedule_PRSL_dst_46.json", 46, datetime(2026, 9, 26, 12, 0, tzinfo=UTC)),
        ("schedule_PRSL_dst_50.json", 50, datetime(2027, 4, 3, 11, 0, tzinfo=UTC)),
    ],
)
def test_days_of_46_and_50_periods_fill_their_day_without_gap_or_overlap(
    name: str, periods: int, midnight: datetime
) -> None:
    found = records(rows(fixture(name)), "OTA2201", NOW)
    assert [r.start for r in found] == [midnight + i * HALF for i in range(periods)]
    assert [round(r.value * 1000) for r in found] == list(range(50, 50 + periods))
    book = PriceBook()
    book.merge(found, NOW)
    priced = book.prices(midnight, midnight + timedelta(days=2))
    assert len(priced) == periods, "the repeated hour keeps all its prices"
    assert priced[-1].end - priced[0].start == periods * HALF


def test_other_nodes_missing_prices_and_wrong_times_are_left_out() -> None:
    good = {
        "schedule": "PRSS",
        "tradingDateTime": "2026-11-21T18:00:00+13:00",
        "lastRunTime": "2026-11-21T17:45:00+13:00",
        "node": "OTA2201",
        "price": 80.2,
    }
    damaged = [
        {**good, "node": "BEN2201"},
        {**good, "price": None},
        {**good, "price": "80"},
        {**good, "price": True},
        {**good, "price": float("nan")},
        {**good, "tradingDateTime": "2026-11-21T18:00:00"},
        {**good, "tradingDateTime": "soon"},
        {**good, "tradingDateTime": None},
        {k: v for k, v in good.items() if k != "price"},
    ]
    assert len(records([*damaged, good], "OTA2201", NOW)) == 1


def test_a_row_without_run_time_counts_from_its_arrival() -> None:
    row = {"tradingDateTime": "2026-11-21T18:00:00+13:00", "node": "OTA2201", "price": 1}
    assert records([row], "OTA2201", NOW)[0].run_at == NOW


def test_schedules_stand_differently() -> None:
    row = {"tradingDateTime": "2026-11-21T18:00:00+13:00", "node": "OTA2201", "price": 1}
    names = ("PRSS", "PRSL", "RTD", "Interim", "Final", None)
    standings = [records([{**row, "schedule": n}], "OTA2201", NOW)[0].standing for n in names]
    assert standings == [
        Standing.FORECAST,
        Standing.FORECAST,
        Standing.DISPATCH,
        Standing.INTERIM,
        Standing.FINAL,
        Standing.FORECAST,
    ]


def test_nodes_come_as_strings_or_objects() -> None:
    assert nodes(["KBY0661", "OTA2201"]) == ["KBY0661", "OTA2201"]
    assert nodes([{"node": "BEN2201", "island": "SI"}, {"island": "NI"}]) == ["BEN2201"]
    with pytest.raises(Unreadable):
        nodes({"nodes": []})
