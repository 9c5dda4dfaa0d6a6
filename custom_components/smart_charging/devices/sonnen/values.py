"""What a battery says, in our words, signs and units. What is missing or nonsense is `None`."""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any

from ...core.reading import BatteryMode, BatteryReading, MeterReading, PvReading, Remedy

SHUTDOWN = "DC Shutdown Reason"
LIGHT = "Eclipse Led"
RED = ("Solid Red", "Blinking Red")
"""Flags of `ic_status`: why the battery has shut down, and the light on its front."""

type Alarm = tuple[str, Remedy]


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


def alarm(details: Mapping[str, Any]) -> Alarm | None:
    """Return what `latestdata` says to be wrong with the battery, or `None`."""
    inner = details.get("ic_status")
    flags = inner if isinstance(inner, Mapping) else {}
    for reason in _raised(flags.get(SHUTDOWN)):
        hot = "Temperature" in reason
        return f"shut down: {reason}", Remedy.TEMPERATURE if hot else Remedy.DEVICE
    if set(RED) & set(_raised(flags.get(LIGHT))):
        return "its light is red", Remedy.DEVICE
    return None


def _raised(flags: object) -> list[str]:
    return [name for name, on in flags.items() if on is True] if isinstance(flags, Mapping) else []


def battery_reading(
    status: Mapping[str, Any],
    mode: BatteryMode | None,
    at: datetime,
    found: Alarm | None = None,
) -> BatteryReading | None:
    """Read the battery; sonnen counts what it gives as positive.

    `USOC` is what the owner may use of it, `RSOC` would be that of the cells.
    """
    soc, power = number(status.get("USOC")), kilo(status.get("Pac_total_W"), -1)
    if soc is not None:
        soc = soc / 100 if 0 <= soc <= 100 else None
    if soc is None and power is None:
        return None
    if found is None and status.get("SystemStatus") == "OffGrid":
        found = ("runs without the grid", Remedy.OFF_GRID)
    warning, remedy = found or (None, None)
    return BatteryReading(at=at, soc=soc, power_kw=power, mode=mode, warning=warning, remedy=remedy)


def kilo(watts: object, sign: int = 1) -> float | None:
    """Return W as kW, without a zero that has a minus."""
    value = number(watts)
    return None if value is None else sign * value / 1000 + 0.0
