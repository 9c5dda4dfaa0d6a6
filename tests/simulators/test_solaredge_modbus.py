"""The simulated SolarEdge inverter, asked over its socket."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
import struct

import pytest

from custom_components.smart_charging.core.reading import BatteryMode
from simulators.clock import ManualClock
from simulators.house import BatteryConfig, House, HouseConfig
from simulators.solaredge_modbus import SolarEdgeModbus
from simulators.solaredge_registers import (
    CHARGE_LIMIT,
    COMMAND_MODE,
    COMMAND_TIMEOUT,
    CONTROL_MODE,
    float_words,
)

NOON = datetime(2026, 6, 10, 11, tzinfo=UTC)


class Client:
    """The least that speaks Modbus TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, pdu: bytes, unit: int = 1) -> bytes:
        self._writer.write(struct.pack(">HHHB", 7, 0, len(pdu) + 1, unit) + pdu)
        async with asyncio.timeout(2):
            transaction, _, length, _ = struct.unpack(">HHHB", await self._reader.readexactly(7))
            assert transaction == 7
            return await self._reader.readexactly(length - 1)

    async def read(self, address: int, count: int) -> list[int]:
        reply = await self.ask(struct.pack(">BHH", 3, address, count))
        assert reply[:2] == bytes([3, 2 * count])
        return list(struct.unpack(f">{count}H", reply[2:]))

    async def write(self, address: int, *words: int) -> None:
        count = len(words)
        pdu = struct.pack(f">BHHB{count}H", 16, address, count, 2 * count, *words)
        assert await self.ask(pdu) == pdu[:5]

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


def a_house(battery: BatteryConfig | None = None) -> tuple[House, ManualClock]:
    clock = ManualClock(NOON)
    return House(HouseConfig(sky="clear", battery=battery), clock), clock


async def test_sunspec_chain_leads_from_inverter_to_meter_to_its_end() -> None:
    house, _ = a_house()
    async with SolarEdgeModbus(house) as inverter:
        client = await Client.connect(inverter.port)
        assert await client.read(40000, 2) == [0x5375, 0x6E53]
        address, models = 40002, []
        while (header := await client.read(address, 2))[0] != 0xFFFF:
            models.append(header[0])
            address += header[1] + 2
        assert models == [1, 103, 1, 203]
        await client.close()


async def test_meter_counts_export_as_positive() -> None:
    house, clock = a_house()
    house.extra_kw[0] = 20.0
    clock.advance(5)
    async with SolarEdgeModbus(house) as inverter:
        client = await Client.connect(inverter.port)
        words = await client.read(40206, 5)
        total, a, b, c, exponent = struct.unpack(">5h", struct.pack(">5H", *words))
        scale = 10.0**exponent
        assert house.meter.power_kw > 10
        assert total * scale == pytest.approx(-1000 * house.meter.power_kw, abs=scale)
        assert [v * scale for v in (a, b, c)] == pytest.approx(
            [-1000 * kw for kw in house.meter.phase_kw], abs=scale
        )
        await client.close()


async def test_second_client_is_hung_up_on_until_the_first_leaves() -> None:
    house, _ = a_house()
    async with SolarEdgeModbus(house) as inverter:
        first = await Client.connect(inverter.port)
        await first.read(40000, 2)
        second = await Client.connect(inverter.port)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await second.read(40000, 2)
        await second.close()
        await first.close()
        while inverter._client is not None:
            await asyncio.sleep(0.01)
        third = await Client.connect(inverter.port)
        assert await third.read(40002, 1) == [1]
        await third.close()


async def test_unknown_registers_functions_and_units_answer_exceptions() -> None:
    house, _ = a_house()
    async with SolarEdgeModbus(house) as inverter:
        client = await Client.connect(inverter.port)
        assert await client.ask(struct.pack(">BHH", 3, 57600, 2)) == bytes([0x83, 2])
        assert await client.ask(struct.pack(">BHH", 3, 40000, 126)) == bytes([0x83, 3])
        assert await client.ask(struct.pack(">BHH", 1, 0, 1)) == bytes([0x81, 1])
        assert await client.ask(struct.pack(">BHH", 3, 40000, 2), unit=9) == bytes([0x83, 11])
        assert await client.ask(struct.pack(">BHH", 6, 40083, 2)) == bytes([0x86, 2])
        await client.close()


async def test_battery_obeys_a_remote_command_until_it_runs_out() -> None:
    house, clock = a_house(BatteryConfig())
    assert house.battery is not None
    async with SolarEdgeModbus(house) as inverter:
        client = await Client.connect(inverter.port)
        await client.write(COMMAND_TIMEOUT, 60, 0)
        await client.write(CHARGE_LIMIT, *float_words(1500))
        await client.write(57349, 1)
        await client.write(COMMAND_MODE, 3)
        assert house.battery.mode is BatteryMode.SELF_CONSUMPTION, "not remote yet"
        await client.write(CONTROL_MODE, 4)
        assert (house.battery.mode, house.battery.setpoint_kw) == (BatteryMode.CHARGE, 1.5)
        clock.advance(61)
        await client.read(57716, 2)
        assert house.battery.mode is BatteryMode.SELF_CONSUMPTION
        await client.close()


async def test_without_leave_to_charge_from_the_grid_only_sun_goes_in() -> None:
    house, clock = a_house(BatteryConfig())
    assert house.battery is not None
    house.pv_curtail_kw = 0.0
    clock.advance(1)
    house.advance()
    async with SolarEdgeModbus(house) as inverter:
        client = await Client.connect(inverter.port)
        await client.write(COMMAND_MODE, 3)
        await client.write(CONTROL_MODE, 4)
        assert house.battery.setpoint_kw == 0.0
        await client.close()


async def test_faults_are_known_by_name() -> None:
    house, _ = a_house()
    with pytest.raises(ValueError, match="gremlins"):
        SolarEdgeModbus(house).inject("gremlins")
