"""One websocket to the charger: opened, watched and closed, with its failures in our words.

The library is driven without its own reconnection: the site's runner connects anew, so that a
lost link becomes an unavailable device instead of values that stand still.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
import logging
from typing import Any

from wattpilot_api import (
    AuthenticationError,
    CommandError,
    CommandTimeoutError,
    PropertyError,
    Wattpilot,
    WattpilotError,
)
from wattpilot_api.definition import ApiDefinition, load_api_definition
from websockets.exceptions import WebSocketException

from ...core.clock import Clock
from ..base import CannotConnect, InvalidAuth, Rejected, WrongDevice
from .orders import Value

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Waits in seconds."""

    connect_s: float = 10.0
    """For the handshake; hashing the password takes a small computer about 1 s of it."""
    init_s: float = 20.0
    """For the first complete set of properties."""
    command_s: float = 5.0
    close_s: float = 2.0
    """For the farewell of a charger that may be gone; Home Assistant gives a stop 15 s in all."""
    silence_s: float = 30.0
    """The charger sends its changed properties about once a second, its clock among them. It has
    nothing that could be asked for, so that stream is the sign of life."""
    tick_s: float = 1.0
    """How often link and silence are looked at; the library does not tell of a closed link."""
    shortest_s: float = 0.25
    """Between two readings."""
    longest_s: float = 5.0


def _words(err: BaseException) -> str:
    return str(err) or type(err).__name__


@contextmanager
def _translated() -> Iterator[None]:
    """Raise DeviceError for whatever library and socket raise."""
    try:
        yield
    except CommandTimeoutError as err:
        raise CannotConnect(_words(err)) from err
    except (CommandError, PropertyError) as err:
        raise Rejected(_words(err)) from err
    # The library lets through what lies below it: OSError and TimeoutError of the socket, the
    # websocket's own, ValueError for an odd host name, ImportError for a SOCKS proxy in the
    # environment.
    except (WattpilotError, OSError, WebSocketException, ValueError, ImportError) as err:
        raise CannotConnect(_words(err)) from err


@cache
def load_definitions() -> ApiDefinition:
    """Parse the library's table of properties (0.2 s and more, the first time); blocks."""
    with _translated():
        return load_api_definition(split_properties=False)


class _Client(Wattpilot):
    """The library's client without two of its weaknesses.

    Should the methods that this overrides go, then only those come back.
    """

    def _get_api_def(self) -> ApiDefinition:
        """Share the table that each client would parse anew, in the event loop at the first write."""
        return load_definitions()

    def _update_property(self, name: str, value: Any) -> None:
        """Bear a measurement that is missing.

        The library would lose what else the message tells. It keeps the value first, and from
        there we read it.
        """
        try:
            super()._update_property(name, value)
        except (TypeError, LookupError) as err:
            _LOGGER.debug("The charger sent %s as %r: %s", name, value, err)


def _in_our_words_only(record: logging.LogRecord) -> bool:
    """Keep failures out of the log that reach it through us, once and with the charger's name."""
    return record.levelno < logging.WARNING or _LIBRARY_LOGGER.isEnabledFor(logging.DEBUG)


_LIBRARY_LOGGER = logging.getLogger("wattpilot_api.client")
_LIBRARY_LOGGER.addFilter(_in_our_words_only)


class Link:
    """An open connection with the charger's properties as last heard."""

    def __init__(self, client: Wattpilot, clock: Clock, timing: Timing) -> None:
        """Watch `client`, which may still be unconnected."""
        self._client = client
        self._clock = clock
        self._timing = timing
        self.changed = asyncio.Event()
        """Set when something was heard."""
        self.heard_at: datetime = clock.now()
        self.heard_s: float = clock.monotonic()
        self.refused = False
        """The charger itself refused the password."""
        client.on_message(self._hear)

    def _hear(self, message: dict[str, Any]) -> None:
        self.heard_at, self.heard_s = self._clock.now(), self._clock.monotonic()
        self.refused |= message.get("type") == "authError"
        self.changed.set()

    @property
    def client(self) -> Wattpilot:
        """The library's client."""
        return self._client

    @property
    def properties(self) -> Mapping[str, Any]:
        """All properties as last heard or acknowledged."""
        return self._client.all_properties

    def check(self) -> None:
        """Raise CannotConnect when the link is closed or silent for too long."""
        if not self._client.connected:
            raise CannotConnect("the charger closed the connection")
        silent_s = self._clock.monotonic() - self.heard_s
        if silent_s > self._timing.silence_s:
            raise CannotConnect(f"nothing heard from the charger for {silent_s:.0f} s")

    async def write(self, key: str, value: Value) -> None:
        """Set a property and await the acknowledgement. Raises Rejected or CannotConnect."""
        with _translated():
            await self._client.set_property(key, value)

    async def open(self) -> None:
        """Connect and await all properties.

        Raises InvalidAuth, WrongDevice or CannotConnect.
        """
        with _translated():
            try:
                await self._client.connect()
            except AuthenticationError as err:
                # The library also calls a malformed handshake so, which no new password mends.
                if self.refused:
                    raise InvalidAuth(_words(err)) from err
                raise
        kind = self._client.device_type
        if kind and not kind.startswith("wattpilot"):
            raise WrongDevice(kind)

    async def close(self) -> None:
        """Close the socket and end the library's tasks, also after a failed `open`."""
        # A charger that vanished never says goodbye; without this the library waits 10 s for it.
        socket = getattr(self._client, "_ws", None)
        if socket is not None:
            socket.close_timeout = self._timing.close_s
        try:
            await self._client.disconnect()
        except (WattpilotError, OSError, WebSocketException) as err:
            # The way out has a better reason already: the loss of the link or a cancellation.
            _LOGGER.debug("Closing the link failed: %s", _words(err))


@asynccontextmanager
async def open_link(host: str, password: str, clock: Clock, timing: Timing) -> AsyncIterator[Link]:
    """Yield an open link and close it whatever happens. Raises as `Link.open`."""
    client = _Client(
        host,
        password,
        connect_timeout=timing.connect_s,
        init_timeout=timing.init_s,
        command_timeout=timing.command_s,
        auto_reconnect=False,
    )
    link = Link(client, clock, timing)
    try:
        await link.open()
        yield link
    finally:
        await link.close()
