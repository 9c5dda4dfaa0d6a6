"""From what a device announces to a device in a site.

Discovery cannot open the form of a device: it is a form of its own that asks the same questions,
and ends in a site. Where there is none yet, the site comes first and gets the device at once.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, override

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentry,
    ConfigSubentryData,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import device_registry as dr, selector
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.usb import UsbServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import voluptuous as vol

from ..const import DOMAIN, SUBENTRY_DEVICE
from ..devices.base import DeviceError, Make
from ..devices.discovery import Discovery, Found, Heard
from ..devices.entity.suggest import Suggestion, suggest
from ..devices.registry import MAKES
from ..others import entries_naming
from .device_steps import DeviceSteps
from .forms import missing, suggestion_picker
from .places import PORT, fits, lasting_name, same_place
from .testing import HOST, device_with, devices, introduce, taken_by_us, user_of

DIRECT = "direct"
"""Option where Home Assistant has the device already: connect to it all the same."""


class DiscoverySteps(DeviceSteps[ConfigFlowResult], ConfigFlow):
    """What the form of a discovered device asks before the questions that all devices have."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        super().__init__()
        self._found: Found | None = None
        self._offers: list[Suggestion] = []
        """Entities that other integrations have of the device."""
        self._site_id: str | None = None
        """The site that the device goes to; `None` where it is added together with it."""
        self.new_site: dict[str, Any] | None = None
        """Data of a site that is about to be added, its name as `name`."""

    @property
    def discovered(self) -> bool:
        """Whether this form began with a discovered device."""
        return self._found is not None

    @property
    @override
    def site_data(self) -> Mapping[str, Any]:
        return self._site().data if self.new_site is None else self.new_site

    @property
    @override
    def site_subentries(self) -> Collection[ConfigSubentry]:
        return self._site().subentries.values() if self.new_site is None else ()

    def _site(self) -> ConfigEntry:
        site = self.hass.config_entries.async_get_entry(self._site_id or "")
        if site is None:
            raise AbortFlow(reason="site_gone")
        return site

    # --- what was heard -------------------------------------------------------------------------

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Take what a device announces in the network."""
        kind = discovery_info.type
        addresses = [str(each) for each in discovery_info.ip_addresses if each.version == 4]
        preferred = discovery_info.host
        if not addresses:
            # Forms and drivers take an address with a port behind a colon.
            return self.async_abort(reason="no_ipv4")
        heard = Heard(
            address=preferred if preferred in addresses else addresses[0],
            port=discovery_info.port,
            name=discovery_info.name.removesuffix(f".{kind}"),
            properties={
                key: str(value)
                for key, value in discovery_info.properties.items()
                if value is not None
            },
        )
        return await self._heard(lambda way: kind in way.zeroconf, heard, addresses)

    @override
    async def async_step_dhcp(self, discovery_info: DhcpServiceInfo) -> ConfigFlowResult:
        """Take what asks the router for an address."""
        heard = Heard(address=discovery_info.ip, name=discovery_info.hostname, properties={})
        said = {
            "hostname": discovery_info.hostname.lower(),
            "macaddress": discovery_info.macaddress.upper(),
        }
        return await self._heard(lambda way: fits(way.dhcp, said), heard, [heard.address])

    @override
    async def async_step_usb(self, discovery_info: UsbServiceInfo) -> ConfigFlowResult:
        """Take what was plugged in."""
        said = {
            "vid": discovery_info.vid,
            "pid": discovery_info.pid,
            "serial_number": (discovery_info.serial_number or "").lower(),
            "manufacturer": (discovery_info.manufacturer or "").lower(),
            "description": (discovery_info.description or "").lower(),
        }
        lasting = await self.hass.async_add_executor_job(lasting_name, discovery_info.device)
        heard = Heard(address=lasting, name=discovery_info.description or lasting, properties=said)
        return await self._heard(
            lambda way: fits(way.usb, said), heard, [lasting, discovery_info.device]
        )

    async def _heard(
        self, is_way: Callable[[Discovery], bool], heard: Heard, addresses: list[str]
    ) -> ConfigFlowResult:
        """Find out what it is, and whether it is there already."""
        make, way = next(
            (make, make.discovery)
            for make in MAKES.values()
            if make.discovery is not None and is_way(make.discovery)
        )
        self._make = make.key
        found = way.read(heard)
        if taken := await self._at_home(make, found, addresses):
            return self._there_already(*taken)
        if port := await taken_by_us(self.hass, make, dict(found.connection), None, serial=True):
            return self.async_abort(
                reason="already_configured", description_placeholders=port.placeholders
            )
        # What somebody else has and we must not disturb may still be recognised.
        owners = entries_naming(self.hass, {each.lower() for each in (*addresses, *_ids(found))})
        if found.serial is None and found.mark is None:
            try:
                found = await introduce(self.hass, make, found)
            except DeviceError as err:
                if not owners:
                    return self.async_abort(
                        reason="no_introduction",
                        description_placeholders={"name": found.name, "detail": str(err)},
                    )
                found = replace(found, mark=owners[0].entry_id)
        if await self.async_set_unique_id(f"{make.key}_{found.serial or found.mark}") is not None:
            # Sites have no unique id: what has one is a device that a person told to ignore.
            return self.async_abort(reason="ignored")
        if taken := device_with(self.hass, self.unique_id or ""):
            self._follow(*taken, found)
            return self._there_already(*taken)
        offers = list(self._entities_of(owners, make))
        users = [user_of(self.hass, offer) for offer in offers]
        if offers and (user := users[0]) is not None and None not in users:
            return self._there_already(*user)
        self._offers = [offer for offer, used in zip(offers, users, strict=True) if used is None]
        self._found = found
        self.context["title_placeholders"] = {"name": found.name}
        return await self.async_step_discovered()

    def _there_already(self, site: ConfigEntry, device: ConfigSubentry) -> ConfigFlowResult:
        return self.async_abort(
            reason="already_configured",
            description_placeholders={"device": device.title, "site": site.title},
        )

    async def _at_home(
        self, make: Make, found: Found, addresses: list[str]
    ) -> tuple[ConfigEntry, ConfigSubentry] | None:
        """Return the device of ours that is reached at this very place already."""
        for site, device in devices(self.hass):
            if device.data["make"] != make.key or HOST not in found.connection:
                continue
            if found.serial is not None and device.unique_id != f"{make.key}_{found.serial}":
                continue
            if await same_place(
                self.hass.loop, device.data["connection"], found.connection, addresses
            ):
                return site, device
        return None

    def _follow(self, site: ConfigEntry, device: ConfigSubentry, found: Found) -> None:
        """Store the new address of a device that moved; the site restarts nothing but its link."""
        stored = device.data["connection"]
        moved = {key: found.connection[key] for key in (HOST, PORT) if key in found.connection}
        self.hass.config_entries.async_update_subentry(
            site, device, data={**device.data, "connection": {**stored, **moved}}
        )

    def _entities_of(self, owners: list[ConfigEntry], make: Make) -> Iterator[Suggestion]:
        """Yield what other integrations have of the device, as parts that it may have."""
        registry = dr.async_get(self.hass)
        known = {
            device.id
            for owner in owners
            for device in dr.async_entries_for_config_entry(registry, owner.entry_id)
        }
        for kind in make.parts:
            yield from (each for each in suggest(self.hass, kind) if each.device_id in known)

    # --- what is asked --------------------------------------------------------------------------

    async def async_step_discovered(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether to add it, and to which site."""
        if not (sites := self._sites()):
            return await self.async_step_discovered_first()
        if user_input is not None:
            self._site_id = user_input.get("site", sites[0].entry_id)
            return await self.go_on()
        schema: dict[vol.Marker, Any] = {}
        if len(sites) > 1:
            options = [selector.SelectOptionDict(value=s.entry_id, label=s.title) for s in sites]
            schema[vol.Required("site")] = selector.SelectSelector(
                selector.SelectSelectorConfig(options=options)
            )
        return self._ask("discovered", vol.Schema(schema))

    def _sites(self) -> list[ConfigEntry]:
        return self.hass.config_entries.async_entries(
            DOMAIN, include_ignore=False, include_disabled=False
        )

    async def async_step_discovered_first(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Say that there is no site yet, and go on to its form."""
        if user_input is None:
            return self._ask("discovered_first", vol.Schema({}))
        # One may have been added while this form was open.
        return await (self.async_step_discovered() if self._sites() else self.async_step_user())

    async def go_on(self) -> ConfigFlowResult:
        """Go on with the device, now that its site is known."""
        return await (self.async_step_discovered_entities() if self._offers else self._connect())

    async def async_step_discovered_entities(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer the entities of the integration that has the device, before a second connection."""
        if user_input is not None:
            if (chosen := user_input["link"]) == DIRECT:
                return await self._connect()
            offer = self._offers[int(chosen)]
            self._connection = dict(offer.data)
            return await self._connection_step(offer.make, None)
        picker = suggestion_picker("link", self._offers, DIRECT)
        return self._ask(
            "discovered_entities", vol.Schema({vol.Required("link", default="0"): picker})
        )

    def _ask(self, step_id: str, schema: vol.Schema) -> ConfigFlowResult:
        assert self._found is not None  # a step is shown for what was found
        connection = self._found.connection
        return self.async_show_form(
            step_id=step_id,
            data_schema=schema,
            description_placeholders={
                "name": self._found.name,
                "address": str(connection.get(HOST) or next(iter(connection.values()))),
            },
        )

    async def _connect(self) -> ConfigFlowResult:
        """Try what is known; ask for the rest where that is not enough."""
        assert self._found is not None  # a step is shown for what was found
        self._connection = dict(self._found.connection)
        complete = not missing(MAKES[self._make].fields, self._connection)
        return await self._connection_step(self._make, self._connection if complete else None)

    @override
    async def finish(self) -> ConfigFlowResult:
        if refusal := self.already_configured():
            return refusal
        # It is the device's, and nothing that the site may be called by; nor shall this form be
        # closed as one about a device that is there already.
        await self.async_set_unique_id(None)
        added = self.new_subentry()
        if self.new_site is not None:
            return self.async_create_entry(
                title=self.new_site["name"],
                data={key: value for key, value in self.new_site.items() if key != "name"},
                subentries=[
                    ConfigSubentryData(
                        data=added.data,
                        subentry_type=added.subentry_type,
                        title=added.title,
                        unique_id=added.unique_id,
                    )
                ],
            )
        site = self._site()
        self.hass.config_entries.async_add_subentry(site, added)
        return self.async_abort(
            reason="device_added",
            description_placeholders={"device": added.title, "site": site.title},
        )


@callback
def close_answered(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Close the forms of discovered devices that a site has meanwhile."""
    there = {s.unique_id for s in entry.subentries.values() if s.subentry_type == SUBENTRY_DEVICE}
    for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN):
        if (unique_id := flow["context"].get("unique_id")) is not None and unique_id in there:
            hass.config_entries.flow.async_abort(flow["flow_id"])


def _ids(found: Found) -> tuple[str, ...]:
    """Return what another integration's entry may call the device."""
    host = found.connection.get(HOST)
    return tuple(str(each) for each in (host, found.serial) if each)
