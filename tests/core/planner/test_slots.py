"""Slots on the UTC clock, quarters of the capacity tariff and months of its bill."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from custom_components.smart_charging.core.planner import slot_bounds
from custom_components.smart_charging.core.planner.quarters import (
    MICROSECOND,
    Quarters,
    quarters_of,
)
from custom_components.smart_charging.core.planner.slots import months_of

QUARTER = timedelta(minutes=15)


def test_the_first_slot_is_shortened_to_now() -> None:
    now = datetime(2026, 5, 4, 10, 7, 30, tzinfo=UTC)

    bounds = slot_bounds(now)

    assert bounds[0] == now
    assert bounds[1] == datetime(2026, 5, 4, 10, 15, tzinfo=UTC)
    assert bounds[-1] == datetime(2026, 5, 6, 10, 0, tzinfo=UTC)
    assert len(bounds) == 193
    assert all(b - a == QUARTER for a, b in pairwise(bounds[1:]))


@pytest.mark.parametrize(("second", "first_minutes"), [(59, 15 + 1 / 60), (30, 15.5), (0, 1)])
def test_a_first_slot_under_one_minute_joins_the_next(second: int, first_minutes: float) -> None:
    bounds = slot_bounds(datetime(2026, 5, 4, 10, 14, second, tzinfo=UTC))

    assert (bounds[1] - bounds[0]) == timedelta(minutes=first_minutes)
    assert len(bounds) == (193 if first_minutes == 1 else 192)


def test_on_the_border_the_first_slot_is_whole() -> None:
    now = datetime(2026, 5, 4, 10, 15, tzinfo=UTC)

    assert slot_bounds(now, hours=1) == tuple(now + i * QUARTER for i in range(5))


def test_local_time_and_longer_slots_align_to_the_utc_clock() -> None:
    now = datetime(2026, 5, 4, 10, 20, tzinfo=ZoneInfo("Asia/Kolkata"))

    bounds = slot_bounds(now, hours=2, minutes=30)

    assert [b.strftime("%H:%M") for b in bounds] == ["04:50", "05:00", "05:30", "06:00", "06:30"]
    assert all(b.tzinfo is UTC for b in bounds)


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)]
)
def test_days_of_23_and_25_hours_have_as_many_quarters_as_they_last(day: datetime) -> None:
    brussels = ZoneInfo("Europe/Brussels")
    bounds = slot_bounds(day, hours=26)

    midnight = day.astimezone(brussels).replace(hour=0, minute=0)
    inside = [b for b in bounds[:-1] if b.astimezone(brussels).date() == midnight.date()]

    assert len(inside) == (92 if day.month == 3 else 100)


def test_months_change_at_local_midnight() -> None:
    bounds = slot_bounds(datetime(2026, 12, 31, 22, 30, tzinfo=UTC), hours=1)

    assert months_of(bounds, "Europe/Brussels") == (("2026-12", "2027-01"), [0, 0, 1, 1])
    assert months_of(bounds, "UTC") == (("2026-12",), [0, 0, 0, 0])
    assert months_of(bounds, "Nowhere/Land") == (("2026-12",), [0, 0, 0, 0])


def quarters(bounds: tuple[datetime, ...], running_kwh: float) -> Quarters:
    bounds_us = np.array([(at - bounds[0]) // MICROSECOND for at in bounds])
    return quarters_of(bounds[0], bounds_us, np.zeros(len(bounds) - 1, dtype=int), running_kwh)


def test_a_started_quarter_counts_what_was_imported_before() -> None:
    found = quarters(slot_bounds(datetime(2026, 5, 4, 10, 7, tzinfo=UTC), hours=1), 0.3)

    assert found.of_slot.tolist() == [0, 1, 2, 3]
    assert found.hours.tolist() == [0.25] * 4
    assert found.prior_kwh.tolist() == [0.3, 0.0, 0.0, 0.0]


def test_short_slots_share_a_quarter_and_long_ones_stand_alone() -> None:
    short = slot_bounds(datetime(2026, 5, 4, 10, 5, tzinfo=UTC), hours=1, minutes=5)
    long = slot_bounds(datetime(2026, 5, 4, 10, 14, 30, tzinfo=UTC), hours=1)

    assert quarters(short, 0.1).of_slot.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    joined = quarters(long, 0.9)
    assert (joined.of_slot[0], joined.size[0], joined.prior_kwh[0]) == (0, 1, 0.0)
    assert joined.hours[0] == pytest.approx(15.5 / 60)


def test_borders_of_quarters_hold_to_the_microsecond() -> None:
    now = datetime(2026, 5, 4, 10, 7, 30, 123457, tzinfo=UTC)

    found = quarters(slot_bounds(now, hours=48), 0.2)

    assert found.of_slot.tolist() == list(range(192))
    assert found.hours.tolist() == [0.25] * 192
