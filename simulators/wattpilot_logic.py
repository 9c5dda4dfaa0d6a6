"""What a Wattpilot knows and decides: its properties, their rules, and its charging logic."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from custom_components.smart_charging.core.clock import Clock
from custom_components.smart_charging.core.reading import ChargerStatus

from .house import House

LOWEST_A = 6
NOMINAL_V = 230.0

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None


class Refused(Exception):
    """A write that the charger does not accept; the text is its answer."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be written to a property."""

    type: type
    low: float | None = None
    high: float | None = None
    choices: tuple[int, ...] | None = None
    nullable: bool = False

    def check(self, value: Json) -> None:
        """Raise Refused unless `value` has the exact type and range."""
        if value is None and self.nullable:
            return
        # A boolean is no integer here, although Python thinks so; an integer is a float.
        fits = type(value) is self.type or (self.type is float and type(value) is int)
        if not fits:
            raise Refused(f"wrong type, expected {self.type.__name__}")
        if self.choices is not None and value not in self.choices:
            raise Refused("value not allowed")
        if isinstance(value, int | float) and not isinstance(value, bool):
            if (self.low is not None and value < self.low) or (
                self.high is not None and value > self.high
            ):
                raise Refused("value out of range")


class WattpilotLogic:
    """The charger without its network: drives one charging point of the house."""

    def __init__(
        self,
        house: House,
        clock: Clock,
        charger_id: str,
        *,
        serial: str,
        devicetype: str,
        variant: int,
        dynamic_current: bool,
    ) -> None:
        """Start as after unpacking: default mode, highest current, no PV surplus."""
        self._house = house
        self._clock = clock
        self._point = house.chargers[charger_id]
        self._booted_s = clock.monotonic()
        self._switching_until = clock.monotonic()
        self._plugged_since: float | None = None
        self._drew = False
        self.model_max_a = 16 if variant == 11 else 32
        top = min(self.model_max_a, int(self._point.config.max_a))
        self.rules: dict[str, Rule] = {
            "amp": Rule(int, LOWEST_A, self.model_max_a),
            "ama": Rule(int, LOWEST_A, self.model_max_a),
            "frc": Rule(int, choices=(0, 1, 2)),
            "lmo": Rule(int, choices=(3, 4, 5)),
            "psm": Rule(int, choices=(0, 1, 2)),
            "fup": Rule(bool),
            "fst": Rule(float, 0),
            "spl3": Rule(float, 0),
            "acs": Rule(int, choices=(0, 1)),
            "dwo": Rule(float, 0, nullable=True),
            "fna": Rule(str),
            "mca": Rule(int, LOWEST_A, self.model_max_a),
            "mptwt": Rule(int, 0),
            "mpwst": Rule(int, 0),
        }
        self.values: dict[str, Json] = {
            "sse": serial,
            "typ": devicetype,
            "var": variant,
            "fwv": "42.5",
            "fna": "Garage",
            "oem": "fronius",
            "amp": top,
            "ama": top,
            "mca": LOWEST_A,
            "frc": 0,
            "lmo": 3,
            "psm": 0,
            "fup": False,
            "fst": 1400.0,
            "spl3": 4200.0,
            "mptwt": 600000,
            "mpwst": 120000,
            "acs": 0,
            "dwo": None,
            "err": 0,
            "ust": 0,
            "rssi": -61,
            "cards": [{"name": "User 1", "energy": 0, "cardId": True}],
            "ccw": {"ssid": "home", "ip": "127.0.0.1"},
            "onv": [],
        }
        if dynamic_current:
            self.rules["amx"] = Rule(int, LOWEST_A, self.model_max_a)
            self.values["amx"] = top
        self.step()

    def write(self, key: str, value: Json) -> None:
        """Set a property and act on it at once. Raises Refused."""
        if key not in self.values:
            raise Refused("unknown property")
        if key not in self.rules:
            raise Refused("property is readonly")
        self.rules[key].check(value)
        self.values[key] = value
        self._act()

    def fail(self, code: int) -> None:
        """Set the fault `code` (0 clears it)."""
        self.values["err"] = code
        self._act()

    def reboot(self) -> None:
        """Start anew: what is volatile is lost."""
        self._booted_s = self._clock.monotonic()
        if "amx" in self.values:
            self.values["amx"] = self.values["amp"]
        self._act()

    def step(self) -> None:
        """Let the charging logic run, as it does once a second, and renew all status values."""
        self._house.advance()
        allowed, reason, current_a = self._act()
        point, values = self._point, self.values
        drawing = point.status is ChargerStatus.CHARGING
        self._drew = self._drew or drawing
        values["alw"] = allowed
        values["acu"] = int(current_a) if allowed else None
        values["modelStatus"] = reason
        values["car"] = self._car(allowed, drawing)
        values["cbl"] = None if point.car is None else self._cable_a
        values["wh"] = round(point.session_kwh * 1000, 3)
        values["eto"] = round(point.total_kwh * 1000)
        values["nrg"] = self._measured()
        closed = [drawing and i < point.phases_used for i in range(3)]
        values["pha"] = [*closed, *(i < point.config.phases for i in range(3))]
        values["pnp"] = point.phases_used if drawing else 0
        now = self._clock.now()
        values["rbt"] = int((self._clock.monotonic() - self._booted_s) * 1000)
        values["utc"] = _stamp(now)
        values["loc"] = f"{_stamp(now.astimezone(self._house.time_zone))} +00:00"

    def _integer(self, key: str) -> int:
        value = self.values[key]
        if not isinstance(value, int):
            raise TypeError(key)
        return value

    @property
    def _cable_a(self) -> int:
        return 20 if self.model_max_a == 16 else 32

    def _limit_a(self) -> int:
        """Return the lowest of all current limits."""
        limits = [self._integer(key) for key in ("amp", "ama", "amx") if key in self.values]
        return min(*limits, self.model_max_a, self._cable_a)

    def _act(self) -> tuple[bool, int, float]:
        """Follow plug, phases and limits; return allowed, `modelStatus` and current."""
        point = self._point
        if point.plugged_since != self._plugged_since:
            self._plugged_since, self._drew = point.plugged_since, False
            self.values["trx"] = self._transaction()
        self.values.setdefault("trx", None)
        wanted = 1 if self.values["psm"] == 1 else 3
        wanted = min(wanted, point.config.phases)
        if wanted != point.phases:
            point.phases = wanted
            self._switching_until = self._clock.monotonic() + point.config.phase_switch_s
        allowed, reason, current_a = self._decide()
        current_a = current_a if allowed else 0.0
        if point.offered_a != current_a:
            point.offered_a = current_a
        if point.enabled != allowed:
            point.enabled = allowed
        return allowed, reason, current_a

    def _transaction(self) -> int | None:
        car = self._point.car
        if car is None:
            return None
        card = (car.tag or "").removeprefix("card ")
        if card.isdigit():
            return int(card)
        return 0 if self.values["acs"] == 0 else None

    def _decide(self) -> tuple[bool, int, float]:
        values, limit = self.values, float(self._limit_a())
        energy_limit = values["dwo"]
        if values["err"]:
            return False, 0, 0.0
        if self._clock.monotonic() < self._switching_until:
            return False, 23, 0.0
        if values["frc"] == 1:
            return False, 4, 0.0
        if values["acs"] == 1 and self._point.car is not None and values["trx"] is None:
            return False, 2, 0.0
        if isinstance(energy_limit, int | float) and (
            self._point.session_kwh * 1000 >= energy_limit
        ):
            return False, 6, 0.0
        if values["frc"] == 2:
            return True, 3, limit
        if values["lmo"] == 4:
            return self._surplus(limit)
        if values["lmo"] == 5:
            # Its own plan for the next trip is not modelled: it always charges.
            return True, 9, limit
        return True, 15, limit

    def _surplus(self, limit: float) -> tuple[bool, int, float]:
        """Charge with what the house would export, in the charger's own Eco mode."""
        spare_w = (self._point.power_kw - self._house.meter.power_kw) * 1000
        start_w = self.values["fst"]
        if not self.values["fup"] or not isinstance(start_w, int | float) or spare_w < start_w:
            return False, 17, 0.0
        current = int(spare_w / (NOMINAL_V * self._point.phases_used))
        return True, 12, float(min(limit, max(LOWEST_A, current)))

    def _car(self, allowed: bool, drawing: bool) -> int:
        point = self._point
        if self.values["err"]:
            return 5
        if point.car is None:
            return 1
        if drawing:
            return 2
        if allowed:
            return 4 if point.status is ChargerStatus.COMPLETE else 3
        # The charger shows a charge that it paused like one that the car ended.
        return 4 if self._drew else 3

    def _measured(self) -> list[Json]:
        point = self._point
        amps = point.currents_a
        total_w, all_a = point.power_kw * 1000, sum(amps)
        volts = [NOMINAL_V] * 3
        for i, value in enumerate(self._house.meter.phase_v):
            volts[i] = value or NOMINAL_V
        watts = [total_w * a / all_a if all_a else 0.0 for a in amps]
        factors = [99 if a else 0 for a in amps]
        values: list[float] = [*volts, 1, *amps, *watts, 0, total_w, *factors, 0]
        return [round(value, 2) for value in values]


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, Json]:
    """Return what is new or different in `after`."""
    return {k: v for k, v in after.items() if k not in before or before[k] != v}
