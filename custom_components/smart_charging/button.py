"""Buttons: plan anew; charge now at a charger; back to the plan at chargers and batteries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .config import PartConfig
from .core.control.types import Override
from .core.reading import PartKind
from .entity import PartEntity, SiteEntity, SmartEntityDescription
from .settings import Settings
from .site import SiteConfigEntry

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ButtonDescription(ButtonEntityDescription, SmartEntityDescription):
    """A button of the site."""


@dataclass(frozen=True, kw_only=True)
class PartButtonDescription(ButtonDescription):
    """A button that changes the choices at a charger or a battery."""

    press: Callable[[Settings, str], None]
    """Takes the site's settings and the id of the part."""


def _charge_now(settings: Settings, charger_id: str) -> None:
    settings.charger(charger_id).override = Override(current_a=None, until=None)


def _resume_charger(settings: Settings, charger_id: str) -> None:
    charger = settings.charger(charger_id)
    charger.override, charger.forced_phases = None, None


def _resume_battery(settings: Settings, battery_id: str) -> None:
    settings.battery(battery_id).mode = None


REPLAN = ButtonDescription(key="replan", translation_key="replan")
CHARGER_BUTTONS = (
    PartButtonDescription(key="charge_now", translation_key="charge_now", press=_charge_now),
    PartButtonDescription(key="resume", translation_key="resume", press=_resume_charger),
)
BATTERY_BUTTONS = (
    PartButtonDescription(key="resume", translation_key="resume", press=_resume_battery),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SiteConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the button of the site, and those of chargers and batteries as they come."""
    site = entry.runtime_data

    def parts(part: PartConfig) -> list[PartEntity]:
        described: tuple[PartButtonDescription, ...] = ()
        if part.kind is PartKind.CHARGER:
            described = CHARGER_BUTTONS
        elif part.kind is PartKind.BATTERY:
            described = BATTERY_BUTTONS
        return [PartButton(site, part, d) for d in described if part.controllable]

    site.coordinator.register(async_add_entities, site=[Replan(site, REPLAN)], parts=parts)


class Replan(SiteEntity, ButtonEntity):
    """Plans anew."""

    entity_description: ButtonDescription

    @override
    async def async_press(self) -> None:
        self.site.replanner.request("button")


class PartButton(PartEntity, ButtonEntity):
    """Changes what a charger does until the car leaves, or leaves a battery to the plan."""

    entity_description: PartButtonDescription

    @override
    async def async_press(self) -> None:
        self.entity_description.press(self.site.settings, self.part.id)
        self.site.changed(self.entity_description.key)
