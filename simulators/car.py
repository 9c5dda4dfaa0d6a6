"""Cars and the charging points that they plug into."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from custom_components.smart_charging.core.reading import ChargerStatus

LOWEST_OFFER_A = 6.0
"""The least current that IEC 61851 can offer a car."""


@dataclass(kw_only=True)
class Car:
    """A car with its battery and its own ideas about when it follows an offer."""

    id: str = "car"
    capacity_kwh: float = 60.0
    soc: float = 0.4
    max_a: float = 16.0
    phases: int = 3
    """Phases of its on-board charger, 1 or 3."""
    min_a: float = LOWEST_OFFER_A
    """It does not charge on a lower offer."""
    reaction_s: tuple[float, float] = (3.0, 10.0)
    """Range of the delay before it follows a new offer."""
    ramp_a_per_s: float = 4.0
    taper_soc: float = 0.9
    """Above it the current falls linearly to a tenth at full."""
    efficiency: float = 0.9
    limit_soc: float = 1.0
    """It ends the charge by itself here."""
    tag: str | None = None
    """What a charger can read of it (RFID card, MAC address)."""
    ended: bool = False
    """The driver or the car itself ended the charge; a new plug-in clears it."""

    @property
    def energy_kwh(self) -> float:
        """Energy in the battery in kWh."""
        return self.soc * self.capacity_kwh

    @property
    def full(self) -> bool:
        """Whether it has what it wants."""
        return self.soc >= self.limit_soc - 1e-9

    def drive(self, energy_kwh: float) -> None:
        """Take `energy_kwh` out of the battery, as far as it holds that much."""
        self.soc = max(0.0, self.soc - energy_kwh / self.capacity_kwh)

    def acceptance_a(self) -> float:
        """Return the current per phase that the battery accepts at its present SoC."""
        if self.full or self.ended:
            return 0.0
        if self.soc <= self.taper_soc or self.taper_soc >= 1.0:
            return self.max_a
        return self.max_a * (1 - 0.9 * (self.soc - self.taper_soc) / (1 - self.taper_soc))


@dataclass(frozen=True, kw_only=True)
class ChargerConfig:
    """A charging point of a house."""

    key: str
    max_a: float = 16.0
    phases: int = 3
    """Line conductors that it is wired to, 1 or 3."""
    phase_map: tuple[int, ...] = (1, 2, 3)
    """Grid phase of its own L1, L2, L3. On 3x230 a single-phase charge sits between the line of
    `phase_map[0]` and the next one."""
    phase_switch_s: float = 10.0
    """Time without current while it changes its phases."""
    total_kwh: float = 1234.5
    """Counter at the start."""
    standby_kw: float = 0.0
    car: Car | None = None
    """Plugged in at the start; the house takes a copy."""


@dataclass(slots=True)
class _Offer:
    effective_s: float
    current_a: float


@dataclass(kw_only=True)
class ChargePoint:
    """A charging point. Charger simulators set `offered_a`, `phases`, `enabled` and read the rest.

    Setting anything first integrates the house up to now, so that a change counts from now on.
    """

    config: ChargerConfig
    advance: Callable[[], float]
    """Integrates the house and returns the present as epoch seconds."""
    random: Random
    car: Car | None = None
    session_kwh: float = 0.0
    total_kwh: float = 0.0
    currents_a: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Drawn on its own L1, L2, L3."""
    power_kw: float = 0.0
    plugged_since: float | None = None
    """Epoch seconds."""
    _offered_a: float = 0.0
    _phases: int = 3
    _enabled: bool = True
    _current_a: float = 0.0
    _followed_a: float = 0.0
    _resume_s: float = 0.0
    _offers: deque[_Offer] = field(default_factory=deque)

    @property
    def offered_a(self) -> float:
        """Current per phase that is offered to the car; 0 does not allow a charge."""
        return self._offered_a

    @offered_a.setter
    def offered_a(self, value: float) -> None:
        now_s = self.advance()
        self._offered_a = min(max(0.0, value), self.config.max_a)
        self._tell_car(now_s)

    @property
    def enabled(self) -> bool:
        """Whether the charger may charge at all, whatever it would offer."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        now_s = self.advance()
        self._enabled = value
        self._tell_car(now_s)

    @property
    def phases(self) -> int:
        """Phases that the charger switches on, 1 or 3."""
        return self._phases

    @phases.setter
    def phases(self, value: int) -> None:
        if value not in (1, 3) or value > self.config.phases:
            raise ValueError(f"charger {self.config.key} cannot use {value} phases")
        now_s = self.advance()
        if value == self._phases:
            return
        self._phases = value
        # The contactor opens at once; afterwards the car starts anew as after any pause.
        self._current_a = self._followed_a = 0.0
        self._offers.clear()
        self._resume_s = now_s + self.config.phase_switch_s
        self._tell_car(self._resume_s)

    @property
    def phase_map(self) -> tuple[int, ...]:
        """Grid phase of its own L1, L2, L3."""
        return self.config.phase_map

    @property
    def effective_a(self) -> float:
        """Current that the pilot signal offers: 0 when disabled or below 6 A."""
        allowed = self._enabled and self._offered_a >= LOWEST_OFFER_A
        return self._offered_a if allowed else 0.0

    @property
    def phases_used(self) -> int:
        """Phases that a charge uses: what charger and car both can."""
        return self._phases if self.car is None else min(self._phases, self.car.phases)

    @property
    def status(self) -> ChargerStatus:
        """What the charger says of the car."""
        if self.car is None:
            return ChargerStatus.UNPLUGGED
        if self._current_a > 0:
            return ChargerStatus.CHARGING
        if self.car.full or self.car.ended:
            return ChargerStatus.COMPLETE
        return ChargerStatus.CONNECTED

    def plug(self, car: Car) -> None:
        """Plug a car in: a new session begins. Raises ValueError when one is plugged in already."""
        if self.car is not None:
            raise ValueError(f"charger {self.config.key} already has car {self.car.id}")
        now_s = self.advance()
        car.ended = False
        self.car = car
        self.session_kwh = 0.0
        self.plugged_since = now_s
        self._offers.clear()
        self._current_a = self._followed_a = 0.0
        self._tell_car(now_s)

    def unplug(self) -> Car | None:
        """Take the car away and return it; `session_kwh` keeps the last session."""
        self.advance()
        car, self.car = self.car, None
        self.plugged_since = None
        self._offers.clear()
        self._current_a = self._followed_a = 0.0
        self.currents_a, self.power_kw = (0.0, 0.0, 0.0), self.config.standby_kw
        return car

    def _tell_car(self, at_s: float) -> None:
        """Let the car see the present offer from `at_s` on; it follows after its delay."""
        if self.car is None:
            return
        known = self._offers[-1].current_a if self._offers else self._followed_a
        if known == self.effective_a:
            return
        delay_s = self.random.uniform(*self.car.reaction_s)
        effective_s = max(at_s, self._resume_s) + delay_s
        if self._offers:
            effective_s = max(effective_s, self._offers[-1].effective_s)
        self._offers.append(_Offer(effective_s, self.effective_a))

    def next_current(self, now_s: float, dt_s: float, kw_per_a: float) -> float:
        """Move on to the step [now_s, now_s + dt_s) and return its current per phase.

        `kw_per_a` is the power of one ampere on all phases in use; it lets the last step of a
        charge end exactly at the car's limit.
        """
        while self._offers and self._offers[0].effective_s <= now_s + 1e-6:
            self._followed_a = self._offers.popleft().current_a
        car = self.car
        if car is None or self._followed_a < car.min_a:
            target = 0.0
        else:
            target = min(self._followed_a, car.acceptance_a())
        if target <= 0:
            self._current_a = 0.0
        else:
            step = (car.ramp_a_per_s if car else 0.0) * dt_s
            self._current_a = min(target, max(self._current_a, 0.0) + step)
        current = self._current_a
        if car is not None and current > 0:
            room_kwh = max(0.0, (car.limit_soc - car.soc) * car.capacity_kwh / car.efficiency)
            current = min(current, room_kwh / (kw_per_a * dt_s / 3600))
        return current

    def take(self, currents_a: tuple[float, float, float], power_kw: float, dt_s: float) -> None:
        """Book a step's current and power (charge and standby)."""
        self.currents_a = currents_a
        self.power_kw = power_kw
        charged_kwh = (power_kw - self.config.standby_kw) * dt_s / 3600
        if self.car is not None and charged_kwh > 0:
            self.car.soc += charged_kwh * self.car.efficiency / self.car.capacity_kwh
            self.session_kwh += charged_kwh
            self.total_kwh += charged_kwh
