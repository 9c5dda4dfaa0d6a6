"""The simulated PowerFlex service keeps its own rules, whoever asks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from simulators.clock import ManualClock
from simulators.house import Car, ChargerConfig, House, HouseConfig
from simulators.powerflex import COLUMNS, SIGNAL, PowerFlex

NOON = datetime(2026, 6, 1, 11, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
async def service(clock: ManualClock) -> AsyncIterator[PowerFlex]:
    points = tuple(
        ChargerConfig(key=key, phases=1, max_a=32.0, car=Car(phases=1, max_a=32.0)) for key in "ab"
    )
    simulator = PowerFlex(House(HouseConfig(chargers=points), clock), clock, {"01": "a", "02": "b"})
    simulator.port = await simulator.start()  # type: ignore[attr-defined]  # for `web` below
    yield simulator
    await simulator.stop()


@pytest.fixture
async def web(service: PowerFlex) -> AsyncIterator[aiohttp.ClientSession]:
    base = f"http://127.0.0.1:{service.port}"  # type: ignore[attr-defined]
    async with aiohttp.ClientSession(base) as session:
        yield session


async def login(service: PowerFlex, web: aiohttp.ClientSession) -> dict[str, str]:
    account = {"username": service.username, "password": service.password}
    answer = await (await web.post("/login", json=account)).json()
    return {"Authorization": f"Bearer {answer['access_token']}"}


async def series(
    web: aiohttp.ClientSession, token: dict[str, str], clock: ManualClock, back_s: int = 60
) -> Any:
    now = int(clock.now().timestamp())
    body = {"measurement": "ct_response", "time_filter": [now - back_s, now]}
    answer = await (await web.post("/get_measurement_data", json=body, headers=token)).json()
    return answer["data"]["results"][0]["series"][0]


async def test_only_a_login_opens_it(service: PowerFlex, web: aiohttp.ClientSession) -> None:
    for path in ("/get_measurement_data", f"/get_external_signal/{service.garage}"):
        assert (await web.post(path, json={})).status == 401
    assert (await web.post("/login", json={"username": "x", "password": "y"})).status == 401
    token = await login(service, web)
    service.inject("expired", 1)
    body = {"name": SIGNAL}
    path = f"/get_external_signal/{service.garage}"
    assert (await web.post(path, json=body, headers=token)).status == 401
    assert (await web.post(path, json=body, headers=token)).status == 401, "it is forgotten"
    token = await login(service, web)
    answer = await web.post(path, json=body, headers=token)
    assert (answer.status, await answer.text()) == (200, ""), "there is no limit yet"
    assert (await web.post("/nowhere", json={}, headers=token)).status == 404


async def test_measurements_cover_all_stations_and_a_span(
    service: PowerFlex, web: aiohttp.ClientSession, clock: ManualClock
) -> None:
    token = await login(service, web)
    for _ in range(5):
        clock.advance(10)
        found = await series(web, token, clock, back_s=25)
    assert tuple(found["columns"]) == COLUMNS
    rows = [dict(zip(found["columns"], row, strict=True)) for row in found["values"]]
    assert [row["acs_id"] for row in rows] == ["01", "02"] * 3
    assert {clock.now().timestamp() - row["time"] for row in rows} == {0, 10, 20}
    watts = sum(row["power"] for row in rows[-2:]) / 1000
    points = service.points.values()
    assert watts == pytest.approx(1000 * sum(p.power_kw for p in points), abs=1)
    assert watts > 10_000
    service.inject("shuffled")
    found = await series(web, token, clock, back_s=25)
    assert tuple(found["columns"]) == COLUMNS[::-1]
    body = {"measurement": "ct_response", "time_filter": [0, 3601]}
    assert (await web.post("/get_measurement_data", json=body, headers=token)).status == 500


async def test_a_limit_is_shared_among_the_cars(
    service: PowerFlex, web: aiohttp.ClientSession, clock: ManualClock
) -> None:
    token = await login(service, web)
    body = {"max_load": 4.6, "max_load_unit": "kW", "is_enabled": True, "name": SIGNAL}
    path = f"/set_external_signal/{service.garage}"
    answer = await web.post(path, json=body, headers=token)
    assert (answer.status, await answer.text()) == (200, "")
    clock.advance(60)
    await series(web, token, clock)
    assert [p.effective_a for p in service.points.values()] == [10, 10]
    service.points["01"].unplug()
    await series(web, token, clock)
    assert service.points["02"].effective_a == 20, "the other one has it all"
    told = await web.post(
        f"/get_external_signal/{service.garage}", json={"name": SIGNAL}, headers=token
    )
    assert await told.json() == body
    assert (await web.post(path, json=body | {"name": "x"}, headers=token)).status == 404
    service.limit(0)
    assert service.points["02"].effective_a == 0
    service.limit(0, enabled=False)
    assert service.points["02"].effective_a == 32
    service.inject("reset", 1)
    service.limit(3)
    assert (await web.post(path, json=body, headers=token)).status == 401
    assert service.limit_kw is None


def test_an_unknown_fault_is_refused(service: PowerFlex) -> None:
    with pytest.raises(ValueError, match="gremlin"):
        service.inject("gremlin")
