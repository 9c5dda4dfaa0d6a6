"""WITS as a price source: asks when there is something new, lives through outages."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
import logging
from typing import Any

from ...core.price import Price
from ...devices.base import (
    CannotConnect,
    Data,
    DeviceError,
    DriverContext,
    InvalidAuth,
    RateLimited,
    WrongDevice,
)
from ..book import FORECASTS_KEPT, PriceBook
from .cadence import PERIODS, Schedule, jitter_s, next_due
from .client import BASE_URL, TOKEN_URL, WitsClient
from .payload import TRADING_PERIOD, records

_LOGGER = logging.getLogger(__name__)

ACTUAL = ("Interim", "Final")
ACTUAL_BACK = timedelta(hours=48)
"""Final prices appear at two in the afternoon of the next day: at most 38 hours late."""

WAIT_S = 60.0
"""Longest sleep: the host's clock may have been set or the host suspended meanwhile."""
RETRY_FIRST = timedelta(minutes=1)
RETRY_LAST = timedelta(minutes=15)
PATIENCE = timedelta(hours=1)
"""Outages up to this long are nobody's business: the forecasts at hand reach much further."""

NEAR_MAX = 5


class WitsSource:
    """Forecast and settled spot prices of one node, in NZD per kWh without tax."""

    def __init__(
        self,
        data: Data,
        context: DriverContext,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take `client_id`, `client_secret` and `node`.

        `base_url` and `token_url` stand in for the service where there is another one.
        """
        self.version = 0
        self.fetched_at: datetime | None = None
        self.node = str(data["node"]).strip().upper()
        self._clock = context.clock
        self._sleep = sleep
        self._client = WitsClient(
            context.session,
            context.clock,
            client_id=str(data["client_id"]).strip(),
            client_secret=str(data["client_secret"]).strip(),
            base_url=data.get("base_url") or BASE_URL,
            token_url=data.get("token_url") or TOKEN_URL,
        )
        self._jitter_s = jitter_s(str(data["client_id"]), self.node)
        self._book = PriceBook()
        started = self._clock.now()
        self._due = dict.fromkeys(Schedule, started)
        self._reached_at: datetime | None = None
        self._failures = 0
        self._actual_refused = False

    async def identify(self) -> str:
        """Log in, look the node up and return the unique id.

        Raises DeviceError; WrongDevice for an unknown node, with nodes of similar name.
        """
        names = await self._client.nodes()
        if self.node not in names:
            near = ", ".join(_near(self.node, names)) or "-"
            raise WrongDevice(
                f"node {self.node} is unknown; similar: {near}", node=self.node, near=near
            )
        return f"wits_{self.node}"

    async def run(self, changed: Callable[[], None]) -> None:
        """Ask on the service's cadence until cancelled.

        Raises InvalidAuth, and any other DeviceError when the very first question or an hour of
        questions failed.
        """
        told = False
        while True:
            version, reached_at = self.version, self._reached_at
            try:
                await self.poll()
            except DeviceError as err:
                self._bear(err)
            finally:
                if self.version != version or (not told and self._reached_at != reached_at):
                    told = True
                    changed()
            wait_s = (self.next_poll - self._clock.now()).total_seconds()
            await self._sleep(min(max(wait_s, 0.0), WAIT_S))

    @property
    def next_poll(self) -> datetime:
        """When something is due next."""
        return min(self._due.values())

    async def poll(self) -> None:
        """Fetch what is due now. Raises DeviceError; what was fetched before that is kept."""
        now = self._clock.now()
        for schedule, due in list(self._due.items()):
            if due > now:
                continue
            try:
                await self._fetch(schedule, now)
            except DeviceError as err:
                self._postpone(err, now)
                raise
            self._due[schedule] = next_due(schedule, now, self._jitter_s)
            if schedule is Schedule.LONG:
                await self._fetch_actual(now)
                self._book.purge(now)

    def prices(self, start: datetime, end: datetime) -> list[Price]:
        """Return the known prices that overlap [start, end), settled ones for the past."""
        return self._book.prices(start, end)

    @property
    def book(self) -> PriceBook:
        """Everything that is known, forecasts and settled prices."""
        return self._book

    def dump(self) -> dict[str, Any]:
        """Return the book and whose it is, as JSON."""
        fetched = None if self.fetched_at is None else self.fetched_at.isoformat()
        return {"node": self.node, "fetched_at": fetched, "book": self._book.dump()}

    def load(self, stored: dict[str, Any]) -> None:
        """Take back what `dump` gave; the book of another node and damaged pieces are skipped."""
        if not isinstance(stored, dict) or stored.get("node") != self.node:
            _LOGGER.info("The stored prices are not those of %s and are not used", self.node)
            return
        if skipped := self._book.load(stored.get("book")):
            _LOGGER.warning("Skipped %d damaged pieces of the stored prices", skipped)
        try:
            fetched = datetime.fromisoformat(stored["fetched_at"])
            self.fetched_at = fetched.astimezone(UTC)
        except (KeyError, TypeError, ValueError):
            self.fetched_at = None
        self.version += 1

    async def _fetch(self, schedule: Schedule, now: datetime) -> None:
        found = await self._client.forecast(
            schedule, self.node, start=_period(now), periods=PERIODS[schedule]
        )
        taken = records(found, self.node, now)
        if not taken:
            raise CannotConnect(f"{schedule} holds no prices for {self.node}")
        if self._failures:
            _LOGGER.info("WITS answers again")
        self._failures = 0
        self._reached_at = self.fetched_at = now
        if self._book.merge(taken, now):
            self.version += 1

    async def _fetch_actual(self, now: datetime) -> None:
        """Replace forecasts of the past by what was settled, from the last billed price on."""
        start = now - ACTUAL_BACK
        if (final := self._book.final_until) is not None:
            start = min(start, max(final, now - FORECASTS_KEPT))
        try:
            found = await self._client.settled(ACTUAL, self.node, start=_period(start), end=now)
        except DeviceError as err:
            if isinstance(err, RateLimited):
                self._postpone(err, now)
            # An account without these schedules is no fault: forecasts then stand for the past.
            if not self._actual_refused:
                _LOGGER.info("WITS gives no settled prices, forecasts stand for them: %s", err)
            self._actual_refused = True
            return
        self._actual_refused = False
        if self._book.merge(records(found, self.node, now), now):
            self.version += 1

    def _bear(self, err: DeviceError) -> None:
        """Raise what the site must know of; live through anything that may pass by itself."""
        if isinstance(err, InvalidAuth) or self._reached_at is None:
            raise err
        if self._clock.now() - self._reached_at > PATIENCE:
            raise err
        if self._failures == 1:
            _LOGGER.info("WITS does not answer, going on with what is known: %s", err)

    def _postpone(self, err: DeviceError, now: datetime) -> None:
        """Ask again later: doubling pauses, or as long as the service wants."""
        pause = min(RETRY_FIRST * 2 ** min(self._failures, 8), RETRY_LAST)
        self._failures += 1
        if isinstance(err, RateLimited) and err.retry_after_s is not None:
            pause = max(pause, timedelta(seconds=err.retry_after_s))
        self._due = {s: max(due, now + pause) for s, due in self._due.items()}


def _period(at: datetime) -> datetime:
    """Return the start of the trading period that holds `at`."""
    at = at.astimezone(UTC)
    return at - (at - datetime.min.replace(tzinfo=UTC)) % TRADING_PERIOD


def _near(node: str, names: list[str]) -> list[str]:
    """Return known nodes that read like `node`: of the same substation first."""
    same = sorted(n for n in names if n[:3] == node[:3])
    close = get_close_matches(node, names, n=NEAR_MAX)
    return list(dict.fromkeys([*same, *close]))[:NEAR_MAX]
