"""What the plan orders per slot: the one thing that control needs to know of a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .reading import BatteryMode


class Reason(StrEnum):
    """Why a device does what it does in a slot."""

    CHEAP = "cheap"
    """The price is among the lowest that still meet the goal."""
    SUN = "sun"
    GOAL = "goal"
    """The time that is left forces it."""
    MINIMUM_SOC = "minimum_soc"
    PEAK = "peak"
    """Held down so that the month's peak does not rise."""
    LIMIT = "limit"
    """Held down by fuse, circuit or contract."""
    WAITING = "waiting"
    """A better slot comes later."""
    NEGATIVE_PRICE = "negative_price"
    NO_GOAL = "no_goal"
    """Nothing is asked for."""
    REACHED = "reached"
    """All goals are met."""
    UNPLUGGED = "unplugged"
    MANUAL = "manual"
    """A person asked for it: Fast mode, charge now, a current set by hand."""
    OFF = "off"
    RELEASED = "released"
    """Smart charging is switched off: the charger follows its own control."""
    STALE = "stale"
    """The meter is silent or slow: a current proven safe."""
    HELP = "help"
    """The battery helps so that a car with a goal is not throttled, or the house passes no limit."""
    FEED_HOUSE = "feed_house"
    """The battery, or a vehicle that gives back, supplies the house."""
    SELL = "sell"
    """The battery, or a vehicle that gives back, sells to the grid what is worth less later."""
    STORE = "store"
    """The battery is filled for a dearer time."""
    HOLD = "hold"
    """The battery keeps what it has for a dearer time."""


@dataclass(frozen=True, kw_only=True)
class ChargerStep:
    """One charger in one slot."""

    start: datetime
    end: datetime
    energy_kwh: float
    """AC energy at the charger in this slot; below 0 the vehicle gives back."""
    current_a: float
    """0, or the current at which the charger charges while it is on."""
    phases: int
    """1 or 3; meaningless while current_a is 0."""
    vehicle: str | None = None
    soc_after: float | None = None
    reason: Reason = Reason.NO_GOAL
    marginal_price: float | None = None
    """Currency per kWh: what one more kWh in this slot would cost."""
    price: float | None = None
    """Mean import price of the slot."""
    cost: float = 0.0
    """What this step adds to the bill."""
    estimated: bool = False
    due: datetime | None = None
    """The energy must be in by then: a goal or a departure that falls inside the slot."""


@dataclass(frozen=True, kw_only=True)
class BatteryStep:
    """One battery in one slot."""

    start: datetime
    end: datetime
    mode: BatteryMode
    power_kw: float
    """AC, + on charge."""
    soc_after: float
    reason: Reason = Reason.HOLD
    marginal_price: float | None = None
    stored_value: float | None = None
    """Currency per kWh held after the slot: what its best later use brings."""
    charge_cost: float | None = None
    """Currency per kWh held: what storing one more in this slot costs, losses included."""
    discharge_value: float | None = None
    """Currency per kWh held: what giving one more in this slot brings, less losses and wear."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The orders of a plan, per device id."""

    made_at: datetime
    chargers: Mapping[str, tuple[ChargerStep, ...]] = field(default_factory=dict)
    batteries: Mapping[str, tuple[BatteryStep, ...]] = field(default_factory=dict)
    peak_target_kw: float | None = None
    """Quarter-hour mean import that the plan accepts this month; `None` without a capacity tariff."""

    def charger_step(self, charger: str, at: datetime) -> ChargerStep | None:
        """Return the step of `charger` that covers `at`, or `None` outside the plan."""
        return next((s for s in self.chargers.get(charger, ()) if s.start <= at < s.end), None)

    def battery_step(self, battery: str, at: datetime) -> BatteryStep | None:
        """Return the step of `battery` that covers `at`, or `None` outside the plan."""
        return next((s for s in self.batteries.get(battery, ()) if s.start <= at < s.end), None)
