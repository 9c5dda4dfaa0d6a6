"""Why a device does what it does, with the figures and the next best thing to do.

Read from a plan when it is asked for: a plan costs nothing for explanations that nobody reads.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..schedule import BatteryStep, ChargerStep, Reason
from .result import Plan

LEAST_PRICE = 1e-3
"""Currency per kWh below which two choices are worth the same: preferences decide there.
What seems better than the choice by more could not be done: too late, too full, not allowed."""

MOVES_KW = 1e-6


class Action(StrEnum):
    """What a device could do."""

    CHARGE = "charge"
    WAIT = "wait"
    """A charger: leave it for another slot."""
    HOLD = "hold"
    """A battery: keep what it has."""
    DISCHARGE = "discharge"


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """The next best thing to do."""

    action: Action
    start: datetime
    """Begin of the slot in which it would be done."""
    marginal_price: float
    """A charger: currency per kWh there. A battery: per kWh held, what charging costs, what
    discharging brings, or what holding is worth."""
    dearer_by: float
    """Currency per kWh that the present choice saves against it."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The reason of one device at one time, with the figures behind it."""

    device: str
    start: datetime
    end: datetime
    action: Action
    reason: Reason
    power_kw: float
    """Mean over the slot, + on charge."""
    price: float | None
    """Import price."""
    marginal_price: float | None
    """What one more kWh would cost here and now."""
    stored_value: float | None = None
    """A battery: what a kWh in it is worth, per kWh held."""
    awaits: datetime | None = None
    """When begins what it waits, stores or keeps its energy for."""
    alternative: Alternative | None = None
    """Next best; `None` when there is none or nothing is known of prices."""


def explain(plan: Plan, device_id: str, at: datetime) -> Explanation | None:
    """Return why `device_id` does what it does at `at`; `None` outside the plan."""
    if (step := plan.schedule.charger_step(device_id, at)) is not None:
        return _charger(device_id, plan.schedule.chargers[device_id], step)
    if (order := plan.schedule.battery_step(device_id, at)) is not None:
        price = next((f.import_price for f in plan.flows if f.start <= at < f.end), None)
        return _battery(device_id, plan.schedule.batteries[device_id], order, price)
    return None


def _charger(device: str, steps: tuple[ChargerStep, ...], step: ChargerStep) -> Explanation:
    charges = step.energy_kwh > 0
    later = [
        s for s in steps if s.vehicle == step.vehicle and s.start > step.start and s.energy_kwh > 0
    ]
    waits = step.vehicle is not None and not charges and bool(later)
    return Explanation(
        device=device,
        start=step.start,
        end=step.end,
        action=Action.CHARGE if charges else Action.WAIT,
        reason=step.reason,
        power_kw=step.energy_kwh / ((step.end - step.start).total_seconds() / 3600),
        price=step.price,
        marginal_price=step.marginal_price,
        awaits=later[0].start if waits else None,
        alternative=_instead(steps, step) if charges else _at_once(later, step) if waits else None,
    )


def _instead(steps: tuple[ChargerStep, ...], step: ChargerStep) -> Alternative | None:
    """Return the cheapest slot that a charge could move to."""
    if step.marginal_price is None:
        return None
    open_slots = [
        (s.marginal_price, s.start)
        for s in steps
        if s.vehicle == step.vehicle
        and s.energy_kwh <= 0
        and s.reason is not Reason.LIMIT
        and s.marginal_price is not None
        and s.marginal_price >= step.marginal_price - LEAST_PRICE
    ]
    if not open_slots:
        return None
    price, start = min(open_slots)
    return Alternative(
        action=Action.CHARGE,
        start=start,
        marginal_price=price,
        dearer_by=max(0.0, price - step.marginal_price),
    )


def _at_once(later: list[ChargerStep], step: ChargerStep) -> Alternative | None:
    """Return charging now in place of the dearest slot that is waited for."""
    prices = [s.marginal_price for s in later if s.marginal_price is not None]
    if step.marginal_price is None or not prices or step.reason is Reason.LIMIT:
        return None
    saved = step.marginal_price - max(prices)
    if saved < -LEAST_PRICE:
        return None
    return Alternative(
        action=Action.CHARGE,
        start=step.start,
        marginal_price=step.marginal_price,
        dearer_by=max(0.0, saved),
    )


def _battery(
    device: str, steps: tuple[BatteryStep, ...], step: BatteryStep, price: float | None
) -> Explanation:
    action = Action.HOLD
    if abs(step.power_kw) > MOVES_KW:
        action = Action.CHARGE if step.power_kw > 0 else Action.DISCHARGE
    used = (s.start for s in steps if s.start > step.start and s.power_kw < -MOVES_KW)
    return Explanation(
        device=device,
        start=step.start,
        end=step.end,
        action=action,
        reason=step.reason,
        power_kw=step.power_kw,
        price=price,
        marginal_price=step.marginal_price,
        stored_value=step.stored_value,
        awaits=None if action is Action.DISCHARGE else next(used, None),
        alternative=_other_use(step, action),
    )


def _other_use(step: BatteryStep, action: Action) -> Alternative | None:
    """Return the next best of charging, holding and discharging, per kWh held.

    Against holding, charging gains the value of what is stored less its cost, and discharging
    what it brings less that value.
    """
    value, cost, brings = step.stored_value, step.charge_cost, step.discharge_value
    if value is None or cost is None or brings is None:
        return None
    gain = {Action.CHARGE: value - cost, Action.HOLD: 0.0, Action.DISCHARGE: brings - value}
    figure = {Action.CHARGE: cost, Action.HOLD: value, Action.DISCHARGE: brings}
    best = gain.pop(action)
    others = [x for x in gain if gain[x] <= best + LEAST_PRICE]
    if not others:
        return None
    other = max(others, key=lambda x: gain[x])
    return Alternative(
        action=other,
        start=step.start,
        marginal_price=figure[other],
        dearer_by=max(0.0, best - gain[other]),
    )
