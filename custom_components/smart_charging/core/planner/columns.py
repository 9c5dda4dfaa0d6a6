"""Where everything stands in the model."""

from dataclasses import dataclass, field

import numpy as np

from .model import ABSENT, Ids, Model, Terms
from .needs import Demand, Needs
from .prepare import Prepared
from .presence import TINY, Series


@dataclass(frozen=True, kw_only=True)
class RiskColumn:
    """What a goal misses on a day with little sun, and what it misses anyway."""

    vehicle: int
    demand: Demand
    missed: int
    unmet: int


@dataclass(kw_only=True)
class Columns:
    """Where everything stands in the model: one number per slot, `ABSENT` where there is none."""

    imported: Ids
    exported: Ids
    export_most: Series
    """Export in kW that sun and batteries can reach within the limit."""
    curtailed: Ids
    over: Ids
    breach: Ids
    peak: Ids
    """Per month."""
    charge: list[Ids] = field(default_factory=list)
    """Per vehicle, along its plugged slots."""
    battery_in: list[Ids] = field(default_factory=list)
    battery_out: list[Ids] = field(default_factory=list)
    charge_most: list[Series] = field(default_factory=list)
    discharge_most: list[Series] = field(default_factory=list)
    """Upper bounds of the two."""
    battery_energy: list[Ids] = field(default_factory=list)
    """Energy held at the end of each slot."""
    battery_balance: list[Ids] = field(default_factory=list)
    """Row that carries the energy of each battery into each slot."""
    given: list[Ids] = field(default_factory=list)
    """What each vehicle gives back, along its plugged slots."""
    given_at: list[Ids] = field(default_factory=list)
    """The same per slot of the plan, of those that give back."""
    held: list[Ids] = field(default_factory=list)
    """Battery energy at the end of each plugged slot of those that give back."""
    above: list[Ids] = field(default_factory=list)
    """Whether it holds the floor, where it may hold less."""
    unmet: list[dict[Demand, int]] = field(default_factory=list)
    """What each goal of each vehicle misses."""
    fetched: list[dict[Demand, Ids]] = field(default_factory=list)
    """What trips before each goal charge on their way."""
    risks: list[RiskColumn] = field(default_factory=list)
    """Goals that a margin is kept for."""
    balance: Ids = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Row of each slot."""
    line_rows: list[Ids] = field(default_factory=list)
    """Rows of the main fuse, per grid phase; none where it cannot bind."""
    circuit_rows: list[tuple[tuple[int, ...], list[Ids]]] = field(default_factory=list)
    """Chargers of each circuit, and its rows per grid phase."""
    feeding: Ids = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Row of each slot that keeps batteries from exporting while they feed cars; empty if none may."""
    feed_rows: dict[int, int] = field(default_factory=dict)
    """The same of slots with spare sun, where it hangs on the powers that are chosen."""
    one_way: list[int] = field(default_factory=list)
    """Slots in which import and export must exclude each other."""
    battery_one_way: list[int] = field(default_factory=list)
    """Slots in which charge and discharge of a battery must exclude each other."""
    capped: set[tuple[int, int]] = field(default_factory=set)
    """(battery, slot) whose bound a pattern has changed."""
    waste_capped: set[int] = field(default_factory=set)
    """Slots in which a pattern has changed how much sun may be thrown away."""
    ways: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Slot, binary of a direction, the column it allows at 1 and the one at 0."""
    running: list[Ids] = field(default_factory=list)
    """Binary per plugged slot: charges all the time (model with integers)."""
    partial: list[Ids] = field(default_factory=list)
    """Binary per plugged slot: charges part of the time."""

    def fuse_rows(self, charger: int) -> list[list[Ids]]:
        """Return the rows of each fuse on the way to a charger, per grid phase and slot."""
        found = [self.line_rows] if self.line_rows else []
        return found + [rows for members, rows in self.circuit_rows if charger in members]

    def cars(self, needs: tuple[Needs, ...], factor: float) -> list[Terms]:
        """Return the terms of all vehicles, in rows of one per slot."""
        return [
            (charge, factor, need.plugged.slot)
            for need, charge in zip(needs, self.charge, strict=True)
        ]


def optional_columns(model: Model, name: str, upper: Series, cost: Series) -> Ids:
    """Add a column for each slot where `upper` leaves room, and return them; others are absent."""
    ids = np.full(len(upper), ABSENT)
    at = (upper > TINY).nonzero()[0]
    if len(at) == len(upper) > 0:
        return model.columns(name, upper, cost=cost)
    if len(at):
        ids[at] = model.columns(name, upper[at], cost=cost[at])
    return ids


def least_currents(need: Needs, ids: Ids, phase: int) -> Series:
    """Return the least current in A on a phase per kW of mean power, 0 where a column is absent.

    Per plugged slot, over the settings that a charger may choose from.
    """
    plugged = need.plugged
    there = ids != ABSENT
    lines = plugged.line_a_per_kw[..., phase]
    least = np.where(plugged.kind == ABSENT, np.inf, lines).min(axis=0, initial=np.inf)
    share = np.where(there, plugged.share, 1.0)
    found: Series = np.where(there, least, 0.0) / share
    return found


def progress(prepared: Prepared) -> Series:
    """Return 0 at the start of the plan and 1 at its end, per slot."""
    return prepared.since_h / float(prepared.hours.sum())


def each(ids: list[Ids], factor: float) -> list[Terms]:
    """Return a term for each of several columns per slot."""
    return [(x, factor) for x in ids]
