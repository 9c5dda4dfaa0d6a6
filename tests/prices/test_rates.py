"""Sources without a market: one rate, day and night; and the bill on top of any source."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.smart_charging.devices.base import DriverContext
from custom_components.smart_charging.prices.day_night import DayNightPrice
from custom_components.smart_charging.prices.fixed import FixedPrice
from custom_components.smart_charging.prices.registry import SOURCES
from simulators.clock import ManualClock

BRUSSELS = ZoneInfo("Europe/Brussels")
HOUR = timedelta(hours=1)


def at(day: int, hour: float, month: int = 11) -> datetime:
    """Return a moment of Brussels' wall clock in 2026, in UTC."""
    midnight = datetime(2026, month, day, tzinfo=BRUSSELS)
    wall = midnight.replace(tzinfo=None) + timedelta(hours=hour)
    return wall.replace(tzinfo=BRUSSELS).astimezone(UTC)


def day_night(context: DriverContext, **changes: Any) -> DayNightPrice:
    data = {
        "day_rate": 0.3,
        "night_rate": 0.2,
        "day_start": 7,
        "day_end": 22,
        "weekend_is_night": True,
        "time_zone": "Europe/Brussels",
        **changes,
    }
    return DayNightPrice(data, context)


async def test_fixed_rate_covers_any_question(context: DriverContext, clock: ManualClock) -> None:
    source = FixedPrice({"rate": 0.28}, context)
    start = clock.now()
    [price] = source.prices(start, start + 48 * HOUR)
    assert (price.start, price.end, price.value) == (start, start + 48 * HOUR, 0.28)
    assert source.prices(start, start) == []
    assert source.fetched_at == start
    source.load(source.dump())


async def test_week_of_day_and_night(context: DriverContext) -> None:
    # Thursday 19 to Monday 23 November 2026.
    found = day_night(context).prices(at(19, 12), at(23, 12))
    assert [(p.start, p.value) for p in found] == [
        (at(19, 12), 0.3),
        (at(19, 22), 0.2),
        (at(20, 7), 0.3),
        (at(20, 22), 0.2),
        (at(23, 7), 0.3),
    ]
    assert found[-1].end == at(23, 12)
    assert all(a.end == b.start for a, b in pairwise(found))


async def test_weekend_costs_the_day_rate_where_the_contract_says_so(
    context: DriverContext,
) -> None:
    found = day_night(context, weekend_is_night=False).prices(at(21, 0), at(22, 0))
    assert [(p.start, p.value) for p in found] == [
        (at(21, 0), 0.2),
        (at(21, 7), 0.3),
        (at(21, 22), 0.2),
    ]


@pytest.mark.parametrize(("month", "day", "night_hours"), [(3, 29, 8.0), (10, 25, 10.0)])
async def test_nights_when_the_clocks_change_are_an_hour_shorter_or_longer(
    context: DriverContext, month: int, day: int, night_hours: float
) -> None:
    source = day_night(context, weekend_is_night=False)
    found = source.prices(at(day, -2, month), at(day, 7, month))
    assert [p.value for p in found] == [0.2]
    assert (found[0].end - found[0].start) / HOUR == night_hours


async def test_switch_in_the_hour_that_spring_leaves_out(context: DriverContext) -> None:
    source = day_night(context, weekend_is_night=False, day_start=2.5, day_end=22)
    found = source.prices(at(29, 0, 3), at(29, 12, 3))
    assert [p.value for p in found] == [0.2, 0.3]
    assert found[1].start == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


async def test_half_hours_days_over_midnight_and_days_without_end(context: DriverContext) -> None:
    french = day_night(context, day_start=6.5, day_end=22.5, weekend_is_night=False)
    assert [p.start for p in french.prices(at(19, 0), at(20, 0))][1:] == [at(19, 6.5), at(19, 22.5)]
    late = day_night(context, day_start=20, day_end=4, weekend_is_night=False)
    assert [(p.start, p.value) for p in late.prices(at(18, 12), at(19, 12))] == [
        (at(18, 12), 0.2),
        (at(18, 20), 0.3),
        (at(19, 4), 0.2),
    ]
    whole = day_night(context, day_start=7, day_end=24, weekend_is_night=False)
    assert [(p.start, p.value) for p in whole.prices(at(18, 12), at(19, 12))] == [
        (at(18, 12), 0.3),
        (at(19, 0), 0.2),
        (at(19, 7), 0.3),
    ]
    always = day_night(context, day_start=7, day_end=7, weekend_is_night=False)
    assert [p.value for p in always.prices(at(18, 0), at(20, 0))] == [0.3]


async def test_empty_question_has_no_price(context: DriverContext) -> None:
    assert day_night(context).prices(at(19, 12), at(19, 12)) == []


async def test_bill_is_price_times_factor_plus_addition(context: DriverContext) -> None:
    data = {"rate": 0.2, "factor": 1.15, "addition": 0.12}
    source = SOURCES["fixed"].create(data, context)
    now = context.clock.now()
    assert source.prices(now, now + HOUR)[0].value == pytest.approx(0.35)
    assert await source.identify() == "fixed"
    assert source.version == 1


@pytest.mark.parametrize("data", [{}, {"factor": None, "addition": None}])
async def test_bill_that_is_left_out_changes_nothing(
    context: DriverContext, data: dict[str, Any]
) -> None:
    source = SOURCES["fixed"].create({"rate": -0.02, **data}, context)
    now = context.clock.now()
    assert source.prices(now, now + HOUR)[0].value == -0.02


async def test_factor_of_zero_leaves_the_addition(context: DriverContext) -> None:
    source = SOURCES["fixed"].create({"rate": 0.2, "factor": 0, "addition": 0.05}, context)
    now = context.clock.now()
    assert source.prices(now, now + HOUR)[0].value == 0.05
