"""The steps that offer to commission a charger once its figures are known, and follow it."""

from abc import abstractmethod
import asyncio
from collections.abc import Coroutine
from typing import Any, override

from homeassistant.config_entries import ConfigEntryState, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.core import callback

from ..commissioner import NotPossible, Run
from ..commissioning import Failure
from ..config import PartConfig
from ..const import DOMAIN
from ..core.reading import PartKind
from ..site import Site

PATIENCE_S = 60.0
"""A device that was just saved is connected anew and must speak first."""


class CommissionSteps(ConfigSubentryFlow):
    """What the form of a device does after the figures of a charger."""

    _title: str
    _parts: dict[str, dict[str, Any]]
    _run: Run | None = None
    _site: Site | None = None
    _waiting: asyncio.Task[None] | None = None
    _failure: Failure | None = None

    @abstractmethod
    def save(self) -> SubentryFlowResult:
        """Save the device and end the form."""

    @abstractmethod
    def save_and_go_on(self) -> str | None:
        """Save the device while the form stays open; return its id, `None` if it is taken."""

    def _can_commission(self) -> bool:
        """Tell whether it is worth asking: a charger to command, and a meter to watch."""
        entry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return False
        site: Site = entry.runtime_data
        return self._charger() is not None and site.meter is not None and not site.meter_is_slow

    def _charger(self) -> str | None:
        return next(
            (
                key
                for key, part in self._parts.items()
                if part["used"] and part["controllable"] and part["kind"] == PartKind.CHARGER
            ),
            None,
        )

    async def async_step_commission_offer(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask whether to try the charger now."""
        return self.async_show_menu(
            step_id="commission_offer",
            menu_options=["commission", "later"],
            description_placeholders={"name": self._title},
        )

    async def async_step_later(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Save and leave it at that."""
        return self.save()

    async def async_step_commission(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Save the device, and show each step of its commissioning until it ends."""
        if self._waiting is None:
            device_id = self.save_and_go_on()
            if device_id is None:
                return self.save()
            self._site = self._get_entry().runtime_data
            self._waiting = self._task(self._begin(device_id))
        elif self._waiting.done() and self._run is not None and not self._run.done.done():
            self._waiting = self._task(self._until_next_step(self._run))
        elif self._waiting.done():
            return self.async_show_progress_done(next_step_id="commissioned")
        step, steps = (0, 0) if self._run is None else self._run.trial.progress
        return self.async_show_progress(
            step_id="commission",
            progress_action="commission" if steps else "connect",
            progress_task=self._waiting,
            description_placeholders={
                "name": self._title,
                "step": str(step),
                "steps": str(steps),
                "current": f"{self._run.trial.asked_a:g}" if self._run else "",
            },
        )

    async def async_step_commissioned(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Say how it ended."""
        if self._run is not None:
            self._failure = self._run.done.result().failure
        placeholders = {"name": self._title}
        if self._failure is not None:
            return self.async_abort(
                reason=f"commission_{self._failure.value}", description_placeholders=placeholders
            )
        assert self._run is not None  # without one there is a failure
        facts = self._run.done.result().facts
        placeholders["reaction"] = f"{facts['reaction_s']:.0f}"
        return self.async_abort(reason="commissioned", description_placeholders=placeholders)

    def _task(self, step: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self.hass.async_create_background_task(step, f"{DOMAIN} commissioning form")

    async def _begin(self, device_id: str) -> None:
        """Wait until the device speaks, and start."""
        part = await self._speaking(device_id)
        site = self._site
        if part is None or site is None:
            self._failure = Failure.CHARGER_SILENT
            return
        try:
            self._run = site.commissioner.start(part)
        except NotPossible as err:
            self._failure = err.failure

    async def _speaking(self, device_id: str) -> PartConfig | None:
        """Return the charger once it speaks; `None` when it does not in time."""
        site = self._site
        assert site is not None  # set before this task begins
        changed = asyncio.Event()
        remove = site.async_listen(changed.set)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    part = site.part(f"{device_id}:{self._charger()}")
                    if part is not None and site.reading(part) is not None:
                        return part
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return None
        finally:
            remove()

    async def _until_next_step(self, run: Run) -> None:
        site = self._site
        assert site is not None  # it gave the run
        shown = run.trial.progress
        changed = asyncio.Event()
        remove = site.async_listen(changed.set)
        try:
            while run.trial.progress == shown and not run.done.done():
                changed.clear()
                await changed.wait()
        finally:
            remove()

    @callback
    @override
    def async_remove(self) -> None:
        """The form was closed: whatever is under way ends."""
        if self._run is not None and self._site is not None and not self._run.done.done():
            self._site.commissioner.cancel(self._run.part)
        super().async_remove()
