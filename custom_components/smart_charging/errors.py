"""Device errors as Home Assistant shows them: translated, with what to do."""

from collections.abc import Generator
from contextlib import contextmanager

from homeassistant.exceptions import HomeAssistantError

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
