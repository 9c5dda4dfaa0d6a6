"""What the service tells, in our words and units. What is missing or nonsense is `None`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from ..answers import at, number, word
from ..charging import DRAWN_A

MEASURED: Final = "ct_response"
"""The series of what each station's meter measures."""

UNPLUGGED: Final = "UNPLUGGED"
"""The only state whose name is known: whatever else is told, a car is plugged in."""

CHARGING: Final = "CHARGING"
"""Seen in public clients; counts only where neither current nor power is told."""

FACTORS: Final[Mapping[str, float]] = {
    "mA": 1e-3,
    "A": 1.0,
    "mV": 1e-3,
    "V": 1.0,
    "mW": 1e-6,
    "W": 1e-3,
    "kW": 1.0,
    "mWh": 1e-6,
    "Wh": 1e-3,
    "kWh": 1.0,
}
"""From the service's units to A, V, kW and kWh."""

LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
"""Times beyond are no seconds."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Factors from the service's units to A, V, kW and kWh."""

    current: float = 1e-3
    voltage: float = 1e-3
    power: float = 1e-6
    energy: float = 1e-6

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Take the units of the form; those that public clients use where it has none."""
        return cls(
            current=FACTORS[data.get("current_unit") or "mA"],
            voltage=FACTORS[data.get("voltage_unit") or "mV"],
            power=FACTORS[data.get("power_unit") or "mW"],
            energy=FACTORS[data.get("energy_unit") or "mWh"],
        )


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One station at one moment."""

    station: str
    at: datetime
    """By the service's clock."""
    state: str | None
    current_a: float | None
    voltage_v: float | None
    power_kw: float | None
    session_kwh: float | None
    offered_a: float | None
    """What its pilot signal offers the car."""

    @property
    def plugged(self) -> bool | None:
        """Whether a car is plugged in."""
        return None if self.state is None else self.state != UNPLUGGED

    @property
    def drawing(self) -> bool:
        """Whether the car takes energy."""
        if self.current_a is not None:
            return self.current_a >= DRAWN_A
        if self.power_kw is not None:
            return self.power_kw >= DRAWN_A * 0.1
        return self.state == CHARGING

    @property
    def phases(self) -> int | None:
        """Phases that the car draws on, as current, voltage and power show it together.

        Between the lines of a network a three-phase power is 1.73 times U x I, to a neutral
        3 times. Anything that fits neither (other units than set) says nothing.
        """
        if not self.drawing or not self.current_a or not self.voltage_v or self.power_kw is None:
            return None
        times = 1000 * self.power_kw / (self.current_a * self.voltage_v)
        if 0.8 <= times <= 1.2:
            return 1
        return 3 if 1.5 <= times <= 3.3 else None


@dataclass(frozen=True, kw_only=True)
class Signal:
    """The limit of a garage."""

    kw: float | None
    """`None` where none was ever set."""
    enabled: bool

    @property
    def limit_kw(self) -> float | None:
        """The limit in force; `None` without one."""
        return self.kw if self.enabled else None


def identifier(value: object) -> str:
    """Return an id as text: the service could write it as a number."""
    return "" if value is None or isinstance(value, bool) else str(value).strip()


def rows(answer: object, measurement: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of one measurement, columns by name; a part that is missing has none."""
    for result in _items(answer, "data", "results"):
        for series in _items(result, "series"):
            if at(series, "name") not in (None, measurement):
                continue
            columns, tags = _items(series, "columns"), at(series, "tags")
            for values in _items(series, "values"):
                if isinstance(values, list):
                    named = zip(map(str, columns), values, strict=False)
                    yield {**(tags if isinstance(tags, Mapping) else {}), **dict(named)}


def newest(answer: object, garage: str, scale: Scale) -> dict[str, Sample]:
    """Return the newest sample of each station of a garage."""
    found: dict[str, Sample] = {}
    for row in rows(answer, MEASURED):
        if identifier(row.get("acc_id")) != garage:
            continue
        sample = _sample(row, scale)
        if sample is None:
            continue
        known = found.get(sample.station)
        if known is None or sample.at > known.at:
            found[sample.station] = sample
    return found


def garages(answer: object) -> list[str]:
    """Return garage and station of all rows, for a person who looks for the right ones."""
    pairs = {
        (identifier(row.get("acc_id")), identifier(row.get("acs_id")))
        for row in rows(answer, MEASURED)
    }
    return [f"{garage}/{station}" for garage, station in sorted(pairs) if garage and station]


def signal_of(answer: Mapping[str, Any]) -> Signal:
    """Read what the service tells of the limit. Raises ValueError where that makes no sense."""
    kw, unit = number(answer, "max_load"), at(answer, "max_load_unit")
    if unit == "W" and kw is not None:
        kw /= 1000
    enabled = bool(answer.get("is_enabled", kw is not None))
    if enabled and (kw is None or unit not in (None, "kW", "W")):
        raise ValueError(f"a limit in {unit}")
    return Signal(kw=kw, enabled=enabled)


def _sample(row: Mapping[str, Any], scale: Scale) -> Sample | None:
    station, seconds = identifier(row.get("acs_id")), number(row, "time")
    if not station or seconds is None or not 0 < seconds < LATEST:
        return None
    state = word(row, "charging_state")
    return Sample(
        station=station,
        at=datetime.fromtimestamp(seconds, UTC),
        state=None if state is None else state.upper(),
        current_a=_scaled(row, "mamps_actual", scale.current),
        voltage_v=_scaled(row, "voltage", scale.voltage),
        power_kw=_scaled(row, "power", scale.power),
        session_kwh=_scaled(row, "energy_delivered", scale.energy),
        offered_a=number(row, "pilot_actual"),
    )


def _scaled(row: Mapping[str, Any], column: str, factor: float) -> float | None:
    value = number(row, column)
    return None if value is None else value * factor


def _items(source: object, *path: str) -> list[Any]:
    """Return the list at `path`; empty where there is none."""
    found = at(source, *path)
    return found if isinstance(found, list) else []
