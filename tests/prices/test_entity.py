"""Prices from entities of a running Home Assistant."""

import asyncio
from datetime import UTC, datetime, timedelta
import json
from typing import Any

import aiohttp
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.devices.base import (
    CannotConnect,
    DriverContext,
    WrongDevice,
)
from custom_components.smart_charging.devices.entity.context import EntityContext
from custom_components.smart_charging.prices.entity import EntityPrices
from simulators.clock import ManualClock
from simulators.prices import five_minute_prices

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 21, 11, 10, tzinfo=UTC)
T0 = NOW.replace(minute=0)
PRICE = "sensor.price"
UNIT = {"unit_of_measurement": "EUR/kWh"}


@pytest.fixture
def clock(freezer: Any) -> ManualClock:
    freezer.move_to(NOW)
    return ManualClock(NOW)


@pytest.fixture
def here(hass: HomeAssistant, session: aiohttp.ClientSession, clock: ManualClock) -> EntityContext:
    return EntityContext(
        session=session, clock=clock, run_blocking=hass.async_add_executor_job, hass=hass
    )


def rows(*values: float, start: datetime = T0) -> list[dict[str, Any]]:
    return [
        {
            "start": (start + i * HOUR).isoformat(),
            "end": (start + (i + 1) * HOUR).isoformat(),
            "value": value,
        }
        for i, value in enumerate(values)
    ]


def values(source: EntityPrices) -> list[float]:
    return [p.value for p in source.prices(T0, T0 + 48 * HOUR)]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_entity_is_followed(hass: HomeAssistant, here: EntityContext) -> None:
    hass.states.async_set(PRICE, "0.1", {**UNIT, "raw_today": rows(0.1, 0.2)})
    source = EntityPrices({"entity": PRICE}, here)
    told: list[int] = []
    task = asyncio.create_task(source.run(lambda: told.append(source.version)))
    await settle()
    assert values(source) == [0.1, 0.2]
    hass.states.async_set(PRICE, "0.2", {**UNIT, "raw_today": rows(0.1, 0.2)})
    await settle()
    assert len(told) == 1, "the same prices are no news"
    tomorrow = {"raw_tomorrow": rows(0.3, start=T0 + 2 * HOUR)}
    hass.states.async_set(PRICE, "0.2", {**UNIT, "raw_today": rows(0.1, 0.2), **tomorrow})
    await settle()
    assert values(source) == [0.1, 0.2, 0.3]
    assert told == [1, 2]
    assert source.fetched_at is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_prices_stay_while_the_entity_is_away(
    hass: HomeAssistant, here: EntityContext, clock: ManualClock
) -> None:
    hass.states.async_set(PRICE, "0.1", {**UNIT, "raw_today": rows(0.1, 0.2)})
    source = EntityPrices({"entity": PRICE}, here)
    await source.look()
    hass.states.async_set(PRICE, "unavailable")
    await source.look()
    clock.advance(14 * 60)
    await source.look()
    clock.advance(60)
    with pytest.raises(CannotConnect, match="unavailable"):
        await source.look()
    assert values(source) == [0.1, 0.2]
    hass.states.async_set(PRICE, "0.1", {**UNIT, "raw_today": rows(0.5)})
    await source.look()
    assert values(source)[0] == 0.5


async def test_end_of_a_fault_is_told_even_without_new_prices(
    hass: HomeAssistant, here: EntityContext, clock: ManualClock
) -> None:
    attributes = {**UNIT, "raw_today": rows(0.1, 0.2)}
    hass.states.async_set(PRICE, "0.1", attributes)
    source = EntityPrices({"entity": PRICE}, here)
    await source.look()
    hass.states.async_set(PRICE, "unavailable")
    await source.look()
    clock.advance(900)
    told: list[int] = []
    with pytest.raises(CannotConnect):
        await source.run(lambda: told.append(source.version))
    assert told == []
    hass.states.async_set(PRICE, "0.1", attributes)
    task = asyncio.create_task(source.run(lambda: told.append(source.version)))
    await settle()
    assert told == [1]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_second_entity_is_joined_and_may_be_empty(
    hass: HomeAssistant, here: EntityContext
) -> None:
    def rates(*found: float, start: datetime) -> dict[str, Any]:
        listed = rows(*found, start=start)
        return {"rates": [{**r, "value_inc_vat": r.pop("value")} for r in listed]}

    first, second = "event.current_day_rates", "event.next_day_rates"
    hass.states.async_set(first, "2026-11-21T00:00:00", rates(0.1, 0.2, start=T0))
    source = EntityPrices({"entity": first, "next_entity": second}, here)
    await source.look()
    assert values(source) == [0.1, 0.2]
    hass.states.async_set(second, "2026-11-21T16:00:00", rates(0.3, start=T0 + 2 * HOUR))
    await source.look()
    assert values(source) == [0.1, 0.2, 0.3]


async def test_live_five_minutes_lie_on_top_of_forecast_hours(
    hass: HomeAssistant, here: EntityContext, clock: ManualClock, freezer: Any
) -> None:
    forecast, live = "sensor.forecast", "sensor.general_price"
    hass.states.async_set(
        forecast,
        "0.3",
        {
            "unit_of_measurement": "$/kWh",
            "forecasts": [
                {"start_time": r["start"], "end_time": r["end"], "per_kwh": r["value"]}
                for r in rows(0.3, 0.4)
            ],
        },
    )
    freezer.tick(1)
    hass.states.async_set(
        live,
        "0.9",
        {
            "unit_of_measurement": "$/kWh",
            "per_kwh": 0.9,
            "spot_per_kwh": 0.5,
            "start_time": (NOW + timedelta(seconds=1)).isoformat(),
            "end_time": (NOW + timedelta(minutes=5)).isoformat(),
        },
    )
    source = EntityPrices({"entity": forecast, "next_entity": live}, here)
    await source.look()
    assert values(source) == [0.3, 0.9, 0.3, 0.4]


async def test_contract_of_months_is_written_down_for_the_days_around_now(
    hass: HomeAssistant, here: EntityContext, clock: ManualClock
) -> None:
    rate = {
        "start": "2026-01-01T00:00:00+00:00",
        "end": "2027-01-01T00:00:00+00:00",
        "value_inc_vat": 0.25,
    }
    hass.states.async_set("event.rates", "2026-11-21T00:00:00", {"rates": [rate]})
    source = EntityPrices({"entity": "event.rates"}, here)
    await source.look()
    found = source.prices(NOW, NOW + 48 * HOUR)
    assert {p.value for p in found} == {0.25}
    assert found[0].start <= NOW
    assert found[-1].end >= NOW + 48 * HOUR
    version = source.version
    clock.advance(3600)
    await source.look()
    assert source.version == version, "nothing new an hour later"


async def test_feed_of_the_demo(hass: HomeAssistant, here: EntityContext) -> None:
    feed = [
        {"start": p.start.isoformat(), "end": p.end.isoformat(), "value": p.value}
        for p in five_minute_prices(NOW)
    ]
    hass.states.async_set(PRICE, "0.3", {**UNIT, "prices": feed})
    source = EntityPrices({"entity": PRICE}, here)
    await source.look()
    assert source.prices(NOW, NOW + 30 * HOUR) == five_minute_prices(NOW)[: 30 * 12]


@pytest.mark.parametrize(
    ("state", "attributes", "error", "words"),
    [
        (None, {}, CannotConnect, "does not exist"),
        ("unavailable", {}, CannotConnect, "unavailable"),
        ("0.3", UNIT, WrongDevice, "no list of prices"),
        ("21", {"unit_of_measurement": "°C", "prices": rows(0.1)}, WrongDevice, "°C"),
    ],
)
async def test_entities_that_cannot_be_used_are_refused_with_the_reason(
    hass: HomeAssistant,
    here: EntityContext,
    state: str | None,
    attributes: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    if state is not None:
        hass.states.async_set(PRICE, state, attributes)
    with pytest.raises(error, match=words):
        await EntityPrices({"entity": PRICE}, here).identify()


async def test_unique_id_outlives_a_rename(hass: HomeAssistant, here: EntityContext) -> None:
    hass.states.async_set(PRICE, "0.1", {**UNIT, "raw_today": rows(0.1)})
    assert await EntityPrices({"entity": PRICE}, here).identify() == f"entity_{PRICE}"
    entry = er.async_get(hass).async_get_or_create(
        "sensor", "some_prices", "unique", suggested_object_id="listed"
    )
    hass.states.async_set(entry.entity_id, "0.1", {**UNIT, "raw_today": rows(0.1)})
    source = EntityPrices({"entity": entry.entity_id}, here)
    assert await source.identify() == f"entity_{entry.id}"


async def test_restart_answers_from_the_dump(hass: HomeAssistant, here: EntityContext) -> None:
    hass.states.async_set(PRICE, "0.1", {**UNIT, "raw_today": rows(0.1, 0.2)})
    source = EntityPrices({"entity": PRICE}, here)
    await source.look()
    stored = json.loads(json.dumps(source.dump()))
    again = EntityPrices({"entity": PRICE}, here)
    again.load(stored)
    assert values(again) == [0.1, 0.2]
    assert again.version == 1
    other = EntityPrices({"entity": "sensor.other"}, here)
    other.load(stored)
    assert values(other) == []


async def test_without_home_assistant_there_are_no_entities(context: DriverContext) -> None:
    with pytest.raises(TypeError):
        EntityPrices({"entity": PRICE}, context)


def register(
    hass: HomeAssistant, platform: str, unique_id: str, device_name: str | None = None
) -> tuple[str, str]:
    """Register a price sensor of an integration; return its entity id and config entry id."""
    entry = MockConfigEntry(domain=platform)
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(platform, unique_id)}, name=device_name
    )
    found = er.async_get(hass).async_get_or_create(
        "sensor", platform, unique_id, config_entry=entry, device_id=device.id
    )
    hass.states.async_set(found.entity_id, "0.1", UNIT)
    return found.entity_id, entry.entry_id


async def test_nord_pool_is_asked_by_day_and_tomorrow_may_be_missing(
    hass: HomeAssistant, here: EntityContext, clock: ManualClock
) -> None:
    entity, entry_id = register(hass, "nordpool", "SE4-current_price")
    calls: list[dict[str, Any]] = []
    published = {"2026-11-21"}

    async def answer(call: ServiceCall) -> dict[str, Any]:
        calls.append(dict(call.data))
        if call.data["date"] not in published:
            raise ServiceValidationError("empty_response")
        day = datetime.fromisoformat(call.data["date"]).replace(tzinfo=UTC) - HOUR
        listed = [
            {"start": r["start"], "end": r["end"], "price": 100.0}
            for r in rows(*[0.0] * 24, start=day)
        ]
        return {"SE3": [], "SE4": listed}

    hass.services.async_register(
        "nordpool", "get_prices_for_date", answer, supports_response=SupportsResponse.ONLY
    )
    source = EntityPrices({"entity": entity}, here)
    await source.look()
    assert [c["date"] for c in calls] == ["2026-11-21", "2026-11-22"]
    assert {c["config_entry"] for c in calls} == {entry_id}
    assert values(source) == [pytest.approx(0.1)] * 12
    published.add("2026-11-22")
    clock.advance(29 * 60)
    await source.look()
    assert len(calls) == 2, "the supplier is not asked again within half an hour"
    clock.advance(60)
    await source.look()
    assert len(values(source)) == 36


async def test_tibber_is_asked_for_the_home_of_the_device(
    hass: HomeAssistant, here: EntityContext
) -> None:
    entity, _ = register(hass, "tibber", "home-id", "Cabin")

    async def answer(call: ServiceCall) -> dict[str, Any]:
        start, end = (datetime.fromisoformat(call.data[key]) for key in ("start", "end"))
        assert end - start == 48 * HOUR
        listed = [{"start_time": r["start"], "price": r["value"]} for r in rows(0.1, 0.2)]
        return {"prices": {"Home": [{"start_time": T0.isoformat(), "price": 9.0}], "Cabin": listed}}

    hass.services.async_register(
        "tibber", "get_prices", answer, supports_response=SupportsResponse.ONLY
    )
    source = EntityPrices({"entity": entity}, here)
    await source.look()
    assert values(source) == [0.1, 0.2]


@pytest.mark.parametrize(
    ("platform", "service"),
    [("energyzero", "get_energy_prices"), ("easyenergy", "get_energy_usage_prices")],
)
async def test_dutch_services_are_asked_by_day(
    hass: HomeAssistant, here: EntityContext, platform: str, service: str
) -> None:
    entity, entry_id = register(hass, platform, "entry_today_energy_current_hour_price")

    async def answer(call: ServiceCall) -> dict[str, Any]:
        assert call.data["config_entry"] == entry_id
        assert call.data["incl_vat"] is True
        day = datetime.fromisoformat(call.data["start"]).replace(tzinfo=UTC)
        return {"prices": [{"timestamp": str(day + i * HOUR), "price": 0.2} for i in range(24)]}

    hass.services.async_register(platform, service, answer, supports_response=SupportsResponse.ONLY)
    source = EntityPrices({"entity": entity}, here)
    await source.look()
    assert set(values(source)) == {0.2}
    assert len(values(source)) >= 36


async def test_service_that_fails_is_cannot_connect(
    hass: HomeAssistant, here: EntityContext
) -> None:
    entity, _ = register(hass, "nordpool", "BE-current_price")
    with pytest.raises(CannotConnect):
        await EntityPrices({"entity": entity}, here).identify()

    async def nothing(_call: ServiceCall) -> dict[str, Any]:
        return {"BE": []}

    hass.services.async_register(
        "nordpool", "get_prices_for_date", nothing, supports_response=SupportsResponse.ONLY
    )
    with pytest.raises(CannotConnect, match="without prices"):
        await EntityPrices({"entity": entity}, here).identify()
