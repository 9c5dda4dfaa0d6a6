"""What stands around Home Assistant in the demo: a house, its devices, prices, the car."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
import json
from pathlib import Path
import socket
from typing import Any
from zoneinfo import ZoneInfo

from custom_components.smart_charging.core.grid import Topology
from simulators.car import Car, ChargerConfig
from simulators.clock import RealClock
from simulators.house import House, HouseConfig, MeterConfig
from simulators.p1 import P1Simulator
from simulators.prices import five_minute_prices
from simulators.solaredge_modbus import SolarEdgeModbus
from simulators.wattpilot import WattpilotSimulator

from .api import Api

TIME_ZONE = "Europe/Brussels"
AFTERNOON_H = 14.0
"""Local hour of the house's sun when the demo starts, whatever the clock says."""
CHEAP_AFTER_MIN = 6.0
CHEAP_FOR_MIN = 90.0
READY_AFTER = timedelta(minutes=25)
CAPACITY_KWH = 24.0
SOC = 0.46
TARGET_SOC = 0.50
"""4 % of 24 kWh at an efficiency of 0.9: about 1 kWh from the charger."""
EXPORT_PRICE = 0.04
PASSWORD = "demo-charger"
PRICE_ENTITY = "sensor.market_price"
SOC_ENTITY = "sensor.car_battery_level"
FEED_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where the simulators listen; kept, so that `--keep` finds them again."""

    p1: int
    wattpilot: int
    solaredge: int

    @classmethod
    def load(cls, file: Path, *, keep: bool) -> "Ports":
        """Return the ports of the last run (`keep`), else new ones."""
        if keep and file.is_file():
            return cls(**json.loads(file.read_text("utf-8")))
        ports = cls(p1=free_port(), wattpilot=free_port(), solaredge=free_port())
        file.write_text(json.dumps(vars(ports)), "utf-8")
        return ports


def free_port(preferred: int = 0) -> int:
    """Return a port of 127.0.0.1 that nobody holds. Raises OSError if `preferred` is held."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", preferred))
        port: int = probe.getsockname()[1]
        return port


class Surroundings:
    """The simulated house with all that Home Assistant reads."""

    def __init__(self, ports: Ports) -> None:
        """Build the house as it stands when the demo starts."""
        self.clock = RealClock()
        self.ports = ports
        self.started_at = self.clock.now()
        local = self.started_at.astimezone(ZoneInfo(TIME_ZONE))
        self.house = House(
            HouseConfig(
                time_zone=TIME_ZONE,
                topology=Topology.THREE_400,
                fuse_a=25.0,
                pv_peak_kw=4.0,
                # As in most homes a quarter of this month was higher: below it power is free of
                # the capacity tariff, and the car can take what it needs within the cheap spell.
                meter=MeterConfig(month_peak_kw=4.6),
                sun_offset_h=AFTERNOON_H - (local.hour + local.minute / 60),
                chargers=(
                    ChargerConfig(
                        key="charger",
                        car=Car(id="car", capacity_kwh=CAPACITY_KWH, soc=SOC, tag="demo-car"),
                    ),
                ),
            ),
            self.clock,
        )
        self.prices = five_minute_prices(
            self.started_at, cheap_after_min=CHEAP_AFTER_MIN, cheap_for_min=CHEAP_FOR_MIN
        )
        self.p1 = P1Simulator(self.house, self.clock)
        self.wattpilot = WattpilotSimulator(self.house, self.clock, password=PASSWORD)
        self.solaredge = SolarEdgeModbus(self.house, port=ports.solaredge)

    @property
    def ready_by(self) -> datetime:
        """When the car must be ready, in local time, on a whole minute."""
        at = self.started_at.astimezone(ZoneInfo(TIME_ZONE)) + READY_AFTER
        return at.replace(second=0, microsecond=0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen on all ports."""
        await self.p1.start_tcp(self.ports.p1)
        await self.wattpilot.start(self.ports.wattpilot)
        await self.solaredge.start()
        try:
            yield
        finally:
            await self.solaredge.stop()
            await self.wattpilot.stop()
            await self.p1.stop()

    async def feed(self, api: Api) -> None:
        """Keep the entities of other integrations up to date, for ever."""
        while True:
            await self.feed_once(api)
            await asyncio.sleep(FEED_S)

    async def feed_once(self, api: Api) -> None:
        """Write the entities that other integrations would have: price list and car."""
        now = self.clock.now()
        current = next((p.value for p in self.prices if p.start <= now < p.end), None)
        await api.post(f"/api/states/{PRICE_ENTITY}", self._price_state(current))
        self.house.advance()
        car = self.house.chargers["charger"].car
        level = {
            "state": "unknown" if car is None else f"{car.soc * 100:.1f}",
            "attributes": {
                "friendly_name": "Car battery level",
                "device_class": "battery",
                "state_class": "measurement",
                "unit_of_measurement": "%",
            },
        }
        await api.post(f"/api/states/{SOC_ENTITY}", level)

    def _price_state(self, current: float | None) -> dict[str, Any]:
        rows = [
            {"start": p.start.isoformat(), "end": p.end.isoformat(), "value": p.value}
            for p in self.prices
        ]
        return {
            "state": "unknown" if current is None else f"{current:.5f}",
            "attributes": {
                "friendly_name": "Market price",
                "unit_of_measurement": "EUR/kWh",
                "prices": rows,
            },
        }
