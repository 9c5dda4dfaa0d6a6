"""A grid meter made of entities."""

from datetime import datetime
from typing import override

from ...core.reading import MeterReading, PartKind, Peak, Phase
from ..base import PartInfo
from .driver import EntityDriver
from .state import Quantity

_LINES = (1, 2, 3)

_FEATURES = {
    "import_energy": "import_kwh",
    "export_energy": "export_kwh",
    "quarter_power": "quarter_kw",
    "month_peak": "month_peak",
    "l1_power": "phase_power",
    "l1_current": "phase_current",
}
"""Form field -> what a reading has of it."""


class EntityMeter(EntityDriver):
    """One signed power, or one of import and one of export; phases and counters where there are any."""

    kind = PartKind.METER
    mains = ("power", "import_power", "export_power")
    quantities = {
        "power": Quantity.POWER,
        "import_power": Quantity.POWER,
        "export_power": Quantity.POWER,
        **{f"l{n}_power": Quantity.POWER for n in _LINES},
        **{f"l{n}_current": Quantity.CURRENT for n in _LINES},
        "import_energy": Quantity.ENERGY,
        "export_energy": Quantity.ENERGY,
        "quarter_power": Quantity.POWER,
        "month_peak": Quantity.POWER,
    }
    own_time = True

    @override
    def read(self, at: datetime) -> MeterReading:
        power = self._power()
        peak = self.value("month_peak")
        return MeterReading(
            at=at,
            power_kw=power,
            phases=self._phases(power),
            import_kwh=self.value("import_energy"),
            export_kwh=self.value("export_energy"),
            quarter_kw=self.value("quarter_power"),
            month_peak=None if peak is None else Peak(kw=peak),
        )

    @override
    def describe(self) -> PartInfo:
        lines = self._lines()
        return PartInfo(
            key=self.part,
            kind=self.kind,
            phases=(lines,) if lines else (),
            features=tuple(feature for key, feature in _FEATURES.items() if key in self.ids),
        )

    def _power(self) -> float | None:
        if "power" in self.ids:
            return self.power()
        taken = self.value("import_power") if "import_power" in self.ids else 0.0
        given = self.value("export_power") if "export_power" in self.ids else 0.0
        # Half of it is not the net power: guessing the other half as 0 could overload the fuse.
        return None if taken is None or given is None else self.signed(taken - given)

    def _lines(self) -> int:
        """Return how many line conductors the form names."""
        return max(
            (n for n in _LINES if f"l{n}_power" in self.ids or f"l{n}_current" in self.ids),
            default=0,
        )

    def _phases(self, total: float | None) -> tuple[Phase, ...]:
        lines = self._lines()
        return tuple(self._phase(n, total if lines == 1 else None) for n in _LINES[:lines])

    def _phase(self, line: int, total: float | None) -> Phase:
        power = self.signed(self.value(f"l{line}_power"))
        current = self.value(f"l{line}_current")
        direction = total if power is None else power
        if current is not None:
            if direction is not None:
                current = -abs(current) if direction < 0 else abs(current)
            elif self.data.get("invert") and current < 0:
                # Only a signed sensor shows a minus; a magnitude stays one, which is the safe side.
                current = -current
        return Phase(power_kw=power, current_a=current)
