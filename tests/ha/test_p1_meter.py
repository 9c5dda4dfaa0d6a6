"""All that a P1 meter tells, as a person sees it, and its limiter, which control obeys."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from homeassistant.components.diagnostics import REDACTED
from homeassistant.components.recorder import Recorder, get_instance
from homeassistant.components.recorder.history import state_changes_during_period
from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.entity import Entity
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.smart_charging.core.schedule import Reason
from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics
from simulators.house import HouseConfig
from simulators.meter import MeterConfig
from simulators.p1 import P1Simulator

from .conftest import QUIET, HomeFactory
from .faults import Watch
from .home import Home, car_data, charger_data, fixed_price, meter_data, site_entry

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")

FEATURES = [
    *("tariff", "import_t1_kwh", "export_t1_kwh", "quarter_kw", "month_peak", "peak_history"),
    *("gas_m3", "water_m3", "phase_power", "limiter", "breaker", "text_message", "warning"),
]
FULL_A = 16


def whole_meter(url: str, version: str = "5B") -> ConfigSubentryDataWithId:
    """Return the subentry that the form makes for a meter that tells everything."""
    told = meter_data(url)
    data: dict[str, Any] = dict(told["data"])
    data["connection"] = {"url": url, "version": version}
    data["parts"] = {"meter": {**data["parts"]["meter"], "features": FEATURES}}
    return {**told, "data": data}


async def metered(make_home: HomeFactory, config: MeterConfig | None = None) -> Home:
    """Return a home with a Belgian meter, observing."""
    home = await make_home(QUIET if config is None else _with(config))
    await home.add(
        site_entry(
            whole_meter(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    return home


def _with(config: MeterConfig) -> HouseConfig:
    return replace(QUIET, meter=config)


def state(home: Home, key: str) -> State:
    found = home.hass.states.get(home.entity_id("sensor", key))
    assert found is not None
    return found


@pytest.fixture
def nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all entities enabled at first."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)


@pytest.mark.usefixtures("nothing_hidden")
async def test_every_quantity_of_the_meter_has_its_sensor(make_home: HomeFactory) -> None:
    home = await metered(make_home)
    await home.run(70, step=5)
    meter = home.house.meter
    shown = {
        key: state(home, f"_meter_{key}").state
        for key in (
            *("import_t1", "import_t2", "export_t1", "export_t2", "tariff", "breaker", "peak"),
            *("quarter_power", "gas", "water", "limiter_power", "limiter_current", "text_message"),
            *("voltage_l1", "voltage_l2", "voltage_l3", "power_l1", "current_l1"),
        )
    }
    assert float(shown["import_t2"]) == pytest.approx(meter.import_t2_kwh, abs=0.02)
    assert float(shown["export_t1"]) == pytest.approx(meter.export_t1_kwh, abs=0.02)
    assert float(shown["export_t2"]) == pytest.approx(meter.export_t2_kwh, abs=0.02)
    assert float(shown["peak"]) == 2.5
    assert float(shown["quarter_power"]) == pytest.approx(meter.quarter_kw, abs=0.1)
    assert float(shown["voltage_l3"]) == pytest.approx(meter.phase_v[2], abs=1)
    assert (shown["tariff"], meter.tariff) == ("normal", 1)
    assert shown["breaker"] == "closed"
    # A limiter that is off has no value, and neither has a display without a message.
    off = ("limiter_power", "limiter_current", "text_message")
    assert [shown[key] for key in off] == ["unknown"] * 3

    meter.limiter_kw, meter.limiter_a = 5.7, 20.0
    meter.text_message = "Onderhoud 12/12 " * 20
    await home.run(10, step=1)
    assert float(state(home, "_limiter_power").state) == 5.7
    assert float(state(home, "_limiter_current").state) == 20.0
    message = state(home, "_text_message")
    assert message.state == ("Onderhoud 12/12 " * 20)[:255].strip()
    assert message.attributes["text"] == ("Onderhoud 12/12 " * 20).strip()


@pytest.mark.usefixtures("nothing_hidden")
async def test_a_line_that_the_telegram_leaves_out_is_unknown(make_home: HomeFactory) -> None:
    home = await metered(make_home)
    keys = ("power_l3", "current_l3", "voltage_l3")
    assert float(state(home, "_meter_voltage_l3").state) > 200
    home.p1.flavour = "be_1ph"
    await home.run(15, step=1)
    assert [state(home, f"_meter_{key}").state for key in keys] == ["unknown"] * 3
    assert float(state(home, "_meter_voltage_l1").state) > 200
    home.p1.flavour = "be_3ph"
    await home.run(15, step=1)
    assert float(state(home, "_meter_voltage_l3").state) > 200


async def test_what_is_seldom_needed_is_hidden_at_first(make_home: HomeFactory) -> None:
    home = await metered(make_home)
    for key in ("tariff", "import_t1", "gas", "water"):
        assert state(home, f"_meter_{key}").state != "unavailable"
    for key in ("export_t1", "limiter_power", "breaker", "text_message", "peak", "voltage_l1"):
        assert home.hass.states.get(home.entity_id("sensor", f"_meter_{key}")) is None


async def dutch(make_home: HomeFactory) -> Home:
    """Return a home with a Dutch meter, which counts no peaks."""
    home = await make_home(_with(MeterConfig(dutch=True)))
    home.p1 = P1Simulator(home.house, home.clock, flavour="nl_3ph", auto=False)
    home.pty = home.p1.start_pty()
    await home.add(site_entry(whole_meter(home.pty, "5"), fixed_price()))
    return home


async def test_a_dutch_meter_calls_the_same_evening_low_by_another_number(
    make_home: HomeFactory,
) -> None:
    home = await dutch(make_home)
    assert home.house.meter.tariff == 2
    assert state(home, "_meter_tariff").state == "normal"
    home.freezer.move_to("2026-11-20 22:30:00+00:00")
    await home.run(20, step=1)
    assert home.house.meter.tariff == 1
    assert state(home, "_meter_tariff").state == "low"
    assert state(home, "_mean_peak").state == "unknown"


async def test_the_peaks_of_thirteen_months_are_there_to_use_and_not_recorded(
    recorder_mock: Recorder, hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await metered(make_home)
    await home.run(20, step=1)
    peaks = QUIET.meter.history_kw
    mean = state(home, "_mean_peak")
    # The last twelve that are over; none of them below the floor of the bill.
    assert float(mean.state) == pytest.approx(sum(peaks[-12:]) / 12, abs=1e-3)
    months = mean.attributes["months"]
    assert [row["kw"] for row in months] == list(peaks)
    assert [months[0]["month"], months[-1]["month"]] == ["2025-10", "2026-10"]
    at = dt_util.parse_datetime(months[-1]["at"])
    assert at is not None
    assert dt_util.as_local(at).strftime("%Y-%m") == "2026-10"
    await async_wait_recording_done(hass)
    kept = await get_instance(hass).async_add_executor_job(
        lambda: state_changes_during_period(
            hass, dt_util.utcnow() - timedelta(hours=1), entity_id=mean.entity_id
        )
    )
    assert kept[mean.entity_id]
    assert all("months" not in row.attributes for row in kept[mean.entity_id])


@pytest.mark.freeze_time("2026-11-30 22:44:30+00:00")
async def test_the_peak_is_counted_by_quarters_where_the_meter_keeps_none(
    make_home: HomeFactory,
) -> None:
    home = await dutch(make_home)
    home.house.chargers["charger"].unplug()
    meter = home.house.meter

    async def quarter(end: str, oven_kw: float) -> float:
        """Let the rest of a quarter go by; return the mean import of it in kW."""
        home.house.extra_kw[0] = oven_kw
        began_kwh = meter.import_kwh
        home.freezer.move_to(f"{end}+00:00")
        home.house.advance()
        counted_kwh = meter.import_kwh - began_kwh
        # The link was silent for long: it is opened anew.
        await home.run(5, step=1)
        return counted_kwh * 4

    await quarter("2026-11-30 22:45:00", 0.0)
    # The last quarter of November, local time.
    highest_kw = await quarter("2026-11-30 23:00:00", 3.0)
    assert highest_kw > 3
    (month, peak), *_ = home.site.history.past_peaks()
    assert (month, peak.kw) == ("2026-11", pytest.approx(highest_kw, abs=0.1))
    assert float(state(home, "_month_peak").state) == 0, "December has no quarter yet"

    # A higher quarter counts, a lower one does not.
    second_kw = await quarter("2026-11-30 23:15:00", 1.0)
    assert 1 < second_kw < highest_kw
    shown_kw = float(state(home, "_month_peak").state)
    assert shown_kw == pytest.approx(second_kw, abs=0.1)
    assert await quarter("2026-11-30 23:30:00", 0.0) < second_kw
    assert float(state(home, "_month_peak").state) == shown_kw


async def test_what_the_house_draws_is_known_of_the_last_seven_days(
    make_home: HomeFactory,
) -> None:
    home = await metered(make_home)
    history, days = home.site.history, home.site.settings.house_peaks_a
    # As a week before left it: an oven on the first day.
    days.clear()
    days.update({f"2026-11-{day}": [2.0, 2.0, 2.0] for day in range(14, 20)})
    days["2026-11-13"] = [15.0, 2.0, 2.0]
    assert history.house_peak_a() == (15.0, 2.0, 2.0)
    home.house.extra_kw[1] = 2.0
    await home.run(60, step=5)
    assert sorted(days) == [f"2026-11-{day}" for day in range(14, 21)]
    assert history.house_peak_a()[0] < 5
    assert history.house_peak_a()[1] > 8.5


async def test_the_floor_of_the_bill_counts_in_the_mean(make_home: HomeFactory) -> None:
    home = await metered(make_home, MeterConfig(history_kw=(1.8, 2.0, 2.6)))
    await home.run(10, step=1)
    assert float(state(home, "_mean_peak").state) == pytest.approx(2.5333, abs=1e-4)


@pytest.mark.parametrize(
    ("limiter", "limit"),
    [
        pytest.param({"limiter_kw": 6.0}, "contract", id="a power"),
        pytest.param({"limiter_a": 10.0}, "fuse L1", id="a current"),
    ],
)
async def test_a_limiter_below_the_fuse_holds_the_car_down_and_the_plan_with_it(
    make_home: HomeFactory, limiter: dict[str, float], limit: str
) -> None:
    home = await metered(make_home)
    await home.choose("fast")
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.run(60, step=2)
    point = home.house.chargers["charger"]
    assert point.offered_a == FULL_A
    whole = home.site.grid

    for key, value in limiter.items():
        setattr(home.house.meter, key, value)
    await home.run(60, step=2)
    assert 0 < point.offered_a < FULL_A
    if kw := limiter.get("limiter_kw"):
        assert home.house.meter.power_kw <= kw
    else:
        assert max(home.house.meter.phase_a) <= limiter["limiter_a"]
    reason = home.hass.states.get(home.entity_id("sensor", "charger_reason"))
    assert reason is not None
    assert reason.attributes["limit"] == limit
    assert home.site.problem is not None
    assert home.site.problem.grid == home.site.grid != whole

    # One telegram without a readable limiter changes nothing; a limiter that is off does.
    held_a = point.offered_a
    home.p1.inject("operator", 5)
    await home.run(5, step=1)
    assert point.offered_a == held_a
    for key in limiter:
        setattr(home.house.meter, key, None)
    await home.run(60, step=2)
    assert point.offered_a == FULL_A
    assert home.site.grid == whole
    assert home.state("sensor", "charger_reason") == Reason.MANUAL


@pytest.mark.parametrize(
    ("breaker", "repair", "words"),
    [(0, "warning_breaker", "is open"), (2, "warning_breaker_button", "button")],
)
async def test_a_meter_that_cut_the_house_off_says_what_to_do(
    make_home: HomeFactory,
    caplog: pytest.LogCaptureFixture,
    breaker: int,
    repair: str,
    words: str,
) -> None:
    home = await metered(make_home)
    watch = Watch(home, caplog)
    home.house.meter.breaker = breaker
    await home.run(30, step=1)
    event = home.hass.states.get(home.entity_id("event", "_meter_warnings"))
    assert event is not None
    assert words in event.attributes["warning"]
    assert not watch.issues()
    await home.run(40, step=1)
    (issue,) = watch.issues().values()
    assert issue.translation_key == repair
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["name"] == "Meter"
    home.house.meter.breaker = 1
    await home.run(3, step=1)
    assert not watch.issues()


async def test_a_message_of_the_grid_operator_stays_out_of_the_diagnostics(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await metered(make_home)
    home.house.meter.text_message = "Bill 4711 of J. Peeters is due"
    await home.run(3, step=1)
    assert home.entry is not None
    told = await async_get_config_entry_diagnostics(hass, home.entry)
    (meter,) = (d for d in told["devices"] if d["make"] == "p1")
    reading = meter["parts"]["meter"]["reading"]
    assert reading["text_message"] == REDACTED
    assert reading["breaker"] == "closed"
    assert "Peeters" not in str(told)
