"""Smart Charging: plans and controls the charging of electric vehicles at least cost."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN, PLATFORMS
from .flows.discovery import close_answered
from .services import async_setup_services
from .settings import SettingsStore
from .site import Site, SiteConfigEntry

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: SiteConfigEntry) -> bool:
    """Start a site; waits for no device and never fails for one."""
    site = Site(hass, entry)
    entry.runtime_data = site
    await site.start()
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(entry.add_update_listener(_entry_changed))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: SiteConfigEntry) -> bool:
    """Stop a site; devices hold what they do."""
    if not await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        return False
    await entry.runtime_data.stop()
    return True


async def async_remove_entry(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Forget what a removed site kept."""
    await SettingsStore(hass, entry.entry_id).remove()


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: SiteConfigEntry, device: DeviceEntry
) -> bool:
    """Parts in use are removed with their subentry, never by themselves."""
    return not any(
        identifier in entry.runtime_data.registry.identifiers() for identifier in device.identifiers
    )


async def _entry_changed(hass: HomeAssistant, entry: SiteConfigEntry) -> None:
    """Start, stop and rename what changed; reload for changed site data alone."""
    site = entry.runtime_data
    if site.site_data_changed():
        hass.config_entries.async_schedule_reload(entry.entry_id)
    else:
        await site.sync()
        close_answered(hass, entry)
