"""What control remembers from one step to the next, all of it frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from ..reading import BatteryMode, ChargerReading
from ..schedule import Reason


@dataclass(frozen=True, kw_only=True)
class Use:
    """What a charger takes from the grid connection."""

    phase_a: tuple[float, ...]
    """Per grid phase."""
    kw: float

    def highest(self, other: Self) -> Self:
        """Return the larger of both in every respect."""
        return type(self)(
            phase_a=tuple(map(max, self.phase_a, other.phase_a)), kw=max(self.kw, other.kw)
        )

    def lowest(self, other: Self) -> Self:
        """Return the smaller of both in every respect."""
        return type(self)(
            phase_a=tuple(map(min, self.phase_a, other.phase_a)), kw=min(self.kw, other.kw)
        )


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What a charger was seen to draw."""

    at: datetime
    use: Use


@dataclass(frozen=True, kw_only=True)
class SlotEnergy:
    """Planned against delivered energy of one charger in one step of the plan."""

    start: datetime
    end: datetime
    planned_kwh: float
    carry_kwh: float = 0.0
    """Left over from the step before: + is owed to the car, - was given early."""
    delivered_kwh: float = 0.0
    price: float | None = None
    """Import price of the step."""
    carry_price: float | None = None
    """Import price of the step that the carry comes from."""

    @property
    def owed_kwh(self) -> float:
        """Energy that is still to be delivered."""
        return self.planned_kwh + self.carry_kwh - self.delivered_kwh


@dataclass(frozen=True, kw_only=True)
class ChargerMemory:
    """What control knows of one charger from earlier steps."""

    ordered_a: float
    phases: int
    """Phases last ordered, or first seen."""
    changed_at: datetime | None = None
    """When the order last changed."""
    urgent: bool = False
    """A limit forced that change."""
    overlaps: bool = False
    """The change before it was still under way: what is seen may belong to either."""
    before: Use | None = None
    """What the charger might draw before that change."""
    switched_at: datetime | None = None
    reading: ChargerReading | None = None
    """Latest reading, for when the charger falls silent."""
    interval_s: float | None = None
    """Observed time between readings."""
    draws: tuple[Draw, ...] = ()
    """The last seconds, oldest first, to compare with a meter reading of the same moment."""
    under: int = 0
    """Readings in a row in which a settled car drew less than offered."""
    idle_since: datetime | None = None
    """Since when an offer goes unused."""
    quarter: datetime | None = None
    """Start of the clock quarter that the counts below belong to."""
    starts: int = 0
    stops: int = 0
    switches: int = 0
    limit_stops: int = 0
    """Stops that a limit forced in this quarter."""
    blind_stops: int = 0
    """The same for want of a meter."""
    rest_s: float = 0.0
    """How long it stays off after the last of them."""
    limit_stopped_at: datetime | None = None
    """Set while a limit holds the charger off."""
    running_since: datetime | None = None
    switch_since: datetime | None = None
    """Since when another number of phases is wished."""
    enough_since: datetime | None = None
    """Since when the sun carries the minimum."""
    short_since: datetime | None = None
    """Since when it does not."""
    slot: SlotEnergy | None = None


@dataclass(frozen=True, kw_only=True)
class BatteryMemory:
    """The last order to a battery."""

    mode: BatteryMode
    power_kw: float
    reason: Reason
    changed_at: datetime
    """When mode or power last changed."""
    guarded_at: datetime | None = None
    """When it was last held back from feeding a car."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The house without chargers, at one meter reading."""

    at: datetime
    measured: Use
    """Best estimate: it decides when to fall."""
    high: Use
    """The highest that it may be while chargers react: it decides when to rise."""
    surplus_kw: float
    """What the sun leaves for chargers by the best estimate."""
    surplus_low_kw: float
    """The same by the highest estimate of the house."""


@dataclass(frozen=True, kw_only=True)
class QuarterEnergy:
    """Import since the quarter began, counted by us for meters that do not."""

    start: datetime
    import_kwh: float = 0.0
    unseen_s: float = 0.0
    """Part of the quarter before we looked."""


@dataclass(frozen=True, kw_only=True)
class ControlState:
    """The memory of control."""

    at: datetime | None = None
    """Time of the last step."""
    meter_at: datetime | None = None
    """Host time of the latest meter reading."""
    meter_time: datetime | None = None
    """The same by the meter's own clock, where it has one."""
    meter_interval_s: float | None = None
    samples: tuple[Sample, ...] = ()
    quarter: QuarterEnergy | None = None
    house_kw: float | None = None
    """Highest house of the last seconds when it was last seen."""
    help_kw: float = 0.0
    """What batteries are asked to give."""
    help_raised_at: datetime | None = None
    """When they were last asked for more."""
    help_at: datetime | None = None
    """When that help was last needed."""
    chargers: Mapping[str, ChargerMemory] = field(default_factory=dict)
    batteries: Mapping[str, BatteryMemory] = field(default_factory=dict)

    @classmethod
    def initial(cls) -> Self:
        """Return the memory of a control that has seen nothing."""
        return cls()
