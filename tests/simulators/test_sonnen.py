"""The simulated sonnenBatterie keeps its own rules, whoever asks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest

from simulators.clock import ManualClock
from simulators.house import BatteryConfig, BatteryMode, House, HouseConfig
from simulators.sonnen import ACCEPT, MANUAL, V2_OWN, Sonnen

NOON = datetime(2026, 6, 1, 11, tzinfo=UTC)
TOKEN = {"Auth-Token": "sonnen-token"}
BEARER = {"Authorization": "Bearer sonnen-token", "Accept": ACCEPT}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
async def battery(clock: ManualClock) -> AsyncIterator[Sonnen]:
    house = House(HouseConfig(battery=BatteryConfig(), sky="clear"), clock)
    async with Sonnen(house) as simulator:
        yield simulator


@pytest.fixture
async def web(battery: Sonnen) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://{battery.host}") as session:
        yield session


def test_a_house_without_battery_has_none(clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="no battery"):
        Sonnen(House(HouseConfig(), clock))


async def test_powers_balance_in_every_mode(
    clock: ManualClock, battery: Sonnen, web: aiohttp.ClientSession
) -> None:
    for mode, direction, watts in (
        (V2_OWN, None, 0),
        (MANUAL, "charge", 3000),
        (MANUAL, "discharge", 2500),
        (MANUAL, "charge", 0),
    ):
        answer = await web.put(
            "/api/v2/configurations", json={"EM_OperatingMode": mode}, headers=TOKEN
        )
        assert await answer.json() == {"EM_OperatingMode": mode}
        if direction is not None:
            answer = await web.post(f"/api/v2/setpoint/{direction}/{watts}", headers=TOKEN)
            assert await answer.json() is True
        clock.advance(30)
        status = await (await web.get("/api/v2/status")).json()
        assert (
            status["Production_W"] + status["Pac_total_W"]
            == status["Consumption_W"] + status["GridFeedIn_W"]
        )
        assert status["Consumption_W"] == pytest.approx(1000 * battery.house.base_kw, abs=5)
        if direction is not None:
            sign = 1 if direction == "discharge" else -1
            assert status["Pac_total_W"] == pytest.approx(sign * watts, abs=5)


async def test_a_setpoint_is_taken_in_manual_mode_only_and_outlives_it(
    battery: Sonnen, web: aiohttp.ClientSession
) -> None:
    path = "/api/v2/setpoint/discharge/2000"
    assert await (await web.post(path, headers=TOKEN)).json() is False
    assert battery.battery.mode is BatteryMode.SELF_CONSUMPTION
    battery.choose(MANUAL)
    assert await (await web.post(path, headers=TOKEN)).json() is True
    battery.choose(V2_OWN)
    assert battery.battery.mode is BatteryMode.SELF_CONSUMPTION
    battery.choose(MANUAL)
    assert (battery.battery.mode, battery.battery.setpoint_kw) == (BatteryMode.DISCHARGE, 2)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/api/v2/status", {}, 200),
        ("GET", "/api/v2/latestdata", {}, 401),
        ("GET", "/api/v2/latestdata", TOKEN, 200),
        ("GET", "/api/v2/configurations", {"Auth-Token": "other"}, 401),
        ("PUT", "/api/v2/configurations", {}, 401),
        ("POST", "/api/v2/setpoint/charge/-5", TOKEN, 400),
        ("POST", "/api/v2/setpoint/sideways/5", TOKEN, 400),
        ("GET", "/api/v1/status", {}, 200),
        ("GET", "/api/setting/?EM_OperatingMode=77", {}, 400),
        ("GET", "/proxy/123456/api/v1/status", BEARER, 200),
        ("GET", "/proxy/123456/api/v1/status", {"Accept": ACCEPT}, 401),
        ("GET", "/proxy/123456/api/v1/status", {"Authorization": "Bearer sonnen-token"}, 406),
        ("GET", "/proxy/999999/api/v1/status", BEARER, 404),
    ],
)
async def test_who_may_ask_what(
    web: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    body = {"EM_OperatingMode": "1"} if method == "PUT" else None
    assert (await web.request(method, path, headers=headers, json=body)).status == status


async def test_a_token_without_writing_may_read(
    battery: Sonnen, web: aiohttp.ClientSession
) -> None:
    battery.inject("write_off")
    assert (await web.get("/api/v2/configurations", headers=TOKEN)).status == 200
    body = {"EM_OperatingMode": "1"}
    refused = await web.put("/api/v2/configurations", json=body, headers=TOKEN)
    assert (refused.status, battery.mode) == (403, V2_OWN)
    with pytest.raises(ValueError, match="unknown fault"):
        battery.inject("fire")
