"""One station, or all of a garage as if they were one charger."""

from collections.abc import Mapping
from datetime import datetime

from ...core.reading import ChargerStatus
from ..charging import Idle
from .values import Sample

NEAR = 0.8
"""A measured voltage below this share of the nominal one is no voltage."""


class Stations:
    """What the stations that are looked at tell, together."""

    def __init__(self, phases: int, volts: float) -> None:
        """Take on how many phases they are connected, and the nominal voltage of one."""
        self.nominal_v = volts
        self._phases = phases
        self._samples: list[Sample] = []
        self._idle: dict[str, Idle] = {}
        self._drawn_on: dict[str, int] = {}
        """Phases on which the car at a station was seen to draw, until it leaves."""

    def look(self, samples: Mapping[str, Sample], *, allowed: bool, monotonic: float) -> None:
        """Take the newest samples; `allowed` tells whether the limit lets a car charge."""
        self._samples = list(samples.values())
        self._idle = {name: self._idle.get(name, Idle()) for name in samples}
        for sample in self._samples:
            if sample.plugged is False:
                self._drawn_on.pop(sample.station, None)
            elif sample.phases is not None:
                self._drawn_on[sample.station] = sample.phases
            self._idle[sample.station].watch(
                idle=bool(sample.plugged) and not sample.drawing,
                allowed=allowed,
                charged=(sample.session_kwh or 0.0) > 0,
                monotonic=monotonic,
            )

    @property
    def at(self) -> datetime | None:
        """Time of the newest sample, by the service's clock."""
        return max((sample.at for sample in self._samples), default=None)

    @property
    def status(self) -> ChargerStatus | None:
        """That of the busiest station."""
        found = {self._status(sample) for sample in self._samples}
        order = (
            ChargerStatus.CHARGING,
            ChargerStatus.CONNECTED,
            ChargerStatus.COMPLETE,
            ChargerStatus.UNPLUGGED,
        )
        return next((status for status in order if status in found), None)

    @property
    def power_kw(self) -> float | None:
        """Power of all; a sum that lacks a station would be wrong."""
        known = [s.power_kw for s in self._samples if s.power_kw is not None]
        return sum(known) if known and len(known) == len(self._samples) else None

    @property
    def currents_a(self) -> tuple[float, ...]:
        """Current of all on each of their phases; a station that lacks its own leaves none."""
        total = [0.0] * self._phases
        for sample in self._samples:
            if sample.current_a is None:
                return ()
            for line in range(min(self._drawn_on.get(sample.station, 3), self._phases)):
                total[line] += sample.current_a
        return tuple(total)

    @property
    def session_kwh(self) -> float | None:
        """Energy since plug-in. Of several cars that come and go there is no such thing."""
        return self._samples[0].session_kwh if len(self._samples) == 1 else None

    @property
    def offered_a(self) -> float | None:
        """What the stations offer their cars by themselves."""
        known = [s.offered_a for s in self._samples if s.offered_a is not None]
        return sum(known) if known and len(known) == len(self._samples) else None

    @property
    def phases(self) -> int:
        """Phases that a power spreads over: the fewest on which one of the cars draws."""
        return min([self._phases, *self._drawn_on.values()])

    @property
    def volts(self) -> float:
        """The lowest voltage: the same power is the highest current there."""
        measured = [
            s.voltage_v
            for s in self._samples
            if s.voltage_v is not None and NEAR * self.nominal_v <= s.voltage_v
        ]
        return min([self.nominal_v, *measured])

    def _status(self, sample: Sample) -> ChargerStatus | None:
        if sample.drawing and sample.plugged is not False:
            return ChargerStatus.CHARGING
        if sample.plugged is None:
            return None
        if not sample.plugged:
            return ChargerStatus.UNPLUGGED
        complete = self._idle[sample.station].complete
        return ChargerStatus.COMPLETE if complete else ChargerStatus.CONNECTED
