"""The form of a site: its grid connection and its limits."""

from collections.abc import Mapping
from typing import Any

from homeassistant.const import UnitOfPower
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, selector
import voluptuous as vol

from ..core.grid import Topology
from .forms import choice, entity, number, optional, unit_fault

POWER_UNITS = (UnitOfPower.WATT, UnitOfPower.KILO_WATT)

DEFAULTS: dict[str, Any] = {
    "topology": Topology.SINGLE_230.value,
    "fuse_a": 40,
    "slow_meter_a": 0,
    "peak_price_year": 0,
    "peak_floor_kw": 2.5,
}


def topology_option(topology: str) -> str:
    """Return the form's option of a topology: translation keys must not begin with a digit."""
    return f"grid_{topology}"


def site_form(values: Mapping[str, Any], *, with_name: bool) -> vol.Schema:
    """Return the form, filled with `values`."""
    filled = {**DEFAULTS, **values}
    schema: dict[vol.Marker, Any] = {}
    if with_name:
        schema[vol.Required("name", default=filled["name"])] = selector.TextSelector()
    schema |= {
        vol.Required("currency", default=filled["currency"]): selector.TextSelector(),
        vol.Required("topology", default=topology_option(filled["topology"])): choice(
            "topology", [topology_option(t.value) for t in Topology]
        ),
        vol.Required("fuse_a", default=filled["fuse_a"]): number(6, 2000, 1, "A"),
        optional("import_limit_kw", filled): number(0.1, 10000, 0.1, "kW"),
        optional("export_limit_kw", filled): number(0, 10000, 0.1, "kW"),
        vol.Required("peak_price_year", default=filled["peak_price_year"]): number(0, 1000, 0.01),
        vol.Required("peak_floor_kw", default=filled["peak_floor_kw"]): number(0, 1000, 0.1, "kW"),
        vol.Required("slow_meter_a", default=filled["slow_meter_a"]): number(0, 1000, 1, "A"),
        optional("outside_limit_entity", filled): entity(["sensor", "number", "input_number"]),
    }
    return vol.Schema(schema)


def read_site(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a site's entry keeps of the answers; its name is kept as a title."""
    data = {key: value for key, value in answers.items() if key != "name"}
    data["topology"] = answers["topology"].removeprefix("grid_")
    data["currency"] = answers["currency"].strip().upper()
    return data


def site_errors(hass: HomeAssistant, answers: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with the answers, per field."""
    errors: dict[str, str] = {}
    try:
        cv.currency(answers["currency"].strip().upper())
    except vol.Invalid:
        errors["currency"] = "currency_code"
    if answers["slow_meter_a"] > answers["fuse_a"]:
        errors["slow_meter_a"] = "above_fuse"
    if unit_fault(hass, answers.get("outside_limit_entity"), POWER_UNITS):
        errors["outside_limit_entity"] = "not_power"
    return errors


def site_placeholders(hass: HomeAssistant, values: Mapping[str, Any]) -> dict[str, str]:
    """Return what the texts of `site_errors` name."""
    return {"unit": unit_fault(hass, values.get("outside_limit_entity"), POWER_UNITS) or ""}
