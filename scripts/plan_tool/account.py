"""What each device does when, why, and what would be next best."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from custom_components.smart_charging.core.planner import (
    Action,
    Explanation,
    Goal,
    Plan,
    Problem,
    Vehicle,
    explain,
)
from custom_components.smart_charging.core.schedule import Reason

from .reading import UnusableError
from .runs import Run, broadly, energy_kwh, order_words, range_words, runs
from .table import shortfall_words, summary
from .words import GOALS, cause_words, inside, mend_words, percent, reason_words, span_words

INDENT = " " * 23
"""Where a second line about a run begins: below what it does."""

AS_GOOD = 5e-4
"""Currency per kWh: what differs less is called as good."""


def account(problem: Problem, plan: Plan, device: str | None = None) -> Iterator[str]:
    """Yield, per device, its runs with reason, prices and next best; then the goals.

    Raises:
        UnusableError: when the plan has no such device or vehicle.
    """
    found = runs(plan, broadly)
    wanted = _devices(problem, plan, device) if device is not None else list(found)
    return _account(problem, plan, {each: found[each] for each in wanted}, device)


def _account(
    problem: Problem, plan: Plan, found: dict[str, list[Run]], only: str | None
) -> Iterator[str]:
    zone = ZoneInfo(problem.time_zone)
    for device, its_runs in found.items():
        yield device
        for run in its_runs:
            why = inside(reason_words(run.reason))
            does = run.does if run.does == why else f"{run.does}: {why}"
            yield f"  {span_words(run.start, run.end, zone):19}  {does}"
            if figures := _figures(plan, run, zone):
                yield f"{INDENT}{figures}"
        yield ""
    for vehicle in problem.vehicles:
        if only in (None, vehicle.id) or any(
            run.vehicle == vehicle.id for each in found.values() for run in each
        ):
            yield from _goals(problem, plan, vehicle, zone)
    if only is None:
        yield from summary(problem, plan)


def moment(problem: Problem, plan: Plan, device: str, time: str) -> Iterator[str]:
    """Yield why a device does what it does in the slot at a local time.

    Raises:
        UnusableError: when device or time is not in the plan.
    """
    zone = ZoneInfo(problem.time_zone)
    at = _time(problem, time)
    devices = _devices(problem, plan, device)
    return _moment(plan, devices, at, zone)


def _moment(plan: Plan, devices: list[str], at: datetime, zone: ZoneInfo) -> Iterator[str]:
    for device in devices:
        step = plan.schedule.charger_step(device, at) or plan.schedule.battery_step(device, at)
        why = explain(plan, device, at)
        if step is None or why is None:
            raise UnusableError(f"the plan says nothing of {device} at {at.isoformat()}")
        energy = energy_kwh(step)
        yield f"{device}  {span_words(step.start, step.end, zone)}"
        yield f"  does             {order_words(step)}"
        yield f"  why              {reason_words(step.reason)}"
        yield f"  power            {why.power_kw:.2f} kW, {energy:.2f} kWh"
        if step.soc_after is not None:
            yield f"  charge after it  {percent(step.soc_after)}"
        if why.price is not None:
            yield f"  price            {why.price:.4f} per kWh"
        if why.marginal_price is not None:
            yield f"  one more kWh     {why.marginal_price:.4f}"
        if other := _alternative([why], energy, zone):
            yield f"  {other[0]:15}  {other[1]}"


def _figures(plan: Plan, run: Run, zone: ZoneInfo) -> str:
    """Return prices, and the next best of a run: what comes nearest to changing it."""
    why = [x for step in run.steps if (x := explain(plan, run.device, step.start)) is not None]
    parts = [f"price {run.price_words}"]
    marginal = [x.marginal_price for x in why if x.marginal_price is not None]
    if marginal and run.reason is not Reason.UNPLUGGED:
        parts.append(f"one more kWh {range_words(marginal)}")
    if other := _alternative(why, run.energy_kwh, zone):
        parts.append(" ".join(other))
    return "; ".join(parts)


def _alternative(
    why: list[Explanation], energy_kwh: float, zone: ZoneInfo
) -> tuple[str, str] | None:
    """Return what the next best is called, and the words for it."""
    found = [(x, x.alternative) for x in why if x.alternative is not None]
    if not found:
        return None
    instead = min(found, key=lambda x: (x[1].dearer_by, x[1].start))[1]
    until = [x.awaits for x, _ in found if x.action is Action.WAIT and x.awaits is not None]
    if energy_kwh > 0 and not until:
        label = "next best"
        what = f"{instead.start.astimezone(zone):%a %H:%M}"
        if instead.action is not Action.CHARGE:
            what = instead.action.value
        verb = f"{instead.dearer_by:.3f}/kWh dearer"
    elif until:
        # Of a long wait what its dearest slot saves says most.
        instead = max(found, key=lambda x: x[1].dearer_by)[1]
        label, what = "waits for", f"{min(until).astimezone(zone):%a %H:%M}"
        verb = f"saves {instead.dearer_by:.3f}/kWh"
    else:
        label, what = "next best", instead.action.value
        verb = f"{instead.dearer_by:.3f}/kWh dearer"
    return label, f"{what}, {'as good' if instead.dearer_by < AS_GOOD else verb}"


def _goals(problem: Problem, plan: Plan, vehicle: Vehicle, zone: ZoneInfo) -> Iterator[str]:
    if not vehicle.goals:
        return
    yield f"{vehicle.id}: goals"
    for goal in sorted(vehicle.goals, key=lambda x: x.by):
        missing = [
            miss
            for miss in plan.shortfalls
            if (miss.vehicle, miss.goal, miss.by) == (vehicle.id, goal.kind, goal.by)
        ]
        what = f"{goal_words(goal)} by {goal.by.astimezone(zone):%a %H:%M} ({GOALS[goal.kind]})"
        yield f"  {what}: {'met' if not missing else 'not met'}"
        for miss in missing:
            yield f"    misses {miss.missing_kwh:.2f} kWh: {cause_words(miss.cause)}"
            if mend := mend_words(miss.cause):
                yield f"    would help: {mend}"
        for risk in plan.at_risk:
            if (risk.vehicle, risk.goal, risk.by) == (vehicle.id, goal.kind, goal.by):
                yield f"    at risk: {risk.missing_kwh:.2f} kWh on a day with little sun"
    known = {(goal.kind, goal.by) for goal in vehicle.goals}
    for miss in plan.shortfalls:
        if miss.vehicle == vehicle.id and (miss.goal, miss.by) not in known:
            yield f"  misses {miss.missing_kwh:.2f} kWh for {shortfall_words(problem, miss)}"
    yield ""


def goal_words(goal: Goal) -> str:
    """Return what a goal asks for."""
    return percent(goal.soc) if goal.soc is not None else f"{goal.energy_kwh or 0:g} kWh"


def _devices(problem: Problem, plan: Plan, name: str) -> list[str]:
    """Return the device of that name, or the chargers that a vehicle of that name visits."""
    devices = [*plan.schedule.chargers, *plan.schedule.batteries]
    if name in devices:
        return [name]
    for vehicle in problem.vehicles:
        if vehicle.id == name:
            at = {stay.charger for stay in vehicle.stays}
            return [each for each in devices if each in at]
    known = ", ".join([*devices, *(vehicle.id for vehicle in problem.vehicles)])
    raise UnusableError(f"the plan has no {name!r}; it has {known or 'no device'}")


def _time(problem: Problem, text: str) -> datetime:
    """Return a time in the plan: an ISO time, or the first HH:MM on the clock of the home."""
    zone = ZoneInfo(problem.time_zone)
    begin, end = problem.slots[0], problem.slots[-1]
    try:
        if "T" in text or " " in text:
            at = datetime.fromisoformat(text)
            at = at if at.tzinfo is not None else at.replace(tzinfo=zone)
        else:
            clock = datetime.strptime(text, "%H:%M").time()
            day = begin.astimezone(zone).date()
            at = datetime.combine(day, clock, tzinfo=zone)
            if at < begin:
                at = datetime.combine(day + timedelta(days=1), clock, tzinfo=zone)
    except ValueError:
        raise UnusableError(f"{text!r} is no time; write 02:15 or 2026-04-15T02:15") from None
    if not begin <= at < end:
        raise UnusableError(
            f"{text} is outside the plan, which goes from {begin.astimezone(zone):%Y-%m-%dT%H:%M} "
            f"to {end.astimezone(zone):%Y-%m-%dT%H:%M}"
        )
    return at
