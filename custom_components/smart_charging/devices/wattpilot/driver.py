"""The driver of the Wattpilot: readings as they come, orders one after the other."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

from ..base import CannotConnect, Data, DriverContext, Identity, Publish, Rejected
from . import orders
from .link import Link, Timing, load_definitions, open_link
from .properties import LOWEST_A, PART, Properties, Reader, max_current_a, part_info, whole

OBEY_S = 5.0
"""The charger's logic runs once a second; an order that it still contradicts after this time is
written again, although the charger acknowledged it."""


def _address(host: str) -> str:
    """Return host or host:port from what a person typed or pasted."""
    return host.strip().rpartition("://")[2].rstrip("/")


class WattpilotDriver:
    """One Wattpilot."""

    def __init__(self, data: Data, context: DriverContext, *, timing: Timing | None = None) -> None:
        """Take the form values `host` (may hold a port) and `password`."""
        self._host = _address(str(data["host"]))
        self._password = str(data["password"])
        self._context = context
        self._timing = timing or Timing()
        self._link: Link | None = None
        self._reader = Reader()
        self._writing = asyncio.Lock()
        self._ordered_a: int | None = None
        self._ordered_s = 0.0
        self.saved: dict[str, orders.Value] = {}
        """Values from before our first order; empty while the charger is not ours."""

    def dump_state(self) -> dict[str, Any]:
        """Return what a release needs, ready for JSON."""
        return {"saved": dict(self.saved)} if self.saved else {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over `dump_state` of an earlier life."""
        saved = state.get("saved")
        if isinstance(saved, Mapping):
            self.saved = {
                key: saved[key] for key in orders.REMEMBERED if isinstance(saved.get(key), int)
            }

    async def identify(self) -> Identity:
        """Connect, read serial, model and limits, and disconnect.

        Raises CannotConnect, InvalidAuth or WrongDevice.
        """
        async with self._open() as link:
            client, props = link.client, link.properties
            model = "Wattpilot Flex" if client.device_type.endswith("flex") else "Wattpilot"
            variant = whole(props, "var")
            name = props.get("fna")
            return Identity(
                serial=client.serial,
                name=name if isinstance(name, str) and name else client.name or model,
                manufacturer="Fronius",
                model=f"{model} {variant} kW" if variant else model,
                firmware=client.firmware or client.version,
                parts=(part_info(props),),
            )

    async def run(self, publish: Publish) -> NoReturn:
        """Publish readings until cancelled.

        Raises InvalidAuth, WrongDevice, or CannotConnect when the charger closes the link or is
        silent for `Timing.silence_s`.
        """
        async with self._open() as link:
            await self._context.run_blocking(load_definitions)
            # A new link brings the charger's own word on everything; nothing is doubtful yet.
            self._link, self._ordered_a = link, None
            try:
                await self._follow(link, publish)
            finally:
                self._link = None

    def _open(self) -> AbstractAsyncContextManager[Link]:
        return open_link(self._host, self._password, self._context.clock, self._timing)

    async def _follow(self, link: Link, publish: Publish) -> NoReturn:
        """Publish what changed, at most every `shortest_s` and at least every `longest_s`."""
        timing, loop = self._timing, asyncio.get_running_loop()
        clock = self._context.clock
        published: tuple[float, float] | None = None
        while True:
            link.check()
            # A moved clock counts like waiting: in lock step each tick shall give its reading.
            now = (clock.monotonic(), loop.time())
            gap_s = max(a - b for a, b in zip(now, published, strict=True)) if published else None
            if (
                gap_s is None
                or gap_s >= timing.longest_s
                or (link.changed.is_set() and gap_s >= timing.shortest_s)
            ):
                link.changed.clear()
                published, gap_s = now, 0.0
                publish(
                    PART,
                    self._reader.read(
                        link.properties,
                        at=link.heard_at,
                        monotonic=link.heard_s,
                        in_control=bool(self.saved),
                    ),
                )
            if link.changed.is_set():
                await asyncio.sleep(timing.shortest_s - gap_s)
                continue
            try:
                async with asyncio.timeout(min(timing.tick_s, timing.longest_s - gap_s)):
                    await link.changed.wait()
            except TimeoutError:
                continue

    async def set_charging(self, part: str, current_a: float, phases: int | None) -> None:
        """Allow `current_a` (rounded down to whole A; 0 pauses) on `phases`.

        Raises Rejected for an order that the charger refuses or cannot follow, CannotConnect when
        `run` has no link or the charger does not answer.
        """
        self._check_part(part)
        # A small tolerance keeps 15.9999 of a computation at 16.
        amps = int(current_a + 1e-3)
        if 0 < amps < LOWEST_A:
            raise Rejected(f"{amps} A is below the {LOWEST_A} A that a car can follow")
        if phases not in (None, 1, 3):
            raise Rejected(f"{phases} phases")
        async with self._writing:
            link = self._running()
            props = link.properties
            amps = min(amps, max_current_a(props))
            if not self.saved:
                self.saved = orders.remembered(props)
            writes = orders.charging(props, amps, phases)
            if not self._disobeys(props, amps):
                writes = orders.needed(props, writes)
            await self._write(link, writes)
            if writes or self._ordered_a != amps:
                self._ordered_a, self._ordered_s = amps, self._context.clock.monotonic()

    async def release(self, part: str) -> None:
        """Put back what was set before our first order. Raises as `set_charging`."""
        self._check_part(part)
        async with self._writing:
            if not self.saved:
                return
            link = self._running()
            props = link.properties
            await self._write(link, orders.needed(props, orders.release(props, self.saved)))
            self.saved, self._ordered_a = {}, None
            link.changed.set()

    def _check_part(self, part: str) -> None:
        if part != PART:
            raise Rejected(f"no part {part}")

    def _running(self) -> Link:
        if self._link is None:
            raise CannotConnect("not connected")
        self._link.check()
        return self._link

    def _disobeys(self, props: Properties, amps: int) -> bool:
        """Return whether the same order was acknowledged a while ago and has no effect."""
        waited_s = self._context.clock.monotonic() - self._ordered_s
        return amps == self._ordered_a and waited_s >= OBEY_S and orders.disobeyed(props, amps)

    async def _write(self, link: Link, writes: list[orders.Write]) -> None:
        for key, value in writes:
            await link.write(key, value)
