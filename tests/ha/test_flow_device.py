"""The form of a device: make, connection, test, parts, figures."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import selector
import pytest

from custom_components.smart_charging.core.reading import PartKind
from custom_components.smart_charging.devices.base import (
    Data,
    Driver,
    DriverContext,
    Field,
    FieldKind,
    Identity,
    Make,
    PartInfo,
    Publish,
)
from custom_components.smart_charging.devices.p1 import driver as p1_driver
from custom_components.smart_charging.devices.registry import MAKES
from custom_components.smart_charging.devices.solaredge_cloud import driver as cloud_driver
from custom_components.smart_charging.flows import testing
from custom_components.smart_charging.ha_versions import serial_selector

from .flow_rig import PASSWORD, Rig, message, options, shown, subentries
from .home import car_data, charger_data, meter_data

WATTPILOT_PARTS = {
    "charger": {
        "kind": "charger",
        "name": None,
        "used": True,
        "controllable": True,
        "min_a": 6,
        "max_a": 16,
        "phases": "1_3",
        "can_switch_phases": True,
        "switchable": True,
        "phase_map": "123",
        "circuit": None,
        "circuit_fuse_a": None,
    }
}


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the P1 driver wait for less than it does in a home."""
    patience = partial(p1_driver.Patience, connect_s=2, identify_s=0.4)
    monkeypatch.setattr(p1_driver, "Patience", patience)


# --- meter ------------------------------------------------------------------------------------


async def test_the_menu_offers_every_make_hardware_first(rig: Rig) -> None:
    menu = await rig.add(await rig.site(), "device")
    assert menu["menu_options"] == list(MAKES)
    assert menu["menu_options"][0] == "p1"
    assert menu["menu_options"][-1].startswith("entity_")


async def test_a_p1_meter_on_a_port_joins_the_running_site(hass: HomeAssistant, rig: Rig) -> None:
    entry = await rig.site()
    site = entry.runtime_data
    form = await rig.add(entry, "device", "p1")
    assert shown(form) == {"version": "5b"}
    assert (await rig.reopen(form))["step_id"] == "p1"
    result = await rig.answer(form, url=f" {rig.p1().start_pty()} ", version="5b")
    assert result["type"] == "create_entry"
    assert result["title"] == "P1 meter"
    (meter,) = subentries(entry, "device")
    assert meter.unique_id == "p1_1SAG3100000001"
    assert meter.data["connection"]["version"] == "5B"
    assert meter.data["identity"]["manufacturer"] == "Fluvius"
    assert meter.data["parts"]["meter"]["meter_phases"] == [3]
    await rig.until(lambda: site.meter is not None)
    assert entry.runtime_data is site


async def test_a_silent_port_and_a_wrong_address_are_told_apart(rig: Rig, hasty: None) -> None:
    p1 = rig.p1()
    p1.inject("skip", None)
    address = f"127.0.0.1:{await p1.start_tcp()}"
    form = await rig.add(await rig.site(), "device", "p1")
    form = await rig.accept(form, url="socket://127.0.0.1:1")
    assert "gives no telegrams" in message(form)
    form = await rig.accept(form, url="/dev/ttyNOWHERE")
    assert "/dev/ttyNOWHERE" in message(form)
    form = await rig.accept(form, url=address)
    assert "nothing came in" in message(form)
    p1.clear()
    p1.inject("crc", None)
    form = await rig.accept(form)
    assert "no telegram that can be read" in message(form)
    form = await rig.accept(form, version="msn", encryption_key="short")
    assert "32 hexadecimal digits" in message(form)
    assert shown(form)["version"] == "msn"
    p1.clear()
    result = await rig.accept(form, version="5b", encryption_key=None)
    assert result["type"] == "create_entry"


async def test_a_field_with_blanks_only_is_asked_again(rig: Rig) -> None:
    form = await rig.add(await rig.site(), "device", "p1")
    form = await rig.accept(form, url="  ")
    assert form["errors"] == {"url": "required"}
    form = await rig.add(await rig.site(title="Other"), "device", "wattpilot")
    form = await rig.answer(form, host="", password=PASSWORD)
    assert form["errors"] == {"host": "required"}


async def test_a_port_of_another_device_of_ours_is_refused_under_any_name(
    rig: Rig, tmp_path: Path
) -> None:
    port = rig.p1().start_pty()
    await rig.site(meter_data(port), title="Cottage")
    alias = tmp_path / "by-id"
    alias.symlink_to(port)
    form = await rig.add(await rig.site(), "device", "p1")
    for name in (port, str(alias)):
        form = await rig.accept(form, url=name)
        assert message(form).startswith("Meter of the site Cottage already uses")
    other = rig.p1("1SAG3100000002")
    result = await rig.accept(form, url=f"127.0.0.1:{await other.start_tcp()}")
    assert result["type"] == "create_entry"


def test_serial_ports_are_offered_where_home_assistant_can() -> None:
    offered = getattr(selector, "SerialPortSelector", selector.TextSelector)
    assert isinstance(serial_selector(), offered)


# --- charger ----------------------------------------------------------------------------------


async def test_a_charger_shows_its_own_figures_to_check(hass: HomeAssistant, rig: Rig) -> None:
    _, host = await rig.wattpilot()
    entry = await rig.site()
    form = await rig.add(entry, "device", "wattpilot")
    form = await rig.answer(form, host=host, password=PASSWORD)
    assert form["step_id"] == "figures_charger"
    assert shown(form) == {
        "max_a": 16,
        "min_a": 6,
        "phases": "phases_1_3",
        "can_switch_phases": True,
        "phase_map": "map_123",
    }
    assert (await rig.reopen(form))["step_id"] == "figures_charger"
    result = await rig.accept(form)
    assert result["type"] == "create_entry"
    (charger,) = subentries(entry, "device")
    assert charger.unique_id == "wattpilot_91012345"
    assert charger.data["connection"] == {"host": host, "password": PASSWORD}
    parts = {k: dict(v) for k, v in charger.data["parts"].items()}
    assert parts["charger"].pop("features") is not None
    assert parts == WATTPILOT_PARTS
    site = entry.runtime_data
    await rig.until(lambda: site.reading(site.config.devices[0].parts[0]) is not None)


async def test_a_charger_that_cannot_be_reached_says_why_until_it_can(rig: Rig) -> None:
    _, host = await rig.wattpilot()
    web = await rig.listener(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    form = await rig.add(await rig.site(), "device", "wattpilot")
    form = await rig.answer(form, host="127.0.0.1:1", password=PASSWORD)
    assert "does not answer" in message(form)
    form = await rig.accept(form, host=web)
    assert "HTTP 404" in message(form)
    form = await rig.accept(form, host=host, password="wrong")
    assert "refuses the password" in message(form)
    form = await rig.accept(form, password=PASSWORD)
    assert form["step_id"] == "figures_charger"


async def test_a_device_that_does_not_answer_in_time_ends_the_wait_in_words(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator, host = await rig.wattpilot()
    simulator.inject("silence")
    monkeypatch.setattr(testing, "TEST_TIMEOUT_S", 0.2)
    form = await rig.add(await rig.site(), "device", "wattpilot")
    form = await rig.answer(form, host=host, password=PASSWORD)
    assert "no answer within 0 s" in message(form)


async def test_a_missing_library_is_told_and_can_be_tried_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> Any:
        raise ImportError("no wheel for this machine")

    _, host = await rig.wattpilot()
    form = await rig.add(await rig.site(), "device", "wattpilot")
    with monkeypatch.context() as patch:
        patch.setitem(MAKES, "wattpilot", replace(MAKES["wattpilot"], load=load))
        form = await rig.answer(form, host=host, password=PASSWORD)
    assert "no wheel for this machine" in message(form)
    assert (await rig.accept(form))["step_id"] == "figures_charger"


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"min_a": 17}, "min_a", "above the highest"),
        ({"circuit": "Garage"}, "circuit_fuse_a", "Enter the fuse"),
        ({"circuit_fuse_a": 25}, "circuit", "guards nothing"),
        ({"circuit": " ", "circuit_fuse_a": 25}, "circuit", "guards nothing"),
    ],
)
async def test_figures_that_contradict_each_other_are_refused(
    rig: Rig, wrong: dict[str, Any], field: str, words: str
) -> None:
    _, host = await rig.wattpilot()
    entry = await rig.site()
    form = await rig.add(entry, "device", "wattpilot")
    form = await rig.answer(form, host=host, password=PASSWORD)
    form = await rig.accept(form, **wrong, phase_map="map_231", phases="phases_3")
    assert list(form["errors"]) == [field]
    assert words in message(form)
    assert shown(form)["phase_map"] == "map_231"
    result = await rig.accept(form, min_a=8, circuit="Garage", circuit_fuse_a=25)
    assert result["type"] == "create_entry"
    (charger,) = subentries(entry, "device")
    part = charger.data["parts"]["charger"]
    assert (part["min_a"], part["circuit"], part["circuit_fuse_a"]) == (8, "Garage", 25)
    assert (part["phases"], part["can_switch_phases"], part["phase_map"]) == ("3", False, "231")


async def test_chargers_of_one_circuit_share_it_however_it_is_written(
    hass: HomeAssistant, rig: Rig
) -> None:
    _, host = await rig.wattpilot("91012346")
    entry = await rig.site(charger_data(1, circuit="Garage", circuit_fuse_a=20))
    form = await rig.add(entry, "device", "wattpilot")
    form = await rig.answer(form, host=host, password=PASSWORD)
    assert options(form, "circuit") == ["Garage"]
    await rig.accept(form, circuit="garage ", circuit_fuse_a=25)
    await hass.async_block_till_done()
    (circuit,) = entry.runtime_data.config.circuits
    assert (circuit.name, circuit.fuse_a, len(circuit.chargers)) == ("Garage", 20, 2)


async def test_a_one_phase_house_is_not_asked_about_phases(rig: Rig) -> None:
    _, host = await rig.wattpilot()
    entry = await rig.site(topology="1x230")
    form = await rig.add(entry, "device", "wattpilot")
    form = await rig.answer(form, host=host, password=PASSWORD)
    assert set(shown(form)) == {"max_a", "min_a"}
    await rig.accept(form)
    (charger,) = subentries(entry, "device")
    part = charger.data["parts"]["charger"]
    assert (part["phases"], part["can_switch_phases"], part["phase_map"]) == ("1", False, "123")


async def test_a_device_of_any_site_is_there_only_once(rig: Rig) -> None:
    _, host = await rig.wattpilot()
    await rig.site(car_data(), meter_data("/dev/ttyNOWHERE"), charger_data(1), title="Cottage")
    form = await rig.add(await rig.site(), "device", "wattpilot")
    end = await rig.answer(form, host=host, password=PASSWORD)
    assert (end["type"], end["reason"]) == ("abort", "already_configured")
    assert "it is Wattpilot of the site Cottage" in message(end)


async def test_a_device_that_another_form_adds_meanwhile_is_there_only_once(rig: Rig) -> None:
    _, host = await rig.wattpilot()
    entry = await rig.site()
    forms = [await rig.add(entry, "device", "wattpilot") for _ in range(2)]
    forms = [await rig.answer(form, host=host, password=PASSWORD) for form in forms]
    assert (await rig.accept(forms[0]))["type"] == "create_entry"
    end = await rig.accept(forms[1])
    assert (end["type"], end["reason"]) == ("abort", "already_configured")
    assert len(subentries(entry, "device")) == 1


async def test_devices_of_one_name_are_told_apart_by_their_serial_number(rig: Rig) -> None:
    entry = await rig.site()
    for serial in ("91012345", "91012346"):
        _, host = await rig.wattpilot(serial)
        form = await rig.add(entry, "device", "wattpilot")
        await rig.accept(await rig.answer(form, host=host, password=PASSWORD))
    first, second = (s.title for s in subentries(entry, "device"))
    assert second == f"{first} 91012346"


# --- SolarEdge --------------------------------------------------------------------------------


async def test_the_parts_of_an_inverter_are_chosen_and_its_battery_checked(
    hass: HomeAssistant, rig: Rig
) -> None:
    inverter = await rig.inverter()
    entry = await rig.site()
    form = await rig.add(entry, "device", "solaredge_modbus")
    assert shown(form) == {"port": 1502, "unit": 1}
    form = await rig.accept(form, host="127.0.0.1", port=inverter.port)
    assert form["step_id"] == "parts"
    assert options(form, "parts") == ["meter", "pv", "battery_1"]
    assert shown(form) == {"parts": ["meter", "pv", "battery_1"]}
    form = await rig.answer(form, parts=[])
    assert form["errors"] == {"parts": "no_part"}
    assert (await rig.reopen(form))["step_id"] == "parts"
    form = await rig.answer(form, parts=["pv", "battery_1"])
    assert form["step_id"] == "figures_battery"
    capacity = rig.house.battery.capacity_kwh if rig.house.battery else None
    assert shown(form)["capacity_kwh"] == capacity
    assert shown(form)["fed_phases"] == "fed_all"
    result = await rig.accept(form, min_soc=20, may_feed_cars=True, fed_phases="fed_2")
    assert result["type"] == "create_entry"
    await hass.async_block_till_done()
    (device,) = entry.runtime_data.config.devices
    assert [part.key for part in device.parts] == ["pv", "battery_1"]
    spec = device.parts[1].battery_spec()
    assert (spec.capacity_kwh, spec.min_soc, spec.may_feed_cars) == (capacity, 0.2, True)
    assert spec.controllable
    assert entry.runtime_data.actor.control_site.batteries[0].phases == (2,)


async def test_the_phase_of_a_battery_is_not_asked_in_a_house_of_one(
    hass: HomeAssistant, rig: Rig
) -> None:
    inverter = await rig.inverter()
    entry = await rig.site(topology="1x230")
    form = await rig.add(entry, "device", "solaredge_modbus")
    form = await rig.accept(form, host="127.0.0.1", port=inverter.port)
    form = await rig.answer(form, parts=["battery_1"])
    assert "fed_phases" not in shown(form)
    await rig.accept(form)
    await hass.async_block_till_done()
    assert entry.runtime_data.config.devices[0].parts[0].battery_spec().phases == (1, 2, 3)


async def test_a_second_meter_is_not_proposed(rig: Rig) -> None:
    inverter = await rig.inverter()
    entry = await rig.site(meter_data("/dev/ttyNOWHERE"))
    form = await rig.add(entry, "device", "solaredge_modbus")
    form = await rig.accept(form, host="127.0.0.1", port=inverter.port)
    assert shown(form) == {"parts": ["pv", "battery_1"]}


async def test_an_inverter_that_we_read_already_is_named(rig: Rig) -> None:
    inverter = await rig.inverter()
    cottage = await rig.site(title="Cottage")
    form = await rig.add(cottage, "device", "solaredge_modbus")
    address = {"host": "127.0.0.1", "port": inverter.port}
    form = await rig.answer(await rig.accept(form, **address), parts=["pv"])
    assert form["type"] == "create_entry"
    await rig.until(lambda: cottage.runtime_data.pv_kw is not None)
    form = await rig.add(await rig.site(), "device", "solaredge_modbus")
    form = await rig.accept(form, **address)
    assert "of the site Cottage already uses this connection" in message(form)


async def test_an_inverter_that_somebody_else_reads_is_told(rig: Rig) -> None:
    inverter = await rig.inverter()
    inverter.inject("second_client")
    form = await rig.add(await rig.site(), "device", "solaredge_modbus")
    form = await rig.accept(form, host="127.0.0.1", port=inverter.port)
    assert "Somebody else is connected to the inverter" in message(form)
    inverter.clear()
    assert (await rig.accept(form))["step_id"] == "parts"


async def test_solaredge_in_the_cloud_tells_wrong_key_and_wrong_site_apart(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = await rig.cloud()
    monkeypatch.setattr(cloud_driver, "DEFAULT_BASE_URL", cloud.base_url)
    entry = await rig.site()
    form = await rig.add(entry, "device", "solaredge_cloud")
    form = await rig.answer(form, api_key="WRONG", site_id="1234567")
    assert "refuses the key" in message(form)
    form = await rig.accept(form, api_key="TEST-KEY", site_id="7654321")
    assert "site is not right" in message(form)
    cloud.inject("http_429_minute", retry_after=30)
    form = await rig.accept(form, site_id="1234567")
    assert "asks to wait" in message(form)
    cloud.clear()
    form = await rig.accept(form)
    assert form["step_id"] == "parts"
    result = await rig.answer(form, parts=["meter", "pv"])
    assert result["type"] == "create_entry"
    (device,) = subentries(entry, "device")
    assert device.unique_id == "solaredge_cloud_1234567"


# --- a make from elsewhere --------------------------------------------------------------------


class Windmill:
    """A driver that knows who it is without asking."""

    def __init__(self, data: Data, context: DriverContext) -> None:
        self.name = str(data["name"])

    async def identify(self) -> Identity:
        return Identity(
            serial=self.name, name=self.name, parts=(PartInfo(key="pv", kind=PartKind.PV),)
        )

    async def run(self, publish: Publish) -> None:
        await asyncio.Event().wait()


async def test_a_make_that_joins_the_table_has_its_step(
    hass: HomeAssistant, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Make(
        key="windmill",
        name="Windmill",
        fields=(
            Field(key="name", kind=FieldKind.TEXT),
            Field(key="port", kind=FieldKind.SERIAL, required=False),
            Field(key="blades", kind=FieldKind.NUMBER, default=3),
        ),
        parts=(PartKind.PV,),
        load=lambda: Windmill,
    )
    assert isinstance(Windmill({"name": "x"}, testing.test_context(hass)), Driver)
    monkeypatch.setitem(MAKES, "windmill", make)
    entry = await rig.site()
    flows = hass.config_entries.subentries
    menu = await flows.async_init((entry.entry_id, "device"), context={"source": "user"})
    form = await flows.async_configure(menu["flow_id"], {"next_step_id": "windmill"})
    assert shown(form) == {"blades": 3}
    assert not hasattr(flows._progress[form["flow_id"]], "async_step_watermill")
    result = await flows.async_configure(form["flow_id"], {"name": "Hilltop", "blades": 4})
    assert (result["type"], result["title"]) == ("create_entry", "Hilltop")
    # The table is put back below; the site must not look for the windmill then.
    await hass.config_entries.async_unload(entry.entry_id)
