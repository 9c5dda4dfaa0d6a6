"""One HTTP place that answers for a battery, and what its refusals mean."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from ..base import CannotConnect, InvalidAuth, Rejected, WrongDevice
from ..http import Answer, exchange

CONNECT_S: Final = 3.0
ANSWER_S: Final = 4.0
"""The processor of the battery is weak, and an order of three calls has 10 s."""


class Http:
    """Asks under one address, one call after the other."""

    answer_s = ANSWER_S

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, headers: Mapping[str, str]
    ) -> None:
        self._session = session
        self._base_url = base_url
        self._headers = headers

    async def ask(self, path: str) -> Any:
        """Return the JSON behind `path`.

        Raises InvalidAuth, WrongDevice or CannotConnect.
        """
        answer = await self._call("GET", path, None)
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise InvalidAuth("the token is refused")
        if answer.status == HTTPStatus.NOT_FOUND:
            raise WrongDevice(f"there is no {path.partition('?')[0]}")
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise CannotConnect(f"it answers HTTP {answer.status}")
        return answer.understood()

    async def order(
        self, path: str, *, method: str = "GET", body: Mapping[str, str] | None = None
    ) -> Answer:
        """Send an order and return the answer.

        Raises Rejected, InvalidAuth or CannotConnect.
        """
        answer = await self._call(method, path, body)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise InvalidAuth("the token is refused")
        if answer.status == HTTPStatus.FORBIDDEN:
            raise Rejected("the token may read, but not write")
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CannotConnect(f"it answers HTTP {answer.status}")
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Rejected(f"it answers HTTP {answer.status}")
        return answer

    async def _call(self, method: str, path: str, body: Mapping[str, str] | None) -> Answer:
        return await exchange(
            self._session,
            method,
            f"{self._base_url}{path}",
            headers=self._headers,
            body=body,
            connect_s=CONNECT_S,
            answer_s=self.answer_s,
        )
