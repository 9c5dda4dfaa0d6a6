"""What the sun will give, from a forecast of energy per period and from what it gives now."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

CORRECTED_SLOTS = 4
"""Clouds of this moment last about an hour: after four quarters the forecast stands alone."""

HIGHEST_RATIO = 3.0
"""Measured over forecast; above it (dawn, a forecast near 0) the ratio says nothing of the day."""

LOWEST_FORECAST_KW = 0.05
"""Below it no ratio is taken: the difference is added instead."""

_LONGEST_PERIOD = timedelta(hours=1)
_HALF_HOUR = timedelta(minutes=30)

_FLAT = 1e-9
"""Wh per second that is no sun at all: 4 microwatt."""

type _Series = NDArray[np.float64]


def pv_from_forecast(
    wh_period: Mapping[datetime, float], bounds: Sequence[datetime]
) -> list[float]:
    """Return the mean PV power in kW of each slot.

    `wh_period` is what Home Assistant's energy platform gives: the Wh of the period that begins at
    each (aware) time and lasts until the next, at most an hour. `bounds` are the n + 1 bounds of
    n slots. The energy of each period is kept; within, power runs smoothly: the cumulative energy
    is interpolated by a monotone cubic (Fritsch and Carlson, SIAM J. Numer. Anal. 17, 1980, with
    Butland's slopes). Where the forecast does not reach, PV is 0.
    """
    if not wh_period:
        return [0.0] * (len(bounds) - 1)
    times, energy = _cumulative(wh_period)
    at = np.array([bound.timestamp() for bound in bounds])
    kwh = np.diff(_interpolate(times, energy, at)) / 1000
    hours = np.diff(at) / 3600
    # Rounded to a microwatt, so that binary fractions are not taken for sun at night.
    return [round(float(value), 9) for value in np.maximum(kwh / hours, 0.0)]


def pv_slots(
    wh_period: Mapping[datetime, float] | None,
    bounds: Sequence[datetime],
    *,
    measured_kw: float | None = None,
    p10_wh_period: Mapping[datetime, float] | None = None,
) -> tuple[list[float], list[float] | None]:
    """Return the expected PV power in kW of each slot, and what is exceeded with 90 % probability.

    Without a forecast (`None`) PV is 0: a plan must not count on sun that nobody promised. What is
    measured now corrects the first slots, decaying linearly over CORRECTED_SLOTS, in both. The
    second is `None` where the source does not say: a share that we made up would be no quantile.
    """
    forecast = pv_from_forecast(wh_period or {}, bounds)
    mean = forecast
    if wh_period and measured_kw is not None:
        mean = _corrected(forecast, max(measured_kw, 0.0))
    if not wh_period or not p10_wh_period:
        return mean, None
    return mean, _cautious(mean, forecast, p10_wh_period, bounds)


def _cautious(
    mean: list[float],
    forecast: list[float],
    p10_wh_period: Mapping[datetime, float],
    bounds: Sequence[datetime],
) -> list[float]:
    """Return the tenth percentile of each slot, at most the mean.

    It moves with the mean by what is measured. Where it does not reach nothing is known: the mean
    stands.
    """
    *_, (_, end, _) = _periods(p10_wh_period)
    begin = min(p10_wh_period)
    p10 = pv_from_forecast(p10_wh_period, bounds)
    return [
        kw if start < begin or start >= end else min(kw, low * kw / raw if raw > 0 else low)
        for kw, raw, low, start in zip(mean, forecast, p10, bounds[:-1], strict=True)
    ]


def _corrected(forecast_kw: list[float], measured_kw: float) -> list[float]:
    """Return the forecast with its first slots drawn towards what is measured."""
    if not forecast_kw:
        return []
    first = forecast_kw[0]
    ratio = measured_kw / first if first >= LOWEST_FORECAST_KW else None
    corrected = list(forecast_kw)
    for index, value in enumerate(forecast_kw[:CORRECTED_SLOTS]):
        share = 1 - index / CORRECTED_SLOTS
        if ratio is None or ratio > HIGHEST_RATIO:
            corrected[index] = value + share * (measured_kw - first)
        else:
            corrected[index] = value * (1 + share * (ratio - 1))
    return [max(value, 0.0) for value in corrected]


def sum_forecasts(sources: Iterable[Mapping[datetime, float]]) -> dict[datetime, float]:
    """Return the Wh per period of several forecasts together, e.g. of two roofs.

    Periods that do not coincide are first spread over half hours.
    """
    filled = [source for source in sources if source]
    if len({frozenset(source) for source in filled}) > 1:
        filled = [_on_half_hours(source) for source in filled]
    total: dict[datetime, float] = {}
    for source in filled:
        for start, wh in source.items():
            total[start] = total.get(start, 0.0) + wh
    return total


def begin_periods(wh_ended: Mapping[datetime, float]) -> dict[datetime, float]:
    """Return Wh by the begin of each period, from Wh by its end (as forecast.solar counts).

    A period begins where the one before it ended, at most an hour before its own end.
    """
    ends = sorted(wh_ended)
    begun: dict[datetime, float] = {}
    for before, end in zip([None, *ends], ends, strict=False):
        joined = before is not None and end - before <= _LONGEST_PERIOD
        if before is None or not joined:
            # The first of a day: sunrise, with nothing before it.
            if wh_ended[end] <= 0:
                continue
            before = end - _LONGEST_PERIOD
        begun[before] = wh_ended[end]
    return begun


def _on_half_hours(wh_period: Mapping[datetime, float]) -> dict[datetime, float]:
    spread: dict[datetime, float] = {}
    step = _HALF_HOUR.total_seconds()
    for start, end, wh in _periods(wh_period):
        at = start
        while at < end:
            bucket = datetime.fromtimestamp(at.timestamp() // step * step, UTC)
            until = min(end, bucket + _HALF_HOUR)
            spread[bucket] = spread.get(bucket, 0.0) + wh * ((until - at) / (end - start))
            at = until
    return spread


def _periods(wh_period: Mapping[datetime, float]) -> Iterator[tuple[datetime, datetime, float]]:
    """Yield begin, end and Wh of each period, in order; none counts less than 0."""
    starts = sorted(wh_period)
    gaps = [after - before for before, after in pairwise(starts)]
    # The last period before a night is taken to be as long as the shortest.
    usual = min([*gaps, _LONGEST_PERIOD])
    for start, gap in zip(starts, [*gaps, usual], strict=True):
        length = gap if gap <= _LONGEST_PERIOD else usual
        yield start, start + length, max(wh_period[start], 0.0)


def _cumulative(wh_period: Mapping[datetime, float]) -> tuple[_Series, _Series]:
    """Return times in s and the Wh produced until then, flat where no period is."""
    times: list[float] = []
    energy: list[float] = []
    total = 0.0
    for start, end, wh in _periods(wh_period):
        if not times or times[-1] < start.timestamp():
            times.append(start.timestamp())
            energy.append(total)
        total += wh
        times.append(end.timestamp())
        energy.append(total)
    return np.array(times), np.array(energy)


def _interpolate(x: _Series, y: _Series, at: _Series) -> _Series:
    """Return the monotone cubic through (x, y) at `at`, constant outside."""
    h = np.diff(x)
    secant = np.diff(y) / h
    slope = np.zeros_like(y)
    left, right = secant[:-1], secant[1:]
    before, after = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    rising = (left > _FLAT) & (right > _FLAT)
    # Butland's weighted harmonic mean: never steeper than what keeps the curve monotone.
    slope[1:-1][rising] = (before + after)[rising] / (
        before[rising] / left[rising] + after[rising] / right[rising]
    )
    at = np.clip(at, x[0], x[-1])
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    t = (at - x[i]) / h[i]
    value: _Series = (
        y[i] * (1 + 2 * t) * (1 - t) ** 2
        + y[i + 1] * t**2 * (3 - 2 * t)
        + h[i] * (slope[i] * t * (1 - t) ** 2 - slope[i + 1] * t**2 * (1 - t))
    )
    return value
