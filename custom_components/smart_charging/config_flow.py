"""The form of a site, its options, and new credentials for devices that need them."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
    ConfigSubentry,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.core import callback
import voluptuous as vol

from .const import DOMAIN, SUBENTRY_DEVICE, SUBENTRY_PRICE, SUBENTRY_VEHICLE
from .devices.base import DeviceError, Field
from .devices.registry import MAKES
from .flows.device import DeviceFlow
from .flows.discovery import DiscoverySteps
from .flows.forms import form, missing, number, read
from .flows.price import PriceFlow
from .flows.site import read_site, site_errors, site_form, site_placeholders
from .flows.testing import error_texts, link_free, try_device, try_source
from .flows.vehicle import VehicleFlow
from .prices.registry import SOURCES


class SmartChargingConfigFlow(DiscoverySteps, domain=DOMAIN):
    """Adds or changes a site, takes discovered devices and new credentials."""

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        """Begin with nothing answered."""
        super().__init__()
        self._refused: str | None = None
        """The device or price whose credentials the form asks for."""
        self._renewed: set[str] = set()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what can be added to a site."""
        return {
            SUBENTRY_DEVICE: DeviceFlow,
            SUBENTRY_VEHICLE: VehicleFlow,
            SUBENTRY_PRICE: PriceFlow,
        }

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the form of a site's options."""
        return SiteOptionsFlow()

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a new site."""
        errors: dict[str, str] = {}
        values: dict[str, Any] = {
            "name": self.hass.config.location_name,
            "currency": self.hass.config.currency,
        }
        if user_input is not None:
            name = user_input["name"].strip()
            errors = site_errors(self.hass, user_input)
            if not name:
                errors["name"] = "required"
            elif any(e.title.lower() == name.lower() for e in self._async_current_entries()):
                errors["name"] = "name_exists"
            values = {**read_site(user_input), "name": name}
            if not errors and self.discovered:
                self.new_site = values
                return await self.go_on()
            if not errors:
                return self.async_create_entry(title=name, data=read_site(user_input))
        return self.async_show_form(
            step_id="user",
            data_schema=site_form(values, with_name=True),
            errors=errors,
            description_placeholders=site_placeholders(self.hass, values),
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change a site; its name is changed where Home Assistant renames entries."""
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        values: Mapping[str, Any] = entry.data
        if user_input is not None:
            errors = site_errors(self.hass, user_input)
            if not errors:
                # The update listener reloads for changed site data; a second reload is too many.
                self.hass.config_entries.async_update_entry(entry, data=read_site(user_input))
                return self.async_abort(reason="reconfigure_successful")
            values = read_site(user_input)
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=site_form(values, with_name=False),
            errors=errors,
            description_placeholders=site_placeholders(self.hass, values),
        )

    # --- credentials ----------------------------------------------------------------------------

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Ask all devices and prices of the site that refuse their credentials, one by one."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take the credentials of the device or price that was asked for, and go to the next."""
        entry = self._get_reauth_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        errors: dict[str, str] = {}
        placeholders = {"detail": ""}
        if user_input is not None and (asked := entry.subentries.get(self._refused or "")):
            try:
                errors = await self._renew(entry, asked, user_input)
            except DeviceError as err:
                errors, placeholders = error_texts(_scope(asked), err)
        if not errors:
            self._refused = self._next_refusing(entry)
        if self._refused is None:
            reason = "reauth_successful" if self._renewed else "nothing_refused"
            return self.async_abort(reason=reason)
        subentry = entry.subentries[self._refused]
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=form(_scope(subentry), _secret_fields(subentry), {}),
            errors=errors,
            description_placeholders={**placeholders, "name": subentry.title},
        )

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


def _scope(subentry: ConfigSubentry) -> str:
    """Return the make or kind of source, which names the texts of its errors."""
    kind = "kind" if subentry.subentry_type == SUBENTRY_PRICE else "make"
    scope: str = subentry.data[kind]
    return scope


def _secret_fields(subentry: ConfigSubentry) -> list[Field]:
    table = SOURCES if subentry.subentry_type == SUBENTRY_PRICE else MAKES
    return [field for field in table[_scope(subentry)].fields if field.secret]


class SiteOptionsFlow(OptionsFlow):
    """How often entities are written."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the options."""
        if user_input is not None:
            return self.async_create_entry(data=user_input)
        interval = self.config_entry.options.get("interval_s", 10)
        return self.async_show_form(
            step_id="init",
            data_schema=vol.Schema(
                {vol.Required("interval_s", default=interval): number(1, 60, 1, "s")}
            ),
        )
