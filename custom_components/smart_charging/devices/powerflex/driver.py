"""The driver of PowerFlex: polls what stations measure, and commands the limit of their garage.

The service limits the power of a whole garage and no single station. So a station takes orders
only while it is alone in its garage; several are commanded together, as one charger.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
import logging
from typing import Any, Final, NoReturn

from yarl import URL

from ...core.reading import ChargerReading, PartKind, Remedy
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
from ..charging import LOWEST_A
from .limit import Limit
from .order import Amperes, Order
from .service import Service
from .stations import Stations
from .values import Sample, Scale, garages, newest

_LOGGER = logging.getLogger(__name__)

PART: Final = "charger"

ATTEMPTS: Final = 2
"""A single late answer is common and mends itself."""

LOOK_BACK: Final = timedelta(seconds=60)
"""Older samples say nothing of now. The service's clock may be as much ahead as behind."""

SEEN_WITHIN: Final = timedelta(minutes=2)
"""A station that has reported within this time exists. The service tells of all stations of all
garages every few seconds, and fails at long spans."""

SILENT_S: Final = 60.0
"""Without a new sample for so long the station, or the whole service, stands still."""


class StationUnknown(WrongDevice):
    """The account has no such station."""

    key = "station_unknown"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How often the service is asked."""

    poll_s: float = 10.0


class PowerFlexDriver:
    """One station, or one garage as one charger."""

    def __init__(self, data: Data, context: DriverContext, *, timing: Timing | None = None) -> None:
        """Take the form's `url`, `username`, `password`, `garage`, `station`, wiring and units."""
        self._timing = timing or Timing()
        self._clock = context.clock
        url = str(data["url"]).strip().rstrip("/")
        self._url = url if "://" in url else f"https://{url}"
        self._garage = str(data["garage"]).strip()
        self._station = str(data.get("station") or "").strip()
        self._scale = Scale.of(data)
        self._phases = int(data.get("phases") or 1)
        self._service = Service(
            context.session,
            self._url,
            username=str(data["username"]).strip(),
            password=str(data["password"]),
            garage=self._garage,
        )
        self._limit = Limit(self._service)
        self._stations = Stations(self._phases, float(data.get("voltage") or 230))
        self._amperes = Amperes(self._limit, self._stations)
        self._others: frozenset[str] = frozenset()
        """Stations that hang on the same limit and are not ours."""
        self._running = False
        self._writing = asyncio.Lock()
        self._look = asyncio.Event()
        """An order went out: what holds now is asked for at once."""

    def dump_state(self) -> dict[str, Any]:
        """Return the limit that was before our first order."""
        return self._limit.dump()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what an earlier life left."""
        self._limit.load(state)

    async def identify(self) -> Identity:
        """Log in and look for the station.

        Raises InvalidAuth, RateLimited, CannotConnect or WrongDevice (StationUnknown).
        """
        now = self._clock.now()
        answer = await self._service.measured(now - SEEN_WITHIN, now + LOOK_BACK)
        seen = newest(answer, self._garage, self._scale)
        if not seen or (self._station and self._station not in seen):
            if known := garages(answer):
                raise StationUnknown(", ".join(known))
            raise CannotConnect("no station has reported within 2 minutes")
        try:
            await self._limit.refresh()
        except Rejected:
            limited = False
        else:
            limited = not self._others_among(seen)
        place = f"{self._garage}/{self._station}" if self._station else self._garage
        return Identity(
            # Numbers of garages are short: those of two services would be the same.
            serial=f"{URL(self._url).host}/{place}",
            name=f"PowerFlex {place}",
            manufacturer="PowerFlex",
            model="Charging station" if self._station else f"Garage with {len(seen)} stations",
            parts=(
                PartInfo(
                    key=PART,
                    kind=PartKind.CHARGER,
                    phases=(self._phases,),
                    min_a=LOWEST_A,
                    controllable=limited,
                ),
            ),
        )

    async def run(self, publish: Publish) -> NoReturn:
        """Publish each new sample, and what holds after each order.

        Raises InvalidAuth, RateLimited, WrongDevice or CannotConnect.
        """
        self._running = True
        try:
            await self._follow(publish)
        finally:
            self._running = False

    async def _follow(self, publish: Publish) -> NoReturn:
        failures, heard_s, told = 0, self._clock.monotonic(), None
        while True:
            self._look.clear()
            try:
                await self._ask()
                failures = 0
            except (CannotConnect, WrongDevice):
                failures += 1
                if failures >= ATTEMPTS:
                    raise
            else:
                now_s, newest_at = self._clock.monotonic(), self._stations.at
                news = (newest_at, self._limit.present, self._limit.ours)
                if newest_at is not None and (told is None or newest_at > told[0]):
                    heard_s = now_s
                elif now_s - heard_s >= SILENT_S:
                    raise CannotConnect(f"no new measurement since {SILENT_S:.0f} s")
                if newest_at is not None and news != told:
                    publish(PART, self._reading())
                    told = (newest_at, *news[1:])
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timing.poll_s):
                    await self._look.wait()

    async def _ask(self) -> None:
        """Ask for samples and limit, and see that an order still means what it meant."""
        now = self._clock.now()
        answer = await self._service.measured(now - LOOK_BACK, now + LOOK_BACK)
        seen = newest(answer, self._garage, self._scale)
        self._others = self._others_among(seen)
        async with self._writing:
            await self._read_limit()
            self._stations.look(
                {name: sample for name, sample in seen.items() if name not in self._others},
                allowed=self._amperes.lets_charge,
                monotonic=self._clock.monotonic(),
            )
            await self._hold()

    async def _hold(self) -> None:
        """Send an order anew where the car turns out to use other phases, or the voltage moved."""
        moved_kw = self._amperes.moved_kw
        if moved_kw is None or self._others:
            return
        try:
            await self._limit.order(moved_kw)
        except Rejected as err:
            # The reading shows what holds instead, and the next poll tries again.
            _LOGGER.debug("A PowerFlex garage refuses another limit: %s", err)
        await self._read_limit()

    async def _read_limit(self) -> None:
        with suppress(Rejected):
            # An account without it still reads the stations.
            await self._limit.refresh()

    async def set_charging(self, part: str, current_a: float, phases: int | None) -> None:
        """Limit the garage to the power of `current_a` (0 stops it); phases cannot be changed.

        Raises Rejected where the station is not alone in its garage or the service refuses,
        InvalidAuth, RateLimited, or CannotConnect when `run` has no link or nothing answers.
        """
        self._check(part)
        if 0 < current_a < LOWEST_A:
            raise Rejected(f"{current_a:g} A is below the {LOWEST_A:g} A that a car can follow")
        if phases not in (None, 1, 3):
            raise Rejected(f"{phases} phases")
        if self._others:
            raise Rejected(
                "the limit is that of the whole garage, and this station is not alone in it: "
                + ", ".join(sorted(self._others))
            )
        order = Order(current_a=current_a, phases=min(phases or self._phases, self._phases))
        async with self._writing:
            self._amperes.order = order
            try:
                await self._limit.order(self._amperes.wanted_kw or 0.0)
            finally:
                self._look.set()

    async def release(self, part: str) -> None:
        """Put back the limit that was before our first order. Raises as `set_charging`."""
        if part == PART and not self._limit.ours:
            return
        self._check(part)
        async with self._writing:
            try:
                await self._limit.release()
                self._amperes.order = None
            finally:
                self._look.set()

    def _check(self, part: str) -> None:
        if part != PART:
            raise Rejected(f"no part {part}")
        if not self._running:
            raise CannotConnect("not connected")

    def _others_among(self, seen: Mapping[str, Sample]) -> frozenset[str]:
        return frozenset(seen) - {self._station} if self._station else frozenset()

    def _reading(self) -> ChargerReading:
        stations, warning = self._stations, None
        if self._amperes.held_down:
            warning = f"the garage has a limit of its own of {self._limit.lid_kw:g} kW"
        return ChargerReading(
            at=self._clock.now(),
            device_time=stations.at,
            status=stations.status,
            power_kw=stations.power_kw,
            currents_a=stations.currents_a,
            limit_a=self._amperes.allowed_a,
            phases=stations.phases,
            session_kwh=stations.session_kwh,
            released=self._amperes.released,
            warning=warning,
            remedy=None if warning is None else Remedy.OWN_RULE,
        )
