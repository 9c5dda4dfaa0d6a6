"""What Home Assistant knows of the house's load and of the sun to come."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform, UnitOfPower
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .core.forecast import begin_periods, sum_forecasts

_LOGGER = logging.getLogger(__name__)

HISTORY = timedelta(days=28)
"""Four samples of each hour of the week: enough for a mean, short enough to follow the season."""

ENDED_PERIODS = frozenset({"forecast_solar"})
"""Integrations whose Wh carry the end of their period; all others name its begin."""

_KW_LISTS = ("detailedForecast", "detailedHourly")
"""Solcast: mean kW per period, half hours before hours."""

_MEAN = "pv_estimate"
_P10 = "pv_estimate10"
"""Fields of their rows: what is expected, and what is exceeded with 90 % probability."""

_WH_MAPPINGS = ("wh_period", "wh_hours")

type Forecast = dict[datetime, float]
"""Wh of the period that begins at each time (UTC)."""


async def load_history(hass: HomeAssistant, statistic_id: str) -> list[tuple[datetime, float]]:
    """Return the hourly means of a power sensor in kW over the last 28 days, oldest first.

    Empty where there is no recorder, or no long-term statistics of it yet.
    """
    if "recorder" not in hass.config.components:
        return []
    # Loaded already, so that these imports cost nothing; without a recorder they must not happen.
    from homeassistant.components.recorder.statistics import statistics_during_period
    from homeassistant.helpers.recorder import get_instance
    from sqlalchemy.exc import SQLAlchemyError

    try:
        statistics = await get_instance(hass).async_add_executor_job(
            statistics_during_period,
            hass,
            dt_util.utcnow() - HISTORY,
            None,
            {statistic_id},
            "hour",
            {"power": UnitOfPower.KILO_WATT},
            {"mean"},
        )
    except SQLAlchemyError as err:
        _LOGGER.warning("The recorder did not give the history of %s: %s", statistic_id, err)
        return []
    return [
        (dt_util.utc_from_timestamp(row["start"]), mean)
        for row in statistics.get(statistic_id, [])
        if (mean := row.get("mean")) is not None
    ]


async def pv_forecast(hass: HomeAssistant) -> Forecast | None:
    """Return the Wh that the sun is expected to give per period, or `None` without a forecast.

    First those that the energy dashboard uses, then any integration with a forecast for it, then
    entities that carry one in their attributes.
    """
    if "energy" in hass.config.components and (found := await _energy_forecast(hass)):
        return found
    return _attribute_forecast(hass) or None


def pv_p10_forecast(hass: HomeAssistant) -> Forecast | None:
    """Return the Wh per period that are exceeded with 90 % probability, `None` if nobody says."""
    return _attribute_forecast(hass, _P10) or None


async def _energy_forecast(hass: HomeAssistant) -> Forecast:
    from homeassistant.components.energy.data import async_get_manager
    from homeassistant.components.energy.websocket_api import async_get_energy_platforms

    platforms: Mapping[str, Any] = await async_get_energy_platforms(hass)
    preferences: Mapping[str, Any] = (await async_get_manager(hass)).data or {}
    chosen = {
        entry_id
        for source in preferences.get("energy_sources", ())
        for entry_id in source.get("config_entry_solar_forecast") or ()
    }
    by_domain: dict[str, list[Forecast]] = defaultdict(list)
    for domain, get_forecast in sorted(platforms.items()):
        for entry in hass.config_entries.async_entries(domain):
            if entry.state is not ConfigEntryState.LOADED:
                continue
            if chosen and entry.entry_id not in chosen:
                continue
            try:
                answer = await get_forecast(hass, entry.entry_id)
            except Exception as err:  # noqa: BLE001 - another integration's bug must not end ours
                _LOGGER.warning("%s gave no solar forecast: %r", entry.title, err)
                continue
            if forecast := _parsed(answer.get("wh_hours") if answer else None):
                ended = domain in ENDED_PERIODS
                by_domain[domain].append(begin_periods(forecast) if ended else forecast)
    if chosen:
        return sum_forecasts(forecast for found in by_domain.values() for forecast in found)
    # Nothing chosen: two integrations most likely forecast the same roof, so one of them counts.
    return sum_forecasts(next(iter(by_domain.values()), ()))


def _attribute_forecast(hass: HomeAssistant, field: str = _MEAN) -> Forecast:
    """Return what sensors carry: those of one config entry go on from each other, entries add up."""
    registry = er.async_get(hass)
    by_platform: dict[str, dict[str | None, Forecast]] = defaultdict(lambda: defaultdict(dict))
    for state in hass.states.async_all(Platform.SENSOR):
        if not (forecast := _of_state(state, field)):
            continue
        entry = registry.async_get(state.entity_id)
        platform = entry.platform if entry is not None else ""
        owner = entry.config_entry_id if entry is not None else None
        by_platform[platform][owner].update(forecast)
    if not by_platform:
        return {}
    return sum_forecasts(by_platform[min(by_platform)].values())


def _of_state(state: State, field: str) -> Forecast:
    for key in _KW_LISTS:
        if isinstance(rows := state.attributes.get(key), list):
            return _of_rows(rows, field)
    for key in _WH_MAPPINGS:
        if field == _MEAN and isinstance(mapping := state.attributes.get(key), Mapping):
            return _parsed(mapping)
    return {}


def _of_rows(rows: Iterable[Any], field: str) -> Forecast:
    """Return Wh from rows of mean kW, each as long as the step to the next.

    Nothing when a row that has the expected power has not the field that is asked for.
    """
    powers = {
        start: _number(row.get(field))
        for row in rows
        if isinstance(row, Mapping)
        and (start := _time(row.get("period_start"))) is not None
        and _number(row.get(_MEAN)) is not None
    }
    starts = sorted(powers)
    steps = [after - before for before, after in pairwise(starts)]
    if not steps:
        return {}
    hours = min(steps) / timedelta(hours=1)
    found = {start: kw * hours * 1000 for start in starts if (kw := powers[start]) is not None}
    return found if len(found) == len(powers) else {}


def _parsed(mapping: Mapping[Any, Any] | None) -> Forecast:
    return {
        start: wh
        for key, value in (mapping or {}).items()
        if (start := _time(key)) is not None and (wh := _number(value)) is not None
    }


def _time(value: Any) -> datetime | None:
    """Return a time in UTC; one without a zone is local."""
    if isinstance(value, str):
        value = dt_util.parse_datetime(value)
    return dt_util.as_utc(value) if isinstance(value, datetime) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
