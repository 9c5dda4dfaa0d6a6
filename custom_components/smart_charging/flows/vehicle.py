"""The form of a vehicle."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import PERCENTAGE
from homeassistant.helpers import selector
import voluptuous as vol

from ..const import GUEST, SUBENTRY_VEHICLE
from .forms import choice, entity, number, optional, required, unit_fault

SOC_UNITS = (PERCENTAGE,)


def vehicle_form(values: Mapping[str, Any]) -> vol.Schema:
    """Return the form, filled with `values`."""
    return vol.Schema(
        {
            required("name", values): selector.TextSelector(),
            required("capacity_kwh", values): number(1, 1000, 0.1, "kWh"),
            optional("soc_entity", values): entity(["sensor", "input_number", "number"]),
            optional("refresh_entity", values): entity(["button", "input_button"]),
            optional("plug_entity", values): entity(["binary_sensor", "input_boolean"]),
            optional("location_entity", values): entity(["device_tracker", "person"]),
            optional("tag", values): selector.TextSelector(),
            optional("max_a", values): number(6, 500, 1, "A"),
            vol.Required("max_phases", default=str(values.get("max_phases", 3))): choice(
                "max_phases", ["1", "3"]
            ),
            vol.Required("efficiency", default=values.get("efficiency", 90)): number(
                50, 100, 1, "%"
            ),
            optional("taper_soc", values): number(50, 99, 1, "%"),
        }
    )


def read_vehicle(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a vehicle keeps of the answers; its name is kept as a title."""
    read = {k: v.strip() if isinstance(v, str) else v for k, v in answers.items() if k != "name"}
    return {key: value for key, value in read.items() if value != ""}


class VehicleFlow(ConfigSubentryFlow):
    """Adds or changes a vehicle."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for a new vehicle."""
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = self._errors(user_input, None)
            if not errors:
                return self.async_create_entry(
                    title=user_input["name"].strip(), data=read_vehicle(user_input)
                )
        return self._show("user", user_input or {}, errors)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change a vehicle."""
        subentry = self._get_reconfigure_subentry()
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = self._errors(user_input, subentry.subentry_id)
            if not errors:
                self.hass.config_entries.async_update_subentry(
                    self._get_entry(),
                    subentry,
                    title=user_input["name"].strip(),
                    data=read_vehicle(user_input),
                )
                return self.async_abort(reason="reconfigure_successful")
        values = user_input or {**subentry.data, "name": subentry.title}
        return self._show("reconfigure", values, errors)

    def _show(
        self, step_id: str, values: Mapping[str, Any], errors: dict[str, str]
    ) -> SubentryFlowResult:
        unit = unit_fault(self.hass, values.get("soc_entity"), SOC_UNITS)
        return self.async_show_form(
            step_id=step_id,
            data_schema=vehicle_form(values),
            errors=errors,
            description_placeholders={"unit": unit or ""},
        )

    def _errors(self, answers: Mapping[str, Any], own_id: str | None) -> dict[str, str]:
        """Return what is wrong with the answers, per field."""
        errors: dict[str, str] = {}
        name = answers["name"].strip().lower()
        taken = {
            subentry.title.lower()
            for subentry in self._get_entry().subentries.values()
            if subentry.subentry_type == SUBENTRY_VEHICLE and subentry.subentry_id != own_id
        }
        if not name:
            errors["name"] = "required"
        elif name == GUEST:
            errors["name"] = "name_reserved"
        elif name in taken:
            errors["name"] = "name_exists"
        if unit_fault(self.hass, answers.get("soc_entity"), SOC_UNITS):
            errors["soc_entity"] = "not_percent"
        return errors
