"""Vehicles that give back, from the relaxation to what they can do: one direction, and the floor."""

import numpy as np

from .columns import Columns
from .model import Ids
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Flags, Series
from .solution import given_kwh
from .solver import Solved

SLACK_KWH = 1e-5
"""A floor missed by less is held: the solver's own tolerance."""


def given_kw(prepared: Prepared, need: Needs, columns: Columns, solved: Solved, v: int) -> Series:
    """Return the mean AC power that would make up for what a vehicle gives back in each slot."""
    if need.giving is None:
        return np.zeros(len(need.plugged))
    energy = given_kwh(prepared, need, solved.values[columns.given[v]])
    found: Series = energy / prepared.hours[need.plugged.slot]
    return found


def holds_floor(need: Needs, columns: Columns, solved: Solved, v: int) -> Flags:
    """Return in which slots a vehicle holds the floor below which it gives nothing back."""
    if need.giving is None:
        return np.zeros(len(need.plugged), dtype=bool)
    held = solved.values[columns.held[v]]
    return ~need.giving.below | (held >= need.giving.floor_kwh - SLACK_KWH)


def giving_bounds(
    need: Needs, columns: Columns, v: int, gives: Flags
) -> list[tuple[Ids, Series, Series]]:
    """Return columns with their bounds, for a vehicle that may give back in the slots `gives`."""
    if need.giving is None:
        return []
    holds = gives.astype(float)
    return [
        (columns.given[v], np.zeros(len(gives)), need.giving.most_kw * holds),
        (columns.above[v], holds, holds),
    ]


def give_way(needs: tuple[Needs, ...], gives: list[Flags], exporting: dict[int, bool]) -> bool:
    """Loosen what a pattern without an answer asks of vehicles that give back.

    None gives where it may hold less than its floor: it may no longer reach it. Nor does a slot
    have to export what one might have given. Return whether anything was changed.
    """
    changed = False
    for v, need in enumerate(needs):
        if need.giving is None:
            continue
        some = need.giving.most_kw > TINY
        changed |= bool((gives[v] & need.giving.below & some).any())
        gives[v] = gives[v] & ~need.giving.below
        for t in need.plugged.slot[some].tolist():
            if t in exporting:
                changed |= exporting[t]
                exporting[t] = False
    return changed
