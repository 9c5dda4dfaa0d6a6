"""What one charger would do if it were alone, and how pressing that is."""

from dataclasses import dataclass
from enum import IntEnum
from math import floor

from ..schedule import Reason
from .state import Use


class Rank(IntEnum):
    """Who is served first."""

    MINIMUM = 0
    """Below the minimum SoC."""
    PRESSING = 1
    """A goal is lost unless charging goes on now."""
    MANUAL = 2
    """A person asked for it."""
    GOAL = 3
    PLAN = 4
    SUN = 5
    RESTING = 6
    """The offer goes unused: the car is full, asleep or ended the charge itself."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The current that one charger would have if it were alone."""

    charger: str
    rank: Rank
    reason: Reason
    want_a: float
    """0 for none, else at least `min_a`."""
    cap_a: float
    """What it will use as far as we know; beyond that others come first."""
    min_a: float
    step_a: float
    phases: int
    unit: Use
    """What one ampere takes from the grid connection."""
    laxity_h: float | None = None
    sun: bool = False
    """Only what the sun leaves may be used beyond the minimum."""
    floor: bool = False
    """The minimum may come from the grid (Minimum and solar, or while a shortage may pass)."""
    prompt: bool = False
    """A person or the minimum SoC asks: not held back by the count of starts."""
    turn: tuple[int, float] = (0, 0.0)
    """Whose turn it is where not all can have the minimum; lowest first."""

    def use(self, current_a: float) -> Use:
        """Return what `current_a` takes from the grid connection."""
        return Use(
            phase_a=tuple(a * current_a for a in self.unit.phase_a), kw=self.unit.kw * current_a
        )

    def floored_a(self, current_a: float) -> float:
        """Return the highest step at or below `current_a`, 0 where that is below the minimum."""
        stepped = round(floor(current_a / self.step_a + 1e-6) * self.step_a, 3)
        return stepped if stepped >= self.min_a - 1e-9 else 0.0
