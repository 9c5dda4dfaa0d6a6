"""The config flow that a person comes back to from the page on which they signed in.

Home Assistant lets that page come back to a config flow, and to no other. So the form of a device,
which is no such flow, opens one that only hands on what came back.
"""

from contextlib import suppress
from typing import Any

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult
from homeassistant.data_entry_flow import UnknownFlow

from .granting import NotPossible, choose, sign_in_url

FOR_FORM = "for_form"
"""What a relay is started with: the form that waits for what comes back."""


class SignInRelay(ConfigFlow):
    """The config flow that a person comes back to from the page of the service."""

    _form_id: str | None = None

    async def relay(self, form_id: str) -> ConfigFlowResult:
        """Begin to wait for what the form `form_id` needs."""
        self._form_id = form_id
        return await self.async_step_authorize()

    async def async_step_authorize(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Send the person to the page; take what comes back."""
        if user_input is None:
            try:
                url = await sign_in_url(await choose(self.hass), self.flow_id)
            except NotPossible as err:
                return self.async_abort(reason=err.reason)
            return self.async_external_step(step_id="authorize", url=url)
        return await self.came_back(user_input)

    async def came_back(self, answer: dict[str, Any]) -> ConfigFlowResult:
        """Hand on what came back to the form that waits for it; that form closes this one."""
        assert self._form_id is not None  # set before the page was shown
        with suppress(UnknownFlow):  # it was closed a moment ago
            await self.hass.config_entries.subentries.async_configure(self._form_id, answer)
        return self.async_external_step_done(next_step_id="handed_on")

    async def async_step_handed_on(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """End, should nobody have closed it."""
        return self.async_abort(reason="handed_on")
