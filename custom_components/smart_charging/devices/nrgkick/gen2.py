"""Gen2: `/info`, `/control` and `/values` on the charger itself; writes are GETs too."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ...core.clock import Clock
from ...core.reading import ChargerReading, ChargerStatus, PartKind, Remedy
from ..answers import at, number, word
from ..base import CannotConnect, Identity, PartInfo, Rejected
from ..charging import LOWEST_A, Idle
from .values import PART, Setting, kilo, phases_drawn
from .web import ApiOff, Web

DEFAULT_MAX_A = 16.0
"""Where the charger does not say what it is rated for: the smallest that is sold."""

STATUS: Mapping[str | int, ChargerStatus] = {
    "STANDBY": ChargerStatus.UNPLUGGED,
    "CONNECTED": ChargerStatus.CONNECTED,
    "CHARGING": ChargerStatus.CHARGING,
    "ERROR": ChargerStatus.ERROR,
    # It tries to wake a car that sleeps.
    "WAKEUP": ChargerStatus.CONNECTED,
    # The same as numbers, as other firmware and the vendor's table have them.
    1: ChargerStatus.UNPLUGGED,
    2: ChargerStatus.CONNECTED,
    3: ChargerStatus.CHARGING,
    6: ChargerStatus.ERROR,
    7: ChargerStatus.CONNECTED,
}
"""`general.status` of `/values`; 0 or UNKNOWN is no value."""

ALARMS = {
    "error_code": "NO_ERROR",
    "rcd_trigger": "NO_FAULT",
    "warning_code": "NO_WARNING",
}
"""What warns, with its word for "nothing"; the worst first."""

SPENT = ("not charging: its own energy limit is reached", Remedy.OWN_RULE)

REMEDIES = (
    (("temperature", "overtemperature"), Remedy.TEMPERATURE),
    (("authorized",), Remedy.AUTHORISE),
    (("ev", "cp", "attachment", "unplug", "type2", "charging"), Remedy.CABLE),
    (("limit", "blackout"), Remedy.OWN_RULE),
    (("self", "relay", "general"), Remedy.DEVICE),
    (("residual", "fault", "pe", "voltage", "overvoltage", "undervoltage"), Remedy.INSTALLATION),
    (("frequency", "underfrequency", "overfrequency", "phase", "grid"), Remedy.INSTALLATION),
)
"""Words in a warning and what they ask of a person; the first that fits counts."""


def is_info(body: object) -> bool:
    """Tell whether this is what a Gen2 answers to `/info`."""
    return word(body, "general", "serial_number") is not None


class Gen2:
    """One charger."""

    step_a = 0.1

    def __init__(self, web: Web, clock: Clock, poll_s: float) -> None:
        """Know nothing of the charger yet."""
        self.poll_s = poll_s
        self.max_a = DEFAULT_MAX_A
        self.can_switch_phases = False
        self.setting: Setting | None = None
        self._web = web
        self._clock = clock
        self._idle = Idle()
        self._connected_phases = 3

    async def identify(self) -> Identity:
        """Read serial, model and limits. Raises ApiOff, CannotConnect or InvalidAuth."""
        info = await self._web.section("/info")
        serial = word(info, "general", "serial_number")
        if serial is None:
            raise CannotConnect("an answer without a serial number")
        limits = [
            limit
            for limit in (
                number(info, "general", "rated_current"),
                number(info, "connector", "max_current"),
            )
            if limit is not None and limit >= LOWEST_A
        ]
        self.max_a = min(limits, default=DEFAULT_MAX_A)
        self._connected_phases = 1 if number(info, "connector", "phase_count") == 1 else 3
        self.can_switch_phases = self._connected_phases == 3
        return Identity(
            serial=serial,
            name=word(info, "general", "device_name") or "NRGkick",
            manufacturer="DiniTech",
            model=word(info, "general", "model_type") or "NRGkick Gen2",
            firmware=word(info, "versions", "sw_sm"),
            parts=(
                PartInfo(
                    key=PART,
                    kind=PartKind.CHARGER,
                    phases=(1, 3) if self.can_switch_phases else (1,),
                    min_a=LOWEST_A,
                    max_a=self.max_a,
                    can_switch_phases=self.can_switch_phases,
                    controllable=True,
                ),
            ),
        )

    async def refresh(self) -> Setting:
        """Read `/control`. Raises ApiOff, CannotConnect or InvalidAuth."""
        return self._understand(await self._web.section("/control"))

    async def read(self, *, released: bool) -> ChargerReading:
        """Read `/control` and `/values`. Raises ApiOff, CannotConnect or InvalidAuth."""
        control = await self._web.section("/control")
        values = await self._web.section("/values")
        setting = self._understand(control)
        currents = tuple(number(values, "powerflow", f"l{n}", "current") for n in (1, 2, 3))
        spent = self._spent(control, values)
        warning, remedy = warned(values) or (SPENT if spent else (None, None))
        return ChargerReading(
            at=self._clock.now(),
            status=self._status(values, allowed=setting.paused is False and not spent),
            power_kw=kilo(number(values, "powerflow", "total_active_power")),
            currents_a=currents,
            limit_a=0.0 if setting.paused or spent else setting.current_a,
            # 0 for some seconds while it switches.
            phases=phases_drawn(currents)
            or (min(setting.phases, self._connected_phases) if setting.phases else None),
            session_kwh=kilo(number(values, "energy", "charged_energy")),
            total_kwh=kilo(number(values, "energy", "total_charged_energy")),
            released=released,
            warning=warning,
            remedy=remedy,
        )

    async def write(self, wanted: Setting) -> None:
        """Set all in one request. Raises Rejected, ApiOff, CannotConnect or InvalidAuth."""
        query = {}
        if wanted.current_a is not None:
            query["current_set"] = f"{wanted.current_a:.1f}"
        if wanted.phases is not None:
            query["phase_count"] = str(wanted.phases)
        if wanted.paused is not None:
            query["charge_pause"] = str(int(wanted.paused))
        # Also after a failure: an order whose answer got lost may have been carried out.
        self.setting = None
        answer = await self._web.ask("/control", query=query)
        if answer.api_off:
            raise ApiOff
        # Some refusals come with HTTP 200.
        if answer.status == HTTPStatus.NOT_ACCEPTABLE or at(answer.body, "Response") is not None:
            raise Rejected(answer.words)
        if answer.status != HTTPStatus.OK:
            raise CannotConnect(answer.words)

    def _understand(self, control: Mapping[str, Any]) -> Setting:
        pause, phases = number(control, "charge_pause"), number(control, "phase_count")
        self.setting = Setting(
            current_a=number(control, "current_set"),
            paused=None if pause is None else pause != 0,
            phases=int(phases) if phases else None,
        )
        return self.setting

    def _status(self, values: Mapping[str, Any], *, allowed: bool) -> ChargerStatus | None:
        told = at(values, "general", "status")
        if isinstance(told, str):
            told = told.strip().upper()
        status = STATUS.get(told) if isinstance(told, str | int) else None
        if status is None:
            return None
        charged = any(
            (number(values, *path) or 0.0) > 0
            for path in (("energy", "charged_energy"), ("general", "vehicle_charging_time"))
        )
        self._idle.watch(
            idle=status is ChargerStatus.CONNECTED,
            allowed=allowed,
            charged=charged,
            monotonic=self._clock.monotonic(),
        )
        if status is ChargerStatus.CONNECTED and self._idle.complete:
            return ChargerStatus.COMPLETE
        return status

    @staticmethod
    def _spent(control: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
        """Tell whether the charge has reached the charger's own energy limit (0 is none)."""
        limit_wh = number(control, "energy_limit")
        charged_wh = number(values, "energy", "charged_energy")
        return bool(limit_wh) and charged_wh is not None and charged_wh >= (limit_wh or 0.0)


def warned(values: Mapping[str, Any]) -> tuple[str, Remedy] | None:
    """Return a fault in words with what a person can do, or `None`."""
    for key, nothing in ALARMS.items():
        told = at(values, "general", key)
        if isinstance(told, str) and told and told != nothing:
            words = told.replace("_", " ").lower()
            return words, _remedy(words.split())
        if isinstance(told, int) and told:
            return f"{key.replace('_', ' ')} {told}", Remedy.DEVICE
    return None


def _remedy(words: list[str]) -> Remedy:
    """Return what a warning asks of a person, by its words."""
    return next((remedy for about, remedy in REMEDIES if set(about) & set(words)), Remedy.DEVICE)
