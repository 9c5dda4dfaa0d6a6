"""A simulated home under real control and real plans, second by second.

House, cars and battery obey the simulators' physics; each quarter the real planner makes a new
plan from forecasts (not from what will happen); each second the real control step orders the
chargers and the battery. What is measured is counted in `Tally`.
"""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Final

from custom_components.smart_charging.core.control import ControlState, control, house_currents_a
from custom_components.smart_charging.core.control.quarter import quarter_start
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
from custom_components.smart_charging.core.grid import Grid, Topology
from custom_components.smart_charging.core.planner import Plan, plan
from custom_components.smart_charging.core.reading import (
    BatteryMode,
    BatteryReading,
    ChargerReading,
    MeterReading,
    Phase,
)
from custom_components.smart_charging.trips.goals import Wish, laxity_h
from simulators.clock import ManualClock
from simulators.house import House, HouseConfig

from .control_plans import problem_of
from .control_scenario import ZONE, Resident, Scenario
from .control_tally import Counting, Tally

SILENCE_EVERY_S = 1800.0
"""The shortest time between two silences that begin while cars draw more than is proven safe."""

PLAN_TAKES = timedelta(seconds=2)
"""From the moment that a plan stands for to the moment that it is in force."""


class ControlledHome:
    """Moves a home second by second; subclasses may put real links in between."""

    def __init__(self, scenario: Scenario) -> None:
        """Stand at the start of the scenario, every car at home that is not out."""
        self.scenario = scenario
        self.clock: Final = ManualClock(scenario.start)
        self.house = House(
            HouseConfig(
                seed=scenario.seed,
                time_zone=ZONE,
                topology=Topology.THREE_400,
                fuse_a=scenario.fuse_a,
                pv_peak_kw=scenario.pv_peak_kw,
                chargers=tuple(
                    replace(r.charger, car=r.car if r.at_home(scenario.start) else None)
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
        self.state = ControlState.initial()
        self.setpoints = Setpoints()
        self.plan: Plan | None = None
        self._coming: tuple[datetime, Plan] | None = None
        """A plan that is being made, and when it will be there."""
        self._stirred = False
        """A car came or went: the plan must be made anew."""
        self.meter: MeterReading | None = None
        self.peaks_a = [0.0] * grid.topology.phases
        self._silent_until_s = -SILENCE_EVERY_S
        self.counting = Counting(self)

    @property
    def tally(self) -> Tally:
        """What has been counted so far."""
        return self.counting.tally

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
        self.counting.second()

    def move(self) -> None:
        """Move the world by a second, and make a plan when one is due."""
        self.clock.advance(1.0)
        self.house.advance()
        at = self.tally.seconds
        rested = at >= self._silent_until_s + SILENCE_EVERY_S
        if self.scenario.silence_s and rested and not self.counting.is_safe():
            self._silent_until_s = at + self.scenario.silence_s
        self._come_and_go()
        now = self.now
        if now == quarter_start(now):
            self.counting.quarter()
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
            peak_target_kw=self.peak_target(),
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
        outing = resident.next_outing(self.now)
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
        made = plan(problem_of(self), self.plan)
        self.tally.plans += 1
        rung = made.rung.value
        self.tally.plan_rungs[rung] = self.tally.plan_rungs.get(rung, 0) + 1
        return made

    # --- the world ------------------------------------------------------------------------------

    def _come_and_go(self) -> None:
        for resident in self.scenario.residents:
            key = resident.charger.key
            point = self.house.chargers[key]
            outing = resident.out(self.now)
            if outing is None and point.car is None:
                past = max(
                    (o for o in resident.outings if o.returns <= self.now), key=lambda o: o.returns
                )
                self.cars[key].drive(past.energy_kwh)
                point.plug(self.cars[key])
                self._stirred = True
            elif outing is not None and point.car is not None:
                self.counting.goal(resident, outing)
                point.unplug()
                self._stirred = True

    def write(self, key: str, setpoint: ChargerSetpoint) -> None:
        """Tell a charger its setpoint when it is another one."""
        if self.counting.is_new(key, setpoint):
            self.counting.write(key, setpoint)
            phases = setpoint.phases or self.house.chargers[key].phases
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

    def peak_target(self) -> float | None:
        """Return the quarter-hour mean in kW that is paid for; `None` without a capacity tariff."""
        peak = self.scenario.peak
        if peak is None:
            return None
        bought = None if self.plan is None else self.plan.schedule.peak_target_kw
        return max(self.house.meter.month_peak_kw, peak.floor_kw, bought or 0.0)


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
