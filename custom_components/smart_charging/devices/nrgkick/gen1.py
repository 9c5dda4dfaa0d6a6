"""Gen1: wallboxes behind the gateway Connect, which speaks to them over Bluetooth.

Nothing is in common with Gen2: power in kW, energy in kWh, whole amperes, a PUT with the
wallbox's password, seconds per call.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from ...core.clock import Clock
from ...core.reading import ChargerReading, ChargerStatus, PartKind, Remedy
from ..answers import at, number, word
from ..base import CannotConnect, Identity, InvalidAuth, PartInfo, Rejected, WrongDevice
from ..charging import LOWEST_A, Idle
from .values import PART, Setting, phases_drawn
from .web import NONSENSE, Answer, Web

UNREACHED = "the gateway does not reach the wallbox over Bluetooth"
DEFAULT_MAX_A = 16.0
CHARGES_KW = 0.1
"""A car that takes this much charges."""
FROZEN_S = 60.0
"""The gateway says that a wallbox is there although its measurements stand still. So long after
their last time stamp they no longer count."""
UNPLUGGED_AFTER_S = 25.0
"""Paused and unplugged look the same, but a wallbox without a car stays off when it is allowed to
charge. This is less than it takes until a charger is said to ignore its orders."""


class NoBluetooth(CannotConnect):
    """The gateway answers, the wallbox behind it does not."""

    key = "no_bluetooth"


class WallboxUnknown(WrongDevice):
    """The gateway has several wallboxes, or not the one that was asked for."""

    key = "wallbox_unknown"


def choose(macs: list[str], wanted: str) -> str:
    """Return the MAC address of the wallbox to use. Raises WallboxUnknown or NoBluetooth."""
    if not macs:
        raise NoBluetooth("the gateway knows no wallbox")
    if not wanted and len(macs) == 1:
        return macs[0]
    for mac in macs:
        if _plain(mac) == _plain(wanted):
            return mac
    raise WallboxUnknown(", ".join(macs))


def _plain(mac: str) -> str:
    return "".join(c for c in mac.lower() if c.isalnum())


class Gen1:
    """One wallbox."""

    step_a = 1.0
    can_switch_phases = False

    def __init__(self, web: Web, clock: Clock, poll_s: float, *, mac: str, password: str) -> None:
        """Know nothing of the wallbox but its address."""
        self.poll_s = poll_s
        self.max_a = DEFAULT_MAX_A
        self.setting: Setting | None = None
        self._web = web
        self._clock = clock
        self._mac = mac
        self._password = password
        self._idle = Idle()
        self._stamp: float | None = None
        self._stamp_s = 0.0
        self._allowed_s: float | None = None
        self._unplugged = False

    async def identify(self) -> Identity:
        """Read name and limits. Raises CannotConnect, or InvalidAuth where no password is given."""
        settings = await self._settings()
        if not self._password:
            raise InvalidAuth("the wallbox takes orders only with its password")
        measured = await self._section("measurements")
        volts = [number(measured, "VoltagePhase", i) for i in range(3)]
        single = volts[0] is not None and all(v is not None and v < 50 for v in volts[1:])
        highest = number(settings, "Values", "ChargingCurrent", "Max")
        lowest = number(settings, "Values", "ChargingCurrent", "Min")
        if highest is not None and highest >= LOWEST_A:
            self.max_a = highest
        return Identity(
            serial=self._mac,
            name=word(settings, "Values", "DeviceMetadata", "Name") or "NRGkick",
            manufacturer="DiniTech",
            model="NRGkick Gen1 (Connect)",
            firmware=word(settings, "FirmwareVersion"),
            parts=(
                PartInfo(
                    key=PART,
                    kind=PartKind.CHARGER,
                    phases=(1,) if single else (3,),
                    min_a=max(LOWEST_A, lowest or LOWEST_A),
                    max_a=self.max_a,
                    controllable=True,
                ),
            ),
        )

    async def refresh(self) -> Setting:
        """Read the settings. Raises CannotConnect."""
        return self._understand(await self._settings())

    async def read(self, *, released: bool) -> ChargerReading:
        """Read settings and measurements. Raises CannotConnect."""
        settings = await self._settings()
        measured = self._live(await self._section("measurements"))
        setting = self._understand(settings)
        currents = tuple(number(measured, "ChargingCurrentPhase", i) for i in range(3))
        fault = _fault(settings)
        status = self._status(setting, measured, currents)
        stamp = number(measured, "Timestamp")
        return ChargerReading(
            at=self._clock.now(),
            device_time=_time(stamp),
            status=ChargerStatus.ERROR if fault else status,
            power_kw=number(measured, "ChargingPower"),
            currents_a=currents,
            limit_a=0.0 if setting.paused else setting.current_a,
            phases=phases_drawn(currents),
            session_kwh=number(measured, "ChargingEnergy"),
            total_kwh=number(measured, "ChargingEnergyOverAll"),
            released=released,
            warning=fault,
            remedy=Remedy.DEVICE if fault else None,
        )

    async def write(self, wanted: Setting) -> None:
        """Put current and pause together. Raises Rejected, InvalidAuth or CannotConnect."""
        if wanted.current_a is None and wanted.paused is None:
            return
        values: dict[str, Any] = {"DeviceMetadata": {"Password": self._password}}
        if wanted.paused is not None:
            values["ChargingStatus"] = {"Charging": not wanted.paused}
            allowed_s = self._clock.monotonic() if self._allowed_s is None else self._allowed_s
            self._allowed_s = None if wanted.paused else allowed_s
        if wanted.current_a is not None:
            values["ChargingCurrent"] = {"Value": int(wanted.current_a)}
        self.setting = None
        answer = await self._web.ask(f"/api/settings/{self._mac}", put={"Values": values})
        if answer.status == HTTPStatus.NO_CONTENT:
            raise NoBluetooth(UNREACHED)
        if answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return
        # With HTTP 500, like everything that it does not like.
        if "password" in answer.words.lower():
            raise InvalidAuth(answer.words)
        if at(answer.body, "Message") is not None:
            raise Rejected(answer.words)
        raise CannotConnect(answer.words)

    async def _settings(self) -> Mapping[str, Any]:
        settings = await self._section("settings")
        if at(settings, "Info", "Connected") is False:
            raise NoBluetooth(UNREACHED)
        return settings

    async def _section(self, name: str) -> Mapping[str, Any]:
        answer: Answer = await self._web.ask(f"/api/{name}/{self._mac}")
        if answer.status == HTTPStatus.NO_CONTENT:
            raise NoBluetooth(UNREACHED)
        if answer.status != HTTPStatus.OK:
            raise CannotConnect(answer.words)
        if not isinstance(answer.body, Mapping):
            raise CannotConnect(NONSENSE)
        return answer.body

    def _understand(self, settings: Mapping[str, Any]) -> Setting:
        charging = at(settings, "Values", "ChargingStatus", "Charging")
        self.setting = Setting(
            current_a=number(settings, "Values", "ChargingCurrent", "Value"),
            paused=not charging if isinstance(charging, bool) else None,
        )
        return self.setting

    def _live(self, measured: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the measurements, or nothing where they stand still."""
        stamp, now_s = number(measured, "Timestamp"), self._clock.monotonic()
        if stamp is None:
            return measured
        if stamp != self._stamp:
            self._stamp, self._stamp_s = stamp, now_s
        return measured if now_s - self._stamp_s < FROZEN_S else {}

    def _status(
        self,
        setting: Setting,
        measured: Mapping[str, Any],
        currents: tuple[float | None, ...],
    ) -> ChargerStatus | None:
        """Infer what the wallbox does not say: whether a car is there, and whether it is full."""
        power_kw, now_s = number(measured, "ChargingPower"), self._clock.monotonic()
        drawing = (power_kw or 0.0) >= CHARGES_KW or phases_drawn(currents) is not None
        if drawing or setting.paused is False:
            # A wallbox that a car is plugged into begins by itself.
            self._unplugged = False
        elif self._allowed_s is not None and now_s - self._allowed_s >= UNPLUGGED_AFTER_S:
            self._unplugged = True
        self._idle.watch(
            idle=not drawing and not self._unplugged,
            allowed=setting.paused is False and power_kw is not None,
            charged=(number(measured, "ChargingEnergy") or 0.0) > 0,
            monotonic=now_s,
        )
        if drawing:
            self._allowed_s = now_s if self._allowed_s is not None else None
            return ChargerStatus.CHARGING
        if setting.paused is None:
            return None
        if self._unplugged:
            return ChargerStatus.UNPLUGGED
        return ChargerStatus.COMPLETE if self._idle.complete else ChargerStatus.CONNECTED


def _fault(settings: Mapping[str, Any]) -> str | None:
    """Return the first fault in words, or `None`."""
    codes = at(settings, "Info", "ErrorCodes")
    for code in codes if isinstance(codes, list) else []:
        if str(code).strip() not in ("0", ""):
            return f"fault {code}"
    return None


def _time(stamp: float | None) -> datetime | None:
    """Return Unix seconds as a moment, `None` where they are none."""
    if stamp is None:
        return None
    try:
        return datetime.fromtimestamp(stamp, UTC)
    except (OverflowError, OSError, ValueError):
        return None
