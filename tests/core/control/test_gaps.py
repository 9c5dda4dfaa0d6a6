"""Peak without a meter, export limits, batteries on one phase, rests after stops, thresholds of the sun."""

from dataclasses import replace
import itertools
from random import Random

import pytest

from custom_components.smart_charging.core.control.phases import battery_use
from custom_components.smart_charging.core.control.types import (
    BatterySpec,
    ChargerOrder,
    ControlSite,
    Mode,
    Orders,
    Override,
    Readings,
)
from custom_components.smart_charging.core.grid import Circuit, Grid, Topology
from custom_components.smart_charging.core.reading import BatteryMode
from custom_components.smart_charging.core.schedule import BatteryStep, Reason

from .rig import START, Car, Rig, Storage, schedule, spec, steps, timedelta

FAST = ChargerOrder(mode=Mode.FAST)


def rig_of(grid: Grid | None = None, *, battery: BatterySpec | None = None) -> Rig:
    site = ControlSite(
        grid=grid or Grid(fuse_a=40.0),
        chargers=(spec(),),
        batteries=() if battery is None else (battery,),
    )
    return Rig(
        site=site,
        cars=[Car(spec=site.chargers[0])],
        batteries=[] if battery is None else [Storage(id=battery.id)],
    )


def starts(rig: Rig) -> list[float]:
    return [at for (_, a), (at, b) in itertools.pairwise(rig.changes()) if a == 0 < b]


def test_the_peak_is_guarded_with_the_house_last_seen_while_the_meter_is_silent():
    rig = rig_of()
    rig.orders = Orders(peak_target_kw=3.0, chargers={"c1": FAST}, house_peak_a=(10.0,))
    rig.house_a = lambda _: (4.0,)
    rig.lost = lambda t: t > 60
    rig.run(120)
    setpoint = rig.setpoints.chargers["c1"]
    assert (setpoint.current_a, setpoint.limit) == (9.0, "peak")
    assert rig.cars[0].kw + 0.92 <= 3.0


def test_a_meter_that_was_never_seen_guards_no_peak():
    rig = rig_of()
    rig.orders = Orders(peak_target_kw=1.0, chargers={"c1": FAST}, house_peak_a=(10.0,))
    rig.lost = lambda _: True
    rig.run(60)
    assert rig.a() == 16


def test_the_last_seconds_of_a_quarter_stop_nothing():
    rig = rig_of()
    rig.orders = Orders(peak_target_kw=3.0, chargers={"c1": FAST})
    rig.run(880)
    rig.house_a = lambda _: (4.0,)
    rig.run(19)
    assert rig.a() >= 6
    assert rig.quarter_kwh * 4 <= 3.0


def test_an_oven_that_cycles_does_not_drive_the_contactor():
    rig = rig_of(Grid(fuse_a=16.0))
    rig.orders = Orders(chargers={"c1": FAST})
    rig.house_a = lambda t: (12.0 if t % 120 < 80 else 1.0,)
    rig.run(3600)
    for quarter in range(4):
        assert len([at for at in starts(rig) if quarter * 900 <= at < quarter * 900 + 900]) <= 3


def test_from_fast_to_off_the_sun_may_start_in_the_same_quarter():
    rig = rig_of()
    rig.house_a = lambda _: (-12.0,)
    rig.ask(c1=FAST)
    rig.run(100)
    rig.ask(c1=ChargerOrder(mode=Mode.OFF))
    rig.run(60)
    rig.ask(c1=ChargerOrder(mode=Mode.SOLAR))
    rig.run(90)
    assert (rig.a(), rig.setpoints.chargers["c1"].reason) == (12, Reason.SUN)


@pytest.mark.parametrize(("limit_kw", "current_a"), [(None, 0), (0.0, 13), (1.0, 9), (2.9, 6)])
def test_a_waiting_car_takes_the_sun_that_may_not_be_exported(limit_kw, current_a):
    rig = rig_of(Grid(fuse_a=40.0, export_limit_kw=limit_kw))
    rig.house_a = lambda _: (-13.2,)
    rig.orders = Orders(schedule=schedule({"c1": steps(0.0, 0.9)}))
    rig.run(200)
    assert rig.a() == current_a
    if current_a:
        assert rig.setpoints.chargers["c1"].reason is Reason.SUN
        rig.house_a = lambda _: (1.0,)
        rig.run(240)
        assert rig.a() == 0


def stored(mode: BatteryMode, power_kw: float) -> dict[str, tuple[BatteryStep, ...]]:
    return {
        "b": (
            BatteryStep(
                start=START, end=START + timedelta(hours=2), mode=mode, power_kw=power_kw,
                soc_after=0.5,
            ),
        )
    }  # fmt: skip


@pytest.mark.parametrize("mode", [BatteryMode.HOLD, BatteryMode.DISCHARGE])
def test_a_battery_stores_what_may_not_be_exported(mode):
    rig = rig_of(
        Grid(fuse_a=40.0, export_limit_kw=1.0), battery=BatterySpec(id="b", capacity_kwh=10)
    )
    rig.ask(c1=ChargerOrder(mode=Mode.OFF))
    rig.orders = replace(rig.orders, schedule=schedule({}, batteries=stored(mode, -2.0)))
    rig.house_a = lambda _: (-15.0,)
    rig.run(30)
    told = rig.setpoints.batteries["b"]
    assert (told.mode, told.reason) == (BatteryMode.CHARGE, Reason.SUN)
    assert -sum(rig.grid_a()) * 0.23 <= 1.0 + 0.1


@pytest.mark.parametrize(("reason", "power_kw"), [(Reason.FEED_HOUSE, 0.9), (Reason.SELL, 3.0)])
def test_a_planned_discharge_sells_only_where_the_plan_says_so(reason, power_kw):
    rig = rig_of(battery=BatterySpec(id="b", capacity_kwh=10))
    rig.ask(c1=ChargerOrder(mode=Mode.OFF))
    (step,) = stored(BatteryMode.DISCHARGE, -3.0)["b"]
    rig.orders = replace(
        rig.orders, schedule=schedule({}, batteries={"b": (replace(step, reason=reason),)})
    )
    rig.house_a = lambda _: (4.0,)
    rig.run(30)
    assert rig.setpoints.batteries["b"].power_kw == pytest.approx(power_kw)


@pytest.mark.parametrize(
    ("topology", "phases", "expected"),
    [
        (Topology.SINGLE_230, (1, 2, 3), (10.0,)),
        (Topology.THREE_400, (2,), (0.0, 10.0, 0.0)),
        (Topology.THREE_400, (1, 2, 3), (10 / 3, 10 / 3, 10 / 3)),
        (Topology.THREE_230, (3,), (10.0, 0.0, 10.0)),
        (Topology.THREE_230, (1, 2, 3), (10 / 3**0.5,) * 3),
        (Topology.THREE_400, (), (10 / 3, 10 / 3, 10 / 3)),
    ],
)
def test_a_battery_loads_the_phases_that_it_feeds(topology, phases, expected):
    use = battery_use(Grid(topology=topology), phases, 2.3)
    assert use.phase_a == pytest.approx(expected)
    assert use.kw == 2.3


def test_a_battery_on_one_phase_is_charged_beside_what_that_phase_carries():
    grid = Grid(topology=Topology.THREE_400, fuse_a=25.0)
    rig = rig_of(grid, battery=BatterySpec(id="b", capacity_kwh=10, phases=(1,)))
    rig.ask(c1=ChargerOrder(mode=Mode.OFF))
    rig.orders = replace(
        rig.orders, schedule=schedule({}, batteries=stored(BatteryMode.CHARGE, 5.0))
    )
    rig.house_a = lambda _: (14.0, 1.0, 1.0)
    rig.run(5)
    assert rig.setpoints.batteries["b"].power_kw <= 11 * 0.23


def test_batteries_keep_the_house_alone_under_the_peak():
    rig = rig_of(battery=BatterySpec(id="b", capacity_kwh=10))
    rig.ask(c1=ChargerOrder(mode=Mode.OFF))
    rig.orders = replace(
        rig.orders, peak_target_kw=2.5, schedule=schedule({}, batteries=stored(BatteryMode.HOLD, 0))
    )
    rig.house_a = lambda t: (20.0 if 100 < t < 700 else 3.0,)
    rig.run(60)
    assert rig.setpoints.batteries["b"].mode is BatteryMode.HOLD
    rig.run(839)
    assert rig.quarter_kwh * 4 <= 2.5
    assert any(s.batteries["b"].reason is Reason.HELP for _, s in rig.log)


@pytest.mark.parametrize("surplus_kw", [0.95, 1.0, 1.38, 1.4, 3.68, 3.77, 4.14, 4.15])
def test_at_the_thresholds_of_the_sun_nothing_flaps_or_is_imported(surplus_kw):
    charger = spec(phases=(1, 3), switching=True)
    site = ControlSite(grid=Grid(topology=Topology.THREE_400, fuse_a=25.0), chargers=(charger,))
    random = Random(3)
    rig = Rig(site=site, cars=[Car(spec=charger, phases=1)])
    rig.house_a = lambda _: (-(surplus_kw + random.uniform(-0.1, 0.1)) / 0.69,) * 3
    rig.ask(c1=ChargerOrder(mode=Mode.SOLAR))
    rig.run(3600)
    phases = [s.chargers["c1"].phases for _, s in rig.log]
    assert sum(a != b for a, b in itertools.pairwise(phases)) <= 6
    assert len(starts(rig)) <= 4
    imported = sum(max(0.0, sum(g)) * 0.23 for g in rig.grid_log) / 3600
    assert imported <= 0.1 * max(rig.cars[0].energy_kwh, 0.2)
    # A person's word gives full power at once, whatever the sun does.
    rig.ask(c1=ChargerOrder(mode=Mode.SOLAR, override=Override(current_a=None, until=None)))
    rig.run(11)
    assert (rig.a(), rig.setpoints.chargers["c1"].reason) == (16, Reason.MANUAL)


class Mute(Rig):
    """Its batteries do not say what they take or give."""

    def readings(self) -> Readings:
        told = super().readings()
        mute = {key: replace(r, power_kw=None) for key, r in told.batteries.items()}
        return replace(told, batteries=mute)


def test_a_battery_that_tells_no_power_neither_adds_to_the_sun_nor_takes_from_it():
    charger = spec()
    site = ControlSite(
        grid=Grid(fuse_a=40.0),
        chargers=(charger,),
        batteries=(BatterySpec(id="b1", capacity_kwh=10.0, controllable=False),),
    )
    for rig in (
        Mute(site=site, cars=[Car(spec=charger)], batteries=[Storage(id="b1", max_kw=0.0)]),
        Rig(site=replace(site, batteries=()), cars=[Car(spec=charger)]),
    ):
        rig.house_a = lambda _: (-10.5,)
        rig.orders = Orders(chargers={"c1": ChargerOrder(mode=Mode.SOLAR)})
        rig.run(180)
        assert rig.a() == 10


@pytest.mark.parametrize(("fuse_a", "both_a"), [(20.5, [10.0, 10.5]), (21.0, [10.0, 11.0])])
def test_the_last_part_of_an_ampere_is_given_where_chargers_take_it(fuse_a, both_a):
    chargers = tuple(spec(f"c{i}", max_a=16.0, step_a=0.1, circuit="g") for i in (1, 2))
    site = ControlSite(
        grid=Grid(fuse_a=63.0),
        circuits=(Circuit(id="g", name="Garage", fuse_a=fuse_a),),
        chargers=chargers,
    )
    rig = Rig(site=site, cars=[Car(spec=c) for c in chargers])
    rig.orders = Orders(chargers={c.id: ChargerOrder(mode=Mode.FAST) for c in chargers})
    rig.run(120)
    assert sorted(rig.a(c.id) for c in chargers) == pytest.approx(both_a)
