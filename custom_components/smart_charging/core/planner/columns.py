"""Where everything stands in the model."""

from dataclasses import dataclass, field

import numpy as np

from .model import Ids, Model, Term
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Series

ABSENT = -1
"""Column number of what does not exist in a slot."""


@dataclass(kw_only=True)
class Columns:
    """Where everything stands in the model."""

    imported: Ids
    exported: Ids
    export_most: Series
    """Export in kW that sun and batteries can reach within the limit."""
    curtailed: Ids
    over: Ids
    breach: Ids
    charge: list[Ids]
    """Per vehicle, along its plugged slots."""
    battery_in: list[Ids]
    battery_out: list[Ids]
    charge_most: list[Series]
    discharge_most: list[Series]
    """Upper bounds of the two."""
    battery_energy: list[Ids]
    """Energy held at the end of each slot."""
    peak: Ids
    balance: list[int] = field(default_factory=list)
    """Row of each slot."""
    line_rows: dict[tuple[int, int], int] = field(default_factory=dict)
    """Row of (slot, grid phase)."""
    circuit_rows: dict[tuple[int, int], list[tuple[tuple[int, ...], int]]] = field(
        default_factory=dict
    )
    """Per (slot, grid phase): chargers of a circuit, and its row."""
    feed_rows: dict[int, int] = field(default_factory=dict)
    """Row that keeps batteries from exporting while cars charge, of slots with spare sun."""
    one_way: list[int] = field(default_factory=list)
    """Slots in which import and export must exclude each other."""
    battery_one_way: list[int] = field(default_factory=list)
    """Slots in which charge and discharge of a battery must exclude each other."""
    capped: set[tuple[int, int]] = field(default_factory=set)
    """(battery, slot) whose bound a pattern has changed."""
    ways: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Slot, binary of a direction, the column it allows at 1 and the one at 0."""
    running: list[Ids] = field(default_factory=list)
    """Binary per plugged slot: charges all the time (model with integers)."""
    partial: list[Ids] = field(default_factory=list)
    """Binary per plugged slot: charges part of the time."""

    def rows_at(self, slot: int, phase: int) -> list[tuple[tuple[int, ...] | None, int]]:
        """Return the rows that carry currents of a phase in a slot, with the chargers they count.

        `None` stands for all chargers: the row of the main fuse.
        """
        found: list[tuple[tuple[int, ...] | None, int]] = []
        if (row := self.line_rows.get((slot, phase))) is not None:
            found.append((None, row))
        found.extend(self.circuit_rows.get((slot, phase), ()))
        return found


def optional_columns(model: Model, name: str, upper: Series, cost: Series) -> Ids:
    """Add a column for each slot where `upper` leaves room, and return them; others are absent."""
    ids = np.full(len(upper), ABSENT)
    at = np.flatnonzero(upper > TINY)
    if len(at):
        ids[at] = model.columns(name, upper[at], cost=cost[at])
    return ids


def progress(prepared: Prepared) -> Series:
    """Return 0 at the start of the plan and 1 at its end, per slot."""
    return prepared.since_h / float(prepared.hours.sum())


def charging_at(
    needs: tuple[Needs, ...], charge: list[Ids], n: int
) -> list[list[tuple[int, int, int]]]:
    """Return per slot the (vehicle, position in its slots, column) that may charge."""
    found: list[list[tuple[int, int, int]]] = [[] for _ in range(n)]
    for v, need in enumerate(needs):
        for i, plugged in enumerate(need.slots):
            if (column := int(charge[v][i])) != ABSENT:
                found[plugged.slot].append((v, i, column))
    return found


def present(ids: list[Ids], t: int, factor: float) -> list[Term]:
    """Return a term for each of the columns that exists in slot `t`."""
    return [(int(x[t]), factor) for x in ids if x[t] != ABSENT]
