"""Asks a wallbox who it is: it says so to everybody, before it wants a password."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import aiohttp

from ..base import CannotConnect, DriverContext, WrongDevice
from ..discovery import Found

HTTP_PORT: Final = 80

HELLO_S: Final = 5.0
"""It greets at once; over bad Wi-Fi that takes a second or two."""


async def introduce(found: Found, context: DriverContext) -> Found:
    """Return what was found, with serial number and name.

    Raises CannotConnect, or WrongDevice where no Wattpilot answers: inverters announce themselves
    under its service, too, so that the wallbox finds them.
    """
    url = f"ws://{found.connection['host']}/ws"
    try:
        async with asyncio.timeout(HELLO_S), context.session.ws_connect(url) as link:
            hello = await link.receive_json()
    except TimeoutError as err:
        raise CannotConnect(f"no greeting within {HELLO_S:.0f} s") from err
    except aiohttp.WSServerHandshakeError as err:
        raise WrongDevice(f"HTTP {err.status}") from err
    except (aiohttp.ClientError, OSError) as err:
        raise CannotConnect(str(err) or type(err).__name__) from err
    except (TypeError, ValueError) as err:
        raise WrongDevice("its greeting cannot be read") from err
    if not isinstance(hello, Mapping) or not hello.get("serial"):
        raise WrongDevice("its greeting names no serial number")
    name = str(hello.get("friendly_name") or "") or found.name
    return replace(found, serial=str(hello["serial"]), name=name)
