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

    def forget(self, device_id: str) -> None:
        """Take note that a device is gone or is about to be started anew."""
        self._silent.pop(device_id, None)
        self._site.issues.clear(ISSUE, device_id)

    def tick(self) -> None:
        """Look at all devices; called once a second."""
        now = self._site.clock.now()
        for runner in self._site.runners.values():
            if runner.running:
                self._look(runner, now)

    def _look(self, runner: DeviceRunner, now: datetime) -> None:
        device_id = runner.config.id
        before = self._silent.get(device_id, frozenset())
        silent = frozenset(
            part.key
            for part in runner.config.parts
            if runner.fresh(part.key, now) is None
            and (part.key in before or _was_found(runner, part.key, now))
        )
        if not silent and not before:
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
        elif before:
            self._site.issues.clear(ISSUE, device_id)

    def _subject(self, runner: DeviceRunner, keys: frozenset[str]) -> str:
        """Name the device, or those of its parts that it is about."""
        parts = [part for part in runner.config.parts if part.key in keys]
        if len(parts) == len(runner.config.parts):
            return runner.config.name
        return ", ".join(self._site.part_name(part) for part in parts)


def _was_found(runner: DeviceRunner, part: str, now: datetime) -> bool:
    """Tell whether a part spoke since the device's start, or had the time to."""
    reading = runner.readings.get(part)
    if reading is not None and reading.at >= runner.started_at:
        return True
    return now - runner.started_at > START_GRACE


def _cause(runner: DeviceRunner, silent: frozenset[str]) -> str:
    """Say why, in the driver's words where it knows already, else since when."""
    if runner.error is not None:
        return str(runner.error) or runner.error.key
    heard = [runner.readings[key].at for key in silent if key in runner.readings]
    if not heard:
        return "it has sent nothing yet"
    return f"nothing readable since {dt_util.as_local(max(heard)):%H:%M:%S}"
