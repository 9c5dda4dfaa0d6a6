"""Perspective rows: what the least current of chargers means for sun, batteries and peak.

A relaxation runs a car at its minimum for a share of a slot, at a mean power that sun or peak
would bear all the time. These rows say what it needs while it runs. Several cars in one slot
share one row: what the sun or the peak leaves is there once, whoever uses it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .columns import Columns, each
from .formulation_peak import whole_quarters
from .model import ABSENT, Ids, Model, Terms
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Series

type Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Family:
    """sum_v p_v (1 - room / least_v) + terms <= limit [kW], per slot, where room < least_v."""

    room: Series
    where: Flags
    terms: list[Terms]
    limit: Series
    mean: bool
    """About the mean of the slot: a car that charges a part of it only is exempt."""
    whole: bool = False
    """Only for cars that are there all the slot."""


def perspective_rows(
    model: Model, prepared: Prepared, needs: tuple[Needs, ...], columns: Columns
) -> None:
    """Add two rows per slot for the spare sun, with extra = g+, and for the peak, extra = P - base.

    - sum_v p_v (1 - room / least_v) <= extra + sum_b d_b [kW] where room < least_v
    - sum_b c_b + sum_v p_v (1 - (room - C) / least_v) <= extra + sum_b d_b + C [kW]
      where C < room < least_v + C, C being the highest charge of the batteries

    A car at p >= least takes p - room beyond the room, at least p (1 - room / least); the next
    one finds none left. The second is the same for batteries that could use the room while no
    car runs: (no car, charge C) and (a car at its least, charge room - least) lie on it.

    One slot per stretch may charge a part of the time. Where a row is about means its car is
    exempt by a share f: sum of f <= 1 per stretch, and f room (1 - room / least) is the most by
    which a mean below the minimum can break the row.
    """
    families = _sun(prepared, columns) + _peak(prepared, columns)
    places = [
        [_at(family, need, charge) for need, charge in zip(needs, columns.charge, strict=True)]
        for family in families
    ]
    reliefs = [
        _reliefs(model, need, families, [x[v] for x in places], v) for v, need in enumerate(needs)
    ]
    for family, place in zip(families, places, strict=True):
        if not any(map(len, place)):
            continue
        terms = [*family.terms]
        some = np.zeros(prepared.n, dtype=np.int64)
        for need, charge, relief, at in zip(needs, columns.charge, reliefs, place, strict=True):
            slot = need.plugged.slot[at]
            room = family.room[slot]
            some += np.bincount(slot, minlength=prepared.n)
            beyond = 1 - room / need.plugged.min_kw[at]
            terms.append((charge[at], beyond, slot))
            if family.mean:
                terms.append((relief[at], -np.maximum(room * beyond, 0.0), slot))
        model.at_most(terms, family.limit, where=some > 0)


def _sun(prepared: Prepared, columns: Columns) -> list[Family]:
    """A car that charges a part of a slot buys while it runs, and leaves sun to sell after."""
    sun, most = prepared.surplus, _charge_most(prepared, columns)
    bought = [(columns.imported, -1.0), *each(columns.battery_out, -1.0)]
    return [
        Family(room=sun, where=sun > TINY, terms=bought, limit=np.zeros(prepared.n), mean=False),
        Family(
            room=sun - most,
            where=(most > TINY) & (sun - most > TINY),
            terms=[*bought, *each(columns.battery_in, 1.0)],
            limit=most,
            mean=True,
        ),
    ]


def _peak(prepared: Prepared, columns: Columns) -> list[Family]:
    if prepared.peak is None:
        return []
    quarters, most = prepared.quarters, _charge_most(prepared, columns)
    month = quarters.month[quarters.of_slot]
    base = np.array(prepared.peak_base_kw)[month]
    room = prepared.pv - prepared.load + base
    # Without room the row of the quarter says more.
    whole = whole_quarters(prepared) & (room > TINY)
    raised = [
        (columns.peak[month], -1.0),
        *each([*columns.battery_out, *columns.given_at], -1.0),
    ]
    return [
        Family(room=room, where=whole, terms=raised, limit=-base, mean=True, whole=True),
        Family(
            room=room - most,
            where=whole & (most > TINY) & (room - most > TINY),
            terms=[*raised, *each(columns.battery_in, 1.0)],
            limit=most - base,
            mean=True,
            whole=True,
        ),
    ]


def _at(family: Family, need: Needs, charge: Ids) -> npt.NDArray[np.int64]:
    """Return the positions of a vehicle that a family is about."""
    plugged = need.plugged
    there = family.where[plugged.slot]
    if not there.any():
        return there.nonzero()[0]
    there &= (charge != ABSENT) & (family.room[plugged.slot] < plugged.min_kw - TINY)
    if family.whole:
        there &= plugged.share >= 1
    return there.nonzero()[0]


def _reliefs(model: Model, need: Needs, families: list[Family], places: list[Ids], v: int) -> Ids:
    """Return the column of the exempt share f of each position, and add sum of f <= 1."""
    found = np.full(len(need.plugged), ABSENT)
    if not any(family.mean for family in families):
        return found
    exempt = [
        at[family.room[need.plugged.slot[at]] > TINY]
        for family, at in zip(families, places, strict=True)
        if family.mean and len(at)
    ]
    some = np.zeros(len(found), dtype=bool)
    for positions in exempt:
        some[positions] = True
    at = some.nonzero()[0]
    if not len(at):
        return found
    found[at] = model.columns(f"relief{v}", np.ones(len(at)))
    stretch = np.searchsorted(need.points, at, side="right")
    count = np.bincount(stretch)
    model.at_most([(found[at], 1.0, stretch)], np.ones(len(count)), where=count > 1)
    return found


def _charge_most(prepared: Prepared, columns: Columns) -> Series:
    """Return the highest charge of all batteries together, in kW per slot."""
    most: Series = np.zeros(prepared.n)
    for ids, highest in zip(columns.battery_in, columns.charge_most, strict=True):
        most += np.where(ids != ABSENT, highest, 0.0)
    return most
