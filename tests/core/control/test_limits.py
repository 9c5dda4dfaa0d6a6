"""Fuse, circuits, contract and outside limits, and how chargers share what they leave."""

from random import Random

import pytest

from custom_components.smart_charging.core.control.types import (
    ChargerOrder,
    ControlSite,
    Mode,
    Orders,
)
from custom_components.smart_charging.core.grid import Circuit, Grid, Topology
from custom_components.smart_charging.core.schedule import Reason

from .rig import Car, Rig, schedule, spec, steps

GRID3 = Grid(topology=Topology.THREE_400, fuse_a=25.0)


def rig_of(site: ControlSite, **orders: ChargerOrder) -> Rig:
    rig = Rig(
        site=site,
        cars=[Car(spec=c, phases=max(c.phases)) for c in site.chargers],
        orders=Orders(chargers=orders),
    )
    count = site.grid.topology.phases
    rig.house_a = lambda _: (2.0,) * count
    return rig


FAST = ChargerOrder(mode=Mode.FAST)


def test_the_most_loaded_phase_sets_the_current_and_is_named():
    site = ControlSite(grid=GRID3, chargers=(spec(phases=(3,)),))
    rig = rig_of(site, c1=FAST)
    rig.house_a = lambda _: (2.0, 14.4, 5.0)
    rig.run(60)
    setpoint = rig.setpoints.chargers["c1"]
    assert (setpoint.current_a, setpoint.limit) == (10.0, "fuse L2")


def test_the_phase_map_tells_which_phase_counts():
    site = ControlSite(grid=GRID3, chargers=(spec(phase_map=(3, 1, 2)),))
    rig = rig_of(site, c1=FAST)
    rig.house_a = lambda _: (2.0, 24.0, 12.0)
    rig.run(60)
    setpoint = rig.setpoints.chargers["c1"]
    assert (setpoint.current_a, setpoint.limit) == (13.0, "fuse L3")


def test_an_overload_is_answered_at_once_and_urgently():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec(),))
    rig = rig_of(site, c1=FAST)
    rig.run(60)
    rig.house_a = lambda _: (14.0,)
    rig.step()
    setpoint = rig.setpoints.chargers["c1"]
    assert (setpoint.current_a, setpoint.urgent, setpoint.limit) == (11.0, True, "fuse")


def test_below_the_minimum_a_limit_pauses_and_says_so():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec(),))
    rig = rig_of(site, c1=FAST)
    rig.run(60)
    rig.house_a = lambda _: (20.0,)
    rig.run(5)
    setpoint = rig.setpoints.chargers["c1"]
    assert (setpoint.current_a, setpoint.reason) == (0.0, Reason.LIMIT)
    rig.house_a = lambda _: (2.0,)
    rig.run(30)
    assert rig.a() == 0
    rig.run(60)
    assert rig.a() == 16


def test_a_rise_waits_until_the_house_was_low_for_a_while():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec(),))
    rig = rig_of(site, c1=FAST)
    rig.house_a = lambda t: (17.0 if t % 12 < 6 else 4.0,)
    rig.run(300)
    assert len([c for c in rig.changes() if c[0] > 60]) == 0
    assert rig.a() == 8


def test_an_unknown_split_is_assumed_at_its_worst_and_said():
    site = ControlSite(grid=GRID3, chargers=(spec(phases=(3,)),))
    rig = rig_of(site, c1=FAST)
    rig.per_phase = False
    rig.house_a = lambda _: (5.0, 5.0, 5.0)
    rig.run(60)
    setpoint = rig.setpoints.chargers["c1"]
    assert rig.setpoints.assumed_split
    assert (setpoint.current_a, setpoint.limit) == (10.0, "fuse")


@pytest.mark.parametrize(
    ("grid", "outside", "label"),
    [
        (Grid(fuse_a=40.0, import_limit_kw=3.0), None, "contract"),
        (Grid(fuse_a=40.0), 3.0, "outside limit"),
    ],
)
def test_power_limits_hold_the_site_with_its_house(grid, outside, label):
    site = ControlSite(grid=grid, chargers=(spec(),))
    rig = rig_of(site, c1=FAST)
    rig.orders = Orders(chargers={"c1": FAST}, outside_limit_kw=outside)
    rig.run(60)
    setpoint = rig.setpoints.chargers["c1"]
    assert (setpoint.current_a, setpoint.limit) == (11.0, label)


def test_a_priced_breach_serves_the_plan_only():
    grid = Grid(fuse_a=40.0, import_limit_kw=2.3, breach_kw=1.15, breach_price=0.5)
    site = ControlSite(grid=grid, chargers=(spec(),))
    rig = rig_of(site, c1=FAST)
    rig.run(60)
    assert rig.a() == 8
    rig.orders = Orders(schedule=schedule({"c1": steps(0.9)}))
    rig.run(60)
    assert rig.a() == 13


def test_chargers_share_their_circuit_equally():
    site = ControlSite(
        grid=Grid(fuse_a=63.0),
        circuits=(Circuit(id="g", name="Garage", fuse_a=20.0),),
        chargers=(spec("c1", circuit="g"), spec("c2", circuit="g"), spec("c3")),
    )
    rig = rig_of(site, c1=FAST, c2=FAST, c3=FAST)
    rig.run(90)
    assert [rig.a(c) for c in ("c1", "c2", "c3")] == [10, 10, 16]
    assert rig.setpoints.chargers["c1"].limit == "circuit Garage"


def test_a_released_charger_on_a_circuit_keeps_what_it_draws():
    site = ControlSite(
        grid=Grid(fuse_a=63.0),
        circuits=(Circuit(id="g", name="Garage", fuse_a=20.0, chargers=("c1", "c2")),),
        chargers=(spec("c1"), spec("c2")),
    )
    rig = rig_of(site, c1=ChargerOrder(smart=False), c2=FAST)
    rig.cars[0].limit_a = 10.0
    rig.run(90)
    assert rig.a("c2") == 10


def test_what_a_car_leaves_unused_goes_to_the_other_within_two_readings():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec("c1"), spec("c2")))
    rig = rig_of(site, c1=FAST, c2=FAST)
    rig.house_a = lambda _: (1.0,)
    rig.run(60)
    assert (rig.a("c1"), rig.a("c2")) == (12, 12)
    rig.cars[0].wants_a = 7.0
    rig.run(4)
    assert rig.a("c1") <= 9
    rig.run(30)
    assert rig.a("c2") >= 15
    rig.cars[0].wants_a = 32.0
    rig.run(120)
    assert (rig.a("c1"), rig.a("c2")) == (12, 12)


def test_the_goal_with_the_least_laxity_is_served_first():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec("c1"), spec("c2")))
    rig = rig_of(site)
    rig.orders = Orders(
        schedule=schedule({"c1": steps(0.9, 0.9), "c2": steps(0.9, 0.9)}),
        chargers={"c1": ChargerOrder(laxity_h=6.0), "c2": ChargerOrder(laxity_h=2.0)},
    )
    rig.run(120)
    assert (rig.a("c1"), rig.a("c2")) == (7, 16)


def test_a_minimum_soc_takes_from_those_with_a_goal():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec("c1"), spec("c2")))
    rig = rig_of(site, c1=FAST)
    rig.orders = Orders(
        schedule=schedule({"c1": steps(0.9), "c2": steps(0.9)}),
        chargers={"c1": ChargerOrder(laxity_h=2.0), "c2": ChargerOrder(below_minimum=True)},
    )
    rig.run(120)
    assert (rig.a("c1"), rig.a("c2")) == (7, 16)


def test_three_cars_that_cannot_all_have_the_minimum_take_turns():
    site = ControlSite(grid=Grid(fuse_a=16.0), chargers=(spec("c1"), spec("c2"), spec("c3")))
    rig = rig_of(site, c1=FAST, c2=FAST, c3=FAST)
    rig.run(3 * 3600)
    energies = [car.energy_kwh for car in rig.cars]
    assert min(energies) > 0.5 * max(energies)
    assert sum(energies) > 0.85 * 14 * 0.23 * 3


def test_an_idle_car_does_not_keep_others_from_charging():
    site = ControlSite(grid=Grid(fuse_a=12.0), chargers=(spec("c1"), spec("c2")))
    rig = rig_of(site, c1=FAST, c2=FAST)
    rig.cars[0].wants_a = 0.0
    rig.run(1800)
    assert rig.cars[1].energy_kwh > 0.7 * 10 * 0.23 * 0.5


def test_a_rise_of_one_waits_for_the_fall_of_another():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec("c1"), spec("c2")))
    rig = rig_of(site, c1=FAST)
    rig.ask(c2=ChargerOrder(mode=Mode.OFF))
    rig.delay_s = (9.0, 10.0)
    rig.run(60)
    rig.ask(c2=FAST)
    rig.run(120)
    assert (rig.a("c1"), rig.a("c2")) in ((11, 11), (12, 11), (11, 12))
    assert max(max(g) for g in rig.grid_log) <= 25.0


def test_a_silent_charger_counts_at_its_last_limit():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec("c1"), spec("c2")))
    rig = rig_of(site, c1=FAST)
    rig.ask(c2=ChargerOrder(mode=Mode.OFF))
    rig.run(60)
    rig.cars[0].silent = True
    rig.run(60)
    rig.ask(c2=FAST)
    rig.run(200)
    assert rig.a("c2") + rig.a("c1") + 2 <= 25
    assert max(max(g) for g in rig.grid_log) <= 25.0


@pytest.mark.parametrize("report_s", [1.0, 5.0, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_car_that_starts_late_is_not_taken_for_an_overload(report_s, seed):
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec(),))
    rig = rig_of(site, c1=FAST)
    rig.random, rig.delay_s = Random(seed), (3.0, 10.0)
    rig.cars[0].report_s = report_s
    rig.house_a = lambda _: (6.0,)
    rig.cars[0].wants_a = 0.0
    rig.run(61 + seed * 3)
    rig.cars[0].wants_a = 16.0
    rig.run(120)
    assert [a for at, a in rig.changes() if at > 20] == []
    assert rig.cars[0].draw_a == 16.0


def test_a_start_that_was_taken_back_still_counts_until_it_cannot_come_any_more():
    site = ControlSite(
        grid=Grid(topology=Topology.THREE_400, fuse_a=25.0),
        circuits=(Circuit(id="g", name="Garage", fuse_a=20.0, chargers=("c1", "c2")),),
        chargers=(spec("c1", phases=(3,)), spec("c2", phase_map=(3, 1, 2))),
    )
    rig = rig_of(site, c2=FAST)
    rig.ask(c1=ChargerOrder(below_minimum=True))
    rig.cars[0].delay_s, rig.cars[1].delay_s = 10.0, 3.0
    # A load on L1 makes way for the other car while the first is about to start.
    rig.house_a = lambda t: (22.0 if t >= 3 else 2.0, 2.0, 2.0)
    drawn = []
    for _ in range(90):
        rig.step()
        drawn.append(sum(car.draw_a for car in rig.cars))
    assert max(drawn) <= 20.0
    assert rig.a("c2") == 16
