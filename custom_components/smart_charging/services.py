"""Actions: plan a charge, read a plan back, charge now, stop."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .config import PartConfig
from .const import DOMAIN
from .core.control.types import Override
from .core.reading import PartKind
from .errors import below_minimum
from .requests import ChargeRequest, answer
from .site import Site, SiteConfigEntry

ATTR_SITE = "site"

PLAN_CHARGE = vol.Schema(
    {
        vol.Optional(ATTR_SITE): cv.string,
        vol.Optional("node"): cv.string,
        vol.Required("power_kw"): vol.All(vol.Coerce(float), vol.Range(min=0.1, max=1000)),
        vol.Required("energy_kwh"): vol.All(vol.Coerce(float), vol.Range(min=0.01, max=10000)),
        vol.Optional("start"): cv.datetime,
        vol.Required("ready_by"): cv.datetime,
    }
)
GET_PLAN = vol.Schema({vol.Optional(ATTR_SITE): cv.string, vol.Required("id"): cv.string})
CHARGE_NOW = vol.Schema(
    {
        vol.Required(ATTR_DEVICE_ID): cv.string,
        vol.Optional("current_a"): vol.All(vol.Coerce(float), vol.Range(min=1, max=500)),
        vol.Optional("duration"): cv.positive_time_period,
    }
)
STOP = vol.Schema(
    {
        vol.Required(ATTR_DEVICE_ID): cv.string,
        vol.Optional("duration"): cv.positive_time_period,
    }
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""

    async def plan_charge(call: ServiceCall) -> ServiceResponse:
        site = _site(hass, call)
        now = dt_util.utcnow()
        start = _moment(call.data["start"]) if "start" in call.data else now
        request = ChargeRequest(
            power_kw=call.data["power_kw"],
            energy_kwh=call.data["energy_kwh"],
            start=start,
            ready_by=_moment(call.data["ready_by"]),
            node=call.data.get("node"),
        )
        return await answer(site, request)

    async def get_plan(call: ServiceCall) -> ServiceResponse:
        site = _site(hass, call)
        if (kept := site.settings.requests.get(call.data["id"])) is None:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="plan_unknown",
                translation_placeholders={"id": call.data["id"]},
            )
        return kept

    async def charge_now(call: ServiceCall) -> None:
        _override(hass, call, lambda data: data.get("current_a"))

    async def stop(call: ServiceCall) -> None:
        _override(hass, call, lambda _: 0.0)

    hass.services.async_register(
        DOMAIN, "plan_charge", plan_charge, PLAN_CHARGE, supports_response=SupportsResponse.ONLY
    )
    hass.services.async_register(
        DOMAIN, "get_plan", get_plan, GET_PLAN, supports_response=SupportsResponse.ONLY
    )
    hass.services.async_register(DOMAIN, "charge_now", charge_now, CHARGE_NOW)
    hass.services.async_register(DOMAIN, "stop", stop, STOP)


def _moment(value: datetime) -> datetime:
    """Return an aware UTC datetime; a time without a zone is local."""
    return dt_util.as_utc(value)


def _loaded(hass: HomeAssistant) -> list[SiteConfigEntry]:
    return [
        entry
        for entry in hass.config_entries.async_entries(DOMAIN)
        if entry.state is ConfigEntryState.LOADED
    ]


def _site(hass: HomeAssistant, call: ServiceCall) -> Site:
    """Return the site that is named by its entry's id or title, or the only one."""
    wanted = call.data.get(ATTR_SITE)
    sites = [
        entry
        for entry in _loaded(hass)
        if wanted is None or wanted in (entry.entry_id, entry.title)
    ]
    if len(sites) == 1:
        site: Site = sites[0].runtime_data
        return site
    raise ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="site_unknown" if wanted else "site_ambiguous",
        translation_placeholders={
            "site": str(wanted),
            "sites": ", ".join(entry.title for entry in _loaded(hass)) or "-",
        },
    )


def _charger(hass: HomeAssistant, device_id: str) -> tuple[Site, PartConfig]:
    """Return the charger that is this device of the registry, if it can be commanded."""
    device = dr.async_get(hass).async_get(device_id)
    for entry in _loaded(hass):
        site: Site = entry.runtime_data
        for part in site.config.parts(PartKind.CHARGER):
            named = device is not None and site.registry.part_identifier(part) in device.identifiers
            if named and part.controllable:
                return site, part
    raise ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="not_a_charger",
        translation_placeholders={"device": device.name or device_id if device else device_id},
    )


def _override(
    hass: HomeAssistant, call: ServiceCall, current_a: Callable[[Any], float | None]
) -> None:
    site, part = _charger(hass, call.data[ATTR_DEVICE_ID])
    duration: timedelta | None = call.data.get("duration")
    until = None if duration is None else dt_util.utcnow() + duration
    amps, minimum = current_a(call.data), part.charger_spec().min_a
    if amps is not None and 0 < amps < minimum:
        raise below_minimum(amps, minimum)
    site.plugs.settings(part).override = Override(current_a=amps, until=until)
    site.changed(call.service)
