"""House, simulated Wattpilot and driver for the tests of the driver."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp
import pytest

from custom_components.smart_charging.core.clock import Clock
from custom_components.smart_charging.core.reading import (
    AnyReading,
    ChargerReading,
)
from custom_components.smart_charging.devices.base import (
    DeviceError,
    DriverContext,
)
from custom_components.smart_charging.devices.wattpilot.driver import WattpilotDriver
from custom_components.smart_charging.devices.wattpilot.link import Timing
from simulators.clock import ManualClock
from simulators.house import Car, ChargerConfig, House, HouseConfig
from simulators.wattpilot import WattpilotSimulator

START = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
PASSWORD = "hunter2-äß"
# Real waits are short; those that the clock measures keep their length.
TIMING = Timing(connect_s=2, init_s=2, command_s=0.5, close_s=0.2, tick_s=0.02)


class Rig:
    """House, charger and driver, moved in lock step."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock | None = None) -> None:
        self.clock = clock or ManualClock(START)
        self.session = session
        config = HouseConfig(
            base_kw=(0.0, 0.0, 0.0),
            appliances=(),
            pv_peak_kw=0.0,
            chargers=(ChargerConfig(key="charger", car=Car(soc=0.3)),),
        )
        self.house = House(config, self.clock)
        self.point = self.house.chargers["charger"]
        self.readings: list[ChargerReading] = []
        self.task: asyncio.Task[None] | None = None
        self.port = 0

    async def simulate(self, **options: Any) -> None:
        self.simulator = WattpilotSimulator(
            self.house, self.clock, password=PASSWORD, **({"auto": False} | options)
        )
        self.port = await self.simulator.start()

    def build(self, timing: Timing = TIMING, **data: Any) -> WattpilotDriver:
        context = DriverContext(
            session=self.session, clock=self.clock, run_blocking=asyncio.to_thread
        )
        form = {"host": f"127.0.0.1:{self.port}", "password": PASSWORD, **data}
        self.driver = WattpilotDriver(form, context, timing=timing)
        return self.driver

    def publish(self, part: str, reading: AnyReading) -> None:
        assert part == "charger"
        assert isinstance(reading, ChargerReading)
        self.readings.append(reading)

    @property
    def last(self) -> ChargerReading:
        return self.readings[-1]

    async def run(self, driver: WattpilotDriver | None = None) -> None:
        self.task = asyncio.create_task((driver or self.driver).run(self.publish))
        await self.until(lambda: bool(self.readings) or self.task_done)

    @property
    def task_done(self) -> bool:
        return self.task is not None and self.task.done()

    async def until(self, condition: Callable[[], bool], patience_s: float = 5.0) -> None:
        async with asyncio.timeout(patience_s):
            while not condition():
                await asyncio.sleep(0.005)

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

    async def failure(self, patience_s: float = 5.0) -> DeviceError:
        """Await the end of `run` and return why."""
        assert self.task is not None
        with pytest.raises(DeviceError) as caught:
            async with asyncio.timeout(patience_s):
                await self.task
        self.task = None
        return caught.value

    async def halt(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task
            self.task = None

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
