"""Says in the logbook why a setpoint was written."""

from collections.abc import Callable

from homeassistant.components.logbook.const import (
    LOGBOOK_ENTRY_ENTITY_ID,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Event, HomeAssistant, callback

from .const import DOMAIN, EVENT_SETPOINT


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, str, Callable[[Event], dict[str, str]]], None],
) -> None:
    """Describe our events."""

    @callback
    def describe(event: Event) -> dict[str, str]:
        data = event.data
        entity_id = data[ATTR_ENTITY_ID]
        state = hass.states.get(entity_id)
        reason = str(data["reason"]).replace("_", " ")
        if "current_a" in data:
            order = f"set to {data['current_a']:g} A" if data["current_a"] else "paused"
            if data.get("phases") and data["current_a"]:
                order += f" on {data['phases']} phase{'s' if data['phases'] != 1 else ''}"
        else:
            order = f"set to {str(data['mode']).replace('_', ' ')} at {data['power_kw']:g} kW"
        limit = f", held by {data['limit']}" if data.get("limit") else ""
        return {
            LOGBOOK_ENTRY_NAME: state.name if state else entity_id,
            LOGBOOK_ENTRY_MESSAGE: f"{order} because of {reason}{limit}",
            LOGBOOK_ENTRY_ENTITY_ID: entity_id,
        }

    async_describe_event(DOMAIN, EVENT_SETPOINT, describe)
