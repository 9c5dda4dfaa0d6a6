"""Both versions of the interface, with one face for the driver."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote

import aiohttp

from ..base import DeviceError, InvalidAuth, Rejected, WrongDevice
from ..http import Answer, Unreachable
from .http import Http
from .values import number

MANUAL: Final = "1"
"""The mode in which the battery follows setpoints, in both versions."""

SELF_CONSUMPTION: Final = frozenset({"2", "8"})
"""The battery looks after the house: 2 in version 2, 8 in version 1."""

REMOTE_URL: Final = "https://core-api.sonnenbatterie.de/proxy"
REMOTE_ACCEPT: Final = "application/vnd.sonnenbatterie.api.core.v1+json"

type Status = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class About:
    """What a battery tells of itself once."""

    firmware: str | None = None
    capacity_kwh: float | None = None
    max_kw: float | None = None
    """Of its inverter, both ways."""
    counts_sun: bool = False


class Api(Protocol):
    """What the driver needs of either version. Every call raises DeviceError."""

    own_mode: str
    """The number of self-consumption."""
    remote: bool
    """Whether the last answer came through sonnen's remote service."""

    async def status(self) -> Status:
        """Return powers, charge and mode of this moment."""

    async def about(self) -> About:
        """Return figures of the battery; proves the token where one is needed."""

    async def sun_kwh(self) -> float | None:
        """Return the counter of the sun, where there is one; proves the token too."""

    async def set_mode(self, mode: str) -> None:
        """Choose the operating mode."""

    async def set_watts(self, direction: str, watts: int) -> None:
        """Set `charge` or `discharge` in whole W; it holds until another one comes."""


class Version2:
    """`/api/v2` with a token. Only its status is open to everybody."""

    own_mode = "2"
    remote = False

    def __init__(self, session: aiohttp.ClientSession, host: str, token: str) -> None:
        self._token = token
        self._http = Http(session, f"http://{host}/api/v2", {"Auth-Token": token})

    async def status(self) -> Status:
        """Return `/status`."""
        return _table(await self._http.ask("/status"))

    async def about(self) -> About:
        """Read the configuration."""
        if not self._token:
            raise InvalidAuth("version 2 needs a token")
        held = _table(await self._http.ask("/configurations"))
        modules = number(held.get("IC_BatteryModules"))
        module_wh = number(held.get("CM_MarketingModuleCapacity"))
        max_w = number(held.get("IC_InverterMaxPower_w"))
        firmware = held.get("DE_Software")
        return About(
            firmware=firmware if isinstance(firmware, str) else None,
            capacity_kwh=modules * module_wh / 1000 if modules and module_wh else None,
            max_kw=max_w / 1000 if max_w else None,
            counts_sun=await self.sun_kwh() is not None,
        )

    async def sun_kwh(self) -> float | None:
        """Add up the meters at the panels; `None` where the answer has none."""
        try:
            meters = await self._http.ask("/powermeter")
        except WrongDevice:
            return None  # not every software has it
        if isinstance(meters, Mapping):
            meters = list(meters.values())
        counted = [
            number(meter.get("kwh_imported"))
            for meter in meters or ()
            if isinstance(meter, Mapping) and meter.get("direction") == "production"
        ]
        known = [kwh for kwh in counted if kwh is not None]
        # A sum that lacks a meter would look like a counter that runs backwards.
        return sum(known) if known and len(known) == len(counted) else None

    async def set_mode(self, mode: str) -> None:
        """Write the mode into the configuration."""
        await self._http.order("/configurations", method="PUT", body={"EM_OperatingMode": mode})

    async def set_watts(self, direction: str, watts: int) -> None:
        """Post the setpoint."""
        _obeyed(await self._http.order(f"/setpoint/{direction}/{watts}", method="POST"))


class Version1:
    """`/api/v1` of older software, open to the home network, and sonnen's way to it from outside."""

    own_mode = "8"

    def __init__(
        self,
        session: aiohttp.ClientSession,
        host: str,
        *,
        serial: str,
        token: str,
        remote_url: str,
    ) -> None:
        address = host if ":" in host else f"{host}:8080"
        self.remote = False
        self._local = Http(session, f"http://{address}", {})
        self._remote = (
            Http(
                session,
                f"{remote_url}/{quote(serial, safe='')}",
                {"Authorization": f"Bearer {token}", "Accept": REMOTE_ACCEPT},
            )
            if token
            else None
        )

    async def status(self) -> Status:
        """Return `/api/v1/status`, if need be from afar."""
        return _table(await self._ask("/api/v1/status"))

    async def about(self) -> About:
        """Work the capacity out of charge and voltage; without an answer it is not known."""
        try:
            answer = _table(await self._ask("/api/battery"))
        except InvalidAuth:
            raise
        except DeviceError:
            return About()
        held = answer.get("battery_status")
        held = held if isinstance(held, Mapping) else {}
        charge_ah = number(held.get("fullchargecapacity"))
        volts = number(held.get("systemdcvoltage"))
        return About(
            capacity_kwh=round(charge_ah * volts / 1000, 1) if charge_ah and volts else None
        )

    async def sun_kwh(self) -> float | None:
        """Version 1 has no counters."""
        return None

    async def set_mode(self, mode: str) -> None:
        """Choose the mode; the path differs by a stroke from afar."""
        query = f"?EM_OperatingMode={mode}"
        await self._order(f"/api/setting/{query}", f"/api/setting{query}")

    async def set_watts(self, direction: str, watts: int) -> None:
        """Set the setpoint, which is a GET in this version."""
        path = f"/api/v1/setpoint/{direction}/{watts}"
        _obeyed(await self._order(path, path))

    async def _ask(self, path: str) -> Any:
        try:
            answer = await self._local.ask(path)
        except Unreachable:
            if self._remote is None:
                raise
            answer = await self._remote.ask(path)
            self.remote = True
        else:
            self.remote = False
        return answer

    async def _order(self, local: str, remote: str) -> Answer:
        try:
            return await self._local.order(local)
        except Unreachable:
            if self._remote is None:
                raise
            return await self._remote.order(remote)


def _table(answer: Any) -> Status:
    if not isinstance(answer, Mapping):
        raise WrongDevice("an answer of another shape")
    return answer


def _obeyed(answer: Answer) -> None:
    if answer.understood() is not True:
        raise Rejected("it does not take the setpoint")
