"""The simulated P1 port sends what a Belgian meter would send."""

import asyncio
from datetime import UTC, datetime
import os
from pathlib import Path
import re
import select

import pytest

from custom_components.smart_charging.core.grid import Topology
from simulators.clock import ManualClock
from simulators.house import House, HouseConfig, MeterConfig
from simulators.p1 import FAULTS, P1Simulator
from simulators.p1_telegram import crc16

NOON = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
FIXTURES = Path(__file__).parent.parent / "fixtures" / "p1"


def simulator(start: datetime = NOON, **config: object) -> tuple[P1Simulator, ManualClock]:
    clock = ManualClock(start)
    house = House(HouseConfig(chargers=(), **config), clock)  # type: ignore[arg-type]  # shorthand
    return P1Simulator(house, clock, auto=False), clock


def codes(telegram: bytes) -> set[str]:
    return set(re.findall(r"^(\d-\d:[\d.]+)\(", telegram.decode(), re.MULTILINE))


def line(telegram: bytes, code: str) -> str:
    match = re.search(rf"^{re.escape(code)}(\(.*)\r$", telegram.decode(), re.MULTILINE)
    assert match is not None, code
    return match[1]


@pytest.mark.parametrize(
    "name", ["be_fluvius_3ph_gas_real", "be_fluvius_v171_gas_water_history_real", "nl_v4_2"]
)
def test_the_checksum_is_the_one_of_real_meters(name: str) -> None:
    data = (FIXTURES / f"{name}.txt").read_bytes()
    end = data.rindex(b"!") + 1
    assert crc16(data[:end]) == int(data[end : end + 4], 16)


@pytest.mark.parametrize(
    ("topology", "real"),
    [
        (Topology.THREE_400, "be_fluvius_v171_gas_water_history_real"),
        (Topology.SINGLE_230, "be_emucs211_single_gas_water"),
        (Topology.THREE_230, "be_3x230_aron_derived"),
    ],
)
def test_a_telegram_has_the_lines_and_the_layout_of_a_real_one(
    topology: Topology, real: str
) -> None:
    made = simulator(topology=topology)[0].telegram()
    seen = (FIXTURES / f"{real}.txt").read_bytes()
    optional = {f"0-{n}:96.3.10" for n in range(1, 5)} | {"0-2:24.2.3", "0-2:24.2.1"}
    optional |= {f"0-{n}:96.1.2" for n in range(3)}
    assert codes(made) - optional == codes(seen) - optional
    for code in codes(made) & codes(seen) - {"0-0:98.1.0", "0-0:17.0.0", "1-0:31.4.0"}:
        shape = re.sub(r"\d", "9", line(made, code)).replace("S", "W")
        if "96.1.1" not in code:
            assert shape == re.sub(r"\d", "9", line(seen, code)).replace("S", "W"), code
    end = made.rindex(b"!") + 1
    assert crc16(made[:end]) == int(made[end : end + 4], 16)
    assert made.endswith(b"\r\n") and b"\n" not in made.replace(b"\r\n", b"")


def test_a_dutch_telegram_has_no_lines_that_only_belgian_meters_have() -> None:
    clock = ManualClock(NOON)
    house = House(HouseConfig(chargers=(), meter=MeterConfig(dutch=True, water_m3=None)), clock)
    made = P1Simulator(house, clock, auto=False, flavour="nl_3ph").telegram()
    belgian = {"0-0:96.1.4", "1-0:1.4.0", "1-0:1.6.0", "0-0:98.1.0", "0-0:96.3.10", "0-0:17.0.0"}
    assert not belgian & codes(made)
    assert {"1-3:0.2.8", "1-0:1.7.0", "1-0:31.7.0", "0-0:96.14.0"} <= codes(made)
    # By day it counts on register 2.
    assert line(made, "0-0:96.14.0") == "(0002)"


def test_limiter_breaker_and_message_are_told_as_real_meters_do() -> None:
    port, _ = simulator()
    made = port.telegram()
    told = [line(made, code) for code in ("0-0:17.0.0", "1-0:31.4.0", "0-0:96.3.10")]
    assert told == ["(999.9*kW)", "(999*A)", "(1)"]
    assert line(made, "0-0:96.13.0") == "()"
    meter = port.house.meter
    meter.limiter_kw, meter.limiter_a, meter.breaker = 5.7, 10.0, 2
    meter.text_message = "Hello world"
    made = port.telegram()
    told = [line(made, code) for code in ("0-0:17.0.0", "1-0:31.4.0", "0-0:96.3.10")]
    assert told == ["(005.7*kW)", "(010*A)", "(2)"]
    assert line(made, "0-0:96.13.0") == "(48656C6C6F20776F726C64)"
    relays, _ = simulator(topology=Topology.THREE_230)
    assert line(relays.telegram(), "0-4:96.3.10") == "(0)"


def test_thirteen_months_of_peaks_stand_in_one_line() -> None:
    telegram = simulator()[0].telegram()
    assert (
        len(re.findall(r"\(\d{12}[SW]\)\(\d{12}[SW]\)\(\d\d\.\d{3}\*kW\)", telegram.decode())) == 13
    )
    assert line(telegram, "0-0:98.1.0").startswith("(13)(1-0:1.6.0)(1-0:1.6.0)(250601000000S)")


@pytest.mark.parametrize(
    ("at", "stamp"),
    [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "(261025023000S)"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "(261025023000W)"),
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "(260329015959W)"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "(260329030000S)"),
    ],
)
def test_the_clock_of_the_meter_shows_summer_and_winter(at: datetime, stamp: str) -> None:
    assert line(simulator(at)[0].telegram(), "0-0:1.0.0") == stamp


def test_the_meters_clock_may_be_off() -> None:
    sim, _ = simulator(meter=MeterConfig(clock_offset_s=-12))
    assert line(sim.telegram(), "0-0:1.0.0") == "(260610115948S)"


def test_telegrams_follow_the_house() -> None:
    sim, clock = simulator()
    sim.house.extra_kw[1] = 20.0
    clock.advance(5)
    telegram = sim.telegram()
    assert line(telegram, "1-0:41.7.0") > "(18.0"
    assert line(telegram, "1-0:42.7.0") == "(00.000*kW)"
    assert line(telegram, "1-0:1.7.0") > "(14.0"


async def read(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(2):
        return await reader.readuntil(b"!") + await reader.readuntil(b"\n")


async def test_several_tcp_clients_get_every_telegram() -> None:
    sim, clock = simulator()
    port = await sim.start_tcp()
    links = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    while sim.clients < 3:
        await asyncio.sleep(0)
    for _ in range(2):
        clock.advance(1)
        sent = sim.telegram()
        sim.send()
        for reader, _writer in links:
            assert await read(reader) == sent
    for _reader, writer in links:
        writer.close()
    await sim.stop()
    await sim.stop()


async def test_it_sends_by_itself_at_its_interval() -> None:
    sim, _ = simulator()
    sim.auto, sim.interval_s = True, 0.02
    port = await sim.start_tcp()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(5):
        await read(reader)
    assert sim.sent >= 5
    writer.close()
    await sim.stop()


async def test_a_pty_that_nobody_reads_loses_telegrams_instead_of_blocking() -> None:
    sim, _ = simulator()
    path = sim.start_pty()
    for _ in range(20):
        sim.send()
    assert Path(path).is_symlink()
    await sim.stop()
    assert not Path(path).is_symlink()


@pytest.mark.parametrize("name", [f for f in FAULTS if f not in ("reset", "hang_up")])
async def test_faults_spoil_the_given_number_of_telegrams(name: str) -> None:
    sim, _ = simulator()
    path = sim.start_pty()
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    good = sim.telegram()

    def received() -> bytes:
        data = b""
        while select.select([fd], [], [], 0.03)[0]:
            data += os.read(fd, 65536)
        return data

    sim.inject(name, count=2)
    for _ in range(2):
        sim.send()
        assert received() != good
    sim.send()
    assert received() == good
    sim.inject(name, count=None)
    for _ in range(3):
        sim.send()
        assert received() != good
    sim.clear()
    sim.send()
    assert received() == good
    os.close(fd)
    await sim.stop()


async def test_a_reset_reaches_tcp_clients() -> None:
    sim, _ = simulator()
    port = await sim.start_tcp()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not sim.clients:
        await asyncio.sleep(0)
    sim.inject("reset")
    sim.send()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 2)
    writer.close()
    await sim.stop()


async def test_after_a_hang_up_the_pty_comes_back_under_its_path() -> None:
    sim, _ = simulator()
    path = sim.start_pty()
    sim.inject("hang_up")
    sim.send()
    with pytest.raises(OSError):
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
    sim.send()
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert select.select([fd], [], [], 1)[0]
    assert os.read(fd, 65536) == sim.telegram()
    os.close(fd)
    await sim.stop()


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault"):
        simulator()[0].inject("fire")
