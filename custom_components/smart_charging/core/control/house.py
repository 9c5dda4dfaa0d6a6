"""The house without chargers, by meter and charger readings that do not come together.

A meter may already show what a charger has not reported yet, and a car takes seconds to
follow. So control keeps two estimates: the best one decides when to fall, the highest one of
the last seconds decides when to rise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..reading import BatteryMode, MeterReading
from .phases import house_phases_a, meter_kw, use_of
from .state import ControlState, Sample, Use
from .types import ControlSite, Readings
from .views import View

RISE_WINDOW_S = 15.0
"""A rise must have had room for so long: loads that cycle (hobs, irons) would make it dither."""

CONFIRM_S = 3.0
"""A fall that only the comparison of two clocks suggests must last so long, or two
readings of a slower meter. A measured overload needs no confirmation."""


@dataclass(frozen=True, kw_only=True)
class House:
    """What the house takes, chargers and no battery excepted."""

    fall: Use
    rise: Use
    surplus_kw: float
    surplus_low_kw: float
    assumed_split: bool


def observe(
    site: ControlSite,
    views: Sequence[View],
    readings: Readings,
    state: ControlState,
    now: datetime,
) -> tuple[House | None, tuple[Sample, ...]]:
    """Estimate the house and add the estimate to the samples. `None` where the meter is blind."""
    meter = readings.meter
    if meter is None:
        return None, state.samples
    ours = [v for v in views if v.order.smart]
    best = [_best(site, v, meter.at) for v in ours]
    offered = [_offered(site, v, meter.at) for v in ours]
    least = [_least(site, v, meter.at) for v in ours]
    measured, assumed = _without(site, meter, best, readings.pv_kw)
    overload, _ = _without(site, meter, offered, readings.pv_kw)
    high, _ = _without(site, meter, least, readings.pv_kw)
    if measured is None or overload is None or high is None:
        return None, state.samples
    battery_kw = _battery_kw(site, readings, state)
    sample = Sample(
        at=meter.at,
        measured=measured,
        high=high,
        surplus_kw=battery_kw - measured.kw,
        surplus_low_kw=battery_kw - high.kw,
    )
    oldest = now - timedelta(seconds=RISE_WINDOW_S)
    samples = (*(s for s in state.samples if oldest <= s.at < meter.at), sample)
    recent = _unconfirmed(samples, ours, meter.at)
    fall = rise = sample.measured
    for s in recent:
        fall = fall.lowest(s.measured)
    for s in samples:
        rise = rise.highest(s.high)
    fall = fall.highest(overload)
    return (
        House(
            fall=fall,
            rise=rise.highest(fall),
            surplus_kw=max(s.surplus_kw for s in recent),
            surplus_low_kw=min(s.surplus_low_kw for s in samples),
            assumed_split=assumed,
        ),
        samples,
    )


def _unconfirmed(
    samples: Sequence[Sample], views: Sequence[View], at: datetime
) -> Sequence[Sample]:
    """Return the samples of which the best counts: those that chargers may still explain.

    They reach back to the oldest report of a charger that runs, so that a car that begins to
    draw between two slow reports is not taken for a load of the house.
    """
    since = at - timedelta(seconds=CONFIRM_S)
    since = min([since, *(v.reading.at for v in views if v.running and v.fresh)])
    first = max((i for i, s in enumerate(samples) if s.at <= since), default=0)
    return samples[min(first, max(0, len(samples) - 2)) :]


def _without(
    site: ControlSite, meter: MeterReading, chargers: Sequence[Use], pv_kw: float | None
) -> tuple[Use | None, bool]:
    phase_a, assumed = house_phases_a(site.grid, meter, chargers, pv_kw)
    total = meter_kw(meter)
    if phase_a is None or total is None:
        return None, assumed
    return Use(phase_a=phase_a, kw=total - sum(c.kw for c in chargers)), assumed


def _order_use(site: ControlSite, view: View) -> Use:
    return use_of(site.grid, view.spec, view.active, view.ordered_a)


def _best(site: ControlSite, view: View, at: datetime) -> Use:
    """Return the likeliest draw: a car that is rising may have risen since its last reading."""
    seen = view.draw_at(at)
    if view.settled or view.reading.at >= at:
        return seen
    return seen.highest(_order_use(site, view))


def _offered(site: ControlSite, view: View, at: datetime) -> Use:
    """Return the most that may explain the meter: a car may start to use its offer at any time."""
    seen = view.draw_at(at)
    if not view.plugged or view.reading.at >= at:
        return seen
    return seen.highest(_order_use(site, view))


def _least(site: ControlSite, view: View, at: datetime) -> Use:
    """Return the least that may explain the meter: a falling car may have fallen already."""
    seen = view.draw_at(at)
    return seen if view.settled else seen.lowest(_order_use(site, view))


def _battery_kw(site: ControlSite, readings: Readings, state: ControlState) -> float:
    """Return what batteries add to the surplus: what they take of the sun, less what they give."""
    total = 0.0
    for spec in site.batteries:
        reading = readings.batteries.get(spec.id)
        if reading is None or reading.power_kw is None:
            continue
        last = state.batteries.get(spec.id)
        told_to_charge = last is not None and last.mode is BatteryMode.CHARGE
        if reading.power_kw < 0 or (site.cars_before_battery and not told_to_charge):
            total += reading.power_kw
    return total
