"""Who else in Home Assistant knows a device: entries of other integrations that name it."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .const import DOMAIN


def entries_naming(hass: HomeAssistant, known: set[str]) -> list[ConfigEntry]:
    """Return other integrations' entries whose data or unique id name one of `known`.

    `known` holds addresses, ports and serial numbers, in small letters. What a person told Home
    Assistant to ignore, or disabled, holds no link.
    """
    entries = hass.config_entries.async_entries(include_ignore=False, include_disabled=False)
    return [
        entry
        for entry in entries
        if entry.domain != DOMAIN
        and (
            str(entry.unique_id or "").lower() in known
            or any(str(value).lower() in known for value in entry.data.values())
        )
    ]
