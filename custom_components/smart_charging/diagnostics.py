"""Diagnostics: everything a plan depended on, nothing that must stay secret."""

from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.core import HomeAssistant

from .const import SUBENTRY_DEVICE, SUBENTRY_PRICE
from .core.planner import plan_to_json, problem_to_json
from .devices.registry import MAKES
from .prices.registry import SOURCES
from .site import SiteConfigEntry

ALWAYS_SECRET = {"serial", "location_entity"}
"""Not credentials, but they tell who and where somebody is."""


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: SiteConfigEntry
) -> dict[str, Any]:
    """Return the diagnostics of a site; `scripts/plan` replays the problem in it."""
    site = entry.runtime_data
    now = site.clock.now()
    return {
        "site": dict(entry.data),
        "subentries": [
            {
                "type": subentry.subentry_type,
                "title": subentry.title,
                "data": async_redact_data(
                    dict(subentry.data), _secrets(subentry.subentry_type, subentry.data)
                ),
            }
            for subentry in entry.subentries.values()
        ],
        "acting": site.settings.acting,
        "devices": [
            {
                "name": runner.config.name,
                "make": runner.config.make,
                "error": None if runner.error is None else runner.error.key,
                "parts": {
                    key: {
                        "age_s": round((now - reading.at).total_seconds(), 1),
                        "stale_after_s": runner.stale_after_s(key),
                        "reading": async_redact_data(_plain(reading), {"vehicle_tag"}),
                    }
                    for key, reading in runner.readings.items()
                },
            }
            for runner in site.runners.values()
        ],
        "prices": [
            {
                "name": runner.config.name,
                "role": runner.config.role,
                "error": None if runner.error is None else runner.error.key,
                "fetched_at": (
                    runner.source.fetched_at.isoformat() if runner.source.fetched_at else None
                ),
            }
            for runner in site.price_runners.values()
        ],
        "setpoints": {key: _plain(s) for key, s in site.actor.setpoints.chargers.items()},
        "planner_failure": site.replanner.failure,
        "problem": None if site.problem is None else problem_to_json(site.problem),
        "plan": None if site.plan is None else plan_to_json(site.plan),
    }


def _plain(row: object) -> dict[str, Any]:
    return {name: str(value) for name, value in vars(row).items() if value is not None}


def _secrets(kind: str, data: Any) -> set[str]:
    secrets = set(ALWAYS_SECRET)
    if kind == SUBENTRY_DEVICE:
        secrets |= MAKES[data["make"]].secrets
    elif kind == SUBENTRY_PRICE:
        secrets |= {field.key for field in SOURCES[data["kind"]].fields if field.secret}
    return secrets
