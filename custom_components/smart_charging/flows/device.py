"""The form of a device in a site: choose a make, or change a device that is there."""

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, override

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntryState,
    ConfigSubentry,
    SubentryFlowResult,
)
import voluptuous as vol

from ..devices.base import DeviceError
from ..devices.entity.suggest import Suggestion, suggest
from ..devices.oauth import Tokens
from ..devices.registry import BUILT_IN, MAKES
from .commission import CommissionSteps
from .device_steps import DeviceSteps
from .forms import suggestion_picker
from .granting import NotPossible
from .sign_in import SignInSteps
from .testing import device_with, error_texts, link_free, user_of

OWN_CHOICE = "own"
"""Option of the suggestions: none of them."""


class DeviceFlow(DeviceSteps[SubentryFlowResult], CommissionSteps, SignInSteps):
    """Adds or changes a device; the connection is tried before anything is saved."""

    def __init__(self) -> None:
        """Begin with nothing answered."""
        super().__init__()
        self._suggestions: list[Suggestion] | None = None

    @property
    @override
    def site_data(self) -> Mapping[str, Any]:
        return self._get_entry().data

    @property
    @override
    def site_subentries(self) -> Collection[ConfigSubentry]:
        return self._get_entry().subentries.values()

    @property
    @override
    def changed(self) -> ConfigSubentry | None:
        return self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None

    @override
    def link_free(self) -> AbstractAsyncContextManager[None]:
        if (changed := self.changed) is None:
            return super().link_free()
        return link_free(self._get_entry(), changed.subentry_id)

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the make."""
        outside = any(key not in BUILT_IN for key in MAKES)
        # Rows from outside have no translation here: they bring their name along.
        options = {key: make.name for key, make in MAKES.items()} if outside else list(MAKES)
        return self.async_show_menu(step_id="user", menu_options=options)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Start from what is stored."""
        subentry = self._get_reconfigure_subentry()
        self._connection = dict(subentry.data["connection"])
        return await self._connection_step(subentry.data["make"], None)

    @override
    async def _connection_step(
        self, make_key: str, user_input: dict[str, Any] | None
    ) -> SubentryFlowResult:
        """Offer what Home Assistant has of this make first."""
        if user_input is None and self._suggestions is None and self.changed is None:
            self._make = make_key
            self._suggestions = self._suggest()
            if self._suggestions:
                return await self.async_step_suggestion()
        return await super()._connection_step(make_key, user_input)

    @property
    @override
    def tokens(self) -> Tokens | None:
        entry = self._get_entry()
        if (changed := self.changed) is None or entry.state is not ConfigEntryState.LOADED:
            return self.fresh_tokens
        kept: Tokens = entry.runtime_data.tokens.of(changed.unique_id)
        return kept

    @override
    async def _connected(self, connection: dict[str, Any]) -> SubentryFlowResult:
        """Have a person sign in first where the service wants that."""
        if MAKES[self._make].oauth is None or self.changed or self.tokens:
            return await super()._connected(connection)
        if self._get_entry().state is not ConfigEntryState.LOADED:
            # Its store keeps the tokens.
            return self.async_abort(reason="entry_not_loaded")
        self._connection = connection
        return await self.async_step_sign_in()

    async def async_step_signed_in(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Go on with what was granted."""
        try:
            await self.take_tokens()
        except NotPossible as err:
            return self.async_abort(reason=err.reason)
        except DeviceError as err:
            return self._connection_form(self._connection, *error_texts(self._make, err))
        return await self._connection_step(self._make, self._connection)

    def _suggest(self) -> list[Suggestion]:
        """Return what Home Assistant already has of this make and no site of ours uses."""
        return [
            suggestion
            for kind in MAKES[self._make].parts
            for suggestion in suggest(self.hass, kind)
            if suggestion.make == self._make and user_of(self.hass, suggestion) is None
        ]

    async def async_step_suggestion(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Offer the devices of other integrations; the choice fills in the form."""
        found = self._suggestions or []
        if user_input is not None:
            if (chosen := user_input["suggestion"]) != OWN_CHOICE:
                self._connection = dict(found[int(chosen)].data)
            return await self._connection_step(self._make, None)
        return self.async_show_form(
            step_id="suggestion",
            data_schema=vol.Schema(
                {
                    vol.Required("suggestion", default="0"): suggestion_picker(
                        "suggestion", found, OWN_CHOICE
                    )
                }
            ),
        )

    @override
    def refusal(self) -> SubentryFlowResult | None:
        if (changed := self.changed) is None:
            return super().refusal()
        if changed.unique_id == self._unique_id:
            return None
        return self.async_abort(
            reason="another_device",
            description_placeholders={
                "name": changed.title,
                "serial": str(self._identity["serial"]),
            },
        )

    @override
    async def finish(self) -> SubentryFlowResult:
        if self.fresh_tokens is not None:
            entry = self._get_entry()
            if entry.state is not ConfigEntryState.LOADED:
                return self.async_abort(reason="entry_not_loaded")
            await entry.runtime_data.tokens.keep(self._unique_id, self.fresh_tokens.token)
        return await self.async_step_commission_offer() if self._can_commission() else self.save()

    @override
    def save_and_go_on(self) -> str | None:
        entries, entry = self.hass.config_entries, self._get_entry()
        if (changed := self.changed) is not None:
            entries.async_update_subentry(entry, changed, data=self.data)
            return changed.subentry_id
        if device_with(self.hass, self._unique_id) is not None:
            return None
        added = self.new_subentry()
        entries.async_add_subentry(entry, added)
        return added.subentry_id

    @override
    def save(self) -> SubentryFlowResult:
        if (changed := self.changed) is not None:
            # Not async_update_and_abort: since 2026 it ends with words that are not ours.
            self.hass.config_entries.async_update_subentry(
                self._get_entry(), changed, data=self.data
            )
            return self.async_abort(reason="reconfigure_successful")
        # Again, because another form may have added it meanwhile: Home Assistant 2025.4 answers
        # a unique id that exists with an internal error.
        if refusal := self.already_configured():
            return refusal
        return self.async_create_entry(
            title=self.free_title, data=self.data, unique_id=self._unique_id
        )
