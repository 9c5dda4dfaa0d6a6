"""What the sun will give."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.core.forecast import (
    begin_periods,
    pv_from_forecast,
    pv_slots,
    sum_forecasts,
)

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
MIDNIGHT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = {
    MIDNIGHT + h * HOUR: wh
    for h, wh in {
        6: 100,
        7: 600,
        8: 1500,
        9: 2500,
        10: 3200,
        11: 3500,
        12: 3300,
        13: 2400,
        14: 900,
    }.items()
}
BOUNDS = [MIDNIGHT + i * QUARTER for i in range(97)]


def test_energy_of_every_hour_is_kept() -> None:
    power = pv_from_forecast(DAY, BOUNDS)
    for start, wh in DAY.items():
        first = BOUNDS.index(start)
        assert sum(power[first : first + 4]) * 0.25 == pytest.approx(wh / 1000)
    assert sum(power) * 0.25 == pytest.approx(sum(DAY.values()) / 1000)


def test_power_rises_within_the_hour_instead_of_jumping() -> None:
    power = pv_from_forecast(DAY, BOUNDS)
    morning = power[BOUNDS.index(MIDNIGHT + 7 * HOUR) : BOUNDS.index(MIDNIGHT + 11 * HOUR)]
    assert all(later > earlier for earlier, later in pairwise(morning))


def test_night_and_time_beyond_the_forecast_are_dark() -> None:
    power = pv_from_forecast(DAY, [b + timedelta(days=1) for b in BOUNDS])
    assert power == [0.0] * 96
    assert pv_from_forecast(DAY, BOUNDS)[:24] == [0.0] * 24


def test_slot_shortened_to_now_has_its_own_mean() -> None:
    now = MIDNIGHT + timedelta(hours=11, minutes=7)
    whole = pv_from_forecast(DAY, [MIDNIGHT + 11 * HOUR, now, MIDNIGHT + 12 * HOUR])
    assert whole[0] * 7 / 60 + whole[1] * 53 / 60 == pytest.approx(3.5)


def test_half_hours_and_a_night_between_two_days_are_right() -> None:
    half = timedelta(minutes=30)
    forecast = {MIDNIGHT + 8 * HOUR: 500.0, MIDNIGHT + 8 * HOUR + half: 700.0}
    forecast |= {start + timedelta(days=1): wh for start, wh in forecast.items()}
    power = pv_from_forecast(forecast, [MIDNIGHT + i * half for i in range(97)])
    assert power[16] == pytest.approx(1.0)
    assert power[17] == pytest.approx(1.4)
    assert power[18:64] == [0.0] * 46
    assert power[64] == pytest.approx(1.0)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(0, 20000), min_size=1, max_size=40), st.sampled_from([15, 30, 60]))
def test_power_is_never_negative_and_energy_always_kept(values: list[float], step: int) -> None:
    forecast = {MIDNIGHT + i * timedelta(minutes=step): value for i, value in enumerate(values)}
    bounds = [MIDNIGHT + i * QUARTER for i in range(4 * 40 + 1)]
    power = pv_from_forecast(forecast, bounds)
    assert min(power) >= 0
    assert sum(power) * 0.25 == pytest.approx(sum(values) / 1000, abs=1e-6)


def test_measured_power_corrects_the_first_slots_and_fades() -> None:
    bounds = [MIDNIGHT + 10 * HOUR + i * QUARTER for i in range(9)]
    plain, _ = pv_slots(DAY, bounds)
    cloudy, _ = pv_slots(DAY, bounds, measured_kw=plain[0] / 2)
    assert [c / p for c, p in zip(cloudy, plain, strict=True)] == pytest.approx(
        [0.5, 0.625, 0.75, 0.875, 1, 1, 1, 1]
    )


def test_sun_at_a_dark_forecast_is_added_and_not_multiplied() -> None:
    bounds = [MIDNIGHT + timedelta(hours=5, minutes=45) + i * QUARTER for i in range(9)]
    plain, _ = pv_slots(DAY, bounds)
    assert plain[0] == 0.0
    bright, _ = pv_slots(DAY, bounds, measured_kw=0.2)
    assert bright[0] == pytest.approx(0.2)
    assert bright[2] == pytest.approx(plain[2] + 0.1)
    assert bright[5:] == plain[5:]


def test_without_a_forecast_there_is_no_sun_whatever_is_measured() -> None:
    assert pv_slots(None, BOUNDS, measured_kw=3.0, p10_wh_period=DAY) == ([0.0] * 96, None)


def test_tenth_percentile_is_what_the_source_says_and_never_above_the_mean() -> None:
    low = {start: wh * 0.3 for start, wh in DAY.items()}
    low[MIDNIGHT + 11 * HOUR] = 9000.0
    mean, p10 = pv_slots(DAY, BOUNDS, p10_wh_period=low)
    assert p10 is not None
    assert all(0 <= cautious <= kw for cautious, kw in zip(p10, mean, strict=True))
    morning = slice(BOUNDS.index(MIDNIGHT + 6 * HOUR), BOUNDS.index(MIDNIGHT + 9 * HOUR))
    assert sum(p10[morning]) == pytest.approx(0.3 * sum(mean[morning]))
    assert p10[BOUNDS.index(MIDNIGHT + 11 * HOUR)] == mean[BOUNDS.index(MIDNIGHT + 11 * HOUR)]


def test_tenth_percentile_moves_with_what_is_measured() -> None:
    bounds = [MIDNIGHT + 10 * HOUR + i * QUARTER for i in range(9)]
    low = {start: wh * 0.4 for start, wh in DAY.items()}
    plain, _ = pv_slots(DAY, bounds)
    mean, p10 = pv_slots(DAY, bounds, measured_kw=plain[0] / 2, p10_wh_period=low)
    assert p10 == pytest.approx([0.4 * kw for kw in mean])


def test_beyond_the_reach_of_the_tenth_percentile_the_mean_stands() -> None:
    low = {start: wh * 0.4 for start, wh in DAY.items() if start < MIDNIGHT + 10 * HOUR}
    mean, p10 = pv_slots(DAY, BOUNDS, p10_wh_period=low)
    assert p10 is not None
    assert p10[BOUNDS.index(MIDNIGHT + 10 * HOUR) :] == mean[BOUNDS.index(MIDNIGHT + 10 * HOUR) :]


def test_a_source_without_a_tenth_percentile_leaves_it_unknown() -> None:
    assert pv_slots(DAY, BOUNDS)[1] is None


def test_periods_named_by_their_end_are_moved_to_their_begin() -> None:
    sunrise = MIDNIGHT + timedelta(hours=4, minutes=13)
    ended = {sunrise: 0.0, MIDNIGHT + 5 * HOUR: 40.0, MIDNIGHT + 6 * HOUR: 300.0}
    ended[MIDNIGHT + timedelta(days=1, hours=5)] = 50.0
    assert begin_periods(ended) == {
        sunrise: 40.0,
        MIDNIGHT + 5 * HOUR: 300.0,
        MIDNIGHT + timedelta(days=1, hours=4): 50.0,
    }


def test_two_roofs_add_up_also_where_their_periods_differ() -> None:
    assert sum_forecasts([DAY, DAY]) == {start: 2 * wh for start, wh in DAY.items()}
    odd = {MIDNIGHT + timedelta(hours=5, minutes=50): 70.0, MIDNIGHT + 6 * HOUR: 100.0}
    total = sum_forecasts([DAY, odd, {}])
    assert sum(total.values()) == pytest.approx(sum(DAY.values()) + 170.0)
    assert total[MIDNIGHT + timedelta(hours=5, minutes=30)] == pytest.approx(70.0)
    assert sum_forecasts([]) == {}
