"""A simulated home under real control and real plans, second by second.

House, cars and battery obey the simulators' physics; each quarter the real planner makes a new
plan from forecasts (not from what will happen); each second the real control step orders the
chargers and the battery. What is measured is counted in `Tally`.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from itertools import pairwise
from math import pi, sin
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from custom_components.smart_charging.core.control import ControlState, control, house_currents_a
from custom_components.smart_charging.core.control.quarter import quarter_start
from custom_components.smart_charging.core.control.stale import Sight
from custom_components.smart_charging.core.control.types import (
    BatterySpec,
    ChargerOrder,
    ChargerSetpoint,
    ChargerSpec,
    ControlSite,
    MeterGrade,
    Mode,
    Orders,
    Readings,
    Setpoints,
)
from custom_components.smart_charging.core.grid import Circuit, Grid, Topology
from custom_components.smart_charging.core.planner import (
    Battery,
    Charger,
    Command,
    Goal,
    GoalKind,
    PeakTariff,
    Plan,
    Problem,
    Stay,
    Trip,
    Vehicle,
    plan,
    slot_bounds,
)
from custom_components.smart_charging.core.reading import (
    BatteryMode,
    BatteryReading,
    ChargerReading,
    MeterReading,
    Phase,
)
from custom_components.smart_charging.core.schedule import Reason
from custom_components.smart_charging.trips.goals import Wish, laxity_h
from simulators.battery import BatteryConfig
from simulators.car import Car, ChargerConfig
from simulators.clock import ManualClock
from simulators.house import House, HouseConfig
from simulators.weather import HOUSEHOLD, shape

ZONE = "Europe/Brussels"

REACTION_S = 12.0
"""The slowest car (10 s), the telegram that shows the overload and the one that shows the fall."""


SILENCE_EVERY_S = 1800.0
"""The shortest time between two silences that begin while cars draw more than is proven safe."""

PLAN_TAKES = timedelta(seconds=2)
"""From the moment that a plan stands for to the moment that it is in force."""


@dataclass(frozen=True, kw_only=True)
class Outing:
    """A drive: the car must hold `soc` when it leaves and comes back with less."""

    leaves: datetime
    returns: datetime
    energy_kwh: float
    soc: float


@dataclass(frozen=True, kw_only=True)
class Resident:
    """A car of the home, its charger, its week."""

    car: Car
    charger: ChargerConfig
    switching: bool = False
    circuit: str | None = None
    outings: tuple[Outing, ...] = ()

    @property
    def max_kw(self) -> float:
        """Highest power of car and charger together."""
        phases = min(self.car.phases, self.charger.phases)
        return 0.23 * phases * min(self.car.max_a, self.charger.max_a)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A home and its days."""

    start: datetime
    residents: tuple[Resident, ...]
    seed: int = 5
    fuse_a: float = 25.0
    circuits: tuple[Circuit, ...] = ()
    pv_peak_kw: float = 6.0
    battery: BatteryConfig | None = None
    peak: PeakTariff | None = None
    silences: tuple[tuple[float, float], ...] = ()
    """Seconds since the start between which no telegram comes."""
    silence_s: float = 0.0
    """Length of the silences that begin while cars draw more than is proven safe."""


@dataclass
class Tally:
    """What was counted."""

    seconds: int = 0
    seconds_over_fuse: float = 0.0
    """Beyond the reaction time of car and meter."""
    over_fuse_any_s: int = 0
    highest_line_a: float = 0.0
    peak_excess_kw: float = 0.0
    """Quarter mean above its target and above what the house alone took."""
    peak_excess_house_kw: float = 0.0
    """The same where the house alone passed the target."""
    month_peak_kw: float = 0.0
    peak_target_kw: float = 0.0
    goals: int = 0
    goals_missed_kwh: float = 0.0
    goal_gap_max_kwh: float = 0.0
    """Largest distance from a goal, what counts as met included."""
    writes: int = 0
    writes_too_soon: int = 0
    urgent_writes: int = 0
    starts: int = 0
    stops: int = 0
    phase_switches: int = 0
    starts_per_slot_max: int = 0
    """Restarts after a limit's stop excepted, as everywhere."""
    stops_per_slot_max: int = 0
    phase_switches_per_slot_max: int = 0
    starts_per_slot_max_with_limits: int = 0
    help_s: int = 0
    help_kwh: float = 0.0
    charged_kwh: float = 0.0
    import_kwh: float = 0.0
    export_kwh: float = 0.0
    bill: float = 0.0
    silences: int = 0
    silences_above_safe: int = 0
    """Those at whose last telegram cars drew more than is proven safe."""
    stale_to_safe_s: float = 0.0
    """Longest time from the last telegram until cars really drew no more than is proven safe."""
    stale_to_normal_s: float = 0.0
    """Longest time from the first telegram after a silence to orders that it holds down no more."""
    plans: int = 0
    plan_rungs: dict[str, int] = field(default_factory=dict)


@dataclass
class _Writes:
    """What a charger was told, per clock quarter."""

    current_a: float = 0.0
    phases: int = 0
    at: datetime | None = None
    by_limit: bool = False
    quarter: datetime | None = None
    counts: dict[str, int] = field(default_factory=dict)


class ControlledHome:
    """Moves a home second by second; subclasses may put real links in between."""

    def __init__(self, scenario: Scenario) -> None:
        """Stand at the start of the scenario, every car at home that is not out."""
        self.scenario = scenario
        self.clock: Final = ManualClock(scenario.start)
        self.zone = ZoneInfo(ZONE)
        self.house = House(
            HouseConfig(
                seed=scenario.seed,
                time_zone=ZONE,
                topology=Topology.THREE_400,
                fuse_a=scenario.fuse_a,
                pv_peak_kw=scenario.pv_peak_kw,
                chargers=tuple(
                    replace(r.charger, car=r.car if self._home(r, scenario.start) else None)
                    for r in scenario.residents
                ),
                battery=scenario.battery,
            ),
            self.clock,
        )
        for point in self.house.chargers.values():
            point.offered_a = 0.0
        self.cars = {
            r.charger.key: self.house.chargers[r.charger.key].car or replace(r.car)
            for r in scenario.residents
        }
        grid = Grid(topology=Topology.THREE_400, fuse_a=scenario.fuse_a)
        battery = scenario.battery
        self.site = ControlSite(
            grid=grid,
            circuits=scenario.circuits,
            chargers=tuple(_spec(r) for r in scenario.residents),
            batteries=()
            if battery is None
            else (
                BatterySpec(
                    id="battery",
                    capacity_kwh=battery.capacity_kwh,
                    min_soc=battery.min_soc,
                    max_charge_kw=battery.max_charge_kw,
                    max_discharge_kw=battery.max_discharge_kw,
                ),
            ),
        )
        self.tally = Tally()
        self.state = ControlState.initial()
        self.setpoints = Setpoints()
        self.plan: Plan | None = None
        self._coming: tuple[datetime, Plan] | None = None
        """A plan that is being made, and when it will be there."""
        self._stirred = False
        """A car came or went: the plan must be made anew."""
        self.meter: MeterReading | None = None
        self.peaks_a = [0.0] * grid.topology.phases
        self._told = {r.charger.key: _Writes() for r in scenario.residents}
        self._over_s = 0
        self._base_kwh = self.house.base_kwh
        self._month_peak = self._meter_peak()
        self._target = self._peak_target() or 0.0
        self._silent_until_s = -SILENCE_EVERY_S
        self._silent_since: datetime | None = None
        self._back_at: datetime | None = None
        self._before_a: dict[str, float] = {}
        """What was ordered before the silence."""
        self._held: set[str] = set()
        """What it held down at its end."""

    @property
    def now(self) -> datetime:
        """The simulated present."""
        return self.clock.now()

    def run(self, seconds: int) -> Tally:
        """Move on by `seconds` and return what has been counted so far."""
        for _ in range(seconds):
            self.step()
        return self.tally

    def step(self) -> None:
        """Move on by one second."""
        self.move()
        if self.heard:
            self.take(self.direct_reading())
        self.decide()
        for key, setpoint in self.setpoints.chargers.items():
            self.write(key, setpoint)
        for order in self.setpoints.batteries.values():
            self.order_battery(order.mode, order.power_kw)
        self.count()

    def move(self) -> None:
        """Move the world by a second, and make a plan when one is due."""
        self.clock.advance(1.0)
        self.house.advance()
        at = self.tally.seconds
        rested = at >= self._silent_until_s + SILENCE_EVERY_S
        if self.scenario.silence_s and rested and not self._is_safe():
            self._silent_until_s = at + self.scenario.silence_s
        self._come_and_go()
        now = self.now
        if now == quarter_start(now):
            self._count_quarter()
            self._coming = (now + PLAN_TAKES, self.make_plan())
        elif self._stirred:
            self._coming = (now + PLAN_TAKES, self.make_plan())
        if self.plan is None:
            self.plan = self.make_plan()
        self._stirred = False
        if self._coming is not None and now >= self._coming[0]:
            self.plan, self._coming = self._coming[1], None

    @property
    def heard(self) -> bool:
        """Whether the meter sends its telegram now."""
        at = self.tally.seconds
        if at < self._silent_until_s:
            return False
        return not any(a <= at < b for a, b in self.scenario.silences)

    def take(self, meter: MeterReading | None) -> None:
        """Take a reading of the meter, and learn how much the house takes at most."""
        if meter is None:
            return
        self.meter = meter
        currents = house_currents_a(self.site, self.readings())
        for phase, amperes in enumerate(currents):
            self.peaks_a[phase] = max(self.peaks_a[phase], amperes)

    def decide(self) -> None:
        """Run control once."""
        self.setpoints, self.state = control(
            self.site, self.orders(), self.state, self.readings(), self.now
        )

    # --- orders and readings --------------------------------------------------------------------

    def direct_reading(self) -> MeterReading:
        """Return what the meter shows, without a telegram."""
        meter = self.house.meter
        return MeterReading(
            at=self.now,
            device_time=self.now,
            power_kw=meter.power_kw,
            phases=tuple(
                Phase(power_kw=kw, voltage_v=v, current_a=abs(a))
                for kw, v, a in zip(meter.phase_kw, meter.phase_v, meter.phase_a, strict=True)
            ),
            quarter_kw=meter.quarter_kw,
        )

    def readings(self) -> Readings:
        """Return the latest reading of each part."""
        battery = self.house.battery
        return Readings(
            meter=self.meter,
            grade=MeterGrade.CONTROL,
            pv_kw=self.house.pv_kw,
            chargers={key: self._charger_reading(key) for key in self.house.chargers},
            batteries={}
            if battery is None
            else {
                "battery": BatteryReading(
                    at=self.now, soc=battery.soc, power_kw=battery.power_kw, mode=battery.mode
                )
            },
        )

    def _charger_reading(self, key: str) -> ChargerReading:
        point = self.house.chargers[key]
        return ChargerReading(
            at=self.now,
            status=point.status,
            power_kw=point.power_kw,
            currents_a=point.currents_a,
            limit_a=point.effective_a,
            phases=point.phases,
            session_kwh=point.session_kwh,
        )

    def orders(self) -> Orders:
        """Return what is asked of control."""
        return Orders(
            schedule=None if self.plan is None else self.plan.schedule,
            chargers={r.charger.key: self._order(r) for r in self.scenario.residents},
            peak_target_kw=self._peak_target(),
            house_peak_a=tuple(self.peaks_a),
        )

    def _order(self, resident: Resident) -> ChargerOrder:
        wish, by = self._wish(resident)
        return ChargerOrder(
            mode=Mode.SMART,
            below_minimum=wish.below_minimum,
            laxity_h=None if by is None else laxity_h(wish, self.now, by, resident.max_kw),
            vehicle_max_a=resident.car.max_a,
            vehicle_max_phases=resident.car.phases,
            vehicle_full=by is not None and wish.reached,
        )

    def _wish(self, resident: Resident) -> tuple[Wish, datetime | None]:
        car = self.cars[resident.charger.key]
        outing = self._next_outing(resident)
        wish = Wish(
            soc=car.soc,
            capacity_kwh=car.capacity_kwh,
            efficiency=car.efficiency,
            minimum_soc=0.2,
            target_soc=0.0 if outing is None else outing.soc,
            energy_kwh=0.0,
            delivered_kwh=0.0,
            ready_by=time(7),
            full=False,
        )
        return wish, None if outing is None else outing.leaves

    # --- plans ----------------------------------------------------------------------------------

    def make_plan(self) -> Plan:
        """Return a plan for the next two days."""
        made = plan(self.problem(), self.plan)
        self.tally.plans += 1
        rung = made.rung.value
        self.tally.plan_rungs[rung] = self.tally.plan_rungs.get(rung, 0) + 1
        return made

    def problem(self) -> Problem:
        """Return everything that the plan depends on now."""
        now = self.now
        bounds = slot_bounds(now, 48)
        middles = [a + (b - a) / 2 for a, b in pairwise(bounds)]
        price = [self.price(at) for at in middles]
        sun = [self._sun_forecast_kw(at) for at in middles]
        battery = self.house.battery
        return Problem(
            now=now,
            time_zone=ZONE,
            slots=bounds,
            import_price=tuple(price),
            export_price=tuple(round(p - 0.14, 5) for p in price),
            estimated=(False,) * len(price),
            load_kw=tuple(self._load_forecast_kw(at) for at in middles),
            pv_kw=tuple(sun),
            pv_p10_kw=tuple(0.35 * kw for kw in sun),
            load_share_per_phase=(0.3, 0.4, 0.3),
            grid=self.site.grid,
            circuits=self.scenario.circuits,
            peak=None
            if self.scenario.peak is None
            else replace(self.scenario.peak, month_peak_kw=self.house.meter.month_peak_kw),
            quarter_energy_kwh=self.house.meter.quarter_kw / 4,
            chargers=tuple(
                Charger(
                    id=c.id, min_a=c.min_a, max_a=c.max_a, step_a=c.step_a, phases=c.phases,
                    switching=c.switching, phase_map=c.phase_map, circuit=c.circuit,
                )
                for c in self.site.chargers
            ),
            vehicles=tuple(self._vehicle(r, bounds[-1]) for r in self.scenario.residents),
            batteries=tuple(
                Battery(
                    id=b.id, capacity_kwh=b.capacity_kwh, soc=battery.soc, min_soc=b.min_soc,
                    max_charge_kw=b.max_charge_kw, max_discharge_kw=b.max_discharge_kw,
                )
                for b in self.site.batteries
                if battery is not None
            ),
            previous=tuple(
                Command(charger=key, current_a=s.current_a, phases=s.phases or 1, since=now)
                for key, s in self.setpoints.chargers.items()
            ),
        )  # fmt: skip

    def _vehicle(self, resident: Resident, end: datetime) -> Vehicle:
        now, key = self.now, resident.charger.key
        car = self.cars[key]
        stays, trips, goals = [], [], []
        since = now
        for outing in resident.outings:
            if outing.returns <= now:
                continue
            if outing.leaves > since:
                stays.append(Stay(charger=key, start=since, end=min(outing.leaves, end)))
            if outing.leaves >= end:
                since = end
                break
            if outing.leaves > now:
                trips.append(
                    Trip(start=outing.leaves, end=outing.returns, energy_kwh=outing.energy_kwh)
                )
                goals.append(Goal(by=outing.leaves, kind=GoalKind.TRIP, soc=outing.soc))
            since = max(since, outing.returns)
        if since < end:
            stays.append(Stay(charger=key, start=since, end=end))
        soc = car.soc if self._home(resident, now) else self._soc_back(resident, car)
        return Vehicle(
            id=car.id,
            capacity_kwh=car.capacity_kwh,
            soc=soc,
            minimum_soc=0.2,
            target_soc=0.9,
            efficiency=car.efficiency,
            max_phases=car.phases,
            max_a=car.max_a,
            taper_soc=car.taper_soc,
            stays=tuple(stays),
            trips=tuple(trips),
            goals=tuple(goals),
        )

    def _soc_back(self, resident: Resident, car: Car) -> float:
        outing = next(o for o in resident.outings if o.leaves <= self.now < o.returns)
        return max(0.0, car.soc - outing.energy_kwh / car.capacity_kwh)

    def price(self, at: datetime) -> float:
        """Return the import price: dear mornings and evenings, cheap nights and noons."""
        hour = at.astimezone(self.zone).hour
        day = Random(f"price:{at.astimezone(self.zone).date()}")
        level, swing = day.uniform(0.22, 0.30), day.uniform(0.06, 0.11)
        wave = -0.7 * sin(2 * pi * (hour - 13) / 24) + 0.5 * sin(4 * pi * (hour - 16) / 24)
        return round(level + swing * wave + 0.008 * sin(1.7 * hour), 5)

    def _load_forecast_kw(self, at: datetime) -> float:
        local = at.astimezone(self.zone)
        hour = local.hour + local.minute / 60
        config = self.house.config
        base = sum(config.base_kw) * shape(config.load_shape, hour)
        used = 0.0
        for one in HOUSEHOLD:
            duty = 2 / 3 if one.duty_s else 1.0
            energy = one.power_kw * duty * one.minutes / 60 * one.chance
            # Each use lies within an hour and a half around its time.
            used += sum(energy / 1.5 for h in one.hours if abs(hour - h) <= 0.75)
        return round(base + used, 4)

    def _sun_forecast_kw(self, at: datetime) -> float:
        local = at.astimezone(self.zone)
        hour = local.hour + local.minute / 60
        config = self.house.config
        if not config.sunrise_h < hour < config.sunset_h:
            return 0.0
        day = config.sunset_h - config.sunrise_h
        height: float = sin(pi * (hour - config.sunrise_h) / day) ** 1.2
        return round(0.65 * config.pv_peak_kw * height, 4)

    # --- the world ------------------------------------------------------------------------------

    def _home(self, resident: Resident, at: datetime) -> bool:
        return not any(o.leaves <= at < o.returns for o in resident.outings)

    def _next_outing(self, resident: Resident) -> Outing | None:
        return next((o for o in resident.outings if o.leaves > self.now), None)

    def _come_and_go(self) -> None:
        for resident in self.scenario.residents:
            key = resident.charger.key
            point = self.house.chargers[key]
            home = self._home(resident, self.now)
            if home and point.car is None:
                past = max(
                    (o for o in resident.outings if o.returns <= self.now), key=lambda o: o.returns
                )
                self.cars[key].drive(past.energy_kwh)
                point.plug(self.cars[key])
                self._stirred = True
            elif not home and point.car is not None:
                outing = next(o for o in resident.outings if o.leaves <= self.now < o.returns)
                self._count_goal(resident, outing)
                point.unplug()
                self._stirred = True

    def write(self, key: str, setpoint: ChargerSetpoint) -> None:
        """Tell a charger its setpoint when it is another one."""
        told, point = self._told[key], self.house.chargers[key]
        phases = setpoint.phases or point.phases
        if (setpoint.current_a, phases) == (told.current_a, told.phases or point.phases):
            return
        self.count_write(key, setpoint)
        self.carry_out(key, setpoint.current_a, phases)

    def order_battery(self, mode: BatteryMode, power_kw: float) -> None:
        """Let the battery follow an order."""
        if self.house.battery is not None:
            self.house.battery.order(mode, power_kw)

    def carry_out(self, key: str, current_a: float, phases: int) -> None:
        """Let a charger follow an order."""
        point = self.house.chargers[key]
        if current_a > 0 and point.phases != phases:
            point.phases = phases
        point.offered_a = current_a

    # --- counting -------------------------------------------------------------------------------

    def count_write(self, key: str, setpoint: ChargerSetpoint) -> None:
        """Count an order that goes out, and the starts, stops and switches that it means."""
        told, tally, now = self._told[key], self.tally, self.now
        tally.writes += 1
        tally.urgent_writes += setpoint.urgent
        spec = next(c for c in self.site.chargers if c.id == key)
        if told.at is not None and not setpoint.urgent:
            gap = (now - told.at).total_seconds()
            tally.writes_too_soon += gap < spec.write_interval_s - 1e-6
        if told.quarter != quarter_start(now):
            told.quarter, told.counts = quarter_start(now), {}
        phases = setpoint.phases or self.house.chargers[key].phases
        if told.current_a == 0 < setpoint.current_a:
            tally.starts += 1
            self._count(told, "all starts")
            if not told.by_limit:
                self._count(told, "starts")
            told.by_limit = False
        elif setpoint.current_a == 0 < told.current_a:
            tally.stops += 1
            told.by_limit = setpoint.limit is not None
            if not told.by_limit:
                self._count(told, "stops")
        if told.phases and phases != told.phases:
            tally.phase_switches += 1
            self._count(told, "switches")
        tally.starts_per_slot_max = max(tally.starts_per_slot_max, told.counts.get("starts", 0))
        tally.stops_per_slot_max = max(tally.stops_per_slot_max, told.counts.get("stops", 0))
        tally.phase_switches_per_slot_max = max(
            tally.phase_switches_per_slot_max, told.counts.get("switches", 0)
        )
        tally.starts_per_slot_max_with_limits = max(
            tally.starts_per_slot_max_with_limits, told.counts.get("all starts", 0)
        )
        told.current_a, told.phases, told.at = setpoint.current_a, phases, now

    @staticmethod
    def _count(told: _Writes, what: str) -> None:
        told.counts[what] = told.counts.get(what, 0) + 1

    def count(self) -> None:
        """Count what this second brought."""
        tally, house = self.tally, self.house
        tally.seconds += 1
        highest = max(map(abs, house.line_a))
        tally.highest_line_a = max(tally.highest_line_a, highest)
        self._over_s = self._over_s + 1 if highest > self.scenario.fuse_a + 0.05 else 0
        tally.over_fuse_any_s += self._over_s > 0
        tally.seconds_over_fuse += self._over_s > REACTION_S
        kw = house.meter.power_kw
        tally.import_kwh += max(kw, 0.0) / 3600
        tally.export_kwh += max(-kw, 0.0) / 3600
        price = self.price(self.now)
        tally.bill += (max(kw, 0.0) * price - max(-kw, 0.0) * (price - 0.14)) / 3600
        tally.charged_kwh += sum(p.power_kw for p in house.chargers.values()) / 3600
        helping = any(b.reason is Reason.HELP for b in self.setpoints.batteries.values())
        if helping and house.battery is not None:
            tally.help_s += 1
            tally.help_kwh += max(0.0, -house.battery.power_kw) / 3600
        self._count_silence()
        step_peak = self._peak_target()
        if step_peak is not None:
            self._target = max(self._target, step_peak)

    def _count_silence(self) -> None:
        """Measure from the last telegram to the safe current, and from the first to normal."""
        meter, tally, now = self.meter, self.tally, self.now
        if meter is None:
            return
        silent_s = (now - meter.at).total_seconds()
        if silent_s < 1.0:
            if self._silent_since is not None:
                self._silent_since, self._back_at = None, now
            if self._back_at is not None and self._is_normal():
                back_s = (now - self._back_at).total_seconds()
                tally.stale_to_normal_s = max(tally.stale_to_normal_s, back_s)
                self._back_at = None
            return
        safe = self._is_safe()
        if self._silent_since is None:
            self._silent_since, self._back_at = meter.at, None
            self._before_a = {key: told.current_a for key, told in self._told.items()}
            tally.silences += 1
            tally.silences_above_safe += not safe
        if not safe:
            # Until the last second above it: a car that rises again is not safe yet.
            tally.stale_to_safe_s = max(tally.stale_to_safe_s, silent_s + 1.0)
        self._held = {k for k, s in self.setpoints.chargers.items() if s.limit == Sight.STALE}

    def _is_normal(self) -> bool:
        """Tell whether no order is held down for want of a meter any more.

        What the silence held down is back, or something else is named that holds it.
        """
        for key, setpoint in self.setpoints.chargers.items():
            if setpoint.reason is Reason.STALE or setpoint.limit == Sight.STALE:
                return False
            back = setpoint.current_a >= self._before_a[key] or setpoint.limit is not None
            if key in self._held and not back:
                return False
        return True

    def _is_safe(self) -> bool:
        """Tell whether chargers together draw no more than the fuse leaves beside the known peak."""
        for phase, peak in enumerate(self.peaks_a):
            drawn = 0.0
            for point in self.house.chargers.values():
                for line, amperes in zip(point.phase_map, point.currents_a, strict=True):
                    drawn += amperes if line - 1 == phase else 0.0
            # A car draws a few per cent more or less than it was offered.
            if drawn > max(0.0, (self.scenario.fuse_a - peak) // 1) + 0.5:
                return False
        return True

    def _count_quarter(self) -> None:
        """Compare the quarter that ends now with its target."""
        tally, meter = self.tally, self.house.meter
        house_kw = (self.house.base_kwh - self._base_kwh) * 4
        self._base_kwh = self.house.base_kwh
        ended = self._meter_peak()
        if self.scenario.peak is not None and ended > self._month_peak:
            excess = ended - max(self._target, house_kw)
            tally.peak_excess_kw = max(tally.peak_excess_kw, excess)
            if house_kw > self._target:
                over = ended - self._target
                tally.peak_excess_house_kw = max(tally.peak_excess_house_kw, over)
        self._month_peak = ended
        tally.month_peak_kw = meter.month_peak_kw
        tally.peak_target_kw = self._target
        self._target = self._peak_target() or 0.0

    def _meter_peak(self) -> float:
        return float(self.house.meter.month_peak_kw)

    def _peak_target(self) -> float | None:
        peak = self.scenario.peak
        if peak is None:
            return None
        bought = None if self.plan is None else self.plan.schedule.peak_target_kw
        return max(self.house.meter.month_peak_kw, peak.floor_kw, bought or 0.0)

    def _count_goal(self, resident: Resident, outing: Outing) -> None:
        car, tally = self.cars[resident.charger.key], self.tally
        missing = max(0.0, outing.soc - car.soc) * car.capacity_kwh / car.efficiency
        tally.goals += 1
        tally.goal_gap_max_kwh = max(tally.goal_gap_max_kwh, missing)
        if missing >= 0.05:
            tally.goals_missed_kwh += missing


def _spec(resident: Resident) -> ChargerSpec:
    charger = resident.charger
    return ChargerSpec(
        id=charger.key,
        max_a=charger.max_a,
        phases=(1, 3) if resident.switching else (charger.phases,),
        switching=resident.switching,
        phase_map=charger.phase_map,
        circuit=resident.circuit,
    )


def at(day: datetime, days: int, clock: str) -> datetime:
    """Return the local time `clock` (HH:MM), `days` after `day`, as aware UTC."""
    hour, minute = map(int, clock.split(":"))
    local = day.astimezone(ZoneInfo(ZONE)) + timedelta(days=days)
    return local.replace(hour=hour, minute=minute, second=0, microsecond=0).astimezone(
        ZoneInfo("UTC")
    )
