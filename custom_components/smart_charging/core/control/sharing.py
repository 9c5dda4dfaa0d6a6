"""Shares what the limits leave among the chargers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor

from .limits import SUN, Limit
from .wish import Rank, Wish

GRAIN_A = 1.0
"""Shares grow in turns of one ampere (or the charger's next larger step): fine enough to be
equal, coarse enough to be quick with a hundred chargers."""

LAXITIES_PER_H = 2
"""Goals whose laxity lies within the same half hour are equally pressing."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a charger may have now."""

    current_a: float
    limit: str | None
    """What keeps it from having all that it wishes."""


class _Ledger:
    """Room taken so far; lives for one allocation."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self._limits = limits
        self._taken = [0.0] * len(limits)
        self.current_a: dict[str, float] = {}
        self.blocked: dict[str, str] = {}

    def offer(self, wish: Wish, current_a: float, *, free_of_sun: bool = False) -> bool:
        """Give a wish `current_a` in all if every limit bears it."""
        more = current_a - self.current_a.get(wish.charger, 0.0)
        use = wish.use(more)
        takes = [limit.taken(wish.charger, use) for limit in self._limits]
        for limit, taken, extra in zip(self._limits, self._taken, takes, strict=True):
            if extra <= 0 or not limit.binds(wish) or (free_of_sun and limit.label == SUN):
                continue
            if taken + extra > limit.room + 1e-6:
                self.blocked[wish.charger] = limit.label
                return False
        self._taken = [taken + extra for taken, extra in zip(self._taken, takes, strict=True)]
        self.current_a[wish.charger] = current_a
        return True


def share(wishes: Sequence[Wish], limits: Sequence[Limit]) -> dict[str, Share]:
    """Return each charger's share: rank by rank, least laxity first, then equally.

    A charger that cannot have its minimum gets nothing. What a car is known not to use goes to
    the others; what then is left over is offered to it all the same.
    """
    ledger = _Ledger(limits)
    alive = [w for w in wishes if w.want_a > 0]
    for _, members in groupby(sorted(alive, key=_precedence), key=_precedence):
        group = sorted(members, key=lambda w: (not w.floor, w.turn, w.charger))
        served = [w for w in group if ledger.offer(w, w.min_a, free_of_sun=w.floor)]
        _fill(ledger, [(w, min(w.cap_a, w.want_a)) for w in served])
    served = [w for w in sorted(alive, key=_precedence) if w.charger in ledger.current_a]
    _fill(ledger, [(w, w.want_a) for w in served])
    result = {}
    for wish in wishes:
        current = ledger.current_a.get(wish.charger, 0.0)
        short = current < wish.want_a - 1e-6
        result[wish.charger] = Share(
            current_a=current, limit=ledger.blocked.get(wish.charger) if short else None
        )
    return result


def _precedence(wish: Wish) -> tuple[int, float]:
    if wish.rank not in (Rank.PRESSING, Rank.GOAL) or wish.laxity_h is None:
        return (wish.rank, float("inf"))
    return (wish.rank, floor(wish.laxity_h * LAXITIES_PER_H))


def _fill(ledger: _Ledger, targets: Iterable[tuple[Wish, float]]) -> None:
    """Raise all in turns until each has its target or meets a limit."""
    rising = list(targets)
    while rising:
        rising = [(w, target) for w, target in rising if _raised(ledger, w, target)]


def _raised(ledger: _Ledger, wish: Wish, target_a: float) -> bool:
    current = ledger.current_a[wish.charger]
    if current >= target_a - 1e-6:
        return False
    grain = ceil(GRAIN_A / wish.step_a - 1e-6) * wish.step_a
    if ledger.offer(wish, round(min(current + grain, target_a), 3)):
        return True
    while wish.step_a < grain and current + wish.step_a <= target_a + 1e-6:
        current = round(current + wish.step_a, 3)
        if not ledger.offer(wish, current):
            break
    return False
