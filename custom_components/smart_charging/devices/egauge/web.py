"""The meter's web server, which speaks HTTPS with a certificate of its own, HTTP, or both."""

from collections.abc import Mapping
from typing import Final

import aiohttp

from ..base import CannotConnect
from ..http import Answer, Unreachable, exchange

CONNECT_S: Final = 3.0
ANSWER_S: Final = 4.0

SCHEMES: Final = ("https", "http")
"""In the order in which they are tried."""


class Web:
    """Asks one meter."""

    connect_s = CONNECT_S
    answer_s = ANSWER_S

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        """Take what a person typed or pasted; it may hold a scheme and a port."""
        scheme, _, rest = address.strip().rpartition("://")
        self._session = session
        self._host = rest.partition("/")[0]
        self._schemes = (scheme.lower(),) if scheme.lower() in SCHEMES else SCHEMES
        self._scheme: str | None = None
        """The one that answered last."""

    async def ask(
        self,
        path: str,
        *,
        token: str | None = None,
        body: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET `path`, or POST a JSON body. Raises CannotConnect."""
        fault: CannotConnect = Unreachable("no connection")
        for scheme in self._schemes if self._scheme is None else (self._scheme,):
            try:
                answer = await exchange(
                    self._session,
                    "GET" if body is None else "POST",
                    f"{scheme}://{self._host}{path}",
                    headers={} if token is None else {"Authorization": f"Bearer {token}"},
                    body=body,
                    connect_s=self.connect_s,
                    answer_s=self.answer_s,
                )
            except Unreachable as err:
                # Its owner may have allowed the other one only, meanwhile.
                self._scheme, fault = None, err
            else:
                self._scheme = scheme
                return answer
        raise fault
