"""What both generations share."""

from dataclasses import dataclass, replace
from typing import Protocol

from ...core.reading import ChargerReading
from ..base import Identity
from ..charging import DRAWN_A

PART = "charger"


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
