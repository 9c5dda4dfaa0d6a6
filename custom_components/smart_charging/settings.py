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
    """A person chose; until then a lone vehicle of the site is assumed."""
    forced_phases: int | None = None
    override: Override | None = None
    plugged_at: datetime | None = None
    """Since when the present car is plugged in."""
    plugged_total_kwh: float | None = None
    """The charger's total counter at plug-in."""
    plugged_soc: float | None = None
    """SoC that the vehicle last reported during this stay, and the energy charged then."""
    soc_at_kwh: float = 0.0
    guest_energy_kwh: float = DEFAULT_ENERGY_KWH


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
        """Return the content of the store."""
        return asdict(self, dict_factory=_json_factory)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Settings":
        """Read the content of the store; a damaged row is left out and logged."""
        settings = cls(
            acting=bool(stored.get("acting")),
            month_peaks_kw=dict(stored.get("month_peaks_kw", {})),
            house_peaks_a=dict(stored.get("house_peaks_a", {})),
            plan=stored.get("plan"),
            prices=dict(stored.get("prices", {})),
            drivers=dict(stored.get("drivers", {})),
            requests=dict(stored.get("requests", {})),
        )
        _rows(stored, "chargers", _charger, settings.chargers)
        _rows(stored, "vehicles", _vehicle, settings.vehicles)
        _rows(stored, "batteries", _battery, settings.batteries)
        return settings


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime | time):
        return value.isoformat()
    return value.value if isinstance(value, StrEnum) else value


def _json_factory(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: _json_value(value) for key, value in pairs}


def _rows[T](
    stored: dict[str, Any], name: str, read: Callable[[dict[str, Any]], T], table: dict[str, T]
) -> None:
    for key, row in stored.get(name, {}).items():
        try:
            table[key] = read(row)
        except (KeyError, TypeError, ValueError) as err:
            _LOGGER.warning("Stored settings of %s %s are damaged and left out: %s", name, key, err)


def _known[T](kind: type[T], row: dict[str, Any]) -> dict[str, Any]:
    """Leave out keys of another version of this integration."""
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]  # called with dataclasses only
    return {key: value for key, value in row.items() if key in names}


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _charger(row: dict[str, Any]) -> ChargerSettings:
    known = _known(ChargerSettings, row)
    known["mode"] = Mode(known.get("mode", Mode.SMART))
    known["plugged_at"] = _moment(known.get("plugged_at"))
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
