"""Orders to the battery behind an inverter: SolarEdge's remote control of storage.

The inverter forgets a remote command after a while and goes on in its default mode. We make
that self-consumption and renew the command as long as the order stands, so a battery whose
Home Assistant died looks after itself.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
import logging
from typing import Any, Final

from modbus_connection import ModbusError, ModbusExceptionError
from solaredged import (
    SolarEdge,
    SolarEdgeConnectionError,
    SolarEdgeError,
    StorageChargePolicy,
    StorageControl,
    StorageControlMode,
    StorageMode,
)

from ...core.clock import Clock
from ...core.reading import BatteryMode
from ..base import CannotConnect, DeviceError, Rejected

_LOGGER = logging.getLogger(__name__)

COMMAND_TIMEOUT_S: Final = 120
"""A charge of which nobody takes care any more may not last longer: the fuse bears it so long,
and a reload of the device (a minute) does not interrupt it."""

FACTORY_TIMEOUT_S: Final = 3600
"""What an inverter comes with."""

RENEW_S: Final = 40.0
"""A third of that, so that two renewals may get lost."""

SAME_W: Final = 1.0
"""Limits are float32 registers: nearer than this they are the same."""

COMMANDS: Final = {
    BatteryMode.SELF_CONSUMPTION: StorageMode.MAXIMIZE_SELF_CONSUMPTION,
    # Neither from the grid nor into the house; sun that the inverter would have to throw
    # away still goes in. `SOLAR_ONLY` (off) would lose it.
    BatteryMode.HOLD: StorageMode.CHARGE_FROM_CLIPPED_SOLAR,
    BatteryMode.CHARGE: StorageMode.CHARGE_FROM_SOLAR_AND_GRID,
    BatteryMode.DISCHARGE: StorageMode.DISCHARGE_TO_MAXIMIZE_EXPORT,
}
MODES: Final = {command: mode for mode, command in COMMANDS.items()}


@dataclass(frozen=True, kw_only=True)
class _Before:
    """The registers as we found them."""

    control_mode: StorageControlMode | None
    default_mode: StorageMode | None
    command_timeout: int | None
    charge_limit: float | None
    discharge_limit: float | None
    ac_charge_policy: StorageChargePolicy | None
    command_mode: StorageMode | None


_KINDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "control_mode": StorageControlMode,
    "default_mode": StorageMode,
    "command_timeout": int,
    "charge_limit": float,
    "discharge_limit": float,
    "ac_charge_policy": StorageChargePolicy,
    "command_mode": StorageMode,
}


class Storage:
    """The battery orders of one inverter; lives as long as the driver, over lost links."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._solaredge: SolarEdge | None = None
        self._before: _Before | None = None
        self._command: StorageMode | None = None
        self._commanded_s = 0.0

    async def bind_and_read(self, solaredge: SolarEdge) -> None:
        """Take the inverter that is read from now on."""
        self._solaredge = solaredge
        await self.refresh()

    def unbind(self) -> None:
        """Let the inverter go: the link is gone.

        An order does not outlive it, since what became of it meanwhile nobody knows.
        """
        self._solaredge = self._command = None

    @property
    def controllable(self) -> bool:
        """Whether orders are possible: one battery and a control block that answered.

        The inverter commands all its batteries together, so with several of them an order to
        one would be an order to all.
        """
        control = self._solaredge.storage_control if self._solaredge else None
        return (
            self._solaredge is not None
            and len(self._solaredge.batteries) == 1
            and control is not None
            and control.control_mode is not None
        )

    @property
    def mode(self) -> BatteryMode | None:
        """What the inverter does with its battery, as last read."""
        control = self._solaredge.storage_control if self._solaredge else None
        if control is None:
            return None
        match control.control_mode:
            case StorageControlMode.MAXIMIZE_SELF_CONSUMPTION:
                return BatteryMode.SELF_CONSUMPTION
            case StorageControlMode.REMOTE_CONTROL if (
                self._command is not None and control.command_mode is not None
            ):
                return MODES.get(control.command_mode)
            case _:
                # A schedule, backup only, or somebody else's command of unknown age.
                return None

    def dump(self) -> dict[str, Any]:
        """Return the registers as we found them, as JSON; empty while nothing is changed."""
        return {} if self._before is None else asdict(self._before)

    def load(self, stored: Mapping[str, Any]) -> None:
        """Take back what `dump` gave; ignores what it cannot use."""
        if not stored:
            return
        with suppress(KeyError, TypeError, ValueError):
            self._before = _Before(
                **{
                    name: None if stored[name] is None else kind(stored[name])
                    for name, kind in _KINDS.items()
                }
            )

    async def refresh(self) -> None:
        """Read the control block, if there is one, once; a failure leaves it as it was."""
        control = self._solaredge.storage_control if self._solaredge else None
        if control is None:
            return
        # Measurements are worth more than a mode: the next poll tells whether the link is dead.
        with suppress(ModbusError):
            await control.async_update()

    async def renew(self) -> None:
        """Repeat the command of the order that stands, when it is time.

        Where the inverter refuses, the order runs out: its mode tells, and measurements go on.
        """
        if self._command is None or self._clock.monotonic() - self._commanded_s < RENEW_S:
            return
        async with self._lock:
            if self._command is not None and self.controllable:
                try:
                    await self._write(command_mode=self._command)
                except Rejected as err:
                    _LOGGER.debug("The battery's command is not renewed: %s", err)
                    self._command = None
                self._commanded_s = self._clock.monotonic()

    async def order(self, mode: BatteryMode, power_kw: float) -> None:
        """Command the battery and see that it holds. Raises Rejected or CannotConnect."""
        async with self._lock:
            control = await self._read()
            if self._before is None:
                self._before = _found(control)
            own = self._before.control_mode is StorageControlMode.MAXIMIZE_SELF_CONSUMPTION
            if mode is BatteryMode.SELF_CONSUMPTION and own:
                await self._restore()
                return
            command = COMMANDS[mode]
            charge_w, discharge_w = self._highest()
            if mode is BatteryMode.CHARGE:
                charge_w = min(power_kw * 1000, charge_w)
            elif mode is BatteryMode.DISCHARGE:
                discharge_w = min(power_kw * 1000, discharge_w)
            if (
                mode is BatteryMode.CHARGE
                and control.ac_charge_policy is StorageChargePolicy.DISABLED
            ):
                await self._write(ac_charge_policy=StorageChargePolicy.ALWAYS)
            await self._write(
                default_mode=StorageMode.MAXIMIZE_SELF_CONSUMPTION,
                command_timeout=COMMAND_TIMEOUT_S,
                charge_limit=charge_w,
                discharge_limit=discharge_w,
                command_mode=command,
                control_mode=StorageControlMode.REMOTE_CONTROL,
            )
            self._command, self._commanded_s = command, self._clock.monotonic()
            control = await self._read()
            if (
                control.control_mode is not StorageControlMode.REMOTE_CONTROL
                or control.command_mode is not command
            ):
                self._command = None
                raise Rejected("the inverter kept its own storage mode")

    async def release(self) -> None:
        """Put everything back as it was before the first order. Raises Rejected or CannotConnect."""
        async with self._lock:
            control = await self._read()
            if self._before is None and _left_by_us(control):
                self._before = _found(control)
            if self._before is not None:
                await self._restore()

    async def _restore(self) -> None:
        before = self._before
        assert before is not None
        self._command = None
        charge_w, discharge_w = self._highest()
        # The control mode first: from then on the battery is its own master.
        await self._write(
            control_mode=before.control_mode,
            default_mode=before.default_mode,
            command_timeout=before.command_timeout,
            charge_limit=charge_w if before.charge_limit is None else before.charge_limit,
            discharge_limit=(
                discharge_w if before.discharge_limit is None else before.discharge_limit
            ),
            ac_charge_policy=before.ac_charge_policy,
            command_mode=before.command_mode,
        )
        self._before = None

    def _highest(self) -> tuple[float, float]:
        """Return the highest charge and discharge powers in W."""
        assert self._solaredge is not None
        assert self._before is not None
        battery = self._solaredge.batteries[0]
        return (
            max(battery.max_charge_power or 0.0, self._before.charge_limit or 0.0),
            max(battery.max_discharge_power or 0.0, self._before.discharge_limit or 0.0),
        )

    def _control(self) -> StorageControl:
        if self._solaredge is None:
            raise CannotConnect("not connected to the inverter")
        if not self.controllable or self._solaredge.storage_control is None:
            raise Rejected("this inverter does not let its battery be commanded")
        return self._solaredge.storage_control

    async def _read(self) -> StorageControl:
        control = self._control()
        try:
            await control.async_update()
        except ModbusError as err:
            raise _failure(err) from err
        return control

    async def _write(self, **values: float | None) -> None:
        """Write what differs, in this order; a command always, since that renews it."""
        control = self._control()
        for field, value in values.items():
            held = getattr(control, field)
            if value is None:
                continue
            if field != "command_mode" and held is not None and abs(held - value) < SAME_W:
                continue
            try:
                await control.write(field, value)
            except SolarEdgeError as err:
                raise _failure(err) from err


def _left_by_us(control: StorageControl) -> bool:
    """Whether an order of ours from before a restart still stands: nobody else uses our timeout."""
    return (
        control.control_mode is StorageControlMode.REMOTE_CONTROL
        and control.command_timeout == COMMAND_TIMEOUT_S
    )


def _found(control: StorageControl) -> _Before:
    """Return what is to be restored one day; after a crash of ours that is self-consumption."""
    ours = _left_by_us(control)
    return _Before(
        control_mode=(
            StorageControlMode.MAXIMIZE_SELF_CONSUMPTION if ours else control.control_mode
        ),
        default_mode=control.default_mode,
        command_timeout=FACTORY_TIMEOUT_S if ours else control.command_timeout,
        charge_limit=None if ours else control.charge_limit,
        discharge_limit=None if ours else control.discharge_limit,
        ac_charge_policy=control.ac_charge_policy,
        command_mode=StorageMode.MAXIMIZE_SELF_CONSUMPTION if ours else control.command_mode,
    )


def _failure(err: Exception) -> DeviceError:
    """Tell a refusal from a broken link."""
    if isinstance(err, ModbusExceptionError) or isinstance(err.__cause__, ModbusExceptionError):
        return Rejected(str(err))
    if isinstance(err, (ModbusError, SolarEdgeConnectionError)):
        return CannotConnect(str(err))
    return Rejected(str(err))
