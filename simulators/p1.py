"""A P1 port: sends the telegrams of a house's meter over TCP and a pty, with faults by name."""

import asyncio
from contextlib import suppress
from datetime import timedelta
import os
from pathlib import Path
from random import Random
import shutil
import socket
import struct
import tempfile
import tty

from custom_components.smart_charging.core.clock import Clock
from custom_components.smart_charging.core.grid import Topology

from .house import House
from .p1_telegram import Flavour, telegram, unreadable, without

FAULTS = (
    "crc",
    "byte_ff",
    "truncate",
    "mid_start",
    "garbage",
    "missing",
    "operator",
    "skip",
    "stall",
    "reset",
    "hang_up",
)
"""crc: wrong checksum; byte_ff: a byte above 0x7F inside; truncate: ends halfway; mid_start:
starts halfway; garbage: 4 kB of noise before it; missing: sound, but without the lines of power,
current, import and gas; operator: sound, but limiter, breaker and message cannot be read; skip: nothing is sent; stall: nothing is sent
and nothing is closed (half-open link); reset: TCP clients get a reset; hang_up: all links are
closed, a reader of the pty gets EIO and finds the port again under the same path."""

FLAVOURS: dict[Topology, Flavour] = {
    Topology.SINGLE_230: "be_1ph",
    Topology.THREE_230: "be_3x230",
    Topology.THREE_400: "be_3ph",
}
MISSING = (
    *("1-0:1.7.0", "1-0:2.7.0", "1-0:1.8.1", "0-1:24.2.3"),
    *(f"1-0:{line}{kind}.7.0" for line in (2, 4, 6) for kind in (1, 2)),
    *(f"1-0:{line}1.7.0" for line in (3, 5, 7)),
)
OPERATOR = ("0-0:17.0.0", "1-0:31.4.0", "0-0:96.3.10", "0-0:96.13.0")
GARBAGE_BYTES = 4096
SLOW_CLIENT_BYTES = 64 * 1024
"""A client that leaves this much unread gets no more, as from a UART."""


class P1Simulator:
    """The P1 port of a house. Binds 127.0.0.1 only; call `stop` when done."""

    def __init__(
        self,
        house: House,
        clock: Clock,
        *,
        meter_id: str = "1SAG3100000001",
        flavour: Flavour | None = None,
        interval_s: float = 1.0,
        auto: bool = True,
    ) -> None:
        """Take a house; with `auto` a telegram goes out each `interval_s` real seconds.

        `flavour` `None` fits the house's topology.
        """
        self.house = house
        self.clock = clock
        self.meter_id = meter_id
        self.flavour = flavour or FLAVOURS[house.config.topology]
        self.interval_s = interval_s
        self.auto = auto
        self.faults: dict[str, int | None] = {}
        """Active faults: how many more sends they spoil, `None` until cleared."""
        self.sent = 0
        """Sends so far, spoilt ones included."""
        self._random = Random(house.config.seed)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None]] = set()
        self._pty: tuple[int, int] | None = None
        self._pty_folder: Path | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def clients(self) -> int:
        """Number of TCP clients connected now."""
        return len(self._writers)

    def inject(self, name: str, count: int | None = 1) -> None:
        """Spoil the next `count` sends, or all until `clear` (`None`). Raises ValueError."""
        if name not in FAULTS:
            raise ValueError(f"no fault {name!r}; there are {', '.join(FAULTS)}")
        self.faults[name] = count

    def clear(self) -> None:
        """End all faults."""
        self.faults.clear()

    def telegram(self) -> bytes:
        """Return the faultless telegram of this moment."""
        self.house.advance()
        offset = timedelta(seconds=self.house.meter.clock_offset_s)
        return telegram(
            self.house.meter,
            self.house.now + offset,
            meter_id=self.meter_id,
            flavour=self.flavour,
        )

    async def start_tcp(self, port: int = 0) -> int:
        """Listen on 127.0.0.1 and return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self._start_task()
        sock: socket.socket = self._server.sockets[0]
        bound: int = sock.getsockname()[1]
        return bound

    def start_pty(self) -> str:
        """Open a pty and return the path of the port; it stays the same after a hang-up."""
        self._pty_folder = Path(tempfile.mkdtemp(prefix="p1-"))
        self._open_pty()
        self._start_task()
        return str(self._pty_folder / "p1")

    def send(self) -> int:
        """Send one telegram, spoilt by the active faults, and return the bytes offered."""
        self.sent += 1
        faults = self._take_faults()
        if "reset" in faults:
            self._reset_clients()
        if "hang_up" in faults:
            self._hang_up()
        elif self._pty_folder is not None and self._pty is None:
            self._open_pty()
        if "stall" in faults:
            return 0
        data = self._spoil(faults)
        if data:
            self._write_tcp(data)
            self._write_pty(data)
        return len(data)

    async def stop(self) -> None:
        """Close everything; a second call does nothing."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.transport.abort()
            await asyncio.gather(*self._handlers)
            await self._server.wait_closed()
            self._server = None
        self._close_pty()
        if self._pty_folder is not None:
            shutil.rmtree(self._pty_folder)
            self._pty_folder = None

    def _start_task(self) -> None:
        if self.auto and self._task is None:
            self._task = asyncio.create_task(self._send_all_the_time())

    async def _send_all_the_time(self) -> None:
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            self.send()
            next_s = max(next_s + self.interval_s, loop.time())
            await asyncio.sleep(next_s - loop.time())

    def _take_faults(self) -> set[str]:
        active = set(self.faults)
        for name, count in tuple(self.faults.items()):
            if count is None:
                continue
            if count <= 1:
                del self.faults[name]
            else:
                self.faults[name] = count - 1
        return active

    def _spoil(self, faults: set[str]) -> bytes:
        data = b"" if faults & {"skip", "hang_up"} else self.telegram()
        if "missing" in faults and data:
            data = without(data, MISSING)
        if "operator" in faults and data:
            data = unreadable(data, OPERATOR)
        half = len(data) // 2
        if "crc" in faults and data:
            right = int(data[-6:-2], 16)
            data = data[:-6] + f"{right ^ 0x1234:04X}\r\n".encode("ascii")
        if "byte_ff" in faults and data:
            data = data[:half] + b"\xff" + data[half + 1 :]
        if "truncate" in faults:
            data = data[:half]
        elif "mid_start" in faults:
            data = data[half:]
        if "garbage" in faults:
            data = self._random.randbytes(GARBAGE_BYTES) + data
        return data

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._handlers.add(task)
            task.add_done_callback(self._handlers.discard)
        self._writers.add(writer)
        try:
            # A P1 port listens to nobody; reading only shows when the client leaves.
            while await reader.read(1024):
                pass
        except ConnectionError:
            pass  # a client that is gone is no news to a meter
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def _write_tcp(self, data: bytes) -> None:
        for writer in self._writers:
            if writer.transport.get_write_buffer_size() < SLOW_CLIENT_BYTES:
                writer.write(data)

    def _write_pty(self, data: bytes) -> None:
        if self._pty is None:
            return
        with suppress(BlockingIOError):  # full because nobody reads: lost, as on a wire
            os.write(self._pty[0], data)

    def _reset_clients(self) -> None:
        for writer in tuple(self._writers):
            sock: socket.socket = writer.get_extra_info("socket")
            # Linger of zero makes the close a reset instead of an orderly end.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def _hang_up(self) -> None:
        for writer in tuple(self._writers):
            writer.close()
        self._close_pty()

    def _open_pty(self) -> None:
        if self._pty_folder is None:
            raise RuntimeError("the pty was never started")
        # Our end of the slave stays open: else the master gets EIO whenever nobody reads.
        master, slave = os.openpty()
        tty.setraw(master)
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._pty = (master, slave)
        link = self._pty_folder / "p1"
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))

    def _close_pty(self) -> None:
        if self._pty is None:
            return
        for end in self._pty:
            os.close(end)
        self._pty = None
        if self._pty_folder is not None:
            # As with a pulled cable: the name must not lead to whoever gets the number next.
            (self._pty_folder / "p1").unlink(missing_ok=True)
