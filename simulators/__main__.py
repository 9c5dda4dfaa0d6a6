"""`python -m simulators`: a house with all simulators, for use by hand."""

import argparse
import asyncio
from datetime import UTC, datetime
import signal
import sys
import threading

from custom_components.smart_charging.core.grid import Topology

from .clock import ScaledClock
from .house import House
from .world import HELP, STANDS, World, home


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="simulator", help=f"of {', '.join(s.name for s in STANDS)}"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, another day")
    parser.add_argument("--topology", choices=[t.value for t in Topology], default="3x400")
    parser.add_argument("--factor", type=float, default=1.0, help="speed of the house's clock")
    parser.add_argument("--sun-offset", type=float, default=0.0, help="hours to shift the sun by")
    parser.add_argument("--any-port", action="store_true", help="let the system choose ports")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {stand.name for stand in STANDS}
    if unknown:
        parser.error(f"no simulator {', '.join(sorted(unknown))}")
    return arguments


def _read_lines(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str]) -> None:
    """Pass on what is typed; in a daemon thread, since nothing can wake a blocked readline."""
    for line in sys.stdin:
        loop.call_soon_threadsafe(lines.put_nowait, line.strip())


async def _main(arguments: argparse.Namespace) -> None:
    clock = ScaledClock(datetime.now(UTC), arguments.factor)
    config = home(
        seed=arguments.seed,
        topology=Topology(arguments.topology),
        sun_offset_h=arguments.sun_offset,
    )
    world = World(House(config, clock), clock)
    await world.start(arguments.names or None, fixed_ports=not arguments.any_port)
    try:
        for name, started in world.started.items():
            print(f"{name}: {started.address}")
        print(HELP, flush=True)
        loop = asyncio.get_running_loop()
        lines: asyncio.Queue[str] = asyncio.Queue()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lines.put_nowait, "quit")
        threading.Thread(target=_read_lines, args=(loop, lines), daemon=True).start()
        while (line := await lines.get()) != "quit":
            print(world.command(line), flush=True)
    finally:
        await world.stop()


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))
