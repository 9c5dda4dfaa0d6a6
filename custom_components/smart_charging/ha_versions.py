"""Every difference between the Home Assistant versions that we support, in one place.

Floor: 2025.4 (what Python 3.13.0 can install). Each branch names the version that removes it.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, selector

from .devices.base import InUse

# Devices name their parent by registry id since 2026.8; before that by identifier. Branch on what
# the type offers: goes when the floor reaches a version with `via_device_id`.
_VIA_BY_ID = "via_device_id" in dr.DeviceInfo.__annotations__


def via_device(parent: dr.DeviceEntry) -> dr.DeviceInfo:
    """Return the part of a DeviceInfo that says `parent` carries the device."""
    if _VIA_BY_ID:
        return dr.DeviceInfo(via_device_id=parent.id)
    identifier = next(iter(parent.identifiers))
    return dr.DeviceInfo(via_device=identifier)  # type: ignore[typeddict-unknown-key]  # floor only


def serial_selector() -> Any:
    """Return the form element for a serial port or a URL such as socket://host:port.

    The selector of serial ports exists since 2026.x; before it the user types the path.
    """
    if (port_selector := getattr(selector, "SerialPortSelector", None)) is not None:
        return port_selector()
    return selector.TextSelector()


def shared_modbus_unit(
    hass: HomeAssistant,
) -> Callable[[str, int, int], AbstractAsyncContextManager[Any]] | None:
    """Return what opens a Modbus unit shared with other integrations, where HA has that.

    Devices such as SolarEdge inverters bear one Modbus client; since 2026.10 Home Assistant
    shares the connection. `None` where it cannot.
    """
    if "modbus" not in hass.config.components:
        # Nobody else uses Modbus here: the driver opens its own connection.
        return None
    from homeassistant.components import modbus  # loaded by now, so this reads no file

    open_unit = getattr(modbus, "async_get_temporary_unit", None)
    if open_unit is None:
        return None

    @asynccontextmanager
    async def unit(host: str, port: int, unit_id: int) -> AsyncGenerator[Any]:
        from modbus_connection import ModbusTcpParams  # Home Assistant's Modbus has loaded it

        try:
            async with open_unit(hass, ModbusTcpParams(host=host, port=port), unit_id) as opened:
                yield opened
        except HomeAssistantError as err:
            raise InUse(str(err)) from err

    return unit
