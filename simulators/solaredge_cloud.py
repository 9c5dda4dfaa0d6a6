"""SolarEdge's monitoring service: version 2 of its API, and the grave of version 1.

It shows quarter-hour means with the start of each quarter as time stamp and `null` for
quarters that are not there (yet).

Faults by name (`inject`, `clear`):
  unauthorized      every key is refused
  http_429_minute   too many calls in this minute; `retry_after` seconds
  http_429_credits  the month's credits are used up
  http_5xx          `status` (default 503), HTML as a gateway sends it
  garbage           200 with a page instead of JSON, or with `text` of `content_type`
  delay             answers come `seconds` late
  refresh_refused, token_5xx, token_garbage, token_slow: see `solaredge_oauth`
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Self

from aiohttp import web

from .house import House
from .solaredge_history import QUARTER_S, History
from .solaredge_oauth import Authority

FAULTS = (
    "unauthorized",
    "http_429_minute",
    "http_429_credits",
    "http_5xx",
    "garbage",
    "delay",
    "refresh_refused",
    "token_5xx",
    "token_garbage",
    "token_slow",
)

CALLS_PER_MINUTE = 10
CREDITS_PER_MONTH = 2000
LONGEST_SPAN = timedelta(hours=12)
"""The widest span of quarters that the service gives out."""


class SolarEdgeCloud:
    """The service. `async with SolarEdgeCloud(house) as cloud: ... cloud.base_url`."""

    def __init__(
        self,
        house: House,
        *,
        api_key: str = "TEST-KEY",
        account_key: str | None = None,
        site_id: int = 1234567,
        meters: tuple[str, ...] = ("production", "grid", "consumption"),
        lag_s: float = 0.0,
    ) -> None:
        """Serve one site. A quarter shows up `lag_s` after its end."""
        self.house = house
        self.api_key = api_key
        self.account_key = account_key
        self.site_id = site_id
        self.meters = meters
        self.credits = CREDITS_PER_MONTH
        self.faults: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        """Paths asked for, with their query, refused ones too."""
        self.port = 0
        self._month: tuple[int, int] | None = None
        self._minute: deque[float] = deque()
        self._runner: web.AppRunner | None = None
        self._history = History(house, lag_s)
        self.authority = Authority(house.clock, site_id, self.faults)
        """Where home owners sign in."""

    @property
    def base_url(self) -> str:
        """Where version 2 of the API is."""
        return f"http://127.0.0.1:{self.port}/v2"

    async def __aenter__(self) -> Self:
        """Listen."""
        app = web.Application(middlewares=[self._gate])
        self.authority.routes(app)
        site = "/v2/sites/{site}"
        app.router.add_get("/v2/sites", self._sites)
        app.router.add_get(site, self._site)
        app.router.add_get(f"{site}/overview", self._overview)
        app.router.add_get(f"{site}/devices", self._devices)
        app.router.add_get(f"{site}/power", self._power)
        app.router.add_get(f"{site}/energy", self._energy)
        app.router.add_get(f"{site}/meters/telemetry", self._meters)
        app.router.add_get(f"{site}/storage/telemetry", self._storage)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        listener = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await listener.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def inject(self, fault: str, **how: Any) -> None:
        """Switch a fault on. Raises ValueError for an unknown one."""
        if fault not in FAULTS:
            raise ValueError(f"unknown fault {fault}")
        self.faults[fault] = how

    def clear(self, fault: str | None = None) -> None:
        """Switch one fault off, or all."""
        if fault is None:
            self.faults.clear()
        else:
            self.faults.pop(fault, None)

    def sample(self) -> None:
        """Note what the house does at this moment; every request does it too."""
        self._history.sample()

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path in ("/v2/authorize", "/v2/oauth2/token"):
            granted: web.StreamResponse = await handler(request)
            return granted
        self.calls.append(request.path_qs)
        if (delay := self.faults.get("delay")) is not None:
            await asyncio.sleep(delay.get("seconds", 1.0))
        if not request.path.startswith("/v2/"):
            return web.json_response({"message": "Gone"}, status=410)
        if (fault := self.faults.get("http_5xx")) is not None:
            page = "<html><body>Service Unavailable</body></html>"
            return web.Response(
                text=page, content_type="text/html", status=fault.get("status", 503)
            )
        if (fault := self.faults.get("garbage")) is not None:
            page = fault.get("text", "<html>Maintenance</html>")
            return web.Response(text=page, content_type=fault.get("content_type", "text/html"))
        if (refused := self._stop(request)) is not None:
            return refused
        refused = self._refuse(request)
        if refused is not None:
            return refused
        if request.match_info.get("site", str(self.site_id)) != str(self.site_id):
            return _problem(request, 404, "Not Found", "No such site")
        self.sample()
        response: web.StreamResponse = await handler(request)
        response.headers.update(self._rate())
        return response

    def _stop(self, request: web.Request) -> web.Response | None:
        """Refuse whoever has no key and did not sign in."""
        headers = request.headers
        if "unauthorized" in self.faults:
            return _problem(request, 401, "Unauthorized")
        if (bearer := headers.get("Authorization")) is not None:
            granted = self.authority.site_of(bearer)
            if granted is None:
                return _problem(request, 401, "Unauthorized", "Invalid access token")
            if request.match_info.get("site") != str(granted):
                # Also the list of sites, which is for keys only.
                return _problem(request, 403, "Forbidden", "grant doesn't include this site")
            return None
        right = headers.get("X-API-Key") == self.api_key and (
            self.account_key is None or headers.get("X-Account-Key") == self.account_key
        )
        return None if right else _problem(request, 401, "Unauthorized", "Invalid API key")

    def _refuse(self, request: web.Request) -> web.Response | None:
        """Count the call against minute and month."""
        now = self.house.clock.now()
        if self._month != (now.year, now.month):
            self._month, self.credits = (now.year, now.month), CREDITS_PER_MONTH
        now_s = now.timestamp()
        while self._minute and self._minute[0] <= now_s - 60:
            self._minute.popleft()
        fault = self.faults.get("http_429_minute")
        if fault is not None or len(self._minute) >= CALLS_PER_MINUTE:
            wait_s = 60 - (now_s - self._minute[0]) if self._minute else 60.0
            response = _problem(request, 429, "Too Many Requests")
            response.headers["retry-after"] = str(round((fault or {}).get("retry_after", wait_s)))
            response.headers["x-ratelimit-limit-minute"] = str(CALLS_PER_MINUTE)
            response.headers["x-ratelimit-remaining-minute"] = "0"
            return response
        if "http_429_credits" in self.faults or self.credits <= 0:
            response = _problem(request, 429, "Too Many Requests", "Monthly credit quota exceeded")
            response.headers.update(self._rate())
            return response
        self._minute.append(now_s)
        self.credits -= 1
        return None

    def _rate(self) -> dict[str, str]:
        left = CALLS_PER_MINUTE - len(self._minute)
        return {
            "x-ratelimit-limit-minute": str(CALLS_PER_MINUTE),
            "x-ratelimit-remaining-minute": str(left),
        }

    def _about(self) -> dict[str, Any]:
        return {
            "siteId": self.site_id,
            "name": "Simulated home",
            "peakPower": self.house.config.pv_peak_kw,
            "installationDate": "2022-08-15",
            "activationStatus": "ACTIVE",
            "note": "",
        }

    async def _sites(self, request: web.Request) -> web.Response:
        return web.json_response({"sites": {"count": 1, "site": [self._about()]}})

    async def _site(self, request: web.Request) -> web.Response:
        return web.json_response(self._about())

    async def _overview(self, request: web.Request) -> web.Response:
        made_wh = self._history.made_kwh * 1000
        nothing = {"total": None, "unit": "WH"}
        return web.json_response(
            {"siteId": self.site_id, "production": nothing | {"total": made_wh}}
            | {"consumption": nothing}
        )

    async def _devices(self, request: web.Request) -> web.Response:
        kinds = [("INVERTER", "7E12AB34", "SE8K-RWS48BNN4", "")]
        if "production" in self.meters:
            kinds.append(("METER", "M-PROD-001", "SE-MTR-3Y-400V-A", "Production"))
        if "grid" in self.meters:
            kinds.append(("METER", "M-FEED-001", "SE-MTR-3Y-400V-A", "FeedIn"))
            kinds.append(("METER", "M-FEED-001", "SE-MTR-3Y-400V-A", "Purchased"))
        if "consumption" in self.meters:
            kinds.append(("METER", "M-CONS-001", "SE-MTR-3Y-400V-A", "Consumption"))
        if self.house.battery is not None:
            kinds.append(("BATTERY", "BATT-001", "SolarEdge Home Battery", ""))
        # Who names no kinds gets inverters.
        wanted = request.query.getall("types", ["INVERTER"])
        return web.json_response(
            [
                {
                    "type": kind,
                    "serialNumber": serial,
                    "manufacturer": "SolarEdge",
                    "partNumber": model,
                    "firmwareVersion": "4.25.13",
                    "active": True,
                    "name": serial,
                }
                | ({"meterType": meter} if meter else {})
                for kind, serial, model, meter in kinds
                if kind in wanted
            ]
        )

    async def _power(self, request: web.Request) -> web.Response:
        return self._series(request, lambda q: self._history.power(q, lambda s: s.pv))

    async def _energy(self, request: web.Request) -> web.Response:
        return self._series(request, lambda q: self._history.energy(q, lambda s: s.pv))

    async def _meters(self, request: web.Request) -> web.Response:
        def telemetry(quarters: list[float]) -> dict[str, Any]:
            power = self._history.power
            found: dict[str, Any] = {}
            if "production" in self.meters:
                found["M-PROD-001"] = {"productionPower": power(quarters, lambda s: s.pv)}
            if "grid" in self.meters:
                found["M-FEED-001"] = {
                    "importPower": power(quarters, lambda s: s.imported),
                    "exportPower": power(quarters, lambda s: s.exported),
                }
            if "consumption" in self.meters:
                used = power(
                    quarters,
                    lambda s: s.pv + s.imported - s.exported + s.discharged - s.charged,
                )
                found["M-CONS-001"] = {"consumptionPower": used}
            return {"meters": found}

        return self._series(request, telemetry)

    async def _storage(self, request: web.Request) -> web.Response:
        def telemetry(quarters: list[float]) -> dict[str, Any]:
            battery, history = self.house.battery, self._history
            if battery is None:
                return {"storage": {}}
            held_wh = battery.capacity_kwh * 1000
            one = {
                "chargePower": history.power(quarters, lambda s: s.charged - s.discharged),
                "stateOfEnergy": history.level(quarters, lambda s: s.soc, "PERCENTAGE", 100),
                "remainingEnergy": history.level(quarters, lambda s: s.soc, "WH", held_wh),
            }
            return {"storage": {"BATT-001": one}}

        return self._series(request, telemetry)

    def _series(
        self, request: web.Request, answer: Callable[[list[float]], dict[str, Any]]
    ) -> web.Response:
        """Answer for the quarters that `from`, `to` and `resolution` ask for."""
        now = self.house.clock.now()
        local = now.astimezone(self.house.time_zone)
        if request.query.get("resolution", "QUARTER_HOUR") != "QUARTER_HOUR":
            return _problem(request, 400, "Bad Request", "resolution")
        try:
            since, until = (
                datetime.fromisoformat(request.query[key]) if key in request.query else default
                for key, default in (
                    ("from", local.replace(hour=0, minute=0, second=0, microsecond=0)),
                    ("to", local),
                )
            )
        except ValueError:
            return _problem(request, 400, "Bad Request", "not a time")
        if "from" in request.query and until - since > LONGEST_SPAN:
            return _problem(request, 400, "Bad Request", "span too long")
        first = int(-(-since.timestamp() // QUARTER_S) * QUARTER_S)
        quarters = [float(q) for q in range(first, int(until.timestamp()), QUARTER_S)]
        period = {"from": since.isoformat(), "to": until.isoformat()}
        return web.json_response(
            {"period": period, "resolution": "QUARTER_HOUR"} | answer(quarters)
        )


def _problem(
    request: web.Request, status: int, title: str, detail: str | None = None
) -> web.Response:
    """Return an error as RFC 7807 has it."""
    body = {"type": "about:blank", "title": title, "status": status, "instance": request.path}
    if detail is not None:
        body["detail"] = detail
    return web.json_response(body, status=status)
