"""Slices of the simulated week: real physics, real plans, real control, second by second.

The whole week is `scripts/bench control`; these hours are the ones in which most happens.
"""

from dataclasses import replace
from datetime import timedelta

from benchmarks.control_home import ControlledHome
from benchmarks.control_scenario import Outing, Resident, Scenario
from benchmarks.control_week import MONDAY, crowded, scenario
from custom_components.smart_charging.core.grid import Circuit
from simulators.car import Car, ChargerConfig


def test_an_evening_with_oven_and_hob_keeps_the_peak_and_the_battery_helps():
    # The big car comes home at 17:30; dinner is cooked between 18 and 19.
    home = ControlledHome(scenario(start=MONDAY + timedelta(hours=17.4)))
    tally = home.run(round(1.7 * 3600))
    assert tally.seconds_over_fuse == 0
    assert tally.peak_excess_kw <= 0.0
    assert tally.month_peak_kw <= max(2.5, tally.peak_target_kw)
    assert tally.charged_kwh > 2.0
    assert tally.help_kwh > 0.3
    assert tally.starts_per_slot_max <= 1
    assert tally.starts_per_slot_max_with_limits <= 2
    assert tally.phase_switches_per_slot_max <= 1
    assert tally.writes_too_soon == 0


def test_without_a_capacity_tariff_the_fuse_is_used_and_not_passed():
    home = ControlledHome(crowded(start=MONDAY + timedelta(hours=17.4)))
    tally = home.run(round(1.7 * 3600))
    assert tally.seconds_over_fuse == 0
    assert tally.highest_line_a > 22.0
    assert tally.starts_per_slot_max <= 1
    assert tally.writes_too_soon == 0


def two_cars(soc: float) -> Scenario:
    """Return two cars that share 32 A, with a deadline that leaves little time to waste."""
    leaves = MONDAY + timedelta(hours=5)

    def resident(key: str) -> Resident:
        return Resident(
            car=Car(id=key, capacity_kwh=40.0, soc=0.3, max_a=32.0, phases=1),
            charger=ChargerConfig(key=key, max_a=32.0, phases=1, phase_map=(2, 3, 1)),
            circuit="garage",
            outings=(
                Outing(leaves=leaves, returns=leaves + timedelta(hours=9), energy_kwh=5.0, soc=soc),
            ),
        )

    return Scenario(
        start=MONDAY + timedelta(hours=1) - timedelta(seconds=1),
        residents=(resident("left"), resident("right")),
        fuse_a=40.0,
        circuits=(Circuit(id="garage", name="Garage", fuse_a=32.0),),
        pv_peak_kw=0.0,
    )


def test_two_cars_on_one_circuit_with_the_same_cheap_hours_meet_their_deadline():
    home = ControlledHome(two_cars(0.6))
    highest_a = 0.0
    while home.tally.goals < 2:
        home.step()
        drawn = sum(max(point.currents_a) for point in home.house.chargers.values())
        highest_a = max(highest_a, drawn)
    assert home.tally.goals_missed_kwh == 0
    assert 25.0 < highest_a <= 32.1
    assert home.tally.starts_per_slot_max <= 1


def test_a_silent_meter_in_the_week_is_survived():
    home = ControlledHome(
        replace(crowded(start=MONDAY + timedelta(hours=2)), silences=((900.0, 1200.0),))
    )
    tally = home.run(1800)
    assert 10.0 < tally.stale_to_safe_s <= 60.0
    assert tally.stale_to_normal_s <= 10.0
    assert tally.seconds_over_fuse == 0
