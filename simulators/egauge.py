"""An eGauge at the house's mains: the JSON interface with its login, and the XML one, on one port.

The JSON follows the vendor's published description, the XML its published examples. Registers hold
what flows in the house, with the meter's own signs: grid + on import, panels + on production.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import md5
from http import HTTPStatus
import secrets
from typing import Any
from xml.sax.saxutils import quoteattr

from aiohttp import web

from .certificate import self_signed
from .house import House
from .web_server import Server

REALM = "eGauge Administration"
SERIAL = "G10400"
HOSTNAME = "eGauge10400"
CONFIGURATION = "0x5ea1fa7"
"""The serial number in the XML: of the configuration, not of the meter."""

QUANTUM = {"P": 1.0, "V": 0.001, "I": 0.001, "F": 0.001, "T": 0.001}

DOCTYPE = (
    '<!DOCTYPE data PUBLIC "-//ESL/DTD eGauge 1.0//EN" "http://www.egauge.net/DTD/egauge-data.dtd">'
)
BOMB = (
    '<!DOCTYPE data [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><data serial="0x1"><ts>1</ts>'
    '<r t="P" n="Grid"><v>1</v><i>&c;</i></r></data>'
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A register at this moment."""

    name: str
    type: str
    rate: float
    """In the unit of its type: W, V, A, Hz."""
    virtual: bool = False


class Egauge(Server):
    """One meter. Without `password` anybody may read it.

    Faults besides those of `Server`: `expired` (the token is no longer good), `bad_password`
    (refused with HTTP 200), `stale_nonce` (refused because the login took too long), `no_nonce`
    (HTTP 503 instead of a challenge), `no_settings` (the user may not read settings), `json_off`
    (older software: HTTP 404), `xml_off`, `xml_locked` (HTTP 401), `null_rate`, `no_instant` (XML
    without present values), `renamed` (all registers have other names), `frozen` (measures no
    more), `reset` (counters begin anew, once), `bomb` (XML with entities that explode).
    """

    FAULTS = Server.FAULTS | {
        "expired",
        "bad_password",
        "stale_nonce",
        "no_nonce",
        "no_settings",
        "json_off",
        "xml_off",
        "xml_locked",
        "null_rate",
        "no_instant",
        "renamed",
        "frozen",
        "reset",
        "bomb",
    }

    def __init__(
        self,
        house: House,
        *,
        username: str = "owner",
        password: str = "",
        serial: str = SERIAL,
        view: str = "",
        phases: bool = True,
        tls: bool = False,
    ) -> None:
        """Stand at the mains of `house`.

        `view` begins each name, as in `A.Grid`; with `phases` each line has registers.
        """
        super().__init__()
        self._house = house
        self._username = username
        self._password = password
        self._serial = serial
        self._view = view
        self._phases = phases
        if tls:
            self.tls = self_signed(HOSTNAME)
        self.logins = 0
        self._nonces: set[str] = set()
        self.tokens: set[str] = set()
        """Those that are good."""
        self._counters: dict[str, float] = {}
        self._base: dict[str, float] = {}
        self._counted_s: float | None = None
        self._frozen: tuple[float, list[Measured]] | None = None

    def inject(self, fault: str, times: int | None = None) -> None:
        """Switch a fault on; counters begin anew once. Raises ValueError."""
        super().inject(fault, 1 if fault == "reset" else times)

    def routes(self, app: web.Application) -> None:
        """Add what it answers."""
        app.router.add_get("/api/auth/unauthorized", self._challenge)
        app.router.add_post("/api/auth/login", self._log_in)
        app.router.add_get("/api/register", self._register)
        app.router.add_get("/api/{path:(sys|config)/.*}", self._setting)
        app.router.add_get("/cgi-bin/egauge", self._xml)

    async def _gate(self, request: web.Request) -> web.Response | None:
        if not request.path.startswith("/api/"):
            return None
        if "json_off" in self.faults or not self._password:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        if request.path.startswith("/api/auth/"):
            return None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.struck("expired"):
            self.tokens.discard(token)
        if token not in self.tokens:
            return self._unauthorized()
        return None

    # --- login ----------------------------------------------------------------------------------

    def _unauthorized(self) -> web.Response:
        nonce = secrets.token_hex(8)
        self._nonces.add(nonce)
        challenge = {"error": "Authentication required.", "rlm": REALM, "nnc": nonce}
        return web.json_response(challenge, status=HTTPStatus.UNAUTHORIZED)

    async def _challenge(self, _request: web.Request) -> web.Response:
        if self.struck("no_nonce"):
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        return self._unauthorized()

    async def _log_in(self, request: web.Request) -> web.Response:
        given = await request.json()
        nonce = given["nnc"]
        if nonce not in self._nonces or self.struck("stale_nonce"):
            return web.json_response({"error": "Invalid nonce"})
        self._nonces.discard(nonce)
        own = _md5(f"{self._username}:{REALM}:{self._password}")
        proof = _md5(f"{own}:{nonce}:{given['cnnc']}")
        known = (given["rlm"], given["usr"], given["hash"]) == (REALM, self._username, proof)
        if not known or self.struck("bad_password"):
            return web.json_response({"error": "Invalid username or password"})
        token = secrets.token_urlsafe(24)
        self.tokens.add(token)
        self.logins += 1
        return web.json_response({"jwt": token, "rights": []})

    async def _setting(self, request: web.Request) -> web.Response:
        if "no_settings" in self.faults:
            return self._unauthorized()
        known = {
            "sys/sn": self._serial,
            "sys/model": "EG4015",
            "sys/version/firmware": "4.7.1",
            "config/net/hostname": HOSTNAME,
        }
        path = request.match_info["path"]
        if path not in known:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.json_response({"result": known[path]})

    # --- what it measures -----------------------------------------------------------------------

    def _measure(self) -> tuple[float, list[Measured]]:
        """Return the meter's time and its registers now; count up to now."""
        if "frozen" in self.faults and self._frozen is not None:
            return self._frozen
        now_s = self._house.advance()
        found = [
            Measured(
                name=f"{self._view}{each.name}"
                if "renamed" not in self.faults
                else f"_{each.name}",
                type=each.type,
                rate=each.rate,
                virtual=each.virtual,
            )
            for each in self._flows()
        ]
        if self.struck("reset"):
            self._counters.clear()
            self._base = self._energies()
        elapsed_s = 0.0 if self._counted_s is None else now_s - self._counted_s
        self._counted_s = now_s
        for each in found:
            self._counters[each.name] = self._counters.get(each.name, 0.0) + each.rate * elapsed_s
        self._frozen = (now_s, found)
        return self._frozen

    def _flows(self) -> list[Measured]:
        house, meter = self._house, self._house.meter
        grid, sun = 1000 * meter.power_kw, 1000 * house.pv_kw
        cars = 1000 * sum(charger.power_kw for charger in house.chargers.values())
        registers = [
            Measured(name="use", type="P", rate=grid + sun, virtual=True),
            Measured(name="Grid", type="P", rate=grid),
            Measured(name="Grid+", type="P", rate=max(grid, 0.0)),
            Measured(name="Grid-", type="P", rate=min(grid, 0.0)),
            Measured(name="Solar", type="P", rate=sun),
            Measured(name="Solar+", type="P", rate=max(sun, 0.0)),
            Measured(name="EV", type="P", rate=cars),
        ]
        if self._phases:
            for n, (kw, volts, amps) in enumerate(
                zip(meter.phase_kw, meter.phase_v, meter.phase_a, strict=True), start=1
            ):
                registers += [
                    Measured(name=f"Grid L{n}", type="P", rate=1000 * kw),
                    Measured(name=f"L{n} Voltage", type="V", rate=volts),
                    Measured(name=f"L{n} Current", type="I", rate=abs(amps)),
                ]
        return [
            *registers,
            Measured(name="L1 Frequency", type="F", rate=50.01),
            # A kind that nobody has heard of yet.
            Measured(name="Odd", type="zz9", rate=7.0),
        ]

    def _energies(self) -> dict[str, float]:
        """Return what the house's own counters say, in W s: they are exact."""
        meter = self._house.meter
        return {
            "Grid": (meter.import_kwh - meter.export_kwh) * 3.6e6,
            "Grid+": meter.import_kwh * 3.6e6,
            "Grid-": -meter.export_kwh * 3.6e6,
            "Solar": self._house.pv_energy_kwh * 3.6e6,
            "Solar+": self._house.pv_energy_kwh * 3.6e6,
        }

    def _counter(self, each: Measured) -> int:
        plain = each.name.removeprefix(self._view)
        counted = self._energies().get(plain)
        if counted is None:
            return round(self._counters[each.name] / QUANTUM.get(each.type, 1.0))
        return round(counted - self._base.get(plain, 0.0))

    async def _register(self, request: web.Request) -> web.Response:
        now_s, found = self._measure()
        physical = [each for each in found if not each.virtual]
        rates = "rate" in request.query
        answer: dict[str, Any] = {
            "ts": f"{now_s:.9f}",
            "registers": [
                {"name": each.name, "type": each.type, "idx": 16 + did, "did": did}
                | ({"rate": None if "null_rate" in self.faults else each.rate} if rates else {})
                for did, each in enumerate(physical)
            ],
        }
        if request.query.get("time") == "now":
            row = [str(self._counter(each)) for each in physical]
            answer["ranges"] = [{"ts": f"{now_s:.9f}", "delta": 1, "rows": [row]}]
        return web.json_response(answer)

    async def _xml(self, request: web.Request) -> web.Response:
        if "xml_off" in self.faults:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        if "xml_locked" in self.faults:
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        if "bomb" in self.faults:
            return web.Response(text=BOMB, content_type="text/xml")
        now_s, found = self._measure()
        # Older readers write `ins`.
        instant = {"inst", "ins"} & request.query.keys() and "no_instant" not in self.faults
        shown = [each for each in found if "tot" in request.query or not each.virtual]
        rows = "".join(
            self._row(each, did, with_rate=bool(instant)) for did, each in enumerate(shown)
        )
        text = (
            f'<?xml version="1.0" encoding="UTF-8" ?>\n{DOCTYPE}\n'
            f'<data serial="{CONFIGURATION}"><ts>{int(now_s)}</ts>{rows}</data>\n'
        )
        return web.Response(text=text, content_type="text/xml")

    def _row(self, each: Measured, did: int, *, with_rate: bool) -> str:
        marks: Mapping[str, str] = {"rt": "total"} if each.virtual else {"did": str(did)}
        attributes = {"t": each.type, "n": each.name, **marks}
        written = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items())
        rate = ""
        if with_rate and "null_rate" not in self.faults:
            rate = f"<i>{round(each.rate / QUANTUM.get(each.type, 1.0))}</i>"
        return f"<r {written}><v>{self._counter(each)}</v>{rate}</r>"


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
