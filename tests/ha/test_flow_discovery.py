"""A device that announces itself, up to its entities in a site."""

from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from pathlib import Path
import socket
from typing import Any

from homeassistant import loader
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.usb import UsbServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.devices.registry import MAKES
from custom_components.smart_charging.flows import places
from simulators.nrgkick import NrgkickGen2

from .flow_rig import PASSWORD, Result, Rig, check_texts, message, options, shown, subentries
from .home import charger_data, meter_data

SERIAL = "T2332500000000000S1D2"


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


async def kick(rig: Rig, **options: Any) -> tuple[NrgkickGen2, int]:
    """Return a running NRGkick and its port."""
    simulator = NrgkickGen2(rig.house, rig.clock, next(iter(rig.house.chargers)), **options)
    return simulator, await rig.serve(simulator)


def announced(
    kind: str, port: int, *, address: str = "127.0.0.1", name: str = "Box", **properties: str | None
) -> ZeroconfServiceInfo:
    """Return what Home Assistant hands on of an announcement."""
    return ZeroconfServiceInfo(
        ip_address=ip_address(address),
        ip_addresses=[ip_address(address)],
        port=port,
        hostname=f"{name}.local.",
        type=kind,
        name=f"{name}.{kind}",
        properties=dict(properties),
    )


def kick_announced(port: int, serial: str | None = SERIAL, **more: Any) -> ZeroconfServiceInfo:
    """Return the announcement of an NRGkick."""
    return announced(
        "_nrgkick._tcp.local.",
        port,
        serial_number=serial,
        device_name="Carport",
        json_api_enabled="1",
        **more,
    )


async def hear(rig: Rig, info: Any, source: str = "zeroconf") -> Result:
    """Have Home Assistant discover something."""
    result = await rig.hass.config_entries.flow.async_init(
        DOMAIN, context={"source": source}, data=info
    )
    if result.get("reason") != "already_in_progress":
        check_texts(result)
    return result


def tiles(hass: HomeAssistant) -> list[Any]:
    """Return what Home Assistant shows as discovered."""
    return list(hass.config_entries.flow.async_progress_by_handler(DOMAIN))


async def test_home_assistant_looks_for_what_the_rows_declare(hass: HomeAssistant) -> None:
    ways = [make.discovery for make in MAKES.values() if make.discovery is not None]
    zeroconf = await loader.async_get_zeroconf(hass)
    for kind in (kind for way in ways for kind in way.zeroconf):
        assert {"domain": DOMAIN} in zeroconf[kind]
    dhcp, usb = await loader.async_get_dhcp(hass), await loader.async_get_usb(hass)
    for way in ways:
        assert [row for row in way.dhcp if {"domain": DOMAIN, **row} not in dhcp] == []
        assert [row for row in way.usb if {"domain": DOMAIN, **row} not in usb] == []


# --- the plain way ----------------------------------------------------------------------------


async def test_an_announced_charger_joins_the_site(hass: HomeAssistant, rig: Rig) -> None:
    _, port = await kick(rig)
    entry = await rig.site()
    site = entry.runtime_data
    form = await hear(rig, kick_announced(port))
    assert form["step_id"] == "discovered"
    assert form["description_placeholders"] == {"name": "Carport", "address": f"127.0.0.1:{port}"}
    (tile,) = tiles(hass)
    assert tile["context"]["title_placeholders"] == {"name": "Carport"}
    form = await rig.answer(form)
    assert form["step_id"] == "figures_charger", "it needs no password, so none is asked for"
    end = await rig.accept(form, max_a=13)
    assert (end["type"], end["reason"]) == ("abort", "device_added")
    assert "was added to the site Home" in message(end)

    (charger,) = subentries(entry, "device")
    assert charger.unique_id == f"nrgkick_{SERIAL}"
    assert charger.data["connection"] == {"host": f"127.0.0.1:{port}"}
    assert charger.data["parts"]["charger"]["max_a"] == 13
    await rig.until(lambda: site.reading(site.config.devices[0].parts[0]) is not None)
    assert entry.runtime_data is site, "the site went on running"
    ours = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert any(row.config_subentry_id == charger.subentry_id for row in ours)
    assert tiles(hass) == []


async def test_a_password_is_asked_for_until_it_is_right(rig: Rig) -> None:
    await kick(rig)
    _, port = await kick(rig, username="me", password=PASSWORD)
    await rig.site()
    form = await rig.answer(await hear(rig, kick_announced(port)))
    assert form["step_id"] == "nrgkick"
    assert shown(form) == {"host": f"127.0.0.1:{port}"}
    assert "refuses the user name or password" in message(form)
    form = await rig.accept(form, username="me", password="wrong")
    assert "refuses the user name or password" in message(form)
    form = await rig.accept(form, username="me", password=PASSWORD)
    assert (await rig.accept(form))["reason"] == "device_added"


async def test_a_device_that_is_gone_at_confirmation_can_be_tried_again(rig: Rig) -> None:
    simulator, port = await kick(rig)
    await rig.site()
    form = await hear(rig, kick_announced(port))
    await simulator.stop()
    form = await rig.answer(form)
    assert form["step_id"] == "nrgkick"
    assert "does not answer" in message(form)
    await simulator.start(port)
    form = await rig.accept(form)
    assert (await rig.accept(form))["reason"] == "device_added"


async def test_a_local_interface_that_is_off_says_how_to_switch_it_on(rig: Rig) -> None:
    simulator, port = await kick(rig)
    simulator.inject("api_off")
    await rig.site()
    form = await rig.answer(await hear(rig, kick_announced(port)))
    assert "Switch it on in the NRGkick app" in message(form)
    simulator.clear()
    assert (await rig.accept(form))["step_id"] == "figures_charger"


@pytest.mark.parametrize("name", ["Fronius-SE-Wattpilot", "fronius-se-wattpilot"])
async def test_an_announced_wallbox_says_who_it_is_before_it_wants_a_password(
    hass: HomeAssistant, rig: Rig, name: str
) -> None:
    simulator, host = await rig.wattpilot()
    entry = await rig.site()
    port = int(host.rpartition(":")[2])
    form = await hear(rig, announced(f"_{name}._tcp.local.", port))
    (tile,) = tiles(hass)
    assert tile["context"]["unique_id"] == "wattpilot_91012345"
    assert simulator.logins == 0
    form = await rig.answer(form)
    assert form["step_id"] == "wattpilot"
    assert shown(form) == {"host": host}
    assert form["errors"] == {}, "nothing was tried without a password"
    form = await rig.accept(form, password="wrong")
    assert "refuses the password" in message(form)
    form = await rig.accept(form, password=PASSWORD)
    assert (await rig.accept(form))["reason"] == "device_added"
    (charger,) = subentries(entry, "device")
    assert charger.data["connection"] == {"host": host, "password": PASSWORD}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP 404"),
        (b"", "does not say who it is"),
    ],
)
async def test_what_is_no_wallbox_is_not_offered(rig: Rig, answer: bytes, words: str) -> None:
    await rig.site()
    port = int((await rig.listener(answer)).rpartition(":")[2])
    end = await hear(rig, announced("_Fronius-SE-Wattpilot._tcp.local.", port, name="Datamanager"))
    assert end["reason"] == "no_introduction"
    assert words in message(end)


async def test_an_inverter_is_asked_who_it_is_and_tried_once_more(
    hass: HomeAssistant, rig: Rig
) -> None:
    inverter = await rig.inverter()
    entry = await rig.site(meter_data("/dev/ttyNOWHERE"))
    info = announced("_solaredge-modbus._tcp.local.", inverter.port, MODBUS_ID="1")
    form = await hear(rig, info)
    assert form["description_placeholders"]["name"].startswith("SolarEdge SE")
    form = await rig.answer(form)
    assert form["step_id"] == "parts"
    assert shown(form) == {"parts": ["pv", "battery_1"]}, "the site has a meter"
    end = await rig.answer(form, parts=["pv"])
    assert end["reason"] == "device_added"
    (_, device) = subentries(entry, "device")
    assert device.data["connection"] == {"host": "127.0.0.1", "port": inverter.port, "unit": 1}
    await rig.until(lambda: entry.runtime_data.pv_kw is not None)
    inverter.inject("second_client")
    end = await hear(rig, info)
    assert end["reason"] == "already_configured", "a device in use is not disturbed"


async def test_an_inverter_without_modbus_is_not_offered(rig: Rig) -> None:
    await rig.site()
    info = DhcpServiceInfo(ip="127.0.0.1", hostname="target", macaddress="002702aabbcc")
    end = await hear(rig, info, "dhcp")
    assert end["reason"] == "no_introduction"


async def test_a_device_without_an_address_that_can_be_used_is_not_offered(rig: Rig) -> None:
    end = await hear(rig, kick_announced(80, address="fd00::1"))
    assert end["reason"] == "no_ipv4"


# --- a cable ----------------------------------------------------------------------------------


def cable(device: str) -> UsbServiceInfo:
    return UsbServiceInfo(
        device=device,
        vid="0403",
        pid="6001",
        serial_number="P1XZ0001",
        manufacturer="FTDI",
        description="P1 Converter Cable",
    )


async def test_a_cable_asks_for_the_kind_of_meter_and_is_read(rig: Rig) -> None:
    p1 = rig.p1()
    entry = await rig.site()
    form = await hear(rig, cable(p1.start_pty()), "usb")
    assert form["description_placeholders"]["name"] == "P1 Converter Cable"
    form = await rig.answer(form)
    assert form["step_id"] == "p1"
    assert shown(form)["version"] == "5b"
    assert (await rig.accept(form))["reason"] == "device_added"
    await rig.until(lambda: entry.runtime_data.meter is not None)
    (meter,) = subentries(entry, "device")
    end = await hear(rig, cable(meter.data["connection"]["url"]), "usb")
    assert end["reason"] == "already_configured"
    assert "it is P1 meter of the site Home" in message(end)


async def test_a_cable_is_kept_under_the_name_that_lasts(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = rig.p1().start_pty()
    lasting = tmp_path / "usb-FTDI_P1_Converter_Cable_P1XZ0001-if00-port0"
    (tmp_path / "usb-Other").symlink_to("/dev/null")
    lasting.symlink_to(port)
    monkeypatch.setattr(places, "BY_ID", tmp_path)
    entry = await rig.site()
    form = await rig.answer(await hear(rig, cable(port), "usb"))
    assert (await rig.accept(form))["reason"] == "device_added"
    (meter,) = subentries(entry, "device")
    assert meter.data["connection"]["url"] == str(lasting)


async def test_a_cable_that_another_integration_reads_is_offered_as_entities(
    hass: HomeAssistant, rig: Rig
) -> None:
    owner = MockConfigEntry(domain="dsmr", data={"port": "/dev/ttyUSB7", "dsmr_version": "5B"})
    owner.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=owner.entry_id, identifiers={("dsmr", "meter")}, name="Meter"
    )
    for key in ("current_electricity_usage", "current_electricity_delivery"):
        row = er.async_get(hass).async_get_or_create(
            "sensor",
            "dsmr",
            f"1SAG_{key}",
            suggested_object_id=key,
            config_entry=owner,
            device_id=device.id,
            translation_key=key,
        )
        hass.states.async_set(
            row.entity_id, "0.4", {"unit_of_measurement": "kW", "device_class": "power"}
        )
    entry = await rig.site()
    form = await rig.answer(await hear(rig, cable("/dev/ttyUSB7"), "usb"))
    assert form["step_id"] == "discovered_entities"
    form = await rig.answer(form, link="0")
    assert form["step_id"] == "entity_meter"
    assert (await rig.accept(form))["reason"] == "device_added"
    await rig.until(lambda: entry.runtime_data.meter is not None)
    assert (await hear(rig, cable("/dev/ttyUSB7"), "usb"))["reason"] == "already_configured"


# --- once and only once -----------------------------------------------------------------------


async def test_a_second_announcement_changes_nothing(hass: HomeAssistant, rig: Rig) -> None:
    simulator, port = await kick(rig)
    entry = await rig.site()
    form = await hear(rig, kick_announced(port))
    again = await hear(rig, kick_announced(port))
    assert again["reason"] == "already_in_progress"
    await rig.accept(await rig.answer(form))
    await rig.until(lambda: simulator.asked)
    (charger,) = subentries(entry, "device")
    before, runner = dict(charger.data), entry.runtime_data.runners[charger.subentry_id]
    end = await hear(rig, kick_announced(port))
    assert end["reason"] == "already_configured"
    assert "it is NRGkick 🔌⚡️ of the site Home" in message(end)
    assert dict(charger.data) == before
    assert entry.runtime_data.runners[charger.subentry_id] is runner


async def test_a_new_address_is_stored_and_only_that_device_restarts(
    hass: HomeAssistant, rig: Rig
) -> None:
    wattpilot, host = await rig.wattpilot()
    wattpilot_port = int(host.rpartition(":")[2])
    _, old = await kick(rig)
    entry = await rig.site(charger_data(wattpilot_port))
    site = entry.runtime_data
    form = await rig.answer(await hear(rig, kick_announced(old)))
    assert (await rig.accept(form, max_a=13))["reason"] == "device_added"
    _, kicker = subentries(entry, "device")
    await rig.until(lambda: wattpilot.clients == 1)
    untouched = site.runners["charger_sub"]

    moved, new = await kick(rig)
    end = await hear(rig, kick_announced(new))
    assert (end["type"], end["reason"]) == ("abort", "already_configured")
    assert kicker.data["connection"] == {"host": f"127.0.0.1:{new}"}
    assert kicker.data["parts"]["charger"]["max_a"] == 13
    await rig.until(lambda: moved.asked)
    assert entry.runtime_data is site, "the site went on running"
    assert site.runners["charger_sub"] is untouched
    assert (wattpilot.logins, wattpilot.clients) == (1, 1)
    assert tiles(hass) == []


async def test_a_name_that_a_person_prefers_stays_while_it_leads_there(rig: Rig) -> None:
    _, port = await kick(rig)
    charger = charger_data(0)
    charger["unique_id"] = f"nrgkick_{SERIAL}"
    connection = {"host": f"http://localhost:{port}/"}
    charger["data"] = {**charger["data"], "make": "nrgkick", "connection": connection}
    entry = await rig.site(charger)
    assert (await hear(rig, kick_announced(port)))["reason"] == "already_configured"
    (kicker,) = subentries(entry, "device")
    assert kicker.data["connection"] == connection
    end = await hear(rig, kick_announced(port, address="192.0.2.7"))
    assert end["reason"] == "already_configured"
    assert kicker.data["connection"] == {"host": f"192.0.2.7:{port}"}


async def test_a_name_that_leads_nowhere_any_more_gives_way(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror

    _, port = await kick(rig)
    charger = charger_data(0)
    charger["unique_id"] = f"nrgkick_{SERIAL}"
    connection = {"host": f"nrgkick.invalid:{port}"}
    charger["data"] = {**charger["data"], "make": "nrgkick", "connection": connection}
    entry = await rig.site(charger)
    monkeypatch.setattr(rig.hass.loop, "getaddrinfo", unknown)
    assert (await hear(rig, kick_announced(port)))["reason"] == "already_configured"
    (kicker,) = subentries(entry, "device")
    assert kicker.data["connection"] == {"host": f"127.0.0.1:{port}"}


async def test_another_device_at_the_address_of_one_that_is_known_is_offered(rig: Rig) -> None:
    _, port = await kick(rig)
    await rig.site()
    await rig.accept(await rig.answer(await hear(rig, kick_announced(port))))
    form = await hear(rig, kick_announced(port, serial="T9999900000000000S1D2"))
    assert form["step_id"] == "discovered"


async def test_a_device_that_is_added_by_hand_meanwhile_is_no_longer_offered(
    hass: HomeAssistant, rig: Rig
) -> None:
    _, port = await kick(rig)
    entry = await rig.site()
    await hear(rig, kick_announced(port))
    form = await rig.add(entry, "device", "nrgkick")
    form = await rig.answer(form, host=f"127.0.0.1:{port}")
    assert (await rig.accept(form))["type"] == "create_entry"
    await hass.async_block_till_done()
    assert tiles(hass) == []


async def test_a_device_that_a_site_got_while_it_did_not_run_is_there_only_once(
    hass: HomeAssistant, rig: Rig
) -> None:
    _, port = await kick(rig)
    entry = await rig.site()
    form = await rig.answer(await hear(rig, kick_announced(port)))
    await hass.config_entries.async_unload(entry.entry_id)
    charger = charger_data(0)
    charger["unique_id"] = f"nrgkick_{SERIAL}"
    hass.config_entries.async_add_subentry(
        entry, MockConfigEntry(subentries_data=[charger]).subentries["charger_sub"]
    )
    assert (await rig.accept(form))["reason"] == "already_configured"
    assert len(subentries(entry, "device")) == 1


async def test_an_ignored_device_stays_ignored(hass: HomeAssistant, rig: Rig) -> None:
    _, port = await kick(rig)
    await rig.site()
    form = await hear(rig, kick_announced(port))
    unique_id = f"nrgkick_{SERIAL}"
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": "ignore"},
        data={"unique_id": unique_id, "title": form["description_placeholders"]["name"]},
    )
    assert tiles(hass) == []
    assert (await hear(rig, kick_announced(port)))["reason"] == "ignored"
    assert (await hear(rig, kick_announced(port, serial="T1")))["step_id"] == "discovered"


# --- sites ------------------------------------------------------------------------------------


async def test_without_a_site_the_site_comes_first_and_has_the_device(
    hass: HomeAssistant, rig: Rig
) -> None:
    simulator, port = await kick(rig)
    form = await hear(rig, kick_announced(port))
    assert form["step_id"] == "discovered_first"
    form = await rig.answer(form)
    assert form["step_id"] == "user"
    form = await rig.accept(form, currency="XXXX")
    assert form["errors"] == {"currency": "currency_code"}
    form = await rig.accept(form, name="Cottage", currency="EUR", topology="grid_1x230", fuse_a=25)
    assert form["step_id"] == "figures_charger"
    assert set(shown(form)) == {"max_a", "min_a"}, "a house of one phase is not asked about phases"
    result = await rig.accept(form)
    assert (result["type"], result["title"]) == ("create_entry", "Cottage")
    await hass.async_block_till_done()
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert entry.unique_id is None, "a site is not called as its first device"
    assert "name" not in entry.data
    (charger,) = entry.subentries.values()
    assert charger.unique_id == f"nrgkick_{SERIAL}"
    await rig.until(lambda: simulator.asked and entry.runtime_data.runners)


async def test_a_site_that_came_meanwhile_is_taken(rig: Rig) -> None:
    _, port = await kick(rig)
    form = await hear(rig, kick_announced(port))
    await rig.site()
    assert (await rig.answer(form))["step_id"] == "discovered"


async def test_among_several_sites_one_is_chosen(hass: HomeAssistant, rig: Rig) -> None:
    _, port = await kick(rig)
    home, cottage = await rig.site(), await rig.site(title="Cottage")
    form = await hear(rig, kick_announced(port))
    assert options(form, "site") == [home.entry_id, cottage.entry_id]
    form = await rig.answer(form, site=cottage.entry_id)
    assert "was added to the site Cottage" in message(await rig.accept(form))
    assert subentries(home, "device") == []
    assert len(subentries(cottage, "device")) == 1
    _, elsewhere = await kick(rig)
    assert (await hear(rig, kick_announced(elsewhere)))["reason"] == "already_configured"
    (charger,) = subentries(cottage, "device")
    assert charger.data["connection"]["host"] == f"127.0.0.1:{elsewhere}"


async def test_a_site_that_is_removed_meanwhile_ends_the_form(
    hass: HomeAssistant, rig: Rig
) -> None:
    _, port = await kick(rig)
    entry = await rig.site()
    form = await rig.answer(await hear(rig, kick_announced(port)))
    await hass.config_entries.async_remove(entry.entry_id)
    end = await rig.accept(form)
    assert (end["type"], end["reason"]) == ("abort", "site_gone")


# --- what another integration has -------------------------------------------------------------


@pytest.fixture
def owned(hass: HomeAssistant) -> Callable[[str], MockConfigEntry]:
    """Return what adds a charger of the integration `nrgkick` at an address."""

    def add(host: str) -> MockConfigEntry:
        owner = MockConfigEntry(domain="nrgkick", unique_id=SERIAL, data={"host": host})
        owner.add_to_hass(hass)
        device = dr.async_get(hass).async_get_or_create(
            config_entry_id=owner.entry_id, identifiers={("nrgkick", SERIAL)}, name="Carport"
        )
        for domain, key, state, attributes in (
            ("sensor", "status", "connected", {}),
            ("number", "current_set", "16", {"unit_of_measurement": "A", "min": 6, "max": 32}),
            ("switch", "charging_enabled", "on", {}),
            ("number", "phase_count", "3", {"min": 1, "max": 3}),
        ):
            row = er.async_get(hass).async_get_or_create(
                domain,
                "nrgkick",
                f"{SERIAL}_{key}",
                suggested_object_id=f"carport_{key}",
                config_entry=owner,
                device_id=device.id,
                translation_key=key,
            )
            hass.states.async_set(row.entity_id, state, attributes)
        return owner

    return add


async def test_what_another_integration_has_is_offered_as_entities(
    hass: HomeAssistant, rig: Rig, owned: Callable[[str], MockConfigEntry]
) -> None:
    simulator, port = await kick(rig)
    owned("192.0.2.7")
    entry = await rig.site()
    form = await rig.answer(await hear(rig, kick_announced(port)))
    assert form["step_id"] == "discovered_entities"
    assert options(form, "link") == ["0", "direct"]
    form = await rig.answer(form, link="0")
    assert form["step_id"] == "entity_charger"
    assert shown(form)["limit"] == "number.carport_current_set"
    form = await rig.accept(form)
    assert form["step_id"] == "figures_charger"
    assert (await rig.accept(form))["reason"] == "device_added"
    (charger,) = subentries(entry, "device")
    assert charger.data["make"] == "entity_charger"
    assert simulator.asked == [], "no second connection was opened"
    end = await hear(rig, kick_announced(port))
    assert end["reason"] == "already_configured", "it is there, through its entities"


async def test_a_second_connection_is_made_only_when_it_is_chosen(
    rig: Rig, owned: Callable[[str], MockConfigEntry]
) -> None:
    simulator, port = await kick(rig)
    owned(f"127.0.0.1:{port}")
    await rig.site()
    form = await rig.answer(await hear(rig, kick_announced(port, serial=SERIAL)))
    assert simulator.asked == []
    form = await rig.answer(form, link="direct")
    assert form["step_id"] == "figures_charger"
    assert simulator.asked


async def test_an_inverter_that_another_integration_holds_is_recognised_without_its_link(
    hass: HomeAssistant, rig: Rig
) -> None:
    inverter = await rig.inverter()
    inverter.inject("second_client")
    owner = MockConfigEntry(domain="solaredge_modbus_multi", data={"host": "127.0.0.1"})
    owner.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=owner.entry_id, identifiers={("solaredge_modbus_multi", "1")}, name="Roof"
    )
    row = er.async_get(hass).async_get_or_create(
        "sensor",
        "solaredge_modbus_multi",
        "1_solar_power",
        suggested_object_id="roof_solar_power",
        config_entry=owner,
        device_id=device.id,
        original_device_class="power",  # type: ignore[arg-type]  # as integrations give it
        capabilities={"state_class": "measurement"},
        unit_of_measurement="W",
    )
    hass.states.async_set(
        row.entity_id, "2100", {"unit_of_measurement": "W", "device_class": "power"}
    )
    entry = await rig.site()
    form = await hear(rig, announced("_solaredge-modbus._tcp.local.", inverter.port))
    form = await rig.answer(form)
    assert form["step_id"] == "discovered_entities"
    form = await rig.answer(form, link="0")
    assert form["step_id"] == "entity_pv"
    assert (await rig.accept(form))["reason"] == "device_added"
    assert [each.data["make"] for each in subentries(entry, "device")] == ["entity_pv"]
