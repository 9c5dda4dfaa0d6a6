"""The NRGkick driver reads and commands a simulated Gen2 over a real socket."""

import asyncio
from collections.abc import AsyncIterator
import json
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from custom_components.smart_charging.core.reading import ChargerStatus, PartKind
from custom_components.smart_charging.devices.base import (
    CannotConnect,
    ChargerDriver,
    Driver,
    DriverContext,
    InvalidAuth,
    KeepsState,
    Rejected,
    WrongDevice,
)
from custom_components.smart_charging.devices.charging import COMPLETE_AFTER_S
from custom_components.smart_charging.devices.nrgkick import MAKE
from custom_components.smart_charging.devices.nrgkick.driver import NrgkickDriver
from custom_components.smart_charging.devices.nrgkick.gen1 import NoBluetooth, WallboxUnknown
from custom_components.smart_charging.devices.nrgkick.gen2 import Gen2
from custom_components.smart_charging.devices.nrgkick.values import Setting
from custom_components.smart_charging.devices.nrgkick.web import ApiOff, Web
from simulators.clock import RealClock
from simulators.house import Car

from .nrgkick_rig import PASSWORD, SLOW, Rig

SERIAL = "T2332500000000000S1D2"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Rig.open() as rig:
        yield rig


def lonely_driver(**data: Any) -> NrgkickDriver:
    context = DriverContext(
        session=cast(aiohttp.ClientSession, None), clock=RealClock(), run_blocking=asyncio.to_thread
    )
    return NrgkickDriver({"host": "127.0.0.1", **data}, context)


def test_driver_fits_the_protocols_and_the_row_loads_it() -> None:
    assert MAKE.load() is NrgkickDriver
    assert MAKE.secrets == {"password"}
    for protocol in (Driver, ChargerDriver, KeepsState):
        assert isinstance(lonely_driver(), protocol)


def test_every_field_part_and_error_has_its_text() -> None:
    root = Path(__file__).parents[2] / "custom_components" / "smart_charging"
    texts = json.loads((root / "devices" / "texts" / "nrgkick.json").read_text())
    assert set(texts["fields"]) == {f.key for f in MAKE.fields}
    assert set(texts["parts"]) == {"charger"}
    raised = (CannotConnect, InvalidAuth, WrongDevice, Rejected)
    own = (ApiOff, NoBluetooth, WallboxUnknown)
    assert set(texts["errors"]) == {e.key for e in (*raised, *own)}


async def test_identify_tells_serial_model_and_limits(rig: Rig) -> None:
    await rig.gen2()
    identity = await rig.build().identify()
    assert (identity.serial, identity.name) == (SERIAL, "NRGkick 🔌⚡️")
    assert (identity.manufacturer, identity.model) == ("DiniTech", "NRGkick Gen2 SIM")
    assert identity.firmware == "4.0.0.33"
    (part,) = identity.parts
    assert (part.key, part.kind, part.controllable) == ("charger", PartKind.CHARGER, True)
    # The plug that it is in allows less than the charger.
    assert (part.min_a, part.max_a) == (6, 16)
    assert (part.phases, part.can_switch_phases) == ((1, 3), True)


async def test_single_phase_connector_cannot_switch(rig: Rig) -> None:
    rig.furnish(phases=1, max_a=13.0)
    await rig.gen2()
    (part,) = (await rig.build().identify()).parts
    assert (part.phases, part.can_switch_phases, part.max_a) == ((1,), False, 13)


@pytest.mark.parametrize("pasted", [" {} ", "http://{}/", "http://{}/info"])
async def test_pasted_addresses_are_understood(rig: Rig, pasted: str) -> None:
    await rig.gen2()
    identity = await rig.build(host=pasted.format(f"127.0.0.1:{rig.port}")).identify()
    assert identity.serial == SERIAL


async def test_password_is_asked_for_and_sent(rig: Rig) -> None:
    await rig.gen2(username="me", password=PASSWORD)
    with pytest.raises(InvalidAuth):
        await rig.build().identify()
    with pytest.raises(InvalidAuth):
        await rig.build(username="me", password="wrong").identify()
    identity = await rig.build(username="me", password=PASSWORD).identify()
    assert identity.serial == SERIAL


async def test_written_current_reaches_the_meter_and_is_read_back(rig: Rig) -> None:
    await rig.gen2()
    rig.build()
    await rig.run()
    assert rig.last.released
    await rig.driver.set_charging("charger", 10.59, 3)
    assert rig.ordered() == [{"current_set": "10.5"}]
    reading = await rig.ticks(8)
    assert reading.status is ChargerStatus.CHARGING
    assert (reading.limit_a, reading.phases, reading.released) == (10.5, 3, False)
    assert reading.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.01)
    assert reading.power_kw == pytest.approx(10.5 * 0.69, rel=0.03)
    assert reading.currents_a == pytest.approx((10.5, 10.5, 10.5))
    assert reading.session_kwh == pytest.approx(rig.point.session_kwh, abs=0.001)
    assert reading.total_kwh == pytest.approx(rig.point.total_kwh, abs=0.002)
    assert reading.warning is None
    await rig.driver.set_charging("charger", 7, None)
    assert rig.ordered() == [{"current_set": "7.0"}]
    assert (await rig.ticks(4)).limit_a == 7
    assert rig.house.meter.power_kw == pytest.approx(7 * 0.69, rel=0.03)


async def test_order_that_holds_is_not_written_again(rig: Rig) -> None:
    await rig.gen2()
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, 1)
    assert rig.ordered() == [{"current_set": "8.0", "phase_count": "1"}]
    await rig.ticks(3)
    for _ in range(3):
        await rig.ticks(1)
        await rig.driver.set_charging("charger", 8, 1)
    assert rig.ordered() == []


async def test_pause_and_resume(rig: Rig) -> None:
    await rig.gen2()
    rig.build()
    await rig.run()
    assert (await rig.ticks(6)).status is ChargerStatus.CHARGING
    await rig.driver.set_charging("charger", 0, None)
    assert rig.ordered() == [{"charge_pause": "1"}]
    reading = await rig.ticks(30)
    assert (reading.limit_a, reading.power_kw, reading.warning) == (0, 0, None)
    assert reading.status is ChargerStatus.CONNECTED
    await rig.driver.set_charging("charger", 6, None)
    assert rig.ordered() == [{"current_set": "6.0", "charge_pause": "0"}]
    reading = await rig.ticks(6)
    assert (reading.limit_a, reading.status) == (6, ChargerStatus.CHARGING)


async def test_phases_read_nothing_while_they_switch(rig: Rig) -> None:
    await rig.gen2()
    rig.build()
    await rig.run()
    await rig.ticks(6)
    await rig.driver.set_charging("charger", 16, 1)
    assert rig.ordered() == [{"phase_count": "1"}]
    reading = await rig.tick()
    assert (reading.limit_a, reading.power_kw, reading.phases) == (16, 0, None)
    reading = await rig.ticks(10)
    assert (reading.limit_a, reading.phases) == (16, 1)
    assert reading.currents_a == pytest.approx((16, 0, 0))


async def test_currents_beyond_the_charger_are_cut_and_below_its_minimum_refused(rig: Rig) -> None:
    rig.furnish(max_a=13.0, car=Car(soc=0.3))
    simulator = await rig.gen2()
    simulator.current_a = 8.0
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 32, None)
    assert rig.ordered() == [{"current_set": "13.0"}]
    for part, current, phases in (
        ("charger", 4.0, None),
        ("charger", 10.0, 2),
        ("meter", 10.0, None),
    ):
        with pytest.raises(Rejected):
            await rig.driver.set_charging(part, current, phases)
    assert rig.ordered() == []


async def test_release_puts_back_what_was_before_over_a_restart(rig: Rig) -> None:
    simulator = await rig.gen2()
    simulator.current_a = 9.5
    rig.point.enabled = False
    rig.build()
    await rig.run()
    assert rig.driver.dump_state() == {}
    await rig.driver.release("charger")
    assert rig.ordered() == []
    await rig.driver.set_charging("charger", 12, 1)
    state = json.loads(json.dumps(rig.driver.dump_state()))
    await rig.halt()
    rig.build(serial=SERIAL).load_state(state)
    await rig.run()
    assert rig.last.released is False
    await rig.ticks(3)
    rig.ordered()
    await rig.driver.release("charger")
    assert rig.ordered() == [{"current_set": "9.5", "phase_count": "3", "charge_pause": "1"}]
    assert rig.driver.dump_state() == {}
    assert (await rig.tick()).released


async def test_release_leaves_alone_what_was_never_changed(rig: Rig) -> None:
    """A charger whose phase switching is off in its app refuses even the phases that it has."""
    await rig.gen2(phase_switching=False)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 12, 3)
    with pytest.raises(Rejected, match="Invalid phases"):
        await rig.driver.set_charging("charger", 12, 1)
    await rig.tick()
    rig.driver.saved = Setting(current_a=16.0, paused=False)
    await rig.driver.release("charger")
    assert rig.ordered()[-1] == {"current_set": "16.0"}


def test_unusable_state_is_ignored() -> None:
    driver = lonely_driver()
    driver.load_state({"saved": 3})
    assert driver.saved is None
    driver.load_state({"saved": {"current_a": "x", "paused": 1, "phases": 9, "evil": 1}})
    assert driver.saved == Setting()


async def test_orders_need_a_running_link(rig: Rig) -> None:
    await rig.gen2()
    driver = rig.build()
    with pytest.raises(CannotConnect):
        await driver.set_charging("charger", 10, None)
    driver.load_state({"saved": {"current_a": 10}})
    with pytest.raises(CannotConnect):
        await driver.release("charger")
    assert driver.saved == Setting(current_a=10.0)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("reject_writes", Rejected, "Not Acceptable"),
        ("blocked", Rejected, "blocked by solar-charging"),
        ("http_5xx", CannotConnect, "HTTP 503"),
        ("wrong_password", InvalidAuth, "401"),
        ("api_off", ApiOff, "local API is off"),
        ("silence", CannotConnect, "no answer within"),
        ("hang_up", CannotConnect, "broke off"),
    ],
)
async def test_refused_order_says_why(
    rig: Rig, fault: str, error: type[Exception], words: str
) -> None:
    simulator = await rig.gen2()
    rig.build(timing=SLOW)
    await rig.run()
    simulator.inject(fault)
    with pytest.raises(error, match=words):
        await rig.driver.set_charging("charger", 10, None)
    assert simulator.current_a == 16
    await rig.halt()


async def test_acknowledged_but_ignored_order_shows_and_is_written_again(rig: Rig) -> None:
    simulator = await rig.gen2()
    rig.build()
    await rig.run()
    simulator.inject("ignore_writes")
    await rig.driver.set_charging("charger", 0, None)
    assert (await rig.tick()).limit_a == 16
    simulator.clear()
    rig.ordered()
    await rig.driver.set_charging("charger", 0, None)
    assert rig.ordered() == [{"charge_pause": "1"}]
    assert (await rig.tick()).limit_a == 0


async def test_plug_unplug_full_and_fault_show_in_the_status(rig: Rig) -> None:
    simulator = await rig.gen2()
    rig.build()
    await rig.run()
    assert (await rig.ticks(4)).status is ChargerStatus.CHARGING
    car = rig.point.car
    assert car is not None
    car.ended = True
    rig.clock.advance(1)
    assert (await rig.tick()).status is ChargerStatus.CONNECTED
    assert (await rig.ticks(int(COMPLETE_AFTER_S / 5) + 1)).status is ChargerStatus.COMPLETE
    await rig.driver.set_charging("charger", 0, None)
    # A pause does not make a full car hungry.
    assert (await rig.ticks(2)).status is ChargerStatus.COMPLETE
    rig.point.unplug()
    assert (await rig.tick()).status is ChargerStatus.UNPLUGGED
    rig.point.plug(Car(soc=0.5))
    assert (await rig.tick()).status is ChargerStatus.CONNECTED
    simulator.inject("overtemperature")
    reading = await rig.tick()
    assert (reading.status, reading.warning) == (ChargerStatus.ERROR, "housing overtemperature")
    simulator.clear()
    simulator.inject("numbers")
    reading = await rig.tick()
    assert (reading.status, reading.warning) == (ChargerStatus.CONNECTED, None)


async def test_its_own_energy_limit_holds_it_off_in_words(rig: Rig) -> None:
    simulator = await rig.gen2()
    simulator.energy_limit_wh = 1000
    rig.point.session_kwh = 1.5
    rig.build()
    await rig.run()
    assert rig.last.limit_a == 0
    assert rig.last.warning == "not charging: its own energy limit is reached"


async def test_missing_values_are_missing_and_nothing_else(rig: Rig) -> None:
    simulator = await rig.gen2()
    rig.build()
    await rig.run()
    await rig.ticks(4)
    simulator.inject("no_values")
    reading = await rig.tick()
    assert (reading.power_kw, reading.session_kwh, reading.total_kwh) == (None, None, None)
    assert reading.currents_a == (None, None, None)
    assert reading.limit_a == 16
    assert reading.status is ChargerStatus.CHARGING


@pytest.mark.parametrize("states", ["words", "numbers"])
async def test_a_charger_that_starts_has_no_state_yet(rig: Rig, states: str) -> None:
    simulator = await rig.gen2()
    if states == "numbers":
        simulator.inject("numbers")
    rig.build(serial=SERIAL)
    await rig.run()
    await rig.ticks(4)
    simulator.inject("starting")
    reading = await rig.tick()
    assert (reading.status, reading.warning) == (None, None)
    assert reading.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.01)
    # Nor does it say who it is: known from before it is a charger in trouble, and no other one.
    await rig.halt()
    await rig.run()
    assert type(await rig.failure()) is CannotConnect
    web = Web(rig.session, f"127.0.0.1:{rig.port}", timeout_s=1)
    with pytest.raises(CannotConnect, match="without a serial number"):
        await Gen2(web, rig.clock, 1).identify()
    simulator.clear("starting")
    await rig.run()
    assert rig.last.status is ChargerStatus.CHARGING


@pytest.mark.parametrize("fault", ["http_5xx", "hang_up", "garbage", "half", "list", "silence"])
async def test_one_bad_answer_is_passed_over_and_a_second_ends_the_run(
    rig: Rig, fault: str
) -> None:
    simulator = await rig.gen2()
    rig.build(serial=SERIAL)
    await rig.run()
    await rig.ticks(4)
    simulator.inject(fault, 1)
    await rig.until(lambda: fault not in simulator.faults)
    assert (await rig.tick()).status is ChargerStatus.CHARGING
    simulator.inject(fault)
    assert isinstance(await rig.failure(), CannotConnect)
    # It is called again, and with the same fault it fails in words again.
    await rig.run()
    assert type(await rig.failure()) is CannotConnect
    simulator.clear()
    await rig.run()
    assert rig.last.status is ChargerStatus.CHARGING


async def test_what_is_off_refused_or_another_is_told_apart(rig: Rig) -> None:
    simulator = await rig.gen2()
    simulator.inject("api_off")
    with pytest.raises(ApiOff):
        await rig.build().identify()
    simulator.clear()
    simulator.inject("garbage")
    with pytest.raises(WrongDevice, match="cannot be understood"):
        await rig.build().identify()
    simulator.clear()
    with pytest.raises(CannotConnect):
        await rig.build(host="127.0.0.1:1").identify()
    for nonsense in ("a b:c", "127.0.0.1:99999", ""):
        with pytest.raises(CannotConnect):
            await rig.build(host=nonsense).identify()
    rig.build(serial="T999")
    await rig.run()
    assert isinstance(await rig.failure(), WrongDevice)
    rig.build(serial=SERIAL)
    await rig.run()
    simulator.inject("wrong_password")
    assert isinstance(await rig.failure(), InvalidAuth)


async def test_a_cancelled_run_leaves_no_request_behind(rig: Rig) -> None:
    simulator = await rig.gen2()
    rig.build(timing=SLOW)
    await rig.run()
    simulator.inject("silence")
    order = asyncio.create_task(rig.driver.set_charging("charger", 10, None))
    await rig.until(lambda: simulator.asked[-1] == "GET /control" and bool(simulator.faults))
    await rig.halt()
    with pytest.raises(CannotConnect):
        await order
    with pytest.raises(CannotConnect, match="not connected"):
        await rig.driver.set_charging("charger", 10, None)
