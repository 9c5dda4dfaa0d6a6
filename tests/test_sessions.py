"""What happens at a charger: events, energy since plug-in, SoC in between reports."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.smart_charging.core.control.types import Override
from custom_components.smart_charging.core.reading import ChargerReading, ChargerStatus
from custom_components.smart_charging.sessions import GAP_S, ChargerWatch, PartEvent
from custom_components.smart_charging.settings import ChargerSettings

START = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)

UNPLUGGED, CONNECTED = ChargerStatus.UNPLUGGED, ChargerStatus.CONNECTED
CHARGING, COMPLETE, ERROR = ChargerStatus.CHARGING, ChargerStatus.COMPLETE, ChargerStatus.ERROR


class Charger:
    """Feeds a watch with readings."""

    def __init__(self, settings: ChargerSettings | None = None) -> None:
        self.now = START
        self.watch = ChargerWatch(settings or ChargerSettings())

    def reads(
        self, status: ChargerStatus | None, after_s: float = 60, **values: Any
    ) -> list[PartEvent]:
        """Take a reading `after_s` later."""
        self.now += timedelta(seconds=after_s)
        return self.watch.update(ChargerReading(at=self.now, status=status, **values), self.now)

    def says(self, status: ChargerStatus | None, after_s: float = 60, **values: Any) -> list[str]:
        """Take a reading and return the types of what happened."""
        return [event.type for event in self.reads(status, after_s, **values)]


def test_before_the_first_reading_nothing_is_known() -> None:
    watch = ChargerWatch(ChargerSettings())
    assert watch.plugged is None
    assert not watch.charging
    assert watch.delivered_kwh() == 0


def test_a_stay_is_told_from_plug_in_to_departure() -> None:
    charger = Charger()
    assert charger.says(UNPLUGGED, power_kw=0.0) == []
    assert charger.says(CONNECTED, power_kw=0.0, total_kwh=100.0) == ["plugged_in"]
    assert charger.says(CHARGING, power_kw=7.0, total_kwh=100.0) == ["charging_started"]
    assert charger.says(CHARGING, power_kw=7.0, total_kwh=101.0) == []
    (ended,) = charger.reads(CONNECTED, power_kw=0.0, total_kwh=101.5)
    assert ended.type == "charging_ended"
    assert ended.data == {"duration_s": 120, "energy_kwh": 1.5}
    assert charger.says(UNPLUGGED, power_kw=0.0, total_kwh=101.5) == ["unplugged"]
    assert charger.watch.delivered_kwh() == 0


def test_a_cable_pulled_in_mid_charge_first_ends_the_charge() -> None:
    charger = Charger()
    charger.says(CONNECTED, power_kw=0.0, session_kwh=0.0)
    charger.says(CHARGING, power_kw=7.0, session_kwh=0.1)
    charger.says(CHARGING, power_kw=7.0, session_kwh=2.1)
    # The counter of the session is gone with the car.
    ended, unplugged = charger.reads(UNPLUGGED, power_kw=0.0, session_kwh=0.0)
    assert (ended.type, unplugged.type) == ("charging_ended", "unplugged")
    assert ended.data["energy_kwh"] == pytest.approx(2.0)


def test_a_power_that_arrives_after_the_status_neither_hides_nor_begins_a_charge() -> None:
    charger = Charger()
    charger.says(CONNECTED, power_kw=0.0, session_kwh=0.0)
    charger.says(CHARGING, power_kw=7.0, session_kwh=0.0)
    ended, unplugged = charger.reads(UNPLUGGED, after_s=0.1, power_kw=7.0, session_kwh=2.0)
    assert (ended.type, unplugged.type) == ("charging_ended", "unplugged")
    assert ended.data["energy_kwh"] == pytest.approx(2.0)
    assert charger.says(UNPLUGGED, after_s=0.1, power_kw=7.0) == []
    assert charger.says(UNPLUGGED, after_s=0.1, power_kw=0.0) == []


def test_a_car_found_charging_is_plugged_in_and_charging() -> None:
    assert Charger().says(CHARGING, power_kw=7.0) == ["plugged_in", "charging_started"]


def test_standby_is_no_charge_and_without_power_the_status_counts() -> None:
    charger = Charger()
    charger.says(CONNECTED)
    assert charger.says(CHARGING, power_kw=0.1) == []
    assert charger.says(CHARGING, power_kw=None) == ["charging_started"]
    assert charger.says(COMPLETE, power_kw=None) == ["charging_ended"]


def test_a_restart_in_mid_charge_tells_nothing_anew_and_ends_with_the_whole() -> None:
    before = Charger()
    before.says(CONNECTED, power_kw=0.0, total_kwh=10.0)
    before.says(CHARGING, power_kw=7.0, total_kwh=10.0)
    kept = ChargerSettings(**vars(before.watch.settings))
    after = Charger(kept)
    after.now = before.now
    assert after.says(CHARGING, 3600, power_kw=7.0, total_kwh=17.0) == []
    assert after.watch.charging
    assert after.watch.delivered_kwh() == pytest.approx(7.0)
    (ended,) = after.reads(COMPLETE, power_kw=0.0, total_kwh=17.0)
    assert ended.data == {"duration_s": 3660, "energy_kwh": 7.0}


def test_a_departure_while_nobody_looked_is_told_at_the_next_start() -> None:
    kept = ChargerSettings(plugged_at=START, override=Override(current_a=0.0, until=None))
    charger = Charger(kept)
    assert charger.says(UNPLUGGED, power_kw=0.0) == ["unplugged"]
    assert kept.override is None


def test_what_a_person_chose_for_this_car_ends_when_it_leaves() -> None:
    charger = Charger()
    charger.says(CONNECTED)
    kept = charger.watch.settings
    kept.override = Override(current_a=10.0, until=None)
    kept.forced_phases, kept.vehicle_chosen_here = 1, True
    charger.watch.report_soc(0.5)
    charger.says(UNPLUGGED)
    assert kept.override is None
    assert kept.forced_phases is None
    assert not kept.vehicle_chosen_here
    assert charger.watch.estimated_soc(60, 0.9) is None


def test_a_fault_does_not_end_a_stay() -> None:
    charger = Charger()
    charger.says(CONNECTED, power_kw=0.0)
    assert charger.says(ERROR, power_kw=0.0, warning="relay stuck") == []
    assert charger.says(None) == []
    assert charger.watch.plugged
    assert charger.says(CONNECTED, power_kw=0.0) == []


@pytest.mark.parametrize(
    ("first", "later", "delivered"),
    [
        ({"total_kwh": 50.0, "session_kwh": 1.0}, {"total_kwh": 53.0, "session_kwh": 9.0}, 3.0),
        ({"session_kwh": 0.0}, {"session_kwh": 2.5}, 2.5),
        # A counter that starts again below what it was does not give energy back.
        ({"total_kwh": 50.0}, {"total_kwh": 0.1}, 0.0),
        # The counter came later than the car.
        ({}, {"total_kwh": 53.0, "session_kwh": 4.0}, 4.0),
    ],
)
def test_energy_since_plug_in_comes_from_the_best_counter(
    first: dict[str, float], later: dict[str, float], delivered: float
) -> None:
    charger = Charger()
    charger.says(CONNECTED, **first)
    charger.says(CHARGING, power_kw=7.0, **later)
    assert charger.watch.delivered_kwh() == pytest.approx(delivered)


def test_without_a_counter_power_is_counted_and_kept_over_a_restart() -> None:
    charger = Charger()
    charger.says(CONNECTED, power_kw=0.0)
    for _ in range(60):
        charger.says(CHARGING, power_kw=6.0)
    assert charger.watch.delivered_kwh() == pytest.approx(59 * 6.0 / 60)
    again = Charger(charger.watch.settings)
    again.says(CHARGING, power_kw=6.0)
    assert again.watch.delivered_kwh() == pytest.approx(59 * 6.0 / 60)
    (ended,) = again.reads(CONNECTED, power_kw=0.0)
    assert ended.data["energy_kwh"] == pytest.approx(6.0)


def test_a_long_silence_is_not_counted_as_charging() -> None:
    charger = Charger()
    charger.says(CONNECTED, power_kw=0.0)
    charger.says(CHARGING, power_kw=6.0)
    charger.says(CHARGING, 7200, power_kw=6.0)
    assert charger.watch.delivered_kwh() == pytest.approx(6.0 * GAP_S / 3600)


def test_soc_grows_from_the_last_report_by_what_was_charged_since() -> None:
    charger = Charger()
    charger.says(CONNECTED, total_kwh=100.0)
    assert charger.watch.estimated_soc(60, 0.9) is None
    charger.says(CHARGING, power_kw=7.0, total_kwh=104.0)
    charger.watch.report_soc(0.50)
    charger.says(CHARGING, power_kw=7.0, total_kwh=110.0)
    assert charger.watch.estimated_soc(60, 0.9) == pytest.approx(0.5 + 6 * 0.9 / 60)
    charger.says(CHARGING, power_kw=7.0, total_kwh=200.0)
    assert charger.watch.estimated_soc(60, 0.9) == 1.0
