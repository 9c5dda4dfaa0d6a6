"""A charger made of entities."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, override

from homeassistant.helpers import entity_registry as er

from ...core.reading import ChargerReading, ChargerStatus, PartKind, Remedy
from ..base import Data, DriverContext, PartInfo, Rejected
from .control import Control, EntityControl, ServiceControl
from .driver import EntityDriver
from .fields import CONTROL_ENTITIES, DEFAULT_MAX_A, LOWEST_CURRENT_A
from .memory import Memory
from .state import Quantity, is_on, text
from .status import charger_status

_LINES = (1, 2, 3)

_PHASES = {"1": (1,), "3": (3,), "1_3": (1, 3)}

DRAWS_A = 1.0
"""A conductor that carries this much is in use; less is what a charger's own electronics draw."""

DRAWS_KW = 0.1
"""A car that takes this much charges."""


class EntityCharger(EntityDriver):
    """State of the car and what it draws; current, pause and phases where they can be set."""

    kind = PartKind.CHARGER
    mains = ("status", "connected", "charging", "enable", "limit")
    quantities = {
        "power": Quantity.POWER,
        **{f"l{n}_current": Quantity.CURRENT for n in _LINES},
        "limit": Quantity.CURRENT,
        "session_energy": Quantity.ENERGY,
        "total_energy": Quantity.ENERGY,
    }

    def __init__(self, data: Data, context: DriverContext) -> None:
        """Take the form's values; nothing is looked up yet."""
        super().__init__(data, context)
        self._memory = Memory(self.hass, self.writer)
        self._platform: str | None = None

    @override
    def find(self) -> str:
        main = super().find()
        entry = er.async_get(self.hass).async_get(self.ids.get("status", ""))
        self._platform = None if entry is None else entry.platform
        return main

    @override
    def read(self, at: datetime) -> ChargerReading:
        control = self._control()
        status = self._status()
        currents = self._currents()
        faulty = status is ChargerStatus.ERROR
        return ChargerReading(
            at=at,
            status=status,
            power_kw=self.value("power"),
            currents_a=currents,
            limit_a=self._limit(control),
            phases=self._phases_in_use(control, currents),
            session_kwh=self.value("session_energy"),
            total_kwh=self.value("total_energy"),
            warning=text(self.hass, self.ids.get("status")) if faulty else None,
            remedy=Remedy.DEVICE if faulty else None,
        )

    @override
    def describe(self) -> PartInfo:
        control = self._control()
        if isinstance(control, EntityControl):
            control.check()
        low, high = self._range_a(control)
        features = {"session_energy": "session_kwh", "total_energy": "total_kwh"}
        return PartInfo(
            key=self.part,
            kind=self.kind,
            phases=self._phases(),
            min_a=low,
            max_a=high,
            can_switch_phases=control.can_switch_phases and len(self._phases()) > 1,
            controllable=control.can_pause,
            features=tuple(feature for key, feature in features.items() if key in self.ids),
        )

    async def set_charging(self, part: str, current_a: float, phases: int | None) -> None:
        """Allow `current_a` (0 pauses) on `phases` (1, 3; `None` leaves them).

        A current below what the charger takes pauses it, since more than asked could overload a
        fuse. Raises CannotPause, Rejected or CannotConnect.
        """
        if not self.ids:
            self.find()
        control = self._control()
        low, high = self._range_a(control)
        if current_a <= 0 or (control.can_limit and current_a < low):
            await control.pause()
            return
        if phases is not None and phases not in self._phases():
            raise Rejected(f"phases: {phases}")
        if phases is not None and control.can_switch_phases:
            await control.switch_phases(phases)
        # The limit first: a charger that starts must not start with yesterday's.
        await control.limit(min(current_a, high))
        await control.resume()

    async def release(self, part: str) -> None:
        """Put back what held before our first order. Raises Rejected or CannotConnect."""
        if not self.ids:
            self.find()
        await self._control().release()

    def dump_state(self) -> dict[str, Any]:
        """Return what must be put back after a restart."""
        return self._memory.dump()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take back what `dump_state` gave."""
        self._memory.load(state)

    def _control(self) -> Control:
        control = str(self.data.get("control") or CONTROL_ENTITIES)
        if control != CONTROL_ENTITIES:
            return ServiceControl(self.hass, self.data, self.ids, self.writer, control)
        return EntityControl(self.hass, self.data, self.ids, self.writer, self._memory)

    def _phases(self) -> tuple[int, ...]:
        return _PHASES[str(self.data.get("phases") or "1")]

    def _range_a(self, control: Control) -> tuple[float, float]:
        """Return the lowest and highest current in A: the form's, within what the number takes."""
        limits = control.range_a()
        low = self.figure("min_a") or LOWEST_CURRENT_A
        high = self.figure("max_a") or (DEFAULT_MAX_A if limits is None else limits.high)
        if limits is not None:
            low, high = max(low, limits.low), min(high, limits.high)
        # Without a limit there is one current only: all of it.
        return (low, high) if control.can_limit else (high, high)

    def _status(self) -> ChargerStatus | None:
        """Return what status and sensors say together; the plug decides over the word."""
        status = charger_status(text(self.hass, self.ids.get("status")), self._platform)
        connected = is_on(self.hass, self.ids.get("connected"))
        charging = is_on(self.hass, self.ids.get("charging"))
        if connected is False and status is not ChargerStatus.ERROR:
            return ChargerStatus.UNPLUGGED
        if status is None and charging is None and connected:
            power = self.value("power")
            charging = None if power is None else power >= DRAWS_KW
        if charging and status in (None, ChargerStatus.CONNECTED):
            return ChargerStatus.CHARGING
        if status is None and (connected or charging is False):
            return ChargerStatus.CONNECTED if connected else None
        return status

    def _currents(self) -> tuple[float | None, ...]:
        lines = max((n for n in _LINES if f"l{n}_current" in self.ids), default=0)
        return tuple(self.value(f"l{n}_current") for n in _LINES[:lines])

    def _limit(self, control: Control) -> float | None:
        """Return the current in force: 0 while held off."""
        if control.paused():
            return 0.0
        if control.can_limit:
            return control.limit_a()
        return self._range_a(control)[1] if control.paused() is False else None

    def _phases_in_use(self, control: Control, currents: tuple[float | None, ...]) -> int | None:
        drawn = sum(1 for current in currents if current is not None and current >= DRAWS_A)
        if drawn and len(currents) > 1:
            return 1 if drawn == 1 else 3
        choice = self._phases()
        return control.phases() or (choice[0] if len(choice) == 1 else None)
