"""What home batteries are told: the plan's mode, help for a car with a goal, and no more.

A battery in self-consumption levels the grid connection, cars included. Unless it may feed
cars, it is held to what the house takes without them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil, floor

from ..reading import BatteryMode, BatteryReading
from ..schedule import Reason
from .state import BatteryMemory
from .types import BatterySetpoint, BatterySpec, ControlSite, Orders, Readings

STEP_KW = 0.1
"""Smaller changes of a battery's power are not worth an order."""

CHANGE_S = 5.0
"""Between two changes of power: batteries ramp within some seconds."""

DWELL_S = 60.0
"""A battery that was held back from feeding cars stays so after the last reason, so that
clouds do not toggle its mode."""

RESERVE_SOC = 0.01
"""Above the lowest SoC; below it a battery cannot help."""

FEEDS_CARS_KW = 0.2
"""A battery in self-consumption may cover so much of a car for a moment; meters and batteries
are not exact."""


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What batteries must know of the site, in kW."""

    base_kw: float | None
    """House less sun, without cars and batteries; `None` while the meter is blind."""
    cars_kw: float
    """What all cars draw, by their reading."""
    charge_room_kw: float
    """What batteries may take from the grid beside house and cars."""
    help_kw: float
    """What batteries should give so that no limit is passed or throttles a car with a goal."""
    spill_kw: float = 0.0
    """Sun beyond the export limit that no car takes."""


@dataclass(frozen=True, kw_only=True)
class _Wish:
    mode: BatteryMode
    power_kw: float
    reason: Reason


def helpers(site: ControlSite, readings: Readings, orders: Orders) -> tuple[BatterySpec, ...]:
    """Return the batteries that can help a car now."""
    return tuple(
        spec
        for spec in site.batteries
        if spec.controllable
        and _has_energy(spec, readings.batteries.get(spec.id))
        and _left_to_us(orders, spec)
    )


def possible_help_kw(
    site: ControlSite, readings: Readings, orders: Orders, base_kw: float | None
) -> float:
    """Return the discharge that could be had for a car with a goal."""
    free = limited = 0.0
    for spec in helpers(site, readings, orders):
        if spec.may_feed_cars:
            free += spec.max_discharge_kw
        else:
            limited += spec.max_discharge_kw
    return free + min(limited, max(0.0, base_kw or 0.0))


def order_batteries(
    site: ControlSite,
    orders: Orders,
    readings: Readings,
    memory: Mapping[str, BatteryMemory],
    balance: Balance,
    now: datetime,
) -> tuple[dict[str, BatterySetpoint], dict[str, BatteryMemory]]:
    """Return the order to each battery that takes orders, and what is remembered of it."""
    setpoints, memories = {}, {}
    able = helpers(site, readings, orders)
    strength = sum(spec.max_discharge_kw for spec in able)
    base_left = max(0.0, balance.base_kw or 0.0)
    room_left = max(0.0, balance.charge_room_kw)
    spill_left = max(0.0, balance.spill_kw)
    for spec in site.batteries:
        if not spec.controllable:
            continue
        wish = _asked(spec, orders, now)
        guarded_at = _guarded_at(memory.get(spec.id))
        if balance.base_kw is None:
            wish = _blind(spec, wish, balance)
        else:
            part = spec.max_discharge_kw / strength if spec in able and strength > 0 else 0.0
            wish = _helping(wish, balance.help_kw * part)
            feeds = _feeds_cars(spec, wish, balance)
            guarded_at = now if feeds else _guarded_at(memory.get(spec.id))
            guard = guarded_at is not None and (now - guarded_at).total_seconds() < DWELL_S
            wish = _kept_from_cars(spec, wish, balance, base_left, guard=guard)
            wish = _kept_from_export(spec, wish, balance, base_left)
            wish = _absorbing(wish, spill_left)
        wish = replace(wish, power_kw=_bounded_kw(spec, wish, room_left))
        if wish.mode is BatteryMode.CHARGE:
            room_left -= wish.power_kw
            spill_left = max(0.0, spill_left - wish.power_kw)
        if wish.mode is BatteryMode.DISCHARGE:
            base_left = max(0.0, base_left - wish.power_kw)
        kept = replace(_steady(memory.get(spec.id), wish, now), guarded_at=guarded_at)
        memories[spec.id] = kept
        setpoints[spec.id] = BatterySetpoint(
            mode=kept.mode, power_kw=round(kept.power_kw, 3), reason=kept.reason
        )
    return setpoints, memories


def _asked(spec: BatterySpec, orders: Orders, now: datetime) -> _Wish:
    """Return what a person asks, else the plan, else self-consumption."""
    order = orders.batteries.get(spec.id)
    if order is not None and order.mode is not None:
        return _Wish(mode=order.mode, power_kw=order.power_kw, reason=Reason.MANUAL)
    step = None if orders.schedule is None else orders.schedule.battery_step(spec.id, now)
    if step is None:
        return _Wish(mode=BatteryMode.SELF_CONSUMPTION, power_kw=0.0, reason=Reason.FEED_HOUSE)
    return _Wish(mode=step.mode, power_kw=abs(step.power_kw), reason=step.reason)


def _blind(spec: BatterySpec, wish: _Wish, balance: Balance) -> _Wish:
    """Return what is safe without a meter: nothing that could load the fuse or feed a car."""
    if wish.mode is BatteryMode.HOLD:
        return wish
    cars = balance.cars_kw > FEEDS_CARS_KW and not spec.may_feed_cars
    mode = BatteryMode.HOLD if cars else BatteryMode.SELF_CONSUMPTION
    return _Wish(mode=mode, power_kw=0.0, reason=Reason.STALE)


def _helping(wish: _Wish, help_kw: float) -> _Wish:
    if help_kw <= 0 or wish.mode is BatteryMode.SELF_CONSUMPTION:
        # Self-consumption covers all of the house anyway.
        return wish
    if wish.mode is BatteryMode.DISCHARGE and wish.power_kw >= help_kw:
        return wish
    power = ceil(help_kw / STEP_KW) * STEP_KW
    return _Wish(mode=BatteryMode.DISCHARGE, power_kw=power, reason=Reason.HELP)


def _feeds_cars(spec: BatterySpec, wish: _Wish, balance: Balance) -> bool:
    """Tell whether a battery that levels the grid connection would supply a car."""
    if spec.may_feed_cars or wish.mode is not BatteryMode.SELF_CONSUMPTION:
        return False
    if balance.cars_kw <= FEEDS_CARS_KW:
        return False
    return (balance.base_kw or 0.0) + balance.cars_kw > FEEDS_CARS_KW


def _guarded_at(last: BatteryMemory | None) -> datetime | None:
    return None if last is None else last.guarded_at


def _kept_from_cars(
    spec: BatterySpec, wish: _Wish, balance: Balance, base_kw: float, *, guard: bool
) -> _Wish:
    """Hold discharge to the house without cars, unless the battery may feed cars."""
    if spec.may_feed_cars or balance.cars_kw <= FEEDS_CARS_KW:
        return wish
    if wish.mode is BatteryMode.DISCHARGE:
        power = _stepped(min(wish.power_kw, base_kw))
    elif wish.mode is BatteryMode.SELF_CONSUMPTION and guard:
        power = _stepped(min(base_kw, spec.max_discharge_kw))
    else:
        return wish
    if power < STEP_KW:
        return replace(wish, mode=BatteryMode.HOLD, power_kw=0.0)
    return replace(wish, mode=BatteryMode.DISCHARGE, power_kw=power)


def _kept_from_export(spec: BatterySpec, wish: _Wish, balance: Balance, base_kw: float) -> _Wish:
    """Hold discharge to what house and cars take: only a person, or a plan that may, sells."""
    sells = wish.reason in (Reason.MANUAL, Reason.SELL)
    if wish.mode is not BatteryMode.DISCHARGE or sells:
        return wish
    used_kw = base_kw + (balance.cars_kw if spec.may_feed_cars else 0.0)
    power = _stepped(min(wish.power_kw, used_kw))
    if power < STEP_KW:
        return replace(wish, mode=BatteryMode.HOLD, power_kw=0.0)
    return replace(wish, power_kw=power)


def _absorbing(wish: _Wish, spill_kw: float) -> _Wish:
    """Store sun that may not be exported; self-consumption does so by itself."""
    if spill_kw < STEP_KW or wish.reason is Reason.MANUAL:
        return wish
    if wish.mode is BatteryMode.SELF_CONSUMPTION:
        return wish
    if wish.mode is BatteryMode.CHARGE and wish.power_kw >= spill_kw:
        return wish
    power = ceil(spill_kw / STEP_KW) * STEP_KW
    return replace(wish, mode=BatteryMode.CHARGE, power_kw=power, reason=Reason.SUN)


def _stepped(power_kw: float) -> float:
    """Return whole steps, downwards: a battery that follows the house never exceeds it."""
    return floor(power_kw / STEP_KW + 1e-6) * STEP_KW


def _bounded_kw(spec: BatterySpec, wish: _Wish, room_kw: float) -> float:
    if wish.mode is BatteryMode.CHARGE:
        return min(wish.power_kw, spec.max_charge_kw, room_kw)
    if wish.mode is BatteryMode.DISCHARGE:
        return min(wish.power_kw, spec.max_discharge_kw)
    return 0.0


def _steady(last: BatteryMemory | None, wish: _Wish, now: datetime) -> BatteryMemory:
    """Return the order to give: the last one unless the wish differs enough and it is due.

    Less charge and less discharge pass at once: they keep limits.
    """
    if last is None or wish.mode is not last.mode:
        return BatteryMemory(
            mode=wish.mode, power_kw=wish.power_kw, reason=wish.reason, changed_at=now
        )
    change = wish.power_kw - last.power_kw
    due = (now - last.changed_at).total_seconds() >= CHANGE_S
    if abs(change) < STEP_KW - 1e-6 or (change > 0 and not due):
        return replace(last, reason=wish.reason)
    return replace(last, power_kw=wish.power_kw, reason=wish.reason, changed_at=now)


def _has_energy(spec: BatterySpec, reading: BatteryReading | None) -> bool:
    return (
        reading is not None and reading.soc is not None and reading.soc > spec.min_soc + RESERVE_SOC
    )


def _left_to_us(orders: Orders, spec: BatterySpec) -> bool:
    order = orders.batteries.get(spec.id)
    return order is None or order.mode is None
