"""Names and figures that the Home Assistant side shares."""

from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "smart_charging"

PLATFORMS: Final = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CALENDAR,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.TIME,
)

SUBENTRY_DEVICE: Final = "device"
SUBENTRY_VEHICLE: Final = "vehicle"
SUBENTRY_PRICE: Final = "price"

EVENT_SETPOINT: Final = "smart_charging_setpoint"
"""Fired with the context of a decision just before the write that carries it out."""

GUEST: Final = "guest"
"""Option of a charger's vehicle select for a car that is not configured."""
