"""What a battery says, in our words, signs and units. What is missing or nonsense is `None`."""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any

from ...core.reading import BatteryMode, BatteryReading, MeterReading, PvReading


def number(value: object) -> float | None:
    """Return a finite number; version 1 writes some as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None


def operating_mode(status: Mapping[str, Any]) -> str | None:
    """Return the number of the operating mode, as text."""
    mode = number(status.get("OperatingMode"))
    return None if mode is None else f"{mode:.0f}"


def meter_reading(status: Mapping[str, Any], at: datetime) -> MeterReading | None:
    """Read the grid connection; sonnen counts what is fed in as positive."""
    power = kilo(status.get("GridFeedIn_W"), -1)
    return None if power is None else MeterReading(at=at, power_kw=power)


def pv_reading(
    status: Mapping[str, Any], energy_kwh: float | None, at: datetime
) -> PvReading | None:
    """Read the sun."""
    power = kilo(status.get("Production_W"))
    return None if power is None else PvReading(at=at, power_kw=power, energy_kwh=energy_kwh)


def battery_reading(
    status: Mapping[str, Any], mode: BatteryMode | None, at: datetime
) -> BatteryReading | None:
    """Read the battery; sonnen counts what it gives as positive.

    `USOC` is what the owner may use of it, `RSOC` would be that of the cells.
    """
    soc, power = number(status.get("USOC")), kilo(status.get("Pac_total_W"), -1)
    if soc is not None:
        soc = soc / 100 if 0 <= soc <= 100 else None
    if soc is None and power is None:
        return None
    return BatteryReading(at=at, soc=soc, power_kw=power, mode=mode)


def kilo(watts: object, sign: int = 1) -> float | None:
    """Return W as kW, without a zero that has a minus."""
    value = number(watts)
    return None if value is None else sign * value / 1000 + 0.0
