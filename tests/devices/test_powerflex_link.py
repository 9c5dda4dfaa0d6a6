"""The PowerFlex driver keeps one login, and meets each fault of the link."""

import asyncio
from collections.abc import AsyncIterator
import traceback

import pytest

from custom_components.smart_charging.core.reading import ChargerStatus
from custom_components.smart_charging.devices.base import (
    CannotConnect,
    InvalidAuth,
    RateLimited,
)
from custom_components.smart_charging.devices.powerflex.driver import (
    SILENT_S,
)

from .powerflex_rig import PASSWORD, Rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Rig.open() as rig:
        yield rig


async def test_one_login_serves_until_the_token_expires(rig: Rig) -> None:
    rig.build()
    await rig.run()
    await rig.ticks(3)
    await rig.driver.set_charging("charger", 8, None)
    assert rig.service.logins == 1
    rig.service.inject("expired", 1)
    await rig.ticks(2)
    assert rig.service.logins == 2
    # Also in the middle of an order, and over a lost link.
    rig.service.inject("expired", 1)
    await rig.driver.set_charging("charger", 7, None)
    assert rig.service.limit_kw == 1.61
    await rig.halt()
    await rig.run()
    assert rig.service.logins == 3


@pytest.mark.parametrize("fault", ["revoked", "wrong_password"])
async def test_an_account_that_is_closed_is_asked_for(rig: Rig, fault: str) -> None:
    rig.build()
    await rig.run()
    rig.service.inject("expired")
    rig.service.inject(fault)
    err = await rig.failure()
    assert isinstance(err, InvalidAuth)
    assert PASSWORD not in "".join(traceback.format_exception(err))
    assert rig.service.logins <= 2, "no login after login"


async def test_a_changed_password_fails_an_order_as_such(rig: Rig) -> None:
    rig.build()
    await rig.run()
    rig.service.inject("wrong_password")
    rig.service.inject("expired", 1)
    with pytest.raises(InvalidAuth):
        await rig.driver.set_charging("charger", 8, None)
    await rig.failure()


@pytest.mark.parametrize(
    "fault",
    ["http_5xx", "hang_up", "garbage", "half", "list", "silence", "no_series", "no_results"],
)
async def test_one_bad_answer_is_no_fault(rig: Rig, fault: str) -> None:
    rig.build()
    await rig.run()
    rig.service.inject(fault, 1)
    await rig.polls(3)
    assert not rig.task_done
    assert (await rig.ticks(2)).status is ChargerStatus.CHARGING


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("http_5xx", "HTTP 503"),
        ("hang_up", "the connection broke"),
        ("garbage", "cannot be understood"),
        ("half", "cannot be understood"),
        ("list", "cannot be understood"),
        ("silence", "no answer in time"),
    ],
)
async def test_bad_answers_end_the_link_and_the_next_one_goes_on(
    rig: Rig, fault: str, words: str
) -> None:
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    rig.service.inject(fault)
    err = await rig.failure()
    assert type(err) is CannotConnect
    assert words in str(err)
    rig.service.clear()
    await rig.run()
    assert rig.last.limit_a == 8
    await rig.driver.release("charger")
    assert rig.service.limit_kw is None


@pytest.mark.parametrize("fault", ["frozen", "no_series", "no_results", "foreign"])
async def test_a_service_that_measures_nothing_new_counts_as_silent(rig: Rig, fault: str) -> None:
    rig.build()
    await rig.run()
    rig.service.inject(fault)
    rig.clock.advance(SILENT_S - 5)
    await rig.polls(3)
    assert not rig.task_done
    assert len(rig.readings) == 1
    rig.clock.advance(10)
    err = await rig.failure()
    assert isinstance(err, CannotConnect)
    assert "no new measurement" in str(err)


async def test_too_many_calls_are_told_with_the_wait(rig: Rig) -> None:
    rig.build()
    await rig.run()
    rig.service.inject("rate_limited")
    err = await rig.failure()
    assert isinstance(err, RateLimited)
    assert err.retry_after_s == 30


async def test_a_service_whose_clock_is_ahead_is_read(rig: Rig) -> None:
    rig.build()
    measure = rig.service._measure

    def ahead() -> None:
        measure()
        for row in rig.service._rows:
            row.setdefault("moved", row["time"])
            row["time"] = row["moved"] + 45

    rig.service._measure = ahead  # type: ignore[method-assign]  # a clock that is wrong
    await rig.run()
    assert rig.last.device_time is not None
    assert (rig.last.device_time - rig.last.at).total_seconds() == 45


async def test_nothing_is_left_open(rig: Rig) -> None:
    rig.build()
    await rig.run()
    before = asyncio.all_tasks()
    rig.service.inject("silence")
    waiting = asyncio.create_task(rig.driver.set_charging("charger", 8, None))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await rig.halt()
    await asyncio.gather(waiting, return_exceptions=True)
    # What waits at the simulator is its own affair.
    rig.service.clear()
    await rig.until(lambda: asyncio.all_tasks() <= before)
    with pytest.raises(CannotConnect, match="not connected"):
        await rig.driver.set_charging("charger", 8, None)
