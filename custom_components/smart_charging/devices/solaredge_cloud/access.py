"""The two ways in: a key, which installers have, or the tokens of a home owner who signed in."""

from collections.abc import Mapping
import re
from typing import Any, Final, Protocol

from aiosolaredge_one.const import HEADER_ACCOUNT_KEY, HEADER_API_KEY, HEADER_AUTHORIZATION

from ..oauth import Tokens

OLD_KEY: Final = re.compile(r"[0-9A-Z]{32}")
"""What keys of version 1 looked like."""


class Access(Protocol):
    """What the service is shown."""

    old_style: bool
    """It looks like a key of version 1, which was closed."""
    refusal: str
    """What is said when the service refuses it."""

    @property
    def for_library(self) -> Mapping[str, Any]:
        """Return what the library's client takes for it."""

    async def headers(self) -> Mapping[str, str]:
        """Return the headers of a request of our own. Raises DeviceError."""

    def renew(self) -> bool:
        """Take note that the service does not know it; tell whether another try may help."""


class Key:
    """A key, with that of the account where there is one."""

    refusal = "the service refuses the key for this site"

    def __init__(self, api_key: str, account_key: str | None) -> None:
        """Take the keys as they were entered."""
        self.old_style = OLD_KEY.fullmatch(api_key) is not None
        self._api_key, self._account_key = api_key, account_key

    @property
    def for_library(self) -> Mapping[str, Any]:
        """Return the keys."""
        return {"api_key": self._api_key, "account_key": self._account_key}

    async def headers(self) -> Mapping[str, str]:
        """Return the keys."""
        account = {HEADER_ACCOUNT_KEY: self._account_key} if self._account_key else {}
        return {HEADER_API_KEY: self._api_key, **account}

    def renew(self) -> bool:
        """Stay with the key: there is no other."""
        return False


class SignedIn:
    """Tokens, one after the other."""

    old_style = False
    refusal = "what you granted does not cover this site, or no longer"

    def __init__(self, tokens: Tokens) -> None:
        """Take where tokens come from."""
        self._tokens = tokens
        self._shown = ""

    @property
    def for_library(self) -> Mapping[str, Any]:
        """Return what gives out the token that is valid now."""
        return {"token_provider": self._token}

    async def headers(self) -> Mapping[str, str]:
        """Return the token that is valid now."""
        return {HEADER_AUTHORIZATION: f"Bearer {await self._token()}"}

    def renew(self) -> bool:
        """Have the token renewed before its time."""
        self._tokens.refuse(self._shown)
        return True

    async def _token(self) -> str:
        self._shown = await self._tokens.access()
        return self._shown
