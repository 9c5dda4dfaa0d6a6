"""An NRGkick Gen2: its local HTTP interface in front of one charging point of the house."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from custom_components.smart_charging.core.clock import Clock

from .house import ChargerStatus, House
from .web_server import Server

NOMINAL_V = 230.0
LOWEST_A = 6.0
LARGEST_ENERGY_WH = 1_000_000

STATUS = {
    ChargerStatus.UNPLUGGED: ("STANDBY", 1),
    ChargerStatus.CONNECTED: ("CONNECTED", 2),
    ChargerStatus.CHARGING: ("CHARGING", 3),
    # It has no word for a car that is full.
    ChargerStatus.COMPLETE: ("CONNECTED", 2),
    ChargerStatus.ERROR: ("ERROR", 6),
}


class NrgkickGen2(Server):
    """The charger on the network.

    Faults besides those of `Server`: `wrong_password` (refuses any), `api_off` (switched off in
    the app), `blocked` (solar charging of the app refuses orders, with HTTP 200), `reject_writes`
    (HTTP 406), `ignore_writes` (acknowledges but does not obey), `no_values` (what it measures
    comes as null), `numbers` (states come as numbers), `overtemperature` (its own fault),
    `starting` (it does not know yet who it is, nor in what state).
    """

    FAULTS = Server.FAULTS | {
        "wrong_password",
        "api_off",
        "blocked",
        "reject_writes",
        "ignore_writes",
        "no_values",
        "numbers",
        "overtemperature",
        "starting",
    }

    def __init__(
        self,
        house: House,
        clock: Clock,
        charger_id: str = "charger",
        *,
        serial: str = "T2332500000000000S1D2",
        username: str = "",
        password: str = "",
        rated_a: int = 32,
        phase_switching: bool = True,
    ) -> None:
        """Stand in front of `house.chargers[charger_id]`; without a password all may ask."""
        super().__init__()
        self._house = house
        self._clock = clock
        self._point = house.chargers[charger_id]
        self._serial = serial
        pair = b64encode(f"{username}:{password}".encode()).decode()
        self._login = f"Basic {pair}" if password else None
        self._rated_a = rated_a
        self._phase_switching = phase_switching
        self._switching_until = clock.monotonic()
        self.energy_limit_wh = 0
        self.current_a = min(float(rated_a), self._point.config.max_a)
        self._point.offered_a = self.current_a

    def routes(self, app: web.Application) -> None:
        """Add what it answers."""
        app.router.add_get("/info", self._info)
        app.router.add_get("/control", self._control)
        app.router.add_get("/values", self._values)

    async def _gate(self, request: web.Request) -> web.Response | None:
        """Refuse strangers, and everybody while the interface is off."""
        login = request.headers.get("Authorization")
        if "wrong_password" in self.faults or (self._login is not None and login != self._login):
            return web.json_response({"Response": "Unauthorized"}, status=401)
        if self.struck("api_off"):
            return web.json_response({"Response": "API must be enabled within the NRGkick App"})
        return None

    async def _info(self, _request: web.Request) -> web.Response:
        if "starting" in self.faults:
            return web.json_response({"general": {"serial_number": ""}, "versions": {}})
        phases = self._point.config.phases
        lines = ", ".join(f"L{n + 1}" for n in range(phases))
        return web.json_response(
            {
                "general": {
                    "serial_number": self._serial,
                    "model_type": "NRGkick Gen2 SIM",
                    "device_name": "NRGkick 🔌⚡️",
                    "rated_current": self._rated_a,
                },
                "connector": {
                    "phase_count": phases,
                    "max_current": int(self._point.config.max_a),
                    "type": "CEE",
                    "serial": "A1234567",
                },
                "grid": {"voltage": 230, "frequency": 50, "phases": lines},
                "network": {"ip_address": "127.0.0.1", "mac_adress": "AB:CD:12:34:56"},
                "versions": {"sw_sm": "4.0.0.33", "hw_sm": "1.0.0.3"},
            }
        )

    async def _control(self, request: web.Request) -> web.Response:
        """Tell the settings, or change those that the query names."""
        if request.query:
            return self._order(request.query)
        point = self._point
        switching = self._clock.monotonic() < self._switching_until
        return web.json_response(
            {
                "current_set": self.current_a,
                "charge_pause": int(not point.enabled),
                "energy_limit": self.energy_limit_wh,
                "phase_count": 0 if switching else point.phases,
            }
        )

    def _order(self, query: Mapping[str, str]) -> web.Response:
        self.orders.append(dict(query))
        if "blocked" in self.faults:
            return web.json_response({"Response": "blocked by solar-charging"})
        refusal = "Not Acceptable" if "reject_writes" in self.faults else self._refusal(query)
        if refusal is not None:
            return web.json_response({"Response": refusal}, status=406)
        echo: dict[str, float] = {}
        obeys, point = "ignore_writes" not in self.faults, self._point
        for key, text in query.items():
            value = float(text)
            echo[key] = round(value, 1) if key == "current_set" else int(value)
            if not obeys:
                continue
            if key == "current_set":
                self.current_a = round(value, 1)
                point.offered_a = self.current_a
            elif key == "charge_pause":
                point.enabled = value == 0
            elif key == "energy_limit":
                self.energy_limit_wh = int(value)
            elif int(value) != point.phases:
                point.phases = int(value)
                self._switching_until = self._clock.monotonic() + point.config.phase_switch_s
        return web.json_response(echo)

    def _refusal(self, query: Mapping[str, str]) -> str | None:
        """Return why an order is not acceptable, as the vendor words it."""
        top = min(self._rated_a, self._point.config.max_a)
        for key, text in query.items():
            try:
                value = float(text)
            except ValueError:
                value = -1.0
            match key:
                case "current_set" if not LOWEST_A <= value <= top:
                    return f"Invalid current entered, allowed 6.0A - {top:.1f}A"
                case "charge_pause" if value not in (0, 1):
                    return "Invalid state entered, allowed 0 / 1"
                case "energy_limit" if not 0 <= value <= LARGEST_ENERGY_WH:
                    return "Invalid limit entered"
                case "phase_count" if not self._phase_switching or value not in (
                    1,
                    self._point.config.phases,
                ):
                    return "Invalid phases entered, allowed 1 - 3"
        return None

    async def _values(self, _request: web.Request) -> web.Response:
        self._house.advance()
        point = self._point
        failed = "overtemperature" in self.faults
        if 0 < self.energy_limit_wh <= point.session_kwh * 1000:
            point.offered_a = 0
        name, code = STATUS[ChargerStatus.ERROR if failed else point.status]
        amps = point.currents_a
        watts, all_a = point.power_kw * 1000, sum(amps)
        volts = [*self._house.meter.phase_v, NOMINAL_V, NOMINAL_V, NOMINAL_V][:3]
        numbers = "numbers" in self.faults
        body: dict[str, Any] = {
            "energy": {
                "total_charged_energy": round(point.total_kwh * 1000),
                "charged_energy": round(point.session_kwh * 1000),
            },
            "powerflow": {
                "charging_voltage": round(volts[0] or NOMINAL_V, 2),
                "charging_current": round(max(amps), 2),
                "grid_frequency": 50.0,
                "peak_power": round(watts, 1),
                "total_active_power": round(watts, 1),
                **{
                    f"l{i + 1}": {
                        "voltage": round(volts[i] or NOMINAL_V, 2),
                        "current": round(amps[i], 2),
                        "active_power": round(watts * amps[i] / all_a, 1) if all_a else 0,
                    }
                    for i in range(3)
                },
                "n": {"current": 0},
            },
            "general": {
                "vehicle_connect_time": 0,
                "vehicle_charging_time": round(point.session_kwh * 100),
                "status": code if numbers else name,
                "charge_permitted": int(point.effective_a > 0),
                "relay_state": "NO_RELAY",
                "rcd_trigger": 0 if numbers else "NO_FAULT",
                "warning_code": 0 if numbers else "NO_WARNING",
                "error_code": "HOUSING_OVERTEMPERATURE"
                if failed
                else (0 if numbers else "NO_ERROR"),
            },
            "temperatures": {"housing": 34.88},
        }
        if "starting" in self.faults:
            body["general"] |= {"status": 0 if numbers else "UNKNOWN"}
        if "no_values" in self.faults:
            body |= {"powerflow": None, "energy": {"charged_energy": "?"}}
        return web.json_response(body)
