"""Keeps one price source fresh in its own task."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import logging

from homeassistant.core import HomeAssistant

from .config import PriceConfig
from .const import DOMAIN
from .devices.base import DeviceError, RateLimited
from .prices.base import PriceSource

_LOGGER = logging.getLogger(__name__)

BACKOFF_FIRST_S = 10.0
BACKOFF_LAST_S = 900.0
"""Prices change slowly and services ask not to be hammered."""


class PriceRunner:
    """One price source: its task and its fault."""

    def __init__(
        self,
        hass: HomeAssistant,
        config: PriceConfig,
        source: PriceSource,
        changed: Callable[["PriceRunner"], None],
    ) -> None:
        """Take the source; `changed` is called on new prices and on a new or ended fault."""
        self.config = config
        self.source = source
        self.error: DeviceError | None = None
        self._hass = hass
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the source's task."""
        self._task = self._hass.async_create_background_task(
            self._run(), f"{DOMAIN} prices {self.config.name}"
        )

    async def stop(self) -> None:
        """End the source's task."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def _on_change(self) -> None:
        if self.error is not None:
            _LOGGER.info("Prices of %s are back", self.config.name)
        self.error = None
        self._changed(self)

    async def _run(self) -> None:
        pause = BACKOFF_FIRST_S
        while True:
            version = self.source.version
            try:
                await self.source.run(self._on_change)
            except DeviceError as err:
                if self.error is None:
                    _LOGGER.warning("Prices of %s are not renewed: %s", self.config.name, err)
                self.error = err
                self._changed(self)
                if isinstance(err, RateLimited) and err.retry_after_s:
                    pause = max(pause, err.retry_after_s)
            except Exception:
                # A source's bug must not end the site: what is known of prices stays in use.
                _LOGGER.exception("Unexpected error in the prices of %s", self.config.name)
            if self.source.version != version:
                pause = BACKOFF_FIRST_S
            await asyncio.sleep(pause)
            pause = min(pause * 2, BACKOFF_LAST_S)
