"""How devices make themselves known in the network or on a USB port, and what a make reads of it.

What a row declares here must stand in the manifest too, where Home Assistant looks for it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import DriverContext


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a device said of itself, or what the system found out about it."""

    address: str
    """IPv4 address, or path of a serial port."""
    port: int | None = None
    name: str = ""
    """What it calls itself; a host name where it says no more."""
    properties: Mapping[str, str]
    """TXT records of an announcement; ids of a USB device."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a make read of it."""

    connection: Mapping[str, Any]
    """Values for the make's form, as far as they are known."""
    name: str
    serial: str | None = None
    """The device's own serial number, as its driver tells it; `None` where it was not said."""
    mark: str | None = None
    """What tells it from others while its serial number cannot be known, such as a cable's ids."""


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """How devices of a make are discovered."""

    read: Callable[[Heard], Found]
    zeroconf: tuple[str, ...] = ()
    """Service types that it announces, ended by `.local.`."""
    dhcp: tuple[Mapping[str, str], ...] = ()
    """Patterns of `hostname` and `macaddress` that fit no device of another make."""
    usb: tuple[Mapping[str, str], ...] = ()
    """Patterns of a USB device; each with a description that tells what it is."""
    introduce: Callable[[Found, "DriverContext"], Awaitable[Found]] | None = None
    """Asks a device for its serial number where it was not said and credentials are needed for the
    rest. Raises DeviceError. `None`: the driver's `identify` can be asked without credentials."""


def at(heard: Heard, default_port: int) -> str:
    """Return the address for a form that asks for one in a single field, with its port if odd."""
    if heard.port in (None, default_port):
        return heard.address
    return f"{heard.address}:{heard.port}"
