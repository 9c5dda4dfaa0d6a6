"""Walks Home Assistant's own forms against simulators; every form it sees must have its texts."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
import json
from pathlib import Path
from string import Formatter
from typing import Any, Self

from homeassistant.config_entries import ConfigSubentry, ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components import smart_charging
from custom_components.smart_charging.clock import SystemClock
from custom_components.smart_charging.const import DOMAIN
from simulators.battery import BatteryConfig
from simulators.house import House, HouseConfig
from simulators.p1 import P1Simulator
from simulators.solaredge_cloud import SolarEdgeCloud
from simulators.solaredge_modbus import Nameplate, SolarEdgeModbus
from simulators.sonnen import Sonnen
from simulators.wattpilot import WattpilotSimulator
from simulators.web_server import Server
from simulators.wits import WitsSimulator

from .home import site_entry

TEXTS = json.loads(
    (Path(smart_charging.__file__).parent / "translations" / "en.json").read_text("utf-8")
)
PASSWORD = "hunter2"

type Result = Any
"""What a step of a flow returned; its type differs by kind of flow and Home Assistant version."""


class Rig:
    """A house with simulators on real time, sites, and a person who fills in forms."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.hass = hass
        self.clock = SystemClock()
        self.house = House(HouseConfig(battery=BatteryConfig()), self.clock)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for entry in self.hass.config_entries.async_loaded_entries(DOMAIN):
            await self.hass.config_entries.async_unload(entry.entry_id)
        await self._stack.aclose()

    # --- surroundings ---------------------------------------------------------------------------

    async def site(
        self, *subentries: ConfigSubentryDataWithId, title: str = "Home", **data: Any
    ) -> MockConfigEntry:
        """Return a running site."""
        entry = site_entry(*subentries, **data)
        entry.add_to_hass(self.hass)
        self.hass.config_entries.async_update_entry(entry, title=title)
        assert await self.hass.config_entries.async_setup(entry.entry_id)
        await self.hass.async_block_till_done()
        return entry

    def p1(self, meter_id: str = "1SAG3100000001") -> P1Simulator:
        """Return a P1 port that sends often; open it with `start_pty` or `start_tcp`."""
        simulator = P1Simulator(self.house, self.clock, meter_id=meter_id, interval_s=0.05)
        self._stack.push_async_callback(simulator.stop)
        return simulator

    async def wattpilot(self, serial: str = "91012345", **options: Any) -> tuple[Any, str]:
        """Return a running charger and its address."""
        simulator = WattpilotSimulator(
            self.house,
            self.clock,
            serial=serial,
            **({"password": PASSWORD, "interval_s": 0.1} | options),
        )
        port = await simulator.start()
        self._stack.push_async_callback(simulator.stop)
        return simulator, f"127.0.0.1:{port}"

    async def serve(self, simulator: Server) -> int:
        """Start a simulated web server; return its port."""
        port = await simulator.start()
        self._stack.push_async_callback(simulator.stop)
        return port

    async def inverter(self, **nameplate: Any) -> SolarEdgeModbus:
        """Return a running inverter with meter and battery."""
        simulator = SolarEdgeModbus(self.house, nameplate=Nameplate(**nameplate))
        return await self._stack.enter_async_context(simulator)

    async def cloud(self, **options: Any) -> SolarEdgeCloud:
        """Return SolarEdge's running service."""
        return await self._stack.enter_async_context(SolarEdgeCloud(self.house, **options))

    async def sonnen(self, **options: Any) -> Sonnen:
        """Return a running battery."""
        return await self._stack.enter_async_context(Sonnen(self.house, **options))

    async def wits(self) -> WitsSimulator:
        """Return the running price service of New Zealand."""
        simulator = WitsSimulator(self.clock)
        await simulator.start()
        self._stack.push_async_callback(simulator.stop)
        return simulator

    async def listener(self, answer: bytes = b"") -> str:
        """Return the address of something that answers whatever it is asked with `answer`."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._stack.callback(server.close)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def until(self, condition: Callable[[], Any], patience_s: float = 10.0) -> None:
        """Let real time pass until `condition` holds."""
        async with asyncio.timeout(patience_s):
            while not condition():
                await asyncio.sleep(0.01)
        await self.hass.async_block_till_done()

    # --- forms ----------------------------------------------------------------------------------

    async def add_site(self) -> Result:
        """Open the form of a new site."""
        return self._seen(
            await self.hass.config_entries.flow.async_init(DOMAIN, context={"source": "user"})
        )

    async def change_site(self, entry: MockConfigEntry) -> Result:
        """Open the form that changes a site."""
        return self._seen(await entry.start_reconfigure_flow(self.hass))

    async def options(self, entry: MockConfigEntry) -> Result:
        """Open the options of a site."""
        return self._seen(await self.hass.config_entries.options.async_init(entry.entry_id))

    async def reauth(self, entry: MockConfigEntry) -> Result:
        """Open the form for credentials that waits, as a person who clicks on it does."""
        (flow,) = self.hass.config_entries.flow.async_progress_by_handler(
            DOMAIN, match_context={"entry_id": entry.entry_id, "source": "reauth"}
        )
        return self._seen(await self.hass.config_entries.flow.async_configure(flow["flow_id"]))

    async def add(self, entry: MockConfigEntry, kind: str, choice: str | None = None) -> Result:
        """Open the form of a new subentry, and choose in its menu."""
        result = self._seen(
            await self.hass.config_entries.subentries.async_init(
                (entry.entry_id, kind), context={"source": "user"}
            )
        )
        if choice is None:
            return result
        assert choice in result["menu_options"]
        return await self.answer(result, next_step_id=choice)

    async def change(self, entry: MockConfigEntry, subentry: ConfigSubentry) -> Result:
        """Open the form that changes a subentry."""
        return self._seen(
            await self.hass.config_entries.subentries.async_init(
                (entry.entry_id, subentry.subentry_type),
                context={"source": "reconfigure", "subentry_id": subentry.subentry_id},
            )
        )

    async def answer(self, result: Result, **answers: Any) -> Result:
        """Fill in a form."""
        return self._seen(await self._manager(result).async_configure(result["flow_id"], answers))

    async def accept(self, result: Result, **answers: Any) -> Result:
        """Fill in a form with what it proposes, but for `answers`; `None` empties a field."""
        filled = {**shown(result), **answers}
        return await self.answer(result, **{k: v for k, v in filled.items() if v is not None})

    async def reopen(self, result: Result) -> Result:
        """Look at the present step anew, as a browser does after it was reloaded."""
        return self._seen(await self._manager(result).async_configure(result["flow_id"]))

    def _manager(self, result: Result) -> Any:
        entries = self.hass.config_entries
        if isinstance(result["handler"], tuple):
            return entries.subentries
        return entries.flow if result["handler"] == DOMAIN else entries.options

    def _seen(self, result: Result) -> Result:
        check_texts(result)
        return result


def subentries(entry: MockConfigEntry, kind: str) -> list[ConfigSubentry]:
    """Return the subentries of one type, oldest first."""
    return [s for s in entry.subentries.values() if s.subentry_type == kind]


def shown(result: Result) -> dict[str, Any]:
    """Return the values that a form shows when it opens."""
    values: dict[str, Any] = {}
    for marker in result["data_schema"].schema:
        description = marker.description or {}
        if "suggested_value" in description:
            values[str(marker)] = description["suggested_value"]
        elif callable(marker.default):
            values[str(marker)] = marker.default()
    return values


def options(result: Result, field: str) -> list[str]:
    """Return the choices of a field."""
    element = next(e for k, e in result["data_schema"].schema.items() if k == field)
    return [o["value"] if isinstance(o, dict) else o for o in element.config["options"]]


def message(result: Result) -> str:
    """Return what a form or an end says, as a person reads it."""
    section = _section(result)
    if result["type"] == "abort":
        text = section["abort"][result["reason"]]
    else:
        (error,) = result["errors"].values()
        text = section["error"][error]
    placeholders: dict[str, str] = result["description_placeholders"] or {}
    filled: str = text.format(**placeholders)
    return filled


def _section(result: Result) -> dict[str, Any]:
    """Return the texts of a flow. Reconfiguring and adding share theirs."""
    handler = result["handler"]
    section: dict[str, Any]
    if isinstance(handler, tuple):
        section = TEXTS["config_subentries"][handler[1]]
    else:
        section = TEXTS["config" if handler == DOMAIN else "options"]
    return section


def check_texts(result: Result) -> None:
    """Assert that all that a step shows has a text, and each text the placeholders it names."""
    if result["type"] == "create_entry":
        return
    section, given = _section(result), set(result.get("description_placeholders") or {})
    if result["type"] == "abort":
        assert result.get("translation_domain") in (None, DOMAIN)
        assert names(section["abort"][result["reason"]]) <= given
        return
    step = section["step"][result["step_id"]]
    assert names(step["title"]) | names(step["description"]) <= given
    if result["type"] == "menu":
        assert set(result["menu_options"]) <= set(step["menu_options"])
        return
    for error in (result["errors"] or {}).values():
        assert names(section["error"][error]) <= given, error
    for marker, element in result["data_schema"].schema.items():
        assert step["data"][marker]
        assert step["data_description"][marker]
        if key := getattr(element, "config", {}).get("translation_key"):
            told = TEXTS["selector"][key]["options"]
            plain = [o for o in element.config["options"] if isinstance(o, str)]
            assert set(plain) <= set(told), key


def names(text: str) -> set[str]:
    """Return the placeholders of a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
