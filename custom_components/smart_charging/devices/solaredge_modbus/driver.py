"""Reads a SolarEdge inverter over Modbus TCP, and commands its battery where it can be."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from modbus_connection import (
    GatewayPathUnavailableError,
    GatewayTargetError,
    ModbusConnectionError,
    ModbusError,
    ModbusTimeoutError,
    ModbusUnit,
)
from modbus_connection.tmodbus import connect_tcp
from solaredged import SolarEdge, SolarEdgeConnectionError, SolarEdgeError, UpdateReport

from ...core.reading import BatteryMode
from ..base import (
    CannotConnect,
    Data,
    DeviceError,
    DriverContext,
    Identity,
    InUse,
    Publish,
    WrongDevice,
)
from . import DEFAULT_PORT, DEFAULT_UNIT
from .readings import Counters, battery_reading, grid_meter, meter_reading, parts_of, pv_reading
from .storage import Storage

HANG_UP_S: Final = 1.0
"""An inverter that already has a client hangs up at once; longer means that it is free."""

ATTEMPTS: Final = 2
"""A single late answer or a link that the inverter dropped is common and mends itself."""

SETTINGS_S: Final = 30.0
"""The control block changes only when somebody writes it; ours is read back at once."""

LAYOUT_FIRST_S: Final = 30.0
"""After a power cut an inverter answers before its meter and battery do: look again soon."""

LAYOUT_S: Final = 600.0
"""Later they come and go seldom, and finding them takes a dozen requests."""


class SolarEdgeModbusDriver:
    """One inverter with what hangs on it."""

    poll_interval_s = 2.0
    request_timeout_s = 4.0
    """Over Wi-Fi an inverter takes seconds now and then; one lost answer must not make it stale."""

    def __init__(self, data: Data, context: DriverContext) -> None:
        """Take `host`, `port`, `unit` and, where it is known already, `serial`."""
        self._host = str(data["host"]).strip()
        self._port = int(data.get("port") or DEFAULT_PORT)
        self._unit_id = int(data.get("unit") or DEFAULT_UNIT)
        self._serial: str | None = data.get("serial")
        self._context = context
        self._counters = Counters()
        self._storage = Storage(context.clock)
        self._most = (0, 0)
        """Meters and batteries seen at best."""

    async def identify(self) -> Identity:
        """Ask the inverter who it is and what hangs on it."""
        async with self._link() as unit:
            solaredge = await self._probe(unit)
            try:
                await self._storage.bind_and_read(solaredge)
                parts = parts_of(solaredge, controllable=self._storage.controllable)
            finally:
                self._storage.unbind()
        common = solaredge.common
        return Identity(
            serial=common.serial_number or "",
            name=f"SolarEdge {common.model or common.serial_number}",
            manufacturer=common.manufacturer,
            model=common.model,
            firmware=common.version,
            parts=parts,
        )

    async def run(self, publish: Publish) -> None:
        """Publish meter, sun and batteries every `poll_interval_s`."""
        clock = self._context.clock
        async with self._link() as unit:
            try:
                solaredge = await self._probe(unit)
                await self._storage.bind_and_read(solaredge)
                probed_s = settings_s = clock.monotonic()
                layout_s = LAYOUT_FIRST_S
                failures = 0
                while True:
                    try:
                        report = await solaredge.async_update_readings()
                    except SolarEdgeConnectionError as err:
                        failures += 1
                        if failures >= ATTEMPTS:
                            raise await self._cause(err, unit) from err
                        continue
                    failures = 0
                    self._publish(solaredge, report, publish)
                    await self._storage.renew()
                    now_s = clock.monotonic()
                    if now_s - settings_s >= SETTINGS_S:
                        settings_s = now_s
                        await self._storage.refresh()
                    if not self._complete(solaredge, report):
                        layout_s = LAYOUT_FIRST_S
                    if now_s - probed_s >= layout_s:
                        probed_s, layout_s = now_s, min(2 * layout_s, LAYOUT_S)
                        # If this fails, the next poll tells whether the link is dead.
                        with suppress(CannotConnect):
                            solaredge = await self._probe(unit, known=solaredge)
                            await self._storage.bind_and_read(solaredge)
                    await asyncio.sleep(self.poll_interval_s)
            finally:
                self._storage.unbind()

    async def set_battery(self, part: str, mode: BatteryMode, power_kw: float) -> None:
        """Command the battery. Raises Rejected where the inverter does not take it."""
        await self._storage.order(mode, power_kw)

    async def release(self, part: str) -> None:
        """Give the battery back to the inverter as it was before our first order."""
        await self._storage.release()

    def dump_state(self) -> dict[str, Any]:
        """Return how the battery's control was before our first order."""
        return self._storage.dump()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what an earlier life found, so that it can still be restored."""
        self._storage.load(state)

    @asynccontextmanager
    async def _link(self) -> AsyncIterator[ModbusUnit]:
        """Share Home Assistant's link where it has one, since the inverter bears only one."""
        share = self._context.modbus_unit
        if share is not None:
            async with share(self._host, self._port, self._unit_id) as unit:
                yield unit
            return
        try:
            connection = await connect_tcp(
                self._host, port=self._port, timeout=self.request_timeout_s
            )
        except ModbusError as err:
            raise CannotConnect(str(err)) from err
        try:
            yield connection.for_unit(self._unit_id)
        finally:
            # A link that cannot be torn down properly is down all the same.
            with suppress(ModbusError):
                await connection.close()

    async def _probe(self, unit: ModbusUnit, *, known: SolarEdge | None = None) -> SolarEdge:
        """Find out what is there and read it once; `known` spares blocks that stay silent."""
        silent = known.unresponsive_blocks if known is not None else frozenset()
        try:
            solaredge = await SolarEdge.async_probe(unit, assume_absent=silent)
            await solaredge.async_update_readings()
        except SolarEdgeConnectionError as err:
            raise await self._cause(err, unit) from err
        except SolarEdgeError as err:
            raise WrongDevice(str(err)) from err
        self._check(solaredge)
        meters, batteries = self._most
        self._most = (
            max(meters, len(solaredge.meters)),
            max(batteries, len(solaredge.batteries)),
        )
        return solaredge

    def _check(self, solaredge: SolarEdge) -> None:
        """See that it is an inverter by SolarEdge, and the one that we know."""
        common = solaredge.common
        if not (common.manufacturer or "").lower().startswith("solaredge"):
            raise WrongDevice(f"made by {common.manufacturer or 'an unknown maker'}")
        if solaredge.is_ev_charger:
            raise WrongDevice(f"{common.model} is a charger that reports nothing over Modbus")
        serial = common.serial_number
        if not serial:
            raise WrongDevice("no serial number")
        if self._serial is not None and serial != self._serial:
            raise WrongDevice(f"serial number {serial} instead of {self._serial}")
        self._serial = serial

    def _complete(self, solaredge: SolarEdge, report: UpdateReport) -> bool:
        """Whether everything that was ever there is there and answered."""
        return self._most == (len(solaredge.meters), len(solaredge.batteries)) and not any(
            name.startswith(("meters", "batteries")) for name in report.failed
        )

    def _publish(self, solaredge: SolarEdge, report: UpdateReport, publish: Publish) -> None:
        """Publish the parts that this poll refreshed, and no others."""
        at = self._context.clock.now()
        if "common" in report.updated:
            self._check(solaredge)
        index = grid_meter(solaredge)
        if index is not None and f"meters[{index}]" in report.updated:
            publish("meter", meter_reading(solaredge.meters[index], self._counters, at))
        batteries = [f"batteries[{i}]" for i in range(len(solaredge.batteries))]
        if "inverter" in report.updated and report.updated.issuperset(batteries):
            publish("pv", pv_reading(solaredge, self._counters, at))
        for i, battery in enumerate(solaredge.batteries):
            if batteries[i] in report.updated:
                key = f"battery_{i + 1}"
                mode = self._storage.mode
                publish(key, battery_reading(battery, key, self._counters, mode, at))

    async def _cause(self, err: SolarEdgeConnectionError, unit: ModbusUnit) -> DeviceError:
        """Say why nothing came back."""
        match err.__cause__:
            case ModbusTimeoutError():
                return CannotConnect("connected, but the inverter does not answer")
            case GatewayTargetError() | GatewayPathUnavailableError():
                return CannotConnect(f"no inverter has device ID {self._unit_id}")
            case ModbusConnectionError() if await self._hangs_up() and not unit.connected:
                return InUse("the inverter hangs up: another program is connected to it")
            case _:
                return CannotConnect(str(err))

    async def _hangs_up(self) -> bool:
        """Whether the inverter takes a new connection and drops it at once."""
        writer = None
        try:
            async with asyncio.timeout(HANG_UP_S):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                return await reader.read(1) == b""
        except ConnectionResetError:
            return True
        except (TimeoutError, OSError):
            return False
        finally:
            if writer is not None:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
