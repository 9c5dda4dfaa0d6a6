"""The limit of a garage: what was found there, what we ordered, and the way back.

Somebody else may set it as well: the operator of the garage, or a grid operator through them. So
an order never lifts it above what was found, and what another sets meanwhile counts as found.
"""

from collections.abc import Mapping
from dataclasses import asdict
from math import floor
from typing import Any, Final

from .service import Service
from .values import Signal

STEP_KW: Final = 0.001
"""Grid of the limit, downwards. On a coarser one 6 A would become 5.9 A, on which no car charges."""


class Limit:
    """The limit of one garage; lives as long as the driver, over lost links."""

    def __init__(self, service: Service) -> None:
        """Know nothing of it yet."""
        self._service = service
        self.present: Signal | None = None
        """As last read; `None` where an order may have changed it since, or it cannot be read."""
        self._found: Signal | None = None
        """What was there before us; `None` while the garage is not ours."""
        self._ours_kw: set[float] = set()
        """What we ordered, as sent and as read back; and what of ours held before that, since it
        is not known yet which of them arrived."""
        self.sent_kw: float | None = None
        """The order that was taken last."""
        self._before: Signal | None = None
        """What was there before an order that was not yet read back."""

    @property
    def ours(self) -> bool:
        """Whether an order of ours was sent and not yet taken back."""
        return self._found is not None

    @property
    def holds(self) -> bool:
        """Whether an order of ours is in force."""
        return self.ours and self.present is not None and self._is_ours(self.present)

    @property
    def lid_kw(self) -> float | None:
        """What no order may exceed; `None` where nothing limits it."""
        return None if self._found is None else self._found.limit_kw

    def bounded(self, kw: float) -> float:
        """Return an order as it would be sent: on the grid, and no higher than what was found."""
        # A small tolerance keeps 1.38 of a computation at 1.38.
        down = round(floor(kw / STEP_KW + 1e-6) * STEP_KW, 3)
        return down if self.lid_kw is None else min(down, self.lid_kw)

    async def refresh(self) -> Signal:
        """Ask for the limit. Raises DeviceError."""
        self.present = None
        present = await self._service.signal()
        if self._before is not None and present.limit_kw is not None and present != self._before:
            # The service may keep an order on a grid of its own: it is ours all the same.
            self._ours_kw.add(present.limit_kw)
        self.present, self._before = present, None
        return present

    async def order(self, kw: float) -> None:
        """Limit the garage to `kw`, rounded down; 0 stops it. Raises DeviceError."""
        present = await self.refresh()
        held_kw = present.limit_kw if self._is_ours(present) else None
        if self._found is None or held_kw is None:
            self._found = present
        wanted_kw = self.bounded(kw)
        wanted = Signal(kw=wanted_kw, enabled=True)
        # Before it is sent: an order whose answer got lost may have been carried out.
        self._ours_kw = {wanted_kw} if held_kw is None else {wanted_kw, held_kw}
        if present != wanted:
            self.present, self._before = None, present
            await self._service.set_signal(wanted)
        self.sent_kw = wanted_kw

    async def release(self) -> None:
        """Put back what was found, unless somebody else has set another. Raises DeviceError."""
        if self._found is None:
            return
        present = await self.refresh()
        if self._is_ours(present) and present != self._found:
            self.present = None
            kw = present.kw if self._found.kw is None else self._found.kw
            await self._service.set_signal(Signal(kw=kw, enabled=self._found.enabled))
        self._found, self._ours_kw, self.sent_kw = None, set(), None

    def dump(self) -> dict[str, Any]:
        """Return what a release needs, as JSON; empty while nothing is changed."""
        if self._found is None:
            return {}
        return {"found": asdict(self._found), "ours_kw": sorted(self._ours_kw)}

    def load(self, stored: Mapping[str, Any]) -> None:
        """Take back what `dump` gave; ignores what it cannot use."""
        found, ours = stored.get("found"), stored.get("ours_kw")
        if not isinstance(found, Mapping) or not isinstance(ours, list):
            return
        kw, enabled = found.get("kw"), found.get("enabled")
        if not isinstance(enabled, bool) or not isinstance(kw, int | float | None):
            return
        self._found = Signal(kw=None if kw is None else float(kw), enabled=enabled)
        self._ours_kw = {float(each) for each in ours if isinstance(each, int | float)}

    def _is_ours(self, signal: Signal) -> bool:
        limit = signal.limit_kw
        return limit is not None and any(abs(limit - kw) < STEP_KW / 2 for kw in self._ours_kw)
