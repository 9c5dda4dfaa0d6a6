"""The serial or network link to a P1 port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import errno
import re

import serialx

from ..base import CannotConnect, DeviceError, InUse
from .frames import Frames
from .versions import Version


class Link(asyncio.Protocol):
    """Receives bytes and hands over each telegram; nothing that comes in can break it."""

    def __init__(self, frames: Frames, on_telegram: Callable[[str], bool]) -> None:
        """Take what cuts telegrams and who reads them; it returns whether one was good."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._frames = frames
        self._on_telegram = on_telegram
        self.opened_s = loop.time()
        self.first_byte_s: float | None = None
        self.last_good_s: float | None = None
        self.bad = 0
        """Telegrams that could not be read."""
        self.lost: asyncio.Future[Exception | None] = loop.create_future()
        """Done when the link is gone, with the cause where there is one."""
        self.good: asyncio.Future[None] = loop.create_future()
        """Done at the first good telegram."""

    def data_received(self, data: bytes) -> None:
        """Take in what arrived."""
        if self.first_byte_s is None:
            self.first_byte_s = self._loop.time()
        for telegram in self._frames.feed(data):
            if self._on_telegram(telegram):
                self.last_good_s = self._loop.time()
                if not self.good.done():
                    self.good.set_result(None)
            else:
                self.bad += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember the end of the link, of which a transport tells once."""
        self.lost.set_result(exc)


@asynccontextmanager
async def open_link(
    address: str, version: Version, link: Link, timeout_s: float
) -> AsyncIterator[Link]:
    """Open `address` (a port's path or a URL) and close it at the end.

    Raises InUse where somebody else holds the port, CannotConnect where it does not open.
    """
    try:
        async with asyncio.timeout(timeout_s):
            transport, _ = await serialx.create_serial_connection(
                asyncio.get_running_loop(),
                lambda: link,
                normalised(address),
                baudrate=version.baudrate,
                parity=serialx.Parity.EVEN if version.seven_bits else serialx.Parity.NONE,
                byte_size=7 if version.seven_bits else 8,
                # Setting low latency needs rights that containers often lack.
                low_latency=False,
            )
    except (OSError, serialx.SerialException, ValueError, ImportError) as err:
        raise _cause(err) from err
    try:
        yield link
    finally:
        transport.abort()
        await transport.wait_closed()


def normalised(address: str) -> str:
    """Return the address as serialx takes it: `host:port` and `tcp://` mean `socket://`."""
    address = address.strip()
    if re.fullmatch(r"[\w.-]+:\d{1,5}", address):
        return f"socket://{address}"
    return re.sub(r"^tcp://", "socket://", address)


def _cause(err: Exception) -> DeviceError:
    if isinstance(err, OSError) and err.errno == errno.EBUSY:
        return InUse(str(err))
    if isinstance(err, TimeoutError):
        return CannotConnect("no answer in time")
    return CannotConnect(str(err) or type(err).__name__)
