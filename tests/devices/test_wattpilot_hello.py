"""How a wallbox is asked who it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.smart_charging.clock import SystemClock
from custom_components.smart_charging.devices.base import CannotConnect, DriverContext, WrongDevice
from custom_components.smart_charging.devices.discovery import Found
from custom_components.smart_charging.devices.wattpilot import hello
from simulators.house import House, HouseConfig
from simulators.wattpilot import WattpilotSimulator

type Ask = Callable[[str], Awaitable[Found]]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Return what asks an address who is there."""
    async with aiohttp.ClientSession() as session:
        context = DriverContext(
            session=session, clock=SystemClock(), run_blocking=asyncio.to_thread
        )

        async def introduce(host: str) -> Found:
            return await hello.introduce(Found(connection={"host": host}, name="Box"), context)

        yield introduce


async def serve(answer: Callable[[web.WebSocketResponse], Awaitable[Any]]) -> web.AppRunner:
    """Return a running server that greets with `answer`."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        link = web.WebSocketResponse()
        await link.prepare(request)
        await answer(link)
        return link

    app = web.Application()
    app.router.add_get("/ws", handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


async def test_a_wallbox_names_its_serial_number_without_a_login(ask: Ask) -> None:
    clock = SystemClock()
    simulator = WattpilotSimulator(House(HouseConfig(), clock), clock, password="hunter2")
    port = await simulator.start()
    try:
        found = await ask(f"127.0.0.1:{port}")
        assert found.serial == "91012345"
        assert found.name == simulator.values["fna"]
        assert simulator.logins == 0
        simulator.inject("silence")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hello, "HELLO_S", 0.1)
            with pytest.raises(CannotConnect, match="no greeting"):
                await ask(f"127.0.0.1:{port}")
    finally:
        await simulator.stop()
    with pytest.raises(CannotConnect):
        await ask(f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    "answer",
    [
        lambda link: link.send_str("no JSON"),
        lambda link: link.send_bytes(b"\x00"),
        lambda link: link.send_json([]),
        lambda link: link.send_json({"type": "hello"}),
        lambda link: link.close(),
    ],
)
async def test_another_greeting_is_no_wallbox(
    ask: Ask, answer: Callable[[web.WebSocketResponse], Awaitable[Any]]
) -> None:
    runner = await serve(answer)
    try:
        with pytest.raises(WrongDevice, match="greeting"):
            await ask(f"127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()
