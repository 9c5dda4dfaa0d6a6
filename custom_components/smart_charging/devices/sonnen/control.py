"""Orders to the battery: manual mode with a setpoint, and the way back.

The setpoint has no watchdog: a battery whose Home Assistant died would charge or discharge on
for ever. So the mode in which it was is kept over a restart, and put back at the first contact
of the next life, before anybody decides anew.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ...core.reading import BatteryMode
from ..base import DeviceError, Rejected
from .api import MANUAL, SELF_CONSUMPTION, Api, Status
from .values import operating_mode


class Control:
    """The orders of one battery; lives as long as the driver, over lost links."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._before: str | None = None
        """The operating mode before our first order; `None` while the battery is not ours."""
        self._order: BatteryMode | None = None
        """What the setpoint means that the battery took."""
        self.left_behind = False
        """Whether an order of an earlier life may still stand, which nobody watches."""

    def mode(self, status: Status) -> BatteryMode | None:
        """Return what the battery does; `None` for what somebody else set."""
        found = operating_mode(status)
        if found in SELF_CONSUMPTION:
            return BatteryMode.SELF_CONSUMPTION
        return self._order if found == MANUAL else None

    def dump(self) -> dict[str, Any]:
        """Return the mode that was before us, as JSON; empty while nothing is changed."""
        return {} if self._before is None else {"mode": self._before}

    def load(self, stored: Mapping[str, Any]) -> None:
        """Take back what `dump` gave; ignores what it cannot use."""
        mode = stored.get("mode")
        if isinstance(mode, str) and mode.isdecimal():
            self._before, self.left_behind = mode, True

    async def order(self, mode: BatteryMode, power_kw: float) -> Status:
        """Command the battery and return the status that shows it. Raises DeviceError."""
        found = operating_mode(await self._api.status())
        self.left_behind = False
        if self._before is None:
            # A setpoint that was left in manual mode is nobody's wish any more.
            self._before = self._api.own_mode if found in (None, MANUAL) else found
        if mode is BatteryMode.SELF_CONSUMPTION:
            own = self._before if self._before in SELF_CONSUMPTION else self._api.own_mode
            status = await self._switch(found, own)
            if own == self._before:
                self._before = None
            return status
        direction = "discharge" if mode is BatteryMode.DISCHARGE else "charge"
        watts = 0 if mode is BatteryMode.HOLD else round(power_kw * 1000)
        if found != MANUAL:
            # The battery takes a setpoint in manual mode only, so this comes first.
            await self._api.set_mode(MANUAL)
        try:
            await self._api.set_watts(direction, watts)
        except DeviceError:
            if found != MANUAL:
                # It must not stay in manual mode with the setpoint of another day.
                with suppress(DeviceError):
                    await self._switch(MANUAL, self._before)
                    self._before = None
            raise
        self._order = mode
        status = await self._api.status()
        if operating_mode(status) != MANUAL:
            self._order = None
            raise Rejected("it kept its own mode")
        return status

    async def release(self) -> Status:
        """Put back the mode that was before the first order. Raises DeviceError."""
        status = await self._api.status()
        found = operating_mode(status)
        # In any other mode somebody else has put it meanwhile, and there it stays.
        if found == MANUAL or (found in SELF_CONSUMPTION and self._before is not None):
            status = await self._switch(found, self._before or self._api.own_mode)
        self._before, self._order, self.left_behind = None, None, False
        return status

    async def _switch(self, found: str | None, wanted: str) -> Status:
        """Choose a mode of its own, once, and see that it holds."""
        if found != wanted:
            await self._api.set_mode(wanted)
        status = await self._api.status()
        if operating_mode(status) != wanted:
            raise Rejected(f"it stays in mode {operating_mode(status)}")
        self._order = None
        return status
