"""The access tokens of a site's devices: renewed in time, and kept before they are used."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.config_entry_oauth2_flow import (
    AbstractOAuth2Implementation,
    async_get_implementations,
)

from .const import DOMAIN
from .devices.base import InvalidAuth

if TYPE_CHECKING:
    from .site import Site

MARGIN_S = 300.0
"""A token is renewed so long before its end: clocks differ, and a request takes its time."""

type Token = dict[str, Any]
"""What a service gave out, with `expires_at` in seconds since 1970 and `implementation`, the name
of the credentials that it was given for."""


async def implementations(hass: HomeAssistant) -> dict[str, AbstractOAuth2Implementation]:
    """Return what can sign in: one for each pair of client id and secret in Home Assistant."""
    return await async_get_implementations(hass, DOMAIN)


class KeptTokens:
    """The tokens of one device, in the store of its site.

    A service that gives out a new refresh token each time takes the old one back at once. So the
    new one is kept before anything else happens, and a renewal that began is carried to its end
    whatever becomes of the device meanwhile: lost, a person would have to sign in again.
    """

    def __init__(self, keeper: "TokenKeeper", unique_id: str) -> None:
        """Belong to the device of this unique id."""
        self._keeper = keeper
        self._unique_id = unique_id
        self._refused = ""
        self.renewal: asyncio.Task[Token] | None = None
        """The renewal that is under way, or the last one."""

    async def access(self) -> str:
        """Return a token that is valid now. Raises InvalidAuth or CannotConnect."""
        if self.renewal is None or self.renewal.done():
            token = self._keeper.stored(self._unique_id)
            left_s = float(token["expires_at"]) - self._keeper.now_s
            if left_s >= MARGIN_S and token["access_token"] != self._refused:
                return str(token["access_token"])
            self.renewal = self._keeper.begin(self._renew(token))
        return str((await asyncio.shield(self.renewal))["access_token"])

    def refuse(self, token: str) -> None:
        """Have a token renewed before its time."""
        self._refused = token

    async def _renew(self, token: Token) -> Token:
        found = (await implementations(self._keeper.hass)).get(token["implementation"])
        if found is None:
            raise InvalidAuth("the client ID and secret are gone from Home Assistant")
        renewed = await found.async_refresh_token(token)
        await self._keeper.keep(self._unique_id, renewed)
        return renewed


class TokenKeeper:
    """The tokens of all devices of a site."""

    def __init__(self, site: "Site") -> None:
        """Belong to `site`."""
        self.hass = site.hass
        self._site = site
        self._kept: dict[str, KeptTokens] = {}

    def of(self, unique_id: str) -> KeptTokens:
        """Return the tokens of a device: one object for all who use them."""
        return self._kept.setdefault(unique_id, KeptTokens(self, unique_id))

    @property
    def now_s(self) -> float:
        """Seconds since 1970."""
        return self._site.clock.now().timestamp()

    def stored(self, unique_id: str) -> Token:
        """Return what is kept for a device. Raises InvalidAuth."""
        token = self._site.settings.tokens.get(unique_id)
        if token is None:
            raise InvalidAuth("nobody has signed in")
        return token

    async def keep(self, unique_id: str, token: Token) -> None:
        """Keep what a person signed in for, or what replaced it, at once."""
        self._site.settings.tokens[unique_id] = token
        await self._site.store.save()

    def forget(self, unique_id: str) -> None:
        """Drop what is kept for a device that is gone."""
        self._site.settings.tokens.pop(unique_id, None)
        self._kept.pop(unique_id, None)

    def begin(self, renewal: Coroutine[Any, Any, Token]) -> asyncio.Task[Token]:
        """Start a renewal that nobody's end takes along."""
        task = self.hass.async_create_task(renewal, f"{DOMAIN} renewal of a token")
        # Whoever waited may be gone when it fails.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def close(self) -> None:
        """Wait for renewals that are under way: who starts next must read what they bring."""
        under_way = [kept.renewal for kept in self._kept.values() if kept.renewal is not None]
        await asyncio.gather(*under_way, return_exceptions=True)


class FreshTokens:
    """A token that somebody just signed in for, before there is a device that it belongs to."""

    def __init__(self, token: Token) -> None:
        """Hold a token."""
        self.token = token

    async def access(self) -> str:
        """Return the token."""
        return str(self.token["access_token"])

    def refuse(self, token: str) -> None:
        """Keep the token: one that was given out a moment ago is refused for another reason."""
