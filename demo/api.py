"""Home Assistant from outside: its REST interface and its websocket."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
import time
from typing import Any, Self

import aiohttp

from .report import DemoError

type Json = dict[str, Any]

NAME = "demo"
PASSWORD = "demo"
ANSWER_S = 30.0


class Api:
    """A signed-in connection. `async with await Api.sign_in(session, url) as api: ...`."""

    def __init__(self, session: aiohttp.ClientSession, url: str, tokens: Json) -> None:
        """Take the tokens that Home Assistant issued."""
        self._session = session
        self.url = url
        self.tokens = tokens
        self._renewed_at = time.monotonic()
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._events: dict[int, Callable[[Json], None]] = {}
        self._last_id = 0

    @property
    def client_id(self) -> str:
        """Who asks, in the words of Home Assistant's OAuth."""
        return f"{self.url}/"

    @classmethod
    async def sign_in(cls, session: aiohttp.ClientSession, url: str, *, new: bool) -> Self:
        """Create the demo's user (`new`) or log in as the one there is."""
        client = f"{url}/"
        if new:
            answer = await _post(
                session,
                f"{url}/api/onboarding/users",
                json={
                    "client_id": client,
                    "name": "Demo",
                    "username": NAME,
                    "password": PASSWORD,
                    "language": "en",
                },
            )
            code = answer["auth_code"]
        else:
            start = {
                "client_id": client,
                "handler": ["homeassistant", None],
                "redirect_uri": client,
            }
            flow = await _post(session, f"{url}/auth/login_flow", json=start)
            credentials = {"client_id": client, "username": NAME, "password": PASSWORD}
            answer = await _post(
                session, f"{url}/auth/login_flow/{flow['flow_id']}", json=credentials
            )
            if answer["type"] != "create_entry":
                raise DemoError(f"Login refused: {answer.get('errors')}")
            code = answer["result"]
        grant = {"grant_type": "authorization_code", "code": code, "client_id": client}
        return cls(session, url, await _post(session, f"{url}/auth/token", data=grant))

    async def __aenter__(self) -> Self:
        """Open the websocket."""
        self._ws = await self._session.ws_connect(f"{self.url}/api/websocket", max_msg_size=0)
        await self._ws.receive_json()
        await self._ws.send_json({"type": "auth", "access_token": self.tokens["access_token"]})
        if (await self._ws.receive_json())["type"] != "auth_ok":
            raise DemoError("Home Assistant refused the access token")
        self._reader = asyncio.create_task(self._read(self._ws))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the websocket."""
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        if self._ws is not None:
            await self._ws.close()

    async def _read(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        async for message in ws:
            body: Json = message.json()
            if body["type"] == "event":
                if (handle := self._events.get(body["id"])) is not None:
                    handle(body["event"])
            elif (answer := self._answers.pop(body["id"], None)) and not answer.done():
                if body.get("success"):
                    answer.set_result(body.get("result"))
                else:
                    answer.set_exception(DemoError(f"{body.get('error')}"))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(DemoError("Home Assistant closed the websocket"))

    async def call(self, kind: str, **fields: Any) -> Any:
        """Send a websocket command and return its result. Raises DemoError."""
        return await self._send({"type": kind, **fields})

    async def subscribe(self, event_type: str, handle: Callable[[Json], None]) -> None:
        """Call `handle` with each event of a type."""
        self._events[self._last_id + 1] = handle
        await self.call("subscribe_events", event_type=event_type)

    async def _send(self, message: Json) -> Any:
        if self._ws is None:
            raise DemoError("the websocket is not open")
        self._last_id += 1
        answer = self._answers[self._last_id] = asyncio.get_running_loop().create_future()
        await self._ws.send_json({"id": self._last_id, **message})
        try:
            return await asyncio.wait_for(answer, ANSWER_S)
        except TimeoutError as err:
            raise DemoError(f"No answer to {message['type']} within {ANSWER_S:.0f} s") from err
        except DemoError as err:
            raise DemoError(f"{message['type']}: {err}") from err

    async def post(self, path: str, body: Any = None) -> Any:
        """Post to the REST interface and return the answer. Raises DemoError."""
        return await _post(
            self._session, f"{self.url}{path}", json=body, headers=await self._headers()
        )

    async def get(self, path: str) -> Any:
        """Get from the REST interface. Raises DemoError."""
        async with self._session.get(f"{self.url}{path}", headers=await self._headers()) as answer:
            return await _body(answer, path)

    async def _headers(self) -> Mapping[str, str]:
        # Access tokens live for half an hour; a demo may run all day.
        if time.monotonic() - self._renewed_at > self.tokens["expires_in"] / 2:
            grant = {
                "grant_type": "refresh_token",
                "refresh_token": self.tokens["refresh_token"],
                "client_id": self.client_id,
            }
            self.tokens |= await _post(self._session, f"{self.url}/auth/token", data=grant)
            self._renewed_at = time.monotonic()
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def act(self, domain: str, action: str, entity_id: str, **data: Any) -> None:
        """Perform an action on an entity."""
        await self.call(
            "call_service",
            domain=domain,
            service=action,
            service_data=data,
            target={"entity_id": entity_id},
        )


async def _post(session: aiohttp.ClientSession, url: str, **fields: Any) -> Any:
    async with session.post(url, **fields) as answer:
        return await _body(answer, url)


async def _body(answer: aiohttp.ClientResponse, where: str) -> Any:
    if answer.status >= 400:
        raise DemoError(f"{where}: HTTP {answer.status}: {(await answer.text())[:500]}")
    return await answer.json()
