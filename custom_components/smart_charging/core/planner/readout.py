"""The solver's answer as powers and marginal prices."""

import numpy as np
import numpy.typing as npt

from .columns import ABSENT, Columns
from .model import Ids, Solved
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Series
from .solution import Solution


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
    found = np.zeros(len(need.slots))
    for i, plugged in enumerate(need.slots):
        t = plugged.slot
        found[i] = marginal[t]
        if not plugged.settings or not plugged.share:
            continue
        lines = plugged.settings[max(int(chosen[i]), 0)].line_a_per_kw
        for phase, per_kw in enumerate(lines):
            for members, row in columns.rows_at(t, phase):
                if members is None or plugged.charger in members:
                    dual = float(solved.row_duals[row])
                    found[i] -= dual * per_kw / plugged.share / float(prepared.hours[t])
    return found


def _take(values: npt.NDArray[np.float64], ids: Ids) -> Series:
    """Return the values of columns, 0 where there is none and where the solver left dust."""
    found = np.where(ids == ABSENT, 0.0, values[ids])
    return np.where(np.abs(found) < TINY, 0.0, found)
