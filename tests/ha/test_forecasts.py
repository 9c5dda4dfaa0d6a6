"""What Home Assistant knows of load and sun: recorder statistics, energy platform, attributes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
import logging
from typing import Any

from homeassistant.components.recorder import Recorder
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.models.statistics import StatisticMetaData
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import session_scope
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    mock_integration,
    mock_platform,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.smart_charging.forecasts import (
    load_history,
    pv_forecast,
    pv_p10_forecast,
)

LOAD = "sensor.house_power"
HOUR = timedelta(hours=1)
MORNING = datetime(2026, 6, 1, 6, tzinfo=UTC)

type Forecasts = Mapping[str, Mapping[str, Any] | Exception | None]


def import_hours(hass: HomeAssistant, values: Mapping[datetime, float], unit: str) -> None:
    metadata: dict[str, Any] = {
        "has_sum": False,
        "name": None,
        "source": "recorder",
        "statistic_id": LOAD,
        "unit_of_measurement": unit,
        "mean_type": StatisticMeanType.ARITHMETIC,
    }
    if "unit_class" in StatisticMetaData.__annotations__:
        metadata["unit_class"] = "power"
    async_import_statistics(
        hass, metadata, [{"start": start, "mean": value} for start, value in values.items()]
    )


async def test_hourly_means_of_the_last_four_weeks_come_in_kw(
    recorder_mock: Recorder, hass: HomeAssistant
) -> None:
    this_hour = dt_util.utcnow().replace(minute=0, second=0, microsecond=0)
    import_hours(
        hass,
        {
            this_hour - timedelta(days=30): 9000.0,
            this_hour - 2 * HOUR: 400.0,
            this_hour - HOUR: 1250.0,
        },
        "W",
    )
    await async_wait_recording_done(hass)
    assert await load_history(hass, LOAD) == [
        (this_hour - 2 * HOUR, pytest.approx(0.4)),
        (this_hour - HOUR, pytest.approx(1.25)),
    ]


async def test_a_database_that_cannot_be_read_gives_no_history_and_says_so(
    recorder_mock: Recorder, hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    import_hours(hass, {dt_util.utcnow().replace(minute=0, second=0, microsecond=0): 400.0}, "W")
    await async_wait_recording_done(hass)

    def rename(old: str, new: str) -> None:
        with session_scope(hass=hass) as session:
            session.connection().exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    await recorder_mock.async_add_executor_job(rename, "statistics", "elsewhere")
    assert await load_history(hass, LOAD) == []
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert any(f"did not give the history of {LOAD}" in w for w in warnings)
    await recorder_mock.async_add_executor_job(rename, "elsewhere", "statistics")
    assert len(await load_history(hass, LOAD)) == 1


async def test_sensor_without_statistics_has_no_history(
    recorder_mock: Recorder, hass: HomeAssistant
) -> None:
    assert await load_history(hass, LOAD) == []


async def test_home_without_a_recorder_has_no_history(hass: HomeAssistant) -> None:
    assert await load_history(hass, LOAD) == []


async def add_platform(
    hass: HomeAssistant,
    domain: str,
    forecasts: Forecasts,
    state: ConfigEntryState = ConfigEntryState.LOADED,
) -> None:
    """Add an integration whose energy platform answers per config entry."""
    mock_integration(hass, MockModule(domain))

    async def async_get_solar_forecast(_hass: HomeAssistant, entry_id: str) -> Any:
        answer = forecasts[entry_id]
        if isinstance(answer, Exception):
            raise answer
        return None if answer is None else {"wh_hours": answer}

    platform = type("Platform", (), {"async_get_solar_forecast": async_get_solar_forecast})
    mock_platform(hass, f"{domain}.energy", platform)
    for entry_id in forecasts:
        MockConfigEntry(domain=domain, entry_id=entry_id, state=state).add_to_hass(hass)
    hass.config.components.add(domain)


async def set_up_energy(hass: HomeAssistant, *chosen: str) -> None:
    assert await async_setup_component(hass, "energy", {})
    if chosen:
        from homeassistant.components.energy.data import async_get_manager

        manager = await async_get_manager(hass)
        await manager.async_update(
            {
                "energy_sources": [
                    {
                        "type": "solar",
                        "stat_energy_from": "sensor.pv_energy",
                        "config_entry_solar_forecast": list(chosen),
                    }
                ]
            }
        )


async def test_forecast_of_the_energy_platform_is_read_in_utc(
    recorder_mock: Recorder, hass: HomeAssistant
) -> None:
    await hass.config.async_set_time_zone("Europe/Brussels")
    await add_platform(
        hass, "suns", {"one": {"2026-06-01T08:00:00+02:00": 500, "2026-06-01T09:00:00": 800.5}}
    )
    await set_up_energy(hass)
    assert await pv_forecast(hass) == {MORNING: 500.0, MORNING + HOUR: 800.5}


async def test_forecast_solar_names_ends_of_periods(
    recorder_mock: Recorder, hass: HomeAssistant
) -> None:
    await add_platform(
        hass,
        "forecast_solar",
        {"one": {"2026-06-01T06:00:00+00:00": 0, "2026-06-01T07:00:00+00:00": 500}},
    )
    await set_up_energy(hass)
    assert await pv_forecast(hass) == {MORNING: 500.0}


async def test_roofs_add_up_but_a_second_opinion_does_not(
    recorder_mock: Recorder, hass: HomeAssistant
) -> None:
    east = {MORNING.isoformat(): 500}
    west = {MORNING.isoformat(): 200}
    await add_platform(hass, "asolar", {"east": east, "west": west})
    await add_platform(hass, "bsolar", {"opinion": {MORNING.isoformat(): 690}})
    await set_up_energy(hass)
    assert await pv_forecast(hass) == {MORNING: 700.0}


async def test_choice_of_the_energy_dashboard_counts(
    recorder_mock: Recorder, hass: HomeAssistant
) -> None:
    await add_platform(hass, "asolar", {"east": {MORNING.isoformat(): 500}})
    await add_platform(hass, "bsolar", {"opinion": {MORNING.isoformat(): 690}})
    await set_up_energy(hass, "opinion")
    assert await pv_forecast(hass) == {MORNING: 690.0}


async def test_integration_that_fails_or_is_not_loaded_does_not_stop_the_others(
    recorder_mock: Recorder, hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    await add_platform(hass, "abroken", {"broken": AttributeError("no data yet")})
    await add_platform(
        hass, "boff", {"off": {MORNING.isoformat(): 1}}, ConfigEntryState.SETUP_RETRY
    )
    await add_platform(
        hass, "csolar", {"none": None, "good": {MORNING.isoformat(): 300, "nonsense": 1}}
    )
    await set_up_energy(hass)
    assert await pv_forecast(hass) == {MORNING: 300.0}
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert any("gave no solar forecast: AttributeError('no data yet')" in w for w in warnings)


async def test_home_without_any_forecast_gets_none(hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.other", "1", {"forecast": [1, 2]})
    assert await pv_forecast(hass) is None


async def test_solcast_attributes_of_several_days_go_on_from_each_other(
    hass: HomeAssistant,
) -> None:
    half = timedelta(minutes=30)
    owner = MockConfigEntry(domain="solcast_solar")
    owner.add_to_hass(hass)
    for day, name in enumerate(("today", "tomorrow")):
        entity = er.async_get(hass).async_get_or_create(
            "sensor", "solcast_solar", name, config_entry=owner
        )
        start = MORNING + timedelta(days=day)
        hass.states.async_set(
            entity.entity_id,
            "1",
            {
                "detailedForecast": [
                    {"period_start": start, "pv_estimate": 1.0, "pv_estimate10": 0.2},
                    {"period_start": (start + half).isoformat(), "pv_estimate": 2.0},
                    {"period_start": "nonsense", "pv_estimate": 2.0},
                    "nonsense",
                ],
                "detailedHourly": [{"period_start": start, "pv_estimate": 1.5}],
            },
        )
    tomorrow = MORNING + timedelta(days=1)
    assert await pv_forecast(hass) == {
        MORNING: 500.0,
        MORNING + half: 1000.0,
        tomorrow: 500.0,
        tomorrow + half: 1000.0,
    }


@pytest.mark.parametrize("complete", [True, False])
async def test_tenth_percentile_of_solcast_is_read_where_every_row_has_it(
    hass: HomeAssistant, complete: bool
) -> None:
    rows = [
        {"period_start": MORNING, "pv_estimate": 1.0, "pv_estimate10": 0.2},
        {"period_start": MORNING + HOUR / 2, "pv_estimate": 2.0, "pv_estimate10": 0.5},
    ]
    if not complete:
        del rows[1]["pv_estimate10"]
    hass.states.async_set("sensor.solcast", "1", {"detailedForecast": rows})
    hass.states.async_set("sensor.other", "1", {"wh_period": {MORNING.isoformat(): 250}})

    expected = {MORNING: 100.0, MORNING + HOUR / 2: 250.0} if complete else None
    assert pv_p10_forecast(hass) == expected


async def test_a_single_row_of_solcast_says_not_how_long_it_lasts(hass: HomeAssistant) -> None:
    row = {"period_start": MORNING, "pv_estimate": 1.0, "pv_estimate10": 0.2}
    hass.states.async_set("sensor.solcast", "1", {"detailedForecast": [row]})
    assert await pv_forecast(hass) is None
    assert pv_p10_forecast(hass) is None
    later = {**row, "period_start": MORNING + HOUR}
    hass.states.async_set("sensor.solcast", "1", {"detailedForecast": [row, later]})
    assert await pv_forecast(hass) == {MORNING: 1000.0, MORNING + HOUR: 1000.0}


async def test_wh_period_attributes_of_two_roofs_add_up(hass: HomeAssistant) -> None:
    for roof in ("east", "west"):
        owner = MockConfigEntry(domain="open_meteo_solar_forecast")
        owner.add_to_hass(hass)
        for sensor in ("today", "now"):
            entity = er.async_get(hass).async_get_or_create(
                "sensor", "open_meteo_solar_forecast", f"{roof}_{sensor}", config_entry=owner
            )
            hass.states.async_set(entity.entity_id, "1", {"wh_period": {MORNING.isoformat(): 250}})
    assert await pv_forecast(hass) == {MORNING: 500.0}
