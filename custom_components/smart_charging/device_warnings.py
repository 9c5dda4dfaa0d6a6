"""What devices warn of: an event at once, and a repair while a person can do something about it."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from homeassistant.core import callback

from .config import PartConfig
from .core.reading import AnyReading, PartKind, Remedy
from .sessions import PartEvent

if TYPE_CHECKING:
    from .site import Site

LASTS = timedelta(seconds=60)
"""A warning is worth a repair once it has lasted so long: a card is held to a charger sooner, and
many faults mend themselves."""

REPAIRS = {remedy: f"warning_{remedy.value}" for remedy in Remedy}

OWN_AFFAIRS = frozenset({Remedy.AUTHORISE, Remedy.OWN_RULE})
"""What is nobody's fault while the device follows its own control."""


class DeviceWarnings:
    """Follows the warnings of all parts of a site."""

    def __init__(self, site: "Site") -> None:
        """Belong to `site`."""
        self._site = site
        self._told: dict[str, str] = {}
        """What each part warned of last, until it said that it is over."""
        self._since: dict[str, tuple[Remedy, datetime]] = {}
        self._shown: dict[str, Remedy] = {}
        """The repair that stands for a part."""

    @callback
    def take(self, part: PartConfig, reading: AnyReading) -> list[PartEvent]:
        """Take a reading; return the event of a warning that is new."""
        before = self._told.get(part.id)
        if reading.warning is None:
            self._told.pop(part.id, None)
            return []
        self._told[part.id] = reading.warning
        if reading.warning == before:
            return []
        return [PartEvent(type="warning", data={"warning": reading.warning})]

    @callback
    def tick(self) -> None:
        """Raise repairs for what lasts, withdraw those of what is over; called once a second."""
        parts = {part.id: part for device in self._site.config.devices for part in device.parts}
        for part_id in (self._since.keys() | self._shown.keys()) - parts.keys():
            self._settle(part_id)
        for part in parts.values():
            self._look(part)

    def _look(self, part: PartConfig) -> None:
        reading = self._site.reading(part)
        # A part that fell silent has another repair.
        remedy = None if reading is None or reading.warning is None else reading.remedy
        if reading is None or remedy is None or (remedy in OWN_AFFAIRS and not self._ours(part)):
            self._settle(part.id)
            return
        now = self._site.clock.now()
        known = self._since.get(part.id)
        if known is None or known[0] is not remedy:
            self._settle(part.id)
            known = self._since[part.id] = (remedy, now)
        if now - known[1] >= LASTS:
            self._shown[part.id] = remedy
            self._site.issues.show(
                REPAIRS[remedy],
                self._site.registry.part_name(part),
                subject_id=part.id,
                warning=reading.warning or "",
            )

    def _ours(self, part: PartConfig) -> bool:
        site = self._site
        controlled = part.kind is not PartKind.CHARGER or site.plugs.controlled(part)
        return site.settings.acting and controlled

    def _settle(self, part_id: str) -> None:
        self._since.pop(part_id, None)
        if (shown := self._shown.pop(part_id, None)) is not None:
            self._site.issues.clear(REPAIRS[shown], part_id)
