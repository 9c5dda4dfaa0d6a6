"""The simulated eGauge keeps to its protocols and to what the house measures."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import md5
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from simulators.clock import ManualClock
from simulators.egauge import CONFIGURATION, SERIAL, Egauge
from simulators.house import House, HouseConfig

NOON = datetime(2026, 6, 1, 11, tzinfo=UTC)


class Client:
    """Asks the meter as a stranger would."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self.session = session
        self.root = f"http://127.0.0.1:{port}"
        self.headers: dict[str, str] = {}

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(self.root + path, headers=self.headers) as response:
            is_json = response.content_type == "application/json"
            return response.status, await (response.json() if is_json else response.text())

    async def log_in(self, password: str, nonce: str | None = None) -> dict[str, Any]:
        status, challenge = await self.get("/api/auth/unauthorized")
        assert status == 401
        nonce = nonce or challenge["nnc"]
        own = md5(f"owner:{challenge['rlm']}:{password}".encode()).hexdigest()
        body = {
            "rlm": challenge["rlm"],
            "usr": "owner",
            "nnc": nonce,
            "cnnc": "abc",
            "hash": md5(f"{own}:{nonce}:abc".encode()).hexdigest(),
        }
        async with self.session.post(f"{self.root}/api/auth/login", json=body) as response:
            assert response.status == 200
            answer: dict[str, Any] = await response.json()
        self.headers = {"Authorization": f"Bearer {answer.get('jwt')}"}
        return {**answer, "nonce": nonce}


@asynccontextmanager
async def a_meter(**meter: Any) -> AsyncIterator[tuple[Egauge, Client, ManualClock]]:
    clock = ManualClock(NOON)
    house = House(HouseConfig(appliances=(), chargers=(), sky="clear"), clock)
    gauge = Egauge(house, **({"password": "secret"} | meter))
    port = await gauge.start()
    async with aiohttp.ClientSession() as session:
        yield gauge, Client(session, port), clock
    await gauge.stop()


async def test_it_opens_to_the_password_alone() -> None:
    async with a_meter() as (gauge, client, _):
        assert (await client.get("/api/register?rate="))[0] == 401
        assert "error" in await client.log_in("wrong")
        assert (await client.get("/api/register?rate="))[0] == 401
        login = await client.log_in("secret")
        assert (await client.get("/api/register?rate="))[0] == 200
        assert await client.get("/api/sys/sn") == (200, {"result": SERIAL})
        assert (await client.get("/api/sys/kettle"))[0] == 404
        assert (await client.log_in("secret", login["nonce"]))["error"] == "Invalid nonce"
        assert gauge.logins == 1


async def test_rates_and_counters_belong_together() -> None:
    async with a_meter() as (_, client, clock):
        await client.log_in("secret")
        counts = []
        for _ in range(2):
            clock.advance(60)
            _, answer = await client.get("/api/register?rate=&time=now")
            names = [row["name"] for row in answer["registers"]]
            row = [int(value) for value in answer["ranges"][0]["rows"][0]]
            counts.append(dict(zip(names, row, strict=True)))
        rates = {row["name"]: row["rate"] for row in answer["registers"]}
        assert "use" not in rates, "a meter computes it, and does not record it"
        for name in ("Grid", "Solar", "L1 Voltage"):
            quantum = 0.001 if "Voltage" in name else 1.0
            mean = (counts[1][name] - counts[0][name]) * quantum / 60
            assert mean == pytest.approx(rates[name], rel=0.03), name
        assert rates["Grid"] == pytest.approx(rates["Grid+"] + rates["Grid-"])
        assert rates["Grid"] == pytest.approx(sum(rates[f"Grid L{n}"] for n in (1, 2, 3)))


@pytest.mark.parametrize(
    ("query", "instant", "total"),
    [
        ("inst&tot", True, True),
        ("ins&tot", True, True),
        ("inst", True, False),
        ("tot", False, True),
    ],
)
async def test_the_xml_has_what_was_asked_for(query: str, instant: bool, total: bool) -> None:
    async with a_meter(password="") as (_, client, _clock):
        assert (await client.get("/api/auth/unauthorized"))[0] == 404
        _, text = await client.get(f"/cgi-bin/egauge?{query}")
    root = ET.fromstring(text)
    assert root.attrib["serial"] == CONFIGURATION
    assert root.findtext("ts") == str(int(NOON.timestamp()))
    rows = {row.attrib["n"]: row for row in root.iter("r")}
    assert ("use" in rows) == total
    assert (rows["Grid"].find("i") is not None) == instant
    assert rows["Odd"].attrib["t"] == "zz9"
