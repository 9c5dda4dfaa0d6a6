"""What the Wattpilot driver makes of the properties of the charger."""

from typing import Any

import pytest

from custom_components.smart_charging.core.reading import (
    ChargerReading,
    ChargerStatus,
    Remedy,
)
from custom_components.smart_charging.devices.wattpilot.properties import Reader

from .wattpilot_rig import START


def read(props: dict[str, Any]) -> ChargerReading:
    return Reader().read(props, at=START, monotonic=0.0, in_control=True)


def test_missing_values_are_none_and_never_zero() -> None:
    for props in ({}, {"nrg": None, "wh": None, "eto": None, "amp": None, "trx": None}):
        reading = read(props)
        assert reading == ChargerReading(at=START, currents_a=(None, None, None), released=False)
    assert read({"car": None}).status is ChargerStatus.ERROR
    assert read({"nrg": [230, 230]}).power_kw is None


@pytest.mark.parametrize(
    ("props", "limit"),
    [
        ({"amp": 16, "amx": 10}, 10),
        ({"amp": 8, "amx": 10}, 8),
        ({"amp": 8, "amx": None}, 8),
        ({"amp": 16, "frc": 1}, 0),
        ({"amp": 16, "alw": False}, 0),
        # The logic of the charger itself is the better witness than acknowledged orders.
        ({"amp": 16, "amx": 10, "alw": True, "acu": 13}, 13),
        ({"amp": 16, "frc": 1, "alw": True, "acu": 16}, 16),
        ({"amp": 16, "alw": True, "acu": None}, 0),
    ],
)
def test_limit_is_what_the_charger_enforces(props: dict[str, Any], limit: float) -> None:
    assert read(props).limit_a == limit


@pytest.mark.parametrize(
    ("props", "words", "remedy"),
    [
        ({"err": 13, "car": 5}, "overtemperature", Remedy.TEMPERATURE),
        ({"err": 7, "car": 5}, "cable not recognised", Remedy.CABLE),
        ({"err": 3, "car": 5}, "phase failure", Remedy.INSTALLATION),
        ({"err": 24}, "fault 24", Remedy.DEVICE),
        ({"err": 0, "car": 0}, "internal fault", Remedy.DEVICE),
        (
            {"car": 3, "alw": False, "modelStatus": 2},
            "not charging: waits for a card or the app",
            Remedy.AUTHORISE,
        ),
        ({"car": 3, "alw": False, "modelStatus": 5}, "its own schedule", Remedy.OWN_RULE),
        # It passes by itself: there is nothing to do.
        ({"car": 3, "alw": False, "modelStatus": 24}, "minimum pause", None),
        ({"car": 2, "alw": True, "modelStatus": 20, "frc": 1}, "keeps charging", Remedy.OWN_RULE),
        ({"car": 3, "alw": False, "modelStatus": 4}, None, None),
        ({"car": 1, "alw": False, "modelStatus": 2}, None, None),
    ],
)
def test_faults_and_refusals_are_told_but_our_own_pause_is_not(
    props: dict[str, Any], words: str | None, remedy: Remedy | None
) -> None:
    warning = read(props).warning
    assert warning == words if words is None else words in (warning or "")
    assert read(props).remedy is remedy


def test_resuming_car_is_not_taken_for_full_before_it_had_time_to_draw() -> None:
    reader = Reader()

    def status(seconds: float, **props: Any) -> ChargerStatus | None:
        return reader.read(props, at=START, monotonic=seconds, in_control=True).status

    assert status(0, car=4, alw=False) is ChargerStatus.CONNECTED
    assert status(100, car=4, alw=True) is ChargerStatus.CONNECTED
    assert status(130, car=4, alw=True) is ChargerStatus.CONNECTED
    assert status(131, car=2, alw=True) is ChargerStatus.CHARGING
    assert status(200, car=4, alw=True) is ChargerStatus.CONNECTED
    assert status(261, car=4, alw=True) is ChargerStatus.COMPLETE
    assert status(262, car=3, alw=False) is ChargerStatus.COMPLETE
    assert status(263, car=2, alw=True) is ChargerStatus.CHARGING
