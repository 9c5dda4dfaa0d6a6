"""Diagnostics: enough to plan the same again, nothing that tells who or where somebody is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import sys
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.diagnostics import REDACTED
from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import ExtendedJSONEncoder
import pytest

from custom_components.smart_charging.core.planner import (
    plan,
    plan_from_json,
    problem_from_json,
)
from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics

from .entity_home import EntityHome, battery_data, entity_home, sun_data
from .home import PASSWORD, car_data, charger_data, meter_data, price_data, site_entry

NIGHT = "2026-11-20 18:00:00+00:00"
SCRIPT = Path(__file__).parents[2] / "scripts" / "plan.py"

SECRETS = {
    "the charger's password": PASSWORD,
    "the charger's serial": "91012345",
    "the meter's serial": "1SAG3100000001",
    "the adapter's serial": "AB0CD1EF",
    "the card of the car": "04A2B3C4D5",
    "where the car is": "device_tracker.my_car",
    "the key of the cloud": "L4QLVQ1LOKCQX2193VSEICXW61NP6B1O",
    "the site at the cloud": "1234567",
    "the secret of the market": "market-secret",
    "the client at the market": "market-client",
}


def cloud_data() -> ConfigSubentryDataWithId:
    """Return the subentry of an inverter in a cloud, which cannot be reached."""
    return ConfigSubentryDataWithId(
        subentry_id="cloud_sub",
        subentry_type="device",
        title="Cloud 1234567",
        unique_id="solaredge_cloud_1234567",
        data={
            "make": "solaredge_cloud",
            "connection": {
                "api_key": SECRETS["the key of the cloud"],
                "site_id": SECRETS["the site at the cloud"],
                "base_url": "http://127.0.0.1:9",
            },
            "identity": {"serial": "1234567", "name": "Site 1234567"},
            "parts": {"pv": {"kind": "pv", "used": False}},
        },
    )


@asynccontextmanager
async def full_home(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> AsyncIterator[EntityHome]:
    """Run a home that knows a lot of secrets."""
    wits = {
        "client_id": SECRETS["the client at the market"],
        "client_secret": SECRETS["the secret of the market"],
        "node": "KBY0662",
        "base_url": "http://127.0.0.1:9",
        "token_url": "http://127.0.0.1:9",
    }
    market = price_data("wits", wits) | {"subentry_id": "wits_sub", "unique_id": "wits"}
    market["data"] = {**market["data"], "role": "export"}
    async with entity_home(hass, freezer) as home:
        charger = charger_data(home.wattpilot_port)
        charger["title"] = "Wattpilot 91012345"
        charger["data"] = {
            **charger["data"],
            "identity": {"serial": "91012345", "name": "Wattpilot_91012345"},
        }
        meter = meter_data(home.pty)
        meter["title"] = "P1 1SAG3100000001"
        entry = site_entry(
            meter,
            charger,
            sun_data(),
            battery_data(),
            cloud_data(),
            car_data(tag="04A2B3C4D5", location_entity="device_tracker.my_car"),
            price_data("fixed", {"rate": 0.3}),
            ConfigSubentryDataWithId(**market),
        )
        home.entry = entry
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await home.connected("meter_sub", "charger_sub", "sun_sub", "battery_sub")
        await home.run(10, step=1)
        yield home


@pytest.mark.freeze_time(NIGHT)
async def test_no_secret_is_anywhere_in_a_download(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async with full_home(hass, freezer) as home:
        assert home.entry is not None
        content = await async_get_config_entry_diagnostics(hass, home.entry)
    text = json.dumps(content, cls=ExtendedJSONEncoder)
    for what, secret in SECRETS.items():
        assert secret.lower() not in text.lower(), what
    for number in (hass.config.latitude, hass.config.longitude):
        assert f"{number}" not in text
    assert REDACTED in text
    titles = [subentry["title"] for subentry in content["subentries"]]
    assert f"Wattpilot {REDACTED}" in titles
    assert "Roof" in titles, "what is no secret stays"


@pytest.mark.freeze_time(NIGHT)
async def test_a_download_tells_what_runs_and_what_does_not(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    async with full_home(hass, freezer) as home:
        assert home.entry is not None
        home.site.runners["cloud_sub"].readings.clear()
        content = await async_get_config_entry_diagnostics(hass, home.entry)
    devices = {device["make"]: device for device in content["devices"]}
    assert devices["p1"]["error"] is None
    meter = devices["p1"]["parts"]["meter"]
    assert meter["age_s"] <= 2
    assert meter["stale_after_s"] == 10
    assert float(meter["reading"]["power_kw"]) == pytest.approx(home.house.meter.power_kw, abs=0.2)
    assert devices["solaredge_cloud"]["parts"] == {}
    assert content["acting"] is False
    assert content["planner_failure"] is None
    assert content["setpoints"]["charger_sub:charger"]["reason"]
    roles = {price["role"]: price for price in content["prices"]}
    assert roles["import"]["error"] is None
    assert roles["export"]["error"] == "cannot_connect"
    assert content["site"]["fuse_a"] == 25


@pytest.mark.freeze_time(NIGHT)
async def test_the_problem_in_a_download_gives_the_same_plan(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, tmp_path: Path
) -> None:
    async with full_home(hass, freezer) as home:
        assert home.entry is not None
        content = await async_get_config_entry_diagnostics(hass, home.entry)
        made = home.site.plan
        assert made is not None
    download = tmp_path / "download.json"
    text = json.dumps({"home_assistant": {}, "data": content}, cls=ExtendedJSONEncoder)
    await hass.async_add_executor_job(download.write_text, text)
    data: dict[str, Any] = json.loads(text)["data"]
    again = await hass.async_add_executor_job(plan, problem_from_json(data["problem"]))
    assert again.schedule == made.schedule
    assert again.cost == pytest.approx(made.cost)
    assert plan_from_json(data["plan"]).schedule == made.schedule
    assert made.schedule.chargers

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        "--json",
        str(download),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    assert plan_from_json(json.loads(printed)).schedule == made.schedule


async def test_a_site_that_never_planned_can_be_downloaded_too(hass: HomeAssistant) -> None:
    entry = site_entry()
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    content = await async_get_config_entry_diagnostics(hass, entry)
    assert content["problem"] is None
    assert content["plan"] is None
    assert content["devices"] == []
    await hass.config_entries.async_unload(entry.entry_id)
