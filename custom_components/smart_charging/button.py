"""Buttons: plan anew; charge now and back to the plan, at each charger."""

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
from .settings import ChargerSettings
from .site import SiteConfigEntry

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ButtonDescription(ButtonEntityDescription, SmartEntityDescription):
    """A button of the site."""


@dataclass(frozen=True, kw_only=True)
class ChargerButtonDescription(ButtonDescription):
    """A button that changes the choices at a charger."""

    press: Callable[[ChargerSettings], None]


def _charge_now(settings: ChargerSettings) -> None:
    settings.override = Override(current_a=None, until=None)


def _resume(settings: ChargerSettings) -> None:
    settings.override = None
    settings.forced_phases = None


REPLAN = ButtonDescription(key="replan", translation_key="replan")
CHARGER_BUTTONS = (
    ChargerButtonDescription(key="charge_now", translation_key="charge_now", press=_charge_now),
    ChargerButtonDescription(key="resume", translation_key="resume", press=_resume),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SiteConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the button of the site, and those of chargers as they come."""
    site = entry.runtime_data

    def parts(part: PartConfig) -> list[PartEntity]:
        if part.kind is not PartKind.CHARGER:
            return []
        return [ChargerButton(site, part, d) for d in CHARGER_BUTTONS]

    site.coordinator.register(async_add_entities, site=[Replan(site, REPLAN)], parts=parts)


class Replan(SiteEntity, ButtonEntity):
    """Plans anew."""

    entity_description: ButtonDescription

    @override
    async def async_press(self) -> None:
        self.site.replanner.request("button")


class ChargerButton(PartEntity, ButtonEntity):
    """Changes what a charger does until the car leaves."""

    entity_description: ChargerButtonDescription

    @override
    async def async_press(self) -> None:
        self.entity_description.press(self.site.plugs.settings(self.part))
        self.site.changed(self.entity_description.key)
