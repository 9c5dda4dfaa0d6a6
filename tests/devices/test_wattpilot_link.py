"""How the Wattpilot driver connects, notices a lost charger and closes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
import time
import traceback

import pytest

from custom_components.smart_charging.devices.base import (
    CannotConnect,
    InvalidAuth,
    WrongDevice,
)
from custom_components.smart_charging.devices.wattpilot.link import load_definitions
from simulators.clock import ManualClock, RealClock
from simulators.house import House, HouseConfig
from simulators.wattpilot import Fault

from .wattpilot_rig import PASSWORD, START, TIMING, Rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Rig.open() as rig:
        yield rig


async def test_dropped_link_is_noticed_within_a_tick(rig: Rig) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    rig.simulator.inject("drop")
    assert isinstance(await rig.failure(0.5), CannotConnect)
    with pytest.raises(CannotConnect):
        await rig.driver.set_charging("charger", 10, None)
    rig.readings.clear()
    await rig.run()
    assert (await rig.tick()).limit_a == 16


@pytest.mark.parametrize("fault", ["silence", "stall"])
async def test_silent_link_is_noticed_and_its_readings_grow_old(rig: Rig, fault: Fault) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    clock = rig.clock
    assert isinstance(clock, ManualClock)
    rig.simulator.inject(fault)
    count = len(rig.readings)
    clock.advance(29)
    rig.simulator.push()
    await rig.until(lambda: len(rig.readings) > count)
    assert rig.last.at == START
    assert not rig.task_done
    clock.advance(2)
    started = time.monotonic()
    error = await rig.failure()
    assert isinstance(error, CannotConnect)
    assert "31 s" in str(error)
    # Also a half-open link is closed in the time that the driver allows for it.
    assert time.monotonic() - started < TIMING.tick_s + TIMING.close_s + 0.5
    rig.simulator.clear()
    rig.readings.clear()
    await rig.run()
    assert (await rig.tick()).status is not None


@pytest.mark.parametrize("fault", ["silence", "stall"])
async def test_order_without_answer_cannot_connect(rig: Rig, fault: Fault) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    rig.simulator.inject(fault)
    with pytest.raises(CannotConnect, match="acknowledgement"):
        await rig.driver.set_charging("charger", 10, None)


async def test_drop_in_the_middle_of_an_order_cannot_connect(rig: Rig) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    rig.simulator.inject("silence")
    order = asyncio.create_task(rig.driver.set_charging("charger", 10, None))
    await rig.until(lambda: bool(rig.simulator.writes))
    rig.simulator.inject("drop")
    with pytest.raises(CannotConnect):
        await order


async def test_charger_that_forgot_its_dynamic_current_is_set_again(rig: Rig) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 7, None)
    rig.simulator.reboot()
    await rig.failure()
    rig.readings.clear()
    await rig.run()
    assert (await rig.tick()).limit_a == 16
    rig.written()
    await rig.driver.set_charging("charger", 7, None)
    assert rig.written() == [("amx", 7)]


async def test_readings_come_at_most_four_times_a_second(rig: Rig) -> None:
    rig.clock = RealClock()
    rig.house = House(HouseConfig(), rig.clock)
    await rig.simulate()
    rig.build()
    await rig.run()
    rig.readings.clear()
    started = time.monotonic()
    for _ in range(50):
        rig.simulator.push()
        await asyncio.sleep(0.02)
    took_s = time.monotonic() - started
    assert 2 <= len(rig.readings) <= took_s / TIMING.shortest_s + 1


async def test_quiet_charger_still_gives_readings(rig: Rig) -> None:
    rig.clock = RealClock()
    rig.house = House(HouseConfig(), rig.clock)
    await rig.simulate()
    rig.build(replace(TIMING, longest_s=0.1))
    await rig.run()
    await rig.until(lambda: len(rig.readings) >= 5, patience_s=1.0)
    assert rig.last.at - rig.readings[0].at < timedelta(seconds=0.1)


async def test_cancelling_leaves_neither_task_nor_connection(rig: Rig) -> None:
    await rig.simulate()
    before = asyncio.all_tasks()
    rig.build()
    await rig.run()
    assert rig.simulator.clients == 1
    await rig.halt()
    await rig.until(lambda: rig.simulator.clients == 0)
    await rig.until(lambda: asyncio.all_tasks() <= before, patience_s=1.0)


@pytest.mark.parametrize("fault", ["silence", "stall"])
async def test_cancelling_in_the_handshake_leaves_no_task(rig: Rig, fault: Fault) -> None:
    await rig.simulate()
    rig.simulator.inject(fault)
    before = asyncio.all_tasks()
    task = asyncio.create_task(rig.build().run(rig.publish))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(1):
            await task
    # The charger's own end of a half-open link goes with this.
    rig.simulator.clear()
    await rig.until(lambda: asyncio.all_tasks() <= before, patience_s=1.0)


async def test_first_order_does_not_block_the_loop_with_parsing(rig: Rig) -> None:
    load_definitions.cache_clear()
    await rig.simulate()
    rig.build()
    await rig.run()
    link = rig.driver._link
    assert link is not None
    # Filled by run in an executor, and what the library's client uses.
    assert load_definitions.cache_info().currsize == 1
    assert link.client._get_api_def() is load_definitions()


@pytest.mark.parametrize("devicetype", ["wattpilot", "wattpilot_flex"])
async def test_wrong_password_is_invalid_auth_and_no_secret_is_told(
    rig: Rig, devicetype: str, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.simulate(devicetype=devicetype)
    driver = rig.build(password="wrong-pass-word")
    for call in (driver.identify(), driver.run(rig.publish)):
        with pytest.raises(InvalidAuth) as caught:
            await call
        told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.placeholders)
        assert "wrong-pass-word" not in told + repr(driver) + caplog.text
    assert rig.readings == []


async def test_refused_port_cannot_connect(rig: Rig) -> None:
    await rig.simulate()
    await rig.simulator.stop()
    with pytest.raises(CannotConnect) as caught:
        await rig.build().identify()
    assert caught.value.placeholders["detail"]
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("host", ["", "127.0.0.1:99999", "127.0.0.1:port", "127.0.0.1/else"])
async def test_impossible_addresses_cannot_connect(rig: Rig, host: str) -> None:
    with pytest.raises(CannotConnect):
        await rig.build(host=host).identify()


async def test_other_server_at_the_address_cannot_connect(rig: Rig) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(CannotConnect):
            await rig.build(host=f"127.0.0.1:{port}").identify()


async def test_charger_of_another_kind_is_the_wrong_device(rig: Rig) -> None:
    await rig.simulate(devicetype="go-eCharger")
    with pytest.raises(WrongDevice) as caught:
        await rig.build().identify()
    assert caught.value.placeholders["detail"] == "go-eCharger"


async def test_mute_charger_fails_the_handshake_in_time(rig: Rig) -> None:
    await rig.simulate()
    rig.simulator.inject("silence")
    with pytest.raises(CannotConnect):
        async with asyncio.timeout(2):
            await rig.build(replace(TIMING, connect_s=0.3)).identify()
