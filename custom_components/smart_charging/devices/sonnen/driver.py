"""The driver of the sonnenBatterie: polls one page, and commands the battery."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
import logging
from typing import Any, Final, NoReturn

from ...core.reading import BatteryMode, PartKind
from ..base import (
    CannotConnect,
    Data,
    DriverContext,
    Identity,
    PartInfo,
    Publish,
    Rejected,
    WrongDevice,
)
from .api import REMOTE_URL, Api, Status, Version1, Version2
from .control import Control
from .values import Alarm, battery_reading, meter_reading, pv_reading

_LOGGER = logging.getLogger(__name__)

BATTERY: Final = "battery"

ATTEMPTS: Final = 2
"""A single late answer is common and mends itself."""

COUNTERS_S: Final = 60.0
"""Between two looks at the counters, which also prove that the token is still good."""

FROZEN_S: Final = 120.0
"""A battery whose own clock stands still for so long repeats old figures."""

KNOWN: Final = ("USOC", "Pac_total_W", "OperatingMode")
"""What every status page of this make has."""


class SonnenDriver:
    """One battery with what its own meters see."""

    poll_interval_s = 5.0
    """The processor of the battery is weak; it shall not be asked more often."""
    remote_interval_s = 30.0
    """Through sonnen's service, which is not made for more."""

    def __init__(self, data: Data, context: DriverContext) -> None:
        """Take `host`, `serial`, `version`, `token`, and `remote_url` for another service."""
        self._serial = str(data["serial"]).strip()
        self._clock = context.clock
        host = str(data["host"]).strip().rpartition("://")[2].rstrip("/")
        token = str(data.get("token") or "").strip()
        self._api: Api = (
            Version1(
                context.session,
                host,
                serial=self._serial,
                token=token,
                remote_url=str(data.get("remote_url") or REMOTE_URL),
            )
            if data.get("version") == "v1"
            else Version2(context.session, host, token)
        )
        self._control = Control(self._api)
        self._publish: Publish | None = None
        self._one_at_a_time = asyncio.Lock()
        self._sun_kwh: float | None = None
        self._alarm: Alarm | None = None
        self._stamp: tuple[object, float] = (None, 0.0)
        """The battery's own time and when it last changed, over lost links."""
        self._warned = False

    async def identify(self) -> Identity:
        """Read status and figures. Raises CannotConnect, InvalidAuth or WrongDevice."""
        status = await self._api.status()
        if not status.keys() >= set(KNOWN):
            raise WrongDevice("it is no sonnenBatterie")
        about = await self._api.about()
        return Identity(
            serial=self._serial,
            name=f"sonnenBatterie {self._serial}",
            manufacturer="sonnen",
            model="sonnenBatterie",
            firmware=about.firmware,
            parts=(
                PartInfo(key="meter", kind=PartKind.METER),
                PartInfo(
                    key="pv",
                    kind=PartKind.PV,
                    features=("energy_kwh",) if about.counts_sun else (),
                ),
                PartInfo(
                    key=BATTERY,
                    kind=PartKind.BATTERY,
                    capacity_kwh=about.capacity_kwh,
                    max_charge_kw=about.max_kw,
                    max_discharge_kw=about.max_kw,
                    controllable=True,
                    features=("warning",),
                ),
            ),
        )

    async def run(self, publish: Publish) -> NoReturn:
        """Publish grid, sun and battery. Raises CannotConnect, InvalidAuth or WrongDevice."""
        self._publish = publish
        failures, counted_s = 0, None
        try:
            while True:
                try:
                    now_s = self._clock.monotonic()
                    if counted_s is None or now_s - counted_s >= COUNTERS_S:
                        await self._settle()
                        counted_s = now_s
                    async with self._one_at_a_time:
                        status = await self._api.status()
                        self._check(status)
                        self._tell(status)
                    failures = 0
                except (CannotConnect, WrongDevice):
                    failures += 1
                    if failures >= ATTEMPTS:
                        raise
                remote = self._api.remote
                await asyncio.sleep(self.remote_interval_s if remote else self.poll_interval_s)
        finally:
            self._publish = None

    async def set_battery(self, part: str, mode: BatteryMode, power_kw: float) -> None:
        """Command the battery. Raises Rejected, InvalidAuth or CannotConnect."""
        async with self._commanding(part):
            self._tell(await self._control.order(mode, power_kw))

    async def release(self, part: str) -> None:
        """Put back the mode that was before the first order. Raises as `set_battery`."""
        async with self._commanding(part):
            self._tell(await self._control.release())

    def dump_state(self) -> dict[str, Any]:
        """Return the mode that was before our first order."""
        return self._control.dump()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what an earlier life left: it is ended at the first contact."""
        self._control.load(state)

    async def _settle(self) -> None:
        """End what an earlier life left behind, and read what changes slowly."""
        async with self._one_at_a_time:
            if self._control.left_behind:
                try:
                    await self._control.release()
                except Rejected as err:
                    # Readings are worth having all the same; it is tried again.
                    level = logging.DEBUG if self._warned else logging.WARNING
                    _LOGGER.log(level, "A sonnenBatterie keeps its manual mode: %s", err)
                    self._warned = True
            try:
                self._sun_kwh = await self._api.sun_kwh()
                self._alarm = await self._api.alarm()
            except CannotConnect:
                # The next status tells whether the link is dead.
                self._sun_kwh = self._alarm = None

    @asynccontextmanager
    async def _commanding(self, part: str) -> AsyncIterator[None]:
        if part != BATTERY:
            raise Rejected(f"no orders to the part {part}")
        async with self._one_at_a_time:
            if self._publish is None:
                raise CannotConnect("not connected")
            try:
                yield
            except WrongDevice as err:
                raise CannotConnect(str(err)) from None

    def _check(self, status: Status) -> None:
        """Raise CannotConnect where the battery repeats itself, WrongDevice where it is none."""
        if not status.keys() & set(KNOWN):
            raise WrongDevice("it is no sonnenBatterie")
        stamp, now_s = status.get("Timestamp"), self._clock.monotonic()
        if stamp is None or stamp != self._stamp[0]:
            self._stamp = (stamp, now_s)
        elif now_s - self._stamp[1] >= FROZEN_S:
            raise CannotConnect(f"its figures stand still since {FROZEN_S:.0f} s")

    def _tell(self, status: Status) -> None:
        """Publish the parts that the status has, and no others."""
        if self._publish is None:
            return
        at = self._clock.now()
        readings = {
            "meter": meter_reading(status, at),
            "pv": pv_reading(status, self._sun_kwh, at),
            BATTERY: battery_reading(status, self._control.mode(status), at, self._alarm),
        }
        for part, reading in readings.items():
            if reading is not None:
                self._publish(part, reading)
