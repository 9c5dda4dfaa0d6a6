"""Gives devices back to their own control when ours ends, late if they are silent then."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
import logging
from typing import TYPE_CHECKING

from homeassistant.core import callback

from .config import PartConfig
from .const import DOMAIN
from .core.reading import PartKind
from .devices.base import DeviceError
from .settings import BatterySettings, ChargerSettings

if TYPE_CHECKING:
    from .site import Site

_LOGGER = logging.getLogger(__name__)

RETRY_S = 60.0
"""Between attempts with a device that did not take it when control ended."""


class HandBack:
    """What is owed to the devices of one site; kept over a restart."""

    def __init__(self, site: "Site", release: Callable[[PartConfig], Awaitable[None]]) -> None:
        """Belong to `site`; `release` gives one charger back and raises DeviceError."""
        self._site = site
        self._release = release
        self._task: asyncio.Task[None] | None = None
        self._tried_at = 0.0

    async def everything(self) -> None:
        """Give back all that we control; what fails is tried again while the site observes."""
        for part in self._parts():
            row = self._row(part)
            if isinstance(row, BatterySettings):
                row.release_due = row.original is not None
            else:
                row.release_due = self._site.plugs.controlled(part)
        await self._what_is_due()

    @callback
    def call_off(self) -> None:
        """Owe nothing any more: control takes the devices over again."""
        for part in self._parts():
            if self._is_ours(part):
                self._row(part).release_due = False

    @callback
    def tick(self) -> None:
        """Try again with devices that speak now."""
        now_s = self._site.clock.monotonic()
        if now_s - self._tried_at < RETRY_S:
            return
        if any(self._is_due(p) and self._site.reading(p) for p in self._parts()):
            self._tried_at = now_s
            self._task = self._site.hass.async_create_background_task(
                self._what_is_due(), f"{DOMAIN} hand back"
            )

    async def stop(self) -> None:
        """End an attempt that is under way."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def restore_batteries(self) -> None:
        """Put every battery back into the mode in which it was before we changed it."""
        for part in self._site.config.parts(PartKind.BATTERY):
            settings = self._site.settings.battery(part.id)
            runner = self._site.runners.get(part.device_id)
            if settings.original is None or runner is None:
                continue
            try:
                if runner.releasable:
                    # The device knows modes of its own that ours cannot name.
                    await runner.release(part.key)
                else:
                    await runner.set_battery(part.key, settings.original, settings.original_kw)
            except DeviceError as err:
                _LOGGER.warning(
                    "%s could not be put back to its own mode: %s",
                    self._site.registry.part_name(part),
                    err,
                )
            else:
                settings.original, settings.release_due = None, False

    async def _what_is_due(self) -> None:
        parts = self._parts()
        if any(self._is_due(p) for p in parts if p.kind is PartKind.BATTERY):
            await self.restore_batteries()
        for part in parts:
            if part.kind is PartKind.BATTERY or not self._is_due(part):
                continue
            try:
                await self._release(part)
            except DeviceError as err:
                name = self._site.registry.part_name(part)
                _LOGGER.warning("%s could not be given back to its own control: %s", name, err)
        self._site.store.changed()

    def _parts(self) -> tuple[PartConfig, ...]:
        config = self._site.config
        return config.parts(PartKind.CHARGER) + config.parts(PartKind.BATTERY)

    def _is_ours(self, part: PartConfig) -> bool:
        """Tell whether control has a device now: it is given back later, or not at all."""
        if part.kind is PartKind.CHARGER and not self._site.plugs.controlled(part):
            return False
        return self._site.settings.acting

    def _is_due(self, part: PartConfig) -> bool:
        under_trial = self._site.commissioner.run_of(part) is not None
        return self._row(part).release_due and not self._is_ours(part) and not under_trial

    def _row(self, part: PartConfig) -> ChargerSettings | BatterySettings:
        settings = self._site.settings
        if part.kind is PartKind.BATTERY:
            return settings.battery(part.id)
        return settings.charger(part.id)
