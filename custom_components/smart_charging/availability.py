"""Tells once when a device falls silent and once when it is back; holds a repair meanwhile."""

from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util

from .runner import DeviceRunner

if TYPE_CHECKING:
    from .site import Site

_LOGGER = logging.getLogger(__name__)

START_GRACE = timedelta(seconds=60)
"""After its start a device is not called unavailable: it needs time to be found."""

ISSUE = "device_unreachable"


class Availability:
    """Watches the age of all readings of a site."""

    def __init__(self, site: "Site") -> None:
        """Belong to `site`."""
        self._site = site
        self._silent: dict[str, frozenset[str]] = {}
        """Keys of the parts that were reported, by device."""
        self._back_at: dict[str, datetime] = {}
        """When a device was last found again."""

    def forget(self, device_id: str) -> None:
        """Take note that a device is gone or is about to be started anew."""
        self._silent.pop(device_id, None)
        self._back_at.pop(device_id, None)
        self._site.issues.clear(ISSUE, device_id)

    def tick(self) -> None:
        """Look at all devices; called once a second."""
        now = self._site.clock.now()
        for runner in self._site.runners.values():
            if runner.running:
                self._look(runner, now)

    def _look(self, runner: DeviceRunner, now: datetime) -> None:
        device_id = runner.config.id
        # Parts may have been taken out of use meanwhile.
        parts = frozenset(part.key for part in runner.config.parts)
        before = self._silent.get(device_id, frozenset()) & parts
        silent = self._silent_parts(runner, parts, before, now)
        if not silent and not self._silent.get(device_id):
            return
        cause = _cause(runner, silent)
        if fallen := silent - before:
            _LOGGER.warning("%s is unavailable: %s", self._subject(runner, fallen), cause)
        if risen := before - silent:
            _LOGGER.info("%s is available again", self._subject(runner, risen))
        self._silent[device_id] = silent
        if silent:
            self._site.issues.show(
                ISSUE, self._subject(runner, silent), subject_id=device_id, cause=cause
            )
        else:
            self._site.issues.clear(ISSUE, device_id)

    def _silent_parts(
        self, runner: DeviceRunner, parts: frozenset[str], before: frozenset[str], now: datetime
    ) -> frozenset[str]:
        """Return the parts to be called unavailable. A lost link takes all with it, and back."""
        device_id = runner.config.id
        since = max(runner.started_at, self._back_at.get(device_id, runner.started_at))
        silent = frozenset(
            key
            for key in parts
            if runner.fresh(key, now) is None
            and (key in before or _is_missed(runner, key, since, now))
        )
        if runner.error is not None:
            return parts if silent - before or (silent and before == parts) else silent
        if before == parts and silent != parts:
            # Parts of which some are asked less often come back one by one.
            self._back_at[device_id] = now
            return frozenset()
        return silent

    def _subject(self, runner: DeviceRunner, keys: frozenset[str]) -> str:
        """Name the device, or those of its parts that it is about."""
        parts = [part for part in runner.config.parts if part.key in keys]
        if len(parts) == len(runner.config.parts):
            return runner.config.name
        return ", ".join(self._site.registry.part_name(part) for part in parts)


def _is_missed(runner: DeviceRunner, part: str, since: datetime, now: datetime) -> bool:
    """Tell whether a silent part ought to speak: it did since the link stands, or had the time to."""
    if runner.make.slow and runner.error is None:
        # A cloud service is asked seldom, and not at night; what is wrong with it is an error.
        return False
    reading = runner.readings.get(part)
    return (reading is not None and reading.at >= since) or now - since > START_GRACE


def _cause(runner: DeviceRunner, silent: frozenset[str]) -> str:
    """Say why, in the driver's words where it knows already, else since when."""
    if runner.error is not None:
        return str(runner.error) or runner.error.key
    heard = [runner.readings[key].at for key in silent if key in runner.readings]
    if not heard:
        return "it has sent nothing yet"
    return f"nothing readable since {dt_util.as_local(max(heard)):%H:%M:%S}"
