"""The driver of an eGauge: finds out how the meter is read, and polls it."""

import asyncio
from datetime import datetime
from typing import Final, NoReturn

from ..base import (
    CannotConnect,
    Data,
    DriverContext,
    Identity,
    InvalidAuth,
    Publish,
    WrongDevice,
)
from .api import About, Api, LoginNeeded, NotOffered, RegisterGone, SerialUnknown
from .assignment import channels, proposal
from .json_api import JsonApi
from .readings import METER, PV, Meanings
from .registers import Snapshot
from .web import Web
from .xml_api import XmlApi

ATTEMPTS: Final = 2
"""A single late answer is common and mends itself."""

COUNTERS_S: Final = 60.0
"""Between two looks at the counters, for which the meter opens its database."""

FROZEN_S: Final = 15.0
"""A meter measures each second. One whose own clock stands still for so long measures nothing."""


class EgaugeDriver:
    """One meter."""

    poll_interval_s = 2.0

    def __init__(self, data: Data, context: DriverContext) -> None:
        """Take `host`, `username`, `password`, `serial` and the registers by their meaning."""
        self._clock = context.clock
        self._serial = str(data.get("serial") or "").strip()
        self._username = str(data.get("username") or "").strip()
        self._password = str(data.get("password") or "")
        self._meanings = Meanings(data)
        # Meters bring a certificate of their own making.
        session = context.unverified_session or context.session
        self._web = Web(session, str(data["host"]))
        self._counted: Snapshot | None = None
        self._seen: tuple[datetime | None, float] = (None, 0.0)
        """The meter's own time and when it last changed, over lost links."""

    async def identify(self) -> Identity:
        """Ask who it is and what it measures. Its parts are those of the registers chosen so far.

        Raises CannotConnect, InvalidAuth or WrongDevice (LoginNeeded, SerialUnknown,
        RegisterGone).
        """
        api, snapshot = await self._find()
        about = await api.about()
        if not (serial := about.serial or self._serial):
            raise SerialUnknown("its serial number stands on its label")
        if snapshot.mute:
            await asyncio.sleep(self.poll_interval_s)
            snapshot = await api.snapshot(counters=False)
        if gone := self._meanings.missing(snapshot):
            raise RegisterGone(", ".join(gone))
        return Identity(
            serial=serial,
            name=_name(about, serial),
            manufacturer="eGauge Systems",
            model=about.model or "eGauge",
            firmware=about.firmware,
            parts=self._meanings.parts(),
            channels=channels(snapshot),
            proposal=proposal(snapshot),
        )

    async def run(self, publish: Publish) -> NoReturn:
        """Publish grid and panels. Raises as `identify`."""
        api, snapshot = await self._find()
        await self._check(api)
        failures, counted_s = 0, self._clock.monotonic()
        if snapshot.mute:
            # Rates that follow from counters come with the next answer.
            self._seen = (snapshot.at, counted_s)
        else:
            self._look(snapshot, publish)
        while True:
            await asyncio.sleep(self.poll_interval_s)
            now_s = self._clock.monotonic()
            counters = self._meanings.counts() and now_s - counted_s >= COUNTERS_S
            try:
                snapshot = await api.snapshot(counters=counters)
            except (CannotConnect, WrongDevice):
                failures += 1
                if failures >= ATTEMPTS:
                    raise
                continue
            failures, counted_s = 0, now_s if counters else counted_s
            self._look(snapshot, publish)

    async def _find(self) -> tuple[Api, Snapshot]:
        """Return the interface that answers, and its first answer."""
        if bool(self._username) != bool(self._password):
            raise InvalidAuth("it needs both user name and password, or neither")
        if not self._username:
            return await self._by_xml()
        api = JsonApi(self._web, self._username, self._password)
        try:
            return api, await api.snapshot(counters=self._meanings.counts())
        except NotOffered:
            # Older software. It has its own way to ask for a password, which is not spoken here.
            try:
                return await self._by_xml()
            except LoginNeeded:
                raise WrongDevice("no JSON interface, and the XML interface is closed") from None

    async def _by_xml(self) -> tuple[Api, Snapshot]:
        api = XmlApi(self._web)
        return api, await api.snapshot(counters=True)

    async def _check(self, api: Api) -> None:
        """See that it is the meter that we know, where it tells. Raises WrongDevice."""
        found = await api.serial()
        if found and self._serial and found.lower() != self._serial.lower():
            raise WrongDevice(f"serial number {found} instead of {self._serial}")

    def _look(self, snapshot: Snapshot, publish: Publish) -> None:
        """Publish what is new. Raises CannotConnect where the meter repeats itself."""
        now_s = self._clock.monotonic()
        if snapshot.at is None or snapshot.at != self._seen[0]:
            self._seen = (snapshot.at, now_s)
            self._tell(snapshot, publish)
        elif now_s - self._seen[1] >= FROZEN_S:
            raise CannotConnect(f"its figures stand still since {FROZEN_S:.0f} s")

    def _tell(self, snapshot: Snapshot, publish: Publish) -> None:
        """Publish the parts whose registers are there. Raises RegisterGone if there are none."""
        at = self._clock.now()
        self._counted = snapshot if snapshot.counted else self._counted
        told = False
        if (meter := self._meanings.meter(snapshot, self._counted, at)) is not None:
            publish(METER, meter)
            told = True
        if (pv := self._meanings.pv(snapshot, self._counted, at)) is not None:
            publish(PV, pv)
            told = True
        if not told:
            raise RegisterGone(", ".join(self._meanings.missing(snapshot)))


def _name(about: About, serial: str) -> str:
    """Return what its owner called it, else its make and number."""
    if (hostname := about.hostname) is None:
        return f"eGauge {serial}"
    return hostname if "egauge" in hostname.lower() else f"eGauge {hostname}"
