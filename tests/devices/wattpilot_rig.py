"""House, simulated Wattpilot and driver for the tests of the driver."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp

from custom_components.smart_charging.core.clock import Clock
from custom_components.smart_charging.core.reading import (
    ChargerReading,
)
from custom_components.smart_charging.devices.wattpilot.driver import WattpilotDriver
from custom_components.smart_charging.devices.wattpilot.link import Timing
from simulators.clock import ManualClock
from simulators.house import Car, ChargerConfig, House, HouseConfig
from simulators.wattpilot import WattpilotSimulator

from .charger_rig import ChargerRig

START = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
PASSWORD = "hunter2-äß"
# Real waits are short; those that the clock measures keep their length.
TIMING = Timing(connect_s=2, init_s=2, command_s=0.5, close_s=0.2, tick_s=0.02)


class Rig(ChargerRig[WattpilotDriver]):
    """House, charger and driver, moved in lock step."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock | None = None) -> None:
        super().__init__(session, clock or ManualClock(START))
        config = HouseConfig(
            base_kw=(0.0, 0.0, 0.0),
            appliances=(),
            pv_peak_kw=0.0,
            chargers=(ChargerConfig(key="charger", car=Car(soc=0.3)),),
        )
        self.house = House(config, self.clock)
        self.point = self.house.chargers["charger"]

    async def simulate(self, **options: Any) -> None:
        self.simulator = WattpilotSimulator(
            self.house, self.clock, password=PASSWORD, **({"auto": False} | options)
        )
        self.port = await self.simulator.start()

    def build(self, timing: Timing = TIMING, **data: Any) -> WattpilotDriver:
        form = {"host": f"127.0.0.1:{self.port}", "password": PASSWORD, **data}
        self.driver = WattpilotDriver(form, self.context, timing=timing)
        return self.driver

    async def tick(self, seconds: float = 5.0) -> ChargerReading:
        """Move on, let the charger tell, and await the reading of this very moment."""
        assert isinstance(self.clock, ManualClock)
        self.clock.advance(seconds)
        self.simulator.push()
        await self.until(lambda: self.last.at == self.clock.now())
        return self.last

    async def ticks(self, count: int) -> ChargerReading:
        for _ in range(count):
            await self.tick()
        return self.last

    def written(self) -> list[tuple[str, object]]:
        """Return the writes since the last call."""
        writes = [(w.key, w.value) for w in self.simulator.writes]
        self.simulator.writes.clear()
        return writes

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        """Yield a rig and close all of it."""
        async with aiohttp.ClientSession() as session:
            rig = cls(session)
            try:
                yield rig
            finally:
                await rig.halt()
                if rig.port:
                    await rig.simulator.stop()
