"""Runs: what a device does for a while, neighbouring slots with the same order joined."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from custom_components.smart_charging.core.planner import Flow, Plan
from custom_components.smart_charging.core.schedule import BatteryStep, ChargerStep, Reason

from .words import MODES, percent

type Step = ChargerStep | BatteryStep

NOTHING_KWH = 0.005
"""Less energy than this is not worth a word."""

FLOWS_KWH = 1e-4
"""Less than this in a slot is no flow."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a device does for a while."""

    device: str
    steps: tuple[Step, ...]
    prices: tuple[float, ...]
    """Import price of each slot."""

    @property
    def start(self) -> datetime:
        """When it begins."""
        return self.steps[0].start

    @property
    def end(self) -> datetime:
        """When it ends."""
        return self.steps[-1].end

    @property
    def reason(self) -> Reason:
        """Why."""
        return self.steps[0].reason

    @property
    def vehicle(self) -> str | None:
        """The car at a charger."""
        first = self.steps[0]
        return first.vehicle if isinstance(first, ChargerStep) else None

    @property
    def energy_kwh(self) -> float:
        """Energy into the device."""
        return sum(energy_kwh(step) for step in self.steps)

    @property
    def does(self) -> str:
        """What it does, in words, with its energy and the state of charge after it."""
        words = order_words(self.steps[0])
        if (amperes := self._amperes()) and min(amperes) < max(amperes):
            range_ = f" at {min(amperes):g} to {max(amperes):g} A"
            words = words.replace(f" at {amperes[0]:g} A", range_)
        if abs(energy := self.energy_kwh) >= NOTHING_KWH:
            words += f", {energy:.2f} kWh"
        soc = self.steps[-1].soc_after
        return words if soc is None else f"{words} -> {percent(soc)}"

    def _amperes(self) -> list[float]:
        return [x.current_a for x in self.steps if isinstance(x, ChargerStep) and x.current_a]

    @property
    def price_words(self) -> str:
        """Lowest and highest import price."""
        return range_words(self.prices)


def runs(plan: Plan, key: Callable[[Step], object] | None = None) -> dict[str, list[Run]]:
    """Return the runs of each device; slots with the same `key` are joined.

    Without a key those that have the same order, for the same reason.
    """
    prices = [flow.import_price for flow in plan.flows]
    devices: list[Mapping[str, Sequence[Step]]] = [plan.schedule.chargers, plan.schedule.batteries]
    return {
        device: list(_runs(device, steps, prices, key or _order))
        for group in devices
        for device, steps in group.items()
    }


def _runs(
    device: str, steps: Sequence[Step], prices: Sequence[float], key: Callable[[Step], object]
) -> Iterator[Run]:
    for _, group in groupby(range(len(steps)), key=lambda i: key(steps[i])):
        at = list(group)
        yield Run(
            device=device,
            steps=tuple(steps[i] for i in at),
            prices=tuple(prices[i] for i in at),
        )


def _order(step: Step) -> tuple[object, ...]:
    vehicle = step.vehicle if isinstance(step, ChargerStep) else None
    return vehicle, order_words(step), step.reason


def broadly(step: Step) -> tuple[object, ...]:
    """Return what slots of one run have in common: car, direction and reason, not the amperes."""
    energy = energy_kwh(step)
    sign = (energy > FLOWS_KWH) - (energy < -FLOWS_KWH)
    return sign, step.reason, step.vehicle if isinstance(step, ChargerStep) else None


def order_words(step: Step) -> str:
    """Return what a device is told in a slot."""
    if isinstance(step, BatteryStep):
        return MODES[step.mode]
    if step.vehicle is None:
        return "no car"
    if step.energy_kwh == 0:
        return "pause"
    if step.energy_kwh < 0:
        return f"give back from {step.vehicle}"
    phases = "1 phase" if step.phases == 1 else f"{step.phases} phases"
    return f"charge {step.vehicle} at {step.current_a:g} A, {phases}"


def energy_kwh(step: Step) -> float:
    """Return the energy into a device in a slot, AC."""
    if isinstance(step, ChargerStep):
        return step.energy_kwh
    return step.power_kw * hours(step)


def hours(step: Step | Flow) -> float:
    """Return how long a slot is."""
    return (step.end - step.start).total_seconds() / 3600


def range_words(values: Iterable[float]) -> str:
    """Return the lowest and highest of some prices, one where they hardly differ."""
    low, high = min(known := list(values)), max(known)
    return f"{low:.3f}" if high - low < 5e-4 else f"{low:.3f} to {high:.3f}"
