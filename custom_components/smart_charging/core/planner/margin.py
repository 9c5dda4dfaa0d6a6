"""What a day with little sun leaves for cars, and which goals could miss on it.

A plan counts on the expected sun. Where the sun does not come, the grid stands in, unless a limit
keeps it from that: then what was planned cannot be charged. Each day of the plan is looked at on
its own: until its first such slot the plan holds; on that day cars get what was planned as far as
it fits, since nobody knows in the morning; from the evening on it is known, and all that fits is
charged.
"""

from dataclasses import dataclass

import numpy as np

from .needs import Demand, Needs
from .prepare import Dull, Prepared
from .presence import TINY, Numbers, Series, settings_of

NOTICED_KW = 0.01
"""Less charging power than this does not hang on the sun."""


@dataclass(frozen=True, kw_only=True)
class DullDay:
    """A day on which less sun would leave less room for cars."""

    first: int
    """First slot of the plan in which it does."""
    end: int
    """The slot after the last one."""


@dataclass(frozen=True, kw_only=True)
class Margin:
    """What the tenth percentile of the sun leaves for cars."""

    room_kw: Series
    """Import and sun left by the house, per slot."""
    most_kw: tuple[Series, ...]
    """Highest mean power of each vehicle alone, along its plugged slots."""
    days: tuple[DullDay, ...]
    dull: Dull
    """The site on such a day."""


def counted(need: Needs) -> list[Demand]:
    """Return the goals that a margin is kept for: those that have time to wait for the sun."""
    return [
        d for d in need.demands if d.point > 0 and not d.past and not d.asap and d.need_kwh > TINY
    ]


def margin_of(prepared: Prepared, needs: tuple[Needs, ...]) -> Margin | None:
    """Return the margin to keep, `None` where no goal could miss for lack of sun."""
    dull = prepared.dull
    if dull is None or not any(counted(need) for need in needs):
        return None
    limit = prepared.import_limit + prepared.breach_kw
    room = np.maximum(limit + dull.pv - prepared.load, 0.0)
    most = tuple(_most(prepared, dull, need) for need in needs)
    usual, left = np.zeros(prepared.n), np.zeros(prepared.n)
    for need, kw in zip(needs, most, strict=True):
        if counted(need):
            usual[need.plugged.slot] += need.plugged.max_kw
            left[need.plugged.slot] += kw
    expected = np.maximum(limit + prepared.pv - prepared.load, 0.0)
    loses = np.minimum(usual, expected) > np.minimum(left, room) + NOTICED_KW
    days = tuple(
        day
        for day in _days(prepared, np.flatnonzero(loses))
        if any(_may_miss(prepared, needs, v, most, room, loses, day) for v in range(len(needs)))
    )
    return Margin(room_kw=room, most_kw=most, days=days, dull=dull) if days else None


def _days(prepared: Prepared, slots: Numbers) -> list[DullDay]:
    """Return the first and last of `slots` on each day: a night has no sun."""
    sun = prepared.pv > TINY
    day = np.cumsum(sun & ~np.concatenate([[False], sun[:-1]]))[slots]
    return [
        DullDay(first=int(slots[day == d][0]), end=int(slots[day == d][-1]) + 1)
        for d in np.unique(day).tolist()
    ]


def _most(prepared: Prepared, dull: Dull, need: Needs) -> Series:
    """Return the highest mean power in kW along the plugged slots that the dull sun leaves."""
    plugged, found = need.plugged, np.zeros(len(need.plugged))
    for c in np.unique(plugged.charger).tolist():
        charger = prepared.problem.chargers[c]
        at = np.flatnonzero(plugged.charger == c)
        for setting in settings_of(charger, need.vehicle, prepared.problem.grid):
            kw, fits = dull.room.narrow(setting, charger, plugged.slot[at])
            found[at] = np.maximum(found[at], np.where(fits, kw, 0.0))
    return np.minimum(found * plugged.share, plugged.max_kw)


def _may_miss(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    v: int,
    most: tuple[Series, ...],
    room: Series,
    loses: np.ndarray[tuple[int], np.dtype[np.bool_]],
    day: DullDay,
) -> bool:
    """Return whether a goal of vehicle `v` could miss: the time after the day is not enough."""
    need = needs[v]
    slot = need.plugged.slot
    others = np.zeros(prepared.n)
    for w, other in enumerate(needs):
        if w != v:
            others[other.plugged.slot] += other.plugged.max_kw
    sure = np.minimum(most[v], np.maximum(room - others, 0.0)[slot]) * prepared.hours[slot]
    on_it = loses[slot] & (slot >= day.first) & (slot < day.end)
    return any(
        bool(on_it[: d.point].any())
        and float(sure[: d.point][slot[: d.point] >= day.end].sum()) < d.need_kwh - TINY
        for d in counted(need)
    )
