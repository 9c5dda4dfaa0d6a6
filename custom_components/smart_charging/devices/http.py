"""One place that answers over HTTP, and what it means when it does not.

No text of a library goes into the words of a fault: it could hold a token or a password.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from .base import CannotConnect


class Unreachable(CannotConnect):
    """Nobody took the connection: the device cannot have understood anything."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    text: str
    retry_after_s: float | None = None
    """The wait that it asks for."""


class Place:
    """Asks under one address, one call after the other."""

    connect_s = 3.0
    answer_s = 4.0

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, headers: Mapping[str, str]
    ) -> None:
        """Take the address, without a stroke at its end, and what each call carries along."""
        self._session = session
        self._base_url = base_url
        self._headers = headers

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send `body` as JSON, `None` sends none. Raises CannotConnect (Unreachable)."""
        try:
            async with self._session.request(
                method,
                f"{self._base_url}{path}",
                headers={**self._headers, **(headers or {})},
                json=body,
                # What opens this place is for nobody else.
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self.answer_s, sock_connect=self.connect_s),
            ) as response:
                wait = response.headers.get("Retry-After", "")
                return Answer(
                    status=response.status,
                    text=await response.text(errors="replace"),
                    retry_after_s=float(wait) if wait.isdecimal() else None,
                )
        except aiohttp.ConnectionTimeoutError:
            raise Unreachable("no connection in time") from None
        except TimeoutError:
            raise CannotConnect("no answer in time") from None
        except aiohttp.ClientConnectorError as err:
            raise Unreachable(f"no connection ({type(err).__name__})") from None
        except aiohttp.InvalidURL:
            raise CannotConnect("this is no address") from None
        except (aiohttp.ClientError, OSError) as err:
            raise CannotConnect(f"the connection broke ({type(err).__name__})") from None
