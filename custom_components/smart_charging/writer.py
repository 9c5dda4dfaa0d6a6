"""Carries setpoints out through our own number and select entities, by Home Assistant services.

Control never waits for a write. Each charger and battery has a writer that takes the latest
order, writes no more often than the device bears (limits excepted), and calls an order obeyed
only when the device's own reading says so: a call to a disabled or unavailable entity succeeds
in silence.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
import logging
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID, Platform
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN, EVENT_SETPOINT
from .core.clock import Clock
from .core.control.types import BatterySetpoint, ChargerSetpoint
from .core.reading import BatteryReading, ChargerReading

_LOGGER = logging.getLogger(__name__)

WRITE_TIMEOUT_S = 15.0
"""Above the timeout of a driver's command: the service call must outlast it."""

SHOWN_S = 12.0
"""A device may show an order that was replaced for so long: chargers react in 3 to 10 s."""

OBEY_S = 16.0
"""One that shows no order of ours for so long beyond that is reported: within 30 s of the write."""

REPEAT_S = 30.0
"""An order that was not followed is given again after so long."""

RETRY_FIRST_S = 5.0
RETRY_LAST_S = 60.0
"""Pauses after writes that failed, doubling: a device that refuses is not asked all the time."""
RETRY_URGENT_S = 10.0
"""Longest such pause while a limit is at stake."""

RECENT = 8
"""Orders that a device may still be following: control changes them every few seconds."""

CURRENT_TOLERANCE_A = 0.5
BATTERY_STEP_KW = 0.1
"""Battery powers that differ by less are the same order."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Which entities carry the orders of one part, by unique id."""

    part_id: str
    name: str
    value_unique_id: str
    """The number: amperes of a charger, kW of a battery."""
    choice_unique_id: str | None
    """The select: phases of a charger, mode of a battery."""


class Decisions:
    """The contexts of our own decisions, by which a person's call is told from ours."""

    def __init__(self) -> None:
        """Remember the last decisions; older calls have long been handled."""
        self._ids: deque[str] = deque(maxlen=256)

    def new(self) -> Context:
        """Return the context of a new decision."""
        context = Context()
        self._ids.append(context.id)
        return context

    def owns(self, context: Context | None) -> bool:
        """Tell whether a call was made by us."""
        return context is not None and context.id in self._ids


class Writer[S: (ChargerSetpoint, BatterySetpoint)]:
    """Writes the orders of one part."""

    def __init__(
        self,
        hass: HomeAssistant,
        clock: Clock,
        decisions: Decisions,
        target: Target,
        *,
        interval_s: float,
        on_fault: Callable[[str, str | None], None],
    ) -> None:
        """Write for `target`; `on_fault` is told the key of a fault, or `None` when it is over."""
        self.target = target
        self._hass = hass
        self._clock = clock
        self._decisions = decisions
        self._interval_s = interval_s
        self._on_fault = on_fault
        self._wanted: S | None = None
        self._written: S | None = None
        self._written_at: float | None = None
        self._recent: deque[tuple[S, float]] = deque(maxlen=RECENT)
        """Orders that were written, and when."""
        self._differs_since: float | None = None
        self._failures = 0
        """Writes that failed one after the other."""
        self._disabled = False
        """An entity that the last write needed is disabled."""
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.writes = 0

    def order(self, setpoint: S, reading: ChargerReading | BatteryReading | None) -> None:
        """Take the latest order; write it when it is due. Never waits."""
        self._wanted = setpoint
        now = self._clock.monotonic()
        if self._disabled:
            self._disabled = not self._entities_enabled()
        if self._obeyed(setpoint, reading):
            self._differs_since, self._failures = None, 0
            if not self._disabled:
                self._on_fault(self.target.part_id, None)
            if self._written is None:
                self._written = setpoint
            return
        if self._differs_since is None or self._follows(reading, now):
            self._differs_since = now
        elif now - self._differs_since > OBEY_S and reading is not None:
            self._on_fault(self.target.part_id, "not_obeyed")
        if self._due(setpoint, now):
            self._start()

    async def stop(self) -> None:
        """End a write that is under way."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def forget(self) -> None:
        """End a write that is under way, for good: the device follows its own control now."""
        await self.stop()
        self._wanted = self._written = self._written_at = self._differs_since = None
        self._recent.clear()
        self._failures = 0
        self._on_fault(self.target.part_id, None)

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = self._hass.async_create_background_task(
                self._write(), f"{DOMAIN} write {self.target.name}"
            )

    def _due(self, setpoint: S, now: float) -> bool:
        if self._task is not None and not self._task.done():
            return False
        if self._written_at is None:
            return True
        elapsed = now - self._written_at
        urgent = isinstance(setpoint, ChargerSetpoint) and setpoint.urgent
        if self._failures:
            pause_s = min(RETRY_FIRST_S * 2.0 ** min(self._failures - 1, 8), RETRY_LAST_S)
            return elapsed >= (min(pause_s, RETRY_URGENT_S) if urgent else pause_s)
        if self._same(setpoint, self._written):
            # Already told: repeat only when it was plainly not heard.
            return elapsed > REPEAT_S
        return urgent or elapsed >= self._interval_s

    async def _write(self) -> None:
        setpoint = self._wanted
        if setpoint is None:
            return
        self._written, self._written_at = setpoint, self._clock.monotonic()
        context = self._decisions.new()
        entity_id = self._entity_id(Platform.NUMBER, self.target.value_unique_id)
        if entity_id is None:
            return
        self._hass.bus.async_fire(
            EVENT_SETPOINT, {ATTR_ENTITY_ID: entity_id, **_facts(setpoint)}, context=context
        )
        self.writes += 1
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                for domain, service, data in self._calls(setpoint, entity_id):
                    await self._hass.services.async_call(
                        domain, service, data, blocking=True, context=context
                    )
        except (HomeAssistantError, TimeoutError) as err:
            level = logging.DEBUG if self._failures else logging.INFO
            _LOGGER.log(level, "%s did not take an order: %s", self.target.name, err)
            self._failures += 1
            # A failed write was not heard.
            self._written = None
        else:
            self._failures = 0
            self._recent.append((setpoint, self._written_at))

    def _calls(self, setpoint: S, number: str) -> list[tuple[str, str, dict[str, Any]]]:
        choice = None
        if self.target.choice_unique_id is not None:
            choice = self._entity_id(Platform.SELECT, self.target.choice_unique_id)
        if isinstance(setpoint, BatterySetpoint):
            power = _number(number, round(setpoint.power_kw, 2))
            return [power, _select(choice, setpoint.mode.value)] if choice else [power]
        calls: list[tuple[str, str, dict[str, Any]]] = []
        if choice is not None and setpoint.phases is not None and setpoint.current_a > 0:
            state = self._hass.states.get(choice)
            if state is None or state.state != str(setpoint.phases):
                calls.append(_select(choice, str(setpoint.phases)))
        return [*calls, _number(number, setpoint.current_a)]

    def _entity_id(self, platform: Platform, unique_id: str) -> str | None:
        registry = er.async_get(self._hass)
        entity_id = registry.async_get_entity_id(platform, DOMAIN, unique_id)
        row = registry.async_get(entity_id) if entity_id else None
        if row is None or row.disabled:
            self._disabled = True
            self._on_fault(self.target.part_id, "entity_disabled")
            return None
        return entity_id

    def _entities_enabled(self) -> bool:
        registry = er.async_get(self._hass)
        wanted = [(Platform.NUMBER, self.target.value_unique_id)]
        if self.target.choice_unique_id is not None:
            wanted.append((Platform.SELECT, self.target.choice_unique_id))
        ids = [registry.async_get_entity_id(platform, DOMAIN, key) for platform, key in wanted]
        rows = [registry.async_get(entity_id) if entity_id else None for entity_id in ids]
        return all(row is not None and not row.disabled for row in rows)

    def _follows(self, reading: ChargerReading | BatteryReading | None, now: float) -> bool:
        """Tell whether the device shows an order that was replaced a moment ago."""
        return reading is not None and any(
            now - at <= SHOWN_S and self._obeyed(setpoint, reading) for setpoint, at in self._recent
        )

    @staticmethod
    def _same(one: S, other: S | None) -> bool:
        if other is None:
            return False
        if isinstance(one, BatterySetpoint) and isinstance(other, BatterySetpoint):
            return one.mode is other.mode and abs(one.power_kw - other.power_kw) < BATTERY_STEP_KW
        if isinstance(one, ChargerSetpoint) and isinstance(other, ChargerSetpoint):
            return one.current_a == other.current_a and one.phases in (None, other.phases)
        return False

    def _obeyed(self, setpoint: S, reading: ChargerReading | BatteryReading | None) -> bool:
        """Tell whether the device's own reading shows what is ordered."""
        if isinstance(setpoint, BatterySetpoint):
            if not isinstance(reading, BatteryReading) or reading.mode is None:
                return self._same(setpoint, self._written)
            return reading.mode is setpoint.mode and (
                setpoint.power_kw == 0 or self._same(setpoint, self._written)
            )
        if not isinstance(reading, ChargerReading) or reading.limit_a is None:
            return self._same(setpoint, self._written) and self._written_at is not None
        if reading.released:
            return False
        if abs(reading.limit_a - setpoint.current_a) > CURRENT_TOLERANCE_A:
            return False
        return (
            setpoint.current_a == 0
            or setpoint.phases is None
            or reading.phases is None
            or reading.phases == setpoint.phases
        )


def _number(entity_id: str, value: float) -> tuple[str, str, dict[str, Any]]:
    return "number", "set_value", {ATTR_ENTITY_ID: entity_id, "value": value}


def _select(entity_id: str, option: str) -> tuple[str, str, dict[str, Any]]:
    return "select", "select_option", {ATTR_ENTITY_ID: entity_id, "option": option}


def _facts(setpoint: ChargerSetpoint | BatterySetpoint) -> dict[str, Any]:
    facts: dict[str, Any] = {"reason": setpoint.reason.value}
    if isinstance(setpoint, ChargerSetpoint):
        facts |= {"current_a": setpoint.current_a, "phases": setpoint.phases}
        if setpoint.limit:
            facts["limit"] = setpoint.limit
    else:
        facts |= {"mode": setpoint.mode.value, "power_kw": round(setpoint.power_kw, 2)}
    return facts
