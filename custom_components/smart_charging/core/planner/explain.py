"""Why a device does what it does, with the figures and the next best thing to do."""

from dataclasses import dataclass
from datetime import datetime

from ..schedule import ChargerStep, Reason
from .result import Plan


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """Another slot that the energy could have been charged in, or is charged in instead."""

    start: datetime
    marginal_price: float
    dearer_by: float
    """Currency per kWh that the present choice saves against it."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The reason of one device at one time, with the figures behind it."""

    device: str
    start: datetime
    end: datetime
    reason: Reason
    power_kw: float
    """Mean over the slot, + on charge."""
    price: float | None
    marginal_price: float | None
    alternative: Alternative | None = None
    """Next best; `None` when there is none or nothing is known of prices."""


def explain(plan: Plan, device_id: str, at: datetime) -> Explanation | None:
    """Return why `device_id` does what it does at `at`; `None` outside the plan."""
    if (step := plan.schedule.charger_step(device_id, at)) is not None:
        hours = (step.end - step.start).total_seconds() / 3600
        return Explanation(
            device=device_id,
            start=step.start,
            end=step.end,
            reason=step.reason,
            power_kw=step.energy_kwh / hours,
            price=step.price,
            marginal_price=step.marginal_price,
            alternative=_alternative(plan.schedule.chargers[device_id], step),
        )
    if (order := plan.schedule.battery_step(device_id, at)) is not None:
        flow = next((f for f in plan.flows if f.start <= at < f.end), None)
        return Explanation(
            device=device_id,
            start=order.start,
            end=order.end,
            reason=order.reason,
            power_kw=order.power_kw,
            price=None if flow is None else flow.import_price,
            marginal_price=order.marginal_price,
        )
    return None


def _alternative(steps: tuple[ChargerStep, ...], step: ChargerStep) -> Alternative | None:
    """Return the cheapest slot left out when charging, the dearest one used when waiting."""
    if step.vehicle is None or step.marginal_price is None:
        return None
    charging = step.energy_kwh > 0
    others = [
        (s.marginal_price, s)
        for s in steps
        if s.vehicle == step.vehicle
        and s.marginal_price is not None
        and (s.energy_kwh > 0) is not charging
    ]
    if not others:
        return None
    key = min if charging else max
    price, other = key(others, key=lambda x: (x[0], x[1].start))
    saved = price - step.marginal_price
    return Alternative(
        start=other.start, marginal_price=price, dearer_by=saved if charging else -saved
    )
