"""One trial of a charger: its current goes up and down, and charger and meter must both show it.

Free of Home Assistant and of a clock of its own: `commissioner.py` orders what is asked and hands
over what is read.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from statistics import fmean, median

from .core.reading import ChargerReading, ChargerStatus, MeterReading

LOW_A = 6.0
"""The least that every car follows."""
HIGH_A = 10.0
"""0.9 kW more on one phase: well above what a house does by itself from second to second."""
LEAST_SWING_A = 2.0
"""Less could not be told from the house."""
SWINGS = 2
"""Up and down so often: what the house does once is not taken for the car."""
HOLD_S = 20.0
"""At each current: cars follow in 3 to 10 s, and a few seconds of rest shall remain."""
TAIL_S = 8.0
"""The end of each hold, whose mean counts."""
START_S = 120.0
"""A car that was paused may take so long to begin."""
ROOM_S = 60.0
"""Control raises a current once the last change has shown, at the charger's write interval."""
OBEY_S = 30.0
"""As the writer's: the read-back shows an order by then, or never."""
SILENT_S = 15.0
"""Without readings of meter or charger for so long the trial ends."""
READBACK_A = 0.5
FOLLOWED = 0.5
"""Share of the expected change that a car must make at least; some round their current down."""
AGREE_KW = 0.3
AGREE = 0.3
"""Meter and charger may differ by this much of the change, or by `AGREE_KW` if that is more."""
KW_PER_A = 0.23


class Failure(StrEnum):
    """Why a charger could not be commissioned."""

    NO_METER = "no_meter"
    """No meter of control grade speaks."""
    CHARGER_SILENT = "charger_silent"
    NO_CAR = "no_car"
    BUSY = "busy"
    """Another charger is being commissioned."""
    NO_RANGE = "no_range"
    """Charger and car leave no two currents to compare."""
    NOT_CHARGING = "not_charging"
    """The car takes nothing, or stopped."""
    NO_ROOM = "no_room"
    """A limit leaves less than the higher current."""
    NOT_OBEYED = "not_obeyed"
    """The charger does not show what it was told."""
    CAR_DOES_NOT_FOLLOW = "car_does_not_follow"
    METER_DIFFERS = "meter_differs"
    """The charger says that it changed, the meter sees something else."""
    CANCELLED = "cancelled"
    """A person stopped it or ordered something else, or the site ended."""


PRECONDITIONS = (
    Failure.NO_METER,
    Failure.CHARGER_SILENT,
    Failure.NO_CAR,
    Failure.BUSY,
    Failure.NO_RANGE,
)
"""What is missing before it begins; everything else shows on the way."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What meter and charger showed at one moment."""

    at: datetime
    """When the meter spoke."""
    meter: MeterReading
    charger: ChargerReading
    load_kw: float
    """What house and cars take: the meter with sun and battery counted out."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a trial that succeeded found."""

    reaction_s: float
    """Longest time from an order until the meter showed half of it."""
    meter_kw: float
    """Change that the meter saw from the lower to the higher current."""
    samples: tuple[Sample, ...]


@dataclass(kw_only=True)
class _Level:
    """One current, held for a while."""

    current_a: float
    began: datetime
    due: datetime | None = None
    """Since when control orders it."""
    ordered: datetime | None = None
    """When it was written."""
    reached: datetime | None = None
    """When the charger showed it."""


class Trial:
    """The steps of one charger; ends with a `failure` or a `proof`."""

    def __init__(self, low_a: float, high_a: float, *, interval_s: float, now: datetime) -> None:
        """Try `low_a` and `high_a` with a meter that speaks every `interval_s`."""
        self.failure: Failure | None = None
        self.proof: Proof | None = None
        self._plan = [low_a, high_a] * SWINGS + [low_a]
        self._hold_s = max(HOLD_S, HOLD_S - TAIL_S + 3 * interval_s)
        self._tail_s = max(TAIL_S, 2.5 * interval_s)
        self._levels = [_Level(current_a=low_a, began=now)]
        self._samples: list[Sample] = []
        self._heard = now

    @property
    def asked_a(self) -> float:
        """Current to order now in A."""
        return self._levels[-1].current_a

    @property
    def progress(self) -> tuple[int, int]:
        """Number of the present step, from 1, and of all steps."""
        return len(self._levels), len(self._plan)

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to order."""
        return self.failure is not None or self.proof is not None

    def ordered(self, current_a: float, now: datetime) -> None:
        """Take note that a current was written to the charger."""
        level = self._levels[-1]
        if level.ordered is None and current_a == level.current_a:
            level.ordered = now

    def look(self, sample: Sample | None, setpoint_a: float, now: datetime) -> None:
        """Take what is read now; `setpoint_a` is what control makes of the order.

        `None` for a sample that lacks a fresh reading.
        """
        if self.ended:
            return
        if sample is None:
            if _since(self._heard, now) > SILENT_S:
                self.failure = Failure.CHARGER_SILENT
            return
        self._heard = now
        if not self._samples or sample.at > self._samples[-1].at:
            self._samples.append(sample)
        self.failure = self._wrong(sample, setpoint_a, now)
        level = self._levels[-1]
        if self.failure is None and level.reached and _since(level.reached, now) >= self._hold_s:
            self._next(now)

    def _wrong(self, sample: Sample, setpoint_a: float, now: datetime) -> Failure | None:
        level, charger = self._levels[-1], sample.charger
        if charger.status in (ChargerStatus.UNPLUGGED, ChargerStatus.ERROR):
            return Failure.NO_CAR
        if setpoint_a != level.current_a:
            return Failure.NO_ROOM if _since(level.began, now) > ROOM_S else None
        level.due = level.due or now
        shown = charger.limit_a
        if shown is None:
            obeyed = level.ordered is not None
        else:
            obeyed = abs(shown - level.current_a) <= READBACK_A
        if not obeyed:
            return Failure.NOT_OBEYED if _since(level.due, now) > OBEY_S else None
        if not _charges(charger):
            patience_s = START_S if len(self._levels) == 1 else OBEY_S
            return Failure.NOT_CHARGING if _since(level.due, now) > patience_s else None
        level.reached = level.reached or now
        return None

    def _next(self, now: datetime) -> None:
        done = len(self._levels)
        if done < len(self._plan):
            self._levels.append(_Level(current_a=self._plan[done], began=now))
        else:
            self._judge(now)

    # --- the verdict ----------------------------------------------------------------------------

    def _judge(self, now: datetime) -> None:
        """Compare what charger and meter showed at the lower and at the higher currents."""
        ends = [level.began for level in self._levels[1:]] + [now]
        tails = [self._tail(end) for end in ends]
        if not all(tails):
            self.failure = Failure.NO_METER
            return
        loads = [fmean(sample.load_kw for sample in tail) for tail in tails]
        drawn = [_power_kw(tail) for tail in tails]
        swing_a = self._plan[1] - self._plan[0]
        least_kw = FOLLOWED * KW_PER_A * swing_a
        meter_kw = _swing(loads)
        known = [kw for kw in drawn if kw is not None]
        if len(known) == len(drawn):
            charger_kw = _swing(known)
            if charger_kw < least_kw:
                self.failure = Failure.CAR_DOES_NOT_FOLLOW
                return
            if abs(meter_kw - charger_kw) > max(AGREE_KW, AGREE * charger_kw):
                self.failure = Failure.METER_DIFFERS
                return
        elif not least_kw <= meter_kw <= 4 * KW_PER_A * swing_a:
            self.failure = Failure.METER_DIFFERS
            return
        self.proof = Proof(
            reaction_s=self._reaction_s(loads), meter_kw=meter_kw, samples=tuple(self._samples)
        )

    def _tail(self, end: datetime) -> list[Sample]:
        return [s for s in self._samples if 0 <= _since(s.at, end) <= self._tail_s]

    def _reaction_s(self, loads: list[float]) -> float:
        """Return the longest time from a write until the meter passed half of the change."""
        times = []
        for number, level in enumerate(self._levels[1:], start=1):
            begin = level.ordered or level.due or level.began
            half = (loads[number - 1] + loads[number]) / 2
            rises = loads[number] > loads[number - 1]
            shown = next(
                (s.at for s in self._samples if s.at > begin and (s.load_kw > half) == rises),
                begin,
            )
            times.append(_since(begin, shown))
        return max(times)


def _since(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds()


def _charges(charger: ChargerReading) -> bool:
    if charger.status is not None and charger.status is not ChargerStatus.CHARGING:
        return False
    return charger.power_kw is None or charger.power_kw >= FOLLOWED * KW_PER_A * LOW_A


def _power_kw(samples: list[Sample]) -> float | None:
    """Return the charger's mean power, or `None` where it does not measure it."""
    known = [s.charger.power_kw for s in samples if s.charger.power_kw is not None]
    return fmean(known) if known else None


def _swing(means: list[float]) -> float:
    """Return the typical change from the lower to the higher current, as it went up and down."""
    changes = [later - earlier for earlier, later in pairwise(means)]
    return median(change if number % 2 == 0 else -change for number, change in enumerate(changes))
