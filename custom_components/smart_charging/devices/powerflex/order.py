"""An order in amperes, and the power of a garage that it means at the moment."""

from dataclasses import dataclass
from typing import Final

from ..charging import LOWEST_A
from .limit import Limit
from .stations import Stations

DRIFT: Final = 0.03
"""An order is worked out anew when voltage or phases of the car change its power by more."""

BELOW_A: Final = 0.5
"""A limit this little below the lowest current was rounded: the car may charge."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was ordered, before it became a power."""

    current_a: float
    phases: int


class Amperes:
    """Translates between the current of our orders and the power of the limit."""

    def __init__(self, limit: Limit, stations: Stations) -> None:
        """Have no order yet."""
        self._limit = limit
        self._stations = stations
        self.order: Order | None = None

    @property
    def wanted_kw(self) -> float | None:
        """The order as a power, before any limit; `None` without one.

        A voltage below the nominal one makes it less, but not less than what the lowest current
        is at the nominal one: whoever works with that would stop the car.
        """
        if self.order is None:
            return None
        wanted_kw = self.order.current_a * self._kw_per_a
        if self.order.current_a < LOWEST_A:
            return wanted_kw
        return max(wanted_kw, LOWEST_A * self._phases * self._stations.nominal_v / 1000)

    @property
    def allowed_a(self) -> float | None:
        """The current that the limit in force means; without one what is offered by itself."""
        present, wanted_kw = self._limit.present, self.wanted_kw
        if present is None:
            return None
        if present.limit_kw is None:
            return self._stations.offered_a
        if (
            self.order is not None
            and wanted_kw is not None
            and self._limit.holds
            and not self.held_down
            and abs(self._limit.bounded(wanted_kw) - present.limit_kw) <= DRIFT * wanted_kw
        ):
            return self.order.current_a
        return round(present.limit_kw / self._kw_per_a, 2)

    @property
    def released(self) -> bool:
        """Whether no order of ours stands.

        That somebody took the limit away shows in what is offered, and here where that is not told.
        """
        present = self._limit.present
        if self.order is None and not self._limit.ours:
            return True
        return present is not None and not present.enabled and self._stations.offered_a is None

    @property
    def lets_charge(self) -> bool:
        """Whether the limit in force lets a car charge."""
        allowed_a = self.allowed_a
        return allowed_a is None or allowed_a >= LOWEST_A - BELOW_A

    @property
    def held_down(self) -> bool:
        """Whether the limit that was found is below the order."""
        lid_kw, wanted_kw = self._limit.lid_kw, self.wanted_kw
        return lid_kw is not None and wanted_kw is not None and wanted_kw > lid_kw

    @property
    def moved_kw(self) -> float | None:
        """The power to send anew, because the one that was sent no longer is that of the order."""
        sent_kw, wanted_kw = self._limit.sent_kw, self.wanted_kw
        if wanted_kw is None or sent_kw is None or not self._limit.holds:
            return None
        kw = self._limit.bounded(wanted_kw)
        return None if abs(kw - sent_kw) <= DRIFT * kw else kw

    @property
    def _phases(self) -> int:
        # Fewer phases than there are give less power for the same current, which is safe.
        phases = self._stations.phases
        return phases if self.order is None else min(phases, self.order.phases)

    @property
    def _kw_per_a(self) -> float:
        return self._phases * self._stations.volts / 1000
