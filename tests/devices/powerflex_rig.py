"""House, simulated PowerFlex service and driver for the tests of the driver."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp

from custom_components.smart_charging.core.reading import ChargerReading
from custom_components.smart_charging.devices.powerflex.driver import PowerFlexDriver, Timing
from simulators.clock import ManualClock
from simulators.house import Car, ChargerConfig, House, HouseConfig
from simulators.powerflex import PowerFlex

from .charger_rig import ChargerRig

START = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
USER, PASSWORD = "me@garage.example", "hunter2-äß"
# Real waits are short; those that the clock measures keep their length.
TIMING = Timing(poll_s=0.02)
ANSWER_S = 0.5
PAIR = (
    ChargerConfig(key="01", phases=1, car=Car(soc=0.3, phases=1)),
    ChargerConfig(key="02", phases=1, car=Car(soc=0.3, phases=1)),
)


class Rig(ChargerRig[PowerFlexDriver]):
    """House, service and driver, moved in lock step."""

    def __init__(self, session: aiohttp.ClientSession, *stations: ChargerConfig) -> None:
        super().__init__(session, ManualClock(START))
        config = HouseConfig(
            base_kw=(0.0, 0.0, 0.0),
            appliances=(),
            pv_peak_kw=0.0,
            chargers=stations or (ChargerConfig(key="02", phases=1, car=Car(soc=0.3, phases=1)),),
        )
        self.house = House(config, self.clock)
        numbers = {point.key: point.key for point in config.chargers}
        self.service = PowerFlex(self.house, self.clock, numbers, username=USER, password=PASSWORD)

    @property
    def point(self) -> Any:
        return next(iter(self.house.chargers.values()))

    def build(self, **data: Any) -> PowerFlexDriver:
        form = {
            "url": f"http://127.0.0.1:{self.port}",
            "username": USER,
            "password": PASSWORD,
            "garage": "03",
            "station": "02",
        }
        self.driver = PowerFlexDriver(form | data, self.context, timing=TIMING)
        self.driver._service.answer_s = ANSWER_S
        return self.driver

    async def polls(self, count: int = 3) -> None:
        """Let so many questions for measurements go by."""
        asked = self.measured() + count
        await self.until(lambda: self.measured() >= asked or self.task_done)

    def measured(self) -> int:
        return self.service.asked.count("POST /get_measurement_data")

    async def tick(self, seconds: float = 10.0) -> ChargerReading:
        """Move on and await what was measured after this very moment."""
        self.clock.advance(seconds)
        now = self.clock.now()
        await self.until(lambda: self.last.device_time == now or self.task_done)
        # One more: an order may have been put right in the poll that measured.
        await self.polls(2)
        assert not self.task_done
        return self.last

    async def ticks(self, count: int) -> ChargerReading:
        for _ in range(count):
            await self.tick()
        return self.last

    def ordered(self) -> list[tuple[float, bool]]:
        """Return kW and switch of the orders since the last call."""
        orders = [(order["max_load"], order["is_enabled"]) for order in self.service.orders]
        self.service.orders.clear()
        return orders

    @classmethod
    @asynccontextmanager
    async def open(cls, *stations: ChargerConfig) -> AsyncIterator[Self]:
        """Yield a rig and close all of it."""
        async with aiohttp.ClientSession() as session:
            rig = cls(session, *stations)
            rig.port = await rig.service.start()
            try:
                yield rig
            finally:
                await rig.halt()
                await rig.service.stop()
