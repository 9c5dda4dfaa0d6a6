"""What devices warn of: an event at once, a repair that says what to do while it lasts."""

from collections.abc import AsyncIterator

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.devices.solaredge_cloud import driver as cloud_driver
from custom_components.smart_charging.sessions import PartEvent
from simulators.nrgkick import NrgkickGen2
from simulators.solaredge_modbus import Nameplate, SolarEdgeModbus

from .conftest import HomeFactory
from .faults import Watch, unload
from .flow_rig import PASSWORD, Result, Rig
from .home import Home, car_data, charger_data, fixed_price, meter_data, site_entry
from .nrgkick_home import kick_home
from .sonnen_home import sonnen_home
from .test_faults_solaredge import SUNNY, solaredge

NIGHT = "2026-11-20 18:00:00+00:00"
NOON = "2026-06-10 11:00:00+00:00"
LASTS_S = 62
"""A warning that stands for so long has its repair."""


def repair(watch: Watch) -> tuple[str, str, str]:
    """Return the key, the name and the warning of the only repair."""
    (issue,) = watch.issues().values()
    told = issue.translation_placeholders
    assert told is not None
    assert issue.translation_key is not None
    return issue.translation_key, told["name"], told["warning"]


def event(home: Home, unique_id: str) -> str | None:
    """Return what the last warning of an event entity said."""
    found = home.hass.states.get(home.entity_id("event", unique_id))
    assert found is not None
    if found.attributes.get("event_type") != "warning":
        return None
    return str(found.attributes["warning"])


async def wattpilot_home(make_home: HomeFactory) -> Home:
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    return home


@pytest.mark.freeze_time(NIGHT)
@pytest.mark.parametrize(
    ("fault", "key", "words"),
    [
        (7, "warning_cable", "cable not recognised"),
        (8, "warning_installation", "earth fault"),
        (9, "warning_device", "contactor stuck"),
        (13, "warning_temperature", "overtemperature"),
    ],
)
async def test_a_fault_of_the_wattpilot_is_an_event_at_once_and_a_repair_if_it_lasts(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture, fault: int, key: str, words: str
) -> None:
    home = await wattpilot_home(make_home)
    watch = Watch(home, caplog)
    home.wattpilot.logic.fail(fault)
    await home.run(5, step=1)
    told = event(home, "charger_events")
    assert told is not None
    assert words in told
    assert not watch.issues()
    assert home.state("binary_sensor", "_problem") == "off"
    await home.run(LASTS_S, step=2)
    assert repair(watch) == (key, "Wattpilot", told)
    assert home.state("binary_sensor", "_problem") == "on"
    home.wattpilot.logic.fail(0)
    await home.run(4, step=1)
    assert not watch.issues()
    assert home.state("binary_sensor", "_problem") == "off"


@pytest.mark.freeze_time(NIGHT)
async def test_a_rule_of_its_own_is_a_repair_only_where_we_are_in_charge(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await wattpilot_home(make_home)
    watch = Watch(home, caplog)
    events: list[PartEvent] = []
    home.site.async_listen_events(lambda _, event: events.append(event))
    home.wattpilot.logic.write("dwo", 1.0)
    home.house.chargers["charger"].session_kwh = 1.5
    await home.run(LASTS_S + 10, step=2)
    (words,) = (told.data["warning"] for told in events if told.type == "warning")
    assert "energy limit" in words
    assert not watch.issues(), "it follows its own control, and that is its own affair"
    await home.choose("fast")
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.run(LASTS_S + 30, step=2)
    found = {issue.translation_key for issue in watch.issues().values()}
    assert "warning_own_rule" in found
    await home.call("switch", "turn_off", home.entity_id("switch", "_act"))
    await home.run(4, step=1)
    left = {issue.translation_key for issue in watch.issues().values()}
    assert "warning_own_rule" not in left


@pytest.mark.freeze_time(NIGHT)
async def test_a_warning_of_a_silent_device_gives_way_to_its_silence(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await wattpilot_home(make_home)
    watch = Watch(home, caplog)
    home.wattpilot.logic.fail(9)
    await home.run(LASTS_S + 3, step=2)
    assert repair(watch)[0] == "warning_device"
    home.wattpilot.inject("silence")
    await home.run(60, step=2)
    (issue,) = watch.issues().values()
    assert issue.translation_key == "device_unreachable"
    home.wattpilot.clear()


@pytest.mark.freeze_time(NIGHT)
async def test_a_fault_of_an_nrgkick_is_an_event_and_a_repair(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async with kick_home(make_home, 2) as kick:
        watch = Watch(kick.home, caplog)
        kick.simulator.inject("overtemperature")
        await kick.home.run(6, step=1)
        assert event(kick.home, "charger_events") == "housing overtemperature"
        await kick.home.run(LASTS_S, step=2)
        assert repair(watch) == ("warning_temperature", "NRGkick", "housing overtemperature")
        kick.simulator.clear()
        await kick.home.run(6, step=1)
        assert not watch.issues()


@pytest.mark.freeze_time(NOON)
async def test_a_sonnen_battery_tells_of_its_shutdown_and_of_a_dark_grid(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async with sonnen_home(hass, freezer) as home:
        watch = Watch(home, caplog)
        home.battery.off_grid = True
        await home.run(10, step=1)
        assert event(home, "battery_warnings") == "runs without the grid"
        home.battery.off_grid = False
        home.battery.shut_down_by = "Inverter Over Temperature"
        await home.run(70 + LASTS_S, step=2)
        words = "shut down: Inverter Over Temperature"
        assert event(home, "battery_warnings") == words
        assert repair(watch) == ("warning_temperature", "sonnenBatterie 123456 battery", words)
        home.battery.shut_down_by = None
        await home.run(70, step=2)
        assert not watch.issues()


@pytest.fixture
async def inverter(make_home: HomeFactory) -> AsyncIterator[tuple[Home, SolarEdgeModbus]]:
    """Return a home whose inverter, meter and battery can warn."""
    home = await make_home(SUNNY)
    home.settle_rounds = 160
    async with SolarEdgeModbus(home.house) as simulator:
        told = solaredge(
            "solaredge_modbus",
            Nameplate().serial,
            host="127.0.0.1",
            port=simulator.port,
            unit=1,
        )
        warns = {"used": True, "features": ["warning"]}
        parts = {
            "meter": {"kind": "meter", **warns},
            "pv": {"kind": "pv", **warns},
            "battery_1": {"kind": "battery", "capacity_kwh": 10.0, **warns},
        }
        data = {**told["data"], "parts": parts}
        await home.add(site_entry(meter_data(home.pty), {**told, "data": data}, fixed_price()))
        yield home, simulator
        await unload(home)


@pytest.mark.freeze_time(NOON)
@pytest.mark.parametrize(
    ("what", "unique_id", "key", "words"),
    [
        ("inverter", "pv_warnings", "warning_device", "fault 17 of the inverter"),
        ("battery", "battery_1_warnings", "warning_device", "fault of the battery"),
        ("meter", "7E12AB34_meter_warnings", "warning_installation", "a current sensor is missing"),
    ],
)
async def test_a_solaredge_inverter_tells_which_of_its_parts_has_a_fault(
    inverter: tuple[Home, SolarEdgeModbus],
    caplog: pytest.LogCaptureFixture,
    what: str,
    unique_id: str,
    key: str,
    words: str,
) -> None:
    home, simulator = inverter
    watch = Watch(home, caplog)
    simulator.registers.warns.add(what)
    await home.run(10, step=1)
    assert event(home, unique_id) == words
    await home.run(LASTS_S, step=2)
    assert repair(watch)[::2] == (key, words)
    simulator.registers.warns.clear()
    await home.run(10, step=1)
    assert not watch.issues()


def registered(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, tuple[str | None, ...]]:
    """Return manufacturer, model, serial number and firmware of a site's devices, by name."""
    return {
        str(device.name): (
            device.manufacturer,
            device.model,
            device.serial_number,
            device.sw_version,
        )
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    }


async def test_each_device_is_registered_with_what_stands_on_its_label(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Rig(hass) as rig:
        entry = await rig.site(topology="3x400")
        meter = rig.p1()
        form = await rig.add(entry, "device", "p1")
        form = await rig.accept(form, url=meter.start_pty())
        _, wattpilot = await rig.wattpilot()
        form = await rig.add(entry, "device", "wattpilot")
        await _through(rig, await rig.answer(form, host=wattpilot, password=PASSWORD))
        inverter = await rig.inverter()
        form = await rig.add(entry, "device", "solaredge_modbus")
        await _through(rig, await rig.accept(form, host=inverter.host, port=inverter.port))
        sonnen = await rig.sonnen()
        form = await rig.add(entry, "device", "sonnen")
        form = await rig.accept(
            form, host=sonnen.host, serial=sonnen.serial, token=sonnen.token, version="v2"
        )
        await _through(rig, form)
        point = next(iter(rig.house.chargers))
        kick = NrgkickGen2(rig.house, rig.clock, point, username="me", password=PASSWORD)
        host = f"127.0.0.1:{await rig.serve(kick)}"
        form = await rig.add(entry, "device", "nrgkick")
        form = await rig.answer(form, host=host, username="me", password=PASSWORD)
        await _through(rig, form)
        cloud = await rig.cloud()
        monkeypatch.setattr(cloud_driver, "DEFAULT_BASE_URL", cloud.base_url)
        form = await rig.add(entry, "device", "solaredge_cloud")
        await _through(rig, await rig.answer(form, api_key="TEST-KEY", site_id="1234567"))
        found = registered(hass, entry)
        parts = {
            subentry.title: subentry.data["parts"]
            for subentry in entry.subentries.values()
            if subentry.subentry_type == "device"
        }
    assert found["P1 meter"] == ("Fluvius", r"FLU5\253769484_A", "1SAG3100000001", "50217")
    charger = next(label for label in found.values() if label[0] == "Fronius")
    assert charger[2] == "91012345"
    assert charger[3]
    assert found["SolarEdge SE8K-RWS48BNN4 PV"] == (
        *("SolarEdge", "SE8K-RWS48BNN4", "7E12AB34", "0004.0020.0036"),
    )
    assert found["SolarEdge SE8K-RWS48BNN4 battery"] == (
        *("SolarEdge", "SolarEdge Home Battery", "T12345678901", "1.0"),
    )
    # The meter at the grid is the P1 port's; what the inverter's would be called is kept.
    assert parts["SolarEdge SE8K-RWS48BNN4"]["meter"]["label"] == {
        "manufacturer": "SolarEdge",
        "model": "SE-MTR-3Y-400V-A",
        "serial": "606A1B2C",
        "firmware": "1.0",
    }
    assert found[f"sonnenBatterie {sonnen.serial} battery"] == (
        *("sonnen", "sonnenBatterie", sonnen.serial, "1.14.5"),
    )
    assert found["NRGkick 🔌⚡️"] == (
        *("DiniTech", "NRGkick Gen2 SIM", "T2332500000000000S1D2", "4.0.0.33"),
    )
    # Behind a site of the service stand the devices that it lists, not the site's number.
    assert found["Simulated home PV"] == (*("SolarEdge", "SE8K-RWS48BNN4", "7E12AB34", "4.25.13"),)
    assert all("1234567" not in label for label in found.values())


async def _through(rig: Rig, form: Result) -> None:
    """Accept what the form of a device proposes until it is saved."""
    while form["type"] != "create_entry":
        if form["type"] == "menu":
            form = await rig.answer(form, next_step_id="later")
        else:
            form = await rig.accept(form)


async def test_a_device_made_of_entities_has_the_label_of_theirs_and_no_key_of_ours(
    hass: HomeAssistant,
) -> None:
    owner = MockConfigEntry(domain="easee")
    owner.add_to_hass(hass)
    hardware = dr.async_get(hass).async_get_or_create(
        config_entry_id=owner.entry_id,
        identifiers={("easee", "EH1")},
        name="Carport",
        manufacturer="Easee",
        model="Home",
        serial_number="EH123456",
        sw_version="329",
    )
    power = {"unit_of_measurement": "W", "device_class": "power"}
    for device_id, name in ((hardware.id, "roof"), (None, "cellar")):
        row = er.async_get(hass).async_get_or_create(
            "sensor", "easee", name, suggested_object_id=name, device_id=device_id
        )
        hass.states.async_set(row.entity_id, "700", {**power, "friendly_name": name.title()})
    async with Rig(hass) as rig:
        entry = await rig.site()
        for name in ("roof", "cellar"):
            form = await rig.add(entry, "device", "entity_pv")
            await _through(rig, await rig.answer(form, power=f"sensor.{name}", invert=False))
        found = registered(hass, entry)
    assert found["Carport"] == ("Easee", "Home", "EH123456", "329")
    assert found["Cellar"] == (None, None, None, None)
