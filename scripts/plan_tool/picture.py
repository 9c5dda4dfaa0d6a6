"""The plan as a picture: one SVG that needs nothing else."""

from zoneinfo import ZoneInfo

from custom_components.smart_charging.core.planner import Plan, Problem

from .bands import LEFT, RIGHT, clock, energy_band, price_band
from .drawing import Drawing, fitted
from .rows import charge_band, run_band
from .runs import hours
from .scales import TimeScale
from .table import shortfall_words
from .words import RUNGS

WIDTH = 1200.0
BETWEEN = 34.0
"""From a band to the heading of the next."""

MISSES = 8
"""Shortfalls that are written out."""


def picture(problem: Problem, plan: Plan) -> str:
    """Return the plan as SVG, 1200 wide and as high as its devices need."""
    zone = ZoneInfo(problem.time_zone)
    begin, end = problem.slots[0], problem.slots[-1]
    time = TimeScale(begin=begin, end=end, left=LEFT, right=RIGHT, zone=zone)
    local = begin.astimezone(zone), end.astimezone(zone)
    title = f"Plan from {local[0]:%a %d %b %Y, %H:%M} to {local[1]:%a %d %b, %H:%M}"
    drawing = Drawing(WIDTH, title)
    drawing.text(24, 38, title, "ink bold", size=20)
    drawing.text(WIDTH - 24, 38, f"local time, {problem.time_zone}", "dim", anchor="end")
    y = _figures(drawing, plan, 62)
    y = _missing(drawing, problem, plan, y)
    y = clock(drawing, time, y + 8)
    y = price_band(drawing, problem, time, y + 22)
    y = energy_band(drawing, problem, plan, time, y + BETWEEN)
    y = charge_band(drawing, problem, plan, time, y + BETWEEN)
    y = run_band(drawing, plan, time, y + BETWEEN)
    y = clock(drawing, time, y + 6)
    return drawing.finish(y + 12)


def _figures(drawing: Drawing, plan: Plan, y: float) -> float:
    """Write the plan's figures side by side; return their lower end."""
    figures = [("Cost", money(plan.cost), "")]
    if plan.baseline_cost is not None and plan.savings is not None:
        figures.append(("As usual", money(plan.baseline_cost), ""))
        figures.append(("Saves", money(plan.savings), "good" if plan.savings > 0 else ""))
    figures.append(("Import", f"{sum(f.import_kw * hours(f) for f in plan.flows):.1f} kWh", ""))
    figures.append(("Export", f"{sum(f.export_kw * hours(f) for f in plan.flows):.1f} kWh", ""))
    missing = len({(miss.vehicle, miss.goal, miss.by) for miss in plan.shortfalls})
    goals = f"{missing} not met" if missing else "all met"
    figures.append(("Goals", goals, "alarm" if missing else "good"))
    figures.append((f"Bound {money(plan.bound)}, gap {money(plan.gap)}", RUNGS[plan.rung], ""))
    apart = (RIGHT - 24) / len(figures)
    apart = min(apart, (RIGHT - 24 - 230) / (len(figures) - 1))
    for i, (words, value, kind) in enumerate(figures):
        x = 24 + i * apart
        room = RIGHT - x if i == len(figures) - 1 else apart - 10
        drawing.text(x, y, fitted(words, room, 11), "dim", size=11)
        drawing.text(x, y + 21, fitted(value, room, 17), f"{kind or 'ink'} bold", size=17)
    return y + 30


def _missing(drawing: Drawing, problem: Problem, plan: Plan, y: float) -> float:
    for i, miss in enumerate(plan.shortfalls):
        if i == MISSES:
            drawing.text(24, y + 16, f"and {len(plan.shortfalls) - i} more", "alarm")
            return y + 18
        words = f"▲ {miss.missing_kwh:.2f} kWh missing for {shortfall_words(problem, miss)}"
        drawing.text(24, y + 16, fitted(words, RIGHT - 24), "alarm")
        y += 18
    return y


def money(value: float) -> str:
    """Return an amount of money, in the site's currency."""
    return f"{value:,.2f}" if abs(value) < 1e7 else f"{value:.3g}"
