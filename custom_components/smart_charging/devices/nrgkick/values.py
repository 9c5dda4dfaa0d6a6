"""Values out of answers in which anything may be missing, and what both generations share."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Protocol

from ...core.reading import ChargerReading
from ..base import Identity

PART = "charger"

LOWEST_A = 6.0
"""The least current that IEC 61851 can offer a car."""
DRAWN_A = 1.0
"""Below this a phase counts as unused: meter noise and the stand-by of the car."""
COMPLETE_AFTER_S = 60.0
"""Neither generation says that a car is full. One that has charged and takes nothing this long
after it was allowed to has ended the charge by itself; cars take 3 to 30 s to follow an offer."""


def at(source: object, *path: str | int) -> Any:
    """Return what lies at `path` in nested objects and lists, or `None`."""
    for step in path:
        if isinstance(source, Mapping):
            source = source.get(step)
        elif isinstance(source, list) and isinstance(step, int) and step < len(source):
            source = source[step]
        else:
            return None
    return source


def number(source: object, *path: str | int) -> float | None:
    """Return a finite number, or `None`."""
    value = at(source, *path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None


def word(source: object, *path: str | int) -> str | None:
    """Return a text that is not empty, or `None`."""
    value = at(source, *path)
    return value.strip() or None if isinstance(value, str) else None


def kilo(value: float | None) -> float | None:
    """Return W in kW, or Wh in kWh."""
    return None if value is None else value / 1000


def phases_drawn(currents_a: tuple[float | None, ...]) -> int | None:
    """Return how many phases carry a current, `None` where none does."""
    return sum(1 for amps in currents_a if (amps or 0.0) >= DRAWN_A) or None


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What can be set at a charger; `None` is unknown, or not to be changed."""

    current_a: float | None = None
    paused: bool | None = None
    phases: int | None = None

    def beyond(self, present: "Setting") -> "Setting":
        """Return what of this does not hold already."""
        return replace(
            self,
            current_a=None if self.current_a == present.current_a else self.current_a,
            paused=None if self.paused == present.paused else self.paused,
            phases=None if self.phases == present.phases else self.phases,
        )


class Box(Protocol):
    """One charger of either generation."""

    poll_s: float
    step_a: float
    """Grid of the current, downwards."""
    max_a: float
    can_switch_phases: bool
    setting: Setting | None
    """As last read; `None` when an order may have changed it since."""

    async def identify(self) -> Identity:
        """Say who it is. Raises DeviceError."""

    async def read(self, *, released: bool) -> ChargerReading:
        """Ask for state and settings. Raises DeviceError."""

    async def refresh(self) -> Setting:
        """Ask for the settings. Raises DeviceError."""

    async def write(self, wanted: Setting) -> None:
        """Set what `wanted` holds. Raises DeviceError."""


class Idle:
    """Tells a full car from a paused one."""

    def __init__(self) -> None:
        """Know nothing of the car yet."""
        self._since: float | None = None
        self.complete = False

    def watch(self, *, idle: bool, allowed: bool, charged: bool, monotonic: float) -> None:
        """Note whether a plugged-in car takes nothing (`idle`), may charge and has charged before.

        A pause does not make a full car hungry; a new charge or an unplugged car does.
        """
        if not idle:
            self._since, self.complete = None, False
        elif not allowed or not charged:
            self._since = None
        elif self._since is None:
            self._since = monotonic
        elif monotonic - self._since >= COMPLETE_AFTER_S:
            self.complete = True
