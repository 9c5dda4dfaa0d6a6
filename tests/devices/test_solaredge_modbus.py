"""The SolarEdge Modbus driver against the simulated inverter, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import socket
from typing import Any

import aiohttp
from modbus_connection.tmodbus import connect_tcp
import pytest

from custom_components.smart_charging.core.grid import Topology
from custom_components.smart_charging.core.reading import (
    AnyReading,
    BatteryMode,
    BatteryReading,
    MeterReading,
    PartKind,
    PvReading,
)
from custom_components.smart_charging.devices.base import (
    BatteryDriver,
    CannotConnect,
    DeviceError,
    Driver,
    DriverContext,
    InUse,
    KeepsState,
    Label,
    Rejected,
    WrongDevice,
)
from custom_components.smart_charging.devices.solaredge_modbus import MAKE
from custom_components.smart_charging.devices.solaredge_modbus.driver import (
    LAYOUT_FIRST_S,
    SETTINGS_S,
    SolarEdgeModbusDriver,
)
from custom_components.smart_charging.devices.solaredge_modbus.readings import Counters
from custom_components.smart_charging.devices.solaredge_modbus.storage import RENEW_S
from simulators.clock import ManualClock
from simulators.house import BatteryConfig, House, HouseConfig
from simulators.solaredge_modbus import Nameplate, SolarEdgeModbus
from simulators.solaredge_registers import (
    AC_POLICY,
    BATTERY,
    CHARGE_LIMIT,
    COMMAND_MODE,
    CONTROL_MODE,
    DEFAULT_MODE,
    END_OF_BATTERY,
    INVERTER,
    METER,
    float_value,
)

NOON = datetime(2026, 6, 10, 11, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 10, 23, tzinfo=UTC)


class FastDriver(SolarEdgeModbusDriver):
    poll_interval_s = 0.02
    request_timeout_s = 1.0


class Sink:
    """Takes what a driver publishes."""

    def __init__(self) -> None:
        self.readings: list[tuple[str, AnyReading]] = []

    def __call__(self, part: str, reading: AnyReading) -> None:
        self.readings.append((part, reading))

    def of(self, part: str) -> list[Any]:
        return [reading for key, reading in self.readings if key == part]

    async def next(self, part: str, count: int = 1) -> Any:
        """Wait for `count` more readings of a part and return the last."""
        wanted = len(self.of(part)) + count
        async with asyncio.timeout(10):
            while len(self.of(part)) < wanted:
                await asyncio.sleep(0.005)
        return self.of(part)[-1]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
async def context(clock: ManualClock) -> AsyncIterator[DriverContext]:
    async with aiohttp.ClientSession() as session:
        yield DriverContext(session=session, clock=clock, run_blocking=asyncio.to_thread)


def a_house(clock: ManualClock, **config: Any) -> House:
    return House(HouseConfig(**{"sky": "clear", **config}), clock)


def data(inverter: SolarEdgeModbus, **more: Any) -> dict[str, Any]:
    return {"host": inverter.host, "port": inverter.port, "unit": 1, **more}


@asynccontextmanager
async def running(driver: Driver, sink: Sink) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(driver.run(sink))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def failure(driver: Driver) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        async with asyncio.timeout(10):
            await driver.run(lambda part, reading: None)
    return caught.value


def test_make_is_a_row_whose_texts_cover_its_form() -> None:
    texts = json.loads(
        (
            Path(__file__).parents[2]
            / "custom_components/smart_charging/devices/texts/solaredge_modbus.json"
        ).read_text()
    )
    assert set(texts["fields"]) == {field.key for field in MAKE.fields}
    assert set(texts["errors"]) == {
        error.key for error in (CannotConnect, InUse, WrongDevice, Rejected)
    }
    assert MAKE.load() is SolarEdgeModbusDriver
    assert not MAKE.slow


async def test_identify_names_inverter_meter_sun_and_battery(
    clock: ManualClock, context: DriverContext
) -> None:
    house = a_house(clock, battery=BatteryConfig(capacity_kwh=9.7))
    async with SolarEdgeModbus(house) as inverter:
        driver = MAKE.load()(data(inverter), context)
        assert isinstance(driver, Driver)
        assert isinstance(driver, BatteryDriver)
        identity = await driver.identify()
    assert (identity.serial, identity.model) == ("7E12AB34", "SE8K-RWS48BNN4")
    assert identity.firmware == "0004.0020.0036"
    meter, pv, battery = identity.parts
    assert (meter.key, meter.kind, meter.phases) == ("meter", PartKind.METER, (3,))
    assert meter.features == ("phase_power", "warning")
    assert (pv.key, pv.kind, pv.features) == ("pv", PartKind.PV, ("warning",))
    assert battery.label == Label(
        manufacturer="SolarEdge",
        model="SolarEdge Home Battery",
        serial="T12345678901",
        firmware="1.0",
    )
    assert (battery.key, battery.kind, battery.controllable) == (
        "battery_1",
        PartKind.BATTERY,
        True,
    )
    assert battery.capacity_kwh == pytest.approx(9.7)
    assert (battery.max_charge_kw, battery.max_discharge_kw) == (5.0, 5.0)


@pytest.mark.parametrize(
    ("option", "kinds"),
    [
        ("Export+Import", [PartKind.METER, PartKind.PV]),
        ("", [PartKind.METER, PartKind.PV]),
        ("Production", [PartKind.PV]),
        ("Consumption", [PartKind.PV]),
    ],
)
async def test_only_a_meter_at_the_grid_is_a_meter_part(
    clock: ManualClock, context: DriverContext, option: str, kinds: list[PartKind]
) -> None:
    async with SolarEdgeModbus(
        a_house(clock), nameplate=Nameplate(meter_option=option)
    ) as inverter:
        identity = await FastDriver(data(inverter), context).identify()
    assert [part.kind for part in identity.parts] == kinds


async def test_without_meter_and_battery_there_is_sun_with_its_counter(
    clock: ManualClock, context: DriverContext
) -> None:
    house, sink = a_house(clock), Sink()
    async with SolarEdgeModbus(house, nameplate=Nameplate(meter=False)) as inverter:
        driver = FastDriver(data(inverter), context)
        (pv,) = (await driver.identify()).parts
        assert pv.features == ("energy_kwh", "warning")
        async with running(driver, sink):
            reading: PvReading = await sink.next("pv")
    assert reading.power_kw == pytest.approx(house.pv_kw, abs=0.001)
    assert reading.power_kw is not None
    assert reading.power_kw > 3
    assert reading.energy_kwh == pytest.approx(house.pv_energy_kwh, abs=0.001)
    assert {part for part, _ in sink.readings} == {"pv"}


async def test_meter_reads_import_positive_in_total_and_by_phase(
    clock: ManualClock, context: DriverContext
) -> None:
    house, sink = a_house(clock), Sink()
    house.extra_kw[0] = 9.0
    clock.advance(5)
    house.advance()
    async with (
        SolarEdgeModbus(house) as inverter,
        running(FastDriver(data(inverter), context), sink),
    ):
        reading: MeterReading = await sink.next("meter")
        meter = house.meter
        assert reading.at == clock.now()
        assert reading.device_time is None
        assert reading.power_kw == pytest.approx(meter.power_kw, abs=0.002)
        assert [p.power_kw for p in reading.phases] == pytest.approx(meter.phase_kw, abs=0.002)
        assert [p.current_a for p in reading.phases] == pytest.approx(meter.phase_a, abs=0.02)
        assert [p.voltage_v for p in reading.phases] == pytest.approx(meter.phase_v, abs=0.06)
        assert (reading.phases[0].current_a or 0) > 0 > (reading.phases[1].current_a or 0)
        assert reading.import_kwh == pytest.approx(meter.import_kwh, abs=0.001)
        assert reading.export_kwh == pytest.approx(meter.export_kwh, abs=0.001)


@pytest.mark.parametrize(
    ("topology", "phases"), [(Topology.SINGLE_230, 1), (Topology.THREE_230, 3)]
)
async def test_other_grids_give_the_phases_that_they_have(
    clock: ManualClock, context: DriverContext, topology: Topology, phases: int
) -> None:
    house = a_house(clock, topology=topology, pv_phases=(1,), chargers=())
    sink = Sink()
    async with (
        SolarEdgeModbus(house) as inverter,
        running(FastDriver(data(inverter), context), sink),
    ):
        reading: MeterReading = await sink.next("meter")
    assert len(reading.phases) == phases
    assert reading.power_kw == pytest.approx(house.meter.power_kw, abs=0.002)
    assert [abs(p.current_a or 0) for p in reading.phases] == pytest.approx(
        [abs(a) for a in house.meter.phase_a], abs=0.02
    )
    if topology is Topology.THREE_230:
        assert [p.power_kw for p in reading.phases] == [None] * 3, "two elements, no single phase"


async def test_sun_of_a_hybrid_is_without_what_the_battery_takes_or_gives(
    clock: ManualClock, context: DriverContext
) -> None:
    house, sink = a_house(clock, battery=BatteryConfig(soc=0.4)), Sink()
    assert house.battery is not None
    for mode in (BatteryMode.CHARGE, BatteryMode.DISCHARGE):
        house.battery.order(mode, 3.0)
        clock.advance(30)
        async with (
            SolarEdgeModbus(house) as inverter,
            running(FastDriver(data(inverter), context), sink),
        ):
            pv: PvReading = await sink.next("pv")
            battery: BatteryReading = await sink.next("battery_1")
        assert abs(house.battery.power_kw) > 2.9
        assert pv.power_kw == pytest.approx(house.pv_kw, abs=0.002)
        assert pv.energy_kwh is None, "the inverter's counter mixes sun and battery"
        assert battery.power_kw == pytest.approx(house.battery.power_kw, abs=0.001)
        assert battery.soc == pytest.approx(house.battery.soc, abs=0.001)
    assert battery.charged_kwh == pytest.approx(house.battery.charged_kwh, abs=0.001)
    assert battery.discharged_kwh == pytest.approx(house.battery.discharged_kwh, abs=0.001)


async def test_at_night_the_sun_is_zero(context: DriverContext, clock: ManualClock) -> None:
    clock.advance(12 * 3600)
    house, sink = a_house(clock), Sink()
    async with (
        SolarEdgeModbus(house) as inverter,
        running(FastDriver(data(inverter), context), sink),
    ):
        assert (await sink.next("pv")).power_kw == 0.0


def test_a_counter_that_falls_to_zero_for_a_moment_has_no_value() -> None:
    counters = Counters()
    assert counters.kwh("import", 0) == 0.0, "a new meter really stands at 0"
    assert counters.kwh("import", 1500) == 1.5
    assert counters.kwh("import", 0) is None
    assert counters.kwh("export", 0) == 0.0
    assert counters.kwh("import", None) is None


async def test_polls_go_on_and_follow_the_house(clock: ManualClock, context: DriverContext) -> None:
    house, sink = a_house(clock), Sink()
    async with (
        SolarEdgeModbus(house) as inverter,
        running(FastDriver(data(inverter), context), sink),
    ):
        first: MeterReading = await sink.next("meter")
        house.extra_kw[1] = 5.0
        clock.advance(2)
        second: MeterReading = await sink.next("meter", 2)
        assert inverter.connections == 1
    assert second.at - first.at == timedelta(seconds=2)
    assert (second.power_kw or 0) - (first.power_kw or 0) == pytest.approx(5.0, abs=0.5)


async def test_cancelled_run_hangs_up(clock: ManualClock, context: DriverContext) -> None:
    sink = Sink()
    async with SolarEdgeModbus(a_house(clock)) as inverter:
        driver = FastDriver(data(inverter), context)
        async with running(driver, sink):
            await sink.next("meter")
        async with running(driver, sink):
            await sink.next("meter")
        assert inverter.connections == 2


async def test_part_that_fails_is_left_out_and_the_rest_goes_on(
    clock: ManualClock, context: DriverContext
) -> None:
    house, sink = a_house(clock, battery=BatteryConfig()), Sink()
    async with (
        SolarEdgeModbus(house) as inverter,
        running(FastDriver(data(inverter), context), sink),
    ):
        await sink.next("meter")
        inverter.inject("illegal_address", blocks=("meter",))
        await sink.next("pv", 2)
        meters = len(sink.of("meter"))
        await sink.next("pv", 3)
        assert len(sink.of("meter")) == meters
        inverter.inject("illegal_address", blocks=("battery",))
        await sink.next("meter", 2)
        suns, batteries = len(sink.of("pv")), len(sink.of("battery_1"))
        await sink.next("meter", 3)
        assert len(sink.of("pv")) == suns, "without the battery the sun of a hybrid is unknown"
        assert len(sink.of("battery_1")) == batteries
        inverter.clear()
        await sink.next("pv")
        await sink.next("battery_1")


async def test_meter_that_came_late_is_found(clock: ManualClock, context: DriverContext) -> None:
    sink = Sink()
    async with SolarEdgeModbus(a_house(clock)) as inverter:
        driver = FastDriver(data(inverter), context)
        await driver.identify()
        inverter.inject("illegal_address", blocks=("meter",))
        async with running(driver, sink):
            await sink.next("pv", 2)
            assert not sink.of("meter")
            inverter.clear()
            clock.advance(LAYOUT_FIRST_S + 1)
            await sink.next("meter")


async def test_nothing_at_the_address_says_cannot_connect(context: DriverContext) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = FastDriver({"host": "127.0.0.1", "port": port}, context)
    with pytest.raises(CannotConnect, match=str(port)):
        await driver.identify()
    assert isinstance(await failure(driver), CannotConnect)


async def test_silence_from_the_start_and_on_the_way_says_cannot_connect(
    clock: ManualClock, context: DriverContext
) -> None:
    sink = Sink()
    async with SolarEdgeModbus(a_house(clock)) as inverter:
        driver = FastDriver(data(inverter), context)
        async with running(driver, sink) as task:
            await sink.next("meter")
            inverter.inject("silence")
            with pytest.raises(CannotConnect, match="does not answer"):
                async with asyncio.timeout(10):
                    await task
        with pytest.raises(CannotConnect, match="does not answer"):
            await driver.identify()


async def test_a_late_answer_is_waited_for(clock: ManualClock, context: DriverContext) -> None:
    async with SolarEdgeModbus(a_house(clock)) as inverter:
        inverter.inject("delay", seconds=0.05)
        identity = await FastDriver(data(inverter), context).identify()
        assert identity.serial == "7E12AB34"
        inverter.inject("delay", seconds=3.0)
        with pytest.raises(CannotConnect):
            await FastDriver(data(inverter), context).identify()


async def test_everything_refused_says_cannot_connect(
    clock: ManualClock, context: DriverContext
) -> None:
    sink = Sink()
    async with (
        SolarEdgeModbus(a_house(clock)) as inverter,
        running(FastDriver(data(inverter), context), sink) as task,
    ):
        await sink.next("meter")
        inverter.registers.words.clear()
        with pytest.raises(CannotConnect):
            async with asyncio.timeout(10):
                await task


async def test_second_client_says_that_somebody_else_is_connected(
    clock: ManualClock, context: DriverContext
) -> None:
    async with SolarEdgeModbus(a_house(clock)) as inverter:
        other = await connect_tcp(inverter.host, port=inverter.port)
        await other.for_unit(1).read_holding_registers(40000, 2)
        driver = FastDriver(data(inverter), context)
        with pytest.raises(InUse, match="another program"):
            await driver.identify()
        assert isinstance(await failure(driver), InUse)
        await other.close()
        while inverter._client is not None:
            await asyncio.sleep(0.01)
        assert (await driver.identify()).serial == "7E12AB34"


async def test_client_that_is_pushed_out_says_in_use(
    clock: ManualClock, context: DriverContext
) -> None:
    sink = Sink()
    async with (
        SolarEdgeModbus(a_house(clock)) as inverter,
        running(FastDriver(data(inverter), context), sink) as task,
    ):
        await sink.next("meter")
        inverter.inject("second_client")
        with pytest.raises(InUse):
            async with asyncio.timeout(10):
                await task


async def test_a_short_restart_is_survived_and_a_long_one_is_reported(
    clock: ManualClock, context: DriverContext
) -> None:
    sink = Sink()
    async with SolarEdgeModbus(a_house(clock)) as inverter:
        driver = FastDriver(data(inverter), context)
        async with running(driver, sink) as task:
            await sink.next("meter")
            await inverter.restart()
            await sink.next("meter", 2)
            await inverter.stop()
            with pytest.raises(CannotConnect):
                async with asyncio.timeout(10):
                    await task
        await inverter.start()
        async with running(driver, sink):
            await sink.next("meter")


async def test_wrong_device_id_says_which(clock: ManualClock, context: DriverContext) -> None:
    async with SolarEdgeModbus(a_house(clock)) as inverter:
        with pytest.raises(CannotConnect, match="device ID 3"):
            await FastDriver({**data(inverter), "unit": 3}, context).identify()


async def test_another_inverter_at_the_address_is_a_wrong_device(
    clock: ManualClock, context: DriverContext
) -> None:
    async with SolarEdgeModbus(a_house(clock)) as inverter:
        with pytest.raises(WrongDevice, match="7E12AB34 instead of 7E000000"):
            await FastDriver(data(inverter, serial="7E000000"), context).identify()
        driver, sink = FastDriver(data(inverter), context), Sink()
        async with running(driver, sink) as task:
            await sink.next("meter")
            inverter.registers._text(40052, "7EFFFFFF", 16)
            with pytest.raises(WrongDevice, match="7EFFFFFF"):
                async with asyncio.timeout(10):
                    await task


async def test_what_is_no_solaredge_inverter_is_a_wrong_device(
    clock: ManualClock, context: DriverContext
) -> None:
    async with SolarEdgeModbus(a_house(clock)) as inverter:
        inverter.registers._text(40004, "Fronius", 16)
        with pytest.raises(WrongDevice, match="Fronius"):
            await FastDriver(data(inverter), context).identify()
        inverter.registers.words[40000] = 0
        with pytest.raises(WrongDevice, match="SunSpec"):
            await FastDriver(data(inverter), context).identify()
    async with SolarEdgeModbus(a_house(clock), nameplate=Nameplate(model="SE-EV-SA-1")) as charger:
        with pytest.raises(WrongDevice, match="charger"):
            await FastDriver(data(charger), context).identify()


async def test_link_that_home_assistant_shares_is_used(
    clock: ManualClock, context: DriverContext
) -> None:
    asked: list[tuple[str, int, int]] = []
    sink = Sink()
    async with SolarEdgeModbus(a_house(clock)) as inverter:
        connection = await connect_tcp(inverter.host, port=inverter.port)

        @asynccontextmanager
        async def share(host: str, port: int, unit: int) -> AsyncIterator[Any]:
            asked.append((host, port, unit))
            yield connection.for_unit(unit)

        shared = replace(context, modbus_unit=share)
        driver = FastDriver(data(inverter), shared)
        assert (await driver.identify()).serial == "7E12AB34"
        async with running(driver, sink):
            await sink.next("meter")
        assert connection.connected, "the link is Home Assistant's to close"
        assert inverter.connections == 1
        assert asked == [(inverter.host, inverter.port, 1)] * 2
        inverter.inject("second_client")
        assert isinstance(await failure(driver), InUse)
        await connection.close()


@pytest.fixture
async def hybrid(clock: ManualClock) -> AsyncIterator[tuple[SolarEdgeModbus, House]]:
    house = a_house(clock, battery=BatteryConfig(soc=0.5))
    async with SolarEdgeModbus(house) as inverter:
        yield inverter, house


async def test_battery_obeys_every_mode(
    clock: ManualClock, context: DriverContext, hybrid: tuple[SolarEdgeModbus, House]
) -> None:
    inverter, house = hybrid
    battery, words = house.battery, inverter.registers.words
    assert battery is not None
    driver, sink = FastDriver(data(inverter), context), Sink()
    async with running(driver, sink):
        reading: BatteryReading = await sink.next("battery_1")
        assert reading.mode is BatteryMode.SELF_CONSUMPTION
        for mode, power_kw in (
            (BatteryMode.CHARGE, 2.5),
            (BatteryMode.DISCHARGE, 1.25),
            (BatteryMode.HOLD, 0.0),
        ):
            await driver.set_battery("battery_1", mode, power_kw)
            assert (battery.mode, battery.setpoint_kw) == (mode, power_kw)
            assert words[DEFAULT_MODE] == 7, "left alone it looks after itself"
            reading = await sink.next("battery_1", 2)
            assert reading.mode is mode
            clock.advance(20)
            reading = await sink.next("battery_1", 2)
            signed = power_kw if mode is BatteryMode.CHARGE else -power_kw
            assert reading.power_kw == pytest.approx(signed, abs=0.05)
        await driver.set_battery("battery_1", BatteryMode.SELF_CONSUMPTION, 0.0)
        assert battery.mode is BatteryMode.SELF_CONSUMPTION
        assert words[CONTROL_MODE] == 1, "its own control again"
        assert words[AC_POLICY] == 0
        assert float_value(words[CHARGE_LIMIT], words[CHARGE_LIMIT + 1]) == 5000
        reading = await sink.next("battery_1", 2)
        assert reading.mode is BatteryMode.SELF_CONSUMPTION


async def test_more_power_than_the_battery_bears_is_its_highest(
    context: DriverContext, hybrid: tuple[SolarEdgeModbus, House]
) -> None:
    inverter, house = hybrid
    assert house.battery is not None
    driver, sink = FastDriver(data(inverter), context), Sink()
    async with running(driver, sink):
        await sink.next("battery_1")
        await driver.set_battery("battery_1", BatteryMode.CHARGE, 11.0)
        assert house.battery.setpoint_kw == 5.0


async def test_order_is_renewed_while_it_stands_and_runs_out_when_nobody_cares(
    clock: ManualClock, context: DriverContext, hybrid: tuple[SolarEdgeModbus, House]
) -> None:
    inverter, house = hybrid
    battery = house.battery
    assert battery is not None
    driver, sink = FastDriver(data(inverter), context), Sink()
    async with running(driver, sink):
        await sink.next("battery_1")
        await driver.set_battery("battery_1", BatteryMode.CHARGE, 2.0)
        for _ in range(5):
            clock.advance(RENEW_S + 1)
            await sink.next("battery_1", 2)
            assert battery.mode is BatteryMode.CHARGE
        commands = [address for address, _ in inverter.writes].count(COMMAND_MODE)
        assert commands == 6
    assert battery.mode is BatteryMode.CHARGE, "a reload writes nothing"
    clock.advance(200)
    inverter.registers.refresh()
    assert battery.mode is BatteryMode.SELF_CONSUMPTION


async def test_order_whose_renewal_is_refused_runs_out_while_measurements_go_on(
    clock: ManualClock, context: DriverContext, hybrid: tuple[SolarEdgeModbus, House]
) -> None:
    inverter, house = hybrid
    assert house.battery is not None
    driver, sink = FastDriver(data(inverter), context), Sink()
    async with running(driver, sink):
        await sink.next("battery_1")
        await driver.set_battery("battery_1", BatteryMode.CHARGE, 2.0)
        inverter.inject("illegal_address", blocks=("control",))
        links = inverter.connections
        for _ in range(4):
            clock.advance(RENEW_S + 1)
            await sink.next("battery_1", 2)
            await sink.next("meter", 2)
        inverter.clear()
        assert house.battery.mode is BatteryMode.SELF_CONSUMPTION
        clock.advance(RENEW_S + 1)
        await sink.next("battery_1", 2)
        assert house.battery.mode is BatteryMode.SELF_CONSUMPTION, "an old order stays over"
        assert inverter.connections == links


async def test_release_restores_what_was_found(
    context: DriverContext, hybrid: tuple[SolarEdgeModbus, House]
) -> None:
    inverter, _ = hybrid
    words = inverter.registers.words
    words[CONTROL_MODE] = 2
    found = {a: words[a] for a in range(CONTROL_MODE, 57362)}
    driver, sink = FastDriver(data(inverter), context), Sink()
    async with running(driver, sink):
        assert (await sink.next("battery_1")).mode is None, "a schedule is none of our modes"
        await driver.release("battery_1")
        assert not inverter.writes, "nothing to restore yet"
        await driver.set_battery("battery_1", BatteryMode.CHARGE, 1.0)
        await driver.set_battery("battery_1", BatteryMode.SELF_CONSUMPTION, 0.0)
        assert words[CONTROL_MODE] == 4, "self-consumption is not what it did before"
        assert (await sink.next("battery_1", 2)).mode is BatteryMode.SELF_CONSUMPTION
    # Home Assistant restarts: what was found comes from its store.
    kept = json.loads(json.dumps(driver.dump_state()))
    driver = FastDriver(data(inverter), context)
    assert isinstance(driver, KeepsState)
    for useless in ({"control_mode": 99}, {}):
        driver.load_state(useless)
        assert driver.dump_state() == {}, "nonsense is ignored"
    driver.load_state(kept)
    async with running(driver, sink):
        await sink.next("battery_1")
        await driver.release("battery_1")
        assert {a: words[a] for a in found} == found
    assert driver.dump_state() == {}


async def test_release_leaves_alone_what_the_inverter_did_not_tell_before(
    context: DriverContext, hybrid: tuple[SolarEdgeModbus, House]
) -> None:
    inverter, _ = hybrid
    words = inverter.registers.words
    driver, sink = FastDriver(data(inverter), context), Sink()
    async with running(driver, sink):
        await sink.next("battery_1")
        await driver.set_battery("battery_1", BatteryMode.CHARGE, 1.0)
    kept = driver.dump_state() | {"ac_charge_policy": None, "charge_limit": None}
    driver = FastDriver(data(inverter), context)
    driver.load_state(json.loads(json.dumps(kept)))
    async with running(driver, sink):
        await sink.next("battery_1")
        await driver.release("battery_1")
    assert (words[CONTROL_MODE], words[AC_POLICY]) == (1, 1)
    assert float_value(words[CHARGE_LIMIT], words[CHARGE_LIMIT + 1]) == 5000, "all it can take"


async def test_renewal_that_waited_for_a_release_commands_nothing_any_more(
    clock: ManualClock, context: DriverContext, hybrid: tuple[SolarEdgeModbus, House]
) -> None:
    inverter, house = hybrid
    driver, sink = FastDriver(data(inverter), context), Sink()
    async with running(driver, sink):
        await sink.next("battery_1")
        await driver.set_battery("battery_1", BatteryMode.CHARGE, 1.0)
        clock.advance(RENEW_S + 1)
        inverter.writes.clear()
        # The poll's own renewal is due in the same moment.
        await asyncio.gather(driver.release("battery_1"), driver._storage.renew())
        await sink.next("battery_1", 2)
    commands = [words for address, words in inverter.writes if address == COMMAND_MODE]
    assert commands == [[7]], "that of self-consumption, and once"
    assert house.battery is not None
    assert house.battery.mode is BatteryMode.SELF_CONSUMPTION


async def test_order_that_gets_no_answer_is_a_lost_link_and_no_refusal(
    context: DriverContext, hybrid: tuple[SolarEdgeModbus, House], monkeypatch: pytest.MonkeyPatch
) -> None:
    inverter, house = hybrid
    write = inverter.registers.write

    def falls_silent(address: int, values: list[int]) -> bool:
        inverter.inject("silence")
        return write(address, values)

    class Hasty(FastDriver):
        poll_interval_s = 60.0
        request_timeout_s = 0.2

    driver, sink = Hasty(data(inverter), context), Sink()
    async with running(driver, sink):
        await sink.next("battery_1")
        # Between two of its registers: the first is answered, the next one not.
        monkeypatch.setattr(inverter.registers, "write", falls_silent)
        with pytest.raises(CannotConnect):
            await driver.set_battery("battery_1", BatteryMode.CHARGE, 1.0)
        # And from the start.
        with pytest.raises(CannotConnect):
            await driver.set_battery("battery_1", BatteryMode.CHARGE, 1.0)
    assert house.battery is not None
    assert house.battery.mode is BatteryMode.SELF_CONSUMPTION, "never told to obey commands"


async def test_power_that_no_register_holds_is_rejected_before_the_battery_is_commanded(
    context: DriverContext, hybrid: tuple[SolarEdgeModbus, House]
) -> None:
    inverter, house = hybrid
    driver, sink = FastDriver(data(inverter), context), Sink()
    async with running(driver, sink):
        await sink.next("battery_1")
        with pytest.raises(Rejected, match="out of range"):
            await driver.set_battery("battery_1", BatteryMode.CHARGE, -1.0)
        assert house.battery is not None
        assert house.battery.mode is BatteryMode.SELF_CONSUMPTION
        await sink.next("battery_1")


async def test_order_left_by_a_killed_home_assistant_is_put_right(
    clock: ManualClock, context: DriverContext, hybrid: tuple[SolarEdgeModbus, House]
) -> None:
    inverter, house = hybrid
    words = inverter.registers.words
    driver, sink = FastDriver(data(inverter), context), Sink()
    async with running(driver, sink):
        await sink.next("battery_1")
        await driver.set_battery("battery_1", BatteryMode.CHARGE, 1.0)
    clock.advance(3600)
    fresh, sink = FastDriver(data(inverter), context), Sink()
    async with running(fresh, sink):
        assert (await sink.next("battery_1")).mode is None, "whether it still runs is unknown"
        await fresh.release("battery_1")
        assert words[CONTROL_MODE] == 1
        assert words[COMMAND_MODE] == 7
        assert float_value(words[CHARGE_LIMIT], words[CHARGE_LIMIT + 1]) == 5000
        assert (await sink.next("battery_1", 2)).mode is BatteryMode.SELF_CONSUMPTION
    assert house.battery is not None
    assert house.battery.mode is BatteryMode.SELF_CONSUMPTION


async def test_change_from_outside_shows_in_the_mode(
    clock: ManualClock, context: DriverContext, hybrid: tuple[SolarEdgeModbus, House]
) -> None:
    inverter, _ = hybrid
    sink = Sink()
    async with running(FastDriver(data(inverter), context), sink):
        assert (await sink.next("battery_1")).mode is BatteryMode.SELF_CONSUMPTION
        inverter.registers.words[CONTROL_MODE] = 3
        clock.advance(SETTINGS_S + 1)
        assert (await sink.next("battery_1", 3)).mode is None


async def test_order_that_the_inverter_refuses_or_forgets_is_rejected(
    context: DriverContext, hybrid: tuple[SolarEdgeModbus, House], monkeypatch: pytest.MonkeyPatch
) -> None:
    inverter, _ = hybrid
    driver, sink = FastDriver(data(inverter), context), Sink()
    with pytest.raises(CannotConnect, match="not connected"):
        await driver.set_battery("battery_1", BatteryMode.HOLD, 0.0)
    async with running(driver, sink):
        await sink.next("battery_1")
        monkeypatch.setattr(inverter.registers, "write", lambda address, values: True)
        with pytest.raises(Rejected, match="kept its own"):
            await driver.set_battery("battery_1", BatteryMode.HOLD, 0.0)
        monkeypatch.setattr(inverter.registers, "write", lambda address, values: False)
        with pytest.raises(Rejected):
            await driver.set_battery("battery_1", BatteryMode.CHARGE, 1.0)
        inverter.inject("illegal_address", blocks=("control",))
        with pytest.raises(Rejected):
            await driver.set_battery("battery_1", BatteryMode.CHARGE, 1.0)
        await sink.next("battery_1")


async def test_without_control_block_the_battery_can_only_be_read(
    clock: ManualClock, context: DriverContext
) -> None:
    house, sink = a_house(clock, battery=BatteryConfig()), Sink()
    async with SolarEdgeModbus(house, nameplate=Nameplate(storage_control=False)) as inverter:
        driver = FastDriver(data(inverter), context)
        assert not (await driver.identify()).parts[-1].controllable
        async with running(driver, sink):
            reading: BatteryReading = await sink.next("battery_1")
            assert reading.mode is None
            assert reading.soc == pytest.approx(0.5)
            with pytest.raises(Rejected, match="does not let"):
                await driver.set_battery("battery_1", BatteryMode.CHARGE, 1.0)


async def test_several_batteries_are_read_apart_and_not_commanded(
    context: DriverContext, hybrid: tuple[SolarEdgeModbus, House]
) -> None:
    inverter, _ = hybrid
    words = inverter.registers.words
    words.update({a + 256: words[a] for a in range(BATTERY, END_OF_BATTERY)})
    inverter.registers._text(BATTERY + 256 + 48, "T999", 16)
    inverter.registers._float(BATTERY + 256 + 132, 80.0)
    driver, sink = FastDriver(data(inverter), context), Sink()
    first, second = (await driver.identify()).parts[-2:]
    assert (first.key, second.key, second.name) == ("battery_1", "battery_2", "T999")
    assert not first.controllable
    async with running(driver, sink):
        assert (await sink.next("battery_2")).soc == pytest.approx(0.8)
        assert (await sink.next("battery_1")).soc == pytest.approx(0.5)


async def test_values_that_the_inverter_does_not_implement_are_missing_not_zero(
    clock: ManualClock, context: DriverContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink()
    async with SolarEdgeModbus(a_house(clock)) as inverter:
        driver, registers = FastDriver(data(inverter), context), inverter.registers
        registers.refresh()
        monkeypatch.setattr(registers, "refresh", lambda: None)
        registers._scaled(INVERTER + 14, [None], INVERTER + 15)
        registers._scaled(METER + 18, [None] * 4, METER + 22)
        async with running(driver, sink):
            assert (await sink.next("pv")).power_kw is None
            meter: MeterReading = await sink.next("meter")
            registers.words[INVERTER + 38] = 2
            assert (await sink.next("pv", 3)).power_kw == 0.0, "asleep it makes nothing"
    assert meter.power_kw is None
    assert [phase.power_kw for phase in meter.phases] == [None] * 3
