"""Prices per slot, and beyond what is published."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from ..price import Price, PriceSeries

_PIECE = timedelta(minutes=30)
"""Every clock change on earth falls on a half hour of UTC: within a piece local time runs evenly."""

_DAY = timedelta(days=1)


class PricesMissing(Exception):
    """No price is known, so that not even a repeat can be made."""


def slot_means(prices: PriceSeries, bounds: Sequence[datetime]) -> tuple[list[float], list[bool]]:
    """Return each slot's time-weighted mean price and whether any of it is estimated.

    `bounds` are the n + 1 bounds of n slots. Where a slot is covered in part, the mean of that
    part stands for it, as an estimate. Raises PricesMissing for a slot without any price.
    """
    means: list[float] = []
    estimated: list[bool] = []
    first = 0
    for start, end in pairwise(bounds):
        while first < len(prices) and prices[first].end <= start:
            first += 1
        weight = total = 0.0
        guess = False
        for price in islice(prices, first, None):
            if price.start >= end:
                break
            seconds = (min(price.end, end) - max(price.start, start)).total_seconds()
            weight += seconds
            total += seconds * price.value
            guess = guess or price.estimated
        if weight <= 0:
            raise PricesMissing(f"no price for {start.isoformat()}")
        means.append(total / weight)
        # A second less is a rounding of bounds, not a gap.
        estimated.append(guess or weight < (end - start).total_seconds() - 1)
    return means, estimated


def extend_prices(
    prices: PriceSeries, start: datetime, end: datetime, time_zone: str
) -> list[Price]:
    """Return prices that cover [start, end) without a gap.

    Where none is known, the last day before it that has one at the same local time of day
    repeats; where no day before has one, the mean of the last published day stands in. Both
    are marked estimated. Raises PricesMissing where nothing at all is known.
    """
    if not prices:
        raise PricesMissing("no price is known")
    zone = ZoneInfo(time_zone)
    starts = [price.start for price in prices]
    mean = _last_day_mean(prices)
    series: list[Price] = []
    at = start
    for price in prices:
        if price.end <= at or price.start >= end:
            continue
        series += _repeat(prices, starts, at, price.start, zone, mean)
        series.append(price)
        at = price.end
    series += _repeat(prices, starts, at, end, zone, mean)
    return series


def _repeat(
    prices: PriceSeries,
    starts: Sequence[datetime],
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    mean: float,
) -> list[Price]:
    """Return estimates for [start, end), joined where they are equal."""
    pieces: list[Price] = []
    at = start
    while at < end:
        until = min(end, _next_piece(at))
        source = _same_time_before(prices, starts, at, zone)
        if source is None:
            value = mean
        else:
            price, offset = source
            value = price.value
            until = min(until, price.end + offset)
        if pieces and pieces[-1].value == value:
            pieces[-1] = Price(start=pieces[-1].start, end=until, value=value, estimated=True)
        else:
            pieces.append(Price(start=at, end=until, value=value, estimated=True))
        at = until
    return pieces


def _same_time_before(
    prices: PriceSeries, starts: Sequence[datetime], at: datetime, zone: ZoneInfo
) -> tuple[Price, timedelta] | None:
    """Return the price at the same local time of the last day that has one, and how far back it is."""
    local = at.astimezone(zone).replace(tzinfo=None)
    day = max(1, (at - prices[-1].end) // _DAY)
    while True:
        # Wall clock minus whole days, then back to UTC: right across clock changes.
        moment = (local - day * _DAY).replace(tzinfo=zone).astimezone(UTC)
        if moment < starts[0]:
            return None
        price = prices[bisect_right(starts, moment) - 1]
        if moment < price.end:
            return price, at - moment
        day += 1


def _last_day_mean(prices: PriceSeries) -> float:
    """Return the time-weighted mean of the last 24 hours that are known."""
    since = prices[-1].end - _DAY
    weight = total = 0.0
    for price in reversed(prices):
        if price.end <= since:
            break
        seconds = (price.end - max(price.start, since)).total_seconds()
        weight += seconds
        total += seconds * price.value
    return total / weight


def _next_piece(at: datetime) -> datetime:
    seconds = _PIECE.total_seconds()
    return datetime.fromtimestamp((at.timestamp() // seconds + 1) * seconds, UTC)
