"""Keeps one price source fresh in its own task."""

import asyncio
from collections.abc import Callable
import logging

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .config import PriceConfig
from .const import DOMAIN
from .devices.base import CannotConnect, DeviceError, RateLimited
from .prices.base import PriceSource
from .tasks import Seen, end, is_ending

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
        self._seen = Seen()

    def start(self) -> None:
        """Start the source's task."""
        self._task = self._hass.async_create_background_task(
            self._run(), f"{DOMAIN} prices {self.config.name}"
        )

    async def stop(self) -> None:
        """End the source's task."""
        task, self._task = self._task, None
        if task is not None:
            await end(task, self.config.name)

    def _on_change(self) -> None:
        if self.error is not None:
            _LOGGER.info("Prices of %s are renewed again", self.config.name)
        self.error = None
        self._changed(self)

    def _failed(self, err: DeviceError) -> None:
        """Say once that prices age, and from when those in use are."""
        before, self.error = self.error, err
        if before is None:
            fetched = self.source.fetched_at
            _LOGGER.warning(
                "Prices of %s are not renewed: %s; %s",
                self.config.name,
                str(err) or err.key,
                "there are none yet"
                if fetched is None
                else f"those of {dt_util.as_local(fetched):%Y-%m-%d %H:%M} stay in use",
            )
        if before is None or type(before) is not type(err):
            self._changed(self)

    async def _run(self) -> None:
        pause_s = BACKOFF_FIRST_S
        while True:
            version = self.source.version
            asked_s = 0.0
            try:
                await self.source.run(self._on_change)
            except DeviceError as err:
                self._failed(err)
                if isinstance(err, RateLimited) and err.retry_after_s:
                    asked_s = err.retry_after_s
            except Exception as err:
                if is_ending():
                    return
                # A source's bug must not end the site: what is known of prices stays in use.
                if self._seen.first(err):
                    _LOGGER.exception("Unexpected error in the prices of %s", self.config.name)
                self._failed(CannotConnect(str(err) or type(err).__name__))
            if self.source.version != version:
                pause_s = BACKOFF_FIRST_S
            await asyncio.sleep(max(pause_s, asked_s))
            pause_s = min(pause_s * 2, BACKOFF_LAST_S)
