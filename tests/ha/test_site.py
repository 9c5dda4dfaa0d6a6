"""The running site: devices come, change, fail and go while the rest goes on."""

import asyncio
from pathlib import Path
import sys
from types import MappingProxyType

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryDataWithId,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.core.reading import MeterReading

from .conftest import HomeFactory
from .home import (
    CAR,
    CHARGER,
    CHARGER_PART,
    METER,
    car_data,
    charger_data,
    fixed_price,
    meter_data,
    site_entry,
)


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_a_home_is_measured_planned_and_shown(make_home: HomeFactory) -> None:
    home = await make_home()
    site = await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    assert home.entry is not None
    assert home.entry.state is ConfigEntryState.LOADED
    assert isinstance(site.meter, MeterReading)
    assert float(home.state("sensor", "_grid_power")) == pytest.approx(
        home.house.meter.power_kw, abs=0.05
    )
    assert home.state("sensor", "_status") == "observing"
    assert home.state("sensor", "_import_price") == "0.3"
    assert site.plan is not None
    assert site.plan.schedule.chargers[CHARGER_PART]
    assert home.state("binary_sensor", "charger_plugged") == "on"


def subentry(data: ConfigSubentryDataWithId) -> ConfigSubentry:
    return ConfigSubentry(
        subentry_id=data["subentry_id"],
        subentry_type=data["subentry_type"],
        title=data["title"],
        unique_id=data["unique_id"],
        data=MappingProxyType(dict(data["data"])),
    )


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_adding_changing_and_removing_never_stops_the_rest(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await make_home()
    site = await home.add(site_entry(meter_data(home.pty), fixed_price()))
    entry = home.entry
    assert entry is not None
    meter_runner, meter_task = site.runners[METER], site.runners[METER]._task

    def meter_goes_on() -> None:
        assert entry.runtime_data is site
        assert site.runners[METER] is meter_runner
        assert meter_runner._task is meter_task
        assert site.meter is not None

    hass.config_entries.async_add_subentry(entry, subentry(charger_data(home.wattpilot_port)))
    await hass.async_block_till_done()
    await home.connected(CHARGER)
    await home.run(5, step=1)
    assert home.state("binary_sensor", "charger_plugged") == "on"
    meter_goes_on()

    hass.config_entries.async_add_subentry(entry, subentry(car_data()))
    await home.run(5, step=1)
    assert home.state("select", "charger_vehicle") == "Car"
    meter_goes_on()

    charger_runner, charger_task = site.runners[CHARGER], site.runners[CHARGER]._task
    hass.config_entries.async_update_subentry(
        entry, entry.subentries[CAR], title="Ioniq", data={**car_data()["data"], "max_a": 10}
    )
    await home.run(5, step=1)
    assert home.state("select", "charger_vehicle") == "Ioniq"
    device = dr.async_get(hass).async_get(
        er.async_get(hass).async_get(home.entity_id("time", "_ready_by")).device_id  # type: ignore[union-attr,arg-type]  # a test
    )
    assert device is not None
    assert device.name == "Ioniq"
    meter_goes_on()

    # New figures do not cost the charger its link; a new address does, the charger's alone.
    part = {**charger_data(home.wattpilot_port)["data"]["parts"]["charger"], "max_a": 13}
    data = charger_data(home.wattpilot_port)["data"]
    hass.config_entries.async_update_subentry(
        entry, entry.subentries[CHARGER], data={**data, "parts": {"charger": part}}
    )
    await home.run(5, step=1)
    assert site.runners[CHARGER] is charger_runner
    assert charger_runner._task is charger_task
    number = hass.states.get(home.entity_id("number", "charger_current"))
    assert number is not None
    assert number.attributes["max"] == 13
    hass.config_entries.async_update_subentry(
        entry,
        entry.subentries[CHARGER],
        data={**data, "connection": {**data["connection"], "host": "127.0.0.1:1"}},
    )
    await home.run(5, step=1)
    assert site.runners[CHARGER] is not charger_runner
    meter_goes_on()

    hass.config_entries.async_remove_subentry(entry, CHARGER)
    hass.config_entries.async_remove_subentry(entry, CAR)
    await home.run(5, step=1)
    assert set(site.runners) == {METER}
    assert not [
        row
        for row in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if row.config_subentry_id in (CHARGER, CAR)
    ]
    assert not site.settings.chargers
    assert CAR not in site.settings.vehicles
    meter_goes_on()


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_unplugging_re_plans_within_two_seconds(make_home: HomeFactory) -> None:
    home = await make_home()
    site = await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    before = site.plan
    assert before is not None
    assert any(step.energy_kwh for step in before.schedule.chargers[CHARGER_PART])
    home.house.chargers["charger"].unplug()
    await home.run(2, step=0.25)
    assert site.plan is not before
    assert site.plan is not None
    assert not any(step.energy_kwh for step in site.plan.schedule.chargers.get(CHARGER_PART, ()))


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_a_removed_charger_is_given_back_to_its_own_control(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await make_home()
    await home.add(
        site_entry(meter_data(home.pty), charger_data(home.wattpilot_port), fixed_price())
    )
    assert home.entry is not None
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.call(
        "select",
        "select_option",
        home.entity_id("select", "charger_charging_mode"),
        option="off",
    )
    await home.run(20, step=1)
    assert home.wattpilot.values["frc"] == 1
    hass.config_entries.async_remove_subentry(home.entry, CHARGER)
    await home.run(5, step=1)
    assert home.wattpilot.values["frc"] == 0


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_changed_site_data_reloads_the_site(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await make_home()
    site = await home.add(site_entry(meter_data(home.pty), fixed_price()))
    assert home.entry is not None
    hass.config_entries.async_update_entry(home.entry, data={**home.entry.data, "fuse_a": 32})
    await hass.async_block_till_done()
    assert home.site is not site
    assert home.site.config.grid.fuse_a == 32
    await home.connected()


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_a_person_removes_only_what_no_site_uses(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    hass_admin_user: MockUser,
    make_home: HomeFactory,
) -> None:
    assert await async_setup_component(hass, "config", {})
    home = await make_home()
    await home.add(site_entry(meter_data(home.pty), car_data(), fixed_price()))
    assert home.entry is not None
    registry = dr.async_get(hass)
    left = registry.async_get_or_create(
        config_entry_id=home.entry.entry_id,
        identifiers={(DOMAIN, "of_an_older_version")},
        name="Left",
    )
    # Tokens age with the frozen time: this one is made now.
    refresh = await hass.auth.async_create_refresh_token(hass_admin_user, client_id="test")
    client = await hass_ws_client(hass, hass.auth.async_create_access_token(refresh))
    devices = dr.async_entries_for_config_entry(registry, home.entry.entry_id)
    assert {device.name for device in devices} == {"Home", "Meter", "Car", "Left"}
    for device in devices:
        await client.send_json_auto_id(
            {
                "type": "config/device_registry/remove_config_entry",
                "config_entry_id": home.entry.entry_id,
                "device_id": device.id,
            }
        )
        answer = await client.receive_json()
        assert answer["success"] is (device.id == left.id)
    kept = dr.async_entries_for_config_entry(registry, home.entry.entry_id)
    assert {device.name for device in kept} == {"Home", "Meter", "Car"}
    assert home.state("sensor", "_status") == "observing"


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_a_site_whose_entities_do_not_go_goes_on(
    hass: HomeAssistant, make_home: HomeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = await make_home()
    site = await home.add(site_entry(meter_data(home.pty), fixed_price()))
    assert home.entry is not None
    component = hass.data["sensor"]
    with monkeypatch.context() as patch:

        async def refuse(_entry: ConfigEntry) -> bool:
            return False

        patch.setattr(component, "async_unload_entry", refuse)
        assert not await hass.config_entries.async_unload(home.entry.entry_id)
    assert home.entry.state is ConfigEntryState.FAILED_UNLOAD
    before = site.meter
    await home.run(5, step=1)
    assert site.runners[METER].running
    assert site.meter is not None
    assert site.meter is not before
    # Home Assistant does not try again before its restart.
    await site.stop()
    home.entry = None


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_the_solver_is_imported_off_the_event_loop(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await make_home()
    site = await home.add(site_entry(meter_data(home.pty), fixed_price()))
    assert site.plan is not None
    # The package itself must not pull the solver in: importing it takes over a second.
    code = (
        "import sys, custom_components.smart_charging.site;"
        "sys.exit('pulp' in sys.modules or 'highspy' in sys.modules)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=Path(__file__).parents[2]
    )
    assert await process.wait() == 0
