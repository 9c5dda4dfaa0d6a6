"""A simulated WITS service, its clock, and what a source is handed."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from custom_components.smart_charging.devices.base import DriverContext
from custom_components.smart_charging.prices.wits.source import WitsSource
from simulators.clock import ManualClock
from simulators.wits import WitsSimulator

FIXTURES = Path(__file__).parent.parent / "fixtures" / "wits"

NOON = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
"""Noon of 22 November in New Zealand (UTC+13)."""


def fixture(name: str) -> Any:
    """Return the content of a stored answer."""
    return json.loads((FIXTURES / name).read_text())


class Finished(Exception):
    """The simulated time is over."""


class Lockstep:
    """Sleeps by moving the clock, and ends a run at a given moment."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.until = clock.now()
        self.naps: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.clock.advance(max(seconds, 1.0))
        if self.clock.now() >= self.until:
            raise Finished

    async def run(self, source: WitsSource, until: datetime) -> int:
        """Run `source` until the clock shows `until`; return how often it said that it changed."""
        self.until = until
        told = []
        with pytest.raises(Finished):
            await source.run(lambda: told.append(self.clock.now()))
        return len(told)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def context(session: aiohttp.ClientSession, clock: ManualClock) -> DriverContext:
    async def run_blocking(func: Callable[..., Any], *args: Any) -> Any:
        return func(*args)

    return DriverContext(session=session, clock=clock, run_blocking=run_blocking)


@pytest.fixture
async def wits(clock: ManualClock) -> AsyncIterator[WitsSimulator]:
    simulator = WitsSimulator(clock)
    await simulator.start()
    yield simulator
    await simulator.stop()


def form(simulator: WitsSimulator, **changes: Any) -> dict[str, Any]:
    """Return the stored form of a source that asks `simulator`."""
    return {
        "client_id": "simulated-client",
        "client_secret": "simulated-secret",
        "node": "OTA2201",
        "base_url": simulator.base_url,
        "token_url": simulator.token_url,
        **changes,
    }


@pytest.fixture
def lockstep(clock: ManualClock) -> Lockstep:
    return Lockstep(clock)


@pytest.fixture
def source(wits: WitsSimulator, context: DriverContext, lockstep: Lockstep) -> WitsSource:
    return WitsSource(form(wits), context, sleep=lockstep.sleep)
