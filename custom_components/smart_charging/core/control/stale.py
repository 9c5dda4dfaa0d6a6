"""When a meter no longer counts, and which current is proven safe without one."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from math import floor

from ..reading import MeterReading
from .phases import lines, meter_kw
from .types import ChargerSpec, ControlSite, MeterGrade, Readings

SHORTEST_STALE_S = 10.0
STALE_INTERVALS = 2.5
"""Two readings in a row may be lost before control gives up on a meter."""

CHARGER_STALE_S = 30.0
"""Chargers that push report only changes and a slow heartbeat."""

SMOOTHING = 0.2
LONGEST_FIRST_INTERVAL_S = 30.0
"""What control takes on trust from the first two readings; a slower meter is not of control grade."""


class Sight(StrEnum):
    """How well control sees the house."""

    CLEAR = "clear"
    STALE = "stale meter"
    SLOW = "slow meter"


def stale_after_s(observed_interval_s: float) -> float:
    """Return the age in seconds from which a reading no longer counts."""
    return max(SHORTEST_STALE_S, STALE_INTERVALS * observed_interval_s)


def learn_interval_s(mean_s: float | None, interval_s: float) -> float:
    """Return the smoothed time between readings after one more.

    A pause is a fault, not a slower device, so one sample counts for at most 2.5 means: a
    device that really became slower is believed after some readings.
    """
    if mean_s is None:
        return min(interval_s, LONGEST_FIRST_INTERVAL_S)
    return mean_s + SMOOTHING * (min(interval_s, STALE_INTERVALS * mean_s) - mean_s)


def sight(readings: Readings, interval_s: float | None, now: datetime) -> Sight:
    """Tell how far the meter can be trusted now."""
    if readings.grade is MeterGrade.SLOW:
        return Sight.SLOW
    meter: MeterReading | None = readings.meter
    if meter is None or meter_kw(meter) is None:
        return Sight.STALE
    age = (now - meter.at).total_seconds()
    return Sight.STALE if age > stale_after_s(interval_s or 0.0) else Sight.CLEAR


def house_peaks_a(site: ControlSite, house_peak_a: Sequence[float]) -> tuple[float, ...] | None:
    """Return the proven highest house current per grid phase, or `None` when unknown."""
    count = site.grid.topology.phases
    if len(house_peak_a) == count:
        return tuple(max(a, 0.0) for a in house_peak_a)
    return (max(house_peak_a[0], 0.0),) * count if len(house_peak_a) == 1 else None


def proven_safe_a(site: ControlSite, charger_id: str, house_peak_a: Sequence[float]) -> float:
    """Return the current in A per phase at which a charger may run unattended.

    floor(fuse - highest house phase current of the last 7 days), shared equally with all
    chargers on the same phases and within the circuit's fuse; 0 when that is below the
    charger's minimum or when the house's peak is unknown. Raises KeyError for an unknown charger.
    """
    spec = next((c for c in site.chargers if c.id == charger_id), None)
    if spec is None:
        raise KeyError(charger_id)
    peaks = house_peaks_a(site, house_peak_a)
    if peaks is None:
        return 0.0
    loads = {c.id: _most_lines(site, c) for c in site.chargers}
    room = min(
        (site.grid.fuse_a - peaks[p]) / sum(p in loaded for loaded in loads.values())
        for p in loads[charger_id]
    )
    for circuit in site.circuits:
        members = {c.id for c in site.chargers if c.circuit == circuit.id} | set(circuit.chargers)
        if charger_id in members:
            room = min(
                room,
                *(
                    circuit.fuse_a / sum(p in loads[m] for m in members if m in loads)
                    for p in loads[charger_id]
                ),
            )
    current = float(min(floor(room), spec.max_a))
    return current if current >= spec.min_a else 0.0


def _most_lines(site: ControlSite, spec: ChargerSpec) -> tuple[int, ...]:
    return lines(site.grid, spec, max(spec.phases))
