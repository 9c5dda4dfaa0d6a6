"""The solver's answer as powers and marginal prices."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .columns import Columns
from .needs import Needs
from .pattern import Pattern, feed_shares, limits_of
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
    pattern: Pattern,
) -> Solution:
    """Return the solver's answer to a pattern as powers and marginal prices."""
    # Without dust of the solver.
    values = np.where(np.abs(solved.values) < TINY, 0.0, solved.values)
    return Solution(
        imported=values[columns.imported],
        exported=values[columns.exported],
        curtailed=values[columns.curtailed],
        breach=values[columns.breach],
        charge=tuple(values[x] for x in columns.charge),
        setting=setting,
        given=tuple(values[x] for x in columns.given),
        battery_in=tuple(values[x] for x in columns.battery_in),
        battery_out=tuple(values[x] for x in columns.battery_out),
        energy=tuple(values[x] for x in columns.battery_energy),
        at_risk=tuple(
            (x.vehicle, x.demand, kwh)
            for x in columns.risks
            if (kwh := float(values[x.missed] - values[x.unmet])) > TINY
        ),
        prices=Duals(
            prepared=prepared,
            needs=needs,
            columns=columns,
            solved=solved,
            setting=setting,
            pattern=pattern,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Duals:
    """Marginal prices in currency per kWh, from the duals of an answer."""

    prepared: Prepared
    needs: tuple[Needs, ...]
    columns: Columns
    solved: Solved
    setting: tuple[npt.NDArray[np.int64], ...]
    pattern: Pattern

    @cached_property
    def site(self) -> Series:
        """What one more kWh in each slot would cost."""
        columns, price = self.columns, self.prepared.import_price
        marginal = self.solved.row_duals[columns.balance] / self.prepared.hours
        # Where nothing flows the dual may be any price up to the import price: one more kWh
        # costs that.
        flows = [columns.imported, columns.exported, columns.curtailed, columns.breach]
        values = self.solved.values
        flows += [*columns.battery_in, *columns.battery_out, *columns.given_at]
        still = np.all([np.abs(values[x]) < TINY for x in flows], axis=0)
        found: Series = np.where(still, np.maximum(marginal, price), marginal)
        # An export of all that is left is at a bound that the balance implies: it gives way as any.
        exported = values[columns.exported]
        sells = (exported > TINY) & (exported < self.prepared.export_limit - TINY)
        return np.where(sells, np.maximum(found, self.prepared.export_price), found)

    @cached_property
    def charge(self) -> tuple[Series, ...]:
        """The same at each vehicle's charger: with each fuse before it, and what batteries may feed."""
        return tuple(
            self._at_charger(need, chosen)
            for need, chosen in zip(self.needs, self.setting, strict=True)
        )

    def _at_charger(self, need: Needs, chosen: npt.NDArray[np.int64]) -> Series:
        plugged = need.plugged
        found: Series = (self.site + self._fed)[plugged.slot]
        can = (plugged.count > 0) & (plugged.share > 0)
        for charger in np.unique(plugged.charger).tolist():
            fuses = self.columns.fuse_rows(charger)
            at = np.flatnonzero(can & (plugged.charger == charger))
            if not fuses or not len(at):
                continue
            slot = plugged.slot[at]
            lines = plugged.line_a_per_kw[np.maximum(chosen[at], 0), at]
            share_h = plugged.share[at] * self.prepared.hours[slot]
            for rows in fuses:
                for phase, row in enumerate(rows):
                    found[at] -= self.solved.row_duals[row[slot]] * lines[:, phase] / share_h
        return found

    @cached_property
    def _fed(self) -> Series:
        """What it costs less, as batteries may give more to a car that takes more."""
        rows = self.columns.feeding
        if not len(rows):
            return np.zeros(self.prepared.n)
        ranges = [limits_of(self.pattern, need, v) for v, need in enumerate(self.needs)]
        share, _ = feed_shares(self.prepared, self.needs, self.columns, ranges)
        found: Series = self.solved.row_duals[rows] * share / self.prepared.hours
        return found

    @cached_property
    def battery(self) -> Series:
        """The same for a kWh that batteries take or give, spread evenly: with the main fuse."""
        found = self.site.copy()
        for rows in self.columns.line_rows:
            found -= self.solved.row_duals[rows] * self.prepared.line_a_per_kw / self.prepared.hours
        return found

    @cached_property
    def stored(self) -> tuple[Series, ...]:
        """What a kWh in each battery is worth at the end of each slot."""
        # One more kWh held would spare what its row says.
        return tuple(-self.solved.row_duals[rows] for rows in self.columns.battery_balance)
