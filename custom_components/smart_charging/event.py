"""Events of parts: what happens at a charger, and what any device warns of."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .config import PartConfig
from .core.reading import PartKind
from .entity import PartEntity, SmartEntityDescription
from .sessions import PartEvent
from .site import SiteConfigEntry

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class EventDescription(EventEntityDescription, SmartEntityDescription):
    """An event entity."""


WARNING = "warning"

CHARGING = EventDescription(
    key="events",
    translation_key="events",
    event_types=["plugged_in", "unplugged", "charging_started", "charging_ended", WARNING],
)

WARNINGS = EventDescription(
    key="warnings",
    translation_key="warnings",
    event_types=[WARNING],
    entity_category=EntityCategory.DIAGNOSTIC,
)
"""Of a part that is no charger, where its device can warn."""


async def async_setup_entry(
    hass: HomeAssistant, entry: SiteConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the events of parts as they come."""
    site = entry.runtime_data

    def parts(part: PartConfig) -> list[PartEntity]:
        if part.kind is PartKind.CHARGER:
            return [PartEvents(site, part, CHARGING)]
        return [PartEvents(site, part, WARNINGS)] if WARNING in part.features else []

    site.coordinator.register(async_add_entities, parts=parts)


class PartEvents(PartEntity, EventEntity):
    """What happens at a part."""

    entity_description: EventDescription

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.site.async_listen_events(self._on_event))

    @callback
    def _on_event(self, part: PartConfig, event: PartEvent) -> None:
        if part.id == self.part.id:
            self._trigger_event(event.type, event.data)
            self.async_write_ha_state()
