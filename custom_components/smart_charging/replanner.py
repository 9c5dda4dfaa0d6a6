"""Decides when to plan, runs the planner off the event loop, and drops what is overtaken."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
import logging
import threading

from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .core.clock import Clock
from .core.planner import plan
from .core.planner.problem import Problem
from .core.planner.result import Plan

_LOGGER = logging.getLogger(__name__)

DEBOUNCE_S = 1.0
"""Several causes at once (a plug and a mode) make one plan."""

RETRY_S = 60.0
"""After a failure of the planner itself."""


class Replanner:
    """Plans on demand and at each quarter; a newer problem cancels an older solve."""

    def __init__(
        self,
        hass: HomeAssistant,
        clock: Clock,
        *,
        build: Callable[[], Problem | None],
        done: Callable[[Problem, Plan], None],
    ) -> None:
        """`build` gathers the problem (or `None` while data is missing); `done` takes the plan."""
        self._hass = hass
        self._clock = clock
        self._build = build
        self._done = done
        self._cancel = threading.Event()
        self._due: float | None = None
        self._quarter: datetime | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last: Plan | None = None
        self.causes: list[str] = []
        self.failure: str | None = None
        """Why the planner failed last; `None` when it did not."""

    def request(self, cause: str) -> None:
        """Plan soon, because of `cause`."""
        _LOGGER.debug("Re-plan asked for: %s", cause)
        self.causes.append(cause)
        if self._due is None:
            self._due = self._clock.monotonic() + DEBOUNCE_S
            # The tick comes each second only; a person waits for the answer.
            self._timer = self._hass.loop.call_later(DEBOUNCE_S, self.tick)
        # What is being solved rests on old facts.
        self._cancel.set()

    def tick(self) -> None:
        """Look whether a plan is due; called once a second."""
        now = self._clock.now()
        quarter = now - timedelta(
            minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond
        )
        if quarter != self._quarter:
            if self._quarter is not None:
                self.request("quarter")
            self._quarter = quarter
        if self._due is None or self._clock.monotonic() < self._due:
            return
        if self._task is None or self._task.done():
            self._due = None
            self._task = self._hass.async_create_background_task(self._run(), f"{DOMAIN} plan")

    async def stop(self) -> None:
        """Cancel a solve and wait for its end."""
        if self._timer is not None:
            self._timer.cancel()
        self._cancel.set()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def resume(self, last: Plan | None) -> None:
        """Go on from the plan that was kept over a restart."""
        self._last = last

    async def _run(self) -> None:
        problem = self._build()
        if problem is None:
            return
        # Each solve looks at its own flag: the next request must not revive a cancelled one.
        self._cancel = cancel = threading.Event()
        causes, self.causes = self.causes, []
        try:
            made = await self._hass.async_add_executor_job(
                _plan_completely, problem, self._last, cancel.is_set
            )
        except Exception as err:
            # The planner promises a plan for every problem; a defect in it must not stop control.
            _LOGGER.exception("The planner failed; the last plan stays in force")
            self.failure = f"{type(err).__name__}: {err}"
            self._due = self._clock.monotonic() + RETRY_S
            return
        if cancel.is_set():
            return
        self.failure = None
        self._last = made
        _LOGGER.debug("Planned in %.3f s (%s) because of %s", made.solve_s, made.rung, causes)
        self._done(problem, made)


def _plan_completely(problem: Problem, last: Plan | None, cancelled: Callable[[], bool]) -> Plan:
    """Plan, and make its steps and figures here: the event loop is to read them only."""
    made = plan(problem, last, cancelled)
    return made if cancelled() else made.complete()
