"""A silent or slow meter."""

from datetime import timedelta

import pytest

from custom_components.smart_charging.core.control import ControlState, control, stale_after_s
from custom_components.smart_charging.core.control.stale import learn_interval_s
from custom_components.smart_charging.core.control.types import (
    ChargerOrder,
    ControlSite,
    MeterGrade,
    Mode,
    Orders,
    Readings,
)
from custom_components.smart_charging.core.grid import Grid, Topology
from custom_components.smart_charging.core.reading import MeterReading
from custom_components.smart_charging.core.schedule import Reason

from .rig import START, Car, Rig, spec


@pytest.mark.parametrize(("interval", "limit"), [(1.0, 10.0), (4.0, 10.0), (10.0, 25.0)])
def test_stale_is_two_and_a_half_intervals_but_never_under_ten_seconds(interval, limit):
    assert stale_after_s(interval) == limit


def test_a_slower_meter_is_believed_but_one_pause_is_not():
    mean = learn_interval_s(1.0, 100.0)
    assert mean < 1.5
    for _ in range(40):
        mean = learn_interval_s(mean, 10.0)
    assert mean == pytest.approx(10.0, abs=0.5)


def fast_rig(**orders: object) -> Rig:
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec(),))
    rig = Rig(site=site, cars=[Car(spec=site.chargers[0])])
    rig.orders = Orders(chargers={"c1": ChargerOrder(mode=Mode.FAST)}, **orders)  # type: ignore[arg-type]
    return rig


@pytest.mark.parametrize(
    ("peaks", "current"), [((14.2,), 10.0), ((5.0,), 16.0), ((20.0,), 0.0), ((), 0.0)]
)
def test_a_silent_meter_leaves_the_proven_safe_current(peaks, current):
    rig = fast_rig(house_peak_a=peaks)
    rig.run(60)
    assert rig.a() == 16
    rig.lost = lambda _: True
    rig.run(10)
    assert rig.a() == 16
    rig.run(2)
    setpoint = rig.setpoints.chargers["c1"]
    assert (setpoint.current_a, setpoint.reason) == (current, Reason.STALE)
    assert setpoint.urgent is (current < 16)
    assert setpoint.limit == (None if current == 16 else "stale meter")


def test_a_meter_that_comes_back_is_trusted_again():
    rig = fast_rig(house_peak_a=(14.0,))
    rig.lost = lambda t: 60 < t < 120
    rig.run(119)
    assert rig.a() == 11
    rig.run(40)
    assert (rig.a(), rig.setpoints.chargers["c1"].reason) == (16, Reason.MANUAL)


def test_no_meter_at_all_is_a_silent_meter():
    rig = fast_rig(house_peak_a=(10.0,))
    rig.lost = lambda _: True
    rig.run(30)
    assert (rig.a(), rig.setpoints.chargers["c1"].reason) == (15, Reason.STALE)


def test_a_reading_without_power_is_no_sight():
    rig = fast_rig()
    rig.run(30)
    readings = Readings(meter=MeterReading(at=rig.now), chargers={"c1": rig.cars[0].reading})
    setpoints, _ = control(rig.site, rig.orders, rig.state, readings, rig.now)
    assert setpoints.chargers["c1"].reason is Reason.STALE
    assert setpoints.chargers["c1"].current_a == 0


def test_ten_second_meters_are_not_stale_between_their_readings():
    rig = fast_rig()
    rig.meter_s = 9.0
    rig.run(300)
    reasons = {s.chargers["c1"].reason for at, s in rig.log if at > START + timedelta(seconds=60)}
    assert reasons == {Reason.MANUAL}


def slow_setpoints(site: ControlSite, mode: Mode = Mode.FAST, **orders: object) -> dict:
    rig = Rig(site=site, cars=[Car(spec=c) for c in site.chargers])
    rig.house_a = lambda _: (-20.0,) * site.grid.topology.phases
    rig.orders = Orders(chargers={c.id: ChargerOrder(mode=mode) for c in site.chargers}, **orders)  # type: ignore[arg-type]
    rig.run(1)
    state = ControlState.initial()
    for second in range(60):
        readings = Readings(
            meter=rig.meter,
            grade=MeterGrade.SLOW,
            chargers={c.spec.id: c.reading for c in rig.cars},
        )
        setpoints, state = control(
            site, rig.orders, state, readings, rig.now + timedelta(seconds=second)
        )
    return dict(setpoints.chargers)


def test_a_slow_meter_leaves_the_current_that_the_user_allows_to_all_together():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec("c1"), spec("c2")), slow_meter_a=14.0)
    setpoints = slow_setpoints(site)
    assert [s.current_a for s in setpoints.values()] == [7.0, 7.0]
    assert {s.reason for s in setpoints.values()} == {Reason.STALE}
    assert {s.limit for s in setpoints.values()} == {"slow meter"}


def test_a_slow_meter_without_an_allowance_charges_nothing():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec(),))
    assert slow_setpoints(site)["c1"].current_a == 0


def test_sun_is_not_followed_by_a_slow_meter():
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec(),), slow_meter_a=16.0)
    assert slow_setpoints(site, Mode.SOLAR)["c1"].current_a == 0
    assert slow_setpoints(site, Mode.MINIMUM_SOLAR)["c1"].current_a == 6


def test_an_outside_limit_holds_with_a_silent_meter_by_the_highest_house_known():
    rig = fast_rig(house_peak_a=(5.0,), outside_limit_kw=3.0)
    rig.lost = lambda _: True
    rig.run(30)
    setpoint = rig.setpoints.chargers["c1"]
    assert (setpoint.current_a, setpoint.limit) == (8.0, "outside limit")


def test_each_phase_is_proven_by_itself():
    site = ControlSite(
        grid=Grid(topology=Topology.THREE_400, fuse_a=25.0),
        chargers=(spec("c1", phase_map=(2, 3, 1)), spec("c2", phases=(3,))),
    )
    rig = Rig(
        site=site,
        cars=[Car(spec=site.chargers[0]), Car(spec=site.chargers[1], phases=3)],
        house_a=lambda _: (2.0, 2.0, 2.0),
    )
    rig.orders = Orders(
        chargers={c: ChargerOrder(mode=Mode.FAST) for c in ("c1", "c2")},
        house_peak_a=(8.0, 12.4, 10.0),
    )
    rig.lost = lambda t: t > 60
    rig.run(90)
    assert rig.a("c1") + rig.a("c2") <= 12
    assert min(rig.a("c1"), rig.a("c2")) == 6
