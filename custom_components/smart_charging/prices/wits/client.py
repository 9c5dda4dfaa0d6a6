"""The WITS market price service: token, nodes and prices.

Written here and not taken from a library: the only one is a release candidate that reports every
failure of the token as bad credentials and keeps a token that the service has revoked.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
import json
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from ...core.clock import Clock
from ...devices.base import CannotConnect, InvalidAuth, RateLimited, WrongDevice
from .payload import TRADING_PERIOD, Unreadable, nodes, rows

BASE_URL = "https://api.electricityinfo.co.nz/api/market-prices/v1"
TOKEN_URL = "https://api.electricityinfo.co.nz/login/oauth2/token"  # noqa: S105 - an address

NZ = ZoneInfo("Pacific/Auckland")

TOKEN_LIFE_S = 300.0
"""Assumed where the service does not say: the shortest life that was seen."""
TOKEN_MARGIN_S = 60.0
TIMEOUT = aiohttp.ClientTimeout(total=30)
PAGE_SIZE = 10_000
PAGES_MAX = 10
"""More than one node's prices can ever fill; ends a service that repeats its pages."""

FORWARD_LIMITS = (72, 48)
"""Periods that may be asked for at once: what the live service takes, and its specification."""

WORDS_MAX = 200


class _BadRequest(WrongDevice):
    """The service understands but does not take these parameters."""


class WitsClient:
    """Asks the service, one call at a time."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        client_id: str,
        client_secret: str,
        base_url: str = BASE_URL,
        token_url: str = TOKEN_URL,
        page_size: int = PAGE_SIZE,
    ) -> None:
        """Take the session, the clock and the credentials of an application at WITS."""
        self._session = session
        self._clock = clock
        self._client_id = client_id
        self._client_secret = client_secret
        self._base_url = base_url.rstrip("/")
        self._token_url = token_url
        self._page_size = page_size
        self._token: str | None = None
        self._token_until_s = 0.0
        self._form = 0
        """Index of the first way of asking for a time range that the service takes."""

    async def nodes(self) -> list[str]:
        """Return the names of all nodes. Raises DeviceError."""
        return _read(nodes, await self._get("/nodes", {}))

    async def forecast(
        self, schedule: str, node: str, *, start: datetime, periods: int
    ) -> list[dict[str, Any]]:
        """Return the rows of `schedule` for `periods` half hours from the one at `start`.

        Asks for a range of times and, if the service refuses that, for a number of periods
        around the present. Raises DeviceError.
        """
        forms: list[dict[str, str]] = [_range(start, start + periods * TRADING_PERIOD)]
        # The service wants both counts, even where one is of no use.
        forms += [{"back": "1", "forward": str(min(periods, limit))} for limit in FORWARD_LIMITS]
        while True:
            try:
                return await self._pages(f"/schedules/{schedule}/prices", node, forms[self._form])
            except _BadRequest:
                if self._form == len(forms) - 1:
                    self._form = 0
                    raise
                self._form += 1

    async def settled(
        self, schedules: tuple[str, ...], node: str, *, start: datetime, end: datetime
    ) -> list[dict[str, Any]]:
        """Return the rows of several schedules for the periods from `start` to `end`.

        Raises DeviceError.
        """
        asked = {"schedules": ",".join(schedules), **_range(start, end)}
        return await self._pages("/prices", node, asked)

    async def _pages(self, path: str, node: str, asked: dict[str, str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(PAGES_MAX):
            params = {"marketType": "E", "nodes": node, **asked}
            if page:
                params["offset"] = str(page * self._page_size)
            got = _read(rows, await self._get(path, params))
            found += got
            if len(got) < self._page_size:
                break
        return found

    async def _get(self, path: str, params: dict[str, str]) -> Any:
        url = self._base_url + path
        status, headers, text = await self._ask(
            "GET", url, params=params, token=await self._fresh()
        )
        if status in (401, 403):
            # The service answers a revoked token with 403: drop it and try once with a new one.
            self._token = None
            token = await self._fresh()
            status, headers, text = await self._ask("GET", url, params=params, token=token)
        if status in (401, 403):
            self._token = None
            raise InvalidAuth(self._words(status, text))
        self._check(status, headers, text)
        return _json(text)

    async def _fresh(self) -> str:
        if self._token is not None and self._clock.monotonic() < self._token_until_s:
            return self._token
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }
        status, headers, text = await self._ask("POST", self._token_url, form=form)
        if status in (400, 401, 403):
            raise InvalidAuth(self._words(status, text))
        self._check(status, headers, text)
        body = _json(text)
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token:
            raise WrongDevice("the login answered without a token")
        life = body.get("expires_in")
        life_s = float(life) if isinstance(life, int | float) and life > 0 else TOKEN_LIFE_S
        self._token = token
        margin_s = min(TOKEN_MARGIN_S, life_s / 2)
        self._token_until_s = self._clock.monotonic() + life_s - margin_s
        return token

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        params: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
        token: str | None = None,
    ) -> tuple[int, dict[str, str], str]:
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            # No redirects: the form with the secret goes to this address and nowhere else.
            async with self._session.request(
                method,
                url,
                params=params,
                data=form,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
            ) as response:
                text = await response.text(errors="replace")
                wait = response.headers.get("Retry-After")
                return response.status, {} if wait is None else {"Retry-After": wait}, text
        except TimeoutError as err:
            raise CannotConnect(f"no answer within {TIMEOUT.total:.0f} s") from err
        except aiohttp.ClientError as err:
            raise CannotConnect(self._clean(str(err) or type(err).__name__)) from err

    def _check(self, status: int, headers: dict[str, str], text: str) -> None:
        """Raise what a status other than success means."""
        if status == 200:
            return
        words = self._words(status, text)
        if status == 429:
            wait_s = _retry_after_s(headers.get("Retry-After"), self._clock.now())
            raise RateLimited(words, retry_after_s=wait_s)
        if status >= 500:
            raise CannotConnect(words)
        if status == 400:
            raise _BadRequest(words)
        raise WrongDevice(words)

    def _words(self, status: int, text: str) -> str:
        """Return the service's own words about a failure."""
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        told = []
        if isinstance(body, dict):
            keys = ("message", "detail", "error", "error_description")
            told = [str(body[key]) for key in keys if body.get(key)]
        return self._clean(f"HTTP {status}: {', '.join(told)}" if told else f"HTTP {status}")

    def _clean(self, words: str) -> str:
        """Take out what must never be shown, should a service or proxy echo it."""
        for secret in (self._client_secret, self._token):
            if secret:
                words = words.replace(secret, "***")
        return words[:WORDS_MAX]


def _range(start: datetime, end: datetime) -> dict[str, str]:
    """Return both ends, inclusive, written as the service itself writes times."""
    return {
        "from": start.astimezone(NZ).isoformat(timespec="seconds"),
        "to": end.astimezone(NZ).isoformat(timespec="seconds"),
    }


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as err:
        raise WrongDevice("the answer is not JSON") from err


def _read[T](reader: Callable[[Any], T], body: Any) -> T:
    try:
        return reader(body)
    except Unreadable as err:
        raise WrongDevice(str(err)) from err


def _retry_after_s(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number, or a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())
