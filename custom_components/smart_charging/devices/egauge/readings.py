"""From registers and their meanings to readings, in our signs and units."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from ...core.reading import MeterReading, PartKind, Phase, PvReading
from ..base import PartInfo
from .assignment import LINES
from .registers import Register, Snapshot

METER: Final = "meter"
PV: Final = "pv"

MEASURED: Final = ("power", "current", "voltage")
"""Of each line."""

_KEYS: Final = (
    "grid",
    *(f"l{line}_{what}" for line in LINES for what in MEASURED),
    "import_energy",
    "export_energy",
    "pv",
    "pv_energy",
)
"""Fields of the form that name a register."""


class Meanings:
    """Which register is what, as a person chose it."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Take the stored form."""
        self._names = {key: str(data[key]) for key in _KEYS if data.get(key)}
        self._factor = {
            part: float(data.get(f"{part}_scale") or 1.0)
            * (-1.0 if data.get(f"{part}_inverted") else 1.0)
            for part in ("grid", "pv")
        }
        self._lines = max(
            (n for n in LINES if {f"l{n}_power", f"l{n}_current"} & self._names.keys()), default=0
        )

    def missing(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Return the names of chosen registers that are not there."""
        return tuple(dict.fromkeys(n for n in self._names.values() if n not in snapshot.registers))

    def parts(self) -> tuple[PartInfo, ...]:
        """Return the parts that these registers make up."""
        found: list[PartInfo] = []
        if self._measures_grid:
            features = {
                "l1_power": "phase_power",
                "import_energy": "import_kwh",
                "export_energy": "export_kwh",
            }
            found.append(
                PartInfo(
                    key=METER,
                    kind=PartKind.METER,
                    phases=(self._lines,) if self._lines else (),
                    features=tuple(f for key, f in features.items() if key in self._names),
                )
            )
        if PV in self._names:
            counted = ("energy_kwh",) if "pv_energy" in self._names else ()
            found.append(PartInfo(key=PV, kind=PartKind.PV, features=counted))
        return tuple(found)

    @property
    def _measures_grid(self) -> bool:
        """All phases together are as good as the sum."""
        return "grid" in self._names or "l1_power" in self._names

    def counts(self) -> bool:
        """Tell whether any counter is needed."""
        return bool({"import_energy", "export_energy", "pv_energy"} & self._names.keys())

    def meter(
        self, snapshot: Snapshot, counted: Snapshot | None, at: datetime
    ) -> MeterReading | None:
        """Read the grid; `None` where the registers of its power are not there."""
        if not self._measures_grid or self._lacks(snapshot, self._power_keys()):
            return None
        phases = tuple(self._phase(n, snapshot) for n in LINES[: self._lines])
        factor = self._factor["grid"]
        power = self._kw(snapshot, "grid", factor)
        if "grid" not in self._names:
            power = self._sum(phases)
        return MeterReading(
            at=at,
            device_time=snapshot.at,
            power_kw=power,
            phases=phases,
            import_kwh=self._kwh(counted, "import_energy", factor),
            export_kwh=self._kwh(counted, "export_energy", factor),
        )

    def pv(self, snapshot: Snapshot, counted: Snapshot | None, at: datetime) -> PvReading | None:
        """Read the panels; `None` where their register is not there."""
        if PV not in self._names or self._lacks(snapshot, (PV,)):
            return None
        factor = self._factor["pv"]
        return PvReading(
            at=at,
            device_time=snapshot.at,
            power_kw=self._kw(snapshot, PV, factor),
            energy_kwh=self._kwh(counted, "pv_energy", factor),
        )

    def _sum(self, phases: tuple[Phase, ...]) -> float | None:
        """Return the power of all lines that are measured; half a sum would be a wrong one."""
        total = 0.0
        for line, phase in zip(LINES, phases, strict=False):
            if f"l{line}_power" in self._names:
                if phase.power_kw is None:
                    return None
                total += phase.power_kw
        return total

    def _power_keys(self) -> Iterable[str]:
        return ("grid",) if "grid" in self._names else (f"l{n}_power" for n in LINES)

    def _lacks(self, snapshot: Snapshot, keys: Iterable[str]) -> bool:
        names = [self._names[key] for key in keys if key in self._names]
        return any(name not in snapshot.registers for name in names)

    def _register(self, snapshot: Snapshot, key: str) -> Register | None:
        name = self._names.get(key)
        return None if name is None else snapshot.registers.get(name)

    def _rate(self, snapshot: Snapshot, key: str) -> float | None:
        register = self._register(snapshot, key)
        return None if register is None else register.rate

    def _kw(self, snapshot: Snapshot, key: str, factor: float) -> float | None:
        watts = self._rate(snapshot, key)
        # Zero has no sign.
        return None if watts is None else watts * factor / 1000 + 0.0

    def _kwh(self, snapshot: Snapshot | None, key: str, factor: float) -> float | None:
        register = None if snapshot is None else self._register(snapshot, key)
        return None if register is None or register.kwh is None else register.kwh * abs(factor)

    def _phase(self, line: int, snapshot: Snapshot) -> Phase:
        """Read one line. Its current is a size without direction."""
        factor = self._factor["grid"]
        current = self._rate(snapshot, f"l{line}_current")
        return Phase(
            power_kw=self._kw(snapshot, f"l{line}_power", factor),
            current_a=None if current is None else abs(current * factor),
            voltage_v=self._rate(snapshot, f"l{line}_voltage"),
        )
