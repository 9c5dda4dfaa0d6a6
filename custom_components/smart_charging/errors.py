"""Errors as Home Assistant shows them: translated, with what to do."""

from collections.abc import Generator
from contextlib import contextmanager

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .commissioning import Failure
from .const import DOMAIN
from .devices.base import DeviceError


@contextmanager
def translated(name: str) -> Generator[None]:
    """Turn a DeviceError of the device `name` into a HomeAssistantError.

    Raises HomeAssistantError.
    """
    try:
        yield
    except DeviceError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="device_failed",
            translation_placeholders={"name": name, "error": str(err) or err.key},
        ) from err


def below_minimum(current_a: float, minimum_a: float) -> ServiceValidationError:
    """Return the refusal of a current that no car can follow."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="below_minimum_current",
        translation_placeholders={"minimum": f"{minimum_a:g}", "value": f"{current_a:g}"},
    )


def not_commissioned(name: str, failure: Failure) -> ServiceValidationError:
    """Return the refusal to commission the charger `name`, with what is missing."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=f"commission_{failure.value}",
        translation_placeholders={"name": name},
    )
