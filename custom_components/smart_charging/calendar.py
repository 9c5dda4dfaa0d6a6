"""The calendar of planned charging."""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import override

from homeassistant.components.calendar import (
    CalendarEntity,
    CalendarEntityDescription,
    CalendarEvent,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .core.schedule import ChargerStep
from .entity import SiteEntity, SmartEntityDescription
from .site import SiteConfigEntry

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class CalendarDescription(CalendarEntityDescription, SmartEntityDescription):
    """A calendar."""


PLANNED = CalendarDescription(key="planned_charging", translation_key="planned_charging")


async def async_setup_entry(
    hass: HomeAssistant, entry: SiteConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the site's calendar."""
    site = entry.runtime_data
    site.coordinator.register(async_add_entities, site=[PlannedCharging(site, PLANNED)])


def runs(steps: tuple[ChargerStep, ...]) -> list[list[ChargerStep]]:
    """Return the stretches of slots without a pause in which a charger charges."""
    charging = [step for step in steps if step.energy_kwh > 0]
    found = [[step] for step in charging[:1]]
    for before, step in pairwise(charging):
        if step.start == before.end:
            found[-1].append(step)
        else:
            found.append([step])
    return found


class PlannedCharging(SiteEntity, CalendarEntity):
    """Shows when each car is going to charge, with energy and cost."""

    entity_description: CalendarDescription
    _events: list[CalendarEvent]

    @override
    def refresh(self) -> None:
        plan = self.site.plan
        self._events = []
        if plan is None:
            return
        for charger_id, steps in plan.schedule.chargers.items():
            part = self.site.part(charger_id)
            name = self.site.registry.part_name(part) if part else charger_id
            for run in runs(steps):
                energy = sum(step.energy_kwh for step in run)
                cost = sum(step.cost for step in run)
                vehicle = self.site.vehicle(run[0].vehicle)
                self._events.append(
                    CalendarEvent(
                        start=run[0].start,
                        end=run[-1].end,
                        summary=f"{vehicle.name if vehicle else name}: {energy:.1f} kWh",
                        description=(
                            f"{name}, {cost:.2f} {self.site.config.currency}, "
                            f"{', '.join(dict.fromkeys(step.reason.value for step in run))}"
                        ),
                    )
                )
        self._events.sort(key=lambda event: event.start_datetime_local)

    @override
    def shown(self) -> object:
        return tuple((e.start, e.end, e.summary) for e in self._events)

    @property
    @override
    def event(self) -> CalendarEvent | None:
        now = self.site.clock.now()
        return next((e for e in self._events if e.end_datetime_local > now), None)

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        return [
            event
            for event in self._events
            if event.start_datetime_local < end_date and event.end_datetime_local > start_date
        ]
