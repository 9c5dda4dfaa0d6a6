"""Reads the service's quarter-hour means.

A point carries the start of its quarter. Points at the end of a series are `null` until the
site has reported; they are no value, and neither is the quarter that still runs.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

QUARTER: Final = timedelta(minutes=15)

FACTORS: Final[Mapping[str, float]] = {
    "W": 0.001,
    "KW": 1.0,
    "MW": 1000.0,
    "PERCENTAGE": 0.01,
}
"""From the service's units to kW and shares. An unknown unit is no value."""

type Series = dict[datetime, float]
"""End of the quarter (in the zone of the site) to kW or share; only what is there."""


def points(series: object, now: datetime) -> Series:
    """Return the quarters of `{"unit": ..., "values": [{"timestamp": ..., "value": ...}]}`."""
    if not isinstance(series, Mapping):
        return {}
    factor = FACTORS.get(str(series.get("unit", "")).upper())
    values = series.get("values")
    if factor is None or not isinstance(values, list):
        return {}
    found: Series = {}
    for value in values:
        if not isinstance(value, Mapping) or not isinstance(value.get("value"), (int, float)):
            continue
        start = _moment(value)
        if start is not None and start + QUARTER <= now:
            found[start + QUARTER] = value["value"] * factor
    return found


def zone_of(many: Iterable[object]) -> tzinfo | None:
    """Return the offset that the site's time stamps carry, values or not."""
    for series in many:
        values = series.get("values") if isinstance(series, Mapping) else None
        if isinstance(values, list) and values and isinstance(values[-1], Mapping):
            if (moment := _moment(values[-1])) is not None:
                return moment.tzinfo
    return None


def add(many: Iterable[Series], sign: int = 1) -> Series:
    """Add series up; a quarter that one of them lacks is missing in the sum."""
    series = list(many)
    if not series:
        return {}
    common = set(series[0]).intersection(*series[1:])
    return {end: sign * sum(one[end] for one in series) for end in common}


def meters_of(payload: object) -> list[Mapping[str, Any]]:
    """Return the meters of a meter telemetry."""
    found = payload.get("meters") if isinstance(payload, Mapping) else None
    if not isinstance(found, Mapping):
        return []
    return [meter for meter in found.values() if isinstance(meter, Mapping)]


def production(meters: list[Mapping[str, Any]], now: datetime) -> Series | None:
    """Return the sun in kW; `None` when no meter measures it."""
    makers = [points(m["productionPower"], now) for m in meters if "productionPower" in m]
    return add(makers) if makers else None


def grid(meters: list[Mapping[str, Any]], now: datetime) -> Series:
    """Return the power at the grid connection in kW, + on import; needs both directions."""
    imports = [points(m["importPower"], now) for m in meters if "importPower" in m]
    exports = [points(m["exportPower"], now) for m in meters if "exportPower" in m]
    if not imports or not exports:
        return {}
    return add([add(imports), add(exports, -1)])


def battery(payload: object, serial: str, now: datetime) -> tuple[Series, Series]:
    """Return power in kW, + on charge, and SoC of one battery in a storage telemetry."""
    found = payload.get("storage") if isinstance(payload, Mapping) else None
    one = found.get(serial) if isinstance(found, Mapping) else None
    if not isinstance(one, Mapping):
        return {}, {}
    power = points(one.get("chargePower"), now)
    if "dischargePower" in one:
        # Where discharge has a series of its own it is a magnitude, and charge is never negative.
        given = points(one["dischargePower"], now)
        power = {
            end: kw if kw < 0 else kw - abs(given[end]) for end, kw in power.items() if end in given
        }
    return power, points(one.get("stateOfEnergy"), now)


def _moment(point: Mapping[str, Any]) -> datetime | None:
    """Return the time stamp; one without zone could be any moment and is none."""
    try:
        moment = datetime.fromisoformat(str(point.get("timestamp")))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
