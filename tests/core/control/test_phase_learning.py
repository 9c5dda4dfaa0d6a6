"""Wiring and reaction time are learned from steps of the charger, seen through the real meter."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from custom_components.smart_charging.core.control.phase_learning import (
    Learning,
    learn,
    learned_map,
)
from custom_components.smart_charging.core.control.reaction import Kind, reaction_of
from custom_components.smart_charging.core.grid import Grid, Topology
from custom_components.smart_charging.core.reading import ChargerReading, MeterReading
from custom_components.smart_charging.devices.p1.telegram import parse_telegram
from simulators.clock import ManualClock
from simulators.house import Car, ChargerConfig, House, HouseConfig
from simulators.p1 import FLAVOURS
from simulators.p1_telegram import telegram

NIGHT = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
"""Clouds pass, and somebody cooks on L2."""

COMMISSIONING = ((6.0, 40), (10.0, 30), (6.0, 30), (0.0, 30))
"""Ordered current and how long it stands."""


def reading_of(house: House, *, measures: str = "currents") -> ChargerReading:
    point = house.chargers["c"]
    return ChargerReading(
        at=house.now,
        status=point.status,
        power_kw=point.power_kw if measures == "power" else None,
        currents_a=point.currents_a if measures == "currents" else (),
        limit_a=point.effective_a,
        phases=point.phases,
    )


def meter_of(house: House, clock: ManualClock, *, per_phase: bool = True) -> MeterReading:
    flavour = FLAVOURS[house.config.topology]
    text = telegram(house.meter, clock.now(), meter_id="1SAG3100000001", flavour=flavour)
    version = "5B"
    reading = parse_telegram(text.decode("latin-1"), version, clock.now())
    assert reading is not None
    return reading if per_phase else replace(reading, phases=())


def commissioned(
    phase_map: tuple[int, ...] = (1, 2, 3),
    *,
    topology: Topology = Topology.THREE_400,
    phases: int = 1,
    car_phases: int = 3,
    measures: str = "currents",
    per_phase: bool = True,
    start: datetime = NIGHT,
    seed: int = 3,
    rounds: int = 1,
) -> tuple[Learning, Grid]:
    """Return what is learned from a commissioning in a house with its habits and clouds."""
    clock = ManualClock(start)
    house = House(
        HouseConfig(
            seed=seed,
            topology=topology,
            chargers=(
                ChargerConfig(key="c", phases=3, phase_map=phase_map, car=Car(phases=car_phases)),
            ),
        ),
        clock,
    )
    point = house.chargers["c"]
    point.phases = phases
    grid = Grid(topology=topology, fuse_a=40.0)
    learning = Learning()
    for current, seconds in ((0.0, 20), *COMMISSIONING * rounds):
        point.offered_a = current
        for _ in range(seconds):
            learning = learn(
                learning,
                grid,
                ordered_a=current,
                phases=phases,
                reading=reading_of(house, measures=measures),
                meter=meter_of(house, clock, per_phase=per_phase),
                now=clock.now(),
            )
            clock.advance(1.0)
            house.advance()
    return learning, grid


@pytest.mark.parametrize("phase", [1, 2, 3])
@pytest.mark.parametrize("measures", ["currents", "power", "nothing"])
def test_a_charge_on_one_phase_shows_where_it_is_connected(phase, measures):
    wiring = (phase, phase % 3 + 1, (phase + 1) % 3 + 1)
    learning, grid = commissioned(wiring, measures=measures)
    found = learned_map(learning, grid)
    assert found is not None
    assert found.phase_map[0] == phase
    assert found.known[0]
    assert found.moved == (phase,)
    assert found.steps == 4


def test_what_is_not_shown_stays_as_it_was_set():
    learning, grid = commissioned((2, 1, 3))
    found = learned_map(learning, grid, configured=(2, 1, 3))
    assert found is not None
    assert (found.phase_map, found.known) == ((2, 1, 3), (True, False, False))


def test_a_car_on_two_phases_shows_all_three():
    learning, grid = commissioned((3, 1, 2), phases=3, car_phases=2)
    found = learned_map(learning, grid)
    assert found is not None
    # Which of the two is the first cannot be seen, that the third is L2 can.
    assert found.known == (False, False, True)
    assert found.phase_map[2] == 2
    assert found.moved == (1, 3)


def test_equal_currents_on_three_phases_leave_the_order_open():
    learning, grid = commissioned((3, 1, 2), phases=3)
    found = learned_map(learning, grid, configured=(1, 2, 3))
    assert found is not None
    assert (found.known, found.moved) == ((False, False, False), (1, 2, 3))
    assert found.phase_map == (1, 2, 3)


@pytest.mark.parametrize("seed", range(6))
def test_clouds_and_a_hob_that_cycles_do_not_mislead(seed):
    for rounds in (1, 3):
        learning, grid = commissioned((3, 1, 2), start=NOON, seed=seed, rounds=rounds)
        found = learned_map(learning, grid)
        proven = found is not None and found.known[0]
        assert not proven or (found is not None and found.phase_map[0] == 3)
    assert proven


@pytest.mark.parametrize("first", [1, 2, 3])
def test_on_three_lines_a_one_phase_car_shows_the_pair_that_it_loads(first):
    second = first % 3 + 1
    learning, grid = commissioned(
        (first, second, second % 3 + 1), topology=Topology.THREE_230, car_phases=1
    )
    found = learned_map(learning, grid)
    assert found is not None
    assert set(found.phase_map[:2]) == {first, second}


def test_on_one_phase_nothing_needs_to_be_learned():
    learning, grid = commissioned(topology=Topology.SINGLE_230)
    found = learned_map(learning, grid)
    assert found is not None
    assert (found.moved, found.known) == ((1,), (True, True, True))
    assert reaction_of(learning.watch, Kind.START) is not None


def test_a_meter_that_gives_only_the_sum_shows_no_wiring_but_the_reaction():
    learning, grid = commissioned(per_phase=False)
    assert learned_map(learning, grid) is None
    start = reaction_of(learning.watch, Kind.START)
    assert start is not None
    assert 3.0 <= start.shortest_s <= start.median_s <= start.longest_s <= 13.0


@pytest.mark.parametrize("kind", list(Kind))
def test_the_reaction_is_that_of_the_car(kind):
    learning, _ = commissioned()
    seen = reaction_of(learning.watch, kind)
    assert seen is not None
    # 3 to 10 s, and a second or two until the current has risen half way.
    assert 3.0 <= seen.shortest_s <= seen.longest_s <= 13.0


def test_a_charger_that_ignores_its_order_is_counted():
    learning, grid = Learning(), Grid(topology=Topology.THREE_400, fuse_a=25.0)
    clock = ManualClock(NIGHT)
    house = House(HouseConfig(chargers=(ChargerConfig(key="c", car=Car()),)), clock)
    for second in range(200):
        ordered = 10.0 if second >= 60 else 0.0
        learning = learn(
            learning, grid, ordered_a=ordered, phases=1, reading=reading_of(house),
            meter=meter_of(house, clock), now=clock.now(),
        )  # fmt: skip
        clock.advance(1.0)
        house.advance()
    assert learning.watch.unheard == 1
    assert learned_map(learning, grid) is None


def test_an_order_that_follows_another_at_once_is_not_compared():
    learning, grid = Learning(), Grid(topology=Topology.THREE_400, fuse_a=25.0)
    clock = ManualClock(NIGHT)
    house = House(HouseConfig(chargers=(ChargerConfig(key="c", car=Car()),)), clock)
    for second in range(120):
        ordered = 0.0 if second < 20 else 6.0 if second < 22 else 12.0
        house.chargers["c"].offered_a = ordered
        learning = learn(
            learning, grid, ordered_a=ordered, phases=1, reading=reading_of(house),
            meter=meter_of(house, clock), now=clock.now(),
        )  # fmt: skip
        clock.advance(1.0)
        house.advance()
    assert learning.steps == 0


def test_only_the_latest_reactions_are_kept():
    learning = Learning()
    kinds = tuple((Kind.CHANGE, float(s)) for s in range(8))
    learning = replace(learning, watch=replace(learning.watch, reactions_s=kinds))
    seen = reaction_of(learning.watch, Kind.CHANGE)
    assert seen is not None
    assert (seen.shortest_s, seen.longest_s) == (0.0, 7.0)
    assert reaction_of(learning.watch, Kind.STOP) is None
