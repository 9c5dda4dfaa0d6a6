"""Switches: hand over control of the site; smart charging of each charger."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .config import PartConfig
from .core.reading import PartKind
from .entity import PartEntity, SiteEntity, SmartEntityDescription
from .errors import translated
from .site import SiteConfigEntry

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class SwitchDescription(SwitchEntityDescription, SmartEntityDescription):
    """A switch."""


ACT = SwitchDescription(key="act", translation_key="act")
SMART = SwitchDescription(key="smart_charging", translation_key="smart_charging")


async def async_setup_entry(
    hass: HomeAssistant, entry: SiteConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the switch of the site, and those of chargers as they come."""
    site = entry.runtime_data

    def parts(part: PartConfig) -> list[PartEntity]:
        if part.kind is PartKind.CHARGER and part.controllable:
            return [SmartCharging(site, part, SMART)]
        return []

    site.coordinator.register(async_add_entities, site=[ActSwitch(site, ACT)], parts=parts)


class ActSwitch(SiteEntity, SwitchEntity):
    """On: the site acts. Off: it observes, plans and explains, and writes nothing."""

    entity_description: SwitchDescription

    @override
    def refresh(self) -> None:
        self._attr_is_on = self.site.settings.acting

    @override
    def shown(self) -> object:
        return self.is_on

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        self.site.actor.take_over()

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.site.actor.hand_back()


class SmartCharging(PartEntity, SwitchEntity):
    """Off: hands off, the charger follows its own control."""

    entity_description: SwitchDescription

    @property
    @override
    def available(self) -> bool:
        return True

    @override
    def refresh(self) -> None:
        self._attr_is_on = self.site.plugs.settings(self.part).smart

    @override
    def shown(self) -> object:
        return self.is_on

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        self.site.actor.take_charger(self.part)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        settings = self.site.plugs.settings(self.part)
        # First, so that no step of control takes the charger back while it is released.
        settings.smart = False
        if self.site.settings.acting:
            try:
                with translated(self.site.registry.part_name(self.part)):
                    await self.site.actor.release(self.part)
            except HomeAssistantError:
                settings.smart = True
                raise
        self.site.changed("smart charging off")
