"""A sonnenBatterie: API v2 with a token, v1 without, and the remote proxy, all on one port.

The shapes follow published samples. Powers are whole W and always balance:
production + battery (+ gives) = consumption + feed-in. A setpoint is taken in manual mode only,
holds until another one comes, and nothing watches over it.

Faults by name (`inject`, `clear`):
  unauthorized  every token is refused
  write_off     the token may only read
  mode_locked   mode orders are answered and not followed
  reverts       it takes a setpoint and goes back to its own mode at once
  deaf          setpoints are answered `false`
  http_5xx      every answer is 503 with a page
  orders_5xx    orders are answered so, and not followed
  garbage       200 with a page instead of JSON
  partial       the status lacks `fields` (default the charge and the feed-in)
  frozen        the status stays as it is, its time stamp too
  delay         answers come `seconds` late
  silence       requests are taken and never answered
  hang_up       the connection is closed in the middle of the answer
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Self

from aiohttp import web

from .house import BatteryMode, House

FAULTS = (
    "unauthorized",
    "write_off",
    "mode_locked",
    "reverts",
    "deaf",
    "http_5xx",
    "orders_5xx",
    "garbage",
    "partial",
    "frozen",
    "delay",
    "silence",
    "hang_up",
)

MANUAL, V2_OWN, V1_OWN, TIME_OF_USE = "1", "2", "8", "10"
ACCEPT = "application/vnd.sonnenbatterie.api.core.v1+json"
PAGE = "<html><body>sonnenBatterie</body></html>"


class Sonnen:
    """The battery. `async with Sonnen(house) as battery: ... battery.host`."""

    def __init__(
        self,
        house: House,
        *,
        token: str = "sonnen-token",  # noqa: S107 - opens a simulator
        serial: str = "123456",
        version: int = 2,
        port: int = 0,
    ) -> None:
        """Stand before `house`, which must have a battery. `version` 1 has no `/api/v2`."""
        if house.battery is None:
            raise ValueError("this house has no battery")
        self.house = house
        self.battery = house.battery
        self.token = token
        self.serial = serial
        self.version = version
        self.port = port
        self.mode = V2_OWN if version == 2 else V1_OWN
        self.setpoint = ("charge", 0)
        """Direction and W; it outlives every change of the mode."""
        self.off_grid = False
        self.shut_down_by: str | None = None
        """Name of the flag that says why the battery has shut down."""
        self.faults: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        """Method and path of all requests, refused ones too."""
        self.orders: list[str] = []
        """Orders that were taken: `mode 1`, `charge 1500`."""
        self._frozen: dict[str, Any] | None = None
        self._gone = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def host(self) -> str:
        """Address for the form."""
        return f"127.0.0.1:{self.port}"

    @property
    def remote_url(self) -> str:
        """Where the remote proxy is."""
        return f"http://{self.host}/proxy"

    async def __aenter__(self) -> Self:
        """Listen."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        await self.stop()

    async def start(self) -> None:
        """Listen; the port is kept over a stop."""
        self._gone.clear()
        app = web.Application(middlewares=[self._gate])
        routes = app.router
        if self.version == 2:
            routes.add_get("/api/v2/status", self._status)
            routes.add_get("/api/v2/latestdata", self._latest)
            routes.add_get("/api/v2/configurations", self._configurations)
            routes.add_get("/api/v2/powermeter", self._powermeter)
            routes.add_put("/api/v2/configurations", self._configure)
            routes.add_post("/api/v2/setpoint/{direction}/{watts}", self._set)
        for root in ("", f"/proxy/{self.serial}"):
            routes.add_get(f"{root}/api/v1/status", self._status)
            routes.add_get(f"{root}/api/battery", self._cells)
            routes.add_get(f"{root}/api/setting{'' if root else '/'}", self._setting)
            routes.add_get(f"{root}/api/v1/setpoint/{{direction}}/{{watts}}", self._set)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        listener = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await listener.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Hang up on everybody and stop listening."""
        self._gone.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def inject(self, fault: str, **how: Any) -> None:
        """Switch a fault on. Raises ValueError for an unknown one."""
        if fault not in FAULTS:
            raise ValueError(f"unknown fault {fault}")
        self.faults[fault] = how
        self._frozen = self._now() if fault == "frozen" else self._frozen

    def clear(self, fault: str | None = None) -> None:
        """Switch one fault off, or all."""
        if fault is None:
            self.faults.clear()
        else:
            self.faults.pop(fault, None)

    def choose(self, mode: str) -> None:
        """Set the operating mode, as an order or a person at the battery does."""
        self.mode = mode
        self._follow()

    def _follow(self) -> None:
        direction, watts = self.setpoint
        if self.mode != MANUAL:
            self.battery.order(BatteryMode.SELF_CONSUMPTION)
        elif watts == 0:
            self.battery.order(BatteryMode.HOLD)
        else:
            self.battery.order(BatteryMode(direction), watts / 1000)

    @web.middleware
    async def _gate(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path_qs}")
        if "silence" in self.faults:
            await self._gone.wait()
        if (delay := self.faults.get("delay")) is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), delay.get("seconds", 1.0))
        if "hang_up" in self.faults and request.transport is not None:
            request.transport.write(b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"USOC": 8')
            request.transport.close()
        if "http_5xx" in self.faults or ("orders_5xx" in self.faults and _is_order(request)):
            return web.Response(status=503, text=PAGE, content_type="text/html")
        if "garbage" in self.faults:
            return web.Response(text=PAGE, content_type="text/html")
        if (refused := self._refused(request)) is not None:
            return refused
        return await handler(request)

    def _refused(self, request: web.Request) -> web.Response | None:
        """Check the token where one is needed."""
        path, headers = request.path, request.headers
        if path.startswith("/proxy/"):
            known = headers.get("Authorization") == f"Bearer {self.token}"
            if headers.get("Accept") != ACCEPT:
                return web.Response(status=406)
        elif path.startswith("/api/v2/") and path != "/api/v2/status":
            known = headers.get("Auth-Token") == self.token
        else:
            return None
        if not known or "unauthorized" in self.faults:
            return web.json_response({"error": "Unauthorized"}, status=401)
        if request.method != "GET" and "write_off" in self.faults:
            return web.json_response({"error": "Forbidden"}, status=403)
        return None

    def _now(self) -> dict[str, Any]:
        """Return the status of this moment."""
        self.house.advance()
        battery, meter = self.battery, self.house.meter
        gives, feed_in = round(-1000 * battery.power_kw), round(-1000 * meter.power_kw)
        made = round(1000 * self.house.pv_kw)
        used, soc = made + gives - feed_in, round(battery.soc * 100)
        local = self.house.now.astimezone(self.house.time_zone)
        return {
            "BackupBuffer": "10",
            "BatteryCharging": gives < 0,
            "BatteryDischarging": gives > 0,
            "Consumption_W": used,
            "Fac": 50.01,
            "FlowConsumptionBattery": gives > 0,
            "FlowConsumptionGrid": feed_in < 0,
            "FlowConsumptionProduction": made > 0,
            "FlowGridBattery": gives < 0 and feed_in < 0,
            "FlowProductionBattery": gives < 0 and made > 0,
            "FlowProductionGrid": feed_in > 0 and made > 0,
            "GridFeedIn_W": feed_in,
            "IsSystemInstalled": 1,
            "OperatingMode": self.mode,
            "Pac_total_W": gives,
            "Production_W": made,
            "RSOC": soc,
            "SystemStatus": "OffGrid" if self.off_grid else "OnGrid",
            "Timestamp": f"{local:%Y-%m-%d %H:%M:%S}",
            "USOC": soc,
            "Uac": round(meter.phase_v[0]),
            "Ubat": 54,
        }

    def _shown(self) -> dict[str, Any]:
        if "frozen" in self.faults and self._frozen is not None:
            return self._frozen
        status = self._now()
        if (fault := self.faults.get("partial")) is not None:
            for field in fault.get("fields", ("USOC", "GridFeedIn_W")):
                status.pop(field, None)
        return status

    async def _status(self, request: web.Request) -> web.Response:
        status = self._shown()
        if request.path.startswith("/api/v2"):
            # One phase: the others are there and empty.
            status |= {"Sac1": abs(status.get("Pac_total_W", 0)), "Sac2": None, "Sac3": None}
        return web.json_response(status)

    async def _latest(self, request: web.Request) -> web.Response:
        keys = ("GridFeedIn_W", "Production_W", "Consumption_W", "Pac_total_W", "RSOC", "USOC")
        status = self._shown()
        names = ("HW_Shutdown", "Inverter Over Temperature", "Manual shutdown by user")
        flags = {
            "DC Shutdown Reason": {name: name == self.shut_down_by for name in names},
            "Eclipse Led": {"Pulsing White": True, "Solid Red": False, "Blinking Red": False},
        }
        shown = {key: status[key] for key in keys if key in status}
        return web.json_response({**shown, "ic_status": flags})

    async def _configurations(self, request: web.Request) -> web.Response:
        config = self.battery.config
        return web.json_response(
            {
                "CM_MarketingModuleCapacity": round(config.capacity_kwh * 500),
                "DE_Software": "1.14.5",
                "EM_OperatingMode": self.mode,
                "EM_USOC": round(config.min_soc * 100),
                "IC_BatteryModules": 2,
                "IC_InverterMaxPower_w": round(config.max_charge_kw * 1000),
            }
        )

    async def _powermeter(self, request: web.Request) -> web.Response:
        self.house.advance()
        made = 1000 * self.house.pv_kw
        used = self._now()["Consumption_W"]
        return web.json_response(
            [
                {
                    "channel": channel,
                    "direction": direction,
                    "error": 0,
                    "kwh_exported": 0,
                    "kwh_imported": kwh,
                    "w_total": watts,
                }
                for channel, direction, kwh, watts in (
                    (1, "production", self.house.pv_energy_kwh, made),
                    (2, "consumption", self.house.base_kwh, used),
                )
            ]
        )

    async def _cells(self, request: web.Request) -> web.Response:
        held_ah = self.battery.capacity_kwh * 1000 / 54
        return web.json_response(
            {
                "battery_status": {
                    "cyclecount": "88",
                    "fullchargecapacity": f"{held_ah:.3f}",
                    "relativestateofcharge": f"{self.battery.soc * 100:.1f}",
                    "systemdcvoltage": "54.000",
                },
                "battery_status_units": {"fullchargecapacity": "Ah", "systemdcvoltage": "V"},
            }
        )

    async def _configure(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        return self._take_mode(wanted.get("EM_OperatingMode"), (MANUAL, V2_OWN, "6", TIME_OF_USE))

    async def _setting(self, request: web.Request) -> web.Response:
        return self._take_mode(request.query.get("EM_OperatingMode"), (MANUAL, V1_OWN, V2_OWN))

    def _take_mode(self, mode: str | None, known: tuple[str, ...]) -> web.Response:
        if mode not in known:
            return web.json_response({"error": "Bad Request"}, status=400)
        if "mode_locked" not in self.faults:
            self.orders.append(f"mode {mode}")
            self.choose(mode)
        return web.json_response({"EM_OperatingMode": mode})

    async def _set(self, request: web.Request) -> web.Response:
        direction, watts = request.match_info["direction"], request.match_info["watts"]
        if direction not in ("charge", "discharge") or not watts.isdecimal():
            return web.json_response({"error": "Bad Request"}, status=400)
        if self.mode != MANUAL or "deaf" in self.faults:
            return web.Response(text="false", content_type="application/json")
        self.orders.append(f"{direction} {watts}")
        self.setpoint = (direction, int(watts))
        self._follow()
        if "reverts" in self.faults:
            self.choose(V2_OWN if self.version == 2 else V1_OWN)
        return web.Response(text="true", content_type="application/json")


def _is_order(request: web.Request) -> bool:
    """Tell an order from a question; those of version 1 are GETs too."""
    return request.method != "GET" or "/setpoint/" in request.path or "/setting" in request.path
