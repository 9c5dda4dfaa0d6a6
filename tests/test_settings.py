"""What a site remembers: the way through the store, and what damage costs."""

from datetime import UTC, datetime, time
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smart_charging.core.control.types import Mode, Override
from custom_components.smart_charging.core.reading import BatteryMode
from custom_components.smart_charging.settings import (
    SAVE_DELAY_S,
    BatterySettings,
    ChargerSettings,
    Settings,
    SettingsStore,
    VehicleSettings,
)

AT = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
KEY = "smart_charging.entry"


def everything() -> Settings:
    """Return settings in which nothing has its default."""
    return Settings(
        acting=True,
        chargers={
            "a:charger": ChargerSettings(
                mode=Mode.SOLAR,
                smart=False,
                vehicle="car",
                vehicle_chosen=True,
                vehicle_chosen_here=True,
                forced_phases=1,
                override=Override(current_a=10.0, until=AT),
                plugged_at=AT,
                plugged_total_kwh=1234.5,
                plugged_soc=0.4,
                soc_at_kwh=1.5,
                integrated_kwh=2.5,
                charging_since=AT,
                charging_from_kwh=0.5,
                release_due=True,
                guest_energy_kwh=7.0,
            ),
            "b:charger": ChargerSettings(override=Override(current_a=None, until=None)),
        },
        vehicles={
            "car": VehicleSettings(
                minimum_soc=0.3, target_soc=0.9, energy_kwh=20.0, ready_by=time(6, 15)
            )
        },
        batteries={
            "c:battery": BatterySettings(
                mode=BatteryMode.CHARGE,
                power_kw=2.0,
                original=BatteryMode.DISCHARGE,
                original_kw=1.5,
                release_due=True,
            )
        },
        month_peaks_kw={"2026-11": 4.2},
        house_peaks_a={"2026-11-20": [1.0, 2.0, 3.0]},
        plan={"cost": 1.0},
        prices={"p": {"rows": [1, 2]}},
        drivers={"a": {"saved": {"amp": 16}}},
        tokens={"solaredge_home_1": {"access_token": "a", "expires_at": 1.5}},
        requests={"r": {"cost": 2.8}},
    )


def test_everything_comes_back_as_it_was() -> None:
    settings = everything()
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_a_new_site_has_sensible_choices() -> None:
    settings = Settings.from_json({})
    assert settings == Settings()
    assert not settings.acting
    assert settings.charger("x").mode is Mode.SMART
    assert settings.vehicle("x").ready_by == time(7, 0)
    assert settings.battery("x").mode is None
    assert settings.charger("x") is settings.charger("x")


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("chargers", {"mode": "warp"}),
        ("chargers", {"plugged_at": "yesterday"}),
        ("chargers", {"override": {"current_a": 6}}),
        ("chargers", "text"),
        ("vehicles", {"ready_by": "25:00"}),
        ("vehicles", None),
        ("batteries", {"mode": "turbo"}),
        ("month_peaks_kw", "high"),
        ("house_peaks_a", 7),
        ("prices", []),
        ("drivers", "x"),
        ("requests", 1),
    ],
)
def test_a_damaged_row_is_left_out_and_the_rest_stays(
    caplog: pytest.LogCaptureFixture, table: str, row: Any
) -> None:
    stored = json.loads(json.dumps(everything().to_json()))
    stored[table]["broken"] = row
    assert Settings.from_json(stored) == everything()
    assert f"Stored {table} of broken are damaged" in caplog.text


@pytest.mark.parametrize("table", ["chargers", "month_peaks_kw", "plan", "requests"])
def test_a_damaged_table_is_left_out_and_the_rest_stays(
    caplog: pytest.LogCaptureFixture, table: str
) -> None:
    stored = json.loads(json.dumps(everything().to_json()))
    stored[table] = ["nonsense"]
    settings = Settings.from_json(stored)
    assert not getattr(settings, table)
    assert settings.acting
    assert settings.vehicles == everything().vehicles
    assert f"Stored {table} are damaged" in caplog.text


def test_damage_never_makes_a_site_act() -> None:
    assert not Settings.from_json({"acting": "no"}).acting


def test_keys_of_another_version_are_ignored() -> None:
    settings = Settings.from_json({"chargers": {"x": {"mode": "fast", "colour": "red"}}, "new": 1})
    assert settings.chargers == {"x": ChargerSettings(mode=Mode.FAST)}


def test_a_removed_subentry_takes_everything_of_it_along() -> None:
    settings = everything()
    for subentry in ("a", "c", "car", "p"):
        settings.forget(subentry)
    assert list(settings.chargers) == ["b:charger"]
    assert not settings.batteries
    assert not settings.vehicles
    assert not settings.prices
    assert not settings.drivers
    assert settings.month_peaks_kw


async def test_changes_are_written_together_and_not_put_off_by_more_changes(
    hass: HomeAssistant, hass_storage: dict[str, Any], freezer: Any
) -> None:
    store = SettingsStore(hass, "entry")
    gathered: list[datetime] = []
    settings = await store.load(lambda: gathered.append(dt_util.utcnow()))
    settings.acting = True
    for _ in range(4):
        store.changed()
        freezer.tick(SAVE_DELAY_S / 4 - 1)
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
    assert not gathered
    freezer.tick(5)
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert len(gathered) == 1
    assert hass_storage[KEY]["data"]["acting"] is True
    again = SettingsStore(hass, "entry")
    assert await again.load(lambda: None) == settings
    await again.remove()
    assert KEY not in hass_storage


async def test_what_was_asked_for_is_in_the_store_at_once_when_it_must_be(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    store = SettingsStore(hass, "entry")
    settings = await store.load(lambda: None)
    settings.battery("b").original = BatteryMode.HOLD
    await store.save()
    assert hass_storage[KEY]["data"]["batteries"]["b"]["original"] == "hold"
