"""Where devices are: addresses, ports and patterns of what is said of them, compared."""

from asyncio import AbstractEventLoop
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from ipaddress import ip_address
from pathlib import Path
import socket
from typing import Any

from .testing import HOST

PORT = "port"
"""Field in which makes ask for a port of its own."""

BY_ID = Path("/dev/serial/by-id")
"""Where Linux names serial ports after their device."""


def fits(patterns: Iterable[Mapping[str, str]], said: Mapping[str, str]) -> bool:
    """Tell whether what was said of a device fits one of the patterns."""
    return any(
        all(fnmatchcase(said[key], pattern) for key, pattern in row.items()) for row in patterns
    )


def lasting_name(port: str) -> str:
    """Return the name of a serial port that stays over restarts; reads the file system."""
    links = sorted(BY_ID.iterdir()) if BY_ID.is_dir() else []
    return next((str(link) for link in links if link.resolve() == Path(port).resolve()), port)


async def same_place(
    loop: AbstractEventLoop,
    stored: Mapping[str, Any],
    found: Mapping[str, Any],
    addresses: Collection[str],
) -> bool:
    """Tell whether a stored connection leads to a found one: by one of its addresses, or by name."""
    host, port = _place(stored)
    if port != _place(found)[1]:
        return False
    if host in addresses or _is_address(host):
        return host in addresses
    try:
        infos = await loop.getaddrinfo(host, None, family=socket.AF_INET)
    except OSError:
        return False
    return any(info[4][0] in addresses for info in infos)


def _place(connection: Mapping[str, Any]) -> tuple[str, int | None]:
    """Return host and port of a connection; people paste addresses with scheme and path."""
    address = str(connection.get(HOST, "")).strip().lower().rpartition("://")[2]
    host, _, port = address.partition("/")[0].partition(":")
    port = str(connection.get(PORT) or port)
    return host, int(float(port)) if port.replace(".", "").isdecimal() else None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
