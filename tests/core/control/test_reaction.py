"""What commissioning found of a charger's reaction time is waited for, no more and no less."""

from dataclasses import replace

import pytest

from custom_components.smart_charging.core.control.types import (
    ChargerOrder,
    ControlSite,
    Mode,
    Orders,
)
from custom_components.smart_charging.core.grid import Circuit, Grid

from .rig import Car, Rig, spec

FAST = ChargerOrder(mode=Mode.FAST)


def rig_of(delay_s: float, reaction_s: float | None, count: int = 1, fuse_a: float = 40.0) -> Rig:
    chargers = tuple(
        spec(f"c{i + 1}", max_a=16.0, circuit="g", reaction_s=reaction_s) for i in range(count)
    )
    site = ControlSite(
        grid=Grid(fuse_a=63.0),
        circuits=(Circuit(id="g", name="Garage", fuse_a=fuse_a),),
        chargers=chargers,
    )
    rig = Rig(site=site, cars=[Car(spec=c) for c in chargers], delay_s=(delay_s, delay_s))
    rig.orders = Orders(chargers={c.id: FAST for c in chargers})
    return rig


@pytest.mark.parametrize(("reaction_s", "least_a"), [(None, 6), (24.0, 11)])
def test_a_car_that_is_known_to_be_slow_keeps_its_share_while_it_starts(
    reaction_s: float | None, least_a: float
) -> None:
    rig = rig_of(3.0, reaction_s, count=2, fuse_a=22.0)
    rig.cars[0].delay_s = 24.0
    rig.run(40)
    # Unknown, it looks like a car that wants less.
    assert min(a for _, a in rig.changes("c1")) == least_a
    rig.run(100)
    assert [car.draw_a for car in rig.cars] == [11, 11]


@pytest.mark.parametrize(("reaction_s", "known"), [(None, False), (24.0, True)])
def test_a_rise_waits_until_a_slow_car_has_shown_the_last_one(
    reaction_s: float | None, known: bool
) -> None:
    rig = rig_of(24.0, reaction_s)
    rig.run(60)
    rig.ask(c1=replace(FAST, vehicle_max_a=8.0))
    rig.run(60)
    assert rig.cars[0].draw_a == 8
    for most_a, wait_s in ((10.0, 17), (12.0, 5)):
        rig.ask(c1=replace(FAST, vehicle_max_a=most_a))
        rig.run(wait_s)
    assert rig.a() == (10 if known else 12)
    rig.run(15)
    assert rig.a() == 12


@pytest.mark.parametrize("reaction_s", [None, 3.0, 40.0])
def test_a_limit_does_not_wait_for_a_slow_car(reaction_s: float | None) -> None:
    rig = rig_of(3.0, reaction_s, count=2, fuse_a=32.0)
    rig.run(100)
    assert [rig.a("c1"), rig.a("c2")] == [16, 16]
    rig.cars[0].delay_s = 1000.0
    rig.site = replace(rig.site, circuits=(Circuit(id="g", name="Garage", fuse_a=24.0),))
    rig.run(20)
    assert rig.a("c2") == 8, "the other makes room for what is really drawn"
