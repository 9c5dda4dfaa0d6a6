"""Charging by the sun: never importing, patient, on the right phases."""

import json
from math import sin
from pathlib import Path

import pytest

from custom_components.smart_charging.core.control.types import (
    BatteryOrder,
    BatterySpec,
    ChargerOrder,
    ControlSite,
    Mode,
)
from custom_components.smart_charging.core.grid import Grid, Topology
from custom_components.smart_charging.core.reading import BatteryMode
from custom_components.smart_charging.core.schedule import Reason

from .rig import Car, Rig, Storage, spec

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "fixtures/control/surplus_rule_golden.json").read_text()
)["cases"]

GRID3 = Grid(topology=Topology.THREE_400, fuse_a=25.0)


def sun_rig(surplus_kw: float, *, mode: Mode = Mode.SOLAR, **figures: object) -> Rig:
    """Return a three-phase house with this constant surplus and a charger that can switch."""
    charger = spec(**{"phases": (1, 3), "switching": True, **figures})
    site = ControlSite(grid=GRID3, chargers=(charger,))
    rig = Rig(site=site, cars=[Car(spec=charger, phases=1)])
    rig.house_a = lambda _: (-surplus_kw / 0.69,) * 3
    rig.ask(c1=ChargerOrder(mode=mode))
    return rig


@pytest.mark.parametrize("case", GOLDEN, ids=lambda c: f"{c['target_kw']}kW")
def test_sun_decides_as_the_rule_of_thumb_where_that_does_not_import(case):
    surplus = case["target_kw"]
    rig = sun_rig(surplus)
    rig.run(300)
    setpoint = rig.setpoints.chargers["c1"]
    per_a = 0.23 if setpoint.phases == 1 else 0.69
    assert setpoint.current_a * per_a <= surplus + 1e-6 or setpoint.current_a == 0
    one_phase = min(16, int(surplus / 0.23 + 1e-9))
    three_phase = min(16, int(surplus / 0.69 + 1e-9))
    if case["frc"] == 1 or one_phase < 6:
        # The rule starts at 1 kW although 6 A need 1.38 kW: that imports, so we wait.
        assert setpoint.current_a == 0
        assert setpoint.reason is Reason.WAITING
    elif three_phase < 6:
        # From 3.77 kW the rule takes three phases although 6 A need 4.14 kW.
        assert (setpoint.phases, setpoint.current_a) == (1, one_phase)
    else:
        assert (setpoint.phases, setpoint.current_a) == (3, three_phase)
    ruled_kw = case.get("amp", 0) * (0.23 if case.get("psm") == 1 else 0.69)
    if case["frc"] == 0 and ruled_kw <= surplus:
        phases = 1 if case["psm"] == 1 else 3
        assert (setpoint.phases, setpoint.current_a) == (phases, case["amp"])


def test_a_start_waits_for_a_minute_of_sun():
    rig = sun_rig(2.0)
    rig.run(55)
    assert rig.a() == 0
    rig.run(10)
    assert rig.a() == 8
    assert rig.setpoints.chargers["c1"].reason is Reason.SUN


def test_a_cloud_of_two_minutes_does_not_stop_the_charge():
    rig = sun_rig(2.0)
    rig.run(100)
    rig.house_a = lambda _: (0.5,) * 3
    rig.run(120)
    assert rig.a() == 6
    rig.house_a = lambda _: (-2.0 / 0.69,) * 3
    rig.run(60)
    assert rig.a() == 8


def test_a_longer_shortage_stops_after_three_minutes():
    rig = sun_rig(2.0)
    rig.run(100)
    rig.house_a = lambda _: (0.5,) * 3
    rig.run(175)
    assert rig.a() == 6
    rig.run(15)
    assert rig.a() == 0


def test_a_stop_and_a_start_in_the_same_quarter_are_not_repeated():
    rig = sun_rig(2.0)
    rig.house_a = lambda t: (-2.0 / 0.69 if (t // 200) % 2 == 0 else 1.0,) * 3
    rig.run(3600)
    for quarter in range(4):
        inside = [a for at, a in rig.changes() if quarter * 900 < at < quarter * 900 + 900]
        assert sum(a == 0 for a in inside) <= 2


def test_wandering_sun_is_never_topped_up_from_the_grid():
    rig = sun_rig(0)
    rig.house_a = lambda t: ((-5.0 - 3 * sin(t / 400)) / 3 / 0.23,) * 3
    rig.run(120)
    before = len(rig.grid_log)
    rig.run(1800)
    imported = sum(max(0.0, sum(g)) * 0.23 for g in rig.grid_log[before:]) / 3600
    charged = rig.cars[0].energy_kwh
    assert imported < 0.01 * charged
    assert charged > 0.85 * sum(min(11, 5.0 + 3 * sin(t / 400)) for t in range(120, 1920)) / 3600


def test_more_sun_switches_to_three_phases_after_two_minutes():
    rig = sun_rig(3.0)
    rig.run(700)
    rig.house_a = lambda _: (-6.0 / 0.69,) * 3
    rig.run(100)
    assert (rig.setpoints.chargers["c1"].phases, rig.a()) == (1, 16)
    rig.run(60)
    assert (rig.setpoints.chargers["c1"].phases, rig.a()) == (3, 8)


def test_phases_stay_for_ten_minutes_after_a_switch():
    rig = sun_rig(3.0)
    rig.run(100)
    rig.house_a = lambda _: (-6.0 / 0.69,) * 3
    rig.run(200)
    assert rig.setpoints.chargers["c1"].phases == 3
    switched = rig.now
    rig.house_a = lambda _: (-2.5 / 0.69,) * 3
    while rig.setpoints.chargers["c1"].phases == 3 and (rig.now - switched).seconds < 1200:
        rig.step()
    assert 580 <= (rig.now - switched).total_seconds() <= 1000
    rig.run(900)
    assert (rig.setpoints.chargers["c1"].phases, rig.a()) == (1, 10)


def test_between_the_most_of_one_phase_and_the_least_of_three_nothing_is_imported():
    rig = sun_rig(3.9)
    rig.run(1200)
    assert (rig.setpoints.chargers["c1"].phases, rig.a()) == (1, 16)


def test_a_charger_that_may_not_switch_while_charging_keeps_its_phases():
    rig = sun_rig(3.0, switching=False)
    rig.run(100)
    rig.house_a = lambda _: (-9.0 / 0.69,) * 3
    rig.run(600)
    assert (rig.setpoints.chargers["c1"].phases, rig.a()) == (1, 16)


def test_minimum_and_solar_runs_without_sun_and_rises_with_it():
    rig = sun_rig(-0.5, mode=Mode.MINIMUM_SOLAR)
    rig.run(300)
    assert (rig.setpoints.chargers["c1"].phases, rig.a()) == (1, 6)
    rig.house_a = lambda _: (-3.0 / 0.69,) * 3
    rig.run(60)
    assert rig.a() == 13
    assert rig.setpoints.chargers["c1"].reason is Reason.SUN


def with_battery(rig: Rig, *, cars_first: bool = True, power_kw: float, mode: BatteryMode) -> Rig:
    site = ControlSite(
        grid=rig.site.grid,
        chargers=rig.site.chargers,
        batteries=(BatterySpec(id="b", capacity_kwh=10, controllable=False),),
        cars_before_battery=cars_first,
    )
    rig.site = site
    rig.batteries = [Storage(id="b", mode=mode, ordered_kw=abs(power_kw), power_kw=power_kw)]
    return rig


def test_what_the_sun_puts_into_a_battery_is_surplus_when_cars_go_first():
    rig = with_battery(sun_rig(3.0), power_kw=3.0, mode=BatteryMode.SELF_CONSUMPTION)
    rig.run(200)
    assert rig.a() == 13


def test_what_the_sun_puts_into_a_battery_is_no_surplus_when_the_battery_goes_first():
    rig = with_battery(
        sun_rig(3.0), cars_first=False, power_kw=3.0, mode=BatteryMode.SELF_CONSUMPTION
    )
    rig.run(200)
    assert rig.a() == 0


def test_battery_discharge_is_never_surplus():
    # The house takes 1 kW, the battery gives 4 kW: 3 kW are exported, none of it sun.
    rig = with_battery(sun_rig(-1.0), power_kw=-4.0, mode=BatteryMode.DISCHARGE)
    rig.run(300)
    assert rig.a() == 0


def test_a_battery_that_we_told_to_charge_keeps_its_energy():
    rig = with_battery(sun_rig(3.0), power_kw=3.0, mode=BatteryMode.CHARGE)
    rig.site = ControlSite(
        grid=rig.site.grid,
        chargers=rig.site.chargers,
        batteries=(BatterySpec(id="b", capacity_kwh=10),),
    )
    rig.orders = type(rig.orders)(
        chargers=rig.orders.chargers,
        batteries={"b": BatteryOrder(mode=BatteryMode.CHARGE, power_kw=3.0)},
    )
    rig.run(200)
    assert rig.a() == 0


def test_two_cars_share_the_sun_and_one_waits_when_it_is_too_little_for_both():
    chargers = (spec("c1"), spec("c2"))
    site = ControlSite(grid=Grid(fuse_a=40.0), chargers=chargers)
    rig = Rig(site=site, cars=[Car(spec=c) for c in chargers])
    for c in chargers:
        rig.ask(**{c.id: ChargerOrder(mode=Mode.SOLAR)})
    rig.house_a = lambda _: (-4.7 / 0.23,)
    rig.run(120)
    assert (rig.a("c1"), rig.a("c2")) == (10, 10)
    rig.house_a = lambda _: (-2.0 / 0.23,)
    rig.run(300)
    assert sorted((rig.a("c1"), rig.a("c2"))) == [0, 8]


def test_too_little_sun_for_two_goes_to_each_in_turn():
    chargers = (spec("c1"), spec("c2"))
    site = ControlSite(grid=Grid(fuse_a=40.0), chargers=chargers)
    rig = Rig(site=site, cars=[Car(spec=c) for c in chargers], house_a=lambda _: (-2.0 / 0.23,))
    for c in chargers:
        rig.ask(**{c.id: ChargerOrder(mode=Mode.SOLAR)})
    rig.run(3 * 3600)
    one, other = (car.energy_kwh for car in rig.cars)
    assert one + other > 3.5
    assert 0.5 < one / other < 2
