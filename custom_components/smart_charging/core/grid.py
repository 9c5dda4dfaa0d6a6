"""The grid connection: topology, phases and limits."""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt


class Topology(StrEnum):
    """How a site is connected: phases and voltage between them."""

    SINGLE_230 = "1x230"
    """One phase and neutral, 230 V."""
    THREE_230 = "3x230"
    """Three phases without neutral (Aron), 230 V between the lines."""
    THREE_400 = "3x400"
    """Three phases and neutral, 400 V between the lines, 230 V to neutral."""

    @property
    def phases(self) -> int:
        """Number of line conductors."""
        return 1 if self is Topology.SINGLE_230 else 3

    def charger_kw_per_a(self, phases: int) -> float:
        """Return the power in kW that one ampere gives a charger on `phases` phases.

        On 3x230 a "single-phase" charger sits between two lines (230 V) and a
        three-phase one draws sqrt(3) x 230 V.
        """
        if phases == 1:
            return 0.230
        if self is Topology.THREE_230:
            return sqrt(3) * 0.230
        return phases * 0.230


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Limits of the grid connection. Currents in A per phase, powers in kW."""

    topology: Topology = Topology.SINGLE_230
    fuse_a: float = 40.0
    """Main fuse per phase."""
    import_limit_kw: float | None = None
    """Contracted import; `None` means only the fuse limits."""
    export_limit_kw: float | None = None
    """Contracted export; `None` means only the fuse limits, 0 means no export."""
    breach_kw: float = 0.0
    """Import above `import_limit_kw` that may be bought, at `breach_price`."""
    breach_price: float = 0.0
    """Currency per kWh on top of the energy price for import above the contract."""

    @property
    def fuse_kw(self) -> float:
        """Power in kW that the fuse carries when the phases are evenly loaded."""
        return self.fuse_a * self.topology.charger_kw_per_a(self.topology.phases)

    def within(self, power_kw: float | None, current_a: float | None) -> "Grid":
        """Return this grid where something cuts the house off at `power_kw` or `current_a`.

        `None` cuts nothing off. Nobody can buy a breach of it, as of a contract.
        """
        grid = self
        if current_a is not None and current_a < self.fuse_a:
            grid = replace(grid, fuse_a=current_a)
        if power_kw is not None:
            contract_kw = self.import_limit_kw
            limit_kw = power_kw if contract_kw is None else min(contract_kw, power_kw)
            breach_kw = max(0.0, min(self.breach_kw, power_kw - limit_kw))
            grid = replace(grid, import_limit_kw=limit_kw, breach_kw=breach_kw)
        return grid


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """A circuit below the mains that several chargers share."""

    id: str
    name: str
    fuse_a: float
    chargers: tuple[str, ...] = ()
    """Ids of the chargers on this circuit."""
