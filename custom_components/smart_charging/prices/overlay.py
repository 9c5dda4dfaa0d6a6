"""Periods of different length on one time line: the newest holds. Pure."""

from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import pairwise

from ..core.price import Price
from .records import PriceRecord


def overlay(records: Iterable[PriceRecord]) -> list[Price]:
    """Return prices without overlap from `records` ordered by start.

    Where periods overlap (a market goes from hours to quarters, or a five-minute price lies in
    a forecast half hour) the newest run holds, and what it leaves of the others stays.
    """
    queue = list(records)
    bounds = sorted({at for r in queue for at in (r.start, r.end)})
    # Newest run on top; of one run the period that starts later, which is the finer one.
    covering: list[tuple[float, float, int]] = []
    taken = 0
    pieces: list[Price] = []
    holder = -1
    for at, until in pairwise(bounds):
        while taken < len(queue) and queue[taken].start <= at:
            record = queue[taken]
            heappush(covering, (-record.run_at.timestamp(), -record.start.timestamp(), taken))
            taken += 1
        while covering and queue[covering[0][2]].end <= at:
            heappop(covering)
        if not covering:
            holder = -1
            continue
        top = covering[0][2]
        start = pieces.pop().start if top == holder else at
        pieces.append(Price(start=start, end=until, value=queue[top].value))
        holder = top
    return pieces
