"""Runs one device in its own task: connects, listens, reconnects with back-off, commands."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
import logging
from statistics import median
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.requirements import RequirementsNotFound, async_process_requirements

from .config import DeviceConfig
from .const import DOMAIN
from .core.control import stale_after_s
from .core.reading import AnyReading, BatteryMode
from .devices.base import (
    BatteryDriver,
    CannotConnect,
    ChargerDriver,
    DeviceError,
    Driver,
    DriverContext,
    HasFailsafe,
    InvalidAuth,
    KeepsState,
    Make,
    RateLimited,
    Rejected,
    Releasable,
)
from .tasks import Seen, end, is_ending

_LOGGER = logging.getLogger(__name__)

BACKOFF_FIRST_S = 1.0
BACKOFF_LAST_S = 60.0
"""Longest time from one attempt to the next: a device that comes back is found within a minute."""

SLOW_BACKOFF_LAST_S = 900.0
"""The same of a cloud service, whose calls are counted and whose news are a quarter old anyway."""

HELD_S = 10.0
"""A link that delivered readings for so long was a good one: its loss is met without a pause."""

COMMAND_TIMEOUT_S = 10.0

INTERVALS = 9
"""Readings behind the observed interval: its median, so that an outage does not make the device
look slower, and a device that really slows down is believed after five readings."""

INTERVALS_MIN = 3
"""With fewer the interval that the make promises counts."""


class RequirementsMissing(DeviceError):
    """The library that the driver needs could not be installed."""

    key = "requirements_missing"


async def build_driver(
    hass: HomeAssistant, make: Make, connection: dict[str, Any], context: DriverContext
) -> Driver:
    """Install what the make needs, import it off the event loop and build its driver.

    Raises RequirementsMissing.
    """
    if make.requirements and not hass.config.skip_pip:
        try:
            await async_process_requirements(hass, DOMAIN, list(make.requirements))
        except RequirementsNotFound as err:
            raise RequirementsMissing(", ".join(err.requirements)) from err
    try:
        factory = await hass.async_add_import_executor_job(make.load)
    except ImportError as err:
        raise RequirementsMissing(str(err)) from err
    return factory(connection, context)


class DeviceRunner:
    """One device: its task, its latest readings, its faults, its commands."""

    def __init__(
        self,
        hass: HomeAssistant,
        config: DeviceConfig,
        make: Make,
        context: DriverContext,
        *,
        on_reading: Callable[["DeviceRunner", str, AnyReading], None],
        on_error: Callable[["DeviceRunner"], None],
        kept: dict[str, Any] | None,
    ) -> None:
        """Take the device's configuration and the callbacks of the site; nothing runs yet."""
        self.config = config
        self.make = make
        self.readings: dict[str, AnyReading] = {}
        self.error: DeviceError | None = None
        """Why the device cannot be reached now; `None` while its link stands."""
        self.order_refused: InvalidAuth | None = None
        """An order that the credentials did not do for, while readings go on; `None` once one was
        taken, or the device is tried anew."""
        self.lock = asyncio.Lock()
        self._hass = hass
        self._context = context
        self._on_reading = on_reading
        self._on_error = on_error
        self._kept = kept
        self._driver: Driver | None = None
        self._task: asyncio.Task[None] | None = None
        self._intervals_s: dict[str, deque[float]] = {}
        self._seen = Seen()
        self._held_from_s: float | None = None
        self._held_s = 0.0
        self._lost_at: datetime | None = None
        """Since when there was an error and no reading."""
        self.started_at: datetime = context.clock.now()

    @property
    def running(self) -> bool:
        """Whether the device is tried, and not paused or stopped."""
        return self._task is not None

    @property
    def kept(self) -> dict[str, Any] | None:
        """What the driver must undo after a restart."""
        driver = self._driver
        return driver.dump_state() if isinstance(driver, KeepsState) else self._kept

    def start(self) -> None:
        """Start the device's task; what was wrong before must show anew."""
        self.started_at = self._context.clock.now()
        self.order_refused = None
        self.error, self._lost_at = None, None
        self._task = self._hass.async_create_background_task(
            self._run(), f"{DOMAIN} {self.config.name}"
        )

    async def stop(self) -> None:
        """End the device's task and wait until everything it opened is closed."""
        task, self._task = self._task, None
        if task is not None:
            await end(task, self.config.name)

    def interval_s(self, part: str) -> float:
        """Return the time between readings of `part`: as observed, or as the make promises."""
        observed = self._intervals_s.get(part, ())
        if len(observed) >= INTERVALS_MIN:
            return median(observed)
        config = self.config.part(part)
        if config is None:
            return self.make.expected_interval_s
        return self.make.interval_s(config.kind)

    def stale_after_s(self, part: str) -> float:
        """Return the age in seconds from which a reading of `part` no longer counts."""
        return stale_after_s(self.interval_s(part))

    def fresh(self, part: str, now: datetime) -> AnyReading | None:
        """Return the latest reading of `part` unless it is stale.

        A link that is lost takes the parts along that are read less often than the others.
        """
        reading = self.readings.get(part)
        if reading is None or (now - reading.at).total_seconds() > self.stale_after_s(part):
            return None
        if self._lost_at is not None:
            patience_s = min(self.stale_after_s(each) for each in self.readings)
            if (now - self._lost_at).total_seconds() > patience_s:
                return None
        return reading

    async def set_charging(self, part: str, current_a: float, phases: int | None) -> None:
        """Order a charger's current (0 pauses) and phases. Raises DeviceError."""
        driver = self._connected()
        if not isinstance(driver, ChargerDriver):
            raise Rejected("this device takes no orders")
        await self._command(driver.set_charging(part, current_a, phases))

    async def release(self, part: str) -> None:
        """Give a part back to its own control. Raises DeviceError."""
        driver = self._connected()
        if not isinstance(driver, Releasable):
            raise Rejected("this device takes no orders")
        await self._command(driver.release(part))

    @property
    def releasable(self) -> bool:
        """Whether the device knows its way back to its own control."""
        return isinstance(self._driver, Releasable)

    @property
    def has_failsafe(self) -> bool:
        """Whether the device has a current of its own to fall back to."""
        return isinstance(self._driver, HasFailsafe)

    async def set_failsafe(self, part: str, current_a: float) -> None:
        """Set what a charger falls back to when nobody speaks to it. Raises DeviceError."""
        driver = self._connected()
        if not isinstance(driver, HasFailsafe):
            raise Rejected("this device has no failsafe")
        await self._command(driver.set_failsafe(part, current_a))

    async def set_battery(self, part: str, mode: BatteryMode, power_kw: float) -> None:
        """Order a battery's mode. Raises DeviceError."""
        driver = self._connected()
        if not isinstance(driver, BatteryDriver):
            raise Rejected("this device takes no orders")
        await self._command(driver.set_battery(part, mode, power_kw))

    def _connected(self) -> Driver:
        if self._driver is None or self.error is not None:
            raise self.error or CannotConnect("not connected yet")
        return self._driver

    async def _command(self, order: Any) -> None:
        async with self.lock:
            try:
                async with asyncio.timeout(COMMAND_TIMEOUT_S):
                    await order
            except TimeoutError as err:
                raise CannotConnect(f"no answer within {COMMAND_TIMEOUT_S:.0f} s") from err
            except InvalidAuth as err:
                # Some devices let everybody read: nothing else would ask for a new password.
                self.order_refused = err
                self._on_error(self)
                raise
            self.order_refused = None

    async def _run(self) -> None:
        clock = self._context.clock
        pause_s = BACKOFF_FIRST_S
        while True:
            began_s = clock.monotonic()
            asked_s = BACKOFF_FIRST_S
            self._held_from_s, self._held_s = None, 0.0
            try:
                await self._run_once()
                self._failed(CannotConnect("the link ended"))
            except DeviceError as err:
                self._failed(err)
                if isinstance(err, RateLimited) and err.retry_after_s:
                    asked_s = max(asked_s, err.retry_after_s)
            except asyncio.CancelledError as err:
                if is_ending():
                    raise
                # A library that cancels itself ends its link, not the device.
                self._failed(CannotConnect(str(err) or "the link was given up"))
            except Exception as err:
                if is_ending():
                    _LOGGER.debug("%s: closing failed", self.config.name, exc_info=True)
                    return
                if self._seen.first(err):
                    _LOGGER.exception("Unexpected error in the driver of %s", self.config.name)
                self._failed(CannotConnect(str(err) or type(err).__name__))
            if self._held_s >= HELD_S:
                pause_s = BACKOFF_FIRST_S
            # An attempt that waited in vain for an answer has been a pause already.
            await asyncio.sleep(max(asked_s, pause_s - (clock.monotonic() - began_s)))
            pause_s = min(pause_s * 2, SLOW_BACKOFF_LAST_S if self.make.slow else BACKOFF_LAST_S)

    async def _run_once(self) -> None:
        if self._driver is None:
            self._driver = await build_driver(
                self._hass,
                self.make,
                # The serial tells a driver when another device answers at the address.
                {**self.config.connection, "serial": self.config.identity["serial"]},
                self._context,
            )
            if self._kept and isinstance(self._driver, KeepsState):
                self._driver.load_state(self._kept)
        await self._driver.run(self._publish)

    def _failed(self, err: DeviceError) -> None:
        self.error = err
        self._lost_at = self._lost_at or self._context.clock.now()
        _LOGGER.debug("%s: %s: %s", self.config.name, err.key, err)
        self._on_error(self)

    @property
    def needs_credentials(self) -> bool:
        """Whether the device refuses the credentials that it was given, if only for orders."""
        return isinstance(self.error, InvalidAuth) or self.order_refused is not None

    def _publish(self, part: str, reading: AnyReading) -> None:
        before = self.readings.get(part)
        if before is not None and reading.at > before.at:
            interval = (reading.at - before.at).total_seconds()
            self._intervals_s.setdefault(part, deque(maxlen=INTERVALS)).append(interval)
        self.readings[part] = reading
        now_s = self._context.clock.monotonic()
        if self._held_from_s is None:
            self._held_from_s = now_s
        self._held_s = now_s - self._held_from_s
        recovered, self.error, self._lost_at = self.error is not None, None, None
        try:
            if recovered:
                self._on_error(self)
            self._on_reading(self, part, reading)
        except Exception as err:
            # A defect in what follows a reading must not cost the device its link.
            if self._seen.first(err):
                _LOGGER.exception("Unexpected error after a reading of %s", self.config.name)
