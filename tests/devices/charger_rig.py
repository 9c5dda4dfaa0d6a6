"""What the rigs of all chargers share: a driver that runs, its readings, and its end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import aiohttp
import pytest

from custom_components.smart_charging.core.clock import Clock
from custom_components.smart_charging.core.reading import AnyReading, ChargerReading
from custom_components.smart_charging.devices.base import ChargerDriver, DeviceError, DriverContext


class ChargerRig[DriverT: ChargerDriver]:
    """A driver of a charger in a task, beside what it talks to."""

    driver: DriverT

    def __init__(self, session: aiohttp.ClientSession, clock: Clock) -> None:
        self.session, self.clock = session, clock
        self.readings: list[ChargerReading] = []
        self.task: asyncio.Task[None] | None = None
        self.port = 0

    @property
    def context(self) -> DriverContext:
        return DriverContext(session=self.session, clock=self.clock, run_blocking=asyncio.to_thread)

    def publish(self, part: str, reading: AnyReading) -> None:
        assert part == "charger"
        assert isinstance(reading, ChargerReading)
        self.readings.append(reading)

    @property
    def last(self) -> ChargerReading:
        return self.readings[-1]

    async def run(self, driver: DriverT | None = None) -> None:
        """Start the driver, and await its first reading or its end."""
        self.readings.clear()
        self.task = asyncio.create_task((driver or self.driver).run(self.publish))
        await self.until(lambda: bool(self.readings) or self.task_done)

    @property
    def task_done(self) -> bool:
        return self.task is not None and self.task.done()

    async def until(self, condition: Callable[[], bool], patience_s: float = 5.0) -> None:
        async with asyncio.timeout(patience_s):
            while not condition():
                await asyncio.sleep(0.005)

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
