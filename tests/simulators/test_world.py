"""All simulators run around one house and obey typed commands."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
import subprocess
import sys

import pytest

from simulators.clock import ManualClock
from simulators.house import BatteryConfig, House
from simulators.world import HELP, STANDS, World, home

NIGHT = datetime(2026, 1, 14, 1, 0, tzinfo=UTC)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = ManualClock(NIGHT)
    # An empty battery: it lets a load through to the meter.
    empty = BatteryConfig(soc=0.1)
    running = World(House(home(appliances=(), battery=empty), clock), clock)
    await running.start(fixed_ports=False)
    yield running
    await running.stop()


def test_ports_and_names_are_unique() -> None:
    assert len({stand.port for stand in STANDS}) == len({stand.name for stand in STANDS})


async def test_every_simulator_of_the_table_starts_and_takes_its_faults(world: World) -> None:
    assert set(world.started) == {stand.name for stand in STANDS}
    for name, started in world.started.items():
        assert "127.0.0.1" in started.address
        for fault in started.faults:
            assert world.command(f"fault {name} {fault}") == f"{name}: {fault}"
        assert world.command(f"clear {name}") == "cleared"
    assert world.command("clear") == "cleared"


async def test_a_load_shows_up(world: World) -> None:
    assert world.command("load 2 3.5") == "L2: 3.5 kW more"
    world.clock.advance(2)  # type: ignore[attr-defined]  # the fixture's ManualClock
    assert "grid +3." in world.status()
    assert "grid +3." in world.command("")


async def test_cars_come_and_go(world: World) -> None:
    assert world.command("unplug") == "unplugged at 40%"
    assert world.command("unplug") == "no car"
    assert world.command("plug 75") == "plugged in at 75%"
    assert "already has" in world.command("plug")
    assert "connected 75%" in world.command("status")
    assert world.command("plug 50 nrgkick") == "plugged in at 50%"
    assert "nrgkick connected 50%" in world.command("status")
    assert world.command("unplug nrgkick") == "unplugged at 50%"
    assert world.command("plug 50 toaster") == "no charger toaster"
    assert world.command("unplug toaster") == "no charger toaster"


async def test_mistakes_are_answered(world: World) -> None:
    assert world.command("dance") == HELP
    assert world.command("load two 1") == HELP
    assert world.command("load 4 1") == "no phase 4"
    assert world.command("fault toaster crc").startswith("no simulator toaster")
    assert world.command("fault p1 fire").startswith("no fault fire")
    assert world.command("clear toaster") == "no simulator toaster"
    assert "p1: byte_ff, crc" in world.command("faults")


async def test_a_failed_start_leaves_nothing_behind() -> None:
    clock = ManualClock(NIGHT)
    world = World(House(home(), clock), clock)
    with pytest.raises(KeyError):
        await world.start(("p1", "toaster"), fixed_ports=False)
    assert not world.started


def test_it_runs_by_hand() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simulators", "--any-port", "p1"],
        input="status\nfault p1 crc 2\nquit\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "p1: socket://127.0.0.1:" in done.stdout
    assert "grid " in done.stdout
    assert "p1: crc" in done.stdout
    assert "Traceback" not in done.stderr
