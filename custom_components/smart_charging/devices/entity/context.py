"""What Home Assistant hands to the drivers and price sources that live on its entities."""

from contextvars import ContextVar
from dataclasses import dataclass

from homeassistant.core import Context, HomeAssistant

from ..base import DriverContext


@dataclass(frozen=True, kw_only=True)
class EntityContext(DriverContext):
    """A driver's context with the running Home Assistant."""

    hass: HomeAssistant


acting_context: ContextVar[Context | None] = ContextVar("acting_context", default=None)
"""The `Context` of the decision being carried out, so that a service call can be traced to it.

A context variable, because the orders of a driver are the same for hardware and entities: whoever
acts sets it, and tasks started from there inherit it.
"""
