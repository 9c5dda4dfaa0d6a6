"""A plan may have a car feed the house. No driver can order that yet: it means no charging."""

import pytest

from custom_components.smart_charging.core.control.following import follow
from custom_components.smart_charging.core.control.state import SlotEnergy

from .rig import START, schedule, steps
from .test_following import plan_rig


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("given_kwh", [-0.001, -0.05, -1.5])
def test_a_step_that_gives_back_is_never_charged_in(given_kwh: float, seed: int) -> None:
    rig = plan_rig(0.6, given_kwh, given_kwh, 0.0, seed=seed)
    rig.run(905)
    charged = rig.cars[0].energy_kwh
    running_out = 0.23 * 16 * 15 / 3600
    rig.run(3 * 900 - 5)

    assert charged == pytest.approx(0.6, rel=0.05)
    # What runs when the slot begins stops within the time that an order takes.
    assert rig.cars[0].energy_kwh <= charged + running_out
    assert all(current == 0 for at, current in rig.changes() if at > 905)


def test_what_a_car_gives_back_is_not_missing_in_the_slot_after() -> None:
    rig = plan_rig(-1.5, 0.6, 0.0)
    rig.run(3 * 900)

    assert rig.cars[0].energy_kwh == pytest.approx(0.6, rel=0.02)


def test_a_remainder_of_the_slot_before_does_not_go_on_in_one_that_gives_back() -> None:
    row = steps(-0.05, 0.0)
    slot = SlotEnergy(start=row[0].start, end=row[0].end, planned_kwh=0.0, carry_kwh=0.3)

    answer = follow(
        slot, row[0], schedule({"c1": row}), "c1", START,
        ordered_a=16.0, kw=3.68, kw_per_a=0.23, min_a=6.0, max_a=16.0, step_a=1.0,
    )  # fmt: skip

    assert answer.current_a == 0
