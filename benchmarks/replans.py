"""Re-plans of one evening on readings that are never the same twice: do orders stand?

The noise is of the size that meters have: cars tell their SoC in whole percents, batteries in
tenths of a percent, load and sun differ by some percent from what was forecast.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from custom_components.smart_charging.core.planner import (
    BatteryCommand,
    Command,
    Plan,
    Problem,
    plan,
)
from custom_components.smart_charging.core.planner.slots import JOIN_BELOW, QUARTER, floor_to
from custom_components.smart_charging.core.reading import BatteryMode

LOAD_NOISE = 0.03
LOAD_NOISE_KW = 0.05
PV_NOISE = 0.04
VEHICLE_SOC_STEP = 0.01
BATTERY_SOC_STEP = 0.001


@dataclass(frozen=True, kw_only=True)
class Flips:
    """How often an order for the present slot was taken back."""

    plans: int
    charger: int
    """On to off, off to on, or another phase count, which the plan before did not have for now."""
    stayed: int
    """A charger goes on with what it does, where the plan before had a change for now."""
    battery: int
    """Another mode than the plan before had for this moment."""
    starts: int
    """Charges that began; what is planned counts too."""


def from_now(problem: Problem, now: datetime) -> Problem:
    """Return what is left of a problem at a later moment; a rest under a minute joins the next."""
    rest = [t for t, end in enumerate(problem.slots[1:]) if end > now]
    if len(rest) > 1 and problem.slots[rest[0] + 1] - now < JOIN_BELOW:
        rest = rest[1:]

    def cut[T](values: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(values[t] for t in rest)

    return replace(
        problem,
        now=now,
        slots=(now, *(problem.slots[t + 1] for t in rest)),
        import_price=cut(problem.import_price),
        export_price=cut(problem.export_price),
        estimated=cut(problem.estimated),
        load_kw=cut(problem.load_kw),
        pv_kw=cut(problem.pv_kw),
    )


def noisy(problem: Problem, rng: Random) -> Problem:
    """Return the problem as meters, cars and forecasts tell it this time."""

    def read(soc: float, step: float) -> float:
        return min(1.0, max(0.0, round(soc / step + rng.uniform(-0.5, 0.5)) * step))

    return replace(
        problem,
        load_kw=tuple(
            max(0.0, x * (1 + rng.gauss(0, LOAD_NOISE)) + rng.gauss(0, LOAD_NOISE_KW))
            for x in problem.load_kw
        ),
        pv_kw=tuple(max(0.0, x * (1 + rng.gauss(0, PV_NOISE))) for x in problem.pv_kw),
        vehicles=tuple(
            v if v.soc is None else replace(v, soc=read(v.soc, VEHICLE_SOC_STEP))
            for v in problem.vehicles
        ),
        batteries=tuple(replace(b, soc=read(b.soc, BATTERY_SOC_STEP)) for b in problem.batteries),
    )


def replan(problem: Problem, *, every: timedelta, count: int = 100, seed: int = 1) -> Flips:
    """Plan `count` times, `every` so often (0: the same moment), and count what is taken back.

    Between two plans the home does as the last one says.
    """
    rng = Random(seed)
    truth = problem
    last: Plan | None = None
    running: dict[str, Command] = {}
    charger_flips = battery_flips = stayed = starts = 0
    for k in range(count):
        now = problem.now + k * every
        truth = from_now(truth, now)
        asked = replace(
            noisy(truth, rng),
            previous=tuple(running.values()),
            previous_batteries=tuple(
                BatteryCommand(battery=battery.id, mode=mode)
                for battery in problem.batteries
                if (mode := _mode(last, battery.id, now)) is not None
            ),
        )
        answer = plan(asked, last)
        for charger in problem.chargers:
            order, before = _order(answer, charger.id, now), _order(last, charger.id, now)
            other = before is not None and order != before
            goes_on = order == _ordered(running.get(charger.id))
            charger_flips += other and not goes_on
            stayed += other and goes_on
            starts += _command(running, answer, charger.id, now)
        for battery in problem.batteries:
            before_mode = _mode(last, battery.id, now)
            battery_flips += before_mode not in (None, _mode(answer, battery.id, now))
        truth = _lived(truth, answer, now, now + every)
        last = answer
    return Flips(
        plans=count, charger=charger_flips, stayed=stayed, battery=battery_flips, starts=starts
    )


def _order(answer: Plan | None, charger: str, now: datetime) -> tuple[bool, int] | None:
    if answer is None or (step := answer.schedule.charger_step(charger, now)) is None:
        return None
    runs = step.energy_kwh > 0
    return runs, step.phases if runs else 0


def _ordered(command: Command | None) -> tuple[bool, int] | None:
    if command is None:
        return None
    return command.current_a > 0, command.phases if command.current_a > 0 else 0


def _mode(answer: Plan | None, battery: str, now: datetime) -> BatteryMode | None:
    step = None if answer is None else answer.schedule.battery_step(battery, now)
    return None if step is None else step.mode


def _command(running: dict[str, Command], answer: Plan, charger: str, now: datetime) -> bool:
    """Carry out the order of the present slot; return whether a charge begins."""
    step = answer.schedule.charger_step(charger, now)
    if step is None:
        return False
    before = running.get(charger)
    on = step.energy_kwh > 0
    was_on = before is not None and before.current_a > 0
    changed = before is None or on != was_on
    running[charger] = Command(
        charger=charger,
        current_a=step.current_a if on else 0.0,
        phases=step.phases,
        since=now if changed or before is None else before.since,
    )
    return on and not was_on


def _lived(truth: Problem, answer: Plan, start: datetime, end: datetime) -> Problem:
    """Return the home after it has done as planned from `start` to `end`."""

    def part(step_start: datetime, step_end: datetime) -> float:
        """Return the hours of the step that were lived."""
        return max(0.0, (min(end, step_end) - max(start, step_start)).total_seconds() / 3600)

    charged: dict[str, float] = {}
    for steps in answer.schedule.chargers.values():
        for s in steps:
            if s.start < end and s.vehicle is not None:
                length = (s.end - s.start).total_seconds() / 3600
                got = s.energy_kwh * part(s.start, s.end) / length
                charged[s.vehicle] = charged.get(s.vehicle, 0.0) + got
    batteries = []
    for battery in truth.batteries:
        held = battery.soc * battery.capacity_kwh
        for step in answer.schedule.batteries[battery.id]:
            if step.start < end:
                loss = 1 / battery.discharge_efficiency
                factor = battery.charge_efficiency if step.power_kw > 0 else loss
                held += factor * step.power_kw * part(step.start, step.end)
        batteries.append(replace(battery, soc=min(1.0, max(0.0, held / battery.capacity_kwh))))
    imported = sum(
        f.import_kw * part(max(f.start, floor_to(end, QUARTER)), f.end)
        for f in answer.flows
        if f.start < end
    )
    begun = truth.quarter_energy_kwh if floor_to(start, QUARTER) == floor_to(end, QUARTER) else 0.0
    return replace(
        truth,
        quarter_energy_kwh=begun + imported,
        batteries=tuple(batteries),
        vehicles=tuple(
            v
            if v.soc is None
            else replace(v, soc=v.soc + charged.get(v.id, 0.0) * v.efficiency / v.capacity_kwh)
            for v in truth.vehicles
        ),
    )
