"""Buttons: plan anew; charge now, commission and back to the plan at a charger or battery."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .commissioner import NotPossible
from .config import PartConfig
from .core.control.types import Override
from .core.reading import PartKind
from .entity import PartEntity, SiteEntity, SmartEntityDescription
from .errors import not_commissioned
from .site import Site, SiteConfigEntry

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ButtonDescription(ButtonEntityDescription, SmartEntityDescription):
    """A button of the site."""


@dataclass(frozen=True, kw_only=True)
class PartButtonDescription(ButtonDescription):
    """A button that changes the choices at a charger or a battery."""

    press: Callable[[Site, PartConfig], None]


def _charge_now(site: Site, part: PartConfig) -> None:
    site.plugs.settings(part).override = Override(current_a=None, until=None)


def _resume_charger(site: Site, part: PartConfig) -> None:
    site.commissioner.cancel(part)
    charger = site.plugs.settings(part)
    charger.override, charger.forced_phases = None, None


def _commission(site: Site, part: PartConfig) -> None:
    try:
        site.commissioner.start(part)
    except NotPossible as err:
        raise not_commissioned(site.registry.part_name(part), err.failure) from err


def _resume_battery(site: Site, part: PartConfig) -> None:
    site.settings.battery(part.id).mode = None


REPLAN = ButtonDescription(key="replan", translation_key="replan")
CHARGER_BUTTONS = (
    PartButtonDescription(key="charge_now", translation_key="charge_now", press=_charge_now),
    PartButtonDescription(key="resume", translation_key="resume", press=_resume_charger),
    PartButtonDescription(
        key="commission",
        translation_key="commission",
        entity_category=EntityCategory.CONFIG,
        press=_commission,
    ),
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
        self.entity_description.press(self.site, self.part)
        self.site.changed(self.entity_description.key)
