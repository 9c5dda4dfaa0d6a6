"""One HTTP place that answers for a battery, and what its refusals mean.

No text of a library goes into the words of a fault: it could hold the token.
"""

from collections.abc import Mapping
from http import HTTPStatus
import json
from typing import Any, Final

import aiohttp

from ..base import CannotConnect, InvalidAuth, Rejected, WrongDevice

CONNECT_S: Final = 3.0
ANSWER_S: Final = 4.0
"""The processor of the battery is weak, and an order of three calls has 10 s."""

NONSENSE: Final = "an answer that cannot be understood"


class Unreachable(CannotConnect):
    """Nobody took the connection: the battery cannot have understood anything."""


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
        status, text = await self._call("GET", path, None)
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
        status, text = await self._call(method, path, body)
        if status == HTTPStatus.UNAUTHORIZED:
            raise InvalidAuth("the token is refused")
        if status == HTTPStatus.FORBIDDEN:
            raise Rejected("the token may read, but not write")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CannotConnect(f"it answers HTTP {status}")
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Rejected(f"it answers HTTP {status}")
        return text

    async def _call(
        self, method: str, path: str, body: Mapping[str, str] | None
    ) -> tuple[int, str]:
        try:
            async with self._session.request(
                method,
                f"{self._base_url}{path}",
                headers=self._headers,
                json=body,
                # The token is for nobody else.
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self.answer_s, sock_connect=CONNECT_S),
            ) as response:
                return response.status, await response.text(errors="replace")
        except aiohttp.ConnectionTimeoutError:
            raise Unreachable("no connection in time") from None
        except TimeoutError:
            raise CannotConnect("no answer in time") from None
        except aiohttp.ClientConnectorError as err:
            raise Unreachable(f"no connection ({type(err).__name__})") from None
        except (aiohttp.ClientError, OSError) as err:
            raise CannotConnect(f"the connection broke ({type(err).__name__})") from None


def understood(text: str) -> Any:
    """Return JSON. Raises WrongDevice."""
    try:
        return json.loads(text)
    except ValueError:
        raise WrongDevice(NONSENSE) from None
