"""Control over a day and a week: time, limits, goals, contactors.

A day of one-second telegrams goes through the real parser, control and writers (see
`control_day` for where the measurement is cut); the week is the same home for seven days, its
meter read directly, with the real planner each quarter (see `control_week`). Beside them a day
without a capacity tariff, in which the fuse is what holds the cars down.

    python -m benchmarks.control [--json] [--days N] [--hours N] [--no-week]
"""

import argparse
import asyncio
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from datetime import timedelta
import json
from multiprocessing import get_context
from typing import Any

from .control_day import ignored_order_s, measure
from .control_home import ControlledHome
from .control_tally import Tally
from .control_week import MONDAY, crowded, scenario

SILENCES = tuple((3600.0 * hour, 3600.0 * hour + 300.0) for hour in (1.5, 4, 13, 16.3, 17.7, 20))
"""When the meter falls silent for five minutes during the day."""

SILENCE_S = 120.0
"""In the crowded day it falls silent for so long while cars draw more than is proven safe."""

KEYS = (
    *("cpu_share", "latency_p99_ms", "starts_per_slot_max", "phase_switches_per_slot_max"),
    *("writes", "seconds_over_fuse", "peak_excess_kw", "goals_missed_kwh", "stale_to_safe_s"),
)
"""What is asked for at least."""


def week(days: float) -> Tally:
    """Return what a week (or a part of it) counts."""
    return ControlledHome(scenario()).run(round(days * 86400))


def fuse_day(hours: float) -> Tally:
    """Return what a crowded day without a capacity tariff counts: cars as fast as the fuse lets."""
    return ControlledHome(replace(crowded(), silence_s=SILENCE_S)).run(round(hours * 3600))


def figures(days: float, hours: float, *, with_week: bool = True) -> dict[str, Any]:
    """Return all figures, the worst of day and week where both have one."""
    start = MONDAY + timedelta(days=1)
    # The week is by far the longest: it runs beside the rest.
    with ProcessPoolExecutor(1, get_context("spawn")) as beside:
        coming = beside.submit(week, days) if with_week else None
        day = asyncio.run(measure(scenario(start=start, silences=SILENCES), round(hours * 3600)))
        found: dict[str, Any] = dict(day)
        found["ignored_to_reported_s"] = asyncio.run(ignored_order_s(crowded()))
        parts = [asdict(fuse_day(hours))]
        found["fuse_day"] = parts[0]
        if coming is not None:
            parts.append(asdict(coming.result()))
            found["week"] = parts[1]
    for key in (
        *("starts_per_slot_max", "phase_switches_per_slot_max", "seconds_over_fuse"),
        *("peak_excess_kw", "goals_missed_kwh", "writes_too_soon", "stops_per_slot_max"),
        *("stale_to_safe_s", "stale_to_normal_s"),
    ):
        found[key] = max(found[key], *(part[key] for part in parts))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--days", type=float, default=7.0, help="length of the week (default 7)")
    parser.add_argument("--hours", type=float, default=24.0, help="length of the day (default 24)")
    parser.add_argument("--no-week", action="store_true", help="leave the week out")
    options = parser.parse_args()
    found = figures(options.days, options.hours, with_week=not options.no_week)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        if isinstance(value, dict):
            print(f"{key}:")
            for name, inner in value.items():
                print(f"    {name:34}{inner}")
        else:
            print(f"{key:38}{value:.4g}")


if __name__ == "__main__":
    main()
