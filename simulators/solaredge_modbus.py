"""A SolarEdge inverter on Modbus TCP: one client at a time, SunSpec registers, battery orders.

Faults by name (`inject`, `clear`):
  second_client    somebody else holds the one connection: everybody is hung up on
  silence          requests are taken and never answered
  illegal_address  the named blocks (`inverter`, `meter`, `battery`, `control`; default `meter`)
                   answer exception 2
  delay            answers come `seconds` late
`restart` hangs up on the client and refuses connections for a while.
"""

import asyncio
from contextlib import suppress
import struct
from typing import Any, Self

from .house import House
from .solaredge_registers import (
    BATTERY,
    COMMAND_MODE,
    END_OF_BATTERY,
    END_OF_CONTROL,
    END_OF_METER,
    EXPORT_CONTROL,
    INVERTER,
    METER_COMMON,
    Nameplate,
    Registers,
)

__all__ = ["COMMAND_MODE", "FAULTS", "Nameplate", "SolarEdgeModbus"]

FAULTS = ("second_client", "silence", "illegal_address", "delay")

READ, WRITE_ONE, WRITE_MANY = 3, 6, 16
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, NO_SUCH_UNIT = 1, 2, 3, 11
HIGHEST_COUNT = 125

BLOCKS = {
    "inverter": range(INVERTER, METER_COMMON),
    "meter": range(METER_COMMON, END_OF_METER),
    "battery": range(BATTERY, END_OF_BATTERY),
    "control": range(EXPORT_CONTROL, END_OF_CONTROL),
}


class SolarEdgeModbus:
    """The server. `async with SolarEdgeModbus(house) as inverter: ... inverter.port`."""

    host = "127.0.0.1"

    def __init__(
        self, house: House, *, nameplate: Nameplate | None = None, port: int = 0, unit: int = 1
    ) -> None:
        """Stand before `house`; port 0 lets the system choose one."""
        self.registers = Registers(house=house, nameplate=nameplate or Nameplate())
        self.port = port
        self.unit = unit
        self.faults: dict[str, dict[str, Any]] = {}
        self.writes: list[tuple[int, list[int]]] = []
        """Every order taken: address and words."""
        self.connections = 0
        """Connections accepted so far, refused ones not counted."""
        self._server: asyncio.Server | None = None
        self._client: asyncio.StreamWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        await self.stop()

    async def start(self) -> None:
        """Listen; the port is kept over a stop."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everybody and stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def restart(self, down_s: float = 0.0) -> None:
        """Hang up, refuse connections for `down_s` real seconds, come back."""
        await self.stop()
        await asyncio.sleep(down_s)
        await self.start()

    def inject(self, fault: str, **how: Any) -> None:
        """Switch a fault on. Raises ValueError for an unknown one."""
        if fault not in FAULTS:
            raise ValueError(f"unknown fault {fault}")
        self.faults[fault] = how
        if fault == "second_client" and self._client is not None:
            self._client.close()

    def clear(self, fault: str | None = None) -> None:
        """Switch one fault off, or all."""
        if fault is None:
            self.faults.clear()
        else:
            self.faults.pop(fault, None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self._client is not None or "second_client" in self.faults:
                return
            self._client = writer
            self.connections += 1
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client hung up
        finally:
            self._tasks.discard(task)
            if self._client is writer:
                self._client = None
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            transaction, protocol, length, unit = struct.unpack(
                ">HHHB", await reader.readexactly(7)
            )
            pdu = await reader.readexactly(length - 1)
            if protocol != 0 or "silence" in self.faults:
                continue
            if (delay := self.faults.get("delay")) is not None:
                await asyncio.sleep(delay.get("seconds", 1.0))
            reply = self._reply(unit, pdu)
            writer.write(struct.pack(">HHHB", transaction, 0, len(reply) + 1, unit) + reply)
            await writer.drain()

    def _reply(self, unit: int, pdu: bytes) -> bytes:
        function = pdu[0]
        if unit != self.unit:
            return bytes([function | 0x80, NO_SUCH_UNIT])
        if function not in (READ, WRITE_ONE, WRITE_MANY):
            return bytes([function | 0x80, ILLEGAL_FUNCTION])
        address, argument = struct.unpack(">HH", pdu[1:5])
        match function:
            case 3:
                return self._read(address, argument)
            case 6:
                values = [argument]
            case _:
                values = list(struct.unpack(f">{argument}H", pdu[6 : 6 + 2 * argument]))
        if self._illegal(address, len(values)) or not self.registers.write(address, values):
            return bytes([function | 0x80, ILLEGAL_ADDRESS])
        self.writes.append((address, values))
        return pdu[:5]

    def _read(self, address: int, count: int) -> bytes:
        if not 1 <= count <= HIGHEST_COUNT:
            return bytes([READ | 0x80, ILLEGAL_VALUE])
        self.registers.refresh()
        words = [self.registers.words.get(a) for a in range(address, address + count)]
        if None in words or self._illegal(address, count):
            return bytes([READ | 0x80, ILLEGAL_ADDRESS])
        return struct.pack(f">BB{count}H", READ, 2 * count, *words)

    def _illegal(self, address: int, count: int) -> bool:
        fault = self.faults.get("illegal_address")
        if fault is None:
            return False
        asked = range(address, address + count)
        blocks = (BLOCKS[name] for name in fault.get("blocks", ("meter",)))
        return any(asked.start < block.stop and block.start < asked.stop for block in blocks)
