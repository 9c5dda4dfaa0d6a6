"""Sensors show the simulated truth: unit, sign, place in the registry, and how often they move."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder import Recorder, get_instance
from homeassistant.components.recorder.history import state_changes_during_period
from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from .conftest import HomeFactory
from .entity_home import (
    BATTERY,
    SUN,
    EntityHome,
    battery_data,
    entity_home,
    sun_data,
)
from .home import (
    CAR,
    CHARGER,
    METER,
    Home,
    car_data,
    charger_data,
    fixed_price,
    meter_data,
    site_entry,
)

NOON = "2026-06-10 10:00:00+00:00"
NIGHT = "2026-11-20 18:00:00+00:00"


def export_price() -> ConfigSubentryDataWithId:
    """Return the subentry of a feed-in price."""
    return ConfigSubentryDataWithId(
        subentry_id="export_sub",
        subentry_type="price",
        title="Feed-in",
        unique_id="export_fixed",
        data={"kind": "fixed", "role": "export", "source": {"rate": 0.05}},
    )


@pytest.fixture
async def home(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncIterator[EntityHome]:
    """Return a home with everything at noon, observing."""
    async with entity_home(hass, freezer) as home:
        await home.add(
            site_entry(
                meter_data(home.pty),
                charger_data(home.wattpilot_port),
                sun_data(),
                battery_data(),
                car_data(soc_entity="sensor.car_soc"),
                fixed_price(),
                export_price(),
                peak_price_year=40,
            )
        )
        yield home


def show(home: Home, unique_id: str) -> State:
    """Return the state of one of our sensors."""
    state = home.hass.states.get(home.entity_id("sensor", unique_id))
    assert state is not None
    return state


def value(home: Home, unique_id: str) -> float:
    """Return the number that a sensor shows."""
    return float(show(home, unique_id).state)


@pytest.mark.freeze_time(NOON)
async def test_every_sensor_shows_the_simulated_truth(
    hass: HomeAssistant, home: EntityHome
) -> None:
    hass.states.async_set("sensor.car_soc", "42", {"unit_of_measurement": "%"})
    house, battery, point = home.house, home.house.battery, home.house.chargers["charger"]
    assert battery is not None
    await hass.services.async_call(
        "input_select",
        "select_option",
        {"entity_id": "input_select.battery_mode", "option": "Force discharge"},
        blocking=True,
    )
    await home.run(130, step=1)
    meter = house.meter
    assert point.power_kw > 10, "a site that observes leaves the charger to itself"
    soc = 0.42 + point.session_kwh * 0.9 / 60
    expected = {
        "_grid_power": (meter.power_kw, "kW", 0.1),
        "meter_power": (meter.power_kw, "kW", 0.1),
        "_house_power": (house.base_kw, "kW", 0.1),
        "meter_import_energy": (meter.import_t1_kwh + meter.import_t2_kwh, "kWh", 0.1),
        "meter_export_energy": (meter.export_t1_kwh + meter.export_t2_kwh, "kWh", 0.2),
        "meter_gas": (meter.gas_m3, "m³", 0.01),
        "meter_water": (meter.water_m3, "m³", 0.01),
        "pv_power": (house.pv_kw, "kW", 0.05),
        "pv_energy": (house.pv_energy_kwh, "kWh", 0.2),
        "battery_soc": (battery.soc * 100, "%", 0.5),
        "charger_power": (point.power_kw, "kW", 0.1),
        "charger_energy": (point.total_kwh, "kWh", 0.2),
        "charger_session_energy": (point.session_kwh, "kWh", 0.05),
        f"{CAR}_soc": (soc * 100, "%", 0.2),
        f"{CAR}_missing_energy": ((0.8 - soc) * 60 / 0.9, "kWh", 0.1),
        f"{CAR}_shortfall": (0.0, "kWh", 0.01),
        "_import_price": (0.30, "EUR/kWh", 1e-9),
        "_month_peak": (meter.month_peak_kw, "kW", 0.01),
    }
    for unique_id, (truth, unit, tolerance) in expected.items():
        state = show(home, unique_id)
        assert float(state.state) == pytest.approx(truth, abs=tolerance), unique_id
        assert state.attributes["unit_of_measurement"] == unit, unique_id
    # Home Assistant's sign: a battery that gives is positive.
    assert battery.power_kw == pytest.approx(-2.5, abs=0.01)
    assert value(home, "battery_power") == pytest.approx(2.5, abs=0.05)
    assert show(home, "battery_battery_mode").state == "discharge"
    assert show(home, "charger_charger_status").state == "charging"
    plan = home.site.plan
    assert plan is not None
    assert value(home, "_plan_cost") == pytest.approx(plan.cost, abs=1e-3)
    assert show(home, "_plan_cost").attributes["unit_of_measurement"] == "EUR"
    assert plan.savings is not None
    assert value(home, "_plan_savings") == pytest.approx(plan.savings, abs=1e-3)
    made = datetime.fromisoformat(show(home, "_plan_made").state)
    assert made == plan.schedule.made_at.replace(microsecond=0)
    start = datetime.fromisoformat(show(home, "charger_next_start").state)
    charging = [s for s in plan.schedule.chargers[f"{CHARGER}:charger"] if s.energy_kwh > 0]
    assert start == charging[0].start.replace(microsecond=0)
    left_s = 900 - (home.clock.now().timestamp() % 900)
    quarter_kw = meter.quarter_kw + meter.power_kw * left_s / 900
    assert value(home, "_quarter_forecast") == pytest.approx(quarter_kw, abs=0.2)
    point.unplug()
    await home.run(20, step=1)
    assert meter.power_kw < -3
    assert value(home, "_grid_power") == pytest.approx(meter.power_kw, abs=0.1), "export is below 0"


@pytest.mark.freeze_time(NOON)
async def test_each_part_and_vehicle_is_a_device_below_the_site(
    hass: HomeAssistant, home: EntityHome
) -> None:
    entities, entry = er.async_get(hass), home.entry
    assert entry is not None
    devices = {
        identifier: device
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        for _, identifier in device.identifiers
    }
    site = devices.pop(entry.entry_id)
    expected = {
        "p1_1SAG3100000001_meter": ("Meter", METER),
        "wattpilot_91012345_charger": ("Wattpilot", CHARGER),
        "entity_pv_sensor.pv_pv": ("Roof", SUN),
        "entity_battery_sensor.soc_battery": ("Cellar", BATTERY),
        CAR: ("Car", CAR),
    }
    assert set(devices) == set(expected)
    for identifier, (name, subentry) in expected.items():
        device = devices[identifier]
        assert device.name == name
        assert device.via_device_id == site.id
        rows = er.async_entries_for_device(entities, device.id, include_disabled_entities=True)
        assert rows, identifier
        for row in rows:
            assert row.unique_id.startswith(f"{identifier}_")
            assert row.config_subentry_id == subentry
    rows = er.async_entries_for_config_entry(entities, entry.entry_id)
    assert len({(row.domain, row.unique_id) for row in rows}) == len(rows)
    for row in rows:
        state = hass.states.get(row.entity_id)
        if row.disabled:
            continue
        assert state is not None
        assert row.translation_key or row.original_device_class, f"{row.entity_id} has no name"
        assert state.name not in ("Meter", "Wattpilot", "Roof", "Cellar", "Car", "Home")


@pytest.mark.freeze_time(NOON)
async def test_what_few_people_need_is_disabled_at_first(
    hass: HomeAssistant, home: EntityHome
) -> None:
    assert home.entry is not None
    rows = er.async_entries_for_config_entry(er.async_get(hass), home.entry.entry_id)
    disabled = {row.unique_id.rpartition("meter_")[2] for row in rows if row.disabled}
    phases = {f"{what}_l{n}" for what in ("power", "current", "voltage") for n in (1, 2, 3)}
    site = {
        f"{home.entry.entry_id}_{key}" for key in ("export_price", "plan_time", "prices_fetched")
    }
    # The site's own *Quarter forecast* and *Month peak* are what people look at.
    assert disabled == phases | site | {"quarter_power", "peak"}


@pytest.mark.freeze_time(NOON)
async def test_phases_show_the_truth_once_they_are_enabled(
    hass: HomeAssistant, home: EntityHome
) -> None:
    entities = er.async_get(hass)
    assert home.entry is not None
    for what in ("power", "current", "voltage"):
        for number in (1, 2, 3):
            entities.async_update_entity(
                home.entity_id("sensor", f"{what}_l{number}"), disabled_by=None
            )
    entities.async_update_entity(home.entity_id("sensor", "_export_price"), disabled_by=None)
    assert await hass.config_entries.async_reload(home.entry.entry_id)
    await home.connected()
    await home.run(15, step=1)
    meter = home.house.meter
    for number in (1, 2, 3):
        assert value(home, f"power_l{number}") == pytest.approx(
            meter.phase_kw[number - 1], abs=0.05
        )
        assert value(home, f"voltage_l{number}") == pytest.approx(meter.phase_v[number - 1], abs=2)
        assert value(home, f"current_l{number}") == pytest.approx(
            meter.phase_a[number - 1], abs=1.0
        )
        assert show(home, f"voltage_l{number}").attributes["unit_of_measurement"] == "V"
    assert value(home, "_export_price") == 0.05


class Moves:
    """When an entity was written with another value."""

    def __init__(self, home: Home, entity_id: str) -> None:
        self.states: list[tuple[datetime, str]] = []
        self._home = home
        self.stop = async_track_state_change_event(home.hass, entity_id, self._moved)

    @callback
    def _moved(self, event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        assert state is not None
        self.states.append((self._home.clock.now(), state.state))

    @property
    def gaps_s(self) -> list[float]:
        """Return the seconds between one write and the next."""
        times = [at for at, _ in self.states]
        return [(b - a).total_seconds() for a, b in pairwise(times)]


@pytest.mark.freeze_time(NIGHT)
@pytest.mark.parametrize(("option", "least_s"), [(None, 10), (30, 30)])
async def test_power_moves_at_the_chosen_interval_and_energy_each_minute(
    make_home: HomeFactory, option: int | None, least_s: int
) -> None:
    home = await make_home()
    entry = site_entry(meter_data(home.pty), fixed_price())
    if option is not None:
        entry.add_to_hass(home.hass)
        home.hass.config_entries.async_update_entry(entry, options={"interval_s": option})
    await home.add(entry)
    power = Moves(home, home.entity_id("sensor", "meter_power"))
    grid = Moves(home, home.entity_id("sensor", "_grid_power"))
    energy = Moves(home, home.entity_id("sensor", "meter_import_energy"))
    for second in range(240):
        home.house.extra_kw[0] = 2 + second / 100
        await home.tick(1)
    for moves in (power, grid):
        assert len(moves.states) >= 240 / least_s - 2
        assert min(moves.gaps_s) >= least_s
    assert 3 <= len(energy.states) <= 4
    assert min(energy.gaps_s) >= 60
    for moves in (power, grid, energy):
        moves.stop()


@pytest.mark.freeze_time(NIGHT)
async def test_what_appears_goes_or_is_a_state_is_shown_at_once(make_home: HomeFactory) -> None:
    home = await make_home()
    await home.add(
        site_entry(meter_data(home.pty), charger_data(home.wattpilot_port), fixed_price())
    )
    home.p1.inject("stall", None)
    silent_from = home.clock.now()
    power = Moves(home, home.entity_id("sensor", "meter_power"))
    grid = Moves(home, home.entity_id("sensor", "_grid_power"))
    status = Moves(home, home.entity_id("sensor", "_status"))
    await home.run(30, step=1)
    assert power.states[-1][1] == "unavailable"
    assert grid.states[-1][1] == "unknown"
    stale_s = (power.states[-1][0] - silent_from).total_seconds()
    assert stale_s == pytest.approx(11, abs=1), "max(10 s, 2.5 x its interval)"
    assert status.states[-1][1] == "meter_silent"
    home.p1.clear()
    while home.site.meter is None:
        await home.tick(1)
    back_from = home.clock.now()
    await home.tick(1)
    for moves in (power, grid, status):
        at, shown = moves.states[-1]
        assert abs((at - back_from).total_seconds()) <= 1
        assert shown not in ("unknown", "unavailable", "meter_silent")
        moves.stop()

    plugged = Moves(home, home.entity_id("binary_sensor", "charger_plugged"))
    charger = Moves(home, home.entity_id("sensor", "charger_charger_status"))
    home.house.chargers["charger"].unplug()
    gone_at = home.clock.now()
    await home.tick(1)
    await home.tick(1)
    assert plugged.states[-1][1] == "off"
    assert charger.states[-1][1] == "unplugged"
    assert (plugged.states[-1][0] - gone_at).total_seconds() <= 2
    assert home.state("sensor", "charger_reason") == "unplugged"
    plugged.stop()
    charger.stop()


@pytest.mark.freeze_time(NIGHT)
async def test_charging_is_followed_until_the_car_leaves(make_home: HomeFactory) -> None:
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.call(
        "select", "select_option", home.entity_id("select", "_charging_mode"), option="fast"
    )
    await home.run(180, step=1)
    point = home.house.chargers["charger"]
    assert point.power_kw > 10
    assert value(home, "charger_power") == pytest.approx(point.power_kw, abs=0.2)
    assert value(home, "charger_session_energy") == pytest.approx(point.session_kwh, abs=0.05)
    assert value(home, "charger_setpoint") == 16
    assert home.state("binary_sensor", "charger_charging") == "on"
    assert home.state("sensor", "charger_reason") == "manual"
    assert home.state("sensor", "_status") == "charging"
    point.unplug()
    await home.run(12, step=1)
    assert value(home, "charger_session_energy") == 0
    assert home.state("binary_sensor", "charger_charging") == "off"
    assert show(home, f"{CAR}_missing_energy").state == "unknown"
    assert home.state("sensor", "_status") == "idle"


@pytest.mark.freeze_time(NIGHT)
async def test_the_plan_is_an_attribute_that_the_recorder_leaves_out(
    recorder_mock: Recorder, hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    state = show(home, "_plan_cost")
    plan = home.site.plan
    assert plan is not None
    assert len(state.attributes["slots"]) == len(plan.flows)
    steps = state.attributes["steps"]
    assert sum(step["energy_kwh"] for step in steps) == pytest.approx(15, abs=0.01)
    assert {step["charger"] for step in steps} == {"Wattpilot"}
    assert state.attributes["shortfalls"] == []
    assert state.attributes["rung"] == "optimal"
    await async_wait_recording_done(hass)
    kept = await get_instance(hass).async_add_executor_job(
        state_changes_during_period,
        hass,
        datetime(2026, 11, 20, tzinfo=UTC),
        None,
        state.entity_id,
    )
    recorded = kept[state.entity_id][-1]
    assert "rung" in recorded.attributes
    assert not {"slots", "steps", "shortfalls"} & set(recorded.attributes)


@pytest.mark.freeze_time(NIGHT)
async def test_a_goal_that_cannot_be_met_is_at_risk_and_says_how_much(
    make_home: HomeFactory,
) -> None:
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    assert home.state("binary_sensor", f"{CAR}_goal_at_risk") == "off"
    await home.call("number", "set_value", home.entity_id("number", f"{CAR}_energy"), value=40)
    await home.call("time", "set_value", home.entity_id("time", "_ready_by"), time="20:00:00")
    await home.run(5, step=1)
    assert home.state("binary_sensor", f"{CAR}_goal_at_risk") == "on"
    # One hour at 11 kW.
    assert value(home, f"{CAR}_shortfall") == pytest.approx(40 - 11.04, abs=0.2)
    rows = show(home, "_plan_cost").attributes["shortfalls"]
    assert [(row["goal"], row["cause"]) for row in rows] == [("request", "time")]


@pytest.mark.freeze_time(NIGHT)
async def test_a_site_without_meter_or_price_says_what_is_missing(make_home: HomeFactory) -> None:
    home = await make_home()
    home.entry = site_entry(fixed_price())
    home.entry.add_to_hass(home.hass)
    assert await home.hass.config_entries.async_setup(home.entry.entry_id)
    await home.tick(1)
    assert home.state("sensor", "_status") == "no_meter"
    await home.hass.config_entries.async_remove(home.entry.entry_id)
    await home.add(site_entry(meter_data(home.pty)))
    assert home.state("sensor", "_status") == "no_price"
    assert home.state("sensor", "_import_price") == "unknown"
    assert home.state("sensor", "_plan_cost") == "unknown"
    assert home.state("binary_sensor", "_problem") == "off"
