"""Random houses under control: whatever comes, the limits hold and contactors are spared."""

from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from hypothesis import HealthCheck, given, settings, strategies as st

from custom_components.smart_charging.core.control.types import (
    BatterySpec,
    ChargerOrder,
    ControlSite,
    Mode,
    Orders,
)
from custom_components.smart_charging.core.grid import Circuit, Grid, Topology
from custom_components.smart_charging.core.reading import (
    BatteryMode,
    ChargerReading,
    MeterReading,
    Phase,
)
from custom_components.smart_charging.core.schedule import BatteryStep

from .rig import START, Car, Rig, Storage, schedule, spec, steps

SECONDS = 1200
"""Crosses a border between quarters."""

REACTION_S = 11.0
"""The slowest car (10 s) and the step that ordered it."""

STALE_S = 12.0
"""Silence that makes the meter stale."""


@dataclass(frozen=True)
class Profile:
    """House load per phase: constant between jumps."""

    jumps: tuple[tuple[float, tuple[float, float, float]], ...]

    def __call__(self, at_s: float) -> tuple[float, ...]:
        current = (2.0, 2.0, 2.0)
        for start, load in self.jumps:
            if start > at_s:
                break
            current = load
        return current

    @property
    def peaks(self) -> tuple[float, ...]:
        loads = [load for _, load in self.jumps] + [(2.0, 2.0, 2.0)]
        return tuple(max(column) for column in zip(*loads, strict=True))


AMPERES = (-14.0, -8.0, -3.0, 0.5, 2.0, 4.0, 9.0, 13.0, 18.0, 22.0)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Return a house that jumps on one phase every `pause` seconds or so."""
    random = Random(draw(st.integers(0, 10_000)))
    pause = draw(st.sampled_from([8.0, 25.0, 80.0, 300.0]))
    loads = draw(st.sampled_from([AMPERES, AMPERES[4:], AMPERES[:4]]))
    at, load, jumps = 0.0, [2.0, 2.0, 2.0], []
    while at < SECONDS:
        at += random.expovariate(1 / pause) + 0.5
        load[random.randrange(3)] = random.choice(loads)
        jumps.append((at, (load[0], load[1], load[2])))
    return Profile(tuple(jumps))


GAPS = st.lists(st.tuples(st.floats(0, SECONDS), st.floats(3, 60)), min_size=0, max_size=8)
ORDERS = st.sampled_from(
    [
        ChargerOrder(mode=Mode.FAST),
        ChargerOrder(mode=Mode.SOLAR),
        ChargerOrder(mode=Mode.MINIMUM_SOLAR),
        ChargerOrder(mode=Mode.SMART),
        ChargerOrder(mode=Mode.SMART, laxity_h=3.0),
        ChargerOrder(mode=Mode.SMART, below_minimum=True),
    ]
)
PHASES = st.sampled_from([((1,), (1, 2, 3)), ((1,), (2, 3, 1)), ((3,), (1, 2, 3)),
                          ((1, 3), (3, 1, 2))])  # fmt: skip
CHARGERS = st.lists(
    st.tuples(PHASES, ORDERS, st.sampled_from([7.0, 16.0, 32.0]), st.booleans(), st.booleans()),
    min_size=2,
    max_size=3,
)


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(house=profiles(), gaps=GAPS, chargers=CHARGERS, seed=st.integers(0, 1000))
def test_limits_hold_and_contactors_are_spared(house, gaps, chargers, seed):
    rig = random_rig(house, gaps, chargers, seed)
    draws: list[tuple[float, ...]] = []
    times: list[float] = []
    ages: list[float] = []
    while rig.at_s < SECONDS:
        rig.step(rig.random.choice((0.5, 1.0, 1.5)))
        times.append(rig.at_s)
        ages.append((rig.now - rig.meter.at).total_seconds() if rig.meter else rig.at_s)
        draws.append(per_phase(rig))
        orders_are_possible(rig)
    fuse_holds_after_the_reaction_time(rig, times, ages)
    for phase_draws in draws:
        assert max(phase_draws) <= 20.0 + 1e-6, "circuit"
    starts_and_stops_are_few(rig)


def random_rig(house: Profile, gaps: list, chargers: list, seed: int) -> Rig:
    specs = [
        spec(f"c{i}", phases=phases, phase_map=lines, switching=len(phases) > 1, circuit="g")
        for i, ((phases, lines), *_) in enumerate(chargers)
    ]
    site = ControlSite(
        grid=Grid(topology=Topology.THREE_400, fuse_a=25.0),
        circuits=(Circuit(id="g", name="Garage", fuse_a=20.0),),
        chargers=tuple(specs),
    )
    random = Random(seed)
    energies = [random.choice((0.0, 0.2, 0.6, 0.9)) for _ in range(3)]
    return Rig(
        site=site,
        cars=[
            Car(
                spec=s,
                phases=max(s.phases),
                wants_a=wants,
                report_s=3.0 if slow else 1.0,
                limit_a=10.0 if running and s is specs[0] else 0.0,
            )
            for s, (_, _, wants, slow, running) in zip(specs, chargers, strict=True)
        ],
        orders=Orders(
            schedule=schedule({s.id: steps(*energies, phases=max(s.phases)) for s in specs}),
            chargers={s.id: order for s, (_, order, *_) in zip(specs, chargers, strict=True)},
            house_peak_a=house.peaks,
        ),
        house_a=house,
        random=random,
        delay_s=(3.0, 10.0),
        lost=lambda at: any(a <= at < a + b for a, b in gaps) or random.random() < 0.05,
    )


def per_phase(rig: Rig) -> tuple[float, ...]:
    house = rig.house_a(rig.at_s)
    return tuple(g - h for g, h in zip(rig.grid_log[-1], house, strict=True))


def orders_are_possible(rig: Rig) -> None:
    totals = [0.0, 0.0, 0.0]
    for charger in rig.site.chargers:
        setpoint = rig.setpoints.chargers[charger.id]
        assert setpoint.current_a == 0 or charger.min_a <= setpoint.current_a <= charger.max_a
        assert setpoint.current_a == round(setpoint.current_a)
        phases = setpoint.phases or charger.phases[0]
        assert phases in charger.phases
        for line in charger.phase_map[:phases]:
            totals[line - 1] += setpoint.current_a
    assert max(totals) <= 20.0


def fuse_holds_after_the_reaction_time(rig: Rig, times: list[float], ages: list[float]) -> None:
    """A fuse is overloaded by the house alone, or for as long as it takes to see and to react."""
    houses = [rig.house_a(t) for t in times]
    first = 0
    for index, (at, grid) in enumerate(zip(times, rig.grid_log, strict=True)):
        while times[first] < at - REACTION_S - STALE_S:
            first += 1
        blind = min(max(ages[first : index + 1]), STALE_S)
        allowed = REACTION_S + blind + 1.5
        for phase in range(3):
            house = houses[index][phase]
            if grid[phase] <= 25.0 + 1e-6 or grid[phase] - house < 1e-6:
                continue
            window = zip(times[first : index + 1], houses[first : index + 1], strict=True)
            since = [h[phase] for t, h in window if t >= at - allowed]
            risen = min(since) < house - 1e-6 or at < allowed
            assert risen, f"L{phase + 1} at {at}: {grid[phase]} A, house {house} A"


def starts_and_stops_are_few(rig: Rig) -> None:
    for charger in rig.site.chargers:
        prompt = rig.orders.chargers[charger.id].mode in (Mode.FAST, Mode.MINIMUM_SOLAR)
        counts: dict[int, list[int]] = {}
        by_limit = False
        before = None
        for at, setpoints in rig.log:
            now = setpoints.chargers[charger.id]
            slot = int((at.timestamp()) // 900)
            count = counts.setdefault(slot, [0, 0, 0])
            if before is not None:
                if before.current_a == 0 < now.current_a:
                    count[0] += 0 if by_limit else 1
                    by_limit = False
                elif now.current_a == 0 < before.current_a:
                    by_limit = now.limit is not None
                    count[1] += 0 if by_limit else 1
                count[2] += now.phases != before.phases
            before = now
        for starts, stops, switches in counts.values():
            assert switches <= 1
            assert prompt or (starts <= 1 and stops <= 1), (charger.id, counts)


GARBAGE = (
    MeterReading(at=START),
    MeterReading(at=START, power_kw=999.0),
    MeterReading(at=START, power_kw=-999.0, quarter_kw=-5.0),
    MeterReading(at=START, power_kw=0.0, phases=(Phase(), Phase(), Phase())),
    MeterReading(at=START, power_kw=3.0, phases=(Phase(current_a=-1e6),) * 3, quarter_kw=1e9),
    MeterReading(at=START, power_kw=1.0, device_time=START - timedelta(days=400)),
    MeterReading(at=START, power_kw=1.0, phases=(Phase(power_kw=1.0),)),
)
BLANK = ChargerReading(at=START)
BATTERY_STEPS = st.sampled_from(
    [
        (BatteryMode.SELF_CONSUMPTION, 0.0), (BatteryMode.HOLD, 0.0),
        (BatteryMode.CHARGE, 4.0), (BatteryMode.DISCHARGE, -4.0),
    ]
)  # fmt: skip


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    house=profiles(),
    chargers=CHARGERS,
    seed=st.integers(0, 1000),
    battery=BATTERY_STEPS,
    faults=st.lists(st.tuples(st.integers(5, 400), st.sampled_from(GARBAGE)), max_size=4),
    blanks=st.lists(st.integers(5, 400), max_size=3),
    jumps=st.lists(st.tuples(st.integers(5, 400), st.sampled_from([-3600, -20, 40, 7200]))
                   , max_size=2),
)  # fmt: skip
def test_whatever_devices_and_clocks_say_orders_stay_possible(
    house, chargers, seed, battery, faults, blanks, jumps
):
    rig = random_rig(house, [], chargers, seed)
    mode, power_kw = battery
    step = BatteryStep(
        start=START - timedelta(hours=3), end=START + timedelta(hours=9), mode=mode,
        power_kw=power_kw, soc_after=0.5,
    )  # fmt: skip
    rig.site = replace(
        rig.site,
        grid=replace(rig.site.grid, export_limit_kw=2.0),
        batteries=(BatterySpec(id="b", capacity_kwh=10),),
    )
    rig.batteries = [Storage(id="b", max_kw=4.0)]
    rig.orders = replace(
        rig.orders,
        peak_target_kw=4.0,
        schedule=replace(rig.orders.schedule, batteries={"b": (step,)}),
    )
    for second in range(420):
        for at, reading in faults:
            if at == second:
                rig.meter = replace(reading, at=rig.now)
        for at in blanks:
            if at == second:
                rig.cars[0].reading = replace(BLANK, at=rig.now)
        for at, jump_s in jumps:
            if at == second:
                rig.now += timedelta(seconds=jump_s)
                for car in rig.cars:
                    # Devices go on reporting by the new clock.
                    car.reading, car.pending = None, []
                rig.meter = None
        rig.step()
        orders_are_possible(rig)
        assert max(per_phase_of_cars(rig)) <= 20.0 + 1e-6, "circuit"
        told = rig.setpoints.batteries.get("b")
        assert told is not None
        assert told.power_kw >= 0
        assert told.mode in (BatteryMode.CHARGE, BatteryMode.DISCHARGE) or told.power_kw == 0


def per_phase_of_cars(rig: Rig) -> list[float]:
    drawn = [0.0, 0.0, 0.0]
    for car in rig.cars:
        for line in car.spec.phase_map[: car.active]:
            drawn[line - 1] += car.draw_a
    return drawn
