"""What planning does to the process around it: the event loop's lag and the memory."""

import asyncio
from collections.abc import Callable
import gc
from pathlib import Path
import resource
from time import perf_counter

TICK_S = 0.001
IDLE_TICKS = 2000


def loop_lags_ms(plans: Callable[[], None]) -> tuple[list[float], list[float]]:
    """Return the lags of a loop that ticks each millisecond: idle, and while `plans` runs.

    `plans` runs in the loop's executor, as in Home Assistant.
    """

    async def measure() -> tuple[list[float], list[float]]:
        idle = [await _lag_ms() for _ in range(IDLE_TICKS)]
        job = asyncio.get_running_loop().run_in_executor(None, plans)
        busy = []
        while not job.done():
            busy.append(await _lag_ms())
        await job
        return idle, busy

    return asyncio.run(measure())


async def _lag_ms() -> float:
    began = perf_counter()
    await asyncio.sleep(TICK_S)
    return 1000 * (perf_counter() - began - TICK_S)


def resident_mb() -> float:
    """Return the resident memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20
