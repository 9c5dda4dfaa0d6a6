"""Plan a problem again and print the plan in words.

usage: plan.py [--json] FILE    a problem as JSON, or a diagnostics download of the integration

The same file always prints the same: a bug report is a test. Needs numpy, pulp and highspy, not
Home Assistant. Exit code 2 when the file holds no problem that can be planned.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
import json
from pathlib import Path
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

PURPOSE = "Plan a problem again and print the plan in words."

ROOT = Path(__file__).resolve().parent.parent

if TYPE_CHECKING:
    from custom_components.smart_charging.core.planner import Plan, Problem
    from custom_components.smart_charging.core.schedule import BatteryStep, ChargerStep

REASONS = {
    "cheap": "price is low",
    "sun": "sun is left over",
    "goal": "the goal needs it now",
    "minimum_soc": "below the minimum charge",
    "peak": "held down for the month's peak",
    "limit": "held down by a limit",
    "waiting": "a better time comes",
    "negative_price": "price is below zero",
    "no_goal": "nothing is asked for",
    "reached": "goals are reached",
    "unplugged": "no car",
    "help": "helps a car with a goal",
    "feed_house": "feeds the house",
    "store": "stores for a dearer time",
    "hold": "keeps what it has",
}

CAUSES = {
    "time": "not enough time at the charger",
    "charger_power": "the charger is too weak",
    "site_limit": "fuse or contract of the site",
    "circuit": "fuse of the charger's circuit",
    "battery_window": "more than the battery may hold",
    "past": "its time has passed",
    "not_plugged_in": "not plugged in before",
}

RUNGS = {
    "optimal": "proven best",
    "incumbent": "best found, not proven",
    "shifted": "the last plan, moved to now",
    "greedy": "cheapest free slots, without the solver",
}

MODES = {
    "self_consumption": "self-consumption",
    "hold": "hold",
    "charge": "charge",
    "discharge": "discharge",
}


class NoProblemError(Exception):
    """The file holds nothing that can be planned."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what a device does for a while."""

    start: datetime
    end: datetime
    device: str
    does: str
    price: str
    why: str


def import_planner() -> ModuleType:
    """Return the planner, without the integration around it, which needs Home Assistant."""
    folder = ROOT / "custom_components" / "smart_charging"
    for name, path in (
        ("custom_components", folder.parent),
        ("custom_components.smart_charging", folder),
    ):
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules.setdefault(name, package)
    from custom_components.smart_charging.core import planner

    return planner


def problem_in(data: object) -> object:
    """Return the problem in a file: the file itself, or what a diagnostics download holds.

    Raises:
        NoProblemError: when a diagnostics download holds none.
    """
    if isinstance(data, Mapping) and "data" in data and "slots" not in data:
        inner = data["data"]
        problem = inner.get("problem") if isinstance(inner, Mapping) else None
        if problem is None:
            raise NoProblemError(
                "this diagnostics download holds no problem: the site had not planned yet"
            )
        return problem
    return data


def rows_of(problem: "Problem", answer: "Plan") -> list[Row]:
    """Return the table: per device, slots with the same order joined."""
    rows: list[Row] = []
    for charger, steps in answer.schedule.chargers.items():
        rows += _joined((_charger_row(charger, step) for step in steps), steps)
    prices = [flow.import_price for flow in answer.flows]
    for battery, orders in answer.schedule.batteries.items():
        rows += _joined((_battery_row(battery, o) for o in orders), orders, prices)
    return rows


def _charger_row(charger: str, step: "ChargerStep") -> tuple[str, str, str]:
    if step.energy_kwh <= 0:
        does = "no car" if step.vehicle is None else "pause"
    else:
        phases = "1 phase" if step.phases == 1 else f"{step.phases} phases"
        does = f"charge {step.vehicle} at {step.current_a:g} A, {phases}"
    who = charger if step.vehicle is None else f"{charger} ({step.vehicle})"
    return who, does, REASONS.get(step.reason, str(step.reason))


def _battery_row(battery: str, step: "BatteryStep") -> tuple[str, str, str]:
    return battery, MODES[step.mode], REASONS.get(step.reason, str(step.reason))


def _joined(
    lines: Iterable[tuple[str, str, str]],
    steps: "Sequence[ChargerStep] | Sequence[BatteryStep]",
    prices: Sequence[float] | None = None,
) -> Iterator[Row]:
    """Join neighbouring slots that read the same."""
    groups: list[tuple[tuple[str, str, str], list[int]]] = []
    for i, line in enumerate(lines):
        if groups and groups[-1][0] == line:
            groups[-1][1].append(i)
        else:
            groups.append((line, [i]))
    for (device, does, why), at in groups:
        first, last = steps[at[0]], steps[at[-1]]
        energy = sum(_energy(steps[i]) for i in at)
        if abs(energy) >= 0.005:
            does += f", {energy:.2f} kWh"
        if (soc := last.soc_after) is not None:
            does += f" -> {100 * soc:.0f} %"
        paid = [prices[i] if prices else _price(steps[i]) for i in at]
        known = [x for x in paid if x is not None]
        low, high = (min(known), max(known)) if known else (0.0, 0.0)
        price = f"{low:.3f}" if high - low < 5e-4 else f"{low:.3f} to {high:.3f}"
        yield Row(first.start, last.end, device, does, price, "" if why == does else why)


def _energy(step: "ChargerStep | BatteryStep") -> float:
    energy = getattr(step, "energy_kwh", None)
    if energy is not None:
        return float(energy)
    hours = (step.end - step.start).total_seconds() / 3600
    return float(getattr(step, "power_kw", 0.0)) * hours


def _price(step: "ChargerStep | BatteryStep") -> float | None:
    return getattr(step, "price", None)


def lines_of(problem: "Problem", answer: "Plan") -> Iterator[str]:
    """Return the plan in words, line by line, in the site's local time."""
    zone: tzinfo = ZoneInfo(problem.time_zone)
    begin, end = (x.astimezone(zone) for x in (problem.slots[0], problem.slots[-1]))
    yield f"Plan from {begin:%a %d %b %Y %H:%M} to {end:%a %d %b %H:%M} ({problem.time_zone})"
    yield ""
    rows = rows_of(problem, answer)
    wide = [max((len(getattr(row, key)) for row in rows), default=0) for key in ("device", "does")]
    last = ""
    for row in rows:
        day, time = f"{row.start.astimezone(zone):%a}", f"{row.start.astimezone(zone):%H:%M}"
        name = "" if row.device == last else row.device
        last = row.device
        yield (
            f"{name:{wide[0]}}  {day} {time}-{row.end.astimezone(zone):%H:%M}"
            f"  {row.does:{wide[1]}}  {row.price:16}  {row.why}"
        ).rstrip()
    yield ""
    yield f"Cost       {answer.cost:10.4f}   ({RUNGS[answer.rung]}, gap {answer.gap:.4f})"
    if answer.baseline_cost is not None and answer.savings is not None:
        yield f"As usual   {answer.baseline_cost:10.4f}   (saves {answer.savings:.4f})"
    imported = sum(_flow_kwh(f.import_kw, f) for f in answer.flows)
    exported = sum(_flow_kwh(f.export_kw, f) for f in answer.flows)
    yield f"Import     {imported:10.3f} kWh"
    yield f"Export     {exported:10.3f} kWh"
    for month, peak in answer.peak_kw.items():
        yield f"Peak       {peak:10.3f} kW in {month}"
    for miss in answer.shortfalls:
        by = miss.by.astimezone(zone)
        yield (
            f"Missing    {miss.missing_kwh:10.3f} kWh for {miss.vehicle}: {miss.goal.value} by "
            f"{by:%a %d %b %H:%M}, because: {CAUSES[miss.cause]}"
        )
    if not answer.shortfalls:
        yield "All goals are met."


def _flow_kwh(power_kw: float, flow: Any) -> float:
    return float(power_kw * (flow.end - flow.start).total_seconds() / 3600)


def main(arguments: Sequence[str] | None = None) -> int:
    """Plan and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/plan", description=PURPOSE)
    parser.add_argument("file", type=Path, help="a problem as JSON, or a diagnostics download")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    options = parser.parse_args(arguments)
    planner = import_planner()
    try:
        problem = planner.problem_from_json(problem_in(json.loads(options.file.read_text())))
    except OSError as error:
        print(f"plan: cannot read {options.file}: {error.strerror}", file=sys.stderr)
        return 2
    except ValueError as error:
        faults = getattr(error, "faults", None) or (f"not JSON: {error}",)
        print(f"plan: {options.file} is no problem:", *faults, sep="\n  ", file=sys.stderr)
        return 2
    except NoProblemError as error:
        print(f"plan: {error}", file=sys.stderr)
        return 2
    answer = planner.plan(problem)
    if options.json:
        data = planner.plan_to_json(answer)
        # How long it took is no part of the answer: the same file prints the same.
        del data["solve_s"]
        print(json.dumps(data, indent=1))
    else:
        print("\n".join(lines_of(problem, answer)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
