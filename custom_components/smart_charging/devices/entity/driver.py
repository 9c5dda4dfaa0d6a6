"""What the four kinds of entity device share: finding, watching and describing their entities."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.event import (
    async_track_state_change_event,
    async_track_state_report_event,
)

from ...core.reading import AnyReading, PartKind
from ..base import Data, DeviceError, DriverContext, FieldKind, Identity, Label, PartInfo, Publish
from . import HEARTBEAT_S
from .context import EntityContext
from .errors import EntityMissing, EntityUnavailable, NothingChosen
from .fields import BATTERY_FIELDS, CHARGER_FIELDS, METER_FIELDS, PV_FIELDS
from .state import Quantity, available, check, number, resolve
from .writer import Writer

STARTUP_S = 30.0
"""Integrations may load after us; an entity that is not there by then is a fault to report."""

_ENTITY_FIELDS = {
    kind: tuple(f.key for f in fields if f.kind is FieldKind.ENTITY)
    for kind, fields in (
        (PartKind.METER, METER_FIELDS),
        (PartKind.PV, PV_FIELDS),
        (PartKind.BATTERY, BATTERY_FIELDS),
        (PartKind.CHARGER, CHARGER_FIELDS),
    )
}


class EntityDriver(ABC):
    """A device made of entities that Home Assistant already has."""

    kind: ClassVar[PartKind]
    mains: ClassVar[tuple[str, ...]]
    """Form fields, first that is filled in counts: the entity the device cannot do without."""
    quantities: ClassVar[Mapping[str, Quantity]]
    """What each form field counts; a field that is not here holds text."""
    own_time: ClassVar[bool] = False
    """A meter is as old as its entity says. Other parts count as present while their entities are
    available: a charger that idles, or the sun at night, may report nothing for hours."""

    def __init__(self, data: Data, context: DriverContext) -> None:
        """Take the form's values; nothing is looked up yet."""
        if not isinstance(context, EntityContext):
            raise TypeError("entities need an EntityContext")
        self.data = data
        self.hass: HomeAssistant = context.hass
        self.clock = context.clock
        self.writer = Writer(context.hass, context.clock)
        self.ids: dict[str, str] = {}
        """Form field -> entity id, of the fields that are filled in."""

    @property
    def part(self) -> str:
        """Key of the only part."""
        return self.kind.value

    async def identify(self) -> Identity:
        """Check that the entities exist and count in usable units, and describe their device.

        Raises EntityMissing, EntityDisabled, EntityUnavailable, EntityUnit, NothingChosen or
        OptionMissing.
        """
        main = self.find()
        for key, entity_id in self.ids.items():
            check(self.hass, entity_id, self.quantities.get(key))
        state = available(self.hass, main)
        entry = er.async_get(self.hass).async_get(main)
        device = None
        if entry is not None and entry.device_id is not None:
            device = dr.async_get(self.hass).async_get(entry.device_id)
        hardware = device if isinstance(device, dr.DeviceEntry) else None
        return Identity(
            serial=main if entry is None else entry.id,
            name=(device and (device.name_by_user or device.name)) or state.name,
            manufacturer=hardware.manufacturer if hardware else None,
            model=hardware.model if hardware else None,
            firmware=hardware.sw_version if hardware else None,
            labelled=False,
            parts=(self._labelled(hardware),),
        )

    async def run(self, publish: Publish) -> None:
        """Publish a reading whenever an entity reports, until the main entity is gone.

        Raises CannotConnect, naming the entity.
        """
        main = self.find()
        reported = asyncio.Event()

        @callback
        def _reported(_event: Event[Any]) -> None:
            reported.set()

        ids = sorted(set(self.ids.values()))
        stops = (
            async_track_state_change_event(self.hass, ids, _reported),
            async_track_state_report_event(self.hass, ids, _reported),
        )
        try:
            await self._wait_for(main, reported)
            while True:
                available(self.hass, main)
                reported.clear()
                publish(self.part, self.read(self._at()))
                if self.own_time:
                    await reported.wait()
                else:
                    await _first(reported, HEARTBEAT_S)
        finally:
            for stop in stops:
                stop()

    def _labelled(self, hardware: dr.DeviceEntry | None) -> PartInfo:
        """Return the part, with the label of the device that it is made of."""
        part = self.describe()
        if hardware is None or hardware.serial_number is None:
            return part
        label = Label(
            manufacturer=hardware.manufacturer,
            model=hardware.model,
            serial=hardware.serial_number,
            firmware=hardware.sw_version,
        )
        return replace(part, label=label)

    @abstractmethod
    def read(self, at: datetime) -> AnyReading:
        """Return what the entities show now."""

    @abstractmethod
    def describe(self) -> PartInfo:
        """Return the part that the entities make up. Raises DeviceError where they cannot."""

    def find(self) -> str:
        """Look up all entities of the form and return the main one.

        Raises NothingChosen or EntityMissing.
        """
        self.ids = {
            key: resolve(self.hass, str(entity))
            for key in _ENTITY_FIELDS[self.kind]
            if (entity := self.data.get(key))
        }
        for key in self.mains:
            if key in self.ids:
                return self.ids[key]
        raise NothingChosen(", ".join(self.mains))

    def value(self, key: str) -> float | None:
        """Return the value of the entity in form field `key`, in kW, kWh, A or 0..1."""
        return number(self.hass, self.ids.get(key), self.quantities[key])

    def power(self) -> float | None:
        """Return the power of field `power` in kW, with the sign that the form asks for."""
        return self.signed(self.value("power"))

    def signed(self, value: float | None) -> float | None:
        """Return `value` the other way round where the form says so."""
        return -value if value and self.data.get("invert") else value

    def figure(self, key: str) -> float | None:
        """Return a figure of the form, or `None` where it was left out."""
        value = self.data.get(key)
        return None if value is None else float(value)

    def _at(self) -> datetime:
        """Return when the newest of the main entities reported, or now where silence is no age."""
        times = [
            state.last_reported
            for key in self.mains
            if (entity_id := self.ids.get(key)) and (state := self.hass.states.get(entity_id))
        ]
        return max(times) if self.own_time and times else self.clock.now()

    async def _wait_for(self, main: str, reported: asyncio.Event) -> None:
        missing: DeviceError = EntityUnavailable(main, entity=main)
        try:
            async with asyncio.timeout(STARTUP_S):
                while True:
                    reported.clear()
                    try:
                        available(self.hass, main)
                    except (EntityMissing, EntityUnavailable) as err:
                        missing = err
                        await reported.wait()
                    else:
                        return
        except TimeoutError:
            raise missing from None


async def _first(event: asyncio.Event, timeout_s: float) -> None:
    """Return when `event` is set or `timeout_s` have passed."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
