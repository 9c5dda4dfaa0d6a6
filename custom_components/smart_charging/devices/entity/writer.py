"""Sets entities by services: on change only, within their range, and never without an answer."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID, STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant, split_entity_id
from homeassistant.exceptions import HomeAssistantError
import voluptuous as vol

from ...core.clock import Clock
from ..base import CannotConnect, Rejected
from .context import acting_context
from .errors import OptionMissing
from .fields import SELECTS, SWITCHES
from .state import Quantity, available, check, text, unit_of

SERVICE_TIMEOUT_S = 10.0
"""A cloud that has not answered by then will not answer in time for the next order."""

SETTLE = timedelta(seconds=30)
"""How long a polled entity may take to show what was written; the same order is not repeated before."""

REPEAT = timedelta(seconds=60)
"""An action whose effect cannot be read back is repeated this often, in case it was lost."""

ROUNDING = 1e-6
"""Of a step: what binary fractions may be off before a value counts as below a step."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """What a number accepts, in our unit."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class _Written:
    value: str
    at: datetime


class Writer:
    """Writes to the entities of one device."""

    def __init__(self, hass: HomeAssistant, clock: Clock) -> None:
        """Take Home Assistant and the clock that times what was written."""
        self._hass = hass
        self._clock = clock
        self._written: dict[str, _Written] = {}
        self._ordered: dict[str, tuple[Any, datetime]] = {}

    def range(self, entity_id: str, quantity: Quantity) -> Range | None:
        """Return what a number accepts in kW or A, or `None` while it does not say."""
        state = self._hass.states.get(entity_id)
        if state is None or "min" not in state.attributes or "max" not in state.attributes:
            return None
        unit = unit_of(self._hass, entity_id)
        low = quantity.to_ours(float(state.attributes["min"]), unit)
        high = quantity.to_ours(float(state.attributes["max"]), unit)
        return None if low is None or high is None else Range(low=low, high=high)

    async def set_quantity(self, entity_id: str, value: float, quantity: Quantity) -> None:
        """Set a number to `value` (kW or A): down to its step, within its range.

        Raises CannotConnect where the entity is not there, EntityUnit where it counts something
        else, Rejected where it refuses.
        """
        available(self._hass, entity_id)
        check(self._hass, entity_id, quantity)
        native = quantity.from_ours(value, unit_of(self._hass, entity_id))
        await self.set_number(entity_id, native)

    async def set_number(self, entity_id: str, value: float) -> None:
        """Set a number in its own unit: down to its step, within its range."""
        attributes = available(self._hass, entity_id).attributes
        low = float(attributes.get("min", value))
        step = float(attributes.get("step", 0)) or None
        value = min(max(value, low), float(attributes.get("max", value)))
        if step is not None:
            # Rounding down, not to the nearest: a limit may be stayed under, not exceeded.
            value = round(low + floor((value - low) / step + ROUNDING) * step, 6)
        if self._shows(entity_id, value):
            return
        await self._call(entity_id, "set_value", str(value), value=value)

    async def set_text(self, entity_id: str, value: str) -> None:
        """Set a switch (on, off), a select (one of its options) or a number to what `value` says.

        Raises CannotConnect where the entity is not there, Rejected where it refuses and
        OptionMissing where it knows no such word.
        """
        meant = meaning(self._hass, entity_id, value)
        if isinstance(meant, float):
            await self.set_number(entity_id, meant)
        elif not self._shows(entity_id, meant):
            if split_entity_id(entity_id)[0] in SWITCHES:
                await self._call(entity_id, f"turn_{meant}", meant)
            else:
                await self._call(entity_id, "select_option", meant, option=meant)

    async def order(self, topic: str, domain: str, service: str, data: dict[str, Any]) -> None:
        """Call a service unless the same was last called for `topic` a moment ago.

        Raises CannotConnect or Rejected.
        """
        last = self._ordered.pop(topic, None)
        now = self._clock.now()
        if last is not None and last[0] == (service, data) and now - last[1] < REPEAT:
            self._ordered[topic] = last
            return
        await self.call(domain, service, data)
        self._ordered[topic] = ((service, data), now)

    def ordered(self, topic: str) -> str | None:
        """Return the service that was last called for `topic` by `order`, or `None`."""
        last = self._ordered.get(topic)
        return None if last is None else str(last[0][0])

    async def call(self, domain: str, service: str, data: dict[str, Any]) -> None:
        """Call a service as the one who acts now. Raises CannotConnect or Rejected."""
        try:
            async with asyncio.timeout(SERVICE_TIMEOUT_S):
                await self._hass.services.async_call(
                    domain, service, data, blocking=True, context=acting_context.get()
                )
        except TimeoutError as err:
            raise CannotConnect(f"{domain}.{service}: no answer") from err
        except (HomeAssistantError, vol.Invalid) as err:
            raise Rejected(str(err)) from err

    async def _call(self, entity_id: str, service: str, written: str, **data: Any) -> None:
        domain = split_entity_id(entity_id)[0]
        # Forgotten first: what a failed call left behind is unknown, so the next order must write.
        self._written.pop(entity_id, None)
        await self.call(domain, service, {ATTR_ENTITY_ID: entity_id, **data})
        self._written[entity_id] = _Written(value=written, at=self._clock.now())

    def _shows(self, entity_id: str, value: str | float) -> bool:
        """Return whether the entity is at `value`, or was sent there and may still be settling."""
        state = self._hass.states.get(entity_id)
        written = self._written.get(entity_id)
        if (
            written is not None
            and self._clock.now() - written.at < SETTLE
            # A change since then is news: the device, or a person, decided otherwise.
            and (state is None or state.last_changed <= written.at)
        ):
            return _same(written.value, value)
        return _same(text(self._hass, entity_id), value)


def meaning(hass: HomeAssistant, entity_id: str, wanted: str) -> str | float:
    """Return what `wanted` says to an entity, in whatever case: on or off, an option, a number.

    Raises CannotConnect where the entity is not there and OptionMissing where it knows no such word.
    """
    state = available(hass, entity_id)
    domain, folded = split_entity_id(entity_id)[0], wanted.strip().casefold()
    if domain not in (*SWITCHES, *SELECTS):
        with suppress(ValueError):
            return float(folded)
    words = (STATE_ON, STATE_OFF) if domain in SWITCHES else state.attributes.get("options")
    for word in words or ():
        if str(word).casefold() == folded:
            return str(word)
    raise OptionMissing(wanted, entity=entity_id, option=wanted)


def _same(shown: str | None, value: str | float) -> bool:
    if shown is None:
        return False
    if isinstance(value, str):
        return shown == value
    try:
        return abs(float(shown) - value) < ROUNDING
    except ValueError:
        return False
