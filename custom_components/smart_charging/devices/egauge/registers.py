"""What a meter measures at one moment: its registers, in the units of their rates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of register that can be chosen."""

    quantity: str
    unit: str
    quantum: float
    """What 1 in a counter stands for, in `unit` times seconds."""
    plausible: float
    """A change beyond this, in `unit`, is no measurement: the counter began anew."""


KINDS: Final[Mapping[str, Kind]] = {
    "P": Kind(quantity="power", unit="W", quantum=1.0, plausible=1e7),
    "V": Kind(quantity="voltage", unit="V", quantum=0.001, plausible=1e5),
    "I": Kind(quantity="current", unit="A", quantum=0.001, plausible=1e5),
}
"""By the meter's type code. It has many more, of which Smart Charging needs none."""

WATT_SECONDS_PER_KWH: Final = 3.6e6


@dataclass(frozen=True, kw_only=True)
class Register:
    """One register at one moment."""

    name: str
    type: str
    """The meter's type code."""
    rate: float | None = None
    """W, V or A; `None` where the meter has none now."""
    counter: int | None = None
    """As the meter keeps it: in quanta times seconds."""

    @property
    def kwh(self) -> float | None:
        """Energy so far, without its sign."""
        if self.counter is None or self.type != "P":
            return None
        return abs(self.counter) / WATT_SECONDS_PER_KWH


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All registers at one moment."""

    at: datetime | None
    """By the meter's clock."""
    registers: Mapping[str, Register] = field(default_factory=dict)

    @property
    def mute(self) -> bool:
        """Whether there are no present values: some XML interfaces have them in counters only."""
        return all(register.rate is None for register in self.registers.values())

    @property
    def counted(self) -> bool:
        """Whether there are counters."""
        return any(register.counter is not None for register in self.registers.values())


def by_name(registers: Iterable[Register]) -> dict[str, Register]:
    """Return registers by their names, in their order; of two with one name the first counts."""
    found: dict[str, Register] = {}
    for register in registers:
        found.setdefault(register.name, register)
    return found


def number(value: object) -> float | None:
    """Return a finite number that stands as such or as text, else `None`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None


def whole(value: object) -> int | None:
    """Return a counter, a whole number of up to 64 bits that stands as text, else `None`.

    Not by way of a float, which has 53 bits.
    """
    try:
        return int(value) if isinstance(value, str) else None
    except ValueError:
        return None


def moment(stamp: object) -> datetime | None:
    """Return the moment of a Unix time stamp, else `None`."""
    seconds = number(stamp)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
