"""Modes, overrides and what a person sees of them."""

from dataclasses import replace
from datetime import timedelta
import itertools

import pytest

from custom_components.smart_charging.core.control.types import (
    ChargerOrder,
    ControlSite,
    Mode,
    Orders,
    Override,
)
from custom_components.smart_charging.core.grid import Grid, Topology
from custom_components.smart_charging.core.reading import ChargerStatus
from custom_components.smart_charging.core.schedule import Reason

from .rig import START, Car, Rig, schedule, spec, steps


def rig_of(order: ChargerOrder, *, limit_a: float = 0.0, **figures: object) -> Rig:
    charger = spec(**figures)
    site = ControlSite(grid=Grid(fuse_a=40.0), chargers=(charger,))
    rig = Rig(site=site, cars=[Car(spec=charger, limit_a=limit_a)])
    rig.orders = Orders(schedule=schedule({"c1": steps(0.5, 0.5)}), chargers={"c1": order})
    return rig


NOW = Override(current_a=None, until=None)
PAUSE = Override(current_a=0.0, until=None)


@pytest.mark.parametrize(
    ("order", "current", "reason"),
    [
        (ChargerOrder(mode=Mode.OFF), 0, Reason.OFF),
        (ChargerOrder(mode=Mode.FAST), 16, Reason.MANUAL),
        (ChargerOrder(mode=Mode.FAST, vehicle_max_a=13.0), 13, Reason.MANUAL),
        (ChargerOrder(mode=Mode.FAST, vehicle_full=True), 0, Reason.REACHED),
        (ChargerOrder(mode=Mode.SMART), 9, Reason.CHEAP),
        (ChargerOrder(mode=Mode.SMART, below_minimum=True), 16, Reason.MINIMUM_SOC),
        (ChargerOrder(mode=Mode.SOLAR, below_minimum=True), 16, Reason.MINIMUM_SOC),
        (ChargerOrder(mode=Mode.OFF, below_minimum=True), 0, Reason.OFF),
        (ChargerOrder(mode=Mode.SOLAR), 0, Reason.WAITING),
        (ChargerOrder(mode=Mode.SMART, override=NOW), 16, Reason.MANUAL),
        (ChargerOrder(mode=Mode.OFF, override=NOW), 16, Reason.MANUAL),
        (ChargerOrder(mode=Mode.FAST, override=PAUSE), 0, Reason.MANUAL),
        (ChargerOrder(below_minimum=True, override=PAUSE), 0, Reason.MANUAL),
        (ChargerOrder(override=Override(current_a=11.0, until=None)), 11, Reason.MANUAL),
        (ChargerOrder(override=Override(current_a=3.0, until=None)), 6, Reason.MANUAL),
    ],
)
def test_a_mode_gives_its_current_and_reason(order, current, reason):
    rig = rig_of(order)
    rig.run(60)
    setpoint = rig.setpoints.chargers["c1"]
    assert (setpoint.current_a, setpoint.reason, setpoint.limit) == (current, reason, None)


def test_an_override_ends_at_its_time():
    until = START + timedelta(minutes=5)
    rig = rig_of(ChargerOrder(mode=Mode.OFF, override=Override(current_a=None, until=until)))
    rig.run(295)
    assert rig.a() == 16
    rig.run(10)
    assert rig.a() == 0


def test_a_charger_that_is_not_smart_is_released():
    rig = rig_of(ChargerOrder(smart=False), limit_a=14.0)
    rig.run(30)
    setpoint = rig.setpoints.chargers["c1"]
    assert setpoint.release
    assert setpoint.reason is Reason.RELEASED
    assert rig.cars[0].limit_a == 14.0


def test_a_charger_that_never_reported_gets_no_order():
    rig = rig_of(ChargerOrder(mode=Mode.FAST))
    rig.cars[0].silent = True
    rig.run(30)
    assert rig.setpoints.chargers == {}


@pytest.mark.parametrize("tells_limit", [True, False])
def test_a_charge_that_runs_when_control_starts_is_taken_over_without_a_break(tells_limit):
    rig = rig_of(ChargerOrder(mode=Mode.FAST), limit_a=16.0)
    rig.cars[0].tells_limit = tells_limit
    rig.cars[0].draw_a = 16.0
    rig.run(60)
    assert {s.chargers["c1"].current_a for _, s in rig.log} == {16.0}


def test_a_car_that_ended_the_charge_itself_is_neither_paused_nor_started_again():
    rig = rig_of(ChargerOrder(mode=Mode.FAST))
    rig.run(60)
    rig.cars[0].status = ChargerStatus.COMPLETE
    rig.cars[0].wants_a = 0.0
    rig.run(600)
    setpoint = rig.setpoints.chargers["c1"]
    assert (setpoint.current_a, setpoint.reason) == (16.0, Reason.REACHED)


def test_a_load_that_wobbles_within_a_step_changes_no_order():
    rig = rig_of(ChargerOrder(mode=Mode.FAST), max_a=32.0)
    rig.site = ControlSite(grid=Grid(fuse_a=25.0), chargers=rig.site.chargers)
    rig.house_a = lambda t: (8.0 if int(t) % 2 else 8.9,)
    rig.run(300)
    assert [a for at, a in rig.changes() if at > 30] in ([], [16.0])


def test_orders_that_no_limit_forces_keep_the_write_interval():
    rig = rig_of(ChargerOrder(mode=Mode.MINIMUM_SOLAR), write_interval_s=30.0)
    rig.house_a = lambda t: (-8.0 - 4 * ((t // 7) % 2),)
    rig.run(600)
    times = [at for at, _ in rig.changes()]
    assert all(b - a >= 30 for a, b in itertools.pairwise(times[1:]))


def test_phases_that_a_person_forces_are_counted_before_the_charger_shows_them():
    charger = spec(phases=(1, 3), switching=True)
    grid = Grid(topology=Topology.THREE_400, fuse_a=25.0)
    site = ControlSite(grid=grid, chargers=(charger,))
    rig = Rig(site=site, cars=[Car(spec=charger)], house_a=lambda _: (2.0, 2.0, 15.0))
    rig.ask(c1=ChargerOrder(override=Override(current_a=16.0, until=None), vehicle_max_phases=3))
    rig.site = replace(site, chargers=(replace(charger, phases=(1,)),))
    rig.run(60)
    assert rig.a() == 16
    rig.site = replace(site, chargers=(replace(charger, phases=(3,)),))
    rig.step()
    setpoint = rig.setpoints.chargers["c1"]
    assert (setpoint.current_a, setpoint.limit, setpoint.urgent) == (10.0, "fuse L3", True)
