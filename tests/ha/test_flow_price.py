"""The form of a price."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.smart_charging.devices.base import Data, DriverContext
from custom_components.smart_charging.flows import testing
from custom_components.smart_charging.prices.base import PriceSource
from custom_components.smart_charging.prices.registry import SOURCES
from custom_components.smart_charging.prices.wits import source as wits_source
from simulators.wits import WitsSimulator

from .flow_rig import Rig, message, options, shown, subentries
from .home import price_data

WITS = {
    "role": "import",
    "client_id": "simulated-client",
    "client_secret": "simulated-secret",
    "node": "ota2201 ",
}


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


@pytest.fixture
async def wits(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> WitsSimulator:
    """The service, where the source looks for it."""
    simulator = await rig.wits()
    monkeypatch.setattr(wits_source, "BASE_URL", simulator.base_url)
    monkeypatch.setattr(wits_source, "TOKEN_URL", simulator.token_url)
    return simulator


async def test_a_fixed_rate_is_the_price_at_once(hass: HomeAssistant, rig: Rig) -> None:
    entry = await rig.site()
    form = await rig.add(entry, "price", "fixed")
    assert shown(form) == {"role": "import", "factor": 1.0, "addition": 0.0}
    result = await rig.answer(form, role="import", rate=0.28, factor=1.0, addition=0.02)
    assert result["type"] == "create_entry"
    assert result["title"] == "Fixed rate (import)"
    await hass.async_block_till_done()
    (price,) = subentries(entry, "price")
    assert price.unique_id == "import_fixed_fixed"
    assert price.data == {
        "kind": "fixed",
        "role": "import",
        "source": {"rate": 0.28, "factor": 1.0, "addition": 0.02},
    }
    assert entry.runtime_data.price_now("import") == pytest.approx(0.30)


async def test_day_and_night_rates_are_asked_for_with_usual_hours(rig: Rig) -> None:
    entry = await rig.site()
    form = await rig.add(entry, "price", "day_night")
    assert shown(form)["day_start"] == 7
    assert shown(form)["weekend_is_night"] is True
    result = await rig.accept(
        form, day_rate=0.32, night_rate=0.24, weekend_is_night=False, factor=None
    )
    assert result["type"] == "create_entry"
    (price,) = subentries(entry, "price")
    assert price.data["source"] == {
        "day_rate": 0.32,
        "night_rate": 0.24,
        "day_start": 7.0,
        "day_end": 22.0,
        "weekend_is_night": False,
        "addition": 0.0,
    }


async def test_an_entity_without_prices_is_named_and_another_can_be_chosen(
    hass: HomeAssistant, rig: Rig
) -> None:
    entry = await rig.site()
    form = await rig.add(entry, "price", "entity")
    form = await rig.answer(form, role="import", entity="sensor.spot")
    assert "sensor.spot does not exist" in message(form)
    hass.states.async_set("sensor.spot", "21", {"unit_of_measurement": "°C"})
    form = await rig.accept(form)
    assert "sensor.spot carries no list of prices" in message(form)
    hour = dt_util.utcnow().replace(minute=0, second=0, microsecond=0)
    row = {
        "start": hour.isoformat(),
        "end": (hour + timedelta(hours=1)).isoformat(),
        "value": 0.31,
    }
    attributes = {"raw_today": [row], "raw_tomorrow": [], "unit_of_measurement": "EUR/kWh"}
    hass.states.async_set("sensor.spot", "0.31", attributes)
    form = await rig.accept(form)
    assert form["type"] == "create_entry"


async def test_wits_is_asked_with_the_credentials_and_the_node(
    rig: Rig, wits: WitsSimulator
) -> None:
    entry = await rig.site()
    form = await rig.add(entry, "price", "wits")
    form = await rig.answer(form, **{**WITS, "client_secret": "wrong"})
    assert "refuses the client ID and secret" in message(form)
    form = await rig.accept(form, client_secret=WITS["client_secret"], node="KBY0660")
    assert "KBY0661, KBY0662" in message(form)
    wits.inject("http_5xx", times=1)
    form = await rig.accept(form, node=WITS["node"])
    assert "cannot be reached" in message(form)
    form = await rig.accept(form, node=" ")
    assert form["errors"] == {"node": "required"}
    result = await rig.accept(form, node=WITS["node"])
    assert result["type"] == "create_entry"
    (price,) = subentries(entry, "price")
    assert price.unique_id == "import_wits_wits_OTA2201"
    assert price.data["source"]["node"] == "ota2201"


async def test_a_service_that_does_not_answer_in_time_ends_the_wait_in_words(
    rig: Rig, wits: WitsSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "TEST_TIMEOUT_S", 0.1)
    entry = await rig.site()
    wits.inject("delay", times=1, seconds=0.5)
    form = await rig.answer(await rig.add(entry, "price", "wits"), **WITS)
    assert "no answer within" in message(form)
    assert (await rig.accept(form))["type"] == "create_entry"


async def test_a_fault_of_our_own_is_told_and_logged(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(data: Data, context: DriverContext) -> PriceSource:
        raise ZeroDivisionError("by zero")

    entry = await rig.site()
    form = await rig.add(entry, "price", "fixed")
    with monkeypatch.context() as patch:
        patch.setitem(SOURCES, "fixed", replace(SOURCES["fixed"], create=broken))
        form = await rig.accept(form, rate=0.3)
    assert "ZeroDivisionError: by zero" in message(form)
    assert "Unexpected error while Fixed rate was tried" in caplog.text
    assert (await rig.accept(form))["type"] == "create_entry"


async def test_each_role_has_one_source(rig: Rig) -> None:
    entry = await rig.site(price_data("fixed", {"rate": 0.3}))
    form = await rig.add(entry, "price", "fixed")
    assert shown(form)["role"] == "export"
    assert options(form, "role") == ["import", "export"]
    form = await rig.accept(form, rate=0.05, role="import")
    assert form["errors"] == {"role": "role_taken"}
    assert "Another source has this role" in message(form)
    assert (await rig.accept(form, role="export"))["type"] == "create_entry"
    end = await rig.add(entry, "price")
    assert (end["type"], end["reason"]) == ("abort", "both_roles")


async def test_a_role_that_is_taken_while_the_source_is_asked_is_refused(
    hass: HomeAssistant, rig: Rig, wits: WitsSimulator
) -> None:
    entry = await rig.site()
    slow, fast = await rig.add(entry, "price", "wits"), await rig.add(entry, "price", "fixed")
    wits.inject("delay", times=1, seconds=0.3)
    asked = asyncio.create_task(rig.answer(slow, **WITS))
    async with asyncio.timeout(5):
        while "delay" in wits._faults:
            await asyncio.sleep(0)
    assert (await rig.accept(fast, rate=0.3))["type"] == "create_entry"
    form = await asked
    assert form["errors"] == {"role": "role_taken"}
    assert (await rig.accept(form, role="export"))["type"] == "create_entry"


async def test_a_changed_rate_holds_at_once(hass: HomeAssistant, rig: Rig) -> None:
    entry = await rig.site(price_data("fixed", {"rate": 0.3}))
    site, (price,) = entry.runtime_data, subentries(entry, "price")
    form = await rig.change(entry, price)
    assert (shown(form)["role"], shown(form)["rate"]) == ("import", 0.3)
    result = await rig.accept(form, rate=0.4, role="import")
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.runtime_data is site
    assert site.price_now("import") == pytest.approx(0.4)
    assert price.title == "Price fixed"


async def test_a_changed_role_needs_no_answer_of_the_service(
    hass: HomeAssistant, rig: Rig, wits: WitsSimulator
) -> None:
    entry = await rig.site()
    await rig.answer(await rig.add(entry, "price", "wits"), **WITS)
    await hass.async_block_till_done()
    (price,) = subentries(entry, "price")
    await wits.stop()
    result = await rig.accept(await rig.change(entry, price), role="export")
    assert result["reason"] == "reconfigure_successful"
    assert price.title == "WITS spot prices (New Zealand) (export)"
    assert price.unique_id == "export_wits_wits_OTA2201"
    assert price.data["role"] == "export"


async def test_a_changed_source_that_fails_changes_nothing(rig: Rig, wits: WitsSimulator) -> None:
    entry = await rig.site()
    await rig.answer(await rig.add(entry, "price", "wits"), **WITS)
    (price,) = subentries(entry, "price")
    before: dict[str, Any] = dict(price.data)
    form = await rig.change(entry, price)
    assert WITS["client_secret"] not in shown(form).values(), "no secret leaves Home Assistant"
    form = await rig.accept(form, node="XXX0001")
    assert "XXX0001 is unknown" in message(form)
    assert price.data == before
    result = await rig.accept(form, node="HAY2201")
    assert result["reason"] == "reconfigure_successful"
    assert price.unique_id == "import_wits_wits_HAY2201"
    assert price.data["source"]["client_secret"] == WITS["client_secret"]


async def test_a_step_that_no_source_has_does_not_exist(rig: Rig) -> None:
    entry = await rig.site()
    form = await rig.add(entry, "price")
    flow = rig.hass.config_entries.subentries._progress[form["flow_id"]]
    assert hasattr(flow, "async_step_fixed")
    assert not hasattr(flow, "async_step_gone")
    assert not hasattr(flow, "fixed")
