"""Asks a car's own integration for its state of charge when the car is plugged in."""

from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING

from homeassistant.const import ATTR_ENTITY_ID, Platform
from homeassistant.core import DOMAIN as HOME_ASSISTANT, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from .config import PartConfig, VehicleConfig
from .const import DOMAIN

if TYPE_CHECKING:
    from .site import Site

_LOGGER = logging.getLogger(__name__)

AT_MOST = timedelta(minutes=15)
"""Between two questions about one car: each may wake it, and services of cars count calls."""

PRESS, UPDATE_ENTITY = "press", "update_entity"
REFRESHING = frozenset({"refresh", "force_refresh", "update", "force_update", "update_data"})
"""Translation keys under which integrations of cars offer it."""


class Refresher:
    """Asks, once per plug-in."""

    def __init__(self, site: "Site") -> None:
        """Belong to `site`."""
        self._site = site
        self._asked: dict[str, datetime] = {}

    @callback
    def plugged_in(self, part: PartConfig) -> None:
        """Ask for news of the car that was just plugged in at a charger."""
        site, vehicle = self._site, self._site.plugs.vehicle_at(part)
        if vehicle is None or vehicle.soc_entity is None:
            return
        now, asked = site.clock.now(), self._asked.get(vehicle.id)
        if asked is not None and now - asked < AT_MOST:
            return
        self._asked[vehicle.id] = now
        site.hass.async_create_background_task(self._ask(vehicle), f"{DOMAIN} refresh")

    async def _ask(self, vehicle: VehicleConfig) -> None:
        hass = self._site.hass
        button = vehicle.refresh_entity or self._button(vehicle)
        domain, service, entity_id = (
            (Platform.BUTTON, PRESS, button)
            if button
            else (HOME_ASSISTANT, UPDATE_ENTITY, vehicle.soc_entity)
        )
        if not hass.services.has_service(domain, service):
            return
        try:
            await hass.services.async_call(
                domain, service, {ATTR_ENTITY_ID: entity_id}, blocking=True
            )
        except HomeAssistantError as err:
            # The next report comes anyway, only later.
            _LOGGER.info("%s could not be asked for news: %s", vehicle.name, err)

    def _button(self, vehicle: VehicleConfig) -> str | None:
        """Return the button of the same car that asks it for news, or `None`."""
        registry = er.async_get(self._site.hass)
        row = registry.async_get(vehicle.soc_entity or "")
        if row is None or row.device_id is None:
            return None
        return next(
            (
                each.entity_id
                for each in er.async_entries_for_device(registry, row.device_id)
                if each.domain == Platform.BUTTON and each.translation_key in REFRESHING
            ),
            None,
        )
