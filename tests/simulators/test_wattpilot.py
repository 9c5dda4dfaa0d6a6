"""The simulated Wattpilot speaks the recorded protocol and obeys its own rules."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulators.clock import ManualClock
from simulators.house import Car, ChargerConfig, House, HouseConfig
from simulators.wattpilot import (
    WattpilotSimulator,
    auth_hash,
    bcrypt_key,
    pbkdf2_key,
)

FIXTURES = Path(__file__).parents[1] / "fixtures" / "wattpilot"
START = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)


def build(**options: Any) -> tuple[ManualClock, House, WattpilotSimulator]:
    clock = ManualClock(START)
    house = House(HouseConfig(chargers=(ChargerConfig(key="charger", car=Car(soc=0.3)),)), clock)
    return clock, house, WattpilotSimulator(house, clock, auto=False, **options)


class Client:
    """A bare client: what it sends and receives is spelled out here."""

    def __init__(self, socket: ClientConnection, key: bytes) -> None:
        self.socket = socket
        self.key = key
        self.requests = 0
        self.patience_s = 2.0

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(self.patience_s):
            return json.loads(await self.socket.recv())

    async def login(self) -> dict[str, Any]:
        """Return the properties of the full status."""
        assert (await self.receive())["type"] == "hello"
        challenge = await self.receive()
        answer = auth_hash(self.key, challenge["token1"], challenge["token2"], "03" * 16)
        await self.socket.send(json.dumps({"type": "auth", "token3": "03" * 16, "hash": answer}))
        result = await self.receive()
        if result["type"] != "authSuccess":
            raise PermissionError(result["message"])
        values: dict[str, Any] = {}
        messages = 0
        while True:
            message = await self.receive()
            assert message["type"] == "fullStatus"
            messages += 1
            values |= message["status"]
            if not message["partial"]:
                assert messages > 1
                return values

    async def write(self, key: str, value: object, *, sign_with: bytes | None = None) -> Any:
        self.requests += 1
        order = {"type": "setValue", "requestId": self.requests, "key": key, "value": value}
        data = json.dumps(order)
        signature = hmac.new(sign_with or self.key, data.encode(), hashlib.sha256).hexdigest()
        request = f"{self.requests}sm"
        await self.socket.send(
            json.dumps(
                {"type": "securedMsg", "data": data, "requestId": request, "hmac": signature}
            )
        )
        return await self.receive()


@asynccontextmanager
async def client_of(
    simulator: WattpilotSimulator, key: bytes | None = None
) -> AsyncIterator[Client]:
    port = await simulator.start()
    try:
        async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None, close_timeout=0.2) as socket:
            yield Client(socket, key or pbkdf2_key("secret", "91012345"))
    finally:
        await simulator.stop()


def session(name: str) -> dict[str, dict[str, Any]]:
    lines = (FIXTURES / name).read_text().splitlines()
    messages = [json.loads(line)["msg"] for line in lines]
    return {message["type"]: message for message in reversed(messages)}


def test_classic_key_and_answer_agree_with_the_test_vector() -> None:
    golden = json.loads((FIXTURES / "auth_golden.json").read_text())
    key = pbkdf2_key(golden["password"], golden["serial"])
    assert key.decode() == golden["hashed_password"]
    tokens = (golden["token1"], golden["token2"], golden["token3"])
    assert auth_hash(key, *tokens) == golden["hash"]
    signed = hmac.new(key, golden["setValue_data"].encode(), hashlib.sha256).hexdigest()
    assert signed == golden["hmac"]


@pytest.mark.parametrize(
    ("name", "make_key"),
    [("session_ok.jsonl", pbkdf2_key), ("session_flex_bcrypt.jsonl", bcrypt_key)],
)
def test_both_handshakes_agree_with_the_recorded_sessions(name: str, make_key: Any) -> None:
    messages = session(name)
    key = make_key("secret", messages["hello"]["serial"])
    challenge, answer = messages["authRequired"], messages["auth"]
    tokens = (challenge["token1"], challenge["token2"], answer["token3"])
    assert auth_hash(key, *tokens) == answer["hash"]
    signed = messages["securedMsg"]
    assert hmac.new(key, signed["data"].encode(), hashlib.sha256).hexdigest() == signed["hmac"]


async def test_full_status_comes_in_parts_and_holds_what_the_recording_holds() -> None:
    _, _, simulator = build()
    async with client_of(simulator) as client:
        values = await client.login()
    recorded: set[str] = set()
    for line in (FIXTURES / "session_ok.jsonl").read_text().splitlines():
        message = json.loads(line)["msg"]
        if message["type"] == "fullStatus":
            recorded |= set(message["status"])
    assert recorded - set(values) <= {"fhz", "mci"}
    assert "amx" in values


async def test_flex_asks_for_bcrypt() -> None:
    _, _, simulator = build(devicetype="wattpilot_flex")
    async with client_of(simulator, bcrypt_key("secret", "91012345")) as client:
        assert (await client.login())["typ"] == "wattpilot_flex"


async def test_wrong_key_and_wrong_password_fault_are_refused() -> None:
    _, _, simulator = build()
    async with client_of(simulator, b"x" * 32) as client:
        with pytest.raises(PermissionError, match="Wrong password"):
            await client.login()
    simulator.inject("wrong_password")
    async with client_of(simulator) as client:
        with pytest.raises(PermissionError, match="Wrong password"):
            await client.login()
    assert simulator.logins == 0


async def test_only_the_right_path_is_a_websocket() -> None:
    _, _, simulator = build()
    port = await simulator.start()
    try:
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{port}/other", proxy=None)
    finally:
        await simulator.stop()


async def test_write_is_acknowledged_logged_and_obeyed() -> None:
    clock, house, simulator = build()
    async with client_of(simulator) as client:
        await client.login()
        answer = await client.write("amx", 10)
        assert answer == {
            "type": "response",
            "requestId": "1",
            "success": True,
            "status": {"amx": 10},
        }
        clock.advance(30)
        simulator.push()
        delta = await client.receive()
    assert house.chargers["charger"].offered_a == 10
    assert delta["type"] == "deltaStatus"
    assert delta["status"]["car"] == 2
    assert delta["status"]["acu"] == 10
    assert delta["status"]["nrg"][11] == pytest.approx(10 * 230 * 3, rel=0.05)
    assert "serial" not in delta["status"] and "ama" not in delta["status"]
    (written,) = simulator.writes
    assert (written.key, written.value, written.at, written.accepted) == ("amx", 10, START, True)


@pytest.mark.parametrize(
    ("key", "value", "answer"),
    [
        ("car", 5, "property is readonly"),
        ("nope", 1, "unknown property"),
        ("amp", "10", "wrong type, expected int"),
        ("amp", 10.0, "wrong type, expected int"),
        ("frc", True, "wrong type, expected int"),
        ("fup", 1, "wrong type, expected bool"),
        ("amp", 5, "value out of range"),
        ("amp", 17, "value out of range"),
        ("lmo", 2, "value not allowed"),
    ],
)
async def test_bad_writes_are_refused(key: str, value: object, answer: str) -> None:
    _, _, simulator = build()
    before = dict(simulator.values)
    async with client_of(simulator) as client:
        await client.login()
        response = await client.write(key, value)
    assert (response["success"], response["message"]) == (False, answer)
    assert simulator.values.get(key) == before.get(key)
    assert not simulator.writes[0].accepted


async def test_unsigned_and_wrongly_signed_writes_are_refused() -> None:
    _, _, simulator = build()
    async with client_of(simulator) as client:
        await client.login()
        assert not (await client.write("amp", 10, sign_with=b"other"))["success"]
        order = {"type": "setValue", "requestId": 9, "key": "amp", "value": 10}
        await client.socket.send(json.dumps(order))
        assert not (await client.receive())["success"]
    assert simulator.values["amp"] == 16
    assert simulator.writes == []


def test_force_off_pauses_and_phase_switch_takes_its_time() -> None:
    clock, house, simulator = build()
    point = house.chargers["charger"]
    clock.advance(30)
    simulator.push()
    assert simulator.values["car"] == 2
    simulator.logic.write("frc", 1)
    clock.advance(30)
    simulator.push()
    assert (simulator.values["alw"], simulator.values["acu"]) == (False, None)
    assert (simulator.values["modelStatus"], simulator.values["car"]) == (4, 4)
    assert point.power_kw == 0
    simulator.logic.write("frc", 0)
    simulator.logic.write("psm", 1)
    clock.advance(5)
    simulator.push()
    assert (simulator.values["modelStatus"], simulator.values["alw"]) == (23, False)
    clock.advance(6)
    simulator.push()
    assert simulator.values["alw"] is True
    clock.advance(30)
    simulator.push()
    assert point.currents_a[1:] == (0, 0)
    assert point.power_kw == pytest.approx(16 * 0.23, rel=0.05)
    assert simulator.values["pnp"] == 1


def test_lowest_of_all_limits_holds_and_the_dynamic_one_is_volatile() -> None:
    _, house, simulator = build(variant=22)
    simulator.logic.write("amp", 13)
    simulator.logic.write("amx", 9)
    assert house.chargers["charger"].offered_a == 9
    simulator.reboot()
    assert house.chargers["charger"].offered_a == 13
    simulator.logic.write("ama", 8)
    assert house.chargers["charger"].offered_a == 8


def test_eco_mode_charges_only_from_surplus() -> None:
    clock, house, simulator = build()
    house.extra_kw[0] = 8.0
    simulator.logic.write("lmo", 4)
    simulator.logic.write("fup", True)
    clock.advance(30)
    simulator.push()
    assert (simulator.values["alw"], simulator.values["modelStatus"]) == (False, 17)
    house.extra_kw[0] = -9.0
    clock.advance(5)
    simulator.push()
    assert (simulator.values["alw"], simulator.values["modelStatus"]) == (True, 12)


def test_car_states_follow_the_house() -> None:
    clock, house, simulator = build()
    point = house.chargers["charger"]
    point.unplug()
    simulator.push()
    assert (simulator.values["car"], simulator.values["trx"]) == (1, None)
    point.plug(Car(soc=1.0, tag="card 2"))
    simulator.push()
    clock.advance(30)
    simulator.push()
    assert (simulator.values["car"], simulator.values["trx"]) == (4, 2)
    simulator.logic.fail(9)
    simulator.push()
    assert (simulator.values["car"], simulator.values["err"]) == (5, 9)
    assert simulator.values["alw"] is False


async def test_drop_closes_the_socket() -> None:
    _, _, simulator = build()
    async with client_of(simulator) as client:
        await client.login()
        simulator.inject("drop")
        with pytest.raises(ConnectionClosed):
            await client.receive()
    assert simulator.clients == 0


@pytest.mark.parametrize("fault", ["silence", "stall"])
async def test_silent_charger_stays_open_but_sends_nothing(fault: Any) -> None:
    clock, _, simulator = build()
    async with client_of(simulator) as client:
        await client.login()
        simulator.inject(fault)
        client.patience_s = 0.3
        clock.advance(5)
        simulator.push()
        with pytest.raises(TimeoutError):
            await client.write("amp", 10)
        if fault == "silence":
            # Only the half-open link does not answer the websocket's own ping.
            async with asyncio.timeout(1):
                await (await client.socket.ping())
        assert simulator.clients == 1


async def test_ignored_writes_are_acknowledged_and_rejected_ones_are_not() -> None:
    _, house, simulator = build()
    async with client_of(simulator) as client:
        await client.login()
        simulator.inject("ignore_writes")
        assert (await client.write("amp", 10))["success"]
        simulator.clear()
        simulator.inject("reject_writes")
        assert not (await client.write("amp", 10))["success"]
    assert house.chargers["charger"].offered_a == 16


async def test_auto_pushes_by_itself() -> None:
    clock = ManualClock(START)
    house = House(HouseConfig(), clock)
    simulator = WattpilotSimulator(house, clock, interval_s=0.05)
    async with client_of(simulator) as client:
        await client.login()
        clock.advance(1)
        delta = await client.receive()
    assert delta["status"]["rbt"] == 1000


def test_unknown_fault_is_an_error() -> None:
    _, _, simulator = build()
    with pytest.raises(ValueError, match="moon"):
        simulator.inject("moon")  # type: ignore[arg-type]  # that is the test
