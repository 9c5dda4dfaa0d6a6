"""A make from outside the table: the example of docs/adding-a-device.md, run as it is printed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
import importlib
from pathlib import Path
import re
import sys
from types import ModuleType
from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

import custom_components
from custom_components.smart_charging.clock import SystemClock
from custom_components.smart_charging.core.reading import PartKind
from custom_components.smart_charging.devices.base import Field, FieldKind, Make
from custom_components.smart_charging.devices.registry import MAKES, register
from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics
from custom_components.smart_charging.site import Site
from simulators.house import Car, ChargerConfig, House, HouseConfig
from simulators.p1 import P1Simulator
from tests.ha.home import METER, meter_data, site_entry

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-device.md"
FILE = re.compile(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BOX = "box_sub"
EXAMPLE = ("acme_box_simulator", "test_acme_box", "custom_components.acme_box")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put the files of the page where Home Assistant and Python find them."""
    for name, content in FILE.findall(PAGE.read_text("utf-8")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    folders = [*custom_components.__path__, str(tmp_path / "custom_components")]
    monkeypatch.setattr(custom_components, "__path__", folders)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(EXAMPLE)]:
        del sys.modules[name]
    if hasattr(custom_components, "acme_box"):
        monkeypatch.delattr(custom_components, "acme_box")
    MAKES.pop("acme_box", None)


async def test_the_test_of_the_page_passes(example: Path) -> None:
    module = importlib.import_module("test_acme_box")
    await module.test_the_box_obeys_and_goes_back_to_its_own_control()


def box_data(port: int) -> ConfigSubentryDataWithId:
    return ConfigSubentryDataWithId(
        subentry_id=BOX,
        subentry_type="device",
        title="Acme Box",
        unique_id="acme_box_AB-1001",
        data={
            "make": "acme_box",
            "connection": {"host": "127.0.0.1", "port": port},
            "identity": {"serial": "AB-1001", "name": "Acme Box"},
            "parts": {
                "charger": {
                    "kind": "charger",
                    "used": True,
                    "controllable": True,
                    "min_a": 6,
                    "max_a": 16,
                    "phases": "3",
                    "phase_map": "123",
                }
            },
        },
    )


class Surroundings:
    """The simulated house in real time, with a P1 meter and an Acme Box."""

    def __init__(self, hass: HomeAssistant, stack: AsyncExitStack) -> None:
        self.hass = hass
        self.stack = stack
        chargers = (ChargerConfig(key="charger", car=Car(reaction_s=(0.1, 0.2))),)
        self.house = House(HouseConfig(pv_peak_kw=0.0, chargers=chargers), SystemClock())
        self.entry: MockConfigEntry | None = None

    async def start(self) -> None:
        self.meter = P1Simulator(self.house, self.house.clock, interval_s=0.1)
        self.meter_port = await self.meter.start_tcp()
        self.stack.push_async_callback(self.meter.stop)
        simulator: ModuleType = importlib.import_module("acme_box_simulator")
        self.box = simulator.AcmeBoxSimulator(self.house)
        self.box_port = await self.box.start()
        self.stack.push_async_callback(self.box.stop)

    async def site(self, *subentries: ConfigSubentryDataWithId) -> None:
        url = f"socket://127.0.0.1:{self.meter_port}"
        self.entry = site_entry(meter_data(url), *subentries)
        self.entry.add_to_hass(self.hass)
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        self.stack.push_async_callback(self.hass.config_entries.async_unload, self.entry.entry_id)

    @property
    def running(self) -> Site:
        assert self.entry is not None
        site: Site = self.entry.runtime_data
        return site

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.02)


@pytest.fixture
async def surroundings(
    hass: HomeAssistant, example: Path, enable_custom_integrations: None
) -> AsyncIterator[Surroundings]:
    hass.data.pop(DATA_CUSTOM_COMPONENTS, None)
    async with AsyncExitStack() as stack:
        surroundings = Surroundings(hass, stack)
        await surroundings.start()
        yield surroundings


async def call(hass: HomeAssistant, domain: str, service: str, entity_id: str, **data: Any) -> None:
    await hass.services.async_call(domain, service, {"entity_id": entity_id, **data}, blocking=True)


async def test_a_device_waits_for_its_row_and_then_charges(
    hass: HomeAssistant, surroundings: Surroundings
) -> None:
    await surroundings.site(box_data(surroundings.box_port))
    await surroundings.until(lambda: surroundings.running.runners[METER].readings)
    await surroundings.until(lambda: surroundings.running.runners[BOX].error)
    error = surroundings.running.runners[BOX].error
    assert error is not None
    assert error.key == "requirements_missing"
    assert "acme_box" in str(error)
    told = await async_get_config_entry_diagnostics(hass, surroundings.entry)  # type: ignore[arg-type]  # a mock of it
    assert {s["data"]["connection"] for s in told["subentries"] if s["title"] == "Acme Box"} == {
        "**REDACTED**"
    }

    assert await async_setup_component(hass, "acme_box", {"acme_box": {}})
    await hass.async_block_till_done()
    await surroundings.until(
        lambda: (
            surroundings.running.runners[BOX].readings
            and surroundings.running.runners[METER].readings
        )
    )
    await call(hass, "select", "select_option", "select.acme_box_charging_mode", option="fast")
    assert surroundings.box.own
    await call(hass, "switch", "turn_on", "switch.home_act")
    await surroundings.until(lambda: surroundings.house.chargers["charger"].power_kw > 3)
    assert not surroundings.box.own
    await surroundings.until(lambda: float(hass.states.get("number.acme_box_current").state) >= 6)  # type: ignore[union-attr]  # there since the readings

    await call(hass, "switch", "turn_off", "switch.home_act")
    assert surroundings.box.own


async def test_a_device_is_added_through_its_form(
    hass: HomeAssistant, surroundings: Surroundings
) -> None:
    await surroundings.site()
    assert await async_setup_component(hass, "acme_box", {"acme_box": {}})
    assert surroundings.entry is not None
    flows = hass.config_entries.subentries
    step: Any = await flows.async_init(
        (surroundings.entry.entry_id, "device"), context={"source": "user"}
    )
    assert "acme_box" in step["menu_options"]
    step = await flows.async_configure(step["flow_id"], {"next_step_id": "acme_box"})
    step = await flows.async_configure(
        step["flow_id"], {"host": "127.0.0.1", "port": surroundings.meter_port}
    )
    assert step["errors"] == {"base": "acme_box_wrong_device"}
    step = await flows.async_configure(
        step["flow_id"], {"host": "127.0.0.1", "port": surroundings.box_port}
    )
    assert step["step_id"] == "figures_charger"
    step = await flows.async_configure(
        step["flow_id"],
        {"max_a": 16, "min_a": 6, "phases": "phases_3", "phase_map": "map_123"},
    )
    # A charger beside a meter: the form offers to try it.
    step = await flows.async_configure(step["flow_id"], {"next_step_id": "later"})
    assert step["type"] == "create_entry"
    assert step["title"] == "Acme Box"
    await surroundings.until(
        lambda: any(
            runner.make.key == "acme_box" and runner.readings
            for runner in surroundings.running.runners.values()
        )
    )


def row(key: str) -> Make:
    return Make(
        key=key,
        name=key,
        fields=(Field(key="host", kind=FieldKind.TEXT),),
        parts=(PartKind.METER,),
        load=MAKES["p1"].load,
    )


def test_a_row_comes_and_goes() -> None:
    unregister = register(row("acme_2"))
    assert MAKES["acme_2"].parts == (PartKind.METER,)
    unregister()
    assert "acme_2" not in MAKES


@pytest.mark.parametrize("key", ["p1", "Acme", "acme box", "", "2acme", "äcme"])
def test_a_key_that_is_taken_or_is_no_key_is_refused(key: str) -> None:
    before = dict(MAKES)
    with pytest.raises(ValueError, match="make"):
        register(row(key))
    assert before == MAKES


def test_a_missing_row_stands_for_itself_and_is_not_kept() -> None:
    missing = MAKES["gone"]
    with pytest.raises(ImportError, match="gone"):
        missing.load()
    assert "gone" not in MAKES
