"""A day of one-second telegrams through the real parser, control and writers.

Bytes of a telegram go in where a P1 port would hand them over; what comes out is the call of our
`number` and `select` entities that the real `Writer` makes in a real Home Assistant core (its
event loop, registry, bus and services). There the measurement is cut: instead of the entity and
the charger's own protocol stands a service that sets the simulated charger at once. The world
that moves between the measurements and the planner (which runs in an executor) are not counted.
"""

import asyncio
from dataclasses import dataclass, field
from statistics import quantiles
import time
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import (  # type: ignore[import-untyped]
    async_test_home_assistant,
)

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.core.control.types import BatterySetpoint, ChargerSetpoint
from custom_components.smart_charging.core.reading import BatteryMode
from custom_components.smart_charging.devices.p1.frames import PlainFrames
from custom_components.smart_charging.devices.p1.telegram import parse_telegram, parser_for
from custom_components.smart_charging.writer import Decisions, Target, Writer
from simulators.p1_telegram import telegram

from .control_home import ControlledHome
from .control_scenario import Scenario

VERSION = "5B"
BATTERY_INTERVAL_S = 10.0


@dataclass
class Timing:
    """What the measured part took."""

    cpu_s: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    """From the last byte of a telegram to the call that carries the setpoint."""
    cpu_latencies_ms: list[float] = field(default_factory=list)
    """The same as CPU time: other programmes on the machine do not count."""
    faults: dict[str, float] = field(default_factory=dict)
    """Fault of a writer and the second at which it was told."""


class WrittenHome(ControlledHome):
    """A home whose telegrams are parsed and whose orders are written as Home Assistant does it."""

    def __init__(self, scenario: Scenario, hass: HomeAssistant) -> None:
        """Register the entities that the writers look for, and the services that they call."""
        super().__init__(scenario)
        self.timing = Timing()
        self._hass = hass
        self._frames = PlainFrames()
        self._entities: dict[str, tuple[str, str]] = {}
        self._began = (0.0, 0.0)
        self._battery_kw = 0.0
        self.deaf: set[str] = set()
        """Chargers that ignore every order."""
        parser_for(VERSION)
        decisions = Decisions()

        def writer(part: str, choice: bool, interval_s: float) -> Writer[Any]:
            names = {"number": f"{part}_value", "select": f"{part}_choice"}
            for domain in ("number", "select") if choice else ("number",):
                row = er.async_get(hass).async_get_or_create(domain, DOMAIN, names[domain])
                self._entities[row.entity_id] = (part, domain)
            return Writer(
                hass,
                self.clock,
                decisions,
                Target(
                    part_id=part,
                    name=part,
                    value_unique_id=names["number"],
                    choice_unique_id=names["select"] if choice else None,
                ),
                interval_s=interval_s,
                on_fault=self._on_fault,
            )

        self.writers: dict[str, Writer[ChargerSetpoint]] = {
            c.id: writer(c.id, c.switching, c.write_interval_s) for c in self.site.chargers
        }
        self.battery_writers: dict[str, Writer[BatterySetpoint]] = {
            b.id: writer(b.id, True, BATTERY_INTERVAL_S) for b in self.site.batteries
        }
        hass.services.async_register("number", "set_value", self._set_value)
        hass.services.async_register("select", "select_option", self._select_option)

    async def second(self) -> None:
        """Move on by a second: telegram in, setpoints out, measured in between."""
        self.move()
        sent = None
        if self.heard:
            sent = telegram(self.house.meter, self.now, meter_id="1SAG3100000001")
        readings = self.readings()
        cpu_s = time.thread_time()
        self._began = (time.perf_counter(), cpu_s)
        if sent is not None:
            for text in self._frames.feed(sent):
                self.meter = parse_telegram(text, VERSION, self.now) or self.meter
        self.decide()
        for key, setpoint in self.setpoints.chargers.items():
            self.writers[key].order(setpoint, readings.chargers.get(key))
        for battery, order in self.setpoints.batteries.items():
            self.battery_writers[battery].order(order, readings.batteries.get(battery))
        # The writers' tasks run to their end: nothing in them waits for real time.
        every: tuple[Writer[Any], ...] = (*self.writers.values(), *self.battery_writers.values())
        await asyncio.gather(*(w._task for w in every if w._task is not None))  # noqa: SLF001
        self.timing.cpu_s += time.thread_time() - cpu_s
        self.take(self.meter)
        self.counting.second()

    def _on_fault(self, part: str, key: str | None) -> None:
        if key is not None:
            self.timing.faults.setdefault(f"{part} {key}", float(self.tally.seconds))

    def _written(self) -> None:
        wall_s, cpu_s = self._began
        self.timing.latencies_ms.append(1000 * (time.perf_counter() - wall_s))
        self.timing.cpu_latencies_ms.append(1000 * (time.thread_time() - cpu_s))

    async def _set_value(self, call: ServiceCall) -> None:
        self._written()
        part, _ = self._entities[call.data["entity_id"]]
        if part in self.battery_writers:
            self._battery_kw = call.data["value"]
            return
        self.counting.write(part, self.setpoints.chargers[part])
        if part not in self.deaf:
            self.carry_out(part, call.data["value"], self.house.chargers[part].phases)

    async def _select_option(self, call: ServiceCall) -> None:
        self._written()
        entity_id, option = call.data["entity_id"], call.data["option"]
        part, _ = self._entities[entity_id]
        self._hass.states.async_set(entity_id, option)
        if part in self.battery_writers:
            self.order_battery(BatteryMode(option), self._battery_kw)
        elif part not in self.deaf:
            self.house.chargers[part].phases = int(option)


async def measure(scenario: Scenario, seconds: int) -> dict[str, float]:
    """Return CPU share, latencies and counts of a day (or a part of it)."""
    async with async_test_home_assistant() as hass:
        home = WrittenHome(scenario, hass)
        for _ in range(seconds):
            await home.second()
        await hass.async_stop(force=True)
    timing, tally = home.timing, home.tally
    return {
        "cpu_share": timing.cpu_s / tally.seconds,
        "latency_p50_ms": _percentile(timing.latencies_ms, 50),
        "latency_p99_ms": _percentile(timing.latencies_ms, 99),
        "latency_cpu_p99_ms": _percentile(timing.cpu_latencies_ms, 99),
        "starts_per_slot_max": tally.starts_per_slot_max,
        "starts_per_slot_max_with_limits": tally.starts_per_slot_max_with_limits,
        "stops_per_slot_max": tally.stops_per_slot_max,
        "phase_switches_per_slot_max": tally.phase_switches_per_slot_max,
        "starts": tally.starts,
        "stops": tally.stops,
        "phase_switches": tally.phase_switches,
        "writes": tally.writes,
        "writes_too_soon": tally.writes_too_soon,
        "urgent_writes": tally.urgent_writes,
        "seconds_over_fuse": tally.seconds_over_fuse,
        "peak_excess_kw": tally.peak_excess_kw,
        "goals_missed_kwh": tally.goals_missed_kwh,
        "stale_to_safe_s": tally.stale_to_safe_s,
        "stale_to_normal_s": tally.stale_to_normal_s,
        "seconds": tally.seconds,
    }


async def ignored_order_s(scenario: Scenario) -> float:
    """Return the seconds until a charger that ignores its orders is reported."""
    async with async_test_home_assistant() as hass:
        home = WrittenHome(scenario, hass)
        key = scenario.residents[0].charger.key
        told_s = None
        for _ in range(6 * 3600):
            home.deaf = {key} if home.house.chargers[key].power_kw > 1.0 else home.deaf
            before = home.tally.writes
            await home.second()
            if told_s is None and home.deaf and home.tally.writes > before:
                told_s = home.tally.seconds
            fault = home.timing.faults.get(f"{key} not_obeyed")
            if fault is not None and told_s is not None:
                break
        await hass.async_stop(force=True)
    if fault is None or told_s is None:
        raise RuntimeError("the charger was never reported")
    return fault - told_s


def _percentile(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return values[0] if values else 0.0
    return quantiles(values, n=100, method="inclusive")[percent - 1]
