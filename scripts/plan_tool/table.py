"""The plan as a table in the site's local time."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from custom_components.smart_charging.core.planner import Plan, Problem, Shortfall

from .runs import Run, hours, runs
from .words import GOALS, RUNGS, cause_words, reason_words, span_words


def table(problem: Problem, plan: Plan) -> Iterator[str]:
    """Yield the plan line by line: what each device does when, then cost and goals."""
    zone = ZoneInfo(problem.time_zone)
    begin, end = (x.astimezone(zone) for x in (problem.slots[0], problem.slots[-1]))
    yield f"Plan from {begin:%a %d %b %Y %H:%M} to {end:%a %d %b %H:%M} ({problem.time_zone})"
    yield ""
    found = [run for each in runs(plan).values() for run in each]
    wide = max((len(_who(run)) for run in found), default=0)
    wide_does = max((len(run.does) for run in found), default=0)
    last = ""
    for run in found:
        name = "" if _who(run) == last else _who(run)
        last = _who(run)
        yield (
            f"{name:{wide}}  {span_words(run.start, run.end, zone):19}  {run.does:{wide_does}}"
            f"  {run.price_words:16}  {reason_words(run.reason)}"
        ).rstrip()
    yield ""
    yield from summary(problem, plan)


def _who(run: Run) -> str:
    return run.device if run.vehicle is None else f"{run.device} ({run.vehicle})"


def summary(problem: Problem, plan: Plan) -> Iterator[str]:
    """Yield cost, energy, peaks and what is missing."""
    yield f"Cost       {plan.cost:10.4f}   ({RUNGS[plan.rung]}, gap {plan.gap:.4f})"
    if plan.baseline_cost is not None and plan.savings is not None:
        yield f"As usual   {plan.baseline_cost:10.4f}   (saves {plan.savings:.4f})"
    imported = sum(flow.import_kw * hours(flow) for flow in plan.flows)
    exported = sum(flow.export_kw * hours(flow) for flow in plan.flows)
    yield f"Import     {imported:10.3f} kWh"
    yield f"Export     {exported:10.3f} kWh"
    for month, peak in plan.peak_kw.items():
        yield f"Peak       {peak:10.3f} kW in {month}"
    for miss in plan.shortfalls:
        yield f"Missing    {miss.missing_kwh:10.3f} kWh for {shortfall_words(problem, miss)}"
    if not plan.shortfalls:
        yield "All goals are met."
    for risk in plan.at_risk:
        by = risk.by.astimezone(ZoneInfo(problem.time_zone))
        yield (
            f"At risk    {risk.missing_kwh:10.3f} kWh for {risk.vehicle}: {GOALS[risk.goal]}, "
            f"{by:%a %d %b %H:%M}, on a day with little sun"
        )


def shortfall_words(problem: Problem, miss: Shortfall) -> str:
    """Return whose goal is not met, and why."""
    by = miss.by.astimezone(ZoneInfo(problem.time_zone))
    goal = GOALS[miss.goal]
    return f"{miss.vehicle}: {goal}, {by:%a %d %b %H:%M}, because: {cause_words(miss.cause)}"
