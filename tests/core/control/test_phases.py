"""Which conductors carry what, and the house that is left."""

import pytest

from custom_components.smart_charging.core.control import house_currents_a, proven_safe_a
from custom_components.smart_charging.core.control.phases import lines, worst_split_a
from custom_components.smart_charging.core.control.types import ControlSite, Readings
from custom_components.smart_charging.core.grid import Circuit, Grid, Topology
from custom_components.smart_charging.core.reading import (
    ChargerReading,
    ChargerStatus,
    MeterReading,
    Phase,
)

from .rig import START, spec

GRID3 = Grid(topology=Topology.THREE_400, fuse_a=25.0)
ARON = Grid(topology=Topology.THREE_230, fuse_a=25.0)


def meter(*phases: tuple[float | None, float | None], kw: float | None = None) -> MeterReading:
    return MeterReading(
        at=START,
        power_kw=kw,
        phases=tuple(Phase(power_kw=p, current_a=a, voltage_v=230.0) for p, a in phases),
    )


def charging(*amperes: float, phases: int) -> ChargerReading:
    return ChargerReading(
        at=START, status=ChargerStatus.CHARGING, currents_a=amperes, phases=phases, limit_a=16.0
    )


@pytest.mark.parametrize(
    ("grid", "phase_map", "active", "expected"),
    [
        (Grid(), (1, 2, 3), 1, (0,)),
        (Grid(), (1, 2, 3), 3, (0,)),
        (GRID3, (1, 2, 3), 1, (0,)),
        (GRID3, (2, 3, 1), 1, (1,)),
        (GRID3, (3, 1, 2), 3, (2, 0, 1)),
        (GRID3, (2,), 3, (1, 0, 2)),
        (ARON, (1, 2, 3), 1, (0, 1)),
        (ARON, (2, 3, 1), 3, (1, 2, 0)),
    ],
)
def test_a_charger_loads_the_lines_of_its_phase_map(grid, phase_map, active, expected):
    assert lines(grid, spec(phase_map=phase_map), active) == expected


def test_house_currents_are_the_meters_less_the_chargers_on_their_own_phases():
    site = ControlSite(
        grid=GRID3,
        chargers=(spec("a", phase_map=(2, 3, 1)), spec("b", phases=(3,))),
    )
    readings = Readings(
        meter=meter((2.3, 10.0), (6.9, 30.0), (-1.15, 5.0)),
        chargers={"a": charging(16.0, phases=1), "b": charging(6.0, 6.0, 6.0, phases=3)},
    )
    assert house_currents_a(site, readings) == pytest.approx((4.0, 8.0, -11.0))


def test_a_current_without_direction_takes_the_sign_of_the_power():
    site = ControlSite(grid=Grid(fuse_a=25.0))
    assert house_currents_a(site, Readings(meter=meter((None, 8.0), kw=-1.84))) == (-8.0,)
    assert house_currents_a(site, Readings(meter=meter((1.84, 8.0), kw=1.84))) == (8.0,)


@pytest.mark.parametrize(("kw", "third"), [(2.3, 5.0), (-0.7, -5.0)])
def test_a_current_with_a_sign_keeps_it_and_others_take_that_of_the_sum(kw, third):
    site = ControlSite(grid=GRID3)
    phases = meter((None, -8.0), (1.15, 5.0), (None, 5.0), kw=kw)
    assert house_currents_a(site, Readings(meter=phases)) == (-8.0, 5.0, third)


def test_a_phase_that_gives_only_its_power_has_the_current_of_it():
    site = ControlSite(grid=GRID3)
    phases = ((2.3, None), (-1.15, None), (0.0, 0.0))
    assert house_currents_a(site, Readings(meter=meter(*phases))) == pytest.approx((10, -5, 0))


def test_a_phase_that_says_nothing_makes_the_split_assumed():
    site = ControlSite(grid=GRID3)
    readings = Readings(meter=meter((2.3, 10.0), (None, None), (0.0, 0.0), kw=2.3))
    assert house_currents_a(site, readings) == (worst_split_a(2.3, None),) * 3


def test_a_current_that_the_meter_rounds_down_does_not_hide_power():
    assert house_currents_a(
        ControlSite(grid=Grid()), Readings(meter=meter((2.07, 8.0), kw=2.07))
    ) == pytest.approx((9.0,))


def test_reactive_current_counts_for_the_fuse():
    assert house_currents_a(
        ControlSite(grid=Grid()), Readings(meter=meter((1.15, 9.0), kw=1.15))
    ) == (9.0,)


def test_a_one_phase_site_needs_only_the_power():
    readings = Readings(meter=MeterReading(at=START, power_kw=4.6))
    assert house_currents_a(ControlSite(grid=Grid()), readings) == pytest.approx((20.0,))


def test_no_meter_gives_no_house():
    assert house_currents_a(ControlSite(grid=Grid()), Readings()) == ()
    blind = Readings(meter=MeterReading(at=START))
    assert house_currents_a(ControlSite(grid=Grid()), blind) == ()


def test_a_sum_over_three_phases_is_split_the_worst_sensible_way():
    # One full 16 A circuit on this phase, the rest even.
    assert worst_split_a(2.3, None) == pytest.approx(10.0)
    assert worst_split_a(3.68 + 0.69, None) == pytest.approx(17.0)
    # The sun may feed another phase: what it hides counts.
    assert worst_split_a(-2.0, 3.15) == pytest.approx(5.0)
    site = ControlSite(grid=GRID3, chargers=(spec("b", phases=(3,)),))
    readings = Readings(
        meter=MeterReading(at=START, power_kw=6.44),
        chargers={"b": charging(6.0, 6.0, 6.0, phases=3)},
    )
    assert house_currents_a(site, readings) == pytest.approx((10.0, 10.0, 10.0))


def test_the_line_that_an_aron_meter_does_not_measure_is_derived():
    reading = MeterReading(
        at=START,
        power_kw=4.0,
        phases=(
            Phase(power_kw=2.0, voltage_v=230.0, current_a=10.0),
            Phase(power_kw=0.0, voltage_v=0.0, current_a=0.0),
            Phase(power_kw=2.0, voltage_v=230.0, current_a=10.0),
        ),
    )
    house = house_currents_a(ControlSite(grid=ARON), Readings(meter=reading))
    # Two equal currents at most 60 degrees apart: sqrt(3) x 10 A.
    assert house == pytest.approx((10.0, 17.32, 10.0), abs=0.01)


def test_a_charger_that_reports_only_power_is_derived_from_it():
    site = ControlSite(grid=GRID3, chargers=(spec("b", phases=(3,)),))
    reading = ChargerReading(at=START, status=ChargerStatus.CHARGING, power_kw=6.9, phases=3)
    readings = Readings(
        meter=meter((2.99, 13.0), (2.99, 13.0), (2.99, 13.0)), chargers={"b": reading}
    )
    assert house_currents_a(site, readings) == pytest.approx((3.0, 3.0, 3.0))


@pytest.mark.parametrize(
    ("peaks", "expected"),
    [
        ((14.2,), 10.0),
        ((5.0,), 16.0),
        ((19.5,), 0.0),
        ((), 0.0),
    ],
)
def test_proven_safe_is_what_the_fuse_leaves_beside_the_highest_house(peaks, expected):
    site = ControlSite(grid=Grid(fuse_a=25.0), chargers=(spec(),))
    assert proven_safe_a(site, "c1", peaks) == expected


def test_proven_safe_looks_at_the_phases_that_the_charger_loads():
    site = ControlSite(
        grid=GRID3, chargers=(spec("a", phase_map=(3, 1, 2)), spec("b", phase_map=(1, 2, 3)))
    )
    assert proven_safe_a(site, "a", (22.0, 22.0, 9.0)) == 16.0
    assert proven_safe_a(site, "b", (18.5, 22.0, 9.0)) == 6.0


def test_proven_safe_currents_of_all_chargers_fit_together():
    site = ControlSite(
        grid=Grid(fuse_a=40.0),
        circuits=(Circuit(id="g", name="Garage", fuse_a=14.0, chargers=("a",)),),
        chargers=(spec("a", circuit="g"), spec("b", circuit="g"), spec("c")),
    )
    assert [proven_safe_a(site, c, (10.0,)) for c in "abc"] == [7.0, 7.0, 10.0]
    with pytest.raises(KeyError):
        proven_safe_a(site, "x", (10.0,))
