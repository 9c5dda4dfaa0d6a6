"""House, simulated NRGkick of either generation and driver for the tests of the driver."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp

from custom_components.smart_charging.core.reading import ChargerReading
from custom_components.smart_charging.devices.nrgkick.driver import NrgkickDriver, Timing
from simulators.clock import ManualClock
from simulators.house import Car, ChargerConfig, House, HouseConfig
from simulators.nrgkick import NrgkickGen2
from simulators.nrgkick_gen1 import NrgkickGen1

from .charger_rig import ChargerRig

START = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
PASSWORD = "hunter2-äß"
# Real waits are short; those that the clock measures keep their length.
TIMING = Timing(
    gen2_poll_s=0.02, gen1_poll_s=0.02, gen2_answer_s=0.5, gen1_answer_s=0.5, retry_s=0.01
)
SLOW = Timing(gen2_poll_s=60, gen1_poll_s=60, gen2_answer_s=0.3, gen1_answer_s=0.3, retry_s=0.01)
"""Asks by itself only at the start and after an order."""


class Rig(ChargerRig[NrgkickDriver]):
    """House, charger and driver, moved in lock step."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__(session, ManualClock(START))
        self.furnish()
        self.simulator: NrgkickGen2 | NrgkickGen1 | None = None

    def furnish(self, **changes: Any) -> None:
        charger = {"key": "charger", "car": Car(soc=0.3)} | changes
        config = HouseConfig(
            base_kw=(0.0, 0.0, 0.0),
            appliances=(),
            pv_peak_kw=0.0,
            chargers=(ChargerConfig(**charger),),
        )
        self.house = House(config, self.clock)
        self.point = self.house.chargers["charger"]

    async def gen2(self, **options: Any) -> NrgkickGen2:
        self.simulator = simulator = NrgkickGen2(self.house, self.clock, **options)
        self.port = await simulator.start()
        return simulator

    async def gen1(self, **options: Any) -> NrgkickGen1:
        options = {"password": PASSWORD} | options
        self.simulator = simulator = NrgkickGen1(self.house, self.clock, **options)
        self.port = await simulator.start()
        return simulator

    def build(self, timing: Timing = TIMING, **data: Any) -> NrgkickDriver:
        self.driver = NrgkickDriver(
            {"host": f"127.0.0.1:{self.port}", **data}, self.context, timing=timing
        )
        return self.driver

    async def tick(self, seconds: float = 5.0) -> ChargerReading:
        """Move on and await a reading that was asked for after this very moment."""
        self.clock.advance(seconds)
        count = len(self.readings) + 2
        await self.until(lambda: len(self.readings) >= count or self.task_done)
        assert not self.task_done
        return self.last

    async def ticks(self, count: int) -> ChargerReading:
        for _ in range(count):
            await self.tick()
        return self.last

    def ordered(self) -> list[dict[str, Any]]:
        """Return the orders since the last call."""
        assert self.simulator is not None
        orders = list(self.simulator.orders)
        self.simulator.orders.clear()
        return orders

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
                if rig.simulator is not None:
                    await rig.simulator.stop()
