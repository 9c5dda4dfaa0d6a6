"""The NRGkick driver reads and commands a simulated Gen1 behind its gateway over a real socket."""

from collections.abc import AsyncIterator

import pytest

from custom_components.smart_charging.core.reading import ChargerStatus, Remedy
from custom_components.smart_charging.devices.base import (
    CannotConnect,
    InvalidAuth,
    Rejected,
    WrongDevice,
)
from custom_components.smart_charging.devices.charging import COMPLETE_AFTER_S
from custom_components.smart_charging.devices.nrgkick.gen1 import (
    FROZEN_S,
    UNPLUGGED_AFTER_S,
    NoBluetooth,
    WallboxUnknown,
)
from simulators.house import Car
from simulators.nrgkick_gen1 import MAC

from .nrgkick_rig import PASSWORD, SLOW, Rig

OTHER = "00:11:22:33:44:66"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Rig.open() as rig:
        yield rig


async def test_identify_tells_name_and_limits(rig: Rig) -> None:
    await rig.gen1()
    identity = await rig.build(password=PASSWORD).identify()
    assert (identity.serial, identity.name) == (MAC, "NRGkick_Garage_2EBD")
    assert identity.model == "NRGkick Gen1 (Connect)"
    (part,) = identity.parts
    assert (part.min_a, part.max_a, part.phases, part.can_switch_phases) == (6, 16, (3,), False)
    assert part.controllable


async def test_a_single_phase_wallbox_is_seen_by_its_voltages(rig: Rig) -> None:
    rig.furnish(phases=1)
    await rig.gen1()
    (part,) = (await rig.build(password=PASSWORD).identify()).parts
    assert part.phases == (1,)


async def test_the_wallbox_is_chosen_where_the_gateway_has_several(rig: Rig) -> None:
    await rig.gen1(others=(OTHER,))
    with pytest.raises(WallboxUnknown, match=f"{MAC}, {OTHER}"):
        await rig.build(password=PASSWORD).identify()
    with pytest.raises(WallboxUnknown):
        await rig.build(password=PASSWORD, wallbox="00:00:00:00:00:00").identify()
    for typed in (MAC, MAC.lower(), MAC.replace(":", "-"), MAC.replace(":", "")):
        identity = await rig.build(password=PASSWORD, wallbox=f" {typed} ").identify()
        assert identity.serial == MAC
    # Later the serial number says which.
    rig.build(password=PASSWORD, serial=MAC)
    await rig.run()
    assert rig.last.limit_a == 16
    await rig.halt()
    rig.build(password=PASSWORD, serial="T2332500000000000S1D2")
    await rig.run()
    assert isinstance(await rig.failure(), WrongDevice)


async def test_a_gateway_without_a_wallbox_says_so(rig: Rig) -> None:
    simulator = await rig.gen1()
    simulator.inject("no_wallbox")
    with pytest.raises(NoBluetooth, match="knows no wallbox"):
        await rig.build(password=PASSWORD).identify()


async def test_written_current_reaches_the_meter_and_is_read_back(rig: Rig) -> None:
    await rig.gen1()
    rig.build(password=PASSWORD)
    await rig.run()
    assert rig.last.released
    await rig.driver.set_charging("charger", 10.9, 3)
    assert rig.ordered() == [{"ChargingCurrent": {"Value": 10}}]
    reading = await rig.ticks(8)
    assert (reading.status, reading.limit_a) == (ChargerStatus.CHARGING, 10)
    assert (reading.phases, reading.released) == (3, False)
    assert reading.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.01)
    assert reading.power_kw == pytest.approx(6.9, rel=0.03)
    assert reading.currents_a == pytest.approx((10, 10, 10))
    assert reading.total_kwh == pytest.approx(rig.point.total_kwh, abs=0.002)
    assert reading.device_time == rig.clock.now()
    await rig.driver.set_charging("charger", 10, 3)
    assert rig.ordered() == []


async def test_pause_resume_and_release(rig: Rig) -> None:
    await rig.gen1()
    rig.build(password=PASSWORD)
    await rig.run()
    await rig.ticks(4)
    await rig.driver.set_charging("charger", 0, None)
    assert rig.ordered() == [{"ChargingStatus": {"Charging": False}}]
    reading = await rig.ticks(30)
    assert (reading.limit_a, reading.power_kw) == (0, 0)
    assert reading.status is ChargerStatus.CONNECTED
    await rig.driver.set_charging("charger", 8, None)
    assert rig.ordered() == [
        {"ChargingStatus": {"Charging": True}, "ChargingCurrent": {"Value": 8}}
    ]
    reading = await rig.ticks(4)
    assert (reading.limit_a, reading.status) == (8, ChargerStatus.CHARGING)
    await rig.driver.release("charger")
    assert rig.ordered() == [{"ChargingCurrent": {"Value": 16}}]
    assert (await rig.tick()).released


async def test_an_empty_wallbox_is_found_out_and_a_new_car_is_paused_again(rig: Rig) -> None:
    await rig.gen1()
    rig.build(password=PASSWORD)
    await rig.run()
    await rig.ticks(4)
    await rig.driver.set_charging("charger", 0, None)
    await rig.ticks(2)
    rig.point.unplug()
    # Held off and empty look the same,
    assert (await rig.ticks(10)).status is ChargerStatus.CONNECTED
    # until it may charge and does not begin.
    await rig.driver.set_charging("charger", 10, None)
    assert (await rig.tick(1)).status is ChargerStatus.CONNECTED
    assert (await rig.tick(UNPLUGGED_AFTER_S)).status is ChargerStatus.UNPLUGGED
    await rig.driver.set_charging("charger", 0, None)
    assert (await rig.ticks(10)).status is ChargerStatus.UNPLUGGED
    # A car that is plugged in charges although a pause was ordered; then it is ordered again.
    rig.point.plug(Car(soc=0.5))
    reading = await rig.tick(1)
    assert (reading.status, reading.limit_a) == (ChargerStatus.CONNECTED, 10)
    rig.ordered()
    await rig.driver.set_charging("charger", 0, None)
    assert rig.ordered() == [{"ChargingStatus": {"Charging": False}}]
    assert (await rig.ticks(2)).limit_a == 0


async def test_a_car_that_has_charged_and_takes_nothing_is_full(rig: Rig) -> None:
    await rig.gen1()
    rig.build(password=PASSWORD)
    await rig.run()
    assert (await rig.ticks(8)).status is ChargerStatus.CHARGING
    car = rig.point.car
    assert car is not None
    car.ended = True
    assert (await rig.ticks(2)).status is ChargerStatus.CONNECTED
    assert (await rig.ticks(int(COMPLETE_AFTER_S / 5))).status is ChargerStatus.COMPLETE


async def test_refused_orders_say_why(rig: Rig) -> None:
    simulator = await rig.gen1()
    rig.build(password="wrong", timing=SLOW)
    await rig.run()
    with pytest.raises(InvalidAuth, match="Password not in request"):
        await rig.driver.set_charging("charger", 10, None)
    # Readings need no password: they go on.
    assert not rig.task_done
    await rig.halt()
    rig.build(password=PASSWORD)
    await rig.run()
    simulator.inject("bluetooth")
    with pytest.raises(NoBluetooth):
        await rig.driver.set_charging("charger", 10, None)
    simulator.clear()
    await rig.halt()
    rig.build(password=PASSWORD, timing=SLOW)
    await rig.run()
    # The wallbox was set to less behind our back.
    rig.driver._box.max_a = 20.0  # type: ignore[union-attr]  # it runs
    with pytest.raises(Rejected, match="Value out of range"):
        await rig.driver.set_charging("charger", 20, None)


async def test_an_order_without_a_word_of_refusal_may_have_been_lost(rig: Rig) -> None:
    simulator = await rig.gen1()
    rig.build(password=PASSWORD, timing=SLOW)
    await rig.run()
    simulator.inject("http_5xx", 1)
    with pytest.raises(CannotConnect, match="HTTP 503"):
        await rig.driver.set_charging("charger", 10, None)
    await rig.driver.set_charging("charger", 10, None)
    assert rig.ordered() == [{"ChargingCurrent": {"Value": 10}}]


async def test_release_sends_nothing_for_phases_that_it_cannot_switch(rig: Rig) -> None:
    await rig.gen1()
    rig.build(password=PASSWORD).load_state(
        {"saved": {"current_a": 16, "paused": False, "phases": 1}}
    )
    await rig.run()
    await rig.driver.release("charger")
    assert rig.ordered() == []
    assert rig.driver.dump_state() == {}


async def test_without_a_password_the_form_asks_for_it(rig: Rig) -> None:
    await rig.gen1()
    with pytest.raises(InvalidAuth):
        await rig.build().identify()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("bluetooth", NoBluetooth),
        ("apart", NoBluetooth),
        ("http_5xx", CannotConnect),
        ("silence", CannotConnect),
        ("hang_up", CannotConnect),
        ("garbage", CannotConnect),
        ("half", CannotConnect),
    ],
)
async def test_faults_end_the_run_in_words_and_pass(
    rig: Rig, fault: str, error: type[Exception]
) -> None:
    simulator = await rig.gen1()
    rig.build(password=PASSWORD, serial=MAC)
    await rig.run()
    simulator.inject(fault)
    assert type(await rig.failure()) is error
    await rig.run()
    assert type(await rig.failure()) is error
    simulator.clear()
    await rig.run()
    assert rig.last.limit_a == 16


async def test_a_list_where_objects_belong_is_an_error_in_words(rig: Rig) -> None:
    simulator = await rig.gen1()
    simulator.inject("list")
    with pytest.raises(WrongDevice, match="cannot be understood"):
        await rig.build(password=PASSWORD).identify()


async def test_measurements_that_are_missing_or_stand_still_do_not_count(rig: Rig) -> None:
    simulator = await rig.gen1()
    rig.build(password=PASSWORD)
    await rig.run()
    await rig.ticks(4)
    simulator.inject("frozen")
    assert (await rig.tick(FROZEN_S - 10)).power_kw == pytest.approx(11, rel=0.05)
    reading = await rig.tick(20)
    assert (reading.power_kw, reading.total_kwh) == (None, None)
    assert reading.limit_a == 16
    simulator.clear()
    assert (await rig.tick()).power_kw == pytest.approx(11, rel=0.05)
    simulator.inject("no_values")
    reading = await rig.tick()
    assert (reading.power_kw, reading.currents_a) == (None, (None, None, None))
    assert reading.status is ChargerStatus.CONNECTED


async def test_settings_that_are_missing_leave_the_state_unknown_unless_a_current_shows_it(
    rig: Rig,
) -> None:
    simulator = await rig.gen1()
    simulator.inject("no_settings")
    identity = await rig.build(password=PASSWORD).identify()
    assert identity.name == "NRGkick"
    (part,) = identity.parts
    assert (part.min_a, part.max_a) == (6, 16), "of the smallest wallbox"
    await rig.run()
    reading = await rig.ticks(8)
    assert (reading.status, reading.limit_a) == (ChargerStatus.CHARGING, None)
    rig.point.unplug()
    reading = await rig.tick()
    assert (reading.status, reading.power_kw) == (None, 0)


async def test_a_fault_is_told_by_its_number(rig: Rig) -> None:
    simulator = await rig.gen1()
    rig.build(password=PASSWORD)
    await rig.run()
    await rig.ticks(4)
    simulator.error_codes = ["0", "12"]
    reading = await rig.tick()
    assert (reading.status, reading.warning) == (ChargerStatus.ERROR, "fault 12")
    assert reading.remedy is Remedy.DEVICE
    assert reading.power_kw == pytest.approx(11, rel=0.05)
    simulator.error_codes = ["0", " "]
    reading = await rig.tick()
    assert (reading.status, reading.warning) == (ChargerStatus.CHARGING, None)


async def test_a_time_that_is_none_costs_nothing_else(rig: Rig) -> None:
    simulator = await rig.gen1()
    simulator.inject("no_clock")
    rig.build(password=PASSWORD)
    await rig.run()
    reading = await rig.ticks(4)
    assert reading.device_time is None
    assert reading.power_kw == pytest.approx(11, rel=0.05)
