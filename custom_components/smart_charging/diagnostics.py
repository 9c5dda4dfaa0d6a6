"""Diagnostics: everything a plan depended on, nothing that must stay secret."""

from collections.abc import Iterator, Mapping, Set as AbstractSet
from typing import Any, cast

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant

from .const import SUBENTRY_DEVICE, SUBENTRY_PRICE
from .core.planner import plan_to_json, problem_to_json
from .devices.registry import MAKES
from .prices.registry import SOURCES
from .site import SiteConfigEntry

ALWAYS_SECRET = {
    "serial",
    "site_id",
    "username",
    "tag",
    "vehicle_tag",
    "location_entity",
    "client_id",
    "text_message",
}
"""Not all are credentials, but they tell who and where somebody is."""

SHORTEST = 4
"""Shorter secrets are not sought in texts: they would be found in every other word."""


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: SiteConfigEntry
) -> dict[str, Any]:
    """Return the diagnostics of a site; `scripts/plan` replays the problem in it."""
    site = entry.runtime_data
    now = site.clock.now()
    content = {
        "site": dict(entry.data),
        "subentries": [
            {
                "type": subentry.subentry_type,
                "title": subentry.title,
                "data": async_redact_data(dict(subentry.data), _secret_keys(subentry)),
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
                        "reading": async_redact_data(_plain(reading), ALWAYS_SECRET),
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
    }
    # A name may hold a serial, a link the path of a port with one, a fault what was sent.
    hidden = {value for s in entry.subentries.values() for value in _secret_values(s)}
    return {
        **cast(dict[str, Any], _without(content, hidden)),
        # Times, figures and ids of ours: a short password must not be "found" in them.
        "problem": None if site.problem is None else problem_to_json(site.problem),
        "plan": None if site.plan is None else plan_to_json(site.plan),
    }


def _plain(row: object) -> dict[str, Any]:
    return {name: str(value) for name, value in vars(row).items() if value is not None}


def _secret_keys(subentry: ConfigSubentry) -> set[str]:
    keys = set(ALWAYS_SECRET)
    if subentry.subentry_type == SUBENTRY_DEVICE:
        keys |= MAKES[subentry.data["make"]].secrets
    elif subentry.subentry_type == SUBENTRY_PRICE:
        keys |= {field.key for field in SOURCES[subentry.data["kind"]].fields if field.secret}
    return keys


def _secret_values(subentry: ConfigSubentry) -> Iterator[str]:
    """Yield what the secret keys of a subentry hold."""
    keys = _secret_keys(subentry)

    def values(row: Mapping[str, Any]) -> Iterator[str]:
        for key, value in row.items():
            if isinstance(value, Mapping):
                yield from values(value)
            elif key in keys and isinstance(value, str) and len(value) >= SHORTEST:
                yield value

    yield from values(subentry.data)


def _without(content: Any, hidden: AbstractSet[str]) -> Any:
    """Return `content` with every mention of what is hidden taken out."""
    if isinstance(content, str):
        for value in hidden:
            content = content.replace(value, REDACTED)
        return content
    if isinstance(content, Mapping):
        return {_without(key, hidden): _without(value, hidden) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without(value, hidden) for value in content]
    return content
