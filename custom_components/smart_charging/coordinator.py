"""Tells entities that the site changed, and tells platforms that parts came or went."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .config import PartConfig, VehicleConfig

if TYPE_CHECKING:
    from .entity import PartEntity, SiteEntity, VehicleEntity


@dataclass(frozen=True, kw_only=True)
class PlatformFactory:
    """How one platform makes its entities."""

    add: AddConfigEntryEntitiesCallback
    parts: Callable[[PartConfig], "list[PartEntity]"]
    vehicles: Callable[[VehicleConfig], "list[VehicleEntity]"]


@dataclass(kw_only=True)
class SiteCoordinator:
    """The view of a running site: readings reach control directly, entities only look."""

    _listeners: list[Callable[[], None]] = field(default_factory=list)
    _factories: list[PlatformFactory] = field(default_factory=list)
    _parts: dict[str, PartConfig] = field(default_factory=dict)
    _vehicles: dict[str, VehicleConfig] = field(default_factory=dict)

    @callback
    def listen(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Call `listener` on every change; returns what ends it."""
        self._listeners.append(listener)

        def remove() -> None:
            self._listeners.remove(listener)

        return remove

    @callback
    def notify(self) -> None:
        """Tell all entities to look."""
        for listener in tuple(self._listeners):
            listener()

    @callback
    def register(
        self,
        add: AddConfigEntryEntitiesCallback,
        *,
        site: "list[SiteEntity] | None" = None,
        parts: "Callable[[PartConfig], list[PartEntity]]" = lambda _: [],
        vehicles: "Callable[[VehicleConfig], list[VehicleEntity]]" = lambda _: [],
    ) -> None:
        """Take a platform; add its entities for all that is there, and later for what comes."""
        factory = PlatformFactory(add=add, parts=parts, vehicles=vehicles)
        self._factories.append(factory)
        if site:
            add(site)
        for part in self._parts.values():
            _add(factory, factory.parts(part), part.device_id)
        for vehicle in self._vehicles.values():
            _add(factory, factory.vehicles(vehicle), vehicle.id)

    @callback
    def show(self, parts: tuple[PartConfig, ...], vehicles: tuple[VehicleConfig, ...]) -> None:
        """Add entities for parts and vehicles that are new; forget those that went."""
        for part in parts:
            if part.id not in self._parts:
                for factory in self._factories:
                    _add(factory, factory.parts(part), part.device_id)
        for vehicle in vehicles:
            if vehicle.id not in self._vehicles:
                for factory in self._factories:
                    _add(factory, factory.vehicles(vehicle), vehicle.id)
        self._parts = {part.id: part for part in parts}
        self._vehicles = {vehicle.id: vehicle for vehicle in vehicles}


def _add(factory: PlatformFactory, entities: list[Any], subentry_id: str) -> None:
    if entities:
        factory.add(entities, config_subentry_id=subentry_id)
