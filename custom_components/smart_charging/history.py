"""What the site learns over time: month peaks, house currents, load and PV forecasts."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING

from homeassistant.const import Platform
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .core.control import house_currents_a
from .core.control.types import ControlSite, Readings
from .core.forecast import LoadProfile, load_profile
from .core.reading import ChargerReading, Limiter, MeterReading, PartKind, Peak
from .forecasts import load_history, pv_forecast, pv_p10_forecast

if TYPE_CHECKING:
    from .site import Site

_LOGGER = logging.getLogger(__name__)

REFRESH = timedelta(hours=1)
"""Forecasts of sun and load are renewed this often; sources themselves move no faster."""

SAFE_DAYS = 7
"""Days of house currents behind the proven-safe current."""

SUSTAINED = timedelta(seconds=30)
"""A house current counts as a peak once it has lasted this long; fuses bear shorter ones."""

QUARTER_S = 900

BILLED_MONTHS = 12
"""A capacity tariff bills the mean of so many months."""


class History:
    """Learns from readings and from the recorder."""

    def __init__(self, site: "Site") -> None:
        """Belong to `site`."""
        self._site = site
        self._task: asyncio.Task[None] | None = None
        self._quarter: int | None = None
        self._quarter_import_kwh: float | None = None
        self._import_kwh: float | None = None
        self._house_currents: deque[tuple[datetime, tuple[float, ...]]] = deque()
        self._limiter: tuple[str, Limiter] | None = None
        """As the meter last told it, and which meter."""
        self._past_peaks: tuple[Peak, ...] = ()
        self.profile: LoadProfile = load_profile([], site.hass.config.time_zone)
        self.pv_wh: Mapping[datetime, float] | None = None
        self.pv_p10_wh: Mapping[datetime, float] | None = None

    def start(self) -> None:
        """Begin to renew the forecasts."""
        self._task = self._site.hass.async_create_background_task(
            self._refresh(), f"{DOMAIN} forecasts"
        )

    async def stop(self) -> None:
        """End renewing."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _refresh(self) -> None:
        site = self._site
        while True:
            registry = er.async_get(site.hass)
            load_entity = registry.async_get_entity_id(
                Platform.SENSOR, DOMAIN, f"{site.entry.entry_id}_house_power"
            )
            if load_entity is not None:
                history = await load_history(site.hass, load_entity)
                self.profile = load_profile(history, site.hass.config.time_zone)
            if site.config.parts(PartKind.PV):
                self.pv_wh = await pv_forecast(site.hass)
                self.pv_p10_wh = pv_p10_forecast(site.hass)
            site.replanner.request("forecast")
            await asyncio.sleep(REFRESH.total_seconds())

    def meter(self, reading: MeterReading) -> None:
        """Take a reading of the grid connection."""
        self._take_limiter(reading)
        self._take_peak(reading)
        self._take_house_currents(reading)

    # --- where the meter cuts the house off -----------------------------------------------------

    def _take_limiter(self, reading: MeterReading) -> None:
        part = self._site.meter_part
        if reading.limiter is None or part is None:
            return
        before, self._limiter = self.limiter, (part.id, reading.limiter)
        if self.limiter != before:
            self._site.replanner.request("limiter")

    @property
    def limiter(self) -> Limiter:
        """What the meter in use last said of its limiter; one telegram without it changes nothing."""
        part = self._site.meter_part
        if self._limiter is None or part is None or self._limiter[0] != part.id:
            return Limiter()
        return self._limiter[1]

    # --- the month's peak -----------------------------------------------------------------------

    def _month(self) -> str:
        return _month_of(self._site.clock.now())

    def _take_peak(self, reading: MeterReading) -> None:
        """Keep the month's peak: the meter's own where it has it, else from its counter."""
        peaks = self._site.settings.month_peaks_kw
        month = self._month()
        self._past_peaks = reading.peak_history or self._past_peaks
        if reading.month_peak is not None:
            if peaks.get(month) != reading.month_peak.kw:
                peaks[month] = reading.month_peak.kw
                self._site.store.changed()
            return
        if reading.import_kwh is None:
            return
        moment = reading.device_time or reading.at
        quarter = int(moment.timestamp()) // QUARTER_S
        self._import_kwh = reading.import_kwh
        if quarter == self._quarter:
            return
        if (
            self._quarter is not None
            and quarter == self._quarter + 1
            and self._quarter_import_kwh is not None
        ):
            mean_kw = (reading.import_kwh - self._quarter_import_kwh) * 4
            # The last quarter of a month is over when the next month has begun.
            month = _month_of(dt_util.utc_from_timestamp(self._quarter * QUARTER_S))
            if mean_kw > peaks.get(month, 0.0):
                peaks[month] = round(mean_kw, 3)
                self._site.store.changed()
        self._quarter, self._quarter_import_kwh = quarter, reading.import_kwh

    def month_peak_kw(self) -> float:
        """Return the highest quarter-hour mean import of the running month so far."""
        return self._site.settings.month_peaks_kw.get(self._month(), 0.0)

    def past_peaks(self) -> Sequence[tuple[str, Peak]]:
        """Return the peaks of the months before, oldest first, each with its month (`2026-10`).

        The meter's own where it keeps them, else those that were counted here.
        """
        # A quarter is dated at its end: the last one of a month at the start of the next.
        told = {
            _month_of(peak.at - timedelta(seconds=1)): peak
            for peak in self._past_peaks
            if peak.at is not None
        }
        counted = self._site.settings.month_peaks_kw.items()
        months = {month: Peak(kw=kw) for month, kw in counted} | told
        months.pop(self._month(), None)
        return sorted(months.items())

    def mean_peak_kw(self) -> float | None:
        """Return the mean of the last twelve months that are over, none below the billed floor."""
        floor_kw = self._site.config.peak_floor_kw
        kws = [max(peak.kw, floor_kw) for _, peak in self.past_peaks()[-BILLED_MONTHS:]]
        return sum(kws) / len(kws) if kws else None

    def quarter_energy_kwh(self) -> float:
        """Return the import since the running quarter began."""
        meter = self._site.meter
        if meter is not None and meter.quarter_kw is not None:
            return meter.quarter_kw / 4
        if self._import_kwh is None or self._quarter_import_kwh is None:
            return 0.0
        return max(0.0, self._import_kwh - self._quarter_import_kwh)

    def peak_target_kw(self) -> float | None:
        """Return the quarter-hour mean that must not be exceeded; `None` without a tariff on it."""
        site = self._site
        if site.config.peak_price <= 0:
            return None
        bought = site.plan.schedule.peak_target_kw if site.plan is not None else None
        return max(self.month_peak_kw(), site.config.peak_floor_kw, bought or 0.0)

    # --- what the house draws -------------------------------------------------------------------

    def _take_house_currents(self, reading: MeterReading) -> None:
        site = self._site
        chargers = {
            part.id: charger
            for part in site.config.parts(PartKind.CHARGER)
            if isinstance(charger := site.latest(part), ChargerReading)
        }
        currents = house_currents_a(
            ControlSite(
                grid=site.config.grid,
                chargers=tuple(p.charger_spec() for p in site.config.parts(PartKind.CHARGER)),
            ),
            Readings(meter=reading, chargers=chargers),
        )
        if not currents:
            return
        self._house_currents.append((reading.at, currents))
        while reading.at - self._house_currents[0][0] > SUSTAINED:
            self._house_currents.popleft()
        if reading.at - self._house_currents[0][0] < SUSTAINED / 2:
            return
        # A charger speaks seconds after its meter: what lasts is the house, the rest its echo.
        currents = tuple(
            min(values) for values in zip(*(c for _, c in self._house_currents), strict=True)
        )
        day = dt_util.as_local(site.clock.now()).date().isoformat()
        peaks = site.settings.house_peaks_a
        known = peaks.get(day, [0.0] * len(currents))
        highest = [round(max(a, b), 1) for a, b in zip(known, currents, strict=False)]
        if highest != known:
            peaks[day] = highest
            for old in sorted(peaks)[:-SAFE_DAYS]:
                del peaks[old]
            site.store.changed()

    def house_peak_a(self) -> tuple[float, ...]:
        """Return the highest house current per phase of the last days; empty when unknown."""
        days = list(self._site.settings.house_peaks_a.values())
        return tuple(max(values) for values in zip(*days, strict=False)) if days else ()


def _month_of(moment: datetime) -> str:
    """Return the month of a moment where the site is: `2026-10`."""
    return dt_util.as_local(moment).strftime("%Y-%m")
