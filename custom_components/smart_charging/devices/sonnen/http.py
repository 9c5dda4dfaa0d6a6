"""One HTTP place that answers for a battery, and what its refusals mean."""

from collections.abc import Mapping
from http import HTTPStatus
import json
from typing import Any, Final

from ..base import CannotConnect, InvalidAuth, Rejected, WrongDevice
from ..http import Place

CONNECT_S: Final = 3.0
ANSWER_S: Final = 4.0
"""The processor of the battery is weak, and an order of three calls has 10 s."""

NONSENSE: Final = "an answer that cannot be understood"


class Http(Place):
    """Asks under one address, one call after the other."""

    connect_s = CONNECT_S
    answer_s = ANSWER_S

    async def ask(self, path: str) -> Any:
        """Return the JSON behind `path`.

        Raises InvalidAuth, WrongDevice or CannotConnect.
        """
        answer = await self.call("GET", path)
        status, text = answer.status, answer.text
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise InvalidAuth("the token is refused")
        if status == HTTPStatus.NOT_FOUND:
            raise WrongDevice(f"there is no {path.partition('?')[0]}")
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise CannotConnect(f"it answers HTTP {status}")
        return understood(text)

    async def order(
        self, path: str, *, method: str = "GET", body: Mapping[str, str] | None = None
    ) -> str:
        """Send an order and return the text of the answer.

        Raises Rejected, InvalidAuth or CannotConnect.
        """
        answer = await self.call(method, path, body)
        status, text = answer.status, answer.text
        if status == HTTPStatus.UNAUTHORIZED:
            raise InvalidAuth("the token is refused")
        if status == HTTPStatus.FORBIDDEN:
            raise Rejected("the token may read, but not write")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CannotConnect(f"it answers HTTP {status}")
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Rejected(f"it answers HTTP {status}")
        return text


def understood(text: str) -> Any:
    """Return JSON. Raises WrongDevice."""
    try:
        return json.loads(text)
    except ValueError:
        raise WrongDevice(NONSENSE) from None
