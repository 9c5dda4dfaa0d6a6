"""A Fronius Wattpilot: its websocket protocol in front of one charging point of the house."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import pbkdf2_hmac, sha256
import hmac
from http import HTTPStatus
import json
import secrets
from typing import Any, Literal, get_args

import bcrypt
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from custom_components.smart_charging.core.clock import Clock

from .house import House
from .wattpilot_logic import Json, Refused, WattpilotLogic, changes

type Fault = Literal[
    "drop", "silence", "stall", "wrong_password", "reject_writes", "ignore_writes", "no_values"
]
FAULTS: frozenset[str] = frozenset(get_args(Fault.__value__))
MEASURED = ("nrg", "wh", "eto")
STATUS_PART = 12
"""Properties per message of the full status."""

_TO_BCRYPT = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
)


@cache
def pbkdf2_key(password: str, serial: str) -> bytes:
    """Return the shared key of the classic models (PBKDF2-HMAC-SHA512, 100,000 rounds; slow)."""
    return b64encode(pbkdf2_hmac("sha512", password.encode(), serial.encode(), 100_000, 256))[:32]


@cache
def bcrypt_key(password: str, serial: str) -> bytes:
    """Return the shared key of the Flex: bcrypt with 2^8 rounds and a salt from the serial."""
    raw = bytes(int(c) for c in serial) if serial.isdigit() else serial.encode("ascii")
    salt = b64encode(raw[-16:].rjust(16, b"\0")).translate(_TO_BCRYPT)[:22]
    head = b"$2a$08$" + salt
    return bcrypt.hashpw(sha256(password.encode()).hexdigest().encode(), head)[len(head) :]


def auth_hash(key: bytes, token1: str, token2: str, token3: str) -> str:
    """Return the answer that proves knowledge of `key`."""
    inner = sha256(token1.encode() + key).hexdigest()
    return sha256((token3 + token2 + inner).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Write:
    """A write that reached the charger."""

    at: datetime
    key: str
    value: Json
    accepted: bool


class WattpilotSimulator:
    """The charger on the network.

    With `auto` it sends its changes every `interval_s` of real time; otherwise only `push` does.
    Faults: `drop` (closes the sockets, once), `silence` (open but mute), `stall` (half-open: not
    even the websocket's own pings are answered), `wrong_password` (refuses any),
    `reject_writes`, `ignore_writes` (acknowledges but does not obey), `no_values` (what it measures
    comes as null).
    """

    def __init__(
        self,
        house: House,
        clock: Clock,
        charger_id: str = "charger",
        *,
        password: str = "secret",  # noqa: S107 - a simulator's
        serial: str = "91012345",
        devicetype: Literal["wattpilot", "wattpilot_flex"] = "wattpilot",
        variant: Literal[11, 22] = 11,
        dynamic_current: bool = True,
        auto: bool = True,
        interval_s: float = 1.0,
    ) -> None:
        """Stand in front of `house.chargers[charger_id]`; `dynamic_current`: it knows `amx`."""
        self._clock = clock
        self._password = password
        self._serial = serial
        self._devicetype = devicetype
        self._auto = auto
        self._interval_s = interval_s
        self._key = b""
        self.logic = WattpilotLogic(
            house,
            clock,
            charger_id,
            serial=serial,
            devicetype=devicetype,
            variant=variant,
            dynamic_current=dynamic_current,
        )
        self._told: dict[str, Json] = {}
        self._faults: set[str] = set()
        self._server: Server | None = None
        self._pusher: asyncio.Task[None] | None = None
        self._clients: set[ServerConnection] = set()
        """Authenticated connections."""
        self._open: dict[ServerConnection, tuple[str, str]] = {}
        """All connections with the tokens of their challenge."""
        self.writes: list[Write] = []
        self.logins = 0
        """Successful authentications so far."""

    @property
    def values(self) -> Mapping[str, Json]:
        """The properties as the charger holds them."""
        return self.logic.values

    @property
    def clients(self) -> int:
        """Number of authenticated connections."""
        return len(self._clients)

    async def start(self, port: int = 0) -> int:
        """Listen on 127.0.0.1 and return the port."""
        make_key = bcrypt_key if self._devicetype == "wattpilot_flex" else pbkdf2_key
        self._key = await asyncio.to_thread(make_key, self._password, self._serial)
        self._server = await serve(
            self._serve, "127.0.0.1", port, process_request=_only_ws, close_timeout=1
        )
        if self._auto:
            self._pusher = asyncio.create_task(self._push_forever())
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def stop(self) -> None:
        """Close everything."""
        if self._pusher is not None:
            self._pusher.cancel()
            await asyncio.gather(self._pusher, return_exceptions=True)
            self._pusher = None
        if self._server is not None:
            if self._faults & {"silence", "stall"}:
                self._abort()
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    @property
    def logging_in(self) -> int:
        """Number of connections that were greeted and have not proven the password yet."""
        return 0 if self._mute else len(self._open.keys() - self._clients)

    def inject(self, fault: Fault) -> None:
        """Switch a fault on. Raises ValueError for an unknown name."""
        if fault not in FAULTS:
            raise ValueError(fault)
        if fault == "drop":
            self._abort()
            return
        self._faults.add(fault)
        if fault == "stall":
            for connection in self._open:
                connection.transport.pause_reading()

    def clear(self, fault: Fault | None = None) -> None:
        """Switch a fault off, or all; stalled connections are gone."""
        if "stall" in self._faults and fault in (None, "stall"):
            self._abort()
        self._faults -= FAULTS if fault is None else {fault}

    def reboot(self) -> None:
        """Drop all connections and forget what is volatile."""
        self._abort()
        self.logic.reboot()

    def push(self) -> None:
        """Let the charging logic run and send what changed."""
        self.logic.step()
        values = dict(self.logic.values)
        if "no_values" in self._faults:
            values |= dict.fromkeys(MEASURED)
        delta = changes(self._told, values)
        self._told |= delta
        if delta and not self._mute:
            broadcast(self._clients, json.dumps({"type": "deltaStatus", "status": delta}))

    @property
    def _mute(self) -> bool:
        return bool(self._faults & {"silence", "stall"})

    def _abort(self) -> None:
        for connection in tuple(self._open):
            connection.transport.abort()

    async def _push_forever(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            self.push()

    async def _serve(self, connection: ServerConnection) -> None:
        self._open[connection] = (secrets.token_hex(16), secrets.token_hex(16))
        try:
            if "stall" in self._faults:
                connection.transport.pause_reading()
            if not self._mute:
                await self._hello(connection)
            async for raw in connection:
                message = json.loads(raw)
                if message["type"] == "auth":
                    await self._authenticate(connection, message)
                elif connection in self._clients:
                    await self._command(connection, message)
        except ConnectionClosed:
            # Client gone, or a fault aborted the socket: the charger does not mind.
            return
        finally:
            self._open.pop(connection, None)
            self._clients.discard(connection)

    async def _send(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        if not self._mute:
            await connection.send(json.dumps(message))

    async def _hello(self, connection: ServerConnection) -> None:
        tokens = self._open[connection]
        flex = self._devicetype == "wattpilot_flex"
        await self._send(
            connection,
            {
                "type": "hello",
                "serial": self._serial,
                "hostname": f"Wattpilot_{self._serial}",
                "friendly_name": self.values["fna"],
                "manufacturer": "fronius",
                "devicetype": self._devicetype,
                "version": self.values["fwv"],
                "protocol": 2,
                "secured": True,
            },
        )
        challenge = {"type": "authRequired", "token1": tokens[0], "token2": tokens[1]}
        await self._send(connection, challenge | ({"hash": "bcrypt"} if flex else {}))

    async def _authenticate(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        right = auth_hash(self._key, *self._open[connection], message["token3"])
        echo = {"token3": message["token3"], "hash": message["hash"]}
        if "wrong_password" in self._faults or not hmac.compare_digest(right, message["hash"]):
            await self._send(connection, {"type": "authError", **echo, "message": "Wrong password"})
            return
        await self._send(connection, {"type": "authSuccess", **echo})
        self.logins += 1
        self.logic.step()
        if not self._clients:
            self._told = dict(self.logic.values)
        items = list(self.logic.values.items())
        parts = [dict(items[i : i + STATUS_PART]) for i in range(0, len(items), STATUS_PART)]
        for part in parts:
            partial = part is not parts[-1]
            await self._send(connection, {"type": "fullStatus", "partial": partial, "status": part})
        self._clients.add(connection)

    async def _command(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        """Check and carry out a signed write; answer it."""
        if message["type"] != "securedMsg":
            await self._answer(connection, message.get("requestId"), "message must be secured")
            return
        data = str(message["data"])
        right = hmac.new(self._key, data.encode(), "sha256").hexdigest()
        order = json.loads(data)
        request = order["requestId"]
        if not hmac.compare_digest(right, str(message["hmac"])):
            await self._answer(connection, request, "wrong signature")
            return
        if order["type"] != "setValue":
            await self._answer(connection, request, "unknown message")
            return
        key, value = str(order["key"]), order["value"]
        refusal = self._write(key, value)
        self.writes.append(
            Write(at=self._clock.now(), key=key, value=value, accepted=refusal is None)
        )
        await self._answer(connection, request, refusal, {key: value})

    def _write(self, key: str, value: Json) -> str | None:
        """Return why the write is refused, or `None`."""
        if "reject_writes" in self._faults:
            return "not allowed"
        if "ignore_writes" in self._faults:
            return None
        try:
            self.logic.write(key, value)
        except Refused as refused:
            return str(refused)
        return None

    async def _answer(
        self,
        connection: ServerConnection,
        request: object,
        refusal: str | None,
        status: dict[str, Json] | None = None,
    ) -> None:
        answer: dict[str, Any] = {"type": "response", "requestId": str(request)}
        answer |= {"success": refusal is None}
        answer |= {"status": status or {}} if refusal is None else {"message": refusal}
        await self._send(connection, answer)


def _only_ws(connection: ServerConnection, request: Request) -> Response | None:
    if request.path == "/ws":
        return None
    return connection.respond(HTTPStatus.NOT_FOUND, "not found\n")
