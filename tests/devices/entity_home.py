"""A Home Assistant with entities that act as devices; shared by the tests of entity drivers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.setup import async_setup_component

from custom_components.smart_charging.clock import SystemClock
from custom_components.smart_charging.core.reading import AnyReading
from custom_components.smart_charging.devices.base import Driver
from custom_components.smart_charging.devices.entity.context import EntityContext

W = {"unit_of_measurement": "W", "device_class": "power"}
KW = {"unit_of_measurement": "kW", "device_class": "power"}
A = {"unit_of_measurement": "A", "device_class": "current"}
KWH = {"unit_of_measurement": "kWh", "device_class": "energy"}
PERCENT = {"unit_of_measurement": "%", "device_class": "battery"}


def context(hass: HomeAssistant) -> EntityContext:
    """Return what a site hands to the drivers."""
    return EntityContext(
        session=async_get_clientsession(hass),
        clock=SystemClock(),
        run_blocking=hass.async_add_executor_job,
        hass=hass,
    )


@dataclass
class Calls:
    """What a running driver published."""

    readings: list[AnyReading] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, part: str, reading: AnyReading) -> None:
        self.readings.append(reading)
        self.arrived.set()

    @property
    def last(self) -> Any:
        return self.readings[-1]


@asynccontextmanager
async def running(hass: HomeAssistant, driver: Driver) -> AsyncIterator[Calls]:
    """Run a driver until its first reading, and stop it at the end; its failure is ours."""
    calls = Calls()
    task = asyncio.create_task(driver.run(calls.publish))
    arrived = asyncio.create_task(calls.arrived.wait())
    await asyncio.wait((task, arrived), timeout=5, return_when=asyncio.FIRST_COMPLETED)
    arrived.cancel()
    if task.done():
        task.result()
    try:
        yield calls
    finally:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled() and (failure := task.exception()) is not None:
            raise failure


async def settle(hass: HomeAssistant) -> None:
    """Let events reach the driver and its reading reach us."""
    for _ in range(3):
        await hass.async_block_till_done()
        await asyncio.sleep(0)


async def set_up_inputs(hass: HomeAssistant, **config: dict[str, Any]) -> None:
    """Set up real helpers, e.g. input_number={"limit": {...}}."""
    for domain, entities in config.items():
        assert await async_setup_component(hass, domain, {domain: entities})
    await hass.async_block_till_done()


def register(
    hass: HomeAssistant, entity_id: str, platform: str = "test", **kwargs: Any
) -> er.RegistryEntry:
    """Put an entity into the registry."""
    domain, _, name = entity_id.partition(".")
    return er.async_get(hass).async_get_or_create(
        domain, platform, kwargs.pop("unique_id", name), suggested_object_id=name, **kwargs
    )
