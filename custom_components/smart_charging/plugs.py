"""Who is plugged in where, with which SoC and which wish."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from homeassistant.const import STATE_HOME, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN

from .config import PartConfig, VehicleConfig
from .const import GUEST
from .core.control.types import Mode
from .core.reading import ChargerReading, ChargerStatus, PartKind
from .sessions import ChargerWatch, PartEvent
from .settings import ChargerSettings
from .trips.goals import Wish

if TYPE_CHECKING:
    from .site import Site

GUEST_CAPACITY_KWH = 200.0
"""A guest's goal is an energy; the capacity only must not stand in its way."""

ESTIMATED_KWH = 0.05
"""Less than a per mille of a car's battery: as good as reported."""

SOC_REPLAN = 0.02
"""A SoC that is this far off the last plan's makes a new plan."""


class Plugs:
    """Follows every charger of a site."""

    def __init__(self, site: "Site") -> None:
        """Belong to `site`."""
        self._site = site
        self.watches: dict[str, ChargerWatch] = {}
        self._vehicles: dict[str, VehicleConfig | None] = {}
        """Charger id -> vehicle at it; looked at far more often than it changes."""
        self._reported_soc: dict[str, float] = {}

    def configure(self) -> None:
        """Follow the chargers that are configured now."""
        parts = self._site.config.parts(PartKind.CHARGER)
        for part in parts:
            if part.id not in self.watches:
                self.watches[part.id] = ChargerWatch(self._site.settings.charger(part.id))
        for part_id in set(self.watches) - {part.id for part in parts}:
            del self.watches[part_id]
        self._assign()

    def update(self, part: PartConfig, reading: ChargerReading) -> list[PartEvent]:
        """Take a charger's reading; return what happened."""
        watch = self.watches[part.id]
        before = watch.status
        events = watch.update(reading, self._site.clock.now())
        if events or reading.vehicle_tag:
            self._assign()
        if watch.status is not before:
            if before is None:
                # After a restart no car is plugged in anew, and yet the plan must learn of it.
                self._site.replanner.request("charger found")
            elif watch.status is ChargerStatus.COMPLETE:
                override = watch.settings.override
                if override is not None and override.current_a != 0:
                    # It has what was asked for; what it loses later is for the plan again.
                    watch.settings.override = None
                self._site.replanner.request("car full")
        return events

    def tick(self) -> None:
        """Take SoC reports of vehicles and end overrides whose time has come."""
        now = self._site.clock.now()
        self._assign()
        for part in self._site.config.parts(PartKind.CHARGER):
            watch = self.watches[part.id]
            override = watch.settings.override
            if override is not None and override.until is not None and override.until <= now:
                watch.settings.override = None
                self._site.changed("override ended")
            vehicle = self.vehicle_at(part)
            if vehicle is not None and watch.plugged:
                self._take_soc(vehicle, watch)

    def _take_soc(self, vehicle: VehicleConfig, watch: ChargerWatch) -> None:
        soc = self.reported_soc(vehicle)
        if soc is None:
            return
        if watch.settings.plugged_soc is None or self._reported_soc.get(vehicle.id) != soc:
            expected = watch.estimated_soc(vehicle.capacity_kwh, vehicle.efficiency)
            self._reported_soc[vehicle.id] = soc
            watch.report_soc(soc)
            if expected is None or abs(expected - soc) > SOC_REPLAN:
                self._site.replanner.request("state of charge")

    def settings(self, part: PartConfig) -> ChargerSettings:
        """Return the choices at a charger."""
        return self._site.settings.charger(part.id)

    def controlled(self, part: PartConfig) -> bool:
        """Tell whether a charger is ours to plan and command: it can be, and a person wants it."""
        return part.controllable and self.settings(part).smart

    def choose(self, part: PartConfig, vehicle_id: str) -> None:
        """Take a person's word on which vehicle (or guest) is at a charger."""
        settings = self.settings(part)
        settings.vehicle, settings.vehicle_chosen = vehicle_id, True
        settings.vehicle_chosen_here = True
        self._assign()

    def vehicle_at(self, part: PartConfig) -> VehicleConfig | None:
        """Return the vehicle at a charger, or `None` for a guest.

        In this order: the charger's own id of the car; what a person chose for the present car;
        the only vehicle whose plug or location says so; the last choice for an earlier car; a
        lone vehicle of the site. A vehicle is at one charger at a time.
        """
        return self._vehicles.get(part.id)

    def _assign(self) -> None:
        parts = sorted(
            self._site.config.parts(PartKind.CHARGER), key=lambda p: not self.watches[p.id].plugged
        )
        found: dict[str, VehicleConfig | None] = {}
        free = {vehicle.id: vehicle for vehicle in self._site.config.vehicles}
        for rule in (self._by_tag, self._by_choice, self._by_itself, self._by_habit, self._lone):
            for part in parts:
                if part.id in found:
                    continue
                vehicle = rule(part, free)
                if vehicle is None:
                    continue
                found[part.id] = None if vehicle == GUEST else free[vehicle]
                if self.watches[part.id].plugged:
                    free.pop(vehicle, None)
        self._vehicles = found

    def _by_tag(self, part: PartConfig, free: Mapping[str, VehicleConfig]) -> str | None:
        reading = self._site.latest(part)
        tag = reading.vehicle_tag if isinstance(reading, ChargerReading) else None
        if not tag:
            return None
        tags = {v.tag.lower(): v.id for v in free.values() if v.tag}
        return tags.get(tag.lower())

    def _by_choice(self, part: PartConfig, free: Mapping[str, VehicleConfig]) -> str | None:
        settings = self.settings(part)
        if settings.vehicle_chosen_here and (settings.vehicle == GUEST or settings.vehicle in free):
            return settings.vehicle
        return None

    def _by_itself(self, part: PartConfig, free: Mapping[str, VehicleConfig]) -> str | None:
        here = [vehicle.id for vehicle in free.values() if self._says_here(vehicle)]
        return here[0] if len(here) == 1 else None

    def _by_habit(self, part: PartConfig, free: Mapping[str, VehicleConfig]) -> str | None:
        settings = self.settings(part)
        if not settings.vehicle_chosen:
            return None
        if settings.vehicle == GUEST:
            return GUEST
        vehicle = free.get(settings.vehicle)
        return None if vehicle is None or self._says_here(vehicle) is False else vehicle.id

    def _lone(self, part: PartConfig, free: Mapping[str, VehicleConfig]) -> str | None:
        config = self._site.config
        if len(config.vehicles) != 1 or config.parts(PartKind.CHARGER)[0].id != part.id:
            return None
        lone = config.vehicles[0]
        return lone.id if lone.id in free and self._says_here(lone) is not False else None

    def _says_here(self, vehicle: VehicleConfig) -> bool | None:
        """What the vehicle's own entities say; `None` when they say nothing."""
        said: bool | None = None
        for entity_id, here in (
            (vehicle.plug_entity, STATE_ON),
            (vehicle.location_entity, STATE_HOME),
        ):
            state = self._site.hass.states.get(entity_id) if entity_id else None
            if state is None or state.state in (STATE_UNKNOWN, STATE_UNAVAILABLE):
                continue
            if state.state != here:
                return False
            said = True
        return said

    def vehicle_option(self, part: PartConfig) -> str:
        """Return what the charger's vehicle select shows: a vehicle's id, or guest."""
        vehicle = self.vehicle_at(part)
        return GUEST if vehicle is None else vehicle.id

    def charger_of(self, vehicle: VehicleConfig) -> PartConfig | None:
        """Return the charger at which a vehicle is plugged in."""
        for part in self._site.config.parts(PartKind.CHARGER):
            if self.watches[part.id].plugged and self.vehicle_at(part) == vehicle:
                return part
        return None

    def reported_soc(self, vehicle: VehicleConfig) -> float | None:
        """Return the SoC (0..1) that the vehicle's entity shows, or `None`."""
        if vehicle.soc_entity is None:
            return None
        state = self._site.hass.states.get(vehicle.soc_entity)
        if state is None or state.state in (STATE_UNKNOWN, STATE_UNAVAILABLE):
            return None
        try:
            percent = float(state.state)
        except ValueError:
            return None
        return percent / 100 if 0 <= percent <= 100 else None

    def soc(self, vehicle: VehicleConfig) -> float | None:
        """Return the present SoC: as reported, plus what was charged since."""
        part = self.charger_of(vehicle)
        if part is None:
            return self.reported_soc(vehicle)
        estimate = self.watches[part.id].estimated_soc(vehicle.capacity_kwh, vehicle.efficiency)
        return estimate if estimate is not None else self.reported_soc(vehicle)

    def soc_is_estimated(self, vehicle: VehicleConfig) -> bool:
        """Tell whether the SoC is the last report plus what was charged since."""
        part = self.charger_of(vehicle)
        if part is None:
            return False
        kept = self.settings(part)
        charged_kwh = self.watches[part.id].delivered_kwh() - kept.soc_at_kwh
        return kept.plugged_soc is not None and charged_kwh >= ESTIMATED_KWH

    def wish(self, part: PartConfig) -> Wish:
        """Return what is wanted of the car at a charger."""
        watch, settings = self.watches[part.id], self.settings(part)
        vehicle = self.vehicle_at(part)
        override = settings.override
        at_once = settings.mode is Mode.FAST or (override is not None and override.current_a != 0)
        full = watch.status is ChargerStatus.COMPLETE
        if vehicle is None:
            return Wish(
                soc=None,
                capacity_kwh=GUEST_CAPACITY_KWH,
                efficiency=0.9,
                minimum_soc=0.0,
                target_soc=1.0,
                energy_kwh=settings.guest_energy_kwh,
                delivered_kwh=watch.delivered_kwh(),
                ready_by=settings.guest_ready_by,
                full=full,
                at_once=at_once,
            )
        wanted = self._site.settings.vehicle(vehicle.id)
        return Wish(
            soc=self.soc(vehicle),
            capacity_kwh=vehicle.capacity_kwh,
            efficiency=vehicle.efficiency,
            minimum_soc=wanted.minimum_soc,
            # A person may set the minimum above the target: the higher of the two is meant.
            target_soc=max(wanted.target_soc, wanted.minimum_soc),
            energy_kwh=wanted.energy_kwh,
            delivered_kwh=watch.delivered_kwh(),
            ready_by=wanted.ready_by,
            full=full,
            at_once=at_once,
        )

    def max_kw(self, part: PartConfig) -> float:
        """Return the highest power at which the car at a charger can charge."""
        spec = part.charger_spec(self.settings(part).forced_phases)
        vehicle = self.vehicle_at(part)
        amps, phases = spec.max_a, max(spec.phases)
        if vehicle is not None:
            amps = min(amps, vehicle.max_a or amps)
            phases = min(phases, vehicle.max_phases)
        return amps * self._site.config.grid.topology.charger_kw_per_a(phases)
