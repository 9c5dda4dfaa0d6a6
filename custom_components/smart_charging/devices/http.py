"""One exchange over HTTP, and what the ways in which it fails mean.

No text of a library goes into the words of a fault: it could hold a password or a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import json
from typing import Any, Final

import aiohttp

from .base import CannotConnect, WrongDevice

LONGEST: Final = 2**20
"""Bytes of an answer. Those of devices are some kB; who sends more is none, or means harm."""

NONSENSE: Final = "an answer that cannot be understood"


class Unreachable(CannotConnect):
    """Nobody took the connection: the device cannot have understood anything."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    text: str

    def understood(self) -> Any:
        """Return the JSON in it. Raises WrongDevice."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            raise WrongDevice(NONSENSE) from None


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: Mapping[str, str] | None = None,
    connect_s: float,
    answer_s: float,
) -> Answer:
    """Ask once; `body` goes as JSON. `answer_s` is for all of it, `connect_s` for the connection.

    Follows no redirection: credentials are for nobody else.
    Raises Unreachable or another CannotConnect.
    """
    try:
        async with session.request(
            method,
            url,
            headers=headers,
            json=body,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=answer_s, sock_connect=connect_s),
        ) as response:
            return Answer(status=response.status, text=await _text(response))
    except aiohttp.ConnectionTimeoutError:
        raise Unreachable("no connection in time") from None
    except TimeoutError:
        raise CannotConnect("no answer in time") from None
    except aiohttp.ClientConnectorError as err:
        raise Unreachable(f"no connection ({type(err).__name__})") from None
    except aiohttp.InvalidURL:
        raise CannotConnect("what was entered is no address") from None
    except (aiohttp.ClientError, OSError) as err:
        raise CannotConnect(f"the connection broke ({type(err).__name__})") from None


async def _text(response: aiohttp.ClientResponse) -> str:
    held = bytearray()
    async for chunk in response.content.iter_any():
        held += chunk
        if len(held) > LONGEST:
            raise CannotConnect("an answer without end")
    return held.decode("utf-8", "replace")
