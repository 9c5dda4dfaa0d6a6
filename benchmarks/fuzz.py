"""Fuzz: mutated telegrams through a real socket into the P1 driver, readings out.

Each is followed by a sound telegram, whose reading must arrive: a driver that stopped, lost its
link or its place in the stream would not give it.

    python -m benchmarks.fuzz [--json] [--examples N] [--seed N]
"""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import cache
import json
from pathlib import Path
import re
import time
from typing import Any, Self

import aiohttp
from hypothesis import HealthCheck, Phase, given, seed, settings

from custom_components.smart_charging.core.reading import AnyReading, MeterReading
from custom_components.smart_charging.devices.base import DeviceError, DriverContext
from custom_components.smart_charging.devices.p1.driver import P1Driver, Patience
from custom_components.smart_charging.devices.p1.frames import PlainFrames
from custom_components.smart_charging.devices.p1.telegram import describe, parse_telegram
from simulators.clock import ManualClock

from .p1_mutants import Mutant, mutants, seal

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures" / "p1"
VERSIONS = {"nl_v2_2": "2.2", "nl_v4_2": "4", "nl_v5": "5", "hu_eon": "5EONHU"}
"""Kinds of meter by the start of a sample's name; the others are Belgian."""

AT = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
ANSWER_S = 20.0
"""The reading of the sound telegram takes a millisecond; a busy machine may take longer."""

BATCH = 2000
"""Hypothesis keeps what it tried: a run of this length stays small."""

_COUNTER = re.compile(rb"(?<=1-0:1\.8\.1\()\d+\.\d+")
_SOUND = {
    "5B": "be_fluvius_3ph_gas_real.txt",
    "2.2": "nl_v2_2_nocrc.txt",
    "4": "nl_v4_2.txt",
    "5": "nl_v5_real.txt",
    "5EONHU": "hu_eon_v5.txt",
}


@cache
def samples(version: str) -> tuple[bytes, ...]:
    """Return the telegrams of a kind of meter, the bad ones included.

    DSMR 2.2 has no checksum, so that everything reaches the parser: it gets all of them.
    """
    return tuple(
        path.read_bytes()
        for path in sorted(FIXTURES.glob("*.txt"))
        if version
        in ("2.2", next((v for s, v in VERSIONS.items() if path.name.startswith(s)), "5B"))
    )


@dataclass(kw_only=True)
class Tally:
    """What came of all mutants."""

    examples: int = 0
    exceptions: int = 0
    """The driver ended, or the event loop caught something."""
    swallowed: int = 0
    """The sound telegram after it gave no reading."""
    telegrams: int = 0
    """Frames that looked like one, the sound ones not counted."""
    skipped: int = 0
    """Of them, those that gave no reading."""
    readings: int = 0
    missing_parts: int = 0
    """Readings that lack something that the telegram had before."""
    first: list[str] = field(default_factory=list)
    """The first few failures, in words."""

    def fail(self, words: str) -> None:
        """Count an exception."""
        self.exceptions += 1
        if len(self.first) < 5:
            self.first.append(words)


class FuzzedPort:
    """A P1 driver of one kind of meter behind a socket that sends whatever it is given."""

    def __init__(self, version: str, tally: Tally) -> None:
        """Nothing listens yet."""
        self._version = version
        self._tally = tally
        self._sound = (FIXTURES / _SOUND[version]).read_bytes()
        self._readings: list[MeterReading] = []
        self._arrived = asyncio.Event()
        self._joined = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._number = 0

    async def __aenter__(self) -> Self:
        """Listen, and let the driver connect."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self._tally.fail(str(context)))
        self._session = aiohttp.ClientSession()
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        await self._connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        await self._hang_up()
        self._server.close()
        await self._server.wait_closed()
        await self._session.close()

    async def feed(self, mutant: Mutant) -> None:
        """Send a mutant and a sound telegram, and count what comes."""
        self._tally.examples += 1
        self._number += 1
        mark = f"{self._number:010.3f}".encode()
        sound = seal(_COUNTER.sub(mark, self._sound, count=1))
        before = self._frames(mutant.data)
        assert self._writer is not None
        self._readings.clear()
        self._writer.write(mutant.data)
        self._writer.write(sound)
        try:
            async with asyncio.timeout(ANSWER_S):
                while not self._is_marked(float(mark)) and not self._task.done():
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            self._tally.swallowed += 1
        if self._task.done():
            self._tally.fail(f"the driver ended with {self._task.exception()!r}: {mutant.data!r}")
            await self._hang_up()
            await self._connect()
            return
        self._count(mutant, before)

    def _is_marked(self, mark: float) -> bool:
        return bool(self._readings) and self._readings[-1].import_t1_kwh == mark

    def _count(self, mutant: Mutant, frames: int) -> None:
        tally, given_by_mutant = self._tally, self._readings[:-1]
        tally.telegrams += frames
        tally.readings += len(given_by_mutant)
        tally.skipped += max(0, frames - len(given_by_mutant))
        whole = _whole(mutant.original, self._version)
        tally.missing_parts += sum(1 for r in given_by_mutant if whole - _told(r))

    def _frames(self, data: bytes) -> int:
        """Return how many frames the bytes hold, each read and described as at set-up."""
        texts = PlainFrames().feed(data)
        for text in texts:
            try:
                if (reading := parse_telegram(text, self._version, AT)) is not None:
                    describe(text, reading)
            except Exception as err:  # noqa: BLE001 - any is a find
                self._tally.fail(f"{err!r}: {data!r}")
        return len(texts)

    async def _connect(self) -> None:
        async def run_blocking(func: Any, *args: Any) -> Any:
            return await asyncio.to_thread(func, *args)

        port = self._server.sockets[0].getsockname()[1]
        driver = P1Driver(
            {"url": f"socket://127.0.0.1:{port}", "version": self._version},
            DriverContext(session=self._session, clock=ManualClock(AT), run_blocking=run_blocking),
            # The samples' clocks stand still; bad ones come in rows.
            Patience(frozen_s=float("inf"), wrong_s=3600, silent_s=3600),
        )
        self._joined.clear()
        self._task = asyncio.create_task(driver.run(self._take))
        self._task.add_done_callback(lambda _: self._arrived.set())
        await self._joined.wait()

    async def _hang_up(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError, DeviceError):
            await self._task
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()

    async def _join(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._joined.set()

    def _take(self, _part: str, reading: AnyReading) -> None:
        assert isinstance(reading, MeterReading)
        self._readings.append(reading)
        self._arrived.set()


def _told(reading: MeterReading) -> frozenset[str]:
    """Return the names of what a reading tells."""
    return frozenset(f.name for f in fields(reading) if getattr(reading, f.name) not in (None, ()))


@cache
def _whole(telegram: bytes, version: str) -> frozenset[str]:
    told = frozenset[str]()
    for text in PlainFrames().feed(telegram):
        if (reading := parse_telegram(text, version, AT)) is not None:
            told |= _told(reading)
    return told


def fuzz(version: str, examples: int, tally: Tally, *, start: int = 0) -> None:
    """Send `examples` mutants of a kind of meter, and count what comes; `start` seeds them."""
    with asyncio.Runner() as runner:
        port = runner.run(FuzzedPort(version, tally).__aenter__())

        @seed(start)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(mutants(samples(version)))
        def send(mutant: Mutant) -> None:
            runner.run(port.feed(mutant))

        try:
            send()
        finally:
            runner.run(port.__aexit__())


def shares(examples: int, versions: Sequence[str] = tuple(_SOUND)) -> Mapping[str, int]:
    """Return how many mutants each kind of meter gets: half of them are Belgian."""
    other = examples // (2 * (len(versions) - 1))
    return {version: other for version in versions if version != "5B"} | {
        "5B": examples - other * (len(versions) - 1)
    }


def main() -> None:
    """Fuzz and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--examples", type=int, default=100_000, help="default 100000")
    parser.add_argument("--seed", type=int, default=1, help="other mutants with another one")
    options = parser.parse_args()
    tally, began_s = Tally(), time.perf_counter()
    for version, examples in shares(options.examples).items():
        for number, done in enumerate(range(0, examples, BATCH)):
            fuzz(version, min(BATCH, examples - done), tally, start=options.seed + 1000 * number)
    found = {**asdict(tally), "seconds": round(time.perf_counter() - began_s, 1)}
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        print(f"{key:14} {value}")


if __name__ == "__main__":
    main()
