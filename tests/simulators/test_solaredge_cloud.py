"""The simulated SolarEdge service, asked over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
import itertools
from typing import Any

import aiohttp
import pytest

from simulators.clock import ManualClock
from simulators.house import BatteryConfig, House, HouseConfig
from simulators.solaredge_cloud import SolarEdgeCloud

MORNING = datetime(2026, 6, 10, 9, 0, tzinfo=UTC)
KEY = {"X-API-Key": "TEST-KEY"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MORNING)


@pytest.fixture
async def cloud(clock: ManualClock) -> AsyncIterator[SolarEdgeCloud]:
    house = House(HouseConfig(sky="clear", battery=BatteryConfig()), clock)
    async with SolarEdgeCloud(house) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as running:
        yield running


async def get(
    session: aiohttp.ClientSession, cloud: SolarEdgeCloud, path: str, **params: str
) -> tuple[int, Any, Any]:
    async with session.get(cloud.base_url + path, headers=KEY, params=params) as response:
        return response.status, await response.json(), response.headers


async def test_quarters_hold_the_mean_of_the_house_and_end_in_nulls(
    cloud: SolarEdgeCloud, session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    house = cloud.house
    energies = [house.pv_energy_kwh]
    for _ in range(3):
        clock.advance(900)
        cloud.sample()
        energies.append(house.pv_energy_kwh)
    clock.advance(300)
    status, body, _ = await get(
        session,
        cloud,
        "/sites/1234567/power",
        **{
            "from": (MORNING - timedelta(minutes=30)).isoformat(),
            "to": clock.now().isoformat(),
            "resolution": "QUARTER_HOUR",
        },
    )
    assert status == 200
    values = [point["value"] for point in body["values"]]
    means = [(b - a) * 4000 for a, b in itertools.pairwise(energies)]
    assert values == [None, None, *(pytest.approx(mean) for mean in means), None]
    assert body["values"][2]["timestamp"] == "2026-06-10T11:00:00+02:00"


async def test_meters_and_battery_balance(
    cloud: SolarEdgeCloud, session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    clock.advance(1800)
    _, meters, _ = await get(session, cloud, "/sites/1234567/meters/telemetry")
    _, storage, _ = await get(session, cloud, "/sites/1234567/storage/telemetry")

    def last(series: dict[str, Any]) -> float:
        return float([p["value"] for p in series["values"] if p["value"] is not None][-1])

    by = meters["meters"]
    grid = last(by["M-FEED-001"]["importPower"]) - last(by["M-FEED-001"]["exportPower"])
    used = last(by["M-CONS-001"]["consumptionPower"])
    battery = storage["storage"]["BATT-001"]
    sun, stored = last(by["M-PROD-001"]["productionPower"]), last(battery["chargePower"])
    assert used == pytest.approx(sun + grid - stored)
    assert last(battery["stateOfEnergy"]) == pytest.approx(
        last(battery["remainingEnergy"]) / 10000 * 100
    )


async def test_eleventh_call_of_a_minute_is_refused(
    cloud: SolarEdgeCloud, session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    for left in range(9, -1, -1):
        status, _, headers = await get(session, cloud, "/sites")
        assert (status, headers["x-ratelimit-remaining-minute"]) == (200, str(left))
    status, body, headers = await get(session, cloud, "/sites")
    assert (status, body["title"]) == (429, "Too Many Requests")
    assert (headers["retry-after"], headers["x-ratelimit-remaining-minute"]) == ("60", "0")
    clock.advance(61)
    assert (await get(session, cloud, "/sites"))[0] == 200


async def test_credits_end_and_come_back_with_the_month(session: aiohttp.ClientSession) -> None:
    clock = ManualClock(datetime(2026, 6, 30, 23, 50, tzinfo=UTC))
    async with SolarEdgeCloud(House(HouseConfig(), clock)) as cloud:
        assert (await get(session, cloud, "/sites"))[0] == 200
        assert cloud.credits == 1999
        cloud.credits = 0
        status, body, headers = await get(session, cloud, "/sites")
        assert (status, body["detail"]) == (429, "Monthly credit quota exceeded")
        assert int(headers["x-ratelimit-remaining-minute"]) > 0
        assert "retry-after" not in headers
        clock.advance(600)
        assert (await get(session, cloud, "/sites"))[0] == 200


async def test_version_1_is_gone_with_and_without_key(
    cloud: SolarEdgeCloud, session: aiohttp.ClientSession
) -> None:
    root = cloud.base_url.removesuffix("/v2")
    for query in ({}, {"api_key": "TEST-KEY"}):
        async with session.get(f"{root}/site/1234567/currentPowerFlow", params=query) as response:
            assert response.status == 410
            assert await response.json() == {"message": "Gone"}


async def test_wrong_key_site_and_span_are_refused(
    cloud: SolarEdgeCloud, session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    async with session.get(cloud.base_url + "/sites", headers={"X-API-Key": "no"}) as response:
        assert response.status == 401
    assert (await get(session, cloud, "/sites/99"))[0] == 404
    span = {"from": (clock.now() - timedelta(hours=13)).isoformat(), "to": clock.now().isoformat()}
    assert (await get(session, cloud, "/sites/1234567/power", **span))[0] == 400


async def test_faults_are_known_by_name(cloud: SolarEdgeCloud) -> None:
    with pytest.raises(ValueError, match="gremlins"):
        cloud.inject("gremlins")
