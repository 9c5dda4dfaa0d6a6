"""The lower bands of the picture: states of charge with goals, and runs with their reasons."""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from custom_components.smart_charging.core.planner import (
    Battery,
    Goal,
    Plan,
    Problem,
    Shortfall,
    Vehicle,
)
from custom_components.smart_charging.core.schedule import BatteryStep, Reason

from .bands import Key, ground, heading
from .colours import car_class, reason_class
from .drawing import Box, Drawing, overlaps, width_of, wrapped
from .runs import FLOWS_KWH, Run, broadly, runs
from .scales import TimeScale, ValueScale
from .words import GOALS, cause_words, inside, percent, reason_words, span_words

LABEL = 24.0
"""Left edge of the names of rows."""

ROW = 50.0
INDENT = 15.0
GAP = 8.0
STRIP = 30.0


def name(drawing: Drawing, time: TimeScale, y: float, words: str) -> int:
    """Write the name of a row around the line `y`, on two lines where it is long; return how many."""
    lines = wrapped(words, time.left - LABEL - INDENT - 8)
    tip = words if " ".join(lines) != words else ""
    for i, each in enumerate(lines):
        drawing.text(LABEL + INDENT, y + 13 * i, each, "ink bold", tip=tip)
    return len(lines)


def _title(drawing: Drawing, time: TimeScale, top: float, words: str, kind: str, then: str) -> None:
    """Write a row's name beside a swatch, and below it how its charge changes."""
    drawing.rect((LABEL, top + 5, LABEL + 9, top + 14), kind, radius=2)
    lines = name(drawing, time, top + 14, words)
    drawing.text(LABEL + INDENT, top + 16 + 13 * lines, then, "dim", size=11)


def charge_band(drawing: Drawing, problem: Problem, plan: Plan, time: TimeScale, y: float) -> float:
    """Draw the state of charge of each car and battery; return the band's lower end."""
    if not problem.vehicles and not problem.batteries:
        return y - 30
    keys = [
        Key(name="plugged in", kind="night thin grid"),
        Key(name="goal", kind="ink"),
    ]
    if plan.shortfalls:
        keys.append(Key(name="goal not met", kind="alarm"))
    top = heading(drawing, y, "Charge", keys)
    for v, vehicle in enumerate(problem.vehicles):
        _vehicle_row(drawing, plan, vehicle, car_class(v), time, top)
        top += ROW + GAP
    for battery in problem.batteries:
        _battery_row(drawing, battery, plan.schedule.batteries[battery.id], time, top)
        top += ROW + GAP
    return top - GAP


def _vehicle_row(
    drawing: Drawing, plan: Plan, vehicle: Vehicle, colour: str, time: TimeScale, top: float
) -> None:
    bottom = top + ROW
    stretches = _known(plan, vehicle)
    full = 1.0
    if vehicle.soc is None:
        energies = [goal.energy_kwh or 0.0 for goal in vehicle.goals]
        full = max([value for each in stretches for _, value in each] + energies + [1.0]) * 1.1
    scale = ValueScale(low=0.0, high=full, top=top + 2, bottom=bottom)
    drawing.rect((time.left, top, time.right, bottom), "panel")
    for stay in vehicle.stays:
        if stay.end > time.begin and stay.start < time.end:
            box = (time.x(stay.start), top, time.x(stay.end), bottom)
            drawing.rect(box, "night", tip=f"{vehicle.id} at {stay.charger}")
    _marks(drawing, time, top, bottom)
    _curve(drawing, stretches, scale, time, colour)
    last = stretches[-1][-1][1] if stretches else None
    _title(drawing, time, top, vehicle.id, colour, _from_to(vehicle, last))
    _ends(drawing, time, scale, percent(1.0) if vehicle.soc is not None else f"{full:.0f} kWh")
    missing = {(miss.goal, miss.by): miss for miss in plan.shortfalls if miss.vehicle == vehicle.id}
    flags = [
        _flag(vehicle, goal, missing.get((goal.kind, goal.by)), scale, time)
        for goal in sorted(vehicle.goals, key=lambda each: each.by)
    ]
    taken = [box for flag in flags for box in flag.boxes]
    for flag in flags:
        _draw_flag(drawing, flag, scale, time, taken)


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A goal at its time and height."""

    x: float
    y: float
    kind: str
    label: str
    tip: str
    back: bool
    """Flies to the left, for want of room."""
    bottom: float

    @property
    def boxes(self) -> tuple[Box, Box]:
        """What pole and cloth cover."""
        cloth = (self.x - 10, self.x - 1) if self.back else (self.x + 1, self.x + 10)
        return (
            (self.x - 1, self.y, self.x + 1, self.bottom),
            (cloth[0], self.y, cloth[1], self.y + 8),
        )


def _from_to(vehicle: Vehicle, last: float | None) -> str:
    if vehicle.soc is None:
        return f"+{last or 0:.1f} kWh"
    if last is None:
        return percent(vehicle.soc)
    return f"{percent(vehicle.soc)} → {percent(last)}"


def _known(plan: Plan, vehicle: Vehicle) -> list[list[tuple[datetime, float]]]:
    """Return the charge of a vehicle along each stay: SoC, or kWh charged where that is unknown."""
    steps = sorted(
        (
            step
            for charger in plan.schedule.chargers.values()
            for step in charger
            if step.vehicle == vehicle.id
        ),
        key=lambda step: step.start,
    )
    found: list[list[tuple[datetime, float]]] = []
    charged, end = 0.0, None
    for step in steps:
        charged += step.energy_kwh
        gain = step.energy_kwh * vehicle.efficiency / vehicle.capacity_kwh
        after = charged if vehicle.soc is None else step.soc_after
        if after is None:
            continue
        if step.start != end:
            found.append([(step.start, after - (step.energy_kwh if vehicle.soc is None else gain))])
        found[-1].append((step.end, after))
        end = step.end
    return found


def _curve(
    drawing: Drawing,
    stretches: list[list[tuple[datetime, float]]],
    scale: ValueScale,
    time: TimeScale,
    colour: str,
) -> None:
    lines = [[(time.x(at), scale.y(value)) for at, value in each] for each in stretches]
    areas = [[(line[0][0], scale.bottom), *line, (line[-1][0], scale.bottom)] for line in lines]
    drawing.path(areas, f"{colour} soft", closed=True)
    away = [[a[-1], b[0]] for a, b in pairwise(lines)]
    drawing.path(away, f"wide dotted s-{colour}", closed=False)
    drawing.path(lines, f"wide s-{colour}", closed=False)


def _marks(drawing: Drawing, time: TimeScale, top: float, bottom: float) -> None:
    for at, midnight in time.ticks():
        x = time.x(at)
        drawing.line(x, top, x, bottom, "thin axis" if midnight else "thin grid")


def _ends(drawing: Drawing, time: TimeScale, scale: ValueScale, full: str) -> None:
    drawing.text(time.right + 6, scale.top + 8, full, "dim", size=10)
    drawing.text(time.right + 6, scale.bottom, "0", "dim", size=10)


def _flag(
    vehicle: Vehicle, goal: Goal, miss: Shortfall | None, scale: ValueScale, time: TimeScale
) -> Flag:
    """Return a goal's flag, with what is asked and what is missing."""
    if goal.soc is not None:
        words = percent(goal.soc)
        height = goal.soc if vehicle.soc is not None else scale.high
    else:
        energy = goal.energy_kwh or 0.0
        words = f"{energy:g} kWh"
        gain = energy * vehicle.efficiency / vehicle.capacity_kwh
        height = energy if vehicle.soc is None else vehicle.soc + gain
    if miss is not None:
        words += f", misses {miss.missing_kwh:.1f} kWh"
    by = goal.by.astimezone(time.zone)
    tip = f"{vehicle.id}: {words} by {by:%a %d %b %H:%M} ({GOALS[goal.kind]})"
    if miss is not None:
        tip += f", {cause_words(miss.cause)}"
    if not time.begin <= goal.by <= time.end:
        words += f", {by:%a %H:%M}"
    x = time.x(goal.by)
    return Flag(
        x=x,
        y=min(max(scale.y(height), scale.top), scale.bottom - 8),
        kind="alarm" if miss else "ink",
        label=words,
        tip=tip,
        back=x + 12 > time.right,
        bottom=scale.bottom,
    )


def _draw_flag(
    drawing: Drawing, flag: Flag, scale: ValueScale, time: TimeScale, taken: list[Box]
) -> None:
    """Draw a flag; its label goes where it covers no other, or is left to the tip."""
    x, y, side = flag.x, flag.y, -9 if flag.back else 9
    drawing.line(x, y, x, flag.bottom, f"wide s-{flag.kind}")
    drawing.path([[(x, y), (x + side, y + 4), (x, y + 8)]], flag.kind, closed=True)
    wide = width_of(flag.label, 11)
    places = [(right, y + down) for down in (8, 22, -6, 36) for right in (True, False)]
    for right, line in places:
        left = x + 13 if right else x - wide - (13 if flag.back else 6)
        line = min(max(line, scale.top + 10), scale.bottom - 3)
        box = (left - 2, line - 9, left + wide + 2, line + 2)
        if left >= time.left and left + wide <= time.right and not overlaps(box, taken):
            kind = f"{flag.kind} bold halo"
            start, anchor = (left, "start") if right else (left + wide, "end")
            drawing.text(start, line, flag.label, kind, size=11, anchor=anchor, tip=flag.tip)
            taken.append(box)
            return


def _battery_row(
    drawing: Drawing,
    battery: Battery,
    steps: tuple[BatteryStep, ...],
    time: TimeScale,
    top: float,
) -> None:
    bottom = top + ROW
    scale = ValueScale(low=0.0, high=1.0, top=top + 2, bottom=bottom)
    drawing.rect((time.left, top, time.right, bottom), "night")
    _marks(drawing, time, top, bottom)
    for limit in (battery.min_soc, battery.max_soc):
        if 0 < limit < 1:
            drawing.line(time.left, scale.y(limit), time.right, scale.y(limit), "thin dashed axis")
    points = [(steps[0].start, battery.soc), *((step.end, step.soc_after) for step in steps)]
    _curve(drawing, [points], scale, time, "battery")
    words = f"{percent(battery.soc)} → {percent(steps[-1].soc_after)}"
    _title(drawing, time, top, battery.id, "battery", words)
    _ends(drawing, time, scale, percent(1.0))


def run_band(drawing: Drawing, plan: Plan, time: TimeScale, y: float) -> float:
    """Draw what each charger and battery does and why; return the band's lower end."""
    found = runs(plan, broadly)
    if not found:
        return y - 30
    reasons = dict.fromkeys(run.reason for each in found.values() for run in each)
    order = sorted(reasons, key=list(Reason).index)
    keys = [Key(name=reason_words(reason), kind=reason_class(reason)) for reason in order]
    top = heading(drawing, y, "What and why", keys)
    ground(drawing, time, top, top + len(found) * (STRIP + GAP) - GAP + 4)
    top += 2
    for device, its_runs in found.items():
        two = len(wrapped(device, time.left - LABEL - INDENT - 8)) > 1
        name(drawing, time, top + (13 if two else 19), device)
        both = any(run.energy_kwh < -FLOWS_KWH for run in its_runs)
        if both:
            drawing.line(time.left, top + STRIP / 2, time.right, top + STRIP / 2, "thin axis")
        for run in its_runs:
            _run(drawing, run, both, time, top)
        top += STRIP + GAP
    return top - GAP + 2


def _run(drawing: Drawing, run: Run, both: bool, time: TimeScale, top: float) -> None:
    """Draw a run: a block where energy flows (downwards out of the device), else a thin bar."""
    left, right = time.x(run.start), time.x(run.end)
    colour, energy = reason_class(run.reason), run.energy_kwh
    tip = (
        f"{run.device}, {span_words(run.start, run.end, time.zone)}: {run.does}\n"
        f"{reason_words(run.reason)}, price {run.price_words}"
    )
    middle = top + STRIP / 2
    if abs(energy) <= FLOWS_KWH:
        low = middle if both else top + STRIP
        drawing.rect(
            (left, low - (2 if both else 5), right, low + (2 if both else 0)), colour, tip=tip
        )
        return
    upper, lower = (
        (top, top + STRIP) if not both else (top, middle) if energy > 0 else (middle, top + STRIP)
    )
    drawing.rect((left, upper, max(right, left + 1), lower), f"{colour} thin edge", tip=tip)
    size = 10 if both else 11
    amount = f"{abs(energy):.1f} kWh"
    who = f"{run.vehicle} " if run.vehicle is not None else ""
    for words in (
        f"{who}{amount}, {inside(reason_words(run.reason))}",
        f"{who}{amount}",
        amount,
        amount[:-4],
    ):
        if width_of(words, size) + 6 <= right - left:
            drawing.text(
                left + 4, (upper + lower) / 2 + size * 0.36, words, f"on-{colour}", size=size
            )
            break
