"""The quarter-hour mean import, its forecast and its budget."""

from datetime import timedelta
import json
from pathlib import Path

import pytest

from custom_components.smart_charging.core.control import quarter_budget_kw, quarter_forecast_kw
from custom_components.smart_charging.core.control.quarter import (
    allowed_import_kw,
    count_import,
)
from custom_components.smart_charging.core.control.types import ChargerOrder, ControlSite, Mode
from custom_components.smart_charging.core.grid import Grid
from custom_components.smart_charging.core.reading import MeterReading
from custom_components.smart_charging.core.schedule import Reason

from .rig import START, Car, Orders, Rig, spec

CASES = json.loads(
    (Path(__file__).parents[2] / "fixtures/control/quarter_forecast_golden.json").read_text()
)["cases"]


@pytest.mark.parametrize("case", [c for c in CASES if "better_forecast_kw" in c])
def test_forecast_takes_the_power_not_the_coarse_growth_of_the_register(case):
    forecast = quarter_forecast_kw(case["q_kw"], case.get("P_kw", 0), case["done_s"])
    assert forecast == pytest.approx(case["better_forecast_kw"], abs=1e-3)


@pytest.mark.parametrize("case", [c for c in CASES if "target_kw" in c])
def test_budget_is_the_mean_that_ends_the_quarter_at_the_target(case):
    budget = quarter_budget_kw(case["target_kw"], case["q_kw"], case["done_s"])
    assert budget == pytest.approx(case["allowed_average_for_rest_kw"], abs=1e-3)
    assert quarter_forecast_kw(case["q_kw"], budget, case["done_s"]) == pytest.approx(
        case["target_kw"]
    )


def test_export_does_not_lower_the_forecast():
    assert quarter_forecast_kw(1.2, -3.0, 300) == 1.2


@pytest.mark.parametrize("elapsed", [-1, 900, 1000])
def test_budget_refuses_a_time_outside_the_quarter(elapsed):
    with pytest.raises(ValueError, match="elapsed_s"):
        quarter_budget_kw(2.5, 1.0, elapsed)


@pytest.mark.parametrize("elapsed", [-1, 901])
def test_forecast_refuses_a_time_outside_the_quarter(elapsed):
    with pytest.raises(ValueError, match="elapsed_s"):
        quarter_forecast_kw(1.0, 1.0, elapsed)


def test_what_was_counted_in_another_quarter_says_nothing_of_this_one():
    before = count_import(None, None, START - timedelta(minutes=5), 9.0)
    meter = MeterReading(at=START + timedelta(minutes=5), power_kw=1.8)
    # As if the target had been kept so far.
    assert allowed_import_kw(2.5, meter, before) == pytest.approx(2.5)
    assert allowed_import_kw(2.5, meter, None) == pytest.approx(2.5)


def test_the_meters_own_clock_decides_which_quarter_it_is():
    # The host is 40 s ahead: by its clock the quarter is over, by the meter's it is not.
    meter = MeterReading(
        at=START + timedelta(minutes=15, seconds=20),
        device_time=START + timedelta(minutes=10),
        power_kw=3.0,
        quarter_kw=1.5,
    )
    assert allowed_import_kw(2.5, meter, None) == pytest.approx(3.0)


def test_a_broken_target_leaves_no_budget():
    meter = MeterReading(at=START + timedelta(minutes=5), power_kw=3.0, quarter_kw=2.6)
    assert allowed_import_kw(2.5, meter, None) == 0.0


def test_the_last_minute_does_not_invite_a_jump():
    meter = MeterReading(at=START + timedelta(seconds=890), power_kw=1.0, quarter_kw=2.0)
    assert allowed_import_kw(2.5, meter, None) == pytest.approx(0.5 * 900 / 60)


def test_without_the_register_we_count_and_take_the_unseen_part_at_the_target():
    quarter, last = None, None
    for second in range(300, 601):
        at = START + timedelta(seconds=second)
        quarter, last = count_import(quarter, last, at, 1.8), at
    assert quarter is not None
    assert quarter.unseen_s == 300
    assert quarter.import_kwh == pytest.approx(1.8 * 300 / 3600)
    meter = MeterReading(at=START + timedelta(seconds=600), power_kw=1.8)
    used = 4 * 1.8 * 300 / 3600 + 2.5 / 3
    assert allowed_import_kw(2.5, meter, quarter) == pytest.approx((2.5 - used) * 3)


def test_a_gap_in_the_readings_counts_at_the_target():
    quarter = count_import(None, None, START, 1.0)
    quarter = count_import(quarter, START, START + timedelta(seconds=300), 1.0)
    assert quarter.unseen_s == 300
    assert quarter.import_kwh == 0


@pytest.mark.parametrize("counts_quarter", [True, False])
def test_the_quarter_stays_under_the_peak_target(counts_quarter):
    site = ControlSite(grid=Grid(fuse_a=40.0), chargers=(spec(max_a=32.0),))
    rig = Rig(site=site, cars=[Car(spec=site.chargers[0])], counts_quarter=counts_quarter)
    rig.orders = Orders(peak_target_kw=4.0, chargers={"c1": ChargerOrder(mode=Mode.FAST)})
    # A kettle comes and goes.
    rig.house_a = lambda t: (9.0 if t % 400 < 120 else 2.0,)
    quarters = []
    for _ in range(3):
        rig.run(899)
        quarters.append(rig.quarter_kwh * 4)
        rig.run(1)
    assert max(quarters) <= 4.0 + 0.02
    assert min(quarters) >= 3.4
    assert rig.setpoints.chargers["c1"].limit == "peak"


def test_minimum_soc_ignores_the_peak_but_not_the_fuse():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec(max_a=32.0),))
    rig = Rig(site=site, cars=[Car(spec=site.chargers[0])], house_a=lambda _: (5.0,))
    rig.orders = Orders(
        peak_target_kw=2.5, chargers={"c1": ChargerOrder(mode=Mode.SMART, below_minimum=True)}
    )
    rig.run(60)
    setpoint = rig.setpoints.chargers["c1"]
    assert setpoint.current_a == 20.0
    assert setpoint.reason is Reason.MINIMUM_SOC
    assert setpoint.limit == "fuse"
