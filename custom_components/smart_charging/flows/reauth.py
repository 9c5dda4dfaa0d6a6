"""New credentials for the devices and prices of a site that refuse the ones that they have."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
    ConfigSubentry,
)

from ..const import SUBENTRY_PRICE
from ..devices.base import DeviceError, Field
from ..devices.registry import MAKES
from ..prices.registry import SOURCES
from ..tokens import FreshTokens
from .forms import form, missing, read
from .granting import NotPossible, choose, token_for
from .relay import SignInRelay
from .testing import error_texts, link_free, try_device, try_source


class ReauthSteps(SignInRelay):
    """Asks all that refuse, one by one: for what their form asked, or to sign in again."""

    _asked_for: str | None = None
    """The device or price whose credentials the form asks for."""
    _answer: dict[str, Any] | None = None

    def __init__(self) -> None:
        """Begin with nothing renewed."""
        super().__init__()
        self._renewed: set[str] = set()

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin with the first that refuses."""
        return await self._next()

    async def _next(self) -> ConfigFlowResult:
        """Ask for the next device or price that refuses, or end."""
        entry = self._get_reauth_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        self._asked_for = self._next_refusing(entry)
        if self._asked_for is None:
            reason = "reauth_successful" if self._renewed else "nothing_refused"
            return self.async_abort(reason=reason)
        return self._show({}, {"detail": ""})

    def _show(self, errors: dict[str, str], placeholders: dict[str, str]) -> ConfigFlowResult:
        subentry = self._get_reauth_entry().subentries[self._asked_for or ""]
        signs_in = _signs_in(subentry)
        return self.async_show_form(
            step_id="reauth_sign_in" if signs_in else "reauth_confirm",
            data_schema=form(_scope(subentry), () if signs_in else _secret_fields(subentry), {}),
            errors=errors,
            description_placeholders={**placeholders, "name": subentry.title},
        )

    def _subentry(self, entry: ConfigEntry) -> ConfigSubentry | None:
        """Return what the form asked for, unless it was removed or its site does not run."""
        loaded = entry.state is ConfigEntryState.LOADED
        return entry.subentries.get(self._asked_for or "") if loaded else None

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take the credentials of the device or price that was asked for, and go to the next."""
        entry = self._get_reauth_entry()
        if user_input is not None and (asked := self._subentry(entry)) is not None:
            try:
                errors = await self._renew(entry, asked, user_input)
            except DeviceError as err:
                return self._show(*error_texts(_scope(asked), err))
            if errors:
                return self._show(errors, {"detail": ""})
        return await self._next()

    def _next_refusing(self, entry: ConfigEntry) -> str | None:
        """Return the next device or price that refuses now.

        Asked anew each time: what was mended elsewhere since needs nothing any more, and what
        began to refuse since got no form of its own, as there is one per site at a time.
        """
        return next(
            (
                subentry_id
                for subentry_id in entry.runtime_data.refusing()
                if subentry_id in entry.subentries and subentry_id not in self._renewed
            ),
            None,
        )

    async def _renew(
        self, entry: ConfigEntry, subentry: ConfigSubentry, answers: dict[str, Any]
    ) -> dict[str, str]:
        """Try new credentials and save them; return the form's errors. Raises DeviceError."""
        fields = _secret_fields(subentry)
        given = read(fields, answers)
        if errors := missing(fields, given):
            return errors
        under = "source" if subentry.subentry_type == SUBENTRY_PRICE else "connection"
        secret = {field.key for field in fields}
        kept = {k: v for k, v in subentry.data[under].items() if k not in secret}
        if subentry.subentry_type == SUBENTRY_PRICE:
            await try_source(self.hass, SOURCES[subentry.data["kind"]], {**kept, **given})
        else:
            make = MAKES[subentry.data["make"]]
            async with link_free(entry, subentry.subentry_id):
                identity = await try_device(self.hass, make, {**kept, **given})
            if f"{make.key}_{identity.serial}" != subentry.unique_id:
                return {"base": "another_device"}
        self.hass.config_entries.async_update_subentry(
            entry, subentry, data={**subentry.data, under: {**kept, **given}}
        )
        self._renewed.add(subentry.subentry_id)
        return {}

    # --- signing in again -----------------------------------------------------------------------

    async def async_step_reauth_sign_in(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Send the person to the page of the service."""
        return await (self._next() if user_input is None else self.async_step_authorize())

    @override
    async def came_back(self, answer: dict[str, Any]) -> ConfigFlowResult:
        if self.source != SOURCE_REAUTH:
            return await super().came_back(answer)
        self._answer = answer
        return self.async_external_step_done(next_step_id="authorized")

    async def async_step_authorized(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Try what was granted, keep it, and go to the next."""
        entry, answer = self._get_reauth_entry(), self._answer
        asked = self._subentry(entry)
        if asked is None or answer is None:
            return await self._next()
        try:
            token = await token_for(await choose(self.hass), answer)
            # The device starts anew with it, and waits no longer.
            async with link_free(entry, asked.subentry_id):
                await try_device(
                    self.hass,
                    MAKES[asked.data["make"]],
                    dict(asked.data["connection"]),
                    FreshTokens(token),
                )
                await entry.runtime_data.tokens.keep(asked.unique_id, token)
        except NotPossible as err:
            return self.async_abort(reason=err.reason)
        except DeviceError as err:
            return self._show(*error_texts(_scope(asked), err))
        self._renewed.add(asked.subentry_id)
        return await self._next()


def _scope(subentry: ConfigSubentry) -> str:
    """Return the make or kind of source, which names the texts of its errors."""
    kind = "kind" if subentry.subentry_type == SUBENTRY_PRICE else "make"
    scope: str = subentry.data[kind]
    return scope


def _signs_in(subentry: ConfigSubentry) -> bool:
    return (
        subentry.subentry_type != SUBENTRY_PRICE and MAKES[subentry.data["make"]].oauth is not None
    )


def _secret_fields(subentry: ConfigSubentry) -> list[Field]:
    table = SOURCES if subentry.subentry_type == SUBENTRY_PRICE else MAKES
    return [field for field in table[_scope(subentry)].fields if field.secret]
