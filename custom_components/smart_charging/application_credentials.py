"""Where people sign in: the one service that has home owners do so, by its make's row."""

from http import HTTPStatus
from typing import Any, override

import aiohttp
from homeassistant.components.application_credentials import (
    AuthImplementation,
    AuthorizationServer,
    ClientCredential,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.config_entry_oauth2_flow import MY_AUTH_CALLBACK_PATH

from .devices.base import CannotConnect, InvalidAuth
from .devices.oauth import OAuth
from .devices.registry import signing_in

PORTAL = "https://developer.solaredge.com"

ANSWER_S = 20.0
"""For the place that gives tokens out."""

LIFE_S = 3600
"""How long a token is taken for valid whose answer does not say."""


class JsonImplementation(AuthImplementation):
    """Asks for tokens with a JSON body, and fails in our words."""

    def __init__(
        self, hass: HomeAssistant, auth_domain: str, credential: ClientCredential, oauth: OAuth
    ) -> None:
        """Sign in with a client's id and secret as `oauth` says."""
        server = AuthorizationServer(authorize_url=oauth.authorize_url, token_url=oauth.token_url)
        super().__init__(hass, auth_domain, credential, server)
        self._authorize = dict(oauth.authorize)

    @property
    @override
    def extra_authorize_data(self) -> dict[str, Any]:
        """What the service wants to know besides."""
        return self._authorize

    @override
    async def _token_request(self, data: dict[str, Any]) -> dict[str, Any]:
        """Ask for tokens.

        Raises InvalidAuth for what is refused for good, CannotConnect for all that may pass. No
        word of the answer goes into theirs: it could hold a token.
        """
        body = {**data, "client_id": self.client_id, "client_secret": self.client_secret}
        try:
            async with async_get_clientsession(self.hass).post(
                self.token_url, json=body, timeout=aiohttp.ClientTimeout(total=ANSWER_S)
            ) as response:
                status = response.status
                answer = await response.json() if status == HTTPStatus.OK else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as err:
            raise CannotConnect(f"no token ({type(err).__name__})") from None
        if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise InvalidAuth("the service gives no token for this sign-in any more")
        if status != HTTPStatus.OK:
            raise CannotConnect(f"no token (HTTP {status})")
        if not isinstance(answer, dict) or not all(
            isinstance(answer.get(key), str) for key in ("access_token", "refresh_token")
        ):
            raise CannotConnect("no token (an answer that cannot be understood)")
        return {"expires_in": LIFE_S, **answer}


async def async_get_auth_implementation(
    hass: HomeAssistant, auth_domain: str, credential: ClientCredential
) -> JsonImplementation:
    """Return what signs in with a client's id and secret."""
    return JsonImplementation(hass, auth_domain, credential, signing_in())


async def async_get_description_placeholders(hass: HomeAssistant) -> dict[str, str]:
    """Return what the dialog for a client's id and secret names."""
    return {"portal": PORTAL, "redirect": MY_AUTH_CALLBACK_PATH}
