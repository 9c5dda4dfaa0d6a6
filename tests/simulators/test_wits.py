"""The simulated WITS service keeps the rules of the real one."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from simulators.clock import ManualClock
from simulators.prices import STEP, five_minute_prices
from simulators.wits import WitsSimulator
from simulators.wits_market import WitsMarket, trading_period

NOON = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
HALF = timedelta(minutes=30)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
async def wits(clock: ManualClock) -> AsyncIterator[WitsSimulator]:
    simulator = WitsSimulator(clock, expires_in=86_400)
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def login(session: aiohttp.ClientSession, wits: WitsSimulator, **changes: str) -> Any:
    form = {
        "grant_type": "client_credentials",
        "client_id": "simulated-client",
        "client_secret": "simulated-secret",
        **changes,
    }
    async with session.post(wits.token_url, data=form) as response:
        return response.status, await response.json()


class Asker:
    """Asks with a valid token."""

    def __init__(self, session: aiohttp.ClientSession, wits: WitsSimulator, token: str) -> None:
        self.session, self.wits, self.token = session, wits, token

    async def __call__(self, path: str, **params: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = self.wits.base_url + path
        async with self.session.get(url, params=params, headers=headers) as response:
            return response.status, await response.json()


@pytest.fixture
async def ask(session: aiohttp.ClientSession, wits: WitsSimulator) -> Asker:
    _, body = await login(session, wits)
    return Asker(session, wits, body["access_token"])


async def test_login_refuses_wrong_credentials(
    session: aiohttp.ClientSession, wits: WitsSimulator
) -> None:
    assert (await login(session, wits, client_secret="wrong"))[0] == 401
    assert (await login(session, wits, grant_type="password"))[0] == 400
    status, body = await login(session, wits)
    assert status == 200
    assert body["token_type"] == "Bearer"


async def test_expired_and_missing_tokens_are_403(
    ask: Asker, wits: WitsSimulator, clock: ManualClock, session: aiohttp.ClientSession
) -> None:
    assert (await ask("/nodes"))[0] == 200
    clock.advance(86_400)
    status, body = await ask("/nodes")
    assert status == 403
    assert body["code"] == "FORBIDDEN"
    async with session.get(wits.base_url + "/nodes") as response:
        assert response.status == 403


async def test_short_run_is_remade_each_half_hour_and_long_run_every_two(
    ask: Asker, wits: WitsSimulator, clock: ManualClock
) -> None:
    runs: dict[str, list[str]] = {"PRSS": [], "PRSL": []}
    values: dict[str, set[float]] = {"PRSS": set(), "PRSL": set()}
    for _ in range(12):
        for schedule, seen in runs.items():
            _, body = await ask(f"/schedules/{schedule}/prices", marketType="E", nodes="OTA2201")
            at_three = [r for r in body["prices"] if r["tradingDateTime"][8:16] == "22T15:00"]
            values[schedule].update(r["price"] for r in at_three)
            if (run := body["prices"][0]["lastRunTime"][11:16]) not in seen:
                seen.append(run)
        clock.advance(900)
    assert runs["PRSS"] == ["11:30", "12:00", "12:30", "13:00", "13:30", "14:00", "14:30"]
    assert runs["PRSL"] == ["10:00", "12:00", "14:00"]
    assert len(values["PRSS"]) >= 6, "each run says something else"
    assert len(values["PRSL"]) == 3
    assert wits.calls == {"PRSS": 12, "PRSL": 12}


async def test_same_moment_gives_the_same_prices(ask: Asker) -> None:
    first = await ask("/schedules/PRSL/prices", marketType="E", nodes="OTA2201")
    assert await ask("/schedules/PRSL/prices", marketType="E", nodes="OTA2201") == first


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"forward": "73"}, "range of 1-72"),
        ({"forward": "0"}, "range of 1-72"),
        ({"back": "x"}, "range of 1-72"),
        ({"forward": "8", "from": "2026-11-22T12:00:00+13:00"}, "Invalid Request"),
        ({"from": "2026-11-22T12:00:00"}, "Invalid Request"),
        ({"from": "noon"}, "Invalid Request"),
        ({"marketType": "X"}, "Invalid Request"),
    ],
)
async def test_bad_questions_are_refused(ask: Asker, params: dict[str, str], words: str) -> None:
    status, body = await ask("/schedules/PRSL/prices", **{"marketType": "E", **params})
    assert status == 400
    assert words in body["message"]


async def test_ends_of_a_range_are_inclusive_and_counts_surround_the_present(ask: Asker) -> None:
    async def starts(**params: str) -> list[str]:
        _, body = await ask("/schedules/PRSL/prices", marketType="E", nodes="OTA2201", **params)
        return [row["tradingDateTime"][11:16] for row in body["prices"]]

    span = {"from": "2026-11-22T13:00:00+13:00", "to": "2026-11-22T01:30:00+00:00"}
    assert await starts(**span) == ["13:00", "13:30", "14:00", "14:30"]
    assert await starts(forward="2") == ["12:30", "13:00"]
    assert await starts(back="1", forward="1") == ["11:30", "12:00", "12:30"]


async def test_nodes_and_pages(clock: ManualClock, session: aiohttp.ClientSession) -> None:
    wits = WitsSimulator(clock, page_size=50)
    await wits.start()
    _, body = await login(session, wits)
    ask = Asker(session, wits, body["access_token"])
    _, nodes = await ask("/nodes")
    seen = []
    for page in range(20):
        _, body = await ask("/schedules/PRSL/prices", marketType="E", offset=str(page * 50))
        seen += body["prices"]
        if len(body["prices"]) < 50:
            break
    await wits.stop()
    assert len(seen) == 73 * len(nodes)
    assert {row["node"] for row in seen} == {node["node"] for node in nodes}


def test_period_numbers_count_real_half_hours() -> None:
    spring = datetime(2026, 9, 26, 12, 0, tzinfo=UTC)
    autumn = datetime(2027, 4, 3, 11, 0, tzinfo=UTC)
    assert [trading_period(spring + i * HALF) for i in range(46)] == list(range(1, 47))
    assert trading_period(spring + 46 * HALF) == 1
    assert [trading_period(autumn + i * HALF) for i in range(50)] == list(range(1, 51))
    assert trading_period(autumn + 50 * HALF) == 1


def test_a_table_is_published_as_it_is() -> None:
    table = {NOON + i * HALF: 10.0 * i for i in range(4)}
    market = WitsMarket(table=table, noise=0.0)
    rows = market.rows("PRSL", NOON + timedelta(minutes=20), ["OTA2201"])
    assert [row["price"] for row in rows] == [0.0, 10.0, 20.0, 30.0]


async def test_faults_are_known_by_name_and_end(ask: Asker, wits: WitsSimulator) -> None:
    with pytest.raises(ValueError):
        wits.inject("earthquake")
    wits.inject("http_5xx", times=2)
    assert [(await ask("/nodes"))[0] for _ in range(3)] == [503, 503, 200]
    wits.inject("http_429")
    assert (await ask("/nodes"))[0] == 429
    wits.heal("http_429")
    assert (await ask("/nodes"))[0] == 200
    wits.inject("revoked_403")
    assert (await ask("/nodes"))[0] == 403


def test_five_minute_prices_have_a_cheap_spell_when_asked_for() -> None:
    start = datetime(2026, 11, 21, 8, 2, 30, tzinfo=UTC)
    prices = five_minute_prices(start, cheap_after_min=20, cheap_for_min=60, hours=24)
    assert prices[0].start == datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    assert all(p.end - p.start == STEP for p in prices)
    assert all(a.end == b.start for a, b in pairwise(prices))
    assert len(prices) == 288
    cheap = [p.start for p in prices if p.value < 0.1]
    assert cheap[0] == datetime(2026, 11, 21, 8, 25, tzinfo=UTC)
    assert len(cheap) == 12
    assert prices == five_minute_prices(start, cheap_after_min=20, cheap_for_min=60, hours=24)
    with pytest.raises(ValueError):
        five_minute_prices(start.replace(tzinfo=None))
