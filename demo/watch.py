"""Follows what the integration does: its setpoints as they are written, and the first that holds."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .api import Api, Json
from .home import Entities
from .home_assistant import HomeAssistant
from .report import DemoError, elapsed_s, say

EVENT_SETPOINT = "smart_charging_setpoint"
FIRST_S = 180.0
"""From set-up to a setpoint that holds; it takes some seconds on an idle machine."""
POLL_S = 0.5


@dataclass(kw_only=True)
class Watch:
    """What was seen so far."""

    entities: Entities
    written_a: float | None = None
    """Current of the last setpoint that was written to the charger."""
    first_plan_s: float | None = None
    asked_at: datetime | None = None
    """When the energy was asked for: plans from before do not count."""
    states: dict[str, Json] = field(default_factory=dict)

    async def start(self, api: Api) -> None:
        """Listen to setpoints and tell of each."""
        await api.subscribe(EVENT_SETPOINT, self._on_setpoint)

    def _on_setpoint(self, event: Json) -> None:
        data = event["data"]
        if data["entity_id"] != self.entities.current:
            return
        self.written_a = float(data["current_a"])
        order = "paused"
        if self.written_a:
            order = f"set to {self.written_a:g} A"
            if data.get("phases"):
                order += f" on {data['phases']} phase{'s' if data['phases'] > 1 else ''}"
        say(f"Charger {order}: {data['reason']}")

    async def look(self, api: Api) -> None:
        """Read all states."""
        self.states = {state["entity_id"]: state for state in await api.get("/api/states")}
        if self.first_plan_s is None and self.number(self.entities.plan_cost) is not None:
            self.first_plan_s = elapsed_s()
            say("The first plan stands")

    def number(self, entity_id: str) -> float | None:
        """Return the state of an entity as a number, or None where it is none."""
        try:
            return float(self.states[entity_id]["state"])
        except (KeyError, ValueError):
            return None

    @property
    def missing(self) -> str | None:
        """What is still to come before the demo has shown that it works, or None."""
        if self.first_plan_s is None:
            return "no plan was made"
        if self.asked_at is not None and self._plan_made() < self.asked_at:
            return "no plan was made for the energy that was asked for"
        if self.written_a is None:
            return "no setpoint was written"
        if self.number(self.entities.current) != self.written_a:
            return f"the charger does not show the setpoint of {self.written_a:g} A"
        return None

    def _plan_made(self) -> datetime:
        try:
            return datetime.fromisoformat(self.states[self.entities.plan_made]["state"])
        except (KeyError, ValueError):
            return datetime.min.replace(tzinfo=UTC)

    async def first(self, api: Api, home_assistant: HomeAssistant) -> Json:
        """Wait until a plan stands and a setpoint holds; returns the figures. Raises DemoError."""
        deadline = elapsed_s() + FIRST_S
        while True:
            home_assistant.check()
            await self.look(api)
            if self.missing is None:
                return self.figures(api.url)
            if elapsed_s() > deadline:
                raise DemoError(f"After {FIRST_S:.0f} s {self.missing}.\n{self._shown()}")
            await asyncio.sleep(POLL_S)

    def figures(self, url: str) -> Json:
        """Return what the demo came to."""
        result: dict[str, Any] = {
            "url": url,
            "seconds_to_first_plan": round(self.first_plan_s or 0, 1),
            "plan_cost": self.number(self.entities.plan_cost),
            "setpoint_a": self.written_a,
            "entities": len(self.entities.all),
        }
        return result

    def _shown(self) -> str:
        return "\n".join(
            f"  {entity_id}: {self.states.get(entity_id, {}).get('state')}"
            for entity_id in self.entities.all
        )
