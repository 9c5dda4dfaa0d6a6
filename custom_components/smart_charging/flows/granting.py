"""What a person grants on the page of a service: where that page is, and tokens for what came back."""

import asyncio
import time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.config_entry_oauth2_flow import AbstractOAuth2Implementation
from homeassistant.helpers.network import NoURLAvailableError

from ..devices.base import CannotConnect, InvalidAuth
from ..tokens import Token, implementations

TOKEN_S = 30.0


class NotPossible(Exception):
    """Nobody can sign in now; `reason` names the words."""

    def __init__(self, reason: str) -> None:
        """Take the reason."""
        super().__init__(reason)
        self.reason = reason


async def choose(hass: HomeAssistant) -> AbstractOAuth2Implementation:
    """Return what signs in. Raises NotPossible without a client id and secret."""
    found = await implementations(hass)
    if not found:
        raise NotPossible(reason="no_credentials")
    return next(iter(found.values()))


async def sign_in_url(implementation: AbstractOAuth2Implementation, flow_id: str) -> str:
    """Return the page to sign in on, which comes back to `flow_id`. Raises NotPossible."""
    try:
        return await implementation.async_generate_authorize_url(flow_id)
    except (NoURLAvailableError, RuntimeError) as err:
        # Without `my` Home Assistant must know under which address the person sees it.
        raise NotPossible(reason="no_url") from err


async def token_for(implementation: AbstractOAuth2Implementation, answer: dict[str, Any]) -> Token:
    """Return the token for what came back. Raises InvalidAuth or CannotConnect."""
    if "code" not in answer:
        raise InvalidAuth(str(answer.get("error") or "nothing was granted"))
    try:
        async with asyncio.timeout(TOKEN_S):
            token = await implementation.async_resolve_external_data(answer)
    except TimeoutError as err:
        raise CannotConnect(f"no token within {TOKEN_S:.0f} s") from err
    return {
        **token,
        "expires_at": time.time() + int(token["expires_in"]),
        "implementation": implementation.domain,
    }
