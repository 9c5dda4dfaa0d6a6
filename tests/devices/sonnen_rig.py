"""A simulated sonnenBatterie at a house that stands still until it is moved, and its driver."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp

from custom_components.smart_charging.core.reading import AnyReading
from custom_components.smart_charging.devices.base import DriverContext
from custom_components.smart_charging.devices.sonnen.driver import SonnenDriver
from simulators.clock import ManualClock
from simulators.house import BatteryConfig, House, HouseConfig
from simulators.sonnen import Sonnen

NOON = datetime(2026, 6, 1, 11, tzinfo=UTC)
TOKEN = "t0ken-of-the-battery"
SERIAL = "123456"


class FastDriver(SonnenDriver):
    poll_interval_s = 0.01
    remote_interval_s = 0.02


class Rig:
    """House, battery, driver, and what the driver said."""

    def __init__(self, session: aiohttp.ClientSession, *, version: int = 2, **house: Any) -> None:
        self.clock = ManualClock(NOON)
        quiet = {"appliances": (), "load_noise": 0.0, "sky": "clear", "chargers": ()}
        config = HouseConfig(**({**quiet, "battery": BatteryConfig()} | house))
        self.house = House(config, self.clock)
        self.sonnen = Sonnen(self.house, token=TOKEN, serial=SERIAL, version=version)
        self.context = DriverContext(
            session=session, clock=self.clock, run_blocking=asyncio.to_thread
        )
        self.readings: dict[str, AnyReading] = {}
        self.told = 0

    def driver(self, **data: Any) -> SonnenDriver:
        """Return a driver that has not run yet."""
        version = self.sonnen.version
        form = {
            "host": self.sonnen.host,
            "serial": SERIAL,
            "version": f"v{version}",
            "token": TOKEN if version == 2 else "",
        }
        return FastDriver(form | data, self.context)

    def publish(self, part: str, reading: AnyReading) -> None:
        self.readings[part] = reading
        self.told += 1

    async def heard(self, seconds: float = 0.0) -> Any:
        """Move the house, wait for news of after that, and return those of the battery."""
        self.clock.advance(seconds)
        now = self.clock.now()
        self.readings.clear()
        async with asyncio.timeout(10):
            while "battery" not in self.readings or self.readings["battery"].at < now:
                await asyncio.sleep(0.005)
        return self.readings["battery"]

    @asynccontextmanager
    async def running(self, driver: SonnenDriver) -> AsyncIterator[Self]:
        """Run a driver until it was heard, and end it after."""
        task = asyncio.create_task(driver.run(self.publish))
        try:
            waiting = asyncio.create_task(self.heard())
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                waiting.cancel()
                task.result()
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def a_rig(version: int = 2, **house: Any) -> AsyncIterator[Rig]:
    """Return a rig whose battery answers."""
    async with aiohttp.ClientSession() as session:
        rig = Rig(session, version=version, **house)
        async with rig.sonnen:
            yield rig
