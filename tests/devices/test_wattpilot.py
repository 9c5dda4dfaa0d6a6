"""The Wattpilot driver reads and commands the simulated charger over a real socket."""

import asyncio
from collections.abc import AsyncIterator
import json
from pathlib import Path
from typing import cast

import aiohttp
import pytest

from custom_components.smart_charging.core.reading import (
    ChargerStatus,
    PartKind,
)
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
from custom_components.smart_charging.devices.wattpilot import MAKE
from custom_components.smart_charging.devices.wattpilot.driver import OBEY_S, WattpilotDriver
from simulators.clock import RealClock
from simulators.house import Car, ChargerConfig, House, HouseConfig

from .wattpilot_rig import PASSWORD, Rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Rig.open() as rig:
        yield rig


def test_driver_fits_the_protocols_and_the_row_loads_it(rig_free_driver: WattpilotDriver) -> None:
    assert MAKE.load() is WattpilotDriver
    assert MAKE.secrets == {"password"}
    for protocol in (Driver, ChargerDriver, KeepsState):
        assert isinstance(rig_free_driver, protocol)


@pytest.fixture
def rig_free_driver() -> WattpilotDriver:
    context = DriverContext(
        session=cast(aiohttp.ClientSession, None), clock=RealClock(), run_blocking=asyncio.to_thread
    )
    return WattpilotDriver({"host": "127.0.0.1", "password": PASSWORD}, context)


def test_every_field_part_and_error_has_its_text() -> None:
    root = Path(__file__).parents[2] / "custom_components" / "smart_charging"
    path = root / "devices" / "texts" / "wattpilot.json"
    texts = json.loads(path.read_text())
    assert set(texts["fields"]) == {f.key for f in MAKE.fields}
    assert set(texts["parts"]) == {"charger"}
    raised = {e.key for e in (CannotConnect, InvalidAuth, WrongDevice, Rejected)}
    assert set(texts["errors"]) == raised


@pytest.mark.parametrize(
    ("devicetype", "variant", "model", "max_a"),
    [
        ("wattpilot", 11, "Wattpilot 11 kW", 16),
        ("wattpilot_flex", 22, "Wattpilot Flex 22 kW", 32),
    ],
)
async def test_identify_tells_serial_model_and_limits(
    rig: Rig, devicetype: str, variant: int, model: str, max_a: float
) -> None:
    await rig.simulate(devicetype=devicetype, variant=variant, serial="32145678")
    rig.simulator.logic.values["ama"] = max_a
    identity = await rig.build().identify()
    assert (identity.serial, identity.name) == ("32145678", "Garage")
    assert (identity.manufacturer, identity.model) == ("Fronius", model)
    assert identity.firmware == "42.5"
    (part,) = identity.parts
    assert (part.key, part.kind, part.controllable) == ("charger", PartKind.CHARGER, True)
    assert (part.min_a, part.max_a) == (6, max_a)
    assert (part.phases, part.can_switch_phases) == ((1, 3), True)
    await rig.until(lambda: rig.simulator.clients == 0)


async def test_single_phase_installation_cannot_switch(rig: Rig) -> None:
    config = HouseConfig(chargers=(ChargerConfig(key="charger", phases=1),))
    rig.house = House(config, rig.clock)
    await rig.simulate()
    (part,) = (await rig.build().identify()).parts
    assert (part.phases, part.can_switch_phases) == ((1,), False)


@pytest.mark.parametrize("pasted", [" {} ", "http://{}/", "ws://{}"])
async def test_pasted_addresses_are_understood(rig: Rig, pasted: str) -> None:
    await rig.simulate()
    identity = await rig.build(host=pasted.format(f"127.0.0.1:{rig.port}")).identify()
    assert identity.serial == "91012345"


async def test_written_current_reaches_the_meter_and_is_read_back(rig: Rig) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    assert rig.last.released
    await rig.driver.set_charging("charger", 10.9, 3)
    assert rig.written() == [("amx", 10), ("psm", 2)]
    reading = await rig.ticks(8)
    assert reading.status is ChargerStatus.CHARGING
    assert (reading.limit_a, reading.phases, reading.released) == (10, 3, False)
    assert reading.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.01)
    assert reading.power_kw == pytest.approx(6.9, rel=0.03)
    assert reading.currents_a == pytest.approx((10, 10, 10))
    assert reading.session_kwh == pytest.approx(rig.point.session_kwh, abs=0.001)
    assert reading.total_kwh == pytest.approx(rig.point.total_kwh, abs=0.002)
    assert (reading.vehicle_tag, reading.warning) == (None, None)
    await rig.driver.set_charging("charger", 7, None)
    assert rig.written() == [("amx", 7)]
    assert (await rig.ticks(4)).limit_a == 7
    assert rig.house.meter.power_kw == pytest.approx(7 * 0.69, rel=0.03)


async def test_order_that_holds_is_not_written_again(rig: Rig) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, 1)
    assert len(rig.written()) == 2
    for _ in range(3):
        await rig.ticks(3)
        await rig.driver.set_charging("charger", 8, 1)
    assert rig.written() == []


async def test_pause_and_resume(rig: Rig) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 16, 3)
    assert (await rig.ticks(6)).status is ChargerStatus.CHARGING
    rig.written()
    await rig.driver.set_charging("charger", 0, None)
    assert rig.written() == [("frc", 1)]
    reading = await rig.ticks(30)
    assert (reading.limit_a, reading.power_kw, reading.warning) == (0, 0, None)
    # Paused looks like full to the charger; the driver knows better.
    assert rig.simulator.values["car"] == 4
    assert reading.status is ChargerStatus.CONNECTED
    await rig.driver.set_charging("charger", 6, None)
    assert rig.written() == [("amx", 6), ("frc", 0)]
    reading = await rig.ticks(6)
    assert (reading.limit_a, reading.status) == (6, ChargerStatus.CHARGING)


async def test_phase_switch_pauses_and_goes_on_with_one_phase(rig: Rig) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 6, 3)
    assert (await rig.ticks(6)).phases == 3
    rig.written()
    await rig.driver.set_charging("charger", 16, 1)
    # Phases first: 16 A on three of them would be more than before and after.
    assert rig.written() == [("psm", 1), ("amx", 16)]
    reading = await rig.tick()
    assert (reading.limit_a, reading.power_kw) == (0, 0)
    reading = await rig.ticks(10)
    assert (reading.limit_a, reading.phases) == (16, 1)
    assert reading.currents_a == pytest.approx((16, 0, 0))
    await rig.driver.set_charging("charger", 6, 3)
    assert rig.written() == [("amx", 6), ("psm", 2)]
    assert (await rig.ticks(10)).power_kw == pytest.approx(6 * 0.69, rel=0.03)


async def test_safe_base_current_is_raised_only_when_in_the_way(rig: Rig) -> None:
    await rig.simulate()
    rig.simulator.logic.write("amp", 8)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 7, None)
    await rig.driver.set_charging("charger", 12, None)
    await rig.driver.set_charging("charger", 10, None)
    assert rig.written() == [("amx", 7), ("amp", 12), ("amx", 12), ("amx", 10)]
    assert (await rig.tick()).limit_a == 10


async def test_charger_without_dynamic_current_is_regulated_by_amp(rig: Rig) -> None:
    await rig.simulate(dynamic_current=False)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 9, None)
    assert rig.written() == [("amp", 9)]
    assert (await rig.ticks(6)).currents_a[0] == pytest.approx(9)
    await rig.driver.release("charger")
    assert rig.written() == [("amp", 16)]


async def test_currents_beyond_the_charger_are_cut_and_below_its_minimum_refused(rig: Rig) -> None:
    await rig.simulate()
    rig.simulator.logic.write("ama", 13)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 32, None)
    assert rig.written() == [("amx", 13)]
    for current, phases in ((4.0, None), (10.0, 2)):
        with pytest.raises(Rejected):
            await rig.driver.set_charging("charger", current, phases)
    with pytest.raises(Rejected):
        await rig.driver.set_charging("meter", 10, None)
    assert rig.written() == []


async def test_take_over_from_eco_mode_and_release_restore_everything(rig: Rig) -> None:
    await rig.simulate()
    before = {"lmo": 4, "fup": True, "frc": 2, "psm": 1, "amp": 8, "amx": 8}
    for key, value in before.items():
        rig.simulator.logic.write(key, value)
    rig.build()
    await rig.run()
    assert rig.last.released
    await rig.driver.set_charging("charger", 12, 3)
    # The force comes last, when the new limits stand.
    assert [key for key, _ in rig.written()] == ["psm", "amp", "amx", "fup", "lmo", "frc"]
    assert rig.driver.saved == {"lmo": 4, "fup": True, "frc": 2, "psm": 1, "amp": 8}
    assert (await rig.tick()).released is False
    await rig.driver.set_charging("charger", 0, None)
    await rig.driver.release("charger")
    assert {key: rig.simulator.values[key] for key in before} == before
    assert (await rig.tick()).released
    assert (rig.driver.saved, rig.driver.dump_state()) == ({}, {})
    rig.written()
    await rig.driver.release("charger")
    assert rig.written() == []


async def test_paused_take_over_stops_first(rig: Rig) -> None:
    await rig.simulate()
    rig.simulator.logic.write("lmo", 5)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 0, None)
    assert rig.written() == [("frc", 1), ("lmo", 3)]
    await rig.driver.release("charger")
    assert rig.written() == [("lmo", 5), ("frc", 0)]


async def test_what_was_before_survives_a_restart_in_the_middle_of_a_charge(rig: Rig) -> None:
    await rig.simulate()
    rig.simulator.logic.write("lmo", 4)
    rig.simulator.logic.write("fup", True)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 10, 1)
    state = json.loads(json.dumps(rig.driver.dump_state()))
    await rig.halt()
    rig.readings.clear()
    rig.build().load_state(state)
    await rig.run()
    assert rig.last.released is False
    await rig.driver.set_charging("charger", 11, 1)
    assert rig.simulator.values["lmo"] == 3
    await rig.driver.release("charger")
    values = rig.simulator.values
    assert (values["lmo"], values["fup"], values["psm"], values["amp"]) == (4, True, 0, 16)


def test_unusable_state_is_ignored(rig_free_driver: WattpilotDriver) -> None:
    rig_free_driver.load_state({"saved": {"amp": "x", "lmo": 4, "evil": 1}})
    assert rig_free_driver.saved == {"lmo": 4}
    rig_free_driver.load_state({"saved": 3})
    assert rig_free_driver.saved == {"lmo": 4}


async def test_release_leaves_alone_what_an_earlier_life_did_not_remember(rig: Rig) -> None:
    """A charger that did not tell its current or force at our first order has none to put back."""
    await rig.simulate()
    for key, value in {"amp": 10, "amx": 10, "psm": 1, "lmo": 3}.items():
        rig.simulator.logic.write(key, value)
    rig.build().load_state({"saved": {"lmo": 4, "psm": 2, "amp": None}})
    await rig.run()
    assert rig.last.released is False
    await rig.driver.release("charger")
    assert rig.written() == [("psm", 2), ("lmo", 4)]
    assert (rig.simulator.values["amp"], rig.simulator.values["amx"]) == (10, 10)
    rig.driver.load_state({"saved": {"fup": True}})
    await rig.driver.release("charger")
    assert rig.written() == [("fup", True)]
    assert (await rig.tick()).released


async def test_person_choosing_eco_in_the_app_shows_as_released(rig: Rig) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 10, None)
    assert (await rig.tick()).released is False
    rig.simulator.logic.write("lmo", 4)
    assert (await rig.tick()).released


async def test_orders_need_a_running_link(rig: Rig) -> None:
    await rig.simulate()
    driver = rig.build()
    with pytest.raises(CannotConnect):
        await driver.set_charging("charger", 10, None)
    driver.load_state({"saved": {"lmo": 4}})
    with pytest.raises(CannotConnect):
        await driver.release("charger")
    assert driver.saved == {"lmo": 4}


async def test_refused_order_is_rejected_in_words(rig: Rig) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    rig.simulator.inject("reject_writes")
    with pytest.raises(Rejected, match="not allowed"):
        await rig.driver.set_charging("charger", 10, None)
    assert (await rig.tick()).limit_a == 16
    rig.simulator.clear()
    await rig.driver.set_charging("charger", 10, None)
    assert (await rig.tick()).limit_a == 10


async def test_acknowledged_but_ignored_order_shows_and_is_written_again(rig: Rig) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    rig.simulator.inject("ignore_writes")
    await rig.driver.set_charging("charger", 10, None)
    await rig.driver.set_charging("charger", 0, None)
    reading = await rig.tick(OBEY_S + 1)
    assert (reading.limit_a, rig.point.offered_a) == (16, 16)
    rig.simulator.clear()
    rig.written()
    await rig.driver.set_charging("charger", 0, None)
    assert ("frc", 1) in rig.written()
    assert (await rig.tick()).limit_a == 0


async def test_pause_whose_end_was_acknowledged_but_ignored_is_ended_again(rig: Rig) -> None:
    await rig.simulate()
    rig.simulator.logic.write("frc", 1)
    rig.build()
    await rig.run()
    rig.simulator.inject("ignore_writes")
    await rig.driver.set_charging("charger", 10, None)
    assert rig.written() == [("amx", 10), ("frc", 0)]
    rig.simulator.clear()
    await rig.tick(OBEY_S - 1)
    await rig.driver.set_charging("charger", 10, None)
    assert rig.written() == [], "the charger's logic may still follow"
    await rig.tick(2)
    assert rig.point.offered_a == 0
    await rig.driver.set_charging("charger", 10, None)
    assert ("frc", 0) in rig.written()
    assert (await rig.ticks(6)).status is ChargerStatus.CHARGING
    assert rig.point.offered_a == 10


async def test_plug_unplug_full_and_fault_show_in_the_status(rig: Rig) -> None:
    await rig.simulate()
    rig.build()
    await rig.run()
    assert (await rig.ticks(4)).status is ChargerStatus.CHARGING
    rig.point.unplug()
    reading = await rig.tick()
    assert (reading.status, reading.vehicle_tag) == (ChargerStatus.UNPLUGGED, None)
    rig.point.plug(Car(soc=1.0, tag="card 2"))
    reading = await rig.tick()
    assert (reading.status, reading.vehicle_tag) == (ChargerStatus.CONNECTED, "card 2")
    reading = await rig.ticks(13)
    assert reading.status is ChargerStatus.COMPLETE
    await rig.driver.set_charging("charger", 0, None)
    assert (await rig.ticks(2)).status is ChargerStatus.COMPLETE
    rig.simulator.logic.fail(9)
    reading = await rig.tick()
    assert (reading.status, reading.warning) == (ChargerStatus.ERROR, "contactor stuck")


async def test_refusal_of_the_charger_is_told_in_words(rig: Rig) -> None:
    await rig.simulate()
    rig.simulator.logic.write("dwo", 1000.0)
    rig.point.session_kwh = 1.5
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 10, None)
    reading = await rig.tick()
    assert reading.limit_a == 0
    assert reading.warning == "not charging: its own energy limit is reached"
