"""A real Home Assistant is killed while it commands a charger and a battery, and started again.

The devices speak their own protocols from this process and so outlive it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp

from demo.api import Api
from demo.flows import Form, add_entry, add_subentry
from demo.home import DOMAIN, SITE
from demo.home_assistant import HomeAssistant, prepare
from demo.surroundings import free_port
from simulators.battery import BatteryConfig
from simulators.car import Car, ChargerConfig
from simulators.clock import RealClock
from simulators.house import House, HouseConfig
from simulators.p1 import P1Simulator
from simulators.solaredge_modbus import SolarEdgeModbus
from simulators.solaredge_registers import (
    COMMAND_TIMEOUT,
    CONTROL_MODE,
    END_OF_CONTROL,
    STORAGE_CONTROL,
)
from simulators.wattpilot import WattpilotSimulator

ZONE = "Europe/Brussels"
TIME_OF_USE = 2
"""A storage mode of the inverter's owner that has no name among ours."""
OWN = {"amp": 13, "frc": 0, "fup": True, "lmo": 4, "psm": 2}
"""What the owner set in the charger's own app."""
HOME = Form(title="Home", steps={"user": {**SITE.steps["user"], "peak_price_year": 0}})
"""Without a capacity tariff the car is given all it wants."""
PATIENCE_S = 30.0
LEFT_OUT = ("history:", "logbook:", "energy:", "sun:")
"""Of the demo's integrations, to start sooner."""


class Devices:
    """A house whose meter, inverter and charger listen on ports of this process."""

    def __init__(self) -> None:
        """Build the house; its owner has settings of his own in both devices."""
        clock = RealClock()
        self.house = House(
            HouseConfig(
                time_zone=ZONE,
                fuse_a=25.0,
                # An oven at the hour of the test would leave the car less.
                appliances=(),
                load_noise=0.0,
                chargers=(ChargerConfig(key="charger", car=Car(id="car", soc=0.3)),),
                battery=BatteryConfig(capacity_kwh=10.0, soc=0.5),
            ),
            clock,
        )
        self.meter = P1Simulator(self.house, clock)
        self.charger = WattpilotSimulator(self.house, clock, password="secret")
        self.inverter = SolarEdgeModbus(self.house)
        registers = self.inverter.registers
        registers.write(CONTROL_MODE, [TIME_OF_USE])
        registers.write(COMMAND_TIMEOUT, [1800, 0])
        for key, value in OWN.items():
            self.charger.logic.write(key, value)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[tuple[int, int]]:
        """Listen; gives the ports of meter and charger."""
        meter = await self.meter.start_tcp(0)
        charger = await self.charger.start(0)
        await self.inverter.start()
        try:
            yield meter, charger
        finally:
            await self.inverter.stop()
            await self.charger.stop()
            await self.meter.stop()

    @property
    def storage(self) -> list[int]:
        """What the inverter's owner set: the registers that command the battery."""
        words = self.inverter.registers.words
        return [words[a] for a in range(STORAGE_CONTROL, END_OF_CONTROL) if a in words]

    @property
    def owned(self) -> dict[str, Any]:
        """What the charger holds of its owner's settings."""
        return {key: self.charger.values[key] for key in OWN}

    @property
    def offered_a(self) -> float:
        """What the charger offers the car."""
        return self.house.chargers["charger"].effective_a

    @property
    def battery_kw(self) -> float:
        """What the battery takes."""
        self.house.advance()
        assert self.house.battery is not None
        return self.house.battery.power_kw


async def until(what: str, true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {PATIENCE_S:.0f} s") from None


def forms(devices: Devices, meter: int, charger: int) -> tuple[Form, ...]:
    """Return how the devices are set up."""
    return (
        Form(
            title="Meter",
            steps={
                "user": {"next_step_id": "p1"},
                "p1": {"url": f"socket://127.0.0.1:{meter}", "version": "5b"},
            },
        ),
        Form(
            title="Inverter",
            steps={
                "user": {"next_step_id": "solaredge_modbus"},
                "solaredge_modbus": {
                    "host": "127.0.0.1",
                    "port": devices.inverter.port,
                    "unit": 1,
                },
                "parts": {"parts": ["pv", "battery_1"]},
            },
        ),
        Form(
            title="Charger",
            steps={
                "user": {"next_step_id": "wattpilot"},
                "commission_offer": {"next_step_id": "later"},
                "wattpilot": {"host": f"127.0.0.1:{charger}", "password": "secret"},
            },
        ),
    )


async def entity(api: Api, domain: str, *parts: str) -> str:
    """Return the entity whose unique id holds `parts` and ends with the last, once it lives."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            states = await api.call("get_states")
            alive = {s["entity_id"] for s in states if s["state"] != "unavailable"}
            for row in await api.call("config/entity_registry/list"):
                unique_id, found = str(row["unique_id"]), str(row["entity_id"])
                ours = row["platform"] == DOMAIN and found.startswith(f"{domain}.")
                ours = ours and found in alive
                if ours and all(p in unique_id for p in parts) and unique_id.endswith(parts[-1]):
                    return found
            await asyncio.sleep(0.2)


async def test_a_killed_home_assistant_puts_charger_and_battery_right_when_it_is_back(
    tmp_path: Path,
) -> None:
    devices, port, config = Devices(), free_port(), tmp_path / "config"
    before = devices.storage
    prepare(config, version=version("homeassistant"), port=port, time_zone=ZONE, keep=False)
    text = config / "configuration.yaml"
    text.write_text(
        "\n".join(
            line.replace("frontend:", "onboarding:")
            for line in text.read_text("utf-8").splitlines()
            if line not in LEFT_OUT
        ),
        "utf-8",
    )
    process = HomeAssistant(config, tmp_path / "log", port)
    async with devices.listening() as ports, aiohttp.ClientSession() as session:
        try:
            await process.start(session)
            async with await Api.sign_in(session, process.url, new=True) as api:
                entry_id = await add_entry(api, DOMAIN, HOME)
                for form in forms(devices, *ports):
                    await add_subentry(api, entry_id, "device", form)
                act = await entity(api, "switch", "_act")
                mode = await entity(api, "select", "_charging_mode")
                power = await entity(api, "number", "solaredge", "_power")
                battery = await entity(api, "select", "solaredge", "_mode")
                await api.act("select", "select_option", mode, option="fast")
                await api.act("number", "set_value", power, value=1.2)
                await api.act("switch", "turn_on", act)
                await until("the car charges", lambda: devices.offered_a == 16)
                await api.act("select", "select_option", battery, option="charge")
                await until("the battery charges", lambda: 1.1 < devices.battery_kw < 1.3)
            # What is not kept yet is lost.
            await process.kill()
            assert devices.storage != before
            assert devices.owned != OWN
            written = len(devices.charger.writes)

            await process.start(session)
            async with await Api.sign_in(session, process.url, new=False) as api:
                # It acts on and controls the charger.
                current = await entity(api, "number", "wattpilot", "_current")
                await until("the car charges on", lambda: devices.offered_a == 16)
                await api.act("number", "set_value", current, value=9)
                await until("the charger obeys", lambda: devices.offered_a == 9)
                assert len(devices.charger.writes) > written
                await api.act("switch", "turn_off", act)
                await until("the battery is as it was", lambda: devices.storage == before)
                await until("the charger is as it was", lambda: devices.owned == OWN)
            await process.stop()
            assert process.errors() == []
        except Exception as err:
            err.add_note(process.said())
            raise
        finally:
            await process.kill()
