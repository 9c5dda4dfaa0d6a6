"""Delivers the energy that the plan wants in each of its steps, smoothly.

The plan's current is its model of the slot, the energy its promise. So control counts what the
charger delivers and asks for the current that brings the rest in by the step's end. Cars start
and stop some seconds late; what is then missing or too much is carried into the next step.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from ..schedule import ChargerStep, Reason, Schedule
from .state import ChargerMemory, SlotEnergy

STOP_TAIL_S = 5.0
"""A car goes on for 3 to 10 s after it is told to stop: it is told that much earlier."""

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
    slot: SlotEnergy | None, step: ChargerStep, now: datetime, kw: float, full_kw: float
) -> SlotEnergy:
    """Return the account of the step in force, carrying over what the last one owes.

    What a step would take out of a car is not charged: nothing is owed for it.
    """
    planned = max(step.energy_kwh, 0.0)
    if slot is not None and (slot.start, slot.end) == (step.start, step.end):
        return replace(slot, planned_kwh=planned, price=step.price)
    fresh = SlotEnergy(start=step.start, end=step.end, planned_kwh=planned, price=step.price)
    if slot is None:
        return fresh
    if abs((step.start - slot.end).total_seconds()) <= JOINED_S:
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
) -> Follow:
    """Return the current that brings in the step's energy by its end.

    `kw` is the present draw, `kw_per_a` what an ampere gives on the phases in use.
    """
    rest_s = max(0.0, ((step.due or step.end) - now).total_seconds())
    left_s = max(0.0, (step.end - now).total_seconds())
    running = ordered_a > 0
    tail_kwh = kw * STOP_TAIL_S / 3600
    if step.energy_kwh < NOTHING_KWH:
        waits = step.energy_kwh >= 0 and running and _deferred(slot, step, now, tail_kwh)
        current = ordered_a if waits else 0.0
        return Follow(current_a=current, reason=step.reason)
    owed = slot.owed_kwh
    goes_on = _goes_on(schedule, charger, step)
    if running and goes_on and left_s <= LAST_S:
        return Follow(current_a=ordered_a, reason=step.reason)
    if running and rest_s <= NO_CHANGE_S and owed > tail_kwh:
        return Follow(current_a=ordered_a, reason=step.reason)
    needed = owed * 3600 / (kw_per_a * max(rest_s, LAST_S))
    if owed <= tail_kwh or needed <= 0:
        early = kw_per_a * min_a * left_s / 3600 - owed
        if running and goes_on and early <= EARLY_KWH:
            return Follow(current_a=min_a, reason=step.reason)
        return Follow(current_a=0.0, reason=Reason.WAITING)
    if not running and goes_on and needed < min_a:
        # Charging late in this slot goes over into the next without a stop.
        return Follow(current_a=0.0, reason=Reason.WAITING)
    if running and abs(needed - ordered_a) < step_a and min_a <= ordered_a <= max_a:
        return Follow(current_a=ordered_a, reason=step.reason)
    current = round(round(needed / step_a) * step_a, 3)
    return Follow(current_a=min(max(current, min_a), max_a), reason=step.reason)


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
