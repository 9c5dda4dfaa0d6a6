"""A problem as numbers: one array value per slot.

kW, kWh, h, currency per kWh. Values without sense (a negative load, a limit below the load) are
read in the way that is safe, so that every problem can be planned.
"""

from array import array
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite

import numpy as np
import numpy.typing as npt

from ..grid import Circuit
from .presence import TINY, Numbers, Plugged, Series
from .problem import Battery, PeakTariff, Problem
from .quarters import HOUR_US, SECOND_US, Quarters, quarters_of
from .slots import months_of
from .stays import Room, presence


@dataclass(frozen=True, kw_only=True)
class Dull:
    """The site with the sun's tenth percentile, as `Prepared` has it with the expected sun."""

    pv: Series
    room: Room
    line_load_a: npt.NDArray[np.float64]
    line_limit_a: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A problem as numbers."""

    problem: Problem
    n: int
    bounds_us: Numbers
    """The n+1 bounds of the slots in microseconds from now."""
    hours: Series
    since_h: Series
    """Hours from now to the middle of each slot."""
    import_price: Series
    export_price: Series
    load: Series
    pv: Series
    months: tuple[str, ...]
    quarters: Quarters
    peak: PeakTariff | None
    peak_base_kw: tuple[float, ...]
    """Peak of each month that costs nothing more."""
    import_limit: float
    """Import in kW that needs no price of its own."""
    breach_kw: float
    """Import in kW above it that may be bought."""
    over: Series
    """Import in kW beyond limit and breach that the house alone may force."""
    export_limit: float
    line_load_a: npt.NDArray[np.float64]
    """Current of house and sun on each phase, phases x slots."""
    line_limit_a: npt.NDArray[np.float64]
    """Fuse per phase, higher where the house alone exceeds it."""
    line_a_per_kw: float
    """Current on each phase of one kW that is spread evenly."""
    batteries: tuple[Battery, ...]
    plugged: tuple[Plugged, ...]
    """Per vehicle."""
    circuits: tuple[tuple[Circuit, tuple[int, ...]], ...]
    """Circuits with the indices of their chargers."""
    dull: Dull | None
    """`None` when no lesser sun is known."""

    @cached_property
    def surplus(self) -> Series:
        """Sun that the house leaves."""
        return np.maximum(self.pv - self.load, 0.0)

    @cached_property
    def net_load(self) -> Series:
        """House load that the sun leaves."""
        return np.maximum(self.load - self.pv, 0.0)

    @cached_property
    def charger_currents(self) -> tuple[Series, Series, Series]:
        """Step, least and highest current in A, per charger."""
        chargers = self.problem.chargers
        return (
            np.array([c.step_a for c in chargers]),
            np.array([max(min(c.min_a, c.max_a), 0.0) for c in chargers]),
            np.array([max(c.max_a, 0.0) for c in chargers]),
        )

    def quarter_means(self, imported: Series) -> Series:
        """Return the mean import of each quarter in kW."""
        energy = np.bincount(self.quarters.of_slot, imported * self.hours)
        means: Series = (energy + self.quarters.prior_kwh) / self.quarters.hours
        return means


def prepare(problem: Problem) -> Prepared:
    """Return `problem` as numbers. The problem must have no structure faults."""
    problem = _with_sane_storage(problem)
    now = problem.now
    # Whole again after a trip through floats: there are far fewer than 2^53.
    bounds_us = np.rint(
        np.array([(at - now).total_seconds() for at in problem.slots]) * SECOND_US
    ).astype(np.int64)
    hours = np.diff(bounds_us) / HOUR_US
    load = np.maximum(_series(problem.load_kw), 0.0)
    pv = np.maximum(_series(problem.pv_kw), 0.0)
    months, month = months_of(problem.slots, problem.time_zone)
    quarters = quarters_of(now, bounds_us, np.array(month), problem.quarter_energy_kwh)
    grid = problem.grid
    fuse_kw = max(grid.fuse_kw, 0.0)
    contract = _within(grid.import_limit_kw, fuse_kw)
    breach_kw = max(0.0, min(grid.breach_kw, fuse_kw - contract))
    line_load, line_limit, line_a = _lines(problem, load, pv)
    batteries = problem.batteries
    help_kw = sum(max(b.max_discharge_kw, 0.0) for b in batteries)
    if any(vehicle.may_discharge for vehicle in problem.vehicles):
        help_kw += sum(max(c.max_discharge_kw, 0.0) for c in problem.chargers)
    circuits = tuple((c, _members(problem, c)) for c in problem.circuits)
    room = Room(
        kw=np.maximum(contract + breach_kw, load - pv) + pv - load + help_kw,
        line_a=line_limit - line_load + help_kw * line_a,
        surplus=np.maximum(pv - load, 0.0),
        circuit_a={
            charger.id: min(max(c.fuse_a, 0.0) for c, members in circuits if i in members)
            for i, charger in enumerate(problem.chargers)
            if any(i in members for _, members in circuits)
        },
    )
    return Prepared(
        problem=problem,
        n=len(hours),
        bounds_us=bounds_us,
        hours=hours,
        since_h=np.cumsum(hours) - hours / 2,
        import_price=_series(problem.import_price),
        export_price=_series(problem.export_price),
        load=load,
        pv=pv,
        months=months,
        quarters=quarters,
        peak=problem.peak,
        peak_base_kw=_peak_base(problem, months, quarters),
        import_limit=contract,
        breach_kw=breach_kw,
        over=np.maximum(load - pv - contract - breach_kw, 0.0),
        export_limit=_within(grid.export_limit_kw, fuse_kw),
        line_load_a=line_load,
        line_limit_a=line_limit,
        line_a_per_kw=line_a,
        batteries=batteries,
        plugged=presence(problem, bounds_us, room),
        circuits=circuits,
        dull=_dull(problem, load, pv, room),
    )


def _dull(problem: Problem, load: Series, pv: Series, room: Room) -> Dull | None:
    """Return the site with the sun's tenth percentile."""
    if problem.pv_p10_kw is None:
        return None
    low = np.clip(_series(problem.pv_p10_kw), 0.0, pv)
    if bool((low >= pv).all()):
        return None
    line_load, line_limit, spread = _lines(problem, load, low)
    less = pv - low
    return Dull(
        pv=low,
        room=replace(room, kw=room.kw - less, line_a=room.line_a - less * spread),
        line_load_a=line_load,
        line_limit_a=line_limit,
    )


def _with_sane_storage(problem: Problem) -> Problem:
    """Return the problem with batteries that hold something and lose a part at most."""

    def share(value: float) -> float:
        return value if 0 < value <= 1 else 1.0

    if all(
        b.capacity_kwh > 0 and 0 < b.charge_efficiency <= 1 and 0 < b.discharge_efficiency <= 1
        for b in problem.batteries
    ) and all(v.capacity_kwh >= TINY and 0 < v.efficiency <= 1 for v in problem.vehicles):
        return problem
    return replace(
        problem,
        batteries=tuple(
            replace(
                b,
                charge_efficiency=share(b.charge_efficiency),
                discharge_efficiency=share(b.discharge_efficiency),
            )
            for b in problem.batteries
            if b.capacity_kwh > 0
        ),
        vehicles=tuple(
            replace(v, capacity_kwh=max(v.capacity_kwh, TINY), efficiency=share(v.efficiency))
            for v in problem.vehicles
        ),
    )


def _members(problem: Problem, circuit: Circuit) -> tuple[int, ...]:
    return tuple(
        i
        for i, charger in enumerate(problem.chargers)
        if charger.id in circuit.chargers or charger.circuit == circuit.id
    )


def _series(values: tuple[float, ...]) -> Series:
    found: Series = np.frombuffer(array("d", values))
    # The sum is finite only if each value is.
    return found if isfinite(found.sum()) else np.nan_to_num(found, posinf=0.0, neginf=0.0)


def _within(limit_kw: float | None, fuse_kw: float) -> float:
    return fuse_kw if limit_kw is None else max(0.0, min(limit_kw, fuse_kw))


def _peak_base(problem: Problem, months: tuple[str, ...], quarters: Quarters) -> tuple[float, ...]:
    """Return per month the peak that is paid for anyway: the floor, and this month what was."""
    if problem.peak is None:
        return tuple(0.0 for _ in months)
    running = float(quarters.prior_kwh[0] / quarters.hours[0])
    floor_kw = max(problem.peak.floor_kw, 0.0)
    first = max(floor_kw, problem.peak.month_peak_kw, running)
    return (first, *(floor_kw for _ in months[1:]))


def _lines(
    problem: Problem, load: Series, pv: Series
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Return current of the house per phase, limit per phase, and A per kW spread evenly.

    How sun and batteries sit on the phases is not known: they count as spread evenly.
    """
    topology = problem.grid.topology
    phases = topology.phases
    spread = 1 / topology.charger_kw_per_a(phases)
    shares = np.maximum(np.array(problem.load_share_per_phase, dtype=float), 0.0)
    if len(shares) != phases or shares.sum() <= 0:
        shares = np.ones(phases)
    current = ((shares / shares.sum())[:, None] * phases * load - pv) * spread
    return current, np.maximum(max(problem.grid.fuse_a, 0.0), current), spread
