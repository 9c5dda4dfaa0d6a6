"""What runs a device: it says why an order or a start fails, and lets go whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest

from custom_components.smart_charging.clock import SystemClock
from custom_components.smart_charging.config import DeviceConfig
from custom_components.smart_charging.core.reading import (
    AnyReading,
    BatteryMode,
    ChargerReading,
    MeterReading,
    PartKind,
)
from custom_components.smart_charging.devices.base import (
    CannotConnect,
    Data,
    DriverContext,
    Identity,
    Make,
    Publish,
    Rejected,
)
from custom_components.smart_charging.devices.p1 import MAKE as P1
from custom_components.smart_charging.runner import DeviceRunner, RequirementsMissing
from simulators.house import House, HouseConfig
from simulators.p1 import P1Simulator
from tests.devices.entity_home import context

type Order = Callable[[DeviceRunner], Coroutine[Any, Any, None]]


@dataclass
class Heard:
    """What a runner told the site."""

    readings: list[AnyReading] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def on_reading(self, _runner: DeviceRunner, _part: str, reading: AnyReading) -> None:
        self.readings.append(reading)
        self.arrived.set()

    def on_error(self, runner: DeviceRunner) -> None:
        if runner.error is not None:
            self.errors.append(runner.error.key)
        self.arrived.set()


@asynccontextmanager
async def running(
    hass: HomeAssistant, make: Make, **connection: Any
) -> AsyncIterator[tuple[DeviceRunner, Heard]]:
    """Run a device until it told something, and stop it at the end."""
    heard = Heard()
    runner = DeviceRunner(
        hass,
        DeviceConfig(
            id="sub",
            unique_id=f"{make.key}_1",
            name="Cellar",
            make=make.key,
            connection=connection,
            identity={"serial": "1SAG3100000001"},
            parts=(),
        ),
        make,
        context(hass),
        on_reading=heard.on_reading,
        on_error=heard.on_error,
        kept=None,
    )
    runner.start()
    try:
        async with asyncio.timeout(20):
            await heard.arrived.wait()
        yield runner, heard
    finally:
        await runner.stop()


@pytest.fixture
async def meter_url() -> AsyncIterator[str]:
    """A P1 meter behind a network adapter."""
    clock = SystemClock()
    meter = P1Simulator(House(HouseConfig(), clock), clock, interval_s=0.05)
    yield f"socket://127.0.0.1:{await meter.start_tcp()}"
    await meter.stop()


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (lambda runner: runner.set_charging("meter", 10.0, None), "takes no orders"),
        (lambda runner: runner.release("meter"), "takes no orders"),
        (lambda runner: runner.set_battery("meter", BatteryMode.HOLD, 0.0), "takes no orders"),
        (lambda runner: runner.set_failsafe("meter", 6.0), "has no failsafe"),
    ],
    ids=["charging", "release", "battery", "failsafe"],
)
async def test_a_device_that_can_only_be_read_refuses_orders_and_reads_on(
    hass: HomeAssistant, meter_url: str, order: Order, words: str
) -> None:
    async with running(hass, P1, url=meter_url, version="5B") as (runner, heard):
        assert not runner.releasable
        assert not runner.has_failsafe
        with pytest.raises(Rejected, match=words):
            await order(runner)
        count = len(heard.readings)
        async with asyncio.timeout(5):
            while len(heard.readings) == count:
                await asyncio.sleep(0.01)
        assert isinstance(heard.readings[-1], MeterReading)
        assert not heard.errors
    with pytest.raises(CannotConnect, match="not connected yet"):
        await DeviceRunner(
            hass,
            runner.config,
            P1,
            context(hass),
            on_reading=heard.on_reading,
            on_error=heard.on_error,
            kept=None,
        ).set_charging("meter", 10.0, None)


@pytest.fixture
def installing(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Home Assistant installs what makes need, without a network."""
    hass.config.skip_pip = False
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_NO_CACHE", "1")


@pytest.mark.usefixtures("installing")
async def test_a_library_that_cannot_be_installed_is_named(
    hass: HomeAssistant, meter_url: str
) -> None:
    wants = replace(P1, requirements=("smart-charging-missing==0.0.1",))
    async with running(hass, wants, url=meter_url, version="5B") as (runner, heard):
        assert isinstance(runner.error, RequirementsMissing)
        assert str(runner.error) == "smart-charging-missing==0.0.1"
        assert heard.errors == ["requirements_missing"]
        assert not heard.readings


@pytest.mark.usefixtures("installing")
async def test_a_library_that_is_there_is_used_at_once(hass: HomeAssistant, meter_url: str) -> None:
    wants = replace(P1, requirements=("aiohttp>=3",))
    async with running(hass, wants, url=meter_url, version="5B") as (runner, heard):
        assert runner.error is None
        assert isinstance(heard.readings[0], MeterReading)


class Charger:
    """A charger that takes orders as a test says, and cannot be closed in order."""

    def __init__(self, _data: Data, context: DriverContext) -> None:
        self._context = context
        self.deaf = True
        self.told: list[float] = []

    async def identify(self) -> Identity:
        raise NotImplementedError

    async def run(self, publish: Publish) -> None:
        publish("charger", ChargerReading(at=self._context.clock.now(), limit_a=16.0))
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("the port is gone")

    async def set_charging(self, part: str, current_a: float, phases: int | None) -> None:
        if self.deaf:
            await asyncio.Event().wait()
        self.told.append(current_a)

    async def release(self, part: str) -> None:
        self.told.append(0.0)


CHARGER = Make(key="deaf", name="Deaf", fields=(), parts=(PartKind.CHARGER,), load=lambda: Charger)


async def test_an_order_that_nobody_answers_ends_and_the_next_one_goes_out(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async with running(hass, CHARGER) as (runner, heard):
        driver = runner._driver
        assert isinstance(driver, Charger)
        order = asyncio.ensure_future(runner.set_charging("charger", 10.0, None))
        for _ in range(10):
            await asyncio.sleep(0)
        freezer.tick(9)
        for _ in range(10):
            await asyncio.sleep(0)
        assert not order.done()
        freezer.tick(2)
        with pytest.raises(CannotConnect, match="no answer within 10 s"):
            await order
        driver.deaf = False
        await runner.set_charging("charger", 8.0, None)
        assert driver.told == [8.0]
        assert not heard.errors, "its readings go on: the link stands"


async def test_a_driver_that_fails_while_it_is_closed_is_stopped_quietly(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(hass, CHARGER) as (runner, heard):
        task = runner._task
        assert task is not None
    assert task.done()
    assert task.exception() is None
    assert not runner.running
    assert not heard.errors, "it was stopped, it did not fail"
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
    # A site that stops while a form has paused the device stops it again.
    await runner.stop()
    assert not runner.running
