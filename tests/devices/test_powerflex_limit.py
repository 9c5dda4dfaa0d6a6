"""The limit of a PowerFlex garage that others may set too, and the way back to it."""

from collections.abc import AsyncIterator
import json
from typing import Any

import pytest

from custom_components.smart_charging.core.reading import Remedy
from custom_components.smart_charging.devices.base import CannotConnect

from .powerflex_rig import Rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Rig.open() as rig:
        yield rig


@pytest.mark.parametrize(("kw", "enabled"), [(13.0, True), (13.0, False), (None, False)])
async def test_release_puts_back_what_was_found(rig: Rig, kw: float | None, enabled: bool) -> None:
    if kw is not None:
        rig.service.limit(kw, enabled=enabled)
    before = rig.service.limit_kw
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    await rig.driver.set_charging("charger", 0, None)
    assert rig.service.limit_kw == 0
    await rig.driver.release("charger")
    assert rig.service.limit_kw == before
    if kw is not None:
        assert rig.service.signal == {
            "max_load": kw,
            "max_load_unit": "kW",
            "is_enabled": enabled,
            "name": "DCM_EVSE_Allocation",
        }
    assert rig.driver.dump_state() == {}
    assert (await rig.tick()).released
    orders = len(rig.ordered())
    await rig.driver.release("charger")
    assert orders
    assert rig.ordered() == [], "once is enough"


async def test_what_was_found_is_remembered_over_a_restart(rig: Rig) -> None:
    rig.service.limit(20)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    kept = json.loads(json.dumps(rig.driver.dump_state()))
    await rig.halt()
    rig.build()
    rig.driver.load_state(kept)
    await rig.run()
    assert (rig.last.limit_a, rig.last.released) == (8, False)
    await rig.driver.set_charging("charger", 7, None)
    await rig.driver.release("charger")
    assert rig.service.limit_kw == 20


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"found": None},
        {"found": {"kw": "x", "enabled": True}, "ours_kw": []},
        {"found": {"kw": 3, "enabled": 1}, "ours_kw": []},
        {"found": {"kw": 3, "enabled": True}},
    ],
)
async def test_a_state_that_cannot_be_used_is_ignored(rig: Rig, state: dict[str, Any]) -> None:
    driver = rig.build()
    driver.load_state(state)
    assert driver.dump_state() == {}


async def test_an_order_never_lifts_the_limit_of_the_operator(rig: Rig) -> None:
    rig.service.limit(2.0)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 16, None)
    assert rig.service.limit_kw == 2
    reading = await rig.ticks(3)
    assert reading.limit_a == pytest.approx(2000 / 230, rel=0.02)
    assert reading.warning == "the garage has a limit of its own of 2 kW"
    assert reading.remedy is Remedy.OWN_RULE
    await rig.driver.set_charging("charger", 6, None)
    assert (rig.service.limit_kw, (await rig.tick()).warning) == (1.38, None)
    # The operator lowers it meanwhile, as in an emergency of the grid: that counts from then on.
    rig.service.limit(1.0)
    assert (await rig.tick()).limit_a == pytest.approx(1000 / 230, rel=0.02)
    await rig.driver.set_charging("charger", 8, None)
    assert rig.service.limit_kw == 1
    await rig.driver.release("charger")
    assert rig.service.limit_kw == 1


async def test_a_limit_that_somebody_set_meanwhile_stays(rig: Rig) -> None:
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    await rig.tick()
    rig.service.limit(5)
    await rig.driver.release("charger")
    assert rig.service.limit_kw == 5


async def test_an_order_whose_answer_was_lost_counts_as_ours(rig: Rig) -> None:
    rig.service.limit(9)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    ordered = rig.service._set_signal

    async def lost(request: Any) -> Any:
        answer = await ordered(request)
        request.transport.abort()
        return answer

    await rig.halt()
    await rig.service.stop()
    rig.service._set_signal = lost  # type: ignore[method-assign]  # as a link does
    await rig.service.start(rig.port)
    await rig.run()
    with pytest.raises(CannotConnect):
        await rig.driver.set_charging("charger", 7, None)
    assert rig.service.limit_kw == 1.61
    await rig.halt()
    await rig.service.stop()
    rig.service._set_signal = ordered  # type: ignore[method-assign]
    await rig.service.start(rig.port)
    await rig.run()
    await rig.driver.release("charger")
    assert rig.service.limit_kw == 9, "not our own limit of before"


async def test_a_service_that_forgot_the_limit_is_told_so(rig: Rig) -> None:
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    await rig.tick()
    rig.service.inject("reset", 1)
    await rig.polls(2)
    reading = await rig.ticks(2)
    assert (reading.limit_a, reading.released) == (16, False), "its order is gone"
    rig.service.inject("null_values")
    assert (await rig.tick()).released, "also where nothing tells what is offered instead"
    rig.service.clear()
    await rig.driver.set_charging("charger", 8, None)
    assert (await rig.tick()).limit_a == 8


async def test_a_limit_that_the_service_rounds_stays_ours(rig: Rig) -> None:
    rig.service.limit(9)
    rig.service.inject("rounds")
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 10, None)
    reading = await rig.ticks(4)
    assert reading.limit_a == pytest.approx(2000 / 230, rel=0.02), "what holds, not what was asked"
    assert len(rig.ordered()) == 1
    await rig.driver.set_charging("charger", 14, None)
    assert rig.service.limit_kw == 3, "not held down by our own order of before"
    await rig.ticks(1)
    await rig.driver.release("charger")
    assert rig.service.limit_kw == 9


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"max_load": 5, "max_load_unit": "furlong", "is_enabled": True}, "furlong"),
        ({"max_load": None, "max_load_unit": "kW", "is_enabled": True}, "cannot be understood"),
    ],
)
async def test_a_limit_that_is_not_understood_is_not_touched(
    rig: Rig, answer: dict[str, Any], words: str
) -> None:
    rig.build()
    await rig.run()
    rig.service.signal = answer | {"max_load": None}
    rig.service._share = lambda: None  # type: ignore[method-assign]  # it does not know either
    with pytest.raises(CannotConnect, match=words):
        await rig.driver.set_charging("charger", 6, None)
    assert rig.ordered() == []


async def test_a_limit_of_another_shape_is_no_limit_and_not_touched(rig: Rig) -> None:
    rig.service.limit(9)
    rig.service.inject("limit_list")
    with pytest.raises(CannotConnect, match="cannot be understood"):
        await rig.build().identify()
    rig.service.clear()
    await rig.run()
    rig.service.inject("limit_list")
    with pytest.raises(CannotConnect):
        await rig.driver.set_charging("charger", 6, None)
    assert (rig.ordered(), rig.service.limit_kw) == ([], 9)


async def test_a_limit_in_watts_is_understood(rig: Rig) -> None:
    rig.build()
    rig.service.limit(4.6)
    await rig.run()
    rig.service.signal = {"max_load": 4600, "max_load_unit": "W", "is_enabled": True}
    rig.service._share = lambda: None  # type: ignore[method-assign]
    assert (await rig.ticks(2)).limit_a == pytest.approx(20, rel=0.02)
