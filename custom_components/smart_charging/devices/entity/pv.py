"""A PV system made of entities."""

from datetime import datetime
from typing import override

from ...core.reading import PartKind, PvReading
from ..base import PartInfo
from .driver import EntityDriver
from .state import Quantity


class EntityPv(EntityDriver):
    """Power, and energy where there is a counter."""

    kind = PartKind.PV
    mains = ("power",)
    quantities = {"power": Quantity.POWER, "energy": Quantity.ENERGY}

    @override
    def read(self, at: datetime) -> PvReading:
        return PvReading(at=at, power_kw=self.power(), energy_kwh=self.value("energy"))

    @override
    def describe(self) -> PartInfo:
        features = ("energy_kwh",) if "energy" in self.ids else ()
        return PartInfo(key=self.part, kind=self.kind, features=features)
