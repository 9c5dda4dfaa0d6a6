"""PowerFlex's service: login, measurements and the limit of a garage, before points of a house.

All units are those that public clients take for granted: mA, mV, mW, mWh, seconds. The service
knows of no order to a single station: it limits a garage, and shares that among the stations.

Faults besides those of `Server`: `wrong_password` (no login), `expired` (a token that was given
is refused, and forgotten), `revoked` (each token is refused, new ones too), `read_only` (orders
and the question for the limit get HTTP 403), `orders_off` (only orders do), `blind` (the question
for measurements does), `limit_list` (the limit comes as a list), `rate_limited` (HTTP 429), `no_results`,
`no_series`, `foreign` (rows of another garage only), `shuffled` (columns in another order, rows
newest first), `null_values`, `frozen` (nothing new is measured), `refuses` (orders are answered
with words), `ignores` (orders are taken and not followed), `rounds` (limits are kept in whole kW,
rounded down), `reset` (the service starts anew and
knows neither tokens nor limits).
"""

from collections import deque
from collections.abc import Mapping
import json
from typing import Any

from aiohttp import web

from custom_components.smart_charging.core.clock import Clock

from .car import LOWEST_OFFER_A, ChargePoint
from .house import ChargerStatus, House
from .web_server import Server

NOMINAL_V = 230.0
SIGNAL = "DCM_EVSE_Allocation"
COLUMNS = (
    "time",
    "acc_id",
    "acs_id",
    "charging_state",
    "energy_delivered",
    "mamps_actual",
    "pilot_actual",
    "power",
    "voltage",
)
STATES = {
    ChargerStatus.UNPLUGGED: "UNPLUGGED",
    ChargerStatus.CONNECTED: "PLUGGED",
    ChargerStatus.CHARGING: "CHARGING",
    # It has no word for a car that is full.
    ChargerStatus.COMPLETE: "PLUGGED",
    ChargerStatus.ERROR: "FAULT",
}
FORBIDDEN = (
    ("read_only", "external_signal"),
    ("orders_off", "/set_external_signal"),
    ("blind", "/get_measurement_data"),
)
"""Faults, and the paths that they close."""

type Row = dict[str, Any]


class PowerFlex(Server):
    """The service with one account and one garage."""

    FAULTS = Server.FAULTS | {
        "wrong_password",
        "expired",
        "revoked",
        "read_only",
        "orders_off",
        "blind",
        "limit_list",
        "rate_limited",
        "no_results",
        "no_series",
        "foreign",
        "shuffled",
        "null_values",
        "frozen",
        "refuses",
        "ignores",
        "rounds",
        "reset",
    }

    def __init__(
        self,
        house: House,
        clock: Clock,
        stations: Mapping[str, str],
        *,
        username: str = "user@powerflex.example",
        password: str = "powerflex-password",  # noqa: S107 - opens a simulator
        garage: str = "03",
    ) -> None:
        """Run stations: number of each, and the charging point of the house that it is."""
        super().__init__()
        self._house = house
        self._clock = clock
        self.points: dict[str, ChargePoint] = {
            station: house.chargers[key] for station, key in stations.items()
        }
        self.username = username
        self.password = password
        self.garage = garage
        self.signal: dict[str, Any] | None = None
        """The limit as it was set last; `None` before the first."""
        self.logins = 0
        self._tokens: set[str] = set()
        self._rows: deque[Row] = deque(maxlen=4000)
        self._share()

    @property
    def limit_kw(self) -> float | None:
        """The limit in force."""
        signal = self.signal
        return float(signal["max_load"]) if signal is not None and signal["is_enabled"] else None

    def limit(self, kw: float, *, enabled: bool = True) -> None:
        """Set the limit, as the operator of the garage does."""
        self.signal = {
            "max_load": kw,
            "max_load_unit": "kW",
            "is_enabled": enabled,
            "name": SIGNAL,
        }
        self._share()

    def routes(self, app: web.Application) -> None:
        """Add what it answers."""
        app.router.add_post("/login", self._login)
        app.router.add_post("/get_measurement_data", self._measurements)
        app.router.add_post("/get_external_signal/{acc}", self._get_signal)
        app.router.add_post("/set_external_signal/{acc}", self._set_signal)

    async def _gate(self, request: web.Request) -> web.Response | None:
        """Check the token."""
        if self.struck("rate_limited"):
            return web.json_response({}, status=429, headers={"Retry-After": "30"})
        if self.struck("reset"):
            self._tokens.clear()
            self.signal = None
            self._share()
        if request.path == "/login" or request.match_info.http_exception is not None:
            return None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.struck("expired"):
            self._tokens.discard(token)
        if token not in self._tokens or "revoked" in self.faults:
            return web.json_response({"message": "Unauthorized"}, status=401)
        if any(fault in self.faults and path in request.path for fault, path in FORBIDDEN):
            return web.json_response({"message": "Forbidden"}, status=403)
        return None

    async def _login(self, request: web.Request) -> web.Response:
        asked = await request.json()
        known = (asked.get("username"), asked.get("password")) == (self.username, self.password)
        if not known or "wrong_password" in self.faults:
            return web.json_response({"message": "Invalid credentials"}, status=401)
        self.logins += 1
        token = f"token-{self.logins}"
        self._tokens.add(token)
        return web.json_response({"access_token": token})

    async def _measurements(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked.get("measurement") != "ct_response":
            return web.json_response({"data": {"results": [{"statement_id": 0}]}})
        since, until = asked["time_filter"]
        if until - since > 3600:
            return web.json_response({"message": "Query too large"}, status=500)
        self._measure()
        if self.struck("no_results"):
            return web.json_response({"data": {"results": []}})
        rows = [row for row in self._rows if since <= row["time"] <= until]
        if self.struck("no_series") or not rows:
            return web.json_response({"data": {"results": [{"statement_id": 0}]}})
        return web.json_response({"data": {"results": [self._series(rows)]}})

    def _series(self, rows: list[Row]) -> dict[str, Any]:
        columns = list(COLUMNS)
        if self.struck("foreign"):
            rows = [row | {"acc_id": "99"} for row in rows]
        if self.struck("null_values"):
            told = ("time", "acc_id", "acs_id", "charging_state")
            rows = [{key: row[key] if key in told else None for key in columns} for row in rows]
        if self.struck("shuffled"):
            columns.reverse()
            rows = rows[::-1]
        values = [[row[column] for column in columns] for row in rows]
        series = {"name": "ct_response", "columns": columns, "values": values}
        return {"statement_id": 0, "series": [series]}

    def _measure(self) -> None:
        """Take down what flows now."""
        self._share()
        if "frozen" in self.faults:
            return
        time = int(self._clock.now().timestamp())
        if self._rows and self._rows[-1]["time"] >= time:
            return
        self._rows.extend(
            {
                "time": time,
                "acc_id": self.garage,
                "acs_id": station,
                "charging_state": STATES[point.status],
                "energy_delivered": round(point.session_kwh * 1e6) if point.car else 0,
                "mamps_actual": round(max(point.currents_a) * 1000),
                "pilot_actual": round(point.effective_a),
                "power": round(point.power_kw * 1e6),
                "voltage": round(self._volts(point) * 1000),
            }
            for station, point in self.points.items()
        )

    @staticmethod
    def _volts(point: ChargePoint) -> float:
        """Return the voltage of a phase, as power and current show it."""
        total_a = sum(point.currents_a)
        return point.power_kw * 1000 / total_a if total_a > 0 else NOMINAL_V

    def _share(self) -> None:
        """Share the limit evenly among the stations whose cars may still want something."""
        self._house.advance()
        limit_kw = self.limit_kw
        hungry = [p for p in self.points.values() if p.car is not None and not p.car.full]
        for point in self.points.values():
            if limit_kw is None or "ignores" in self.faults:
                point.offered_a = point.config.max_a
                continue
            share_kw = limit_kw / max(1, len(hungry))
            amps = share_kw * 1000 / (point.phases_used * NOMINAL_V)
            # A computation of 5.9999 is 6.
            point.offered_a = amps if amps >= LOWEST_OFFER_A else round(amps, 2)

    async def _get_signal(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if request.match_info["acc"] != self.garage or asked.get("name") != SIGNAL:
            return web.json_response({"message": "Not found"}, status=404)
        if "limit_list" in self.faults:
            return web.json_response([self.signal])
        return web.Response() if self.signal is None else web.json_response(self.signal)

    async def _set_signal(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.orders.append(asked)
        if request.match_info["acc"] != self.garage or asked.get("name") != SIGNAL:
            return web.json_response({"message": "Not found"}, status=404)
        if self.struck("refuses"):
            return web.Response(text=json.dumps({"message": "The limit is locked"}))
        if "ignores" not in self.faults:
            kw = float(asked["max_load"])
            kw = float(int(kw)) if "rounds" in self.faults else kw
            self.limit(kw, enabled=bool(asked["is_enabled"]))
        return web.Response()
