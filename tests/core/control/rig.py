"""A house that obeys orders as real ones do: cars react late, telegrams get lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from custom_components.smart_charging.core.control import ControlState, control
from custom_components.smart_charging.core.control.types import (
    ChargerOrder,
    ChargerSpec,
    ControlSite,
    MeterGrade,
    Orders,
    Readings,
    Setpoints,
)
from custom_components.smart_charging.core.reading import (
    BatteryMode,
    BatteryReading,
    ChargerReading,
    ChargerStatus,
    MeterReading,
    Phase,
)
from custom_components.smart_charging.core.schedule import ChargerStep, Reason, Schedule

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass
class Car:
    """A charger with a car; one-phase chargers load the first phase of their map."""

    spec: ChargerSpec
    wants_a: float = 32.0
    phases: int = 1
    vehicle_phases: int = 3
    limit_a: float = 0.0
    draw_a: float = 0.0
    delay_s: float | None = None
    """`None` takes the delay of the rig."""
    status: ChargerStatus | None = None
    silent: bool = False
    tells_limit: bool = True
    report_s: float = 1.0
    energy_kwh: float = 0.0
    pending: list[tuple[datetime, float, int]] = field(default_factory=list)
    reading: ChargerReading | None = None

    @property
    def active(self) -> int:
        return min(self.phases, self.vehicle_phases)

    @property
    def kw(self) -> float:
        return self.draw_a * 0.23 * self.active

    def order(self, current_a: float, phases: int | None, now: datetime, delay_s: float) -> None:
        phases = phases or self.phases
        if self.pending and self.pending[-1][1:] == (current_a, phases):
            return
        if not self.pending and (current_a, phases) == (self.limit_a, self.phases):
            return
        self.pending.append((now + timedelta(seconds=delay_s), current_a, phases))

    def move(self, now: datetime, dt: float) -> None:
        self.energy_kwh += self.kw * dt / 3600
        while self.pending and self.pending[0][0] <= now:
            _, self.limit_a, self.phases = self.pending.pop(0)
        self.draw_a = min(self.wants_a, self.limit_a) if self.limit_a >= 6 else 0.0
        if self.status is ChargerStatus.UNPLUGGED:
            self.draw_a = 0.0

    def report(self, now: datetime) -> None:
        status = self.status or (
            ChargerStatus.CHARGING if self.draw_a > 0 else ChargerStatus.CONNECTED
        )
        own = tuple(self.draw_a if i < self.active else 0.0 for i in range(3))
        self.reading = ChargerReading(
            at=now, status=status, power_kw=self.kw, currents_a=own,
            limit_a=self.limit_a if self.tells_limit else None, phases=self.phases,
        )  # fmt: skip


@dataclass
class Storage:
    """A home battery that levels the grid connection or follows an order within seconds."""

    id: str
    soc: float = 0.6
    max_kw: float = 5.0
    mode: BatteryMode = BatteryMode.SELF_CONSUMPTION
    ordered_kw: float = 0.0
    power_kw: float = 0.0

    def move(self, rest_kw: float) -> None:
        wished = {
            BatteryMode.SELF_CONSUMPTION: -rest_kw,
            BatteryMode.HOLD: 0.0,
            BatteryMode.CHARGE: self.ordered_kw,
            BatteryMode.DISCHARGE: -self.ordered_kw,
        }[self.mode]
        wished = min(max(wished, -self.max_kw), self.max_kw)
        self.power_kw += min(max(wished - self.power_kw, -2.0), 2.0)


@dataclass
class Rig:
    """Moves a house second by second under control."""

    site: ControlSite
    cars: list[Car]
    orders: Orders = field(default_factory=Orders)
    house_a: Callable[[float], tuple[float, ...]] = lambda _: (2.0,)
    """House load per phase, sun subtracted, by seconds since the start."""
    batteries: list[Storage] = field(default_factory=list)
    random: Random = field(default_factory=lambda: Random(1))
    jitter: bool = False
    delay_s: tuple[float, float] = (5.0, 5.0)
    meter_s: float = 1.0
    lost: Callable[[float], bool] = lambda _: False
    per_phase: bool = True
    counts_quarter: bool = True
    grade: MeterGrade = MeterGrade.CONTROL
    now: datetime = START
    state: ControlState = field(default_factory=ControlState.initial)
    setpoints: Setpoints = field(default_factory=Setpoints)
    meter: MeterReading | None = None
    quarter_kwh: float = 0.0
    log: list[tuple[datetime, Setpoints]] = field(default_factory=list)
    grid_log: list[tuple[float, ...]] = field(default_factory=list)

    @property
    def at_s(self) -> float:
        return (self.now - START).total_seconds()

    def grid_a(self) -> tuple[float, ...]:
        house = list(self.house_a(self.at_s))
        count = len(house)
        for car in self.cars:
            order = [p - 1 for p in car.spec.phase_map][: car.active]
            for phase in order:
                house[phase if count > 1 else 0] += car.draw_a
        for battery in self.batteries:
            for phase in range(count):
                house[phase] += battery.power_kw / 0.23 / count
        return tuple(house)

    def readings(self) -> Readings:
        return Readings(
            meter=self.meter,
            grade=self.grade,
            chargers={c.spec.id: c.reading for c in self.cars if c.reading is not None},
            batteries={
                b.id: BatteryReading(at=self.now, soc=b.soc, power_kw=b.power_kw, mode=b.mode)
                for b in self.batteries
            },
        )

    def step(self, dt: float = 1.0) -> Setpoints:
        self.now += timedelta(seconds=dt)
        for car in self.cars:
            car.move(self.now, dt)
            if not car.silent and (
                car.reading is None
                or (self.now - car.reading.at).total_seconds() >= car.report_s - 1e-6
            ):
                car.report(self.now)
        rest = sum(self.house_a(self.at_s)) * 0.23 + sum(c.kw for c in self.cars)
        for battery in self.batteries:
            battery.move(rest)
        grid = self.grid_a()
        self.grid_log.append(grid)
        kw = sum(grid) * 0.23
        if self.at_s % 900 < dt:
            self.quarter_kwh = 0.0
        self.quarter_kwh += max(kw, 0.0) * dt / 3600
        due = self.meter is None or (self.now - self.meter.at).total_seconds() >= self.meter_s
        if due and not self.lost(self.at_s):
            self.meter = MeterReading(
                at=self.now,
                device_time=self.now,
                power_kw=kw,
                phases=tuple(
                    Phase(power_kw=a * 0.23, voltage_v=230.0, current_a=abs(a)) for a in grid
                )
                if self.per_phase
                else (),
                quarter_kw=self.quarter_kwh * 4 if self.counts_quarter else None,
            )
        self.setpoints, self.state = control(
            self.site, self.orders, self.state, self.readings(), self.now
        )
        self.log.append((self.now, self.setpoints))
        for car in self.cars:
            setpoint = self.setpoints.chargers.get(car.spec.id)
            if setpoint is not None and not setpoint.release:
                delay = self.random.uniform(*self.delay_s)
                delay = delay if car.delay_s is None else car.delay_s
                car.order(setpoint.current_a, setpoint.phases, self.now, delay)
        for battery in self.batteries:
            told = self.setpoints.batteries.get(battery.id)
            if told is not None:
                battery.mode, battery.ordered_kw = told.mode, told.power_kw
        return self.setpoints

    def run(self, seconds: float) -> Setpoints:
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.step(self.random.choice((0.5, 1.0, 1.5)) if self.jitter else 1.0)
        return self.setpoints

    def a(self, charger: str = "c1") -> float:
        return self.setpoints.chargers[charger].current_a

    def ask(self, **orders: ChargerOrder) -> None:
        self.orders = replace(self.orders, chargers={**self.orders.chargers, **orders})

    def changes(self, charger: str = "c1") -> list[tuple[float, float]]:
        """Return (seconds, current) at every change of an order."""
        found: list[tuple[float, float]] = []
        for at, setpoints in self.log:
            current = setpoints.chargers[charger].current_a
            if not found or found[-1][1] != current:
                found.append(((at - START).total_seconds(), current))
        return found


def spec(charger: str = "c1", **figures: object) -> ChargerSpec:
    return ChargerSpec(id=charger, **{"write_interval_s": 10.0, **figures})  # type: ignore[arg-type]


def steps(
    *energies_kwh: float,
    start: datetime = START,
    current_a: float = 16.0,
    phases: int = 1,
    prices: tuple[float, ...] | None = None,
    reason: Reason = Reason.CHEAP,
) -> tuple[ChargerStep, ...]:
    """Return quarter-hour steps with these energies."""
    return tuple(
        ChargerStep(
            start=start + timedelta(minutes=15 * i),
            end=start + timedelta(minutes=15 * (i + 1)),
            energy_kwh=e,
            current_a=current_a if e > 0 else 0.0,
            phases=phases,
            reason=reason if e > 0 else Reason.WAITING,
            price=None if prices is None else prices[i],
        )
        for i, e in enumerate(energies_kwh)
    )


def schedule(chargers: Mapping[str, tuple[ChargerStep, ...]], **more: object) -> Schedule:
    return Schedule(made_at=START, chargers=chargers, **more)  # type: ignore[arg-type]
