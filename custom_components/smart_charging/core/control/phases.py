"""Which conductors of the grid connection carry what."""

from collections.abc import Sequence
from dataclasses import replace
from math import hypot, sqrt

from ..grid import Grid, Topology
from ..reading import ChargerReading, ChargerStatus, MeterReading, Phase
from .state import Use
from .types import ChargerSpec

PHASE_KV = 0.230
"""Nominal voltage of one phase, in kV: kW / kV = A."""

LOWEST_VOLTAGE_V = 100.0
"""A meter that reports less does not measure this phase (Aron meters report 0 for L2)."""

ONE_CIRCUIT_KW = 16 * PHASE_KV
"""The most that a home's ordinary circuit puts on one phase."""


def active_phases(grid: Grid, phases: int, vehicle_phases: int) -> int:
    """Return on how many phases a car draws, given what its charger offers."""
    return max(1, min(phases, vehicle_phases, grid.topology.phases))


def lines(grid: Grid, spec: ChargerSpec, active: int) -> tuple[int, ...]:
    """Return the grid phases (0 is L1) that a charger loads while its car draws on `active`.

    On 3x230 a one-phase car sits between two lines and loads both.
    """
    count = grid.topology.phases
    if count == 1:
        return (0,)
    if grid.topology is Topology.THREE_230:
        active = 2 if active == 1 else 3
    order = [p - 1 for p in spec.phase_map if 1 <= p <= count]
    order += [p for p in range(count) if p not in order]
    return tuple(order[:active])


def use_of(grid: Grid, spec: ChargerSpec, active: int, current_a: float) -> Use:
    """Return what `current_a` on `active` phases takes from the grid connection."""
    loaded = lines(grid, spec, active)
    return Use(
        phase_a=tuple(current_a if p in loaded else 0.0 for p in range(grid.topology.phases)),
        kw=current_a * grid.topology.charger_kw_per_a(active),
    )


def battery_use(grid: Grid, phases: Sequence[int], power_kw: float) -> Use:
    """Return what a battery takes from (+) or gives to (-) the grid connection.

    `phases` are the grid phases (from 1) that its inverter feeds; none that the grid has: all.
    """
    count = grid.topology.phases
    fed = sorted({p - 1 for p in phases if 1 <= p <= count}) or list(range(count))
    if grid.topology is Topology.THREE_230:
        # An inverter on one phase sits between its line and the next.
        fed = [fed[0], (fed[0] + 1) % count] if len(fed) == 1 else list(range(count))
        amperes = power_kw / grid.topology.charger_kw_per_a(1 if len(fed) == 2 else count)
    else:
        amperes = power_kw / PHASE_KV / len(fed)
    return Use(phase_a=tuple(amperes if p in fed else 0.0 for p in range(count)), kw=power_kw)


def drawn(
    grid: Grid, spec: ChargerSpec, active: int, reading: ChargerReading, offered_a: float
) -> Use:
    """Return what a charger draws by its own reading.

    A charger that measures neither current nor power counts at its offer while it says that
    it charges.
    """
    per_a = grid.topology.charger_kw_per_a(active)
    own = [abs(a) if a is not None else 0.0 for a in reading.currents_a]
    if not own or all(a is None for a in reading.currents_a):
        if reading.power_kw is not None:
            return use_of(grid, spec, active, abs(reading.power_kw) / per_a)
        charging = reading.status is ChargerStatus.CHARGING
        return use_of(grid, spec, active, offered_a if charging else 0.0)
    if grid.topology is Topology.THREE_230 or grid.topology.phases == 1:
        use = use_of(grid, spec, active, max(own))
        kw = use.kw
    else:
        phase_a = [0.0] * grid.topology.phases
        for index, amperes in zip(lines(grid, spec, 3), own, strict=False):
            phase_a[index] = amperes
        use = Use(phase_a=tuple(phase_a), kw=0.0)
        kw = sum(own) * PHASE_KV
    return Use(phase_a=use.phase_a, kw=kw if reading.power_kw is None else abs(reading.power_kw))


def meter_kw(meter: MeterReading | None) -> float | None:
    """Return the power at the grid connection, + import, or `None` when the meter gives none."""
    if meter is None:
        return None
    if meter.power_kw is not None:
        return meter.power_kw
    powers = [p.power_kw for p in meter.phases if p.power_kw is not None]
    return sum(powers) if powers and len(powers) == len(meter.phases) else None


def grid_currents_a(grid: Grid, meter: MeterReading) -> tuple[float, ...] | None:
    """Return the signed current per grid phase, or `None` where the meter cannot tell.

    L2 of an Aron meter (3x230) stays 0 here; `house_phases_a` derives it.
    """
    total = meter_kw(meter)
    if grid.topology.phases == 1:
        phase = meter.phases[0] if meter.phases else Phase()
        if phase.power_kw is None:
            phase = replace(phase, power_kw=total)
        current = _signed(phase, total)
        return None if current is None else (current,)
    if len(meter.phases) != grid.topology.phases:
        return None
    currents = [_signed(phase, total) for phase in meter.phases]
    if grid.topology is Topology.THREE_230 and _unmeasured(meter.phases[1]):
        currents[1] = 0.0
    if any(a is None for a in currents):
        return None
    return tuple(a for a in currents if a is not None)


def house_phases_a(
    grid: Grid, meter: MeterReading, chargers: Sequence[Use], pv_kw: float | None
) -> tuple[tuple[float, ...] | None, bool]:
    """Return the signed current per phase without chargers, and whether its split is assumed."""
    currents = grid_currents_a(grid, meter)
    if currents is None:
        total = meter_kw(meter)
        if total is None:
            return None, False
        house = worst_split_a(total - sum(c.kw for c in chargers), pv_kw)
        return (house,) * grid.topology.phases, True
    house_a = [a - sum(c.phase_a[p] for c in chargers) for p, a in enumerate(currents)]
    if grid.topology is Topology.THREE_230 and _unmeasured(meter.phases[1]):
        house_a[1] = _third_line_a(house_a[0], house_a[2])
    return tuple(house_a), False


def worst_split_a(house_kw: float, pv_kw: float | None) -> float:
    """Return the highest current of a phase when only the sum over three phases is known.

    The load that the sun hides (it may feed another phase) counts in full; one full circuit
    of 16 A lies on this phase and the rest is even. All on one phase would be worse still,
    but no home that keeps its fuse is wired so.
    """
    load = max(0.0, house_kw + max(pv_kw or 0.0, 0.0))
    uneven = min(load, ONE_CIRCUIT_KW)
    return (uneven + (load - uneven) / 3) / PHASE_KV


def _signed(phase: Phase, total_kw: float | None) -> float | None:
    voltage = phase.voltage_v
    kv = voltage / 1000 if voltage is not None and voltage > LOWEST_VOLTAGE_V else PHASE_KV
    if phase.current_a is None:
        return None if phase.power_kw is None else phase.power_kw / kv
    if phase.power_kw is None:
        if phase.current_a < 0:
            return phase.current_a
        # Without a direction a whole site that exports is taken to export on each phase.
        return -phase.current_a if total_kw is not None and total_kw < 0 else phase.current_a
    # Meters round currents to whole amperes; reactive current counts for the fuse too.
    size = max(abs(phase.current_a), abs(phase.power_kw) / kv)
    return -size if phase.power_kw < 0 else size


def _unmeasured(phase: Phase) -> bool:
    return not phase.current_a and not phase.voltage_v


def _third_line_a(first_a: float, third_a: float) -> float:
    """Return the most that the unmeasured line carries, given the other two.

    Loads between lines, all at unity power factor, put at most an angle of 60 degrees between
    the two measured currents, and the third is their sum: sqrt(a^2 + c^2 + a c).
    """
    first_a, third_a = max(first_a, 0.0), max(third_a, 0.0)
    return hypot(first_a + third_a / 2, third_a * sqrt(3) / 2)
