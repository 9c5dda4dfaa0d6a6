"""The calls to PowerFlex's service, and what its refusals mean."""

import asyncio
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from ..answers import word
from ..base import CannotConnect, InvalidAuth, RateLimited, Rejected, WrongDevice
from ..http import NONSENSE, Answer, exchange
from .values import MEASURED, Signal, signal_of

SIGNAL: Final = "DCM_EVSE_Allocation"
"""Name of the limit that others than the service itself may set."""

DONE: Final = frozenset({"", "null", "{}", "[]", '""'})
"""Answers without content: an order that was taken has nothing to say."""

REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Service:
    """One account and one of its garages."""

    connect_s = 3.0
    answer_s = 4.0
    """An order is two calls, and has 10 s."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        username: str,
        password: str,
        garage: str,
    ) -> None:
        """Know the account; nothing is asked yet."""
        self._session = session
        self._base_url = base_url
        self._login_body = {"username": username, "password": password}
        self._path = quote(garage, safe="")
        self._token: str | None = None
        # One login serves all: two calls at once must not both see a token that has expired.
        self._one_at_a_time = asyncio.Lock()

    async def measured(self, since: datetime, until: datetime) -> Any:
        """Return what all stations of all garages measured in a span of at most an hour.

        Raises InvalidAuth, WrongDevice, RateLimited or CannotConnect.
        """
        span = [int(since.timestamp()), int(until.timestamp())]
        answer = await self._ask(
            "/get_measurement_data", {"measurement": MEASURED, "time_filter": span}
        )
        self._check(answer)
        content = _understood(answer)
        if not isinstance(content, dict) or "data" not in content:
            raise CannotConnect(_words(content) or NONSENSE)
        return content

    async def signal(self) -> Signal:
        """Return the limit of the garage. Raises as `measured`, and Rejected where it has none."""
        answer = await self._ask(f"/get_external_signal/{self._path}", {"name": SIGNAL})
        if answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise Rejected("the account may not use the limit of this garage")
        self._check(answer)
        if answer.text.strip() in DONE:
            return Signal(kw=None, enabled=False)
        content = _understood(answer)
        if not isinstance(content, dict):
            raise CannotConnect(NONSENSE)
        try:
            return signal_of(content)
        except ValueError as err:
            raise CannotConnect(f"{NONSENSE} ({err})") from None

    async def set_signal(self, wanted: Signal) -> None:
        """Set the limit of the garage. Raises as `signal`."""
        answer = await self._ask(
            f"/set_external_signal/{self._path}",
            {
                "max_load": wanted.kw,
                "max_load_unit": "kW",
                "is_enabled": wanted.enabled,
                "name": SIGNAL,
            },
        )
        if answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise Rejected("the account may read, but not set the limit of this garage")
        self._check(answer)
        if answer.text.strip() not in DONE:
            raise Rejected(_words(_understood(answer)) or NONSENSE)

    async def _ask(self, path: str, body: dict[str, Any]) -> Answer:
        """Ask with a token; log in where there is none, and once more where it is refused."""
        async with self._one_at_a_time:
            known = self._token is not None
            answer = await self._send(path, body, self._token or await self._login())
            if answer.status in REFUSED and known:
                answer = await self._send(path, body, await self._login())
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._token = None
            return answer

    async def _send(self, path: str, body: dict[str, Any], token: str) -> Answer:
        return await self._post(path, body, {"Authorization": f"Bearer {token}"})

    async def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        return await exchange(
            self._session,
            "POST",
            f"{self._base_url}{path}",
            headers={"Cache-Control": "no-cache", "Accept": "application/json", **headers},
            body=body,
            connect_s=self.connect_s,
            answer_s=self.answer_s,
        )

    async def _login(self) -> str:
        self._token = None
        answer = await self._post("/login", self._login_body, {})
        match answer.status:
            case HTTPStatus.BAD_REQUEST | HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                raise InvalidAuth("the service refuses user name or password")
            case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
                raise WrongDevice("there is no login at this address")
        self._check(answer)
        self._token = word(answer.understood(), "access_token")
        if self._token is None:
            raise WrongDevice("it gives no token")
        return self._token

    @staticmethod
    def _check(answer: Answer) -> None:
        """Raise what an answer that is none means."""
        match answer.status:
            case HTTPStatus.OK | HTTPStatus.CREATED | HTTPStatus.NO_CONTENT:
                return
            case HTTPStatus.UNAUTHORIZED:
                raise InvalidAuth("the service refuses a token that it has just given")
            case HTTPStatus.FORBIDDEN:
                raise InvalidAuth("the account may not read measurements")
            case HTTPStatus.TOO_MANY_REQUESTS:
                raise RateLimited("too many calls", retry_after_s=answer.retry_after_s)
            case _:
                raise CannotConnect(f"it answers HTTP {answer.status}")


def _understood(answer: Answer) -> Any:
    """Return JSON. Raises CannotConnect: once it gave a token, it is the right service."""
    try:
        return answer.understood()
    except WrongDevice as err:
        raise CannotConnect(str(err)) from None


def _words(content: Any) -> str | None:
    """Return a refusal in the service's own words, where it has some."""
    found = next((told for key in ("message", "error") if (told := word(content, key))), None)
    return None if found is None else found[:200]
