"""What the devices of a site are called, in Home Assistant's device and entity registries."""

from typing import TYPE_CHECKING, Any

from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo

from .config import PartConfig, VehicleConfig
from .const import DOMAIN
from .core.reading import PartKind
from .ha_versions import via_device

if TYPE_CHECKING:
    from .site import Site


class Registry:
    """Names, identifiers and registry devices of one site."""

    def __init__(self, site: "Site") -> None:
        """Belong to `site`."""
        self._site = site
        self._via = DeviceInfo()

    def sync(self) -> None:
        """Have a registry device for all that is configured, named as now; remove what is gone."""
        site = self._site
        registry = dr.async_get(site.hass)
        hub = registry.async_get_or_create(
            config_entry_id=site.entry.entry_id,
            identifiers={(DOMAIN, site.entry.entry_id)},
            name=site.config.name,
            manufacturer="Smart Charging",
            model="Site",
            entry_type=DeviceEntryType.SERVICE,
        )
        self._via = via_device(hub)
        infos = [
            (part.device_id, self.part_device_info(part))
            for device in site.config.devices
            for part in device.parts
        ]
        infos += [(v.id, self.vehicle_device_info(v)) for v in site.config.vehicles]
        for subentry_id, info in infos:
            registry.async_get_or_create(
                config_entry_id=site.entry.entry_id, config_subentry_id=subentry_id, **info
            )
        wanted = self.identifiers()
        for device_entry in dr.async_entries_for_config_entry(registry, site.entry.entry_id):
            if not device_entry.identifiers & wanted:
                registry.async_remove_device(device_entry.id)

    def identifiers(self) -> set[tuple[str, str]]:
        """Return the registry identifiers of all that is configured."""
        config = self._site.config
        wanted = {(DOMAIN, self._site.entry.entry_id)}
        wanted |= {self.part_identifier(p) for d in config.devices for p in d.parts}
        return wanted | {(DOMAIN, vehicle.id) for vehicle in config.vehicles}

    def part_unique_id(self, part: PartConfig, key: str) -> str:
        """Return the unique id of an entity of a part: stable over a new address or name."""
        return f"{self._site.device(part).unique_id}_{part.key}_{key}"

    def part_identifier(self, part: PartConfig) -> tuple[str, str]:
        """Return the registry identifier of a part."""
        return (DOMAIN, f"{self._site.device(part).unique_id}_{part.key}")

    def part_name(self, part: PartConfig) -> str:
        """Return what a part is called: its device, and itself where the device has several."""
        device = self._site.device(part)
        if len(device.parts) == 1:
            return device.name
        kind = {PartKind.PV: "PV"}.get(part.kind, part.kind.value)
        return f"{device.name} {part.name or kind}"

    def part_device_info(self, part: PartConfig) -> DeviceInfo:
        """Return the registry device of a part."""
        identity: dict[str, Any] = dict(self._site.device(part).identity)
        if not identity.get("labelled", True):
            del identity["serial"]
        # What hangs on a device may have a label of its own.
        label: dict[str, Any] = part.figures.get("label") or identity
        info = DeviceInfo(
            identifiers={self.part_identifier(part)},
            name=self.part_name(part),
            manufacturer=label.get("manufacturer"),
            model=label.get("model"),
            serial_number=label.get("serial"),
            sw_version=label.get("firmware"),
        )
        info.update(self._via)
        return info

    def vehicle_device_info(self, vehicle: VehicleConfig) -> DeviceInfo:
        """Return the registry device of a vehicle."""
        info = DeviceInfo(identifiers={(DOMAIN, vehicle.id)}, name=vehicle.name, model="Vehicle")
        info.update(self._via)
        return info
