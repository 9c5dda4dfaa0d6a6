"""The form of a site, its options, and new credentials for devices that need them."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.core import callback
import voluptuous as vol

from .const import DOMAIN, SUBENTRY_DEVICE, SUBENTRY_PRICE, SUBENTRY_VEHICLE
from .flows.device import DeviceFlow
from .flows.discovery import DiscoverySteps
from .flows.forms import number
from .flows.price import PriceFlow
from .flows.reauth import ReauthSteps
from .flows.relay import FOR_FORM
from .flows.site import read_site, site_errors, site_form, site_placeholders
from .flows.vehicle import VehicleFlow


class SmartChargingConfigFlow(DiscoverySteps, ReauthSteps, domain=DOMAIN):
    """Adds or changes a site, takes discovered devices and new credentials."""

    VERSION = 1
    MINOR_VERSION = 1

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
        if user_input is not None and FOR_FORM in user_input:
            return await self.relay(user_input[FOR_FORM])
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
