"""PowerFlex in a real Home Assistant: form, entities, events, diagnostics, a closed loop with P1."""

from collections.abc import AsyncIterator
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import ExtendedJSONEncoder
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.smart_charging.core.reading import ChargerStatus
from custom_components.smart_charging.devices.registry import MAKES
from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics
from simulators.car import Car
from simulators.powerflex import PowerFlex

from .conftest import HomeFactory
from .flow_rig import PASSWORD as RIG_PASSWORD, Rig, message, shown, subentries
from .home import CHARGER
from .powerflex_home import PASSWORD, SERIAL, USER, powerflex_home

NIGHT = "2026-11-20 18:00:00+00:00"


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


async def serving(rig: Rig) -> tuple[PowerFlex, str]:
    """Return a running service with one station, and its address."""
    service = PowerFlex(
        rig.house,
        rig.clock,
        {"02": next(iter(rig.house.chargers))},
        username=USER,
        password=RIG_PASSWORD,
    )
    return service, f"http://127.0.0.1:{await rig.serve(service)}"


async def added(rig: Rig) -> tuple[PowerFlex, str, Any]:
    """Return service, address and the entry of a site that reads its station."""
    service, url = await serving(rig)
    entry = await rig.site()
    form = await rig.add(entry, "device", "powerflex")
    form = await rig.accept(
        form, url=url, username=USER, password=RIG_PASSWORD, garage="03", station="02"
    )
    assert (await rig.accept(form))["type"] == "create_entry"
    site = entry.runtime_data
    await rig.until(lambda: site.reading(site.config.devices[0].parts[0]) is not None)
    return service, url, entry


# --- forms ------------------------------------------------------------------------------------


async def test_a_station_is_found_tried_and_joins_the_site(rig: Rig) -> None:
    service, url = await serving(rig)
    entry = await rig.site()
    form = await rig.add(entry, "device", "powerflex")
    assert shown(form) == {
        "url": "https://slac.powerflex.com:9443",
        "phases": "1",
        "voltage": 230,
        "current_unit": "ma",
        "voltage_unit": "mv",
        "power_unit": "mw",
        "energy_unit": "mwh",
    }
    form = await rig.accept(
        form, url="http://127.0.0.1:1", username=USER, password="wrong", garage="03", station="07"
    )
    assert "does not answer as it should: no connection" in message(form)
    web = await rig.listener(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    form = await rig.accept(form, url=f"http://{web}")
    assert "it is not the PowerFlex service" in message(form)
    form = await rig.accept(form, url=url)
    assert "refuses the account" in message(form)
    service.inject("rate_limited")
    form = await rig.accept(form, password=RIG_PASSWORD)
    assert "asks to wait" in message(form)
    service.clear()
    form = await rig.accept(form)
    assert "It has, as garage/station: 03/02." in message(form)
    form = await rig.accept(form, station="02")
    assert form["step_id"] == "figures_charger"
    assert shown(form) == {
        "max_a": 16,
        "min_a": 6,
        "phases": "phases_1",
        "phase_map": "map_123",
    }
    assert (await rig.accept(form))["type"] == "create_entry"
    (charger,) = subentries(entry, "device")
    assert charger.unique_id == f"powerflex_{SERIAL}"
    assert charger.data["connection"]["current_unit"] == "mA"
    assert charger.data["parts"]["charger"]["controllable"] is True
    site = entry.runtime_data
    await rig.until(lambda: site.reading(site.config.devices[0].parts[0]) is not None)
    # The same station cannot be added twice.
    form = await rig.add(entry, "device", "powerflex")
    end = await rig.accept(
        form, url=url, username=USER, password=RIG_PASSWORD, garage="03", station="02"
    )
    assert (end["type"], end["reason"]) == ("abort", "already_configured")


async def test_wiring_and_units_can_be_changed_and_another_station_cannot_take_the_place(
    rig: Rig,
) -> None:
    _, url, entry = await added(rig)
    (charger,) = subentries(entry, "device")
    form = await rig.change(entry, charger)
    assert RIG_PASSWORD not in shown(form).values(), "no secret leaves Home Assistant"
    form = await rig.accept(form, url="http://127.0.0.1:1")
    assert "does not answer as it should" in message(form)
    form = await rig.accept(form, url=url, phases="3", power_unit="w")
    assert shown(form)["phases"] == "phases_3"
    assert (await rig.accept(form))["reason"] == "reconfigure_successful"
    assert charger.data["connection"]["power_unit"] == "W"
    assert charger.data["connection"]["password"] == RIG_PASSWORD
    site = entry.runtime_data
    await rig.until(lambda: site.reading(site.config.devices[0].parts[0]) is not None)
    end = await rig.accept(await rig.change(entry, charger), station=None)
    assert (end["type"], end["reason"]) == ("abort", "another_device")


async def test_a_changed_password_is_asked_for(rig: Rig) -> None:
    service, _, entry = await added(rig)
    site = entry.runtime_data
    runner = next(iter(site.runners.values()))
    service.inject("wrong_password")
    service.inject("expired")
    # The next poll, or the order of a person.
    with pytest.raises(Exception, match="refuses user name or password"):
        await runner.set_charging("charger", 8, None)
    await rig.until(lambda: len(site.refusing()) == 1)
    form = await rig.reauth(entry)
    assert shown(form) == {}, "no secret leaves Home Assistant"
    form = await rig.answer(form, password="wrong")
    assert "refuses the account" in message(form)
    service.clear()
    end = await rig.answer(form, password=RIG_PASSWORD)
    assert (end["type"], end["reason"]) == ("abort", "reauth_successful")
    await rig.hass.async_block_till_done()
    await rig.until(lambda: not entry.runtime_data.refusing())


async def test_a_station_among_others_joins_without_control_and_their_garage_with(
    hass: HomeAssistant, rig: Rig
) -> None:
    service, url = await serving(rig)
    other = PowerFlex(rig.house, rig.clock, {"01": next(iter(rig.house.chargers))})
    service.points |= other.points
    entry = await rig.site()
    account = {"url": url, "username": USER, "password": RIG_PASSWORD, "garage": "03"}
    form = await rig.accept(await rig.add(entry, "device", "powerflex"), **account, station="02")
    await rig.accept(form)
    form = await rig.accept(await rig.add(entry, "device", "powerflex"), **account)
    await rig.accept(form)
    station, garage = subentries(entry, "device")
    assert (station.title, garage.title) == ("PowerFlex 03/02", "PowerFlex 03")
    assert station.data["parts"]["charger"]["controllable"] is False
    assert garage.data["parts"]["charger"]["controllable"] is True
    await hass.async_block_till_done()
    numbers = [s.entity_id for s in hass.states.async_all("number") if "current" in s.entity_id]
    assert numbers == ["number.powerflex_03_current"]


def test_its_row_keeps_the_password_secret() -> None:
    assert MAKES["powerflex"].secrets == {"password"}


# --- entities ---------------------------------------------------------------------------------


@pytest.mark.freeze_time(NIGHT)
async def test_entities_show_the_car_and_a_download_no_secret(
    hass: HomeAssistant, make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "custom_components.smart_charging")
    async with powerflex_home(make_home) as garage:
        home = garage.home
        assert home.state("binary_sensor", "charger_plugged") == "on"
        assert home.state("sensor", "charger_status") == "charging"
        assert float(home.state("sensor", "charger_power")) == pytest.approx(
            garage.point.power_kw, abs=0.1
        )
        assert home.entry is not None
        content = await async_get_config_entry_diagnostics(hass, home.entry)
        garage.service.inject("revoked")
        await home.run(40, step=1)
        failed = await async_get_config_entry_diagnostics(hass, home.entry)
        for download in (content, failed):
            text = json.dumps(download, cls=ExtendedJSONEncoder)
            for secret in (PASSWORD, USER, SERIAL, "token-"):
                assert secret not in text
        (device,) = [d for d in content["devices"] if d["make"] == "powerflex"]
        assert device["error"] is None
        assert device["parts"]["charger"]["reading"]["status"] == "charging"
    for secret in (PASSWORD, USER, "token-"):
        assert secret not in caplog.text


@pytest.mark.freeze_time(NIGHT)
async def test_a_stay_makes_its_events_with_duration_and_energy(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    async with powerflex_home(make_home) as garage:
        home, point = garage.home, garage.point
        point.unplug()
        await home.run(30, step=1)
        events = async_capture_events(hass, "state_changed")
        entity_id = home.entity_id("event", "charger_events")
        point.plug(Car(soc=0.5, phases=1))
        await home.run(240, step=1)
        charged_kwh, began = point.session_kwh, point.total_kwh - point.session_kwh
        assert charged_kwh > 0.15
        point.unplug()
        await home.run(30, step=1)
        told = [e.data["new_state"].attributes for e in events if e.data["entity_id"] == entity_id]
        kinds = [each["event_type"] for each in told]
        assert kinds == ["plugged_in", "charging_started", "charging_ended", "unplugged"]
        ended = told[2]
        # As exact as the time between two polls.
        assert ended["duration_s"] == pytest.approx(240, abs=25)
        assert ended["energy_kwh"] == pytest.approx(point.total_kwh - began, abs=0.02)


@pytest.mark.freeze_time(NIGHT)
async def test_a_pause_in_between_makes_two_charges_of_one_stay(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    async with powerflex_home(make_home) as garage:
        home, point = garage.home, garage.point
        point.unplug()
        await home.run(30, step=1)
        events = async_capture_events(hass, "state_changed")
        entity_id = home.entity_id("event", "charger_events")
        point.plug(Car(soc=0.5, phases=1))
        await home.run(120, step=1)
        garage.service.limit(0)
        await home.run(40, step=1)
        first_kwh = point.session_kwh
        garage.service.limit(0, enabled=False)
        await home.run(120, step=1)
        point.unplug()
        await home.run(30, step=1)
        told = [e.data["new_state"].attributes for e in events if e.data["entity_id"] == entity_id]
        charges = [each for each in told if each["event_type"] == "charging_ended"]
        assert [each["event_type"] for each in told].count("plugged_in") == 1
        assert [each["energy_kwh"] for each in charges] == pytest.approx(
            [first_kwh, point.session_kwh - first_kwh], abs=0.02
        )


# --- the closed loop --------------------------------------------------------------------------


@pytest.mark.freeze_time(NIGHT)
@pytest.mark.parametrize("found_kw", [None, 7.0])
async def test_it_obeys_in_a_closed_loop_with_the_meter(
    make_home: HomeFactory, found_kw: float | None
) -> None:
    """What is ordered shows in the P1 telegram, and a load on the fuse lowers what is ordered."""
    async with powerflex_home(make_home) as garage:
        home, point, service = garage.home, garage.point, garage.service
        if found_kw is not None:
            service.limit(found_kw)
        await home.run(20, step=1)
        assert service.orders == [], "who observes writes nothing"
        await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
        await home.choose("fast")
        await home.run(80, step=1)
        base_kw = home.house.base_kw
        assert point.status is ChargerStatus.CHARGING
        assert point.effective_a == pytest.approx(16, abs=0.5)
        assert service.limit_kw == pytest.approx(16 * 0.23, abs=0.12)
        grid_kw = float(home.state("sensor", "_grid_power"))
        assert grid_kw == pytest.approx(base_kw + point.power_kw, abs=0.2)
        assert float(home.state("sensor", "_house_power")) == pytest.approx(base_kw, abs=0.2)
        assert float(home.state("number", "charger_current")) == 16

        # 25 A per line: with 13 A more on L1 the car must go down, and up again afterwards.
        home.house.advance()
        home.house.extra_kw[0] = 3.0
        await home.run(60, step=1)
        assert 6 <= point.effective_a <= 25 - 13
        assert max(home.house.line_a) <= 25
        assert home.state("sensor", "charger_status") == "charging"
        home.house.advance()
        home.house.extra_kw[0] = 0.0
        await home.run(300, step=1)
        assert point.effective_a == pytest.approx(16, abs=0.5)

        # Off: it holds, and the house sees the car stop.
        await home.choose("off")
        await home.run(60, step=1)
        assert (service.limit_kw, point.effective_a) == (0, 0)
        assert float(home.state("sensor", "_grid_power")) == pytest.approx(
            home.house.base_kw, abs=0.2
        )
        # What was found comes back.
        await home.call("switch", "turn_off", home.entity_id("switch", "_act"))
        await home.run(30, step=1)
        assert service.limit_kw == found_kw
        assert point.effective_a == 16


@pytest.mark.freeze_time(NIGHT)
async def test_home_assistant_that_starts_again_knows_what_it_found(
    hass: HomeAssistant, make_home: HomeFactory, hass_storage: dict[str, Any]
) -> None:
    async with powerflex_home(make_home) as garage:
        home, service = garage.home, garage.service
        service.limit(5.0)
        await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
        await home.choose("off")
        await home.run(40, step=1)
        assert service.limit_kw == 0
        assert home.entry is not None
        key = f"smart_charging.{home.entry.entry_id}"
        kept = hass_storage[key]["data"]["drivers"][CHARGER]
        assert kept["found"] == {"kw": 5.0, "enabled": True}
        assert 0.0 in kept["ours_kw"]
        assert await hass.config_entries.async_unload(home.entry.entry_id)
        assert await hass.config_entries.async_setup(home.entry.entry_id)
        await home.connected()
        await home.run(30, step=1)
        assert service.limit_kw == 0
        await home.call("switch", "turn_off", home.entity_id("switch", "_act"))
        await home.run(30, step=1)
        assert service.limit_kw == 5
