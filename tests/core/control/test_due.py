"""A goal inside a slot: its energy is in by then, not by the slot's end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from custom_components.smart_charging.core.schedule import ChargerStep

from .rig import START, schedule, steps
from .test_following import plan_rig


def due(row: tuple[ChargerStep, ...], index: int, minutes: float) -> tuple[ChargerStep, ...]:
    moved = replace(row[index], due=row[index].start + timedelta(minutes=minutes))
    return (*row[:index], moved, *row[index + 1 :])


def test_the_energy_of_a_slot_is_in_when_it_is_due() -> None:
    rig = plan_rig(0.4, 0.0)
    row = due(steps(0.4, 0.0), 0, 8)
    assert row[0].start == START
    rig.orders = replace(rig.orders, schedule=schedule({"c1": row}))
    rig.run(8 * 60)
    assert rig.cars[0].energy_kwh == pytest.approx(0.4, rel=0.05)
    rig.run(7 * 60)
    assert rig.cars[0].energy_kwh == pytest.approx(0.4, rel=0.02)
