"""The verdict of a trial, from what charger and meter show second by second."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.smart_charging.commissioning import (
    KW_PER_A,
    SILENT_S,
    Failure,
    Sample,
    Trial,
)
from custom_components.smart_charging.core.reading import (
    ChargerReading,
    ChargerStatus,
    MeterReading,
)

T0 = datetime(2026, 11, 20, 18, tzinfo=UTC)
LOW_A, HIGH_A = 6.0, 10.0
HOUSE_KW = 0.4
LONGEST_S = 400


class Bench:
    """A charger on a table: a test says what it tells, and what the meter sees of it."""

    measures = True
    """Whether the charger tells its power."""
    shows_limit = True
    status: ChargerStatus | None = ChargerStatus.CHARGING
    meter_sees = 1.0
    """Share of the car's power that passes the meter."""
    silent_from_s: float | None = None
    """Since when the meter has told nothing new."""

    def __init__(self) -> None:
        self.now = T0
        self.trial = Trial(LOW_A, HIGH_A, interval_s=1.0, now=T0)

    @property
    def elapsed_s(self) -> float:
        return (self.now - T0).total_seconds()

    def sample(self) -> Sample:
        power_kw = KW_PER_A * self.trial.asked_a
        heard = self.now
        if self.silent_from_s is not None and self.elapsed_s > self.silent_from_s:
            heard = T0 + timedelta(seconds=self.silent_from_s)
        load_kw = HOUSE_KW + self.meter_sees * power_kw
        return Sample(
            at=heard,
            meter=MeterReading(at=heard, power_kw=load_kw),
            charger=ChargerReading(
                at=self.now,
                status=self.status,
                power_kw=power_kw if self.measures else None,
                limit_a=self.trial.asked_a if self.shows_limit else None,
            ),
            load_kw=load_kw,
        )

    def second(self, *, order: bool = True) -> None:
        """Let a second pass; control orders what the trial asks for."""
        self.now += timedelta(seconds=1)
        if order:
            self.trial.ordered(self.trial.asked_a, self.now)
        self.trial.look(self.sample(), self.trial.asked_a, self.now)

    def until(self, done: Callable[[], bool], *, order: bool = True) -> None:
        while not done():
            assert self.elapsed_s < LONGEST_S
            self.second(order=order)

    def run(self, *, order: bool = True) -> None:
        """Go on until the trial has ended."""
        self.until(lambda: self.trial.ended, order=order)


def test_a_charger_that_measures_nothing_is_proven_by_the_meter_alone() -> None:
    bench = Bench()
    bench.measures = False
    bench.run()
    assert bench.trial.failure is None
    assert bench.trial.proof is not None
    assert bench.trial.proof.meter_kw == pytest.approx(KW_PER_A * (HIGH_A - LOW_A))


@pytest.mark.parametrize(
    "share",
    [
        pytest.param(0.3, id="the meter sees less than one phase would change"),
        pytest.param(5.0, id="the meter sees more than three phases can change"),
    ],
)
def test_a_charger_that_measures_nothing_must_be_seen_by_the_meter(share: float) -> None:
    bench = Bench()
    bench.measures, bench.meter_sees = False, share
    bench.run()
    assert bench.trial.failure is Failure.METER_DIFFERS
    assert bench.trial.proof is None


def test_a_charger_that_shows_no_limit_counts_as_told_once_it_was_written_to() -> None:
    bench = Bench()
    bench.shows_limit = False
    bench.run()
    assert bench.trial.proof is not None

    unwritten = Bench()
    unwritten.shows_limit = False
    unwritten.run(order=False)
    assert unwritten.trial.failure is Failure.NOT_OBEYED


@pytest.mark.parametrize("status", [ChargerStatus.UNPLUGGED, ChargerStatus.ERROR])
def test_a_car_that_is_pulled_out_ends_it_at_once(status: ChargerStatus) -> None:
    bench = Bench()
    bench.until(lambda: bench.trial.progress[0] == 3)
    bench.status = status
    bench.second()
    assert bench.trial.failure is Failure.NO_CAR


def test_without_news_of_the_meter_at_the_end_of_a_step_there_is_no_verdict() -> None:
    bench = Bench()
    bench.until(lambda: bench.trial.progress[0] == 5)
    # Still fresh enough to count as a reading, but from before the tail of the last step.
    bench.silent_from_s = bench.elapsed_s
    bench.run()
    assert bench.trial.failure is Failure.NO_METER
    assert bench.trial.proof is None


def test_what_is_read_after_the_end_changes_nothing() -> None:
    bench = Bench()
    for second in range(round(SILENT_S) + 2):
        bench.trial.look(None, LOW_A, T0 + timedelta(seconds=second))
    assert bench.trial.failure is Failure.CHARGER_SILENT
    bench.until(lambda: bench.elapsed_s == LONGEST_S - 1)
    assert bench.trial.failure is Failure.CHARGER_SILENT
    assert bench.trial.proof is None
    assert bench.trial.progress == (1, 5)
