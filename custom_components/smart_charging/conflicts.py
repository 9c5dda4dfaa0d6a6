"""Notices that somebody else commands a charger too, and raises a repair that names the culprit.

A person who changes something once is no conflict but an override, and a charger that limits
itself stays at its limit: only what comes back again and again counts.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from homeassistant.const import ATTR_NAME, EVENT_STATE_CHANGED
from homeassistant.core import (
    CALLBACK_TYPE,
    Context,
    Event,
    EventStateChangedData,
    callback,
)

from .config import PartConfig
from .core.control.types import ChargerSetpoint
from .core.reading import ChargerReading, ChargerStatus, PartKind
from .others import entries_naming

if TYPE_CHECKING:
    from .site import Site

RUNS = ("automation_triggered", "script_started")
"""What Home Assistant's automations and scripts fire with the context of what they do then."""

OWN_MODE_S = 45.0
"""A charger's own mode that outlasts one more write of our order."""
TIMES = 3
"""So often within `WINDOW` it is no coincidence. Once or twice is a person's doing."""
WINDOW = timedelta(minutes=30)
CALM = timedelta(hours=1)
"""Without another event for so long the conflict is over."""
TOLERANCE_A = 0.5
"""Less is rounding."""
REMEMBERED = 200
"""Runs of automations whose calls can still arrive."""

OWN_MODE = "own_mode"
OTHER = "other_controller"
AUTOMATION = "automation_writes"

UNKNOWN = "?"


@dataclass(kw_only=True)
class _Watch:
    """What was noticed at one charger."""

    released_since: datetime | None = None
    own_mode: deque[datetime] = field(default_factory=lambda: deque(maxlen=TIMES))
    obeyed: ChargerSetpoint | None = None
    """The order that the last reading showed."""
    writes: int = 0
    """Our writes when an order was last taken away."""
    taken: deque[datetime] = field(default_factory=lambda: deque(maxlen=TIMES))
    automation: deque[datetime] = field(default_factory=lambda: deque(maxlen=TIMES))
    culprit: str = UNKNOWN
    """The automation or script that wrote last."""


class Conflicts:
    """Watches the chargers of one site while they are controlled."""

    def __init__(self, site: "Site") -> None:
        """Belong to `site`."""
        self._site = site
        self._watches: dict[str, _Watch] = {}
        self._runs: OrderedDict[str, str] = OrderedDict()
        """Context id -> name of the automation or script that runs with it."""

    def start(self) -> list[CALLBACK_TYPE]:
        """Listen; return what ends it."""
        bus = self._site.hass.bus
        return [
            *(bus.async_listen(event, self._on_run) for event in RUNS),
            bus.async_listen(EVENT_STATE_CHANGED, self._on_state),
        ]

    @callback
    def reading(self, part: PartConfig, reading: ChargerReading, writes: int) -> None:
        """Take a charger's reading; `writes` counts our orders to it so far."""
        watch, now = self._watches.setdefault(part.id, _Watch()), self._site.clock.now()
        setpoint = self._site.actor.setpoints.chargers.get(part.id)
        ours = self._site.settings.acting and self._site.plugs.controlled(part)
        if not ours or setpoint is None or self._site.commissioner.run_of(part) is not None:
            self._watches[part.id] = _Watch()
            return
        self._own_mode(watch, reading, now)
        if reading.limit_a is None or reading.released or not _speaks_for_itself(reading):
            watch.obeyed = None
            return
        if abs(reading.limit_a - setpoint.current_a) <= TOLERANCE_A:
            watch.obeyed = setpoint
        elif watch.obeyed is not None:
            same = watch.obeyed.current_a == setpoint.current_a
            # It counts only if our own write had brought the order back before.
            if same and (not watch.taken or writes > watch.writes):
                watch.taken.append(now)
                watch.writes = writes
            watch.obeyed = None

    def _own_mode(self, watch: _Watch, reading: ChargerReading, now: datetime) -> None:
        if not reading.released or not _plugged(reading):
            watch.released_since = None
            return
        if watch.released_since is None:
            watch.released_since = now
            if watch.obeyed is not None:
                watch.own_mode.append(now)
        elif (now - watch.released_since).total_seconds() > OWN_MODE_S and (
            len(watch.own_mode) < TIMES or now - watch.own_mode[-1] > WINDOW
        ):
            watch.own_mode.extend([now] * TIMES)

    @callback
    def called(self, part: PartConfig, context: Context | None) -> None:
        """Take note of a call to one of our own entities that is not ours."""
        if (name := self._automation(context)) is not None:
            self._written_by(part, name)

    @callback
    def tick(self) -> None:
        """Raise and withdraw repairs; called once a second."""
        now = self._site.clock.now()
        for part in self._site.config.parts(PartKind.CHARGER):
            watch = self._watches.setdefault(part.id, _Watch())
            for key, times in (
                (OWN_MODE, watch.own_mode),
                (OTHER, watch.taken),
                (AUTOMATION, watch.automation),
            ):
                self._tell(key, part, times, watch.culprit, now)

    def _tell(
        self, key: str, part: PartConfig, times: deque[datetime], culprit: str, now: datetime
    ) -> None:
        issues, name = self._site.issues, self._site.registry.part_name(part)
        if issues.is_open(key, part.id):
            if not times or now - times[-1] > CALM:
                times.clear()
                issues.clear(key, part.id)
        elif len(times) == TIMES and now - times[0] <= WINDOW:
            if key == OWN_MODE:
                issues.show(OWN_MODE, name, subject_id=part.id)
            elif key == AUTOMATION:
                issues.show(AUTOMATION, name, subject_id=part.id, culprit=culprit)
            else:
                culprit = ", ".join(_same_device(self._site, part)) or UNKNOWN
                issues.show(OTHER, name, subject_id=part.id, culprit=culprit)

    # --- automations ----------------------------------------------------------------------------

    @callback
    def _on_run(self, event: Event) -> None:
        self._runs[event.context.id] = str(event.data.get(ATTR_NAME, UNKNOWN))
        while len(self._runs) > REMEMBERED:
            self._runs.popitem(last=False)

    def _automation(self, context: Context | None) -> str | None:
        """Return the automation or script behind a context, or `None` for a person's or ours."""
        if context is None or self._site.actor.decisions.owns(context):
            return None
        return self._runs.get(context.id) or self._runs.get(context.parent_id or "")

    @callback
    def _on_state(self, event: Event[EventStateChangedData]) -> None:
        """See an automation that writes what commands a charger of another integration."""
        old, new = event.data["old_state"], event.data["new_state"]
        if old is None or new is None or old.state == new.state or not self._runs:
            return
        if (name := self._automation(event.context)) is None:
            return
        for part in self._site.config.parts(PartKind.CHARGER):
            if part.controllable and new.entity_id in self._entities(part):
                self._written_by(part, name)

    def _entities(self, part: PartConfig) -> Iterator[str]:
        connection = self._site.device(part).connection
        return (str(connection[key]) for key in ("limit", "enable", "phase") if key in connection)

    def _written_by(self, part: PartConfig, name: str) -> None:
        watch = self._watches.setdefault(part.id, _Watch())
        if self._site.settings.acting and self._site.plugs.controlled(part):
            watch.automation.append(self._site.clock.now())
            watch.culprit = name


def _plugged(reading: ChargerReading) -> bool:
    return reading.status not in (None, ChargerStatus.UNPLUGGED, ChargerStatus.ERROR)


def _speaks_for_itself(reading: ChargerReading) -> bool:
    """Tell whether a changed limit needs a culprit: a fault or refusal of its own has none."""
    return _plugged(reading) and reading.warning is None


def _same_device(site: "Site", part: PartConfig) -> Iterable[str]:
    """Return the titles of other integrations' entries that name the same address or serial."""
    device = site.device(part)
    host = str(device.connection.get("host", "")).strip().rpartition("://")[2].rstrip("/")
    known = {text.lower() for text in (host, str(device.identity.get("serial") or "")) if text}
    return [f"{entry.title} ({entry.domain})" for entry in entries_naming(site.hass, known)]
