"""Quarter-hour means of a house, as SolarEdge's service keeps them.

Quarters that nobody looked at while they passed share the mean of the whole gap: energy
stays exact.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .house import House

QUARTER_S = 900
KEPT_S = 2 * 86400


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Counters in kWh, and SoC, at one moment."""

    at_s: float
    pv: float
    imported: float
    exported: float
    charged: float
    discharged: float
    soc: float


type Counter = Callable[[Sample], float]


class History:
    """Samples of a house, asked for by quarter."""

    def __init__(self, house: House, lag_s: float) -> None:
        """Begin now; what is younger than `lag_s` is not shown yet."""
        self._house = house
        self._lag_s = lag_s
        self._samples: list[Sample] = []
        self.sample()

    @property
    def made_kwh(self) -> float:
        """Energy from the sun since the first sample."""
        return self._samples[-1].pv - self._samples[0].pv

    def sample(self) -> None:
        """Note the counters of this moment."""
        now_s = self._house.advance()
        battery, meter = self._house.battery, self._house.meter
        if self._samples and self._samples[-1].at_s >= now_s:
            self._samples.pop()
        self._samples.append(
            Sample(
                at_s=now_s,
                pv=self._house.pv_energy_kwh,
                imported=meter.import_kwh,
                exported=meter.export_kwh,
                charged=battery.charged_kwh if battery else 0.0,
                discharged=battery.discharged_kwh if battery else 0.0,
                soc=battery.soc if battery else 0.0,
            )
        )
        while self._samples[0].at_s < now_s - KEPT_S:
            self._samples.pop(0)

    def power(self, quarters: list[float], counter: Counter) -> dict[str, Any]:
        """Return the mean power in W of each quarter that starts at one of `quarters`."""
        return {"unit": "W", "values": self._differences(quarters, counter, 4000)}

    def energy(self, quarters: list[float], counter: Counter) -> dict[str, Any]:
        """Return the energy in Wh of each quarter."""
        return {"unit": "WH", "values": self._differences(quarters, counter, 1000)}

    def level(
        self, quarters: list[float], counter: Counter, unit: str, factor: float
    ) -> dict[str, Any]:
        """Return a level at the end of each quarter."""
        ends = [self._at(start + QUARTER_S, counter) for start in quarters]
        values = [
            self._point(start, None if end is None else end * factor)
            for start, end in zip(quarters, ends, strict=True)
        ]
        return {"unit": unit, "values": values}

    def _differences(
        self, quarters: list[float], counter: Counter, factor: float
    ) -> list[dict[str, Any]]:
        points = []
        for start in quarters:
            before, after = self._at(start, counter), self._at(start + QUARTER_S, counter)
            value = None if before is None or after is None else (after - before) * factor
            points.append(self._point(start, value))
        return points

    def _at(self, at_s: float, counter: Counter) -> float | None:
        """Interpolate a counter; `None` before the first sample and after what is shown."""
        samples = self._samples
        if at_s < samples[0].at_s or at_s > samples[-1].at_s - self._lag_s:
            return None
        i = bisect_left(samples, at_s, key=lambda sample: sample.at_s)
        after = samples[i]
        if after.at_s == at_s:
            return counter(after)
        before = samples[i - 1]
        share = (at_s - before.at_s) / (after.at_s - before.at_s)
        return counter(before) + share * (counter(after) - counter(before))

    def _point(self, start_s: float, value: float | None) -> dict[str, Any]:
        at = datetime.fromtimestamp(start_s, UTC).astimezone(self._house.time_zone)
        return {"timestamp": at.isoformat(), "value": value}
