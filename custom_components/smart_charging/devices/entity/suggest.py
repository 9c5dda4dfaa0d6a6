"""Finds entities that could be a meter, PV, battery or charger, with the form filled in."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
import re
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from ...core.reading import PartKind
from .known import KNOWN
from .known_row import Known
from .state import Quantity, unit_of
from .status import knows

OURS = "smart_charging"
"""Our own entities show what we already have."""

_SEPARATORS = re.compile(r"[^a-z0-9]+")

_WORDS = {
    PartKind.METER: ("grid", "mains", "net", "p1", "utility", "smart_meter", "meter"),
    PartKind.PV: ("solar", "pv", "photovoltaic", "photovoltaics", "inverter", "production"),
    PartKind.BATTERY: ("battery", "storage"),
    PartKind.CHARGER: ("charger", "charging", "wallbox", "evse", "charge"),
}
"""Words in names that tell kinds apart where the integration is not known."""

_IMPORT_WORDS = ("import", "consumption", "consumed", "usage", "from_grid")
_EXPORT_WORDS = ("export", "delivery", "returned", "feed", "to_grid", "injection")


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """Entities of one device that make up a part."""

    kind: PartKind
    make: str
    title: str
    """The device's name."""
    platform: str
    """The integration that the entities belong to."""
    device_id: str | None
    known: bool
    """True where the integration is in our table; else names and units were compared."""
    data: dict[str, Any]
    """Values for the form of `make`."""


@callback
def suggest(hass: HomeAssistant, kind: PartKind) -> list[Suggestion]:
    """Return what could be a part of `kind`, sure ones first, by name within."""
    devices = dr.async_get(hass)
    found: list[Suggestion] = []
    for (device_id, platform), entries in _by_device(hass).items():
        device = None if device_id is None else devices.async_get(device_id)
        rows = [row for row in KNOWN if row.platform == platform]
        data = next(
            (filled for row in rows if row.kind is kind and (filled := _fill(row, entries))), None
        )
        known = data is not None
        if data is None and not rows:
            data = _guess(hass, kind, entries)
        if data:
            found.append(
                Suggestion(
                    kind=kind,
                    make=f"entity_{kind.value}",
                    title=(device and (device.name_by_user or device.name)) or platform,
                    platform=platform,
                    device_id=device_id,
                    known=known,
                    data=data,
                )
            )
    return sorted(found, key=lambda s: (not s.known, s.title))


def _by_device(hass: HomeAssistant) -> dict[tuple[str | None, str], list[er.RegistryEntry]]:
    """Return the usable entities per device and integration."""
    groups: dict[tuple[str | None, str], list[er.RegistryEntry]] = defaultdict(list)
    for entry in er.async_get(hass).entities.values():
        if not entry.disabled and entry.platform != OURS:
            groups[entry.device_id, entry.platform].append(entry)
    return groups


def _fill(row: Known, entries: list[er.RegistryEntry]) -> dict[str, Any] | None:
    """Return the form of a row, or `None` where the device lacks what the row needs."""
    data = {key: entity for key, name in row.fields.items() if (entity := _match(entries, name))}
    if any(key not in data for key in row.needs):
        return None
    if any(_match(entries, name) is None for name in row.also.values()):
        return None
    return {**data, **row.extra, **_options(row, data, entries)}


def _options(
    row: Known, data: Mapping[str, Any], entries: list[er.RegistryEntry]
) -> dict[str, str]:
    """Return what the selects of a form call the options that a row names in several ways."""
    offered = {
        entry.entity_id: {
            str(option).casefold(): str(option)
            for option in (entry.capabilities or {}).get("options") or ()
        }
        for entry in entries
    }
    found: dict[str, str] = {}
    for key, names in row.options.items():
        has = offered.get(data.get(key.partition("_")[0], ""), {})
        if name := next((has[n.casefold()] for n in names if n.casefold() in has), None):
            found[key] = name
    return found


def _match(entries: Iterable[er.RegistryEntry], name: str) -> str | None:
    """Return the entity of `domain.key|key...`, an exact translation key before a unique id."""
    domain, _, keys = name.partition(".")
    candidates = [entry for entry in entries if entry.domain == domain]
    for key in keys.split("|"):
        for entry in candidates:
            if entry.translation_key == key:
                return entry.entity_id
        ends = [entry for entry in candidates if _ends(entry, key)]
        if ends:
            # `power` ends `reactive_power`, too: the shortest is the plain one.
            return min(ends, key=lambda entry: len(entry.unique_id)).entity_id
    return None


def _ends(entry: er.RegistryEntry, key: str) -> bool:
    """Return whether an entity's unique id or own name carries `key` as a whole word at an end."""
    unique = _words(entry.unique_id)
    return (
        unique.endswith(f"_{key}_")
        or unique.startswith(f"_{key}_")
        or _words(entry.original_name or "") == f"_{key}_"
    )


def _words(text: str) -> str:
    return f"_{_SEPARATORS.sub('_', text.lower()).strip('_')}_"


def _guess(
    hass: HomeAssistant, kind: PartKind, entries: list[er.RegistryEntry]
) -> dict[str, Any] | None:
    match kind:
        case PartKind.METER:
            return _guess_meter(hass, entries)
        case PartKind.PV:
            power = _only(_named(_powers(hass, entries), PartKind.PV))
            return None if power is None else {"power": power}
        case PartKind.BATTERY:
            soc = _first_of_class(entries, "battery")
            power = _only(_named(_powers(hass, entries), PartKind.BATTERY))
            return {"soc": soc, "power": power} if soc and power else None
        case PartKind.CHARGER:
            return _guess_charger(hass, entries)


def _guess_meter(hass: HomeAssistant, entries: list[er.RegistryEntry]) -> dict[str, Any] | None:
    powers = _named(_powers(hass, entries), PartKind.METER)
    taken = [entry for entry in powers if _has(entry, _IMPORT_WORDS)]
    given = [entry for entry in powers if _has(entry, _EXPORT_WORDS)]
    if len(taken) == 1 and len(given) == 1:
        return {"import_power": taken[0].entity_id, "export_power": given[0].entity_id}
    power = _only([entry for entry in powers if entry not in taken and entry not in given])
    return None if power is None else {"power": power}


def _guess_charger(hass: HomeAssistant, entries: list[er.RegistryEntry]) -> dict[str, Any] | None:
    """Return a status that speaks like a charger, with a current that can be set where there is one."""
    status = next(
        (
            entry.entity_id
            for entry in entries
            if entry.domain == "sensor"
            and knows(list((entry.capabilities or {}).get("options") or ()), entry.platform)
        ),
        None,
    )
    plug = next(
        (
            entry.entity_id
            for entry in entries
            if entry.domain == "binary_sensor" and _class(entry) == "plug"
        ),
        None,
    )
    limit = _only(
        [
            entry
            for entry in entries
            if entry.domain == "number" and Quantity.CURRENT.accepts(unit_of(hass, entry.entity_id))
        ]
    )
    if status is None and (plug is None or limit is None):
        return None
    switches = [e for e in entries if e.domain == "switch" and _has(e, _WORDS[PartKind.CHARGER])]
    power = _only(_named(_powers(hass, entries), PartKind.CHARGER))
    data = {
        "status": status,
        "connected": plug,
        "limit": limit,
        "enable": _only(switches),
        "power": power,
    }
    return {key: value for key, value in data.items() if value is not None}


def _powers(hass: HomeAssistant, entries: list[er.RegistryEntry]) -> list[er.RegistryEntry]:
    """Return the sensors of momentary power; energy counters are no use to control."""
    return [
        entry
        for entry in entries
        if entry.domain == "sensor"
        and _class(entry) == "power"
        and (entry.capabilities or {}).get("state_class") == "measurement"
        and Quantity.POWER.accepts(unit_of(hass, entry.entity_id))
    ]


def _named(entries: list[er.RegistryEntry], kind: PartKind) -> list[er.RegistryEntry]:
    """Return those whose name speaks of `kind` and of no other kind."""
    others = [word for other, words in _WORDS.items() if other is not kind for word in words]
    return [e for e in entries if _has(e, _WORDS[kind]) and not _has(e, others)]


def _has(entry: er.RegistryEntry, words: Iterable[str]) -> bool:
    text = _words(f"{entry.entity_id.partition('.')[2]} {entry.original_name or ''}")
    return any(f"_{word}_" in text for word in words)


def _class(entry: er.RegistryEntry) -> str | None:
    return entry.device_class or entry.original_device_class


def _first_of_class(entries: list[er.RegistryEntry], device_class: str) -> str | None:
    return next(
        (e.entity_id for e in entries if e.domain == "sensor" and _class(e) == device_class), None
    )


def _only(entries: list[er.RegistryEntry]) -> str | None:
    """Return the entity where there is no choice: a wrong guess is worse than none."""
    return entries[0].entity_id if len(entries) == 1 else None
