"""A simulated home behind real protocols, moved in lock step with Home Assistant."""

import asyncio
from datetime import datetime, timedelta
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.clock import SystemClock
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.site import Site
from simulators.house import House, HouseConfig
from simulators.p1 import P1Simulator
from simulators.wattpilot import WattpilotSimulator

PASSWORD = "hunter2"
METER, CHARGER, CAR, PRICE = "meter_sub", "charger_sub", "car_sub", "price_sub"
CHARGER_PART = f"{CHARGER}:charger"

SETTLE_ROUNDS = 60
"""Turns of the event loop after each tick: enough for a telegram to become a write and its echo."""


def meter_data(url: str, *, unique_id: str = "p1_1SAG3100000001") -> ConfigSubentryDataWithId:
    """Return the subentry that the device form makes for the P1 simulator."""
    return ConfigSubentryDataWithId(
        subentry_id=METER,
        subentry_type="device",
        title="Meter",
        unique_id=unique_id,
        data={
            "make": "p1",
            "connection": {"url": url, "version": "5B"},
            "identity": {"serial": unique_id.removeprefix("p1_"), "name": "Meter"},
            "parts": {
                "meter": {
                    "kind": "meter",
                    "used": True,
                    "features": ["gas_m3", "water_m3", "quarter_kw", "month_peak", "phase_power"],
                    "meter_phases": [3],
                }
            },
        },
    )


def charger_data(port: int, **figures: Any) -> ConfigSubentryDataWithId:
    """Return the subentry that the device form makes for the Wattpilot simulator."""
    return ConfigSubentryDataWithId(
        subentry_id=CHARGER,
        subentry_type="device",
        title="Wattpilot",
        unique_id="wattpilot_91012345",
        data={
            "make": "wattpilot",
            "connection": {"host": f"127.0.0.1:{port}", "password": PASSWORD},
            "identity": {"serial": "91012345", "name": "Wattpilot"},
            "parts": {
                "charger": {
                    "kind": "charger",
                    "used": True,
                    "controllable": True,
                    "min_a": 6,
                    "max_a": 16,
                    "phases": "1_3",
                    "can_switch_phases": True,
                    "phase_map": "123",
                    **figures,
                }
            },
        },
    )


def car_data(**data: Any) -> ConfigSubentryDataWithId:
    """Return the subentry that the vehicle form makes."""
    return ConfigSubentryDataWithId(
        subentry_id=CAR,
        subentry_type="vehicle",
        title="Car",
        unique_id=None,
        data={"capacity_kwh": 60.0, "max_phases": 3, "efficiency": 90, **data},
    )


def fixed_price(rate: float = 0.30) -> ConfigSubentryDataWithId:
    """Return the subentry that the price form makes for one rate."""
    return price_data("fixed", {"rate": rate})


def price_data(kind: str, source: dict[str, Any]) -> ConfigSubentryDataWithId:
    """Return the subentry that the price form makes."""
    return ConfigSubentryDataWithId(
        subentry_id=PRICE,
        subentry_type="price",
        title=f"Price {kind}",
        unique_id=f"import_{kind}",
        data={"kind": kind, "role": "import", "source": source},
    )


def site_entry(*subentries: ConfigSubentryDataWithId, **data: Any) -> MockConfigEntry:
    """Return a site with these subentries."""
    return MockConfigEntry(
        domain=DOMAIN,
        title="Home",
        data={
            "currency": "EUR",
            "topology": "3x400",
            "fuse_a": 25,
            "peak_price_year": 0,
            "peak_floor_kw": 2.5,
            "slow_meter_a": 0,
            **data,
        },
        subentries_data=subentries,
    )


class Home:
    """House and simulators that share Home Assistant's (frozen) time."""

    def __init__(
        self, hass: HomeAssistant, freezer: FrozenDateTimeFactory, config: HouseConfig
    ) -> None:
        """Build the house; simulators start with `start`."""
        self.hass = hass
        self.freezer = freezer
        self.clock = SystemClock()
        self.house = House(config, self.clock)
        self.p1 = P1Simulator(self.house, self.clock, auto=False)
        self.wattpilot = WattpilotSimulator(self.house, self.clock, password=PASSWORD, auto=False)
        self.settle_rounds = SETTLE_ROUNDS
        self.more: list[P1Simulator] = []
        """Meters besides the first one; whoever adds them starts them."""
        self.entry: MockConfigEntry | None = None

    async def start(self) -> None:
        """Open the P1 pty and the charger's socket."""
        self.pty = self.p1.start_pty()
        self.wattpilot_port = await self.wattpilot.start()

    async def stop(self) -> None:
        """Close everything."""
        if self.entry is not None and self.entry.state.recoverable is not None:
            await self.hass.config_entries.async_unload(self.entry.entry_id)
        for meter in (self.p1, *self.more):
            await meter.stop()
        await self.wattpilot.stop()

    async def add(self, entry: MockConfigEntry) -> Site:
        """Set the site up and run it until its devices answered."""
        self.entry = entry
        entry.add_to_hass(self.hass)
        assert await self.hass.config_entries.async_setup(entry.entry_id)
        await self.connected()
        await self.run(seconds=10, step=1)
        return self.site

    async def connected(self, *device_ids: str) -> None:
        """Wait in real time, while the frozen one hardly moves, until devices have spoken.

        Imports of libraries and logins take their own time, the more the busier the machine is.
        """
        for _ in range(500):
            await self.tick(0.05)
            wanted = device_ids or tuple(self.site.runners)
            if all(self.site.runners[device_id].readings for device_id in wanted):
                return
            await self.hass.async_add_executor_job(time.sleep, 0.02)
        raise AssertionError("the devices did not speak")

    @property
    def site(self) -> Site:
        """The running site."""
        assert self.entry is not None
        site: Site = self.entry.runtime_data
        return site

    async def settle(self) -> None:
        """Let sockets, tasks and a plan that is being made come to rest, without time passing."""
        for _ in range(self.settle_rounds):
            await asyncio.sleep(0)
        while self.wattpilot.logging_in:
            # Hashing the password takes real time, in a thread.
            await self.hass.async_add_executor_job(time.sleep, 0.002)
        while self.entry is not None and self._planning():
            await asyncio.sleep(0)
        await self.hass.async_block_till_done()

    def _planning(self) -> bool:
        site = getattr(self.entry, "runtime_data", None)
        task = None if site is None else site.replanner._task
        return task is not None and not task.done()

    async def tick(self, seconds: float = 1.0) -> None:
        """Move time, send a telegram and the charger's changes, and settle."""
        self.freezer.tick(timedelta(seconds=seconds))
        for meter in (self.p1, *self.more):
            meter.send()
        self.wattpilot.push()
        await self.settle()

    async def run(self, seconds: float, step: float = 5.0) -> None:
        """Run for a while."""
        for _ in range(round(seconds / step)):
            await self.tick(step)

    async def run_until(self, moment: datetime, step: float = 5.0) -> None:
        """Run until a moment."""
        await self.run((moment - self.clock.now()).total_seconds(), step)

    def state(self, platform: str, unique_id: str) -> str:
        """Return the state of one of our entities, by the end of its unique id."""
        return self.hass.states.get(self.entity_id(platform, unique_id)).state  # type: ignore[union-attr]  # a test

    def entity_id(self, platform: str, unique_id: str) -> str:
        """Return the entity id of one of our entities, by the end of its unique id."""
        for row in er.async_entries_for_config_entry(
            er.async_get(self.hass),
            self.entry.entry_id,  # type: ignore[union-attr]  # a test
        ):
            if row.domain == platform and row.unique_id.endswith(unique_id):
                return row.entity_id
        raise AssertionError(f"no {platform} {unique_id}")

    async def call(self, domain: str, service: str, entity_id: str, **data: Any) -> None:
        """Call a service as a person would."""
        await self.hass.services.async_call(
            domain, service, {"entity_id": entity_id, **data}, blocking=True
        )
        await self.settle()

    async def choose(self, mode: str) -> None:
        """Choose the charger's mode as a person would."""
        entity_id = self.entity_id("select", "charger_charging_mode")
        await self.call("select", "select_option", entity_id, option=mode)
