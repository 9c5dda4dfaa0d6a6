"""What tests of faults share: what the log said, what went unavailable, how long it took."""

import asyncio
import logging
import time

from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir
import pytest

from custom_components.smart_charging.const import DOMAIN

from .home import Home

OURS = "custom_components.smart_charging"
LONG_S = 45
"""Outlasts every stale time of these devices, and the patience of their drivers."""
RECOVERY_S = 61
"""The longest back-off, and the second of the telegram."""


class Watch:
    """Takes note of everything that a person would notice from now on."""

    def __init__(self, home: Home, caplog: pytest.LogCaptureFixture) -> None:
        """Look at `home`."""
        caplog.set_level(logging.INFO, OURS)
        self.home = home
        self._caplog = caplog
        self._from = len(caplog.records)
        self._went: set[str] = set()
        home.hass.bus.async_listen(EVENT_STATE_CHANGED, self._note)

    @callback
    def _note(self, event: Event[EventStateChangedData]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        if old is not None and new is not None and new.state == STATE_UNAVAILABLE:
            self._went.add(new.entity_id)

    def lines(self, level: int) -> list[str]:
        """Return our log lines of a level since the last `anew`."""
        return [
            record.getMessage()
            for record in self._caplog.records[self._from :]
            if record.name.startswith(OURS) and record.levelno == level
        ]

    def link_lines(self) -> list[str]:
        """Return our lines of INFO about devices that came back."""
        return [line for line in self.lines(logging.INFO) if "available again" in line]

    def went_unavailable(self, device_id: str) -> set[str]:
        """Return the entities of a device that became unavailable at some moment."""
        return self._went & {row.entity_id for row in self.rows(device_id)}

    def rows(self, device_id: str) -> list[er.RegistryEntry]:
        """Return the enabled entities of a device that show its readings."""
        entry = self.home.entry
        assert entry is not None
        found = [
            row
            for row in er.async_entries_for_config_entry(
                er.async_get(self.home.hass), entry.entry_id
            )
            if row.config_subentry_id == device_id
            and row.disabled_by is None
            and row.domain in ("sensor", "binary_sensor")
        ]
        assert found
        return found

    def unavailable(self, device_id: str) -> bool:
        """Tell whether all entities of a device are unavailable; they must agree."""
        states = [self.home.hass.states.get(row.entity_id) for row in self.rows(device_id)]
        gone = {state is not None and state.state == STATE_UNAVAILABLE for state in states}
        assert len(gone) == 1, states
        return gone.pop()

    def issues(self) -> dict[str, ir.IssueEntry]:
        """Return the open repairs by `<key>_<subject>`."""
        entry = self.home.entry
        assert entry is not None
        prefix = f"{entry.entry_id}_"
        return {
            issue_id.removeprefix(prefix): issue
            for (domain, issue_id), issue in ir.async_get(self.home.hass).issues.items()
            if domain == DOMAIN and issue.active
        }

    def anew(self) -> None:
        """Forget what was noticed so far."""
        self._from = len(self._caplog.records)
        self._went.clear()

    def assert_nothing(self) -> None:
        """Assert that nobody noticed anything."""
        assert not self._went, self._went
        self.assert_no_noise()
        assert not self.lines(logging.WARNING)
        assert not self.issues()

    def assert_no_noise(self) -> None:
        """Assert that nobody, not even Home Assistant, reported an error or a traceback."""
        noise = [
            record.getMessage()
            for record in self._caplog.records[self._from :]
            # The web server is a simulator's.
            if (record.levelno >= logging.ERROR or record.exc_info)
            and not record.name.startswith("aiohttp.")
        ]
        assert not noise, noise

    def assert_gone(self, device_id: str, name: str) -> str:
        """Assert that one device is gone and said so once; return the cause that it gave."""
        assert self.unavailable(device_id)
        (line,) = self.lines(logging.WARNING)
        assert line.startswith(f"{name} is unavailable: ")
        issue = self.issues()[f"device_unreachable_{device_id}"]
        assert issue.translation_placeholders is not None
        assert issue.translation_placeholders["name"] == name
        assert issue.translation_placeholders["cause"]
        self.assert_no_noise()
        return line.partition(": ")[2]

    async def recovered(self, device_id: str, name: str, within_s: float = RECOVERY_S) -> None:
        """Run until a device is back, and assert that it said so once."""
        home, began_s = self.home, self.home.clock.monotonic()
        while self.unavailable(device_id):
            assert home.clock.monotonic() - began_s <= within_s
            await home.tick(1)
            # A port is opened in a thread.
            await home.hass.async_add_executor_job(time.sleep, 0.002)
        await home.run(3, step=1)
        assert self.link_lines() == [f"{name} is available again"]
        assert not self.issues()
        self.assert_no_noise()


async def unload(home: Home) -> float:
    """Unload the site while time goes on; return how many seconds it took."""
    entry = home.entry
    assert entry is not None
    began_s = home.clock.monotonic()
    task = asyncio.ensure_future(home.hass.config_entries.async_unload(entry.entry_id))
    for _ in range(100):
        for _ in range(20):
            await asyncio.sleep(0)
        if task.done():
            break
        # Closing a port takes real time, in a thread: the frozen one must not overtake it.
        await home.hass.async_add_executor_job(time.sleep, 0.002)
        home.freezer.tick(0.1)
    assert await task
    left = [t.get_name() for t in asyncio.all_tasks() if t.get_name().startswith(DOMAIN)]
    assert not left
    return home.clock.monotonic() - began_s
