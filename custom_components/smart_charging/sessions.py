"""Follows what happens at each charger: plug-in, charging, energy since plug-in, SoC."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .core.reading import ChargerReading, ChargerStatus
from .settings import ChargerSettings

_PLUGGED = {ChargerStatus.CONNECTED, ChargerStatus.CHARGING, ChargerStatus.COMPLETE}

CHARGING_KW = 0.3
"""Below this a car is said to wait: chargers draw some tens of watts, trickles of cars up to 0.2 kW."""

GAP_S = 300.0
"""The last power counts for so long at most: a car that got less than we think leaves empty, one
that got more merely leaves fuller."""


@dataclass(frozen=True, kw_only=True)
class PartEvent:
    """Something that a person may want to be told."""

    type: str
    data: dict[str, Any]


class ChargerWatch:
    """What is known of one charger over time."""

    def __init__(self, settings: ChargerSettings) -> None:
        """Continue with what was kept over a restart."""
        self.settings = settings
        self.status: ChargerStatus | None = None
        self._last: ChargerReading | None = None

    @property
    def plugged(self) -> bool | None:
        """Whether a car is plugged in; `None` while unknown."""
        return None if self.status is None else self.status in _PLUGGED

    @property
    def charging_since(self) -> datetime | None:
        """Since when energy flows into a car; `None` while none does."""
        return self.settings.charging_since

    @property
    def charging(self) -> bool:
        """Whether energy flows into a car."""
        return self.charging_since is not None

    def delivered_kwh(self) -> float:
        """Return the AC energy since plug-in, from the best counter that the charger has."""
        last = self._last
        if last is None or not self.plugged:
            return 0.0
        if last.total_kwh is not None and self.settings.plugged_total_kwh is not None:
            return max(0.0, last.total_kwh - self.settings.plugged_total_kwh)
        if last.session_kwh is not None:
            return last.session_kwh
        return self.settings.integrated_kwh

    def estimated_soc(self, capacity_kwh: float, efficiency: float) -> float | None:
        """Return the last reported SoC plus what was charged since, or `None` without a report."""
        if self.settings.plugged_soc is None:
            return None
        charged = max(0.0, self.delivered_kwh() - self.settings.soc_at_kwh)
        return min(1.0, self.settings.plugged_soc + charged * efficiency / capacity_kwh)

    def report_soc(self, soc: float) -> None:
        """Take a SoC that the vehicle itself reports now."""
        self.settings.plugged_soc = soc
        self.settings.soc_at_kwh = self.delivered_kwh()

    def update(self, reading: ChargerReading, now: datetime) -> list[PartEvent]:
        """Take a reading; return what happened."""
        events: list[PartEvent] = []
        if self._last is not None and self._last.power_kw is not None:
            seconds = (reading.at - self._last.at).total_seconds()
            counted_h = min(max(0.0, seconds), GAP_S) / 3600
            self.settings.integrated_kwh += self._last.power_kw * counted_h
        before, self._last = self._last, reading
        # A fault hides whether a car is plugged in: what was known of it stays.
        known = reading.status is not None and reading.status is not ChargerStatus.ERROR
        plugged = reading.status in _PLUGGED if known else self.plugged
        if known and plugged:
            events += self._plugged_in(reading, now)
        if known:
            self.status = reading.status
        events += self._charge(reading, before, now)
        if known and not plugged:
            events += self._unplugged()
        return events

    def _plugged_in(self, reading: ChargerReading, now: datetime) -> list[PartEvent]:
        if self.settings.plugged_at is not None:
            return []
        self.settings.plugged_at = now
        self.settings.plugged_total_kwh = reading.total_kwh
        self.settings.plugged_soc = None
        self.settings.soc_at_kwh = 0.0
        self.settings.integrated_kwh = 0.0
        return [PartEvent(type="plugged_in", data={})]

    def _unplugged(self) -> list[PartEvent]:
        if self.settings.plugged_at is None:
            return []
        self.settings.plugged_at = None
        self.settings.plugged_soc = None
        self.settings.override = None
        self.settings.forced_phases = None
        self.settings.vehicle_chosen_here = False
        return [PartEvent(type="unplugged", data={})]

    def _charge(
        self, reading: ChargerReading, before: ChargerReading | None, now: datetime
    ) -> list[PartEvent]:
        if reading.status is ChargerStatus.UNPLUGGED:
            # Values come one by one: the power may still be the one from before the plug was pulled.
            flowing = False
        elif reading.power_kw is None:
            flowing = reading.status is ChargerStatus.CHARGING
        else:
            flowing = reading.power_kw >= CHARGING_KW
        kept = self.settings
        if flowing and kept.charging_since is None:
            kept.charging_since = now
            kept.charging_from_kwh = self.delivered_kwh()
            return [PartEvent(type="charging_started", data={})]
        if not flowing and kept.charging_since is not None:
            duration = (now - kept.charging_since).total_seconds()
            kept.charging_since = None
            # After an unplug the counters of the ended stay still stand in the reading before.
            energy = self._energy_of(reading, before) - kept.charging_from_kwh
            return [
                PartEvent(
                    type="charging_ended",
                    data={"duration_s": round(duration), "energy_kwh": round(max(0.0, energy), 3)},
                )
            ]
        return []

    def _energy_of(self, reading: ChargerReading, before: ChargerReading | None) -> float:
        for candidate in (reading, before):
            if candidate is None:
                continue
            if candidate.total_kwh is not None and self.settings.plugged_total_kwh is not None:
                return candidate.total_kwh - self.settings.plugged_total_kwh
            if candidate.session_kwh:
                return candidate.session_kwh
        return self.settings.integrated_kwh
