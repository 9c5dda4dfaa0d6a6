"""How a charger made of entities is commanded: by its entities, or by its integration's actions."""

from typing import Any, Protocol

from homeassistant.core import HomeAssistant, split_entity_id
from homeassistant.helpers import entity_registry as er

from ..base import Data, Rejected
from .errors import CannotPause
from .fields import CONTROL_EASEE, CONTROL_KEBA, DEFAULT_MAX_A, NUMBERS, SELECTS, SWITCHES
from .memory import Memory
from .state import Quantity, is_on, number, text
from .writer import Range, Writer, meaning

_PHASES_BY_DOMAIN = {
    **dict.fromkeys(NUMBERS, ("1", "3")),
    # What chargers offer as a switch is "force single phase".
    **dict.fromkeys(SWITCHES, ("on", "off")),
}
"""What sets one and three phases where the form does not say."""


class Control(Protocol):
    """Commands one charger."""

    can_pause: bool
    can_limit: bool
    can_switch_phases: bool

    def range_a(self) -> Range | None:
        """Return the currents that it accepts, or `None` while it does not say."""

    def paused(self) -> bool | None:
        """Return whether it is held off, or `None` where it does not say."""

    def limit_a(self) -> float | None:
        """Return the read-back of the limit, or `None` where there is none."""

    def phases(self) -> int | None:
        """Return the phases that it is set to, or `None` where it does not say."""

    async def limit(self, current_a: float) -> None:
        """Set the current. Raises DeviceError."""

    async def switch_phases(self, phases: int) -> None:
        """Set the number of phases. Raises DeviceError."""

    async def pause(self) -> None:
        """Hold the charger off. Raises DeviceError."""

    async def resume(self) -> None:
        """Let it charge. Raises DeviceError."""

    async def release(self) -> None:
        """Put back what held before the first order. Raises DeviceError."""


class EntityControl:
    """Commands by entities: a number for the current, a switch or select to pause, one for phases."""

    def __init__(
        self, hass: HomeAssistant, data: Data, ids: dict[str, str], writer: Writer, memory: Memory
    ) -> None:
        """Take the form's values, with its entities looked up. Raises DeviceError as `check` does."""
        self._hass = hass
        self._writer = writer
        self._memory = memory
        self._limit = ids.get("limit")
        self._settable = bool(self._limit) and split_entity_id(str(self._limit))[0] in NUMBERS
        self._enable = ids.get("enable")
        self._phase = ids.get("phase")
        self._run, self._hold = _pair(data, "enable_run", "enable_pause")
        if self._enable and split_entity_id(self._enable)[0] in SWITCHES:
            run, hold = ("off", "on") if data.get("enable_invert") else ("on", "off")
            self._run, self._hold = self._run or run, self._hold or hold
        self._one, self._three = _pair(data, "phase_one", "phase_three")
        if self._phase:
            one, three = _PHASES_BY_DOMAIN.get(split_entity_id(self._phase)[0], (None, None))
            self._one, self._three = self._one or one, self._three or three
        limits = self.range_a()
        self.can_limit = self._settable
        self.can_pause = bool(self._enable and self._run and self._hold) or (
            limits is not None and limits.low <= 0
        )
        self.can_switch_phases = bool(self._phase and self._one and self._three)

    def check(self) -> None:
        """Raise OptionMissing where an entity knows no such word, or the form leaves an option out."""
        for entity_id, options in (
            (self._enable, (self._run, self._hold)),
            (self._phase, (self._one, self._three)),
        ):
            if entity_id is None:
                continue
            for option in options:
                if option is not None or split_entity_id(entity_id)[0] in SELECTS:
                    meaning(self._hass, entity_id, option or "")

    def range_a(self) -> Range | None:
        """Return what the number takes."""
        if self._limit is None or not self._settable:
            return None
        return self._writer.range(self._limit, Quantity.CURRENT)

    def paused(self) -> bool | None:
        """Return what the switch or select says."""
        shown = text(self._hass, self._enable)
        if shown is None or self._hold is None:
            return None
        return shown.casefold() == self._hold.casefold()

    def limit_a(self) -> float | None:
        """Return what the number shows."""
        return number(self._hass, self._limit, Quantity.CURRENT)

    def phases(self) -> int | None:
        """Return what the phase entity shows."""
        shown = text(self._hass, self._phase)
        for option, phases in ((self._one, 1), (self._three, 3)):
            if shown is not None and option is not None and _same(shown, option):
                return phases
        return None

    async def limit(self, current_a: float) -> None:
        """Set the number, where there is one."""
        if self._limit is not None and self._settable:
            self._memory.remember((self._limit,))
            await self._writer.set_quantity(self._limit, current_a, Quantity.CURRENT)

    async def switch_phases(self, phases: int) -> None:
        """Set the phase entity."""
        option = self._one if phases == 1 else self._three
        if self._phase is None or option is None:
            raise Rejected(f"phases: {phases}")
        self._memory.remember((self._phase,))
        await self._writer.set_text(self._phase, option)

    async def pause(self) -> None:
        """Set the switch or select, else a current of 0."""
        if self._enable is not None and self._hold is not None:
            self._memory.remember((self._enable,))
            await self._writer.set_text(self._enable, self._hold)
        elif self._limit is not None and self.can_pause:
            await self.limit(0.0)
        else:
            raise CannotPause

    async def resume(self) -> None:
        """Set the switch or select, where there is one."""
        if self._enable is not None and self._run is not None:
            self._memory.remember((self._enable,))
            await self._writer.set_text(self._enable, self._run)

    async def release(self) -> None:
        """Put every entity back."""
        await self._memory.restore()


class ServiceControl:
    """Commands by the actions of an integration without an entity for the current."""

    can_limit = True
    can_pause = True

    def __init__(
        self,
        hass: HomeAssistant,
        data: Data,
        ids: dict[str, str],
        writer: Writer,
        domain: str,
    ) -> None:
        """Take the form's values, with its entities looked up, and whose actions to call."""
        self._hass = hass
        self._writer = writer
        self._domain = domain
        self._limit = ids.get("limit")
        self._charging = ids.get("charging")
        self._highest_a = float(data.get("max_a") or DEFAULT_MAX_A)
        entry = er.async_get(hass).async_get(ids.get("status", ""))
        self._device = None if entry is None else entry.device_id
        self.can_switch_phases = domain == CONTROL_EASEE and data.get("phases") == "1_3"

    def range_a(self) -> Range | None:
        """Return nothing: the form's figures hold."""
        return None

    def paused(self) -> bool | None:
        """Return whether KEBA's last order of ours was a pause and no car charges against it.

        Its limit stays as it was meanwhile. Easee's goes down to 0, and tells by itself.
        """
        ordered = self._writer.ordered("enable")
        if ordered is None:
            return None
        return ordered == "disable" and is_on(self._hass, self._charging) is not True

    def limit_a(self) -> float | None:
        """Return what the sensor shows, where there is one."""
        return number(self._hass, self._limit, Quantity.CURRENT)

    def phases(self) -> int | None:
        """Return nothing: there is no entity to read back."""
        return None

    async def limit(self, current_a: float) -> None:
        """Set a limit that the charger forgets when it restarts: no wear of its memory."""
        service = "set_charger_dynamic_limit" if self._domain == CONTROL_EASEE else "set_current"
        await self._act("limit", service, current=current_a)

    async def switch_phases(self, phases: int) -> None:
        """Lock the charger to one or three phases."""
        if not self.can_switch_phases:
            raise Rejected(f"phases: {phases}")
        await self._act("phases", "set_charger_phase_mode", phase_mode=f"{phases}_phase")

    async def pause(self) -> None:
        """Hold the charger off."""
        if self._domain == CONTROL_EASEE:
            # Its own "pause" is the same limit of 0, but its "resume" would set full current.
            await self.limit(0.0)
        else:
            await self._act("enable", "disable")

    async def resume(self) -> None:
        """Let it charge."""
        if self._domain == CONTROL_KEBA:
            await self._act("enable", "enable")

    async def release(self) -> None:
        """Allow full current again; what it was before cannot be read."""
        if self.can_switch_phases:
            await self._act("phases", "set_charger_phase_mode", phase_mode="auto_phase")
        await self.limit(self._highest_a)
        await self.resume()

    async def _act(self, topic: str, service: str, **data: Any) -> None:
        if self._domain == CONTROL_EASEE:
            data["device_id"] = self._device
        await self._writer.order(topic, self._domain, service, data)


def _pair(data: Data, first: str, second: str) -> tuple[str | None, str | None]:
    return (
        str(data.get(first) or "").strip() or None,
        str(data.get(second) or "").strip() or None,
    )


def _same(shown: str, option: str) -> bool:
    if shown.casefold() == option.casefold():
        return True
    try:
        return float(shown) == float(option)
    except ValueError:
        return False
