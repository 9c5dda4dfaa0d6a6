"""An NRGkick Gen1 behind its gateway Connect, in front of one charging point of the house."""

from typing import Any

from aiohttp import web

from custom_components.smart_charging.core.clock import Clock

from .house import ChargerStatus, House
from .web_server import Server

MAC = "00:11:22:33:44:55"
LOWEST_A = 6.0
NOMINAL_V = 230.0


class NrgkickGen1(Server):
    """The gateway with one wallbox, and the addresses of `others` that it knows.

    Faults besides those of `Server`: `bluetooth` (HTTP 204: the wallbox is out of reach),
    `apart` (HTTP 200, but not connected), `wrong_password` (refuses any), `ignore_writes`
    (accepts but does not obey), `no_values`, `frozen` (measurements stand still), `no_settings`
    (the wallbox has not told the gateway yet), `no_wallbox` (the gateway has none), `no_clock`
    (its time is beyond all years).
    """

    FAULTS = Server.FAULTS | {
        "bluetooth",
        "apart",
        "wrong_password",
        "ignore_writes",
        "no_values",
        "frozen",
        "no_settings",
        "no_wallbox",
        "no_clock",
    }

    def __init__(
        self,
        house: House,
        clock: Clock,
        charger_id: str = "charger",
        *,
        password: str = "1234",  # noqa: S107 - a simulator's
        mac: str = MAC,
        others: tuple[str, ...] = (),
    ) -> None:
        """Stand in front of `house.chargers[charger_id]`."""
        super().__init__()
        self._house = house
        self._clock = clock
        self._point = house.chargers[charger_id]
        self._password = password
        self._mac = mac
        self._others = others
        self._frozen: dict[str, Any] | None = None
        self.error_codes = ["0"]
        self._plugged_since = self._point.plugged_since
        self.current_a = self._point.config.max_a
        self._point.offered_a = self.current_a

    def routes(self, app: web.Application) -> None:
        """Add what it answers."""
        app.router.add_get("/api/devices", self._devices)
        app.router.add_get("/api/settings/{mac}", self._settings)
        app.router.add_put("/api/settings/{mac}", self._order)
        app.router.add_get("/api/measurements/{mac}", self._measurements)

    async def _gate(self, request: web.Request) -> web.Response | None:
        mac = request.match_info.get("mac")
        if mac is not None and (mac != self._mac or "bluetooth" in self.faults):
            return web.Response(status=204)
        self._house.advance()
        if self._point.plugged_since != self._plugged_since:
            # It begins by itself with every car.
            self._plugged_since = self._point.plugged_since
            if self._plugged_since is not None:
                self._point.enabled = True
        return None

    async def _devices(self, _request: web.Request) -> web.Response:
        known = [] if "no_wallbox" in self.faults else [self._mac, *self._others]
        return web.json_response(known)

    async def _settings(self, _request: web.Request) -> web.Response:
        point = self._point
        info = {"ErrorCodes": self.error_codes, "Connected": "apart" not in self.faults}
        if "no_settings" in self.faults:
            return web.json_response({"Info": info, "Values": None, "MacAddress": self._mac})
        return web.json_response(
            {
                "Info": info,
                "Values": {
                    # The same for a wallbox without a car and for one that is held off.
                    "ChargingStatus": {"Charging": point.enabled and point.car is not None},
                    "ChargingEnergy": {"Value": 199.97, "Limited": False, "Min": 0.5, "Max": 200},
                    "ChargingCurrent": {
                        "Value": self.current_a,
                        "Min": LOWEST_A,
                        "Max": point.config.max_a,
                    },
                    "DeviceMetadata": {
                        "Name": "NRGkick_Garage_2EBD",
                        "Password": None,
                        "PasswordMatch": True,
                    },
                },
                "ProductType": "NRGkick",
                "MacAddress": self._mac,
            }
        )

    async def _order(self, request: web.Request) -> web.Response:
        values = (await request.json())["Values"]
        metadata = values.pop("DeviceMetadata", {})
        self.orders.append(values)
        if "wrong_password" in self.faults or metadata.get("Password") != self._password:
            message = {"Message": "Error (6): Password not in request"}
            return web.json_response(message, status=500)
        current = values.get("ChargingCurrent", {}).get("Value", self.current_a)
        if not LOWEST_A <= current <= self._point.config.max_a:
            return web.json_response({"Message": "Error (3): Value out of range"}, status=500)
        if "ignore_writes" not in self.faults:
            self.current_a = float(current)
            self._point.offered_a = self.current_a
            if "ChargingStatus" in values:
                self._point.enabled = values["ChargingStatus"]["Charging"]
        return web.Response(status=202)

    async def _measurements(self, _request: web.Request) -> web.Response:
        if "frozen" not in self.faults or self._frozen is None:
            self._frozen = self._measure()
        if "no_values" in self.faults:
            return web.json_response({"ChargingPower": None, "ChargingCurrentPhase": [None, "?"]})
        if "no_clock" in self.faults:
            return web.json_response(self._frozen | {"Timestamp": 1e20})
        return web.json_response(self._frozen)

    def _measure(self) -> dict[str, Any]:
        point = self._point
        volts = [*self._house.meter.phase_v, NOMINAL_V, NOMINAL_V, NOMINAL_V][:3]
        charging = point.status is ChargerStatus.CHARGING
        return {
            "ChargingCurrentPhase": [round(a, 1) for a in point.currents_a],
            "ChargingEnergy": round(point.session_kwh, 3),
            "ChargingEnergyOverAll": round(point.total_kwh, 3),
            "ChargingPower": round(point.power_kw, 2) if charging else 0.0,
            "Frequency": 49.97,
            "TemperatureMainUnit": 45.0,
            "VoltagePhase": [
                round(volts[i] or NOMINAL_V, 1) if i < point.config.phases else 0.0
                for i in range(3)
            ],
            "MacAddress": self._mac,
            "Online": True,
            "Timestamp": int(self._clock.now().timestamp()),
        }
