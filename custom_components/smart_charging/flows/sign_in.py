"""The steps of a device's form that wait until a person has signed in to the service."""

from contextlib import suppress
from typing import Any, override

from homeassistant.config_entries import SOURCE_USER, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.core import callback
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow

from ..const import DOMAIN
from ..tokens import FreshTokens
from .granting import choose, token_for
from .relay import FOR_FORM


class SignInSteps(ConfigSubentryFlow):
    """The steps of a device's form that wait until a person has signed in."""

    fresh_tokens: FreshTokens | None = None
    """What was given out, once somebody signed in."""
    _relay_id: str | None = None
    _answer: dict[str, Any] | None = None

    async def async_step_sign_in(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Send the person to the page of the service; take what comes back."""
        if user_input is not None:
            self._answer = user_input
            return self.async_external_step_done(next_step_id="signed_in")
        self._close_relay()
        relay = await self.hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_USER}, data={FOR_FORM: self.flow_id}
        )
        if relay["type"] is FlowResultType.ABORT:
            return self.async_abort(reason=relay["reason"])
        self._relay_id = relay["flow_id"]
        return self.async_external_step(step_id="sign_in", url=relay["url"])

    async def take_tokens(self) -> None:
        """Exchange what came back for tokens. Raises DeviceError, NotPossible."""
        self._close_relay()
        assert self._answer is not None  # the page has come back
        self.fresh_tokens = FreshTokens(await token_for(await choose(self.hass), self._answer))

    def _close_relay(self) -> None:
        relay_id, self._relay_id = self._relay_id, None
        if relay_id is not None:
            with suppress(UnknownFlow):
                self.hass.config_entries.flow.async_abort(relay_id)

    @callback
    @override
    def async_remove(self) -> None:
        """The form was closed: nobody waits for the page any more."""
        self._close_relay()
        super().async_remove()
