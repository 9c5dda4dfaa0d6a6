"""An eGauge in a real Home Assistant: forms, entities, diagnostics, and control by its readings."""

from collections.abc import AsyncIterator
import json
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.json import ExtendedJSONEncoder
import pytest

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.core.reading import ChargerStatus
from custom_components.smart_charging.devices.registry import MAKES
from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics
from simulators.egauge import HOSTNAME, SERIAL, Egauge

from .egauge_home import GAUGE, PASSWORD, REGISTERS, egauge_data, egauge_home
from .faults import unload
from .flow_rig import Rig, message, options, shown, subentries
from .home import meter_data

NOON = "2026-06-10 11:00:00+00:00"
NIGHT = "2026-11-20 18:00:00+00:00"
LOGIN = {"username": "owner", "password": PASSWORD}
both_interfaces = pytest.mark.parametrize("interface", ["json", "xml"])


# --- forms ------------------------------------------------------------------------------------


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


async def gauge_at(rig: Rig, *, password: str = PASSWORD, **meter: Any) -> tuple[Egauge, str]:
    """Return a running meter and its address."""
    gauge = Egauge(rig.house, password=password, **meter)
    return gauge, f"127.0.0.1:{await rig.serve(gauge)}"


@pytest.mark.parametrize("tls", [False, True])
async def test_a_meter_joins_the_running_site(hass: HomeAssistant, rig: Rig, tls: bool) -> None:
    _, host = await gauge_at(rig, tls=tls)
    entry = await rig.site()
    form = await rig.add(entry, "device", "egauge")
    assert shown(form) == {}
    form = await rig.answer(form, host=host, **LOGIN)
    assert form["step_id"] == "egauge_channels"
    assert form["description_placeholders"]["name"] == HOSTNAME
    assert shown(form) == REGISTERS, "what names and signs suggest"
    assert (await rig.reopen(form))["step_id"] == "egauge_channels"
    assert "Grid" in options(form, "grid")
    assert set(options(form, "l1_voltage")) == {f"L{n} Voltage" for n in (1, 2, 3)}
    form = await rig.accept(form)
    assert form["step_id"] == "parts"
    assert shown(form) == {"parts": ["meter", "pv"]}
    result = await rig.accept(form)
    assert (result["type"], result["title"]) == ("create_entry", HOSTNAME)
    (device,) = subentries(entry, "device")
    assert device.unique_id == f"egauge_{SERIAL}"
    assert device.data["connection"] == {"host": host, **LOGIN, **REGISTERS}
    assert device.data["identity"]["firmware"] == "4.7.1"
    assert device.data["parts"]["meter"]["meter_phases"] == [3]
    site = entry.runtime_data
    await rig.until(lambda: site.meter is not None and site.pv_kw is not None)
    assert not site.meter_is_slow
    (meter,) = (
        row
        for row in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        if (DOMAIN, f"egauge_{SERIAL}_meter") in row.identifiers
    )
    assert (meter.serial_number, meter.sw_version) == (SERIAL, "4.7.1")
    assert (meter.manufacturer, meter.model) == ("eGauge Systems", "EG4015")


async def test_a_meter_without_login_asks_for_its_label(rig: Rig) -> None:
    _, host = await gauge_at(rig, password="", phases=False)
    entry = await rig.site(meter_data(rig.p1().start_pty()))
    form = await rig.add(entry, "device", "egauge")
    form = await rig.answer(form, host=host)
    assert "does not say which one it is" in message(form)
    form = await rig.accept(form, serial=SERIAL)
    assert form["step_id"] == "egauge_channels"
    flow = rig.hass.config_entries.subentries._progress[form["flow_id"]]
    assert not hasattr(flow, "async_step_sonnen_channels"), "a battery knows what it measures"
    fields = {str(marker) for marker in form["data_schema"].schema}
    assert not {"l1_current", "l1_voltage"} & fields, "it measures no such thing"
    form = await rig.accept(form, grid_inverted=True, grid_scale=2)
    # The P1 port measures the grid already.
    assert shown(form) == {"parts": ["pv"]}
    assert (await rig.accept(form))["type"] == "create_entry"
    device = subentries(entry, "device")[-1]
    assert device.data["connection"]["grid_inverted"] is True
    assert device.data["connection"]["grid_scale"] == 2
    site = entry.runtime_data
    await rig.until(lambda: site.pv_kw is not None)


async def test_what_is_wrong_is_said_until_it_is_right(rig: Rig) -> None:
    gauge, host = await gauge_at(rig)
    page = await rig.listener(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    form = await rig.add(await rig.site(), "device", "egauge")
    form = await rig.answer(form, host="127.0.0.1:1", **LOGIN)
    assert "does not answer as it should" in message(form)
    form = await rig.accept(form, host=f"http://{page}")
    assert "not this eGauge" in message(form)
    form = await rig.accept(form, host=host, password="wrong")
    assert "The meter refuses: Invalid username or password" in message(form)
    form = await rig.accept(form, password=None)
    assert "both user name and password" in message(form)
    gauge.inject("xml_locked")
    form = await rig.accept(form, username=None, password=None)
    assert "only to users that it knows" in message(form)
    gauge.clear()
    gauge.inject("no_nonce")
    form = await rig.accept(form, **LOGIN)
    assert "HTTP 503" in message(form)
    gauge.clear()
    gauge.inject("no_settings")
    form = await rig.accept(form, password=PASSWORD)
    assert "allow this user to view settings" in message(form)
    gauge.clear()
    form = await rig.accept(form, password=PASSWORD)
    assert form["step_id"] == "egauge_channels"

    nothing = dict.fromkeys(key for key, value in REGISTERS.items() if isinstance(value, str))
    form = await rig.accept(form, **nothing)
    assert "the grid or the solar panels" in message(form)
    assert shown(form)["grid_scale"] == 1, "what was answered stays"
    gauge.inject("renamed")
    form = await rig.accept(form, **{**nothing, "grid": "Grid"})
    assert "does not have these registers any more: Grid." in message(form)
    await gauge.stop()
    form = await rig.accept(form, **{**nothing, "grid": "Grid"})
    assert "does not answer as it should" in message(form)


async def test_the_same_meter_is_added_once(rig: Rig) -> None:
    gauge, host = await gauge_at(rig)
    port = int(host.rpartition(":")[2])
    await rig.site(egauge_data(port), title="Cottage")
    form = await rig.add(await rig.site(), "device", "egauge")
    end = await rig.answer(form, host=host, **LOGIN)
    assert (end["type"], end["reason"]) == ("abort", "already_configured")
    assert "of the site Cottage" in message(end)
    assert gauge.logins


async def test_meanings_can_be_changed(hass: HomeAssistant, rig: Rig) -> None:
    gauge, host = await gauge_at(rig)
    entry = await rig.site(egauge_data(int(host.rpartition(":")[2])))
    (device,) = subentries(entry, "device")
    site = entry.runtime_data
    await rig.until(lambda: site.meter is not None and site.pv_kw is not None)
    registry = er.async_get(hass)
    assert registry.async_get_entity_id("sensor", DOMAIN, f"egauge_{SERIAL}_pv_power")

    form = await rig.change(entry, device)
    assert PASSWORD not in shown(form).values(), "no secret leaves Home Assistant"
    form = await rig.accept(form)
    assert form["step_id"] == "egauge_channels"
    assert shown(form) == REGISTERS
    form = await rig.accept(form, grid="EV", grid_inverted=True, pv=None, pv_energy=None)
    # A device with one part has no choice of parts.
    assert form["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert device.data["connection"]["grid"] == "EV"
    assert "pv" not in device.data["connection"]
    assert device.data["connection"]["password"] == PASSWORD
    assert list(device.data["parts"]) == ["meter"]
    assert entry.runtime_data is site
    await rig.until(lambda: site.meter is not None and site.pv_kw is None)
    assert registry.async_get_entity_id("sensor", DOMAIN, f"egauge_{SERIAL}_pv_power") is None

    # A register that is gone must be chosen anew.
    gauge.inject("renamed")
    form = await rig.accept(await rig.change(entry, device))
    assert "grid" not in shown(form)
    assert "_Grid" in options(form, "grid")


async def test_another_meter_does_not_take_the_place_of_one(rig: Rig) -> None:
    _, host = await gauge_at(rig)
    entry = await rig.site(egauge_data(int(host.rpartition(":")[2])))
    (device,) = subentries(entry, "device")
    _, other = await gauge_at(rig, serial="G99999")
    end = await rig.accept(await rig.change(entry, device), host=other)
    assert (end["type"], end["reason"]) == ("abort", "another_device")
    assert "G99999" in message(end)
    assert device.data["connection"]["host"] == host


async def test_a_password_that_was_changed_is_asked_for(rig: Rig) -> None:
    _, host = await gauge_at(rig)
    entry = await rig.site(egauge_data(int(host.rpartition(":")[2]), password="old"))
    site = entry.runtime_data
    await rig.until(lambda: len(site.refusing()) == 1)
    form = await rig.reauth(entry)
    assert shown(form) == {}, "no secret leaves Home Assistant"
    form = await rig.answer(form, password="wrong")
    assert "The meter refuses" in message(form)
    end = await rig.answer(form, password=PASSWORD)
    assert (end["type"], end["reason"]) == ("abort", "reauth_successful")
    await rig.until(lambda: site.meter is not None and not site.refusing())
    (device,) = subentries(entry, "device")
    assert device.data["connection"] == {"host": host, **LOGIN, **REGISTERS}


# --- entities and diagnostics -----------------------------------------------------------------


@pytest.mark.freeze_time(NOON)
@both_interfaces
async def test_entities_show_what_flows(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, interface: str
) -> None:
    async with egauge_home(hass, freezer, json=interface == "json") as home:
        await home.run(30, step=1)
        house = home.house
        assert float(home.state("sensor", "meter_power")) == pytest.approx(
            house.meter.power_kw, abs=0.1
        )
        assert float(home.state("sensor", "meter_import_energy")) == pytest.approx(
            house.meter.import_kwh, abs=0.1
        )
        assert float(home.state("sensor", "pv_power")) == pytest.approx(house.pv_kw, abs=0.1)
        assert float(home.state("sensor", "pv_energy")) == pytest.approx(
            house.pv_energy_kwh, abs=0.2
        )
        assert float(home.state("sensor", "_grid_power")) == pytest.approx(
            house.meter.power_kw, abs=0.1
        )
        # Polled each 2 s, by a clock that moves in steps of 1 s.
        assert 2 <= home.site.runners[GAUGE].interval_s("meter") <= 3
        assert not home.site.meter_is_slow


@pytest.mark.freeze_time(NIGHT)
async def test_no_password_and_no_serial_in_a_download_or_the_log(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "custom_components.smart_charging")
    async with egauge_home(hass, freezer) as home:
        assert home.entry is not None
        content = await async_get_config_entry_diagnostics(hass, home.entry)
        tokens = set(home.gauge.tokens)
        home.gauge.inject("expired")
        await home.run(60, step=1)
        failed = await async_get_config_entry_diagnostics(hass, home.entry)
        tokens |= home.gauge.tokens
    assert tokens
    for text in (json.dumps([content, failed], cls=ExtendedJSONEncoder), caplog.text):
        for secret in (PASSWORD, *tokens):
            assert secret not in text
    assert SERIAL not in json.dumps([content, failed], cls=ExtendedJSONEncoder)
    (device,) = [d for d in content["devices"] if d["make"] == "egauge"]
    assert device["error"] is None
    (device,) = [d for d in failed["devices"] if d["make"] == "egauge"]
    assert device["error"] == "invalid_auth"


def test_its_row_keeps_the_password_secret() -> None:
    assert MAKES["egauge"].secrets == {"password"}


# --- control ----------------------------------------------------------------------------------


@pytest.mark.freeze_time(NIGHT)
@both_interfaces
async def test_it_guards_the_fuse(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, interface: str
) -> None:
    """A load on one line lowers what the car may draw, and its end raises it again."""
    async with egauge_home(hass, freezer, json=interface == "json") as home:
        point = home.house.chargers["charger"]
        await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
        await home.choose("fast")
        await home.run(60, step=1)
        assert point.status is ChargerStatus.CHARGING
        assert point.effective_a == 16
        assert float(home.state("sensor", "_house_power")) == pytest.approx(
            home.house.base_kw, abs=0.2
        )
        # 25 A per line: with 13 A more on L1 the car must go down.
        home.house.advance()
        home.house.extra_kw[0] = 3.0
        await home.run(60, step=1)
        assert 6 <= point.effective_a <= 25 - 13
        assert max(home.house.line_a) <= 25
        home.house.advance()
        home.house.extra_kw[0] = 0.0
        await home.run(240, step=1)
        assert point.effective_a == 16
        await home.call("switch", "turn_off", home.entity_id("switch", "_act"))


@pytest.mark.freeze_time(NOON)
@both_interfaces
async def test_the_car_follows_the_sun(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, interface: str
) -> None:
    """The car takes what the panels leave over, and neither buys nor sells much."""
    async with egauge_home(hass, freezer, json=interface == "json") as home:
        assert home.house.meter.power_kw < -6
        await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
        await home.choose("solar")
        await home.run(300, step=1)
        point = home.house.chargers["charger"]
        assert point.status is ChargerStatus.CHARGING
        assert abs(home.house.meter.power_kw) < 0.8
        # An oven takes its share.
        home.house.advance()
        home.house.extra_kw[1] = 2.0
        before_kw = point.power_kw
        await home.run(120, step=1)
        assert point.power_kw < before_kw - 1.2
        assert abs(home.house.meter.power_kw) < 0.8


@pytest.mark.freeze_time(NOON)
async def test_it_is_closed_when_the_site_goes(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async with egauge_home(hass, freezer) as home:
        # In the middle of a question that is never answered.
        home.gauge.inject("silence")
        await home.run(3, step=1)
        assert await unload(home) < 5
        asked = len(home.gauge.asked)
        await home.run(20, step=1)
        assert len(home.gauge.asked) == asked
