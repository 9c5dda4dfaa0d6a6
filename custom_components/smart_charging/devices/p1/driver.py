"""The driver of a P1 port."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
import re
from typing import Any

from ...core.reading import MeterReading, PartKind
from ..base import (
    CannotConnect,
    Data,
    DriverContext,
    Identity,
    InvalidAuth,
    PartInfo,
    Publish,
    WrongDevice,
)
from .frames import EncryptedFrames, Frames, PlainFrames
from .link import Link, open_link
from .telegram import Equipment, describe, parse_telegram, parser_for
from .versions import VERSIONS

PART = "meter"

_MAKERS = {
    "FLU": "Fluvius",
    "ISK": "Iskraemeco",
    "KFM": "Kaifa",
    "LGZ": "Landis+Gyr",
    "SAG": "Sagemcom",
}
"""Names behind the first three letters of a telegram (FLAG ids)."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long the driver waits, in real seconds whatever the site's clock does."""

    connect_s: float = 10.0
    identify_s: float = 12.0
    """Old meters send every ten seconds."""
    wrong_s: float = 15.0
    """Bytes without any good telegram for this long: it is not this kind of meter."""
    silent_s: float = 30.0
    """A half-open TCP link tells nobody; three telegrams of the slowest meters are missing."""
    frozen_s: float = 60.0
    """A meter's clock that stands still for so long: an adapter repeats an old telegram."""


class P1Driver:
    """Reads the telegrams that a smart meter sends by itself."""

    def __init__(
        self, data: Data, context: DriverContext, patience: Patience | None = None
    ) -> None:
        """Take `url`, `version` and, for encrypted versions, `encryption_key` (32 hex digits)."""
        self._address = str(data["url"])
        self._version_key = str(data.get("version") or "5B")
        self._version = VERSIONS[self._version_key]
        self._key = re.sub(r"\s", "", str(data.get("encryption_key") or ""))
        self._context = context
        self._patience = patience or Patience()
        self._stamp: tuple[datetime | None, float] = (None, 0.0)
        """The meter's own time and when it last changed, in seconds of the event loop."""
        self._repeating = False

    async def identify(self) -> Identity:
        """Wait for one good telegram and return who sent it.

        Raises InUse and CannotConnect where the port does not open or nothing comes,
        WrongDevice where something else comes, InvalidAuth where the key does not fit.
        """
        found: list[Equipment] = []

        def keep(text: str, reading: MeterReading) -> None:
            if not found:
                found.append(describe(text, reading))

        async with await self._open(keep) as link:
            ends: set[asyncio.Future[Any]] = {link.lost, link.good}
            await asyncio.wait(
                ends, timeout=self._patience.identify_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not found:
                self._explain(link, self._patience.identify_s)
        equipment = found[0]
        return Identity(
            serial=equipment.serial,
            name="P1 meter",
            manufacturer=_MAKERS.get(equipment.model[:3].upper()),
            model=equipment.model,
            firmware=equipment.version,
            parts=(
                PartInfo(
                    key=PART,
                    kind=PartKind.METER,
                    phases=(equipment.phases,) if equipment.phases else (),
                    features=equipment.features,
                ),
            ),
        )

    async def run(self, publish: Publish) -> None:
        """Publish a reading for each good telegram until cancelled.

        Raises CannotConnect when the link breaks or falls silent, else as `identify`.
        """
        async with await self._open(lambda _, reading: publish(PART, reading)) as link:
            while True:
                await self._watch(link)

    async def _open(
        self, take: Callable[[str, MeterReading], None]
    ) -> AbstractAsyncContextManager[Link]:
        def on_telegram(text: str) -> bool:
            reading = parse_telegram(text, self._version_key, self._context.clock.now())
            if reading is None or self._repeats(reading):
                return False
            take(text, reading)
            return True

        frames, self._repeating = self._frames(), False
        await self._context.run_blocking(parser_for, self._version_key)
        link = Link(frames, on_telegram)
        return open_link(self._address, self._version, link, self._patience.connect_s)

    def _repeats(self, reading: MeterReading) -> bool:
        """Return whether the meter's clock stands still: what it says is not of now."""
        now_s = asyncio.get_running_loop().time()
        if reading.device_time is None or reading.device_time != self._stamp[0]:
            self._stamp = (reading.device_time, now_s)
        self._repeating = now_s - self._stamp[1] >= self._patience.frozen_s
        return self._repeating

    def _frames(self) -> Frames:
        if not self._version.encrypted:
            return PlainFrames()
        if not re.fullmatch(r"[0-9A-Fa-f]{32}", self._key):
            raise InvalidAuth("the key must have 32 hexadecimal digits")
        return EncryptedFrames(bytes.fromhex(self._key))

    async def _watch(self, link: Link) -> None:
        """Return before the link's patience is used up; raise when it is, or when it is lost."""
        patience, now_s = self._patience, asyncio.get_running_loop().time()
        if link.last_good_s is not None:
            since_s, wait_s = link.last_good_s, patience.silent_s
        elif link.first_byte_s is not None:
            since_s, wait_s = link.first_byte_s, patience.wrong_s
        else:
            since_s, wait_s = link.opened_s, patience.silent_s
        if link.lost.done() or now_s - since_s >= wait_s:
            self._explain(link, wait_s)
        # Looks again early: a first byte in the meantime shortens the wait.
        left_s = min(since_s + wait_s - now_s, patience.wrong_s / 5)
        await asyncio.wait({link.lost}, timeout=left_s)

    def _explain(self, link: Link, waited_s: float) -> None:
        """Raise the error that fits what came in."""
        if link.lost.done():
            cause = link.lost.result()
            raise CannotConnect(str(cause) if cause else "the other side closed the link")
        if link.first_byte_s is None:
            raise CannotConnect(f"nothing came in for {waited_s:.0f} s")
        if self._repeating:
            raise CannotConnect("the meter's clock stands still: an old telegram is repeated")
        if link.last_good_s is not None:
            raise CannotConnect(f"no readable telegram for {waited_s:.0f} s")
        if link.bad and self._version.encrypted:
            raise InvalidAuth("the key does not decrypt the telegrams")
        if link.bad:
            raise WrongDevice(f"{link.bad} telegrams came in, none with a right checksum")
        raise WrongDevice("data came in, but no telegram")
