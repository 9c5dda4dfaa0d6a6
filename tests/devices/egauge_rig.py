"""A simulated eGauge at a house that stands still until it is moved, and its driver."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp

from custom_components.smart_charging.core.reading import AnyReading, MeterReading, PvReading
from custom_components.smart_charging.devices.base import DriverContext
from custom_components.smart_charging.devices.egauge.driver import EgaugeDriver
from simulators.clock import ManualClock
from simulators.egauge import SERIAL, Egauge
from simulators.house import House, HouseConfig

NOON = datetime(2026, 6, 1, 11, tzinfo=UTC)
PASSWORD = "hunter2-gauge"
CHOSEN = {
    "grid": "Grid",
    "import_energy": "Grid+",
    "export_energy": "Grid-",
    "pv": "Solar",
    "pv_energy": "Solar+",
    **{f"l{n}_power": f"Grid L{n}" for n in (1, 2, 3)},
    **{f"l{n}_current": f"L{n} Current" for n in (1, 2, 3)},
    **{f"l{n}_voltage": f"L{n} Voltage" for n in (1, 2, 3)},
}
"""Every register that the simulated meter has and that has a use."""


class FastDriver(EgaugeDriver):
    poll_interval_s = 0.01


class Rig:
    """House, meter, driver, and what the driver said."""

    def __init__(
        self,
        sessions: tuple[aiohttp.ClientSession, aiohttp.ClientSession],
        *,
        json: bool,
        **meter: Any,
    ) -> None:
        self.clock = ManualClock(NOON)
        config = HouseConfig(appliances=(), load_noise=0.0, sky="clear", chargers=())
        self.house = House(config, self.clock)
        self.json = json
        self.meter = Egauge(self.house, password=PASSWORD if json else "", **meter)
        checking, trusting = sessions
        self.context = DriverContext(
            session=checking,
            unverified_session=trusting,
            clock=self.clock,
            run_blocking=asyncio.to_thread,
        )
        self.port = 0
        self.readings: dict[str, AnyReading] = {}
        self.history: list[AnyReading] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.port = await self.meter.start(self.port)

    def driver(self, **data: Any) -> EgaugeDriver:
        """Return a driver that has not run yet; `None` takes a field out."""
        login = {"username": "owner", "password": PASSWORD} if self.json else {}
        form = {"host": self.host, "serial": SERIAL, **login, **CHOSEN, **data}
        return FastDriver({k: v for k, v in form.items() if v is not None}, self.context)

    def publish(self, part: str, reading: AnyReading) -> None:
        self.readings[part] = reading
        self.history.append(reading)

    async def heard(self, seconds: float = 2.0, part: str = "meter") -> Any:
        """Move the house, and return what a part says after that."""
        # A question that is under way is about the moment before.
        for _ in range(2):
            self.clock.advance(seconds / 2)
            now = self.clock.now()
            async with asyncio.timeout(10):
                while part not in self.readings or self.readings[part].at < now:
                    await asyncio.sleep(0.002)
        return self.readings[part]

    async def _begun(self, asked: int) -> None:
        """Hear a driver that asked at least once: a mean needs a moment before."""
        while not any(path.endswith(("register", "egauge")) for path in self.meter.asked[asked:]):
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.02)
        await self.heard()

    async def grid(self, seconds: float = 2.0) -> MeterReading:
        reading = await self.heard(seconds)
        assert isinstance(reading, MeterReading)
        return reading

    def sun(self) -> PvReading:
        reading = self.readings["pv"]
        assert isinstance(reading, PvReading)
        return reading

    @asynccontextmanager
    async def running(self, driver: EgaugeDriver) -> AsyncIterator[Self]:
        """Run a driver until it was heard, and end it after."""
        self.readings.clear()
        task = asyncio.create_task(driver.run(self.publish))
        try:
            waiting = asyncio.create_task(self._begun(len(self.meter.asked)))
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                waiting.cancel()
                task.result()
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def a_rig(json: bool = True, **meter: Any) -> AsyncIterator[Rig]:
    """Return a rig whose meter answers."""
    trusting = aiohttp.TCPConnector(ssl=False)
    async with (
        aiohttp.ClientSession() as checking,
        aiohttp.ClientSession(connector=trusting) as trusted,
    ):
        rig = Rig((checking, trusted), json=json, **meter)
        await rig.start()
        try:
            yield rig
        finally:
            await rig.meter.stop()
