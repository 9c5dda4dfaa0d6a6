"""What the site remembers over restarts: choices of people, peaks, sessions, plans, prices."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, time
from enum import StrEnum
import logging
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store

from .const import DOMAIN, GUEST
from .core.control.types import Mode, Override
from .core.reading import BatteryMode

_LOGGER = logging.getLogger(__name__)

STORE_VERSION = 1

SAVE_DELAY_S = 30.0
"""A crash loses at most this much."""

DEFAULT_ENERGY_KWH = 15.0
"""Asked for where a vehicle's SoC is unknown: a day's driving of most people, with room."""


@dataclass(kw_only=True)
class ChargerSettings:
    """Choices at one charger."""

    mode: Mode = Mode.SMART
    smart: bool = True
    vehicle: str = GUEST
    vehicle_chosen: bool = False
    """A person chose once; until then a lone vehicle of the site is assumed."""
    vehicle_chosen_here: bool = False
    """A person chose for the present car: that counts before what vehicles say of themselves."""
    forced_phases: int | None = None
    override: Override | None = None
    plugged_at: datetime | None = None
    """Since when the present car is plugged in."""
    plugged_total_kwh: float | None = None
    """The charger's total counter at plug-in."""
    plugged_soc: float | None = None
    """SoC that the vehicle last reported during this stay, and the energy charged then."""
    soc_at_kwh: float = 0.0
    integrated_kwh: float = 0.0
    """Energy since plug-in by our own count, for chargers without a counter."""
    charging_since: datetime | None = None
    charging_from_kwh: float = 0.0
    """Energy since plug-in at that moment."""
    release_due: bool = False
    """It is to follow its own control again as soon as it hears: it missed the end of ours, or is
    being commissioned."""
    guest_energy_kwh: float = DEFAULT_ENERGY_KWH
    guest_ready_by: time = time(7, 0)


@dataclass(kw_only=True)
class VehicleSettings:
    """Goals of one vehicle."""

    minimum_soc: float = 0.2
    target_soc: float = 0.8
    energy_kwh: float = DEFAULT_ENERGY_KWH
    ready_by: time = time(7, 0)


@dataclass(kw_only=True)
class BatterySettings:
    """Choices at one battery, and what must be undone."""

    mode: BatteryMode | None = None
    """A person's choice; `None` leaves it to the plan."""
    power_kw: float = 0.0
    original: BatteryMode | None = None
    """The mode it was in before we changed it; set while ours is in force."""
    original_kw: float = 0.0
    """What it charged or discharged with in that mode."""
    release_due: bool = False
    """It did not take its own mode back when control ended: it is told when it answers again."""


@dataclass(kw_only=True)
class Settings:
    """All that is kept."""

    acting: bool = False
    chargers: dict[str, ChargerSettings] = field(default_factory=dict)
    vehicles: dict[str, VehicleSettings] = field(default_factory=dict)
    batteries: dict[str, BatterySettings] = field(default_factory=dict)
    month_peaks_kw: dict[str, float] = field(default_factory=dict)
    """Highest quarter-hour mean import per local month `YYYY-MM`."""
    house_peaks_a: dict[str, list[float]] = field(default_factory=dict)
    """Highest house current per phase per local day, chargers left out; the last 7 days."""
    plan: dict[str, Any] | None = None
    prices: dict[str, dict[str, Any]] = field(default_factory=dict)
    drivers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What drivers must undo, per device id."""
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Access and refresh tokens by the device's unique id: they are there before the device is."""
    requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Answers of `plan_charge` by id, oldest first."""

    def charger(self, charger_id: str) -> ChargerSettings:
        """Return the settings of a charger, made on first use."""
        return self.chargers.setdefault(charger_id, ChargerSettings())

    def vehicle(self, vehicle_id: str) -> VehicleSettings:
        """Return the settings of a vehicle, made on first use."""
        return self.vehicles.setdefault(vehicle_id, VehicleSettings())

    def battery(self, battery_id: str) -> BatterySettings:
        """Return the settings of a battery, made on first use."""
        return self.batteries.setdefault(battery_id, BatterySettings())

    def forget(self, subentry_id: str) -> None:
        """Drop all that belongs to a removed subentry."""
        for table in (self.chargers, self.batteries, self.vehicles, self.prices, self.drivers):
            for key in [k for k in table if k == subentry_id or k.startswith(f"{subentry_id}:")]:
                del table[key]

    def to_json(self) -> dict[str, Any]:
        """Return the content of the store.

        Tables that are JSON already are not copied in depth: prices of weeks take long, and each
        write happens in the event loop.
        """
        content: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in _ROWS:
                rows = value.items()
                content[item.name] = {k: asdict(r, dict_factory=_json_factory) for k, r in rows}
            else:
                content[item.name] = dict(value) if isinstance(value, dict) else value
        return content

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Settings":
        """Read the content of the store; a damaged table or row is left out and logged."""
        settings = cls(acting=stored.get("acting") is True, plan=_table(stored, "plan") or None)
        for name, kind in _TABLES.items():
            for key, value in _table(stored, name).items():
                if isinstance(value, kind):
                    getattr(settings, name)[key] = value
                else:
                    _LOGGER.warning("Stored %s of %s are damaged and left out", name, key)
        for name, read in _ROWS.items():
            table = getattr(settings, name)
            for key, row in _table(stored, name).items():
                try:
                    table[key] = read(row)
                except (AttributeError, KeyError, TypeError, ValueError) as err:
                    _LOGGER.warning("Stored %s of %s are damaged and left out: %s", name, key, err)
        return settings


def _table(stored: dict[str, Any], name: str) -> dict[str, Any]:
    table = stored.get(name)
    if isinstance(table, dict):
        return table
    if table is not None:
        _LOGGER.warning("Stored %s are damaged and left out", name)
    return {}


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime | time):
        return value.isoformat()
    return value.value if isinstance(value, StrEnum) else value


def _json_factory(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: _json_value(value) for key, value in pairs}


def _known[T](kind: type[T], row: dict[str, Any]) -> dict[str, Any]:
    """Leave out keys of another version of this integration."""
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]  # called with dataclasses only
    return {key: value for key, value in row.items() if key in names}


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _charger(row: dict[str, Any]) -> ChargerSettings:
    known = _known(ChargerSettings, row)
    known["mode"] = Mode(known.get("mode", Mode.SMART))
    for key in ("plugged_at", "charging_since"):
        known[key] = _moment(known.get(key))
    if "guest_ready_by" in known:
        known["guest_ready_by"] = time.fromisoformat(known["guest_ready_by"])
    if (override := known.get("override")) is not None:
        known["override"] = Override(
            current_a=override["current_a"], until=_moment(override["until"])
        )
    return ChargerSettings(**known)


def _vehicle(row: dict[str, Any]) -> VehicleSettings:
    known = _known(VehicleSettings, row)
    if "ready_by" in known:
        known["ready_by"] = time.fromisoformat(known["ready_by"])
    return VehicleSettings(**known)


def _battery(row: dict[str, Any]) -> BatterySettings:
    known = _known(BatterySettings, row)
    for key in ("mode", "original"):
        if known.get(key) is not None:
            known[key] = BatteryMode(known[key])
    return BatterySettings(**known)


_TABLES: dict[str, type | tuple[type, ...]] = {
    "month_peaks_kw": (int, float),
    "house_peaks_a": list,
    "prices": dict,
    "drivers": dict,
    "tokens": dict,
    "requests": dict,
}
"""Tables that are JSON as they are, and what their rows are."""

_ROWS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "chargers": _charger,
    "vehicles": _vehicle,
    "batteries": _battery,
}
"""Tables of rows with a type of their own, and what reads a row."""


class SettingsStore:
    """Keeps the settings of one site in Home Assistant's storage."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Open the store of one site; nothing is read yet."""
        self._store: Store[dict[str, Any]] = Store(hass, STORE_VERSION, f"{DOMAIN}.{entry_id}")
        self.settings = Settings()
        self._before_save: Callable[[], None] = lambda: None
        self._pending = False

    async def load(self, before_save: Callable[[], None]) -> Settings:
        """Read what was kept; `before_save` gathers live state whenever it is written."""
        if (stored := await self._store.async_load()) is not None:
            self.settings = Settings.from_json(stored)
        self._before_save = before_save
        return self.settings

    def changed(self) -> None:
        """Write soon, and at shutdown at the latest."""
        # Asking again would put the pending write off, without end while the site is busy.
        if not self._pending:
            self._pending = True
            self._store.async_delay_save(self._content, SAVE_DELAY_S)

    async def save(self) -> None:
        """Write now."""
        await self._store.async_save(self._content())

    async def remove(self) -> None:
        """Delete the store with its site."""
        await self._store.async_remove()

    def _content(self) -> dict[str, Any]:
        self._pending = False
        self._before_save()
        return self.settings.to_json()
