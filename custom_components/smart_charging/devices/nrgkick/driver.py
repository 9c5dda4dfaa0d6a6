"""The driver of both generations: finds out which one answers, polls it, commands it."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import floor
from typing import Any, NoReturn

from ..base import CannotConnect, Data, DriverContext, Identity, Publish, Rejected, WrongDevice
from ..charging import LOWEST_A
from .gen1 import Gen1, choose
from .gen2 import Gen2, is_info
from .values import PART, Box, Setting
from .web import ApiOff, Web

ATTEMPTS = 2
"""One lost answer or one HTTP 503 is common over Wi-Fi and mends itself."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How often a device is asked and how long it may take."""

    gen2_poll_s: float = 2.0
    gen1_poll_s: float = 10.0
    """Its gateway takes 1 to 3 s for each of two calls."""
    gen2_answer_s: float = 3.0
    """As long as the vendor's own page waits."""
    gen1_answer_s: float = 5.0
    retry_s: float = 1.0


class NrgkickDriver:
    """One charger."""

    def __init__(self, data: Data, context: DriverContext, *, timing: Timing | None = None) -> None:
        """Take `host`, `username`, `password`, `wallbox` and, where it is known, `serial`."""
        self._timing = timing or Timing()
        self._clock = context.clock
        self._password = str(data.get("password") or "")
        self._serial = str(data.get("serial") or "")
        self._wallbox = str(data.get("wallbox") or "").strip()
        self._web = Web(
            context.session,
            str(data["host"]),
            username=str(data.get("username") or "").strip(),
            password=self._password,
            timeout_s=self._timing.gen1_answer_s,
        )
        self._box: Box | None = None
        self._writing = asyncio.Lock()
        self._look = asyncio.Event()
        """An order went out: what holds now is asked for at once."""
        self.saved: Setting | None = None
        """From before our first order; `None` while the charger is not ours."""

    def dump_state(self) -> dict[str, Any]:
        """Return what a release needs, ready for JSON."""
        return {"saved": asdict(self.saved)} if self.saved is not None else {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over `dump_state` of an earlier life."""
        saved = state.get("saved")
        if not isinstance(saved, Mapping):
            return
        current, paused, phases = (saved.get(key) for key in ("current_a", "paused", "phases"))
        self.saved = Setting(
            current_a=float(current) if isinstance(current, int | float) else None,
            paused=paused if isinstance(paused, bool) else None,
            phases=phases if phases in (1, 2, 3) else None,
        )

    async def identify(self) -> Identity:
        """Find out who answers.

        Raises CannotConnect (ApiOff, NoBluetooth), InvalidAuth or WrongDevice (WallboxUnknown).
        """
        return await (await self._find()).identify()

    async def run(self, publish: Publish) -> NoReturn:
        """Publish a reading at each poll and after each order. Raises as `identify`."""
        box = await self._find()
        identity = await box.identify()
        if self._serial and identity.serial.lower() != self._serial.lower():
            raise WrongDevice(f"serial number {identity.serial} instead of {self._serial}")
        self._box = box
        try:
            await self._follow(box, publish)
        finally:
            self._box = None

    async def _find(self) -> Box:
        """Ask which generation answers."""
        timing, self._web.timeout_s = self._timing, self._timing.gen1_answer_s
        info = await self._web.ask("/info")
        if info.api_off:
            raise ApiOff
        if is_info(info.body):
            self._web.timeout_s = timing.gen2_answer_s
            return Gen2(self._web, self._clock, timing.gen2_poll_s)
        devices = await self._web.ask("/api/devices")
        if isinstance(devices.body, list) and all(isinstance(mac, str) for mac in devices.body):
            mac = choose(devices.body, self._serial or self._wallbox)
            return Gen1(
                self._web, self._clock, timing.gen1_poll_s, mac=mac, password=self._password
            )
        # A charger that was there before is in trouble rather than another one.
        if self._serial or info.status >= 500:
            raise CannotConnect(info.words)
        raise WrongDevice(info.words)

    async def _follow(self, box: Box, publish: Publish) -> NoReturn:
        failures = 0
        while True:
            self._look.clear()
            try:
                reading = await box.read(released=self.saved is None)
            except CannotConnect:
                failures += 1
                if failures >= ATTEMPTS:
                    raise
                await asyncio.sleep(self._timing.retry_s)
                continue
            failures = 0
            publish(PART, reading)
            try:
                async with asyncio.timeout(box.poll_s):
                    await self._look.wait()
            except TimeoutError:
                continue

    async def set_charging(self, part: str, current_a: float, phases: int | None) -> None:
        """Allow `current_a` (rounded down to the device's steps; 0 pauses) on `phases`.

        Raises Rejected for an order that the charger refuses or cannot follow, InvalidAuth where
        it refuses the password, CannotConnect when `run` has no link or nothing answers.
        """
        box = self._running(part)
        # A small tolerance keeps 15.9999 of a computation at 16.
        amps = round(floor(current_a / box.step_a + 1e-3) * box.step_a, 1)
        if 0 < amps < LOWEST_A:
            raise Rejected(f"{amps:g} A is below the {LOWEST_A:g} A that a car can follow")
        if phases not in (None, 1, 3):
            raise Rejected(f"{phases} phases")
        wanted = Setting(paused=True)
        if amps > 0:
            wanted = Setting(
                current_a=min(amps, box.max_a),
                paused=False,
                phases=phases if box.can_switch_phases else None,
            )
        async with self._writing:
            present = box.setting or await box.refresh()
            needed = wanted.beyond(present)
            if self.saved is None:
                self.saved = replace(present, phases=None)
            if needed.phases is not None and self.saved.phases is None:
                # Put back only if we changed it: a charger without phase switching refuses it.
                self.saved = replace(self.saved, phases=present.phases)
            await self._write(box, needed)

    async def release(self, part: str) -> None:
        """Put back what was set before our first order. Raises as `set_charging`."""
        if part == PART and self.saved is None:
            return
        box = self._running(part)
        async with self._writing:
            if self.saved is not None:
                present = box.setting or await box.refresh()
                await self._write(box, self.saved.beyond(present))
                self.saved = None
                self._look.set()

    async def _write(self, box: Box, wanted: Setting) -> None:
        if wanted == Setting():
            return
        try:
            await box.write(wanted)
        finally:
            self._look.set()

    def _running(self, part: str) -> Box:
        if part != PART:
            raise Rejected(f"no part {part}")
        if self._box is None:
            raise CannotConnect("not connected")
        return self._box
