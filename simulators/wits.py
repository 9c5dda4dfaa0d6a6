"""The WITS price service over HTTP: token, nodes, schedules and prices that keep being re-made.

Times are New Zealand's wall clock with its offset, prices NZD per MWh. PRSS is made anew each
half hour and PRSL every two hours, each run with other values. Faults by name:

- `token_failure`: the login answers 503
- `revoked_403`: every token given so far stops working, once
- `forbidden`: every price call answers 403, whatever the token
- `http_429`: price calls answer 429 with `Retry-After: <seconds>`
- `http_5xx`: price calls answer 503
- `delay`: answers come `seconds` late
- `limits`: the bounds of the specification (48 periods) instead of those of the live service (72)
- `no_range`: `from` and `to` are refused
- `html`: price calls answer a web page, as a captive portal does
- `proxy`: price calls answer 502 with a web page
- `bad_request`: price calls answer 400, whatever they ask
- `other_shape`: price calls answer an object that nobody knows
- `same_page`: the first page comes again and again, whatever the offset
- `no_token`: the login answers without a token
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp import web

from custom_components.smart_charging.core.clock import Clock

from .wits_market import NZ, PERIOD, RUN_TYPES, Row, WitsMarket, floor_period

BASE_PATH = "/api/market-prices/v1"
TOKEN_PATH = "/login/oauth2/token"  # noqa: S105 - a path

NODES = (
    ("ABY0111", "SI"),
    ("BEN2201", "SI"),
    ("HAY2201", "NI"),
    ("HLY2201", "NI"),
    ("ISL2201", "SI"),
    ("KBY0661", "NI"),
    ("KBY0662", "NI"),
    ("OTA2201", "NI"),
)

FAULTS = frozenset(
    {
        "token_failure",
        "revoked_403",
        "forbidden",
        "http_429",
        "http_5xx",
        "delay",
        "limits",
        "no_range",
        "html",
        "proxy",
        "bad_request",
        "other_shape",
        "same_page",
        "no_token",
    }
)


@dataclass
class _Fault:
    left: int | None
    seconds: float


class WitsSimulator:
    """The service at 127.0.0.1, until stopped."""

    def __init__(
        self,
        clock: Clock,
        market: WitsMarket | None = None,
        *,
        client_id: str = "simulated-client",
        client_secret: str = "simulated-secret",  # noqa: S107 - of a simulator
        variant: Literal["list", "object"] = "list",
        page_size: int = 10_000,
        expires_in: int | None = 3600,
    ) -> None:
        """Take the clock, the market to publish and the only credentials that are let in.

        `variant`: whether /prices answers a list or an object. `expires_in`: the token's life in
        seconds; with `None` it is 300 and the login does not say so.
        """
        self.market = WitsMarket() if market is None else market
        self.calls: Counter[str] = Counter()
        """Price calls per schedule, answered or not."""
        self.call_log: list[tuple[datetime, str]] = []
        """Time and schedule of each of them."""
        self.logins = 0
        self.waiting = 0
        """Questions that a `delay` holds back now."""
        self._hurry = asyncio.Event()
        self._clock = clock
        self._client = (client_id, client_secret)
        self._variant = variant
        self._page_size = page_size
        self._expires_in = expires_in
        self._tokens: dict[str, float] = {}
        self._faults: dict[str, _Fault] = {}
        self._runner: web.AppRunner | None = None
        self._origin = ""

    @property
    def base_url(self) -> str:
        """Address of the price service."""
        return self._origin + BASE_PATH

    @property
    def token_url(self) -> str:
        """Address of the login."""
        return self._origin + TOKEN_PATH

    async def start(self, port: int = 0) -> int:
        """Listen on 127.0.0.1 and return the port."""
        app = web.Application(middlewares=[self._door])
        app.router.add_post(TOKEN_PATH, self._login)
        app.router.add_get(f"{BASE_PATH}/nodes", self._nodes)
        app.router.add_get(f"{BASE_PATH}/schedules", self._schedules)
        app.router.add_get(BASE_PATH + "/schedules/{schedule}/prices", self._schedule_prices)
        app.router.add_get(f"{BASE_PATH}/prices", self._prices)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        bound: int = self._runner.addresses[0][1]
        self._origin = f"http://127.0.0.1:{bound}"
        return bound

    async def stop(self) -> None:
        """Close the door and every connection."""
        self._hurry.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def inject(self, fault: str, *, times: int | None = None, seconds: float = 30.0) -> None:
        """Begin a fault, for `times` calls or until healed. Raises ValueError for another name."""
        if fault not in FAULTS:
            raise ValueError(f"no fault is called {fault}")
        if fault == "revoked_403":
            self._tokens.clear()
            return
        self._faults[fault] = _Fault(left=times, seconds=seconds)

    def heal(self, fault: str | None = None) -> None:
        """End one fault, or all."""
        if fault in (None, "delay"):
            self._hurry.set()
            self._hurry = asyncio.Event()
        if fault is None:
            self._faults.clear()
        else:
            self._faults.pop(fault, None)

    def _strikes(self, fault: str) -> _Fault | None:
        found = self._faults.get(fault)
        if found is None or found.left is None:
            return found
        found.left -= 1
        if found.left <= 0:
            del self._faults[fault]
        return found

    @web.middleware
    async def _door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if late := self._strikes("delay"):
            self.waiting += 1
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(late.seconds):
                        await self._hurry.wait()
            finally:
                self.waiting -= 1
        if request.path == TOKEN_PATH:
            return await _answer(handler, request)
        self._count(request)
        if wait := self._strikes("http_429"):
            headers = {"Retry-After": f"{wait.seconds:.0f}"}
            return self._fail(429, "TOO_MANY_REQUESTS", "Rate limit exceeded", headers=headers)
        if self._strikes("http_5xx"):
            return self._fail(503, "SERVICE_UNAVAILABLE", "Please try again later.")
        if self._strikes("html"):
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        if self._strikes("proxy"):
            return web.Response(status=502, text="<html>Bad gateway</html>")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        alive = self._tokens.get(token, -1.0) > self._clock.monotonic()
        if not alive or self._strikes("forbidden"):
            return self._fail(403, "FORBIDDEN", "Invalid or missing authorisation token")
        if self._strikes("bad_request"):
            return self._fail(400, "BAD_REQUEST", "Invalid Request", "not today")
        if self._strikes("other_shape"):
            return web.json_response({"maintenance": True})
        return await _answer(handler, request)

    def _count(self, request: web.Request) -> None:
        named = request.match_info.get("schedule") or request.query.get("schedules")
        if request.path.endswith("/prices") and named:
            for schedule in named.split(","):
                self.calls[schedule] += 1
                self.call_log.append((self._clock.now(), schedule))

    async def _login(self, request: web.Request) -> web.Response:
        if self._strikes("token_failure"):
            return self._fail(503, "SERVICE_UNAVAILABLE", "Please try again later.")
        form = await request.post()
        if form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        if (form.get("client_id"), form.get("client_secret")) != self._client:
            told = {
                "error": "invalid_client",
                "error_description": "Client authentication failed",
            }
            return web.json_response(told, status=401)
        if self._strikes("no_token"):
            return web.json_response({"token_type": "Bearer"})
        self.logins += 1
        token = f"simulated-token-{self.logins}"
        life_s = 300.0 if self._expires_in is None else float(self._expires_in)
        self._tokens[token] = self._clock.monotonic() + life_s
        body: Row = {"access_token": token, "token_type": "Bearer"}
        if self._expires_in is not None:
            body["expires_in"] = self._expires_in
        return web.json_response(body)

    async def _nodes(self, _request: web.Request) -> web.Response:
        return web.json_response([{"node": n, "island": island} for n, island in NODES])

    async def _schedules(self, _request: web.Request) -> web.Response:
        return web.json_response(
            [
                {"schedule": name, "runType": kind, "marketType": "E"}
                for name, kind in RUN_TYPES.items()
            ]
        )

    async def _schedule_prices(self, request: web.Request) -> web.Response:
        schedule = request.match_info["schedule"]
        found = self._select(schedule, request)
        if isinstance(found, web.Response):
            return found
        return web.json_response({"schedule": schedule, "prices": found})

    async def _prices(self, request: web.Request) -> web.Response:
        groups = []
        for schedule in request.query.get("schedules", "").split(","):
            found = self._select(schedule, request)
            if isinstance(found, web.Response):
                return found
            groups.append({"schedule": schedule, "prices": found})
        return web.json_response(groups if self._variant == "list" else {"schedules": groups})

    def _select(self, schedule: str, request: web.Request) -> list[Row] | web.Response:
        """Return the page of rows that the query asks for, or the service's refusal."""
        query = request.query
        if schedule not in RUN_TYPES:
            return self._fail(404, "NOT_FOUND", f'Schedule "{schedule}" not found')
        if query.get("marketType") not in {"E", "R"}:
            return self._fail(400, "BAD_REQUEST", "Invalid Request", "marketType is required")
        window = self._window(query)
        if isinstance(window, web.Response):
            return window
        first, last = window
        asked = query["nodes"].split(",") if "nodes" in query else None
        wanted = [name for name, _ in NODES if asked is None or name in asked]
        rows = [
            row
            for row in self.market.rows(schedule, self._clock.now(), wanted)
            if first <= datetime.fromisoformat(row["tradingDateTime"]) <= last
        ]
        offset = 0 if self._strikes("same_page") else int(query.get("offset", "0"))
        return rows[offset : offset + self._page_size]

    def _window(self, query: Mapping[str, str]) -> tuple[datetime, datetime] | web.Response:
        ranged, counted = query.keys() & {"from", "to"}, query.keys() & {"back", "forward"}
        refused = (400, "BAD_REQUEST", "Invalid Request")
        if ranged and counted:
            return self._fail(*refused, "from/to and back/forward exclude each other")
        first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        if ranged:
            if "no_range" in self._faults:
                return self._fail(*refused, "from and to are not supported")
            try:
                ends = [datetime.fromisoformat(query[key]) for key in sorted(ranged)]
            except ValueError:
                return self._fail(*refused, "from and to must be RFC 3339 date-times")
            if any(end.tzinfo is None for end in ends):
                return self._fail(*refused, "from and to need an offset")
            by_key = dict(zip(sorted(ranged), ends, strict=True))
            return by_key.get("from", first), by_key.get("to", last)
        if not counted:
            return first, last
        limit = 48 if "limits" in self._faults else 72
        counts = {key: query[key] for key in counted}
        if any(not n.isdigit() or not 1 <= int(n) <= limit for n in counts.values()):
            words = f"back/forward value must be the integer value in the range of 1-{limit}"
            return self._fail(400, "BAD_REQUEST", words)
        current = floor_period(self._clock.now())
        back = int(counts.get("back", 0))
        first = current - back * PERIOD if back else current + PERIOD
        return first, current + int(counts.get("forward", 0)) * PERIOD

    def _fail(
        self,
        status: int,
        code: str,
        message: str,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        # The service writes the time of a fault without dashes.
        at = self._clock.now().astimezone(NZ).strftime("%Y%m%dT%H:%M:%S+13:00")
        body: Row = {"status": status, "code": code, "message": message}
        if detail is not None:
            body["detail"] = detail
        return web.json_response({**body, "timestamp": at}, status=status, headers=headers)


async def _answer(handler: Any, request: web.Request) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    return response
