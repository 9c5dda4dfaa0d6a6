"""One question at a time over HTTP, and what the answers have in common."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
import json
from typing import Any

import aiohttp
from yarl import URL

from ..base import CannotConnect, InvalidAuth

NONSENSE = "an answer that cannot be understood"


class ApiOff(CannotConnect):
    """The owner has not switched the local interface on."""

    key = "api_off"

    def __init__(self) -> None:
        """Say it in words that name the cure."""
        super().__init__("its local API is off and must be switched on in the NRGkick app")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    """Decoded JSON; `None` where the answer is empty or no JSON."""

    @property
    def words(self) -> str:
        """The device's own words for a refusal, else the HTTP status in words."""
        if isinstance(self.body, Mapping):
            for key in ("Response", "Message"):
                if isinstance(told := self.body.get(key), str) and told:
                    return told
        if self.status == HTTPStatus.OK:
            return NONSENSE
        return f"HTTP {self.status}"

    @property
    def api_off(self) -> bool:
        """Whether it says that the interface is switched off in the app (with HTTP 200)."""
        return "API must be enabled" in self.words


class Web:
    """The HTTP interface of one device."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        host: str,
        *,
        username: str = "",
        password: str = "",
        timeout_s: float,
    ) -> None:
        """Take what a person typed or pasted as `host`; it may hold a port.

        `timeout_s` may change once it is known who answers.
        """
        self._session = session
        self._address = host.strip().rpartition("://")[2].partition("/")[0]
        self.timeout_s = timeout_s
        # Both small web servers serve one request at a time, the gateway of Gen1 in seconds.
        self._one_at_a_time = asyncio.Lock()
        self._headers = {"Accept": "application/json"}
        if username and password:
            pair = b64encode(f"{username}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {pair}"

    async def ask(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        put: Mapping[str, Any] | None = None,
    ) -> Answer:
        """GET `path`, or PUT a JSON body. Raises CannotConnect or InvalidAuth (401, 403)."""
        try:
            url = URL(f"http://{self._address}").with_path(path).with_query(query or {})
        except ValueError as err:
            raise CannotConnect(f"{self._address} is no address") from err
        async with self._one_at_a_time:
            try:
                # A redirect would carry the password to another machine.
                async with self._session.request(
                    "GET" if put is None else "PUT",
                    url,
                    json=put,
                    headers=self._headers,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=self.timeout_s),
                ) as response:
                    status, raw = response.status, await response.read()
            except TimeoutError as err:
                raise CannotConnect(f"no answer within {self.timeout_s:g} s") from err
            except (aiohttp.ClientError, OSError, ValueError) as err:
                words = getattr(err, "strerror", None) or "the connection broke off"
                raise CannotConnect(str(words)) from err
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise InvalidAuth(f"user name or password refused (HTTP {status})")
        try:
            body = json.loads(raw) if raw else None
        except (ValueError, RecursionError):
            body = None
        return Answer(status=status, body=body)

    async def section(self, path: str) -> Mapping[str, Any]:
        """GET a JSON object. Raises ApiOff, CannotConnect or InvalidAuth."""
        answer = await self.ask(path)
        if answer.api_off:
            raise ApiOff
        if answer.status != HTTPStatus.OK:
            raise CannotConnect(answer.words)
        if not isinstance(answer.body, Mapping):
            raise CannotConnect(NONSENSE)
        return answer.body
