"""Delivers the energy that the plan wants in each of its steps, smoothly.

The plan's current is its model of the slot, the energy its promise. So control counts what the
charger delivers and asks for the current that brings the rest in by the step's end. Cars start
and stop some seconds late; what is then missing or too much is carried into the next step.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile

from ..schedule import ChargerStep, Reason, Schedule
from .state import ChargerMemory, SlotEnergy

STOP_TAIL_S = 5.0
"""A car goes on for 3 to 10 s after it is told to stop: it is told that much earlier. Where the
charger's own reaction time is known, that is taken instead."""

LONGEST_TAIL_S = 30.0
"""Of a slower car the carry evens out the rest."""

LAST_S = 60.0
"""In a step's last minute the current is not adjusted any more: a car cannot follow, and the
carry evens it out."""

NO_CHANGE_S = 15.0
"""Before a stop nothing else is ordered: the write interval would delay the stop."""

CARRY_S = 60.0
"""The most that is carried, as time at full power. More than that is no matter of reaction
times: the next plan sees it in the vehicle's SoC or energy."""

EARLY_KWH = 0.05
"""Given early rather than stopping shortly before a step that charges on."""

DEFER_S = 90.0
"""The longest that a stop waits for a remainder."""

JOINED_S = 1.0
"""Steps that begin this close to the end of the last one follow it."""

CRUMB_S = 60.0
CRUMB_PRICE = 1.5
"""A coming run of less than a minute at full power is added to the one that ends now, unless
that is half as dear again: a start of its own wears more than it saves."""

PLAN_KNOWS_S = 5.0
"""A plan made so shortly before a step's end knows what the step left over."""

NOTHING_KWH = 1e-3


@dataclass(frozen=True, kw_only=True)
class Follow:
    """What the plan asks of a charger now."""

    current_a: float
    reason: Reason


def count_energy(memory: ChargerMemory, kw: float, elapsed_s: float) -> ChargerMemory:
    """Add what a charger delivered since the last step."""
    if memory.slot is None:
        return memory
    delivered = memory.slot.delivered_kwh + kw * elapsed_s / 3600
    return replace(memory, slot=replace(memory.slot, delivered_kwh=delivered))


def enter(
    slot: SlotEnergy | None,
    step: ChargerStep,
    made_at: datetime,
    now: datetime,
    kw: float,
    full_kw: float,
) -> SlotEnergy:
    """Return the account of the step in force, carrying over what the last one owes.

    Nothing is carried into a plan that was made at the end of the last step: it knows. What a step
    would take out of a car is not charged: nothing is owed for it.
    """
    planned = max(step.energy_kwh, 0.0)
    if slot is not None and (slot.start, slot.end) == (step.start, step.end):
        return replace(slot, planned_kwh=planned, price=step.price)
    fresh = SlotEnergy(start=step.start, end=step.end, planned_kwh=planned, price=step.price)
    if slot is None:
        return fresh
    if abs((step.start - slot.end).total_seconds()) <= JOINED_S:
        if (slot.end - made_at).total_seconds() <= PLAN_KNOWS_S:
            return fresh
        most = full_kw * CARRY_S / 3600
        carry = min(max(slot.owed_kwh, -most), most)
        return replace(fresh, carry_kwh=carry, carry_price=slot.price)
    if slot.start < step.start < slot.end:
        # A new plan in the middle of a slot: it counts from its own start, some seconds ago.
        since = max(0.0, (now - step.start).total_seconds())
        return replace(fresh, delivered_kwh=min(kw * since / 3600, slot.delivered_kwh))
    return fresh


def follow(
    slot: SlotEnergy,
    step: ChargerStep,
    schedule: Schedule,
    charger: str,
    now: datetime,
    *,
    ordered_a: float,
    kw: float,
    kw_per_a: float,
    min_a: float,
    max_a: float,
    step_a: float,
    reaction_s: float | None = None,
) -> Follow:
    """Return the current that brings in the step's energy by its end.

    `kw` is the present draw, `kw_per_a` what an ampere gives on the phases in use, `reaction_s`
    how late the car follows, where that is known.
    """
    rest_s = max(0.0, ((step.due or step.end) - now).total_seconds())
    left_s = max(0.0, (step.end - now).total_seconds())
    running = ordered_a > 0
    tail_s = STOP_TAIL_S if reaction_s is None else min(reaction_s, LONGEST_TAIL_S)
    tail_kwh = kw * tail_s / 3600
    owed = slot.owed_kwh
    coming = _pulled_kwh(schedule, charger, step, max_a * kw_per_a) if running else 0.0
    pulled = owed + coming if coming > 0 else 0.0
    if step.energy_kwh < NOTHING_KWH:
        goes_on = running and step.energy_kwh >= 0
        goes_on = goes_on and (pulled > tail_kwh or _deferred(slot, step, now, tail_kwh))
        return Follow(current_a=ordered_a if goes_on else 0.0, reason=step.reason)
    goes_on = _goes_on(schedule, charger, step)
    if running and goes_on and left_s <= LAST_S:
        return Follow(current_a=ordered_a, reason=step.reason)
    if running and rest_s <= max(NO_CHANGE_S, tail_s) and owed > tail_kwh:
        return Follow(current_a=ordered_a, reason=step.reason)
    needed = owed * 3600 / (kw_per_a * max(rest_s, LAST_S))
    if owed <= tail_kwh or needed <= 0:
        early = kw_per_a * min_a * left_s / 3600 - owed
        if running and goes_on and early <= EARLY_KWH:
            return Follow(current_a=min_a, reason=step.reason)
        if pulled > tail_kwh and step.due is None:
            return Follow(current_a=min_a if goes_on else ordered_a, reason=step.reason)
        return Follow(current_a=0.0, reason=Reason.WAITING)
    if not running and goes_on and needed < min_a:
        # Charging late in this slot goes over into the next without a stop.
        return Follow(current_a=0.0, reason=Reason.WAITING)
    if running and abs(needed - ordered_a) < step_a and min_a <= ordered_a <= max_a:
        return Follow(current_a=ordered_a, reason=step.reason)
    current = round(round(needed / step_a) * step_a, 3)
    return Follow(current_a=min(max(current, min_a), max_a), reason=step.reason)


def _pulled_kwh(schedule: Schedule, charger: str, step: ChargerStep, full_kw: float) -> float:
    """Return the energy of the coming run that may as well be given now, without a stop.

    A plan may move a run that has just begun by a slot when both cost the same, and leaves crumbs
    to cheaper slots.
    """
    coming = [s for s in schedule.chargers.get(charger, ()) if s.start >= step.end]
    first = next((i for i, s in enumerate(coming) if s.energy_kwh >= NOTHING_KWH), None)
    if first is None or step.price is None:
        return 0.0
    run = list(takewhile(lambda s: s.energy_kwh >= NOTHING_KWH, coming[first:]))
    energy = sum(s.energy_kwh for s in run)
    price = min(float("inf") if s.price is None else s.price for s in run)
    if first == 0 and step.price <= price + 1e-9:
        return energy
    crumb = energy <= full_kw * CRUMB_S / 3600 and step.price <= CRUMB_PRICE * price
    return energy if crumb else 0.0


def _deferred(slot: SlotEnergy, step: ChargerStep, now: datetime, tail_kwh: float) -> bool:
    """Tell whether a stop waits for a small remainder, which is not dearer now."""
    if (now - step.start).total_seconds() >= DEFER_S or slot.owed_kwh <= tail_kwh:
        return False
    if step.price is None or slot.carry_price is None:
        return True
    return step.price <= slot.carry_price + 1e-9


def _goes_on(schedule: Schedule, charger: str, step: ChargerStep) -> bool:
    """Tell whether the step after this one charges on, on the same phases."""
    after = schedule.charger_step(charger, step.end)
    return after is not None and after.energy_kwh >= NOTHING_KWH and after.phases == step.phases
