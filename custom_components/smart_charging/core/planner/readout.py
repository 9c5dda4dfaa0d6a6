"""The solver's answer as powers and marginal prices."""

import numpy as np
import numpy.typing as npt

from .columns import Columns
from .model import ABSENT, Ids
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Series
from .solution import Solution
from .solver import Solved


def read(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    columns: Columns,
    solved: Solved,
    setting: tuple[npt.NDArray[np.int64], ...],
) -> Solution:
    """Return the solver's answer as powers and marginal prices."""
    values = solved.values
    flows = [
        _take(values, x)
        for x in (columns.imported, columns.exported, columns.curtailed, columns.breach)
    ]
    into = tuple(_take(values, x) for x in columns.battery_in)
    out = tuple(_take(values, x) for x in columns.battery_out)
    marginal = solved.row_duals[columns.balance] / prepared.hours
    # Where nothing flows the dual may be any price up to the import price: one more kWh costs that.
    still = np.all([x == 0 for x in (*flows, *into, *out)], axis=0)
    marginal = np.where(still, np.maximum(marginal, prepared.import_price), marginal)
    return Solution(
        imported=flows[0],
        exported=flows[1],
        curtailed=flows[2],
        breach=flows[3],
        charge=tuple(_take(values, x) for x in columns.charge),
        setting=setting,
        battery_in=into,
        battery_out=out,
        energy=tuple(_take(values, x) for x in columns.battery_energy),
        marginal=marginal,
        charge_marginal=tuple(
            _at_charger(prepared, need, columns, solved, marginal, chosen)
            for need, chosen in zip(needs, setting, strict=True)
        ),
    )


def _at_charger(
    prepared: Prepared,
    need: Needs,
    columns: Columns,
    solved: Solved,
    marginal: Series,
    chosen: npt.NDArray[np.int64],
) -> Series:
    """Return the marginal price at the charger: that of the site and of each fuse before it."""
    plugged = need.plugged
    found = marginal[plugged.slot]
    can = (plugged.count > 0) & (plugged.share > 0)
    for charger in np.unique(plugged.charger).tolist():
        fuses = columns.fuse_rows(charger)
        at = np.flatnonzero(can & (plugged.charger == charger))
        if not fuses or not len(at):
            continue
        slot = plugged.slot[at]
        lines = plugged.line_a_per_kw[np.maximum(chosen[at], 0), at]
        energy = plugged.share[at] * prepared.hours[slot]
        for rows in fuses:
            for phase, row in enumerate(rows):
                dual = np.where(row[slot] == ABSENT, 0.0, solved.row_duals[row[slot]])
                found[at] -= dual * lines[:, phase] / energy
    return found


def _take(values: npt.NDArray[np.float64], ids: Ids) -> Series:
    """Return the values of columns, 0 where there is none and where the solver left dust."""
    found = np.where(ids == ABSENT, 0.0, values[ids])
    return np.where(np.abs(found) < TINY, 0.0, found)
