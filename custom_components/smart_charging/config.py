"""What a site's config entry and its subentries hold, as types."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from homeassistant.config_entries import ConfigEntry, ConfigSubentry

from .const import SUBENTRY_DEVICE, SUBENTRY_PRICE, SUBENTRY_VEHICLE
from .core.control.types import BatterySpec, ChargerSpec
from .core.grid import Circuit, Grid, Topology
from .core.reading import PartKind
from .devices.base import Identity, PartInfo

type Json = Mapping[str, Any]

PHASE_MAPS = {
    "123": (1, 2, 3),
    "231": (2, 3, 1),
    "312": (3, 1, 2),
    "132": (1, 3, 2),
    "213": (2, 1, 3),
    "321": (3, 2, 1),
}
"""Form option -> grid phase of the charger's own L1, L2, L3."""

PHASE_CHOICES = {"1": (1,), "3": (3,), "1_3": (1, 3)}
"""Form option -> phase counts that a charger can run on."""

FED_PHASES = {"all": (1, 2, 3), "1": (1,), "2": (2,), "3": (3,)}
"""Form option -> grid phases that a battery's inverter feeds; on 3x230 one is its line and the next."""


@dataclass(frozen=True, kw_only=True)
class PartConfig:
    """One part of a device that the site uses."""

    device_id: str
    key: str
    kind: PartKind
    name: str | None
    figures: Json
    grid_phases: int = 3
    """Line conductors of the site: a charger cannot run on more."""

    @property
    def id(self) -> str:
        """Id of the part in problems, plans and orders."""
        return f"{self.device_id}:{self.key}"

    @property
    def features(self) -> frozenset[str]:
        """Optional reading fields that the part has."""
        return frozenset(self.figures.get("features", ()))

    @property
    def controllable(self) -> bool:
        """Whether the driver can command it."""
        return bool(self.figures.get("controllable"))

    @property
    def circuit(self) -> str | None:
        """Name of the circuit below the mains, or `None`."""
        return self.figures.get("circuit") or None

    def charger_spec(self, forced_phases: int | None = None) -> ChargerSpec:
        """Return what control must know of this charger."""
        wired = PHASE_CHOICES[self.figures.get("phases", "1")]
        choice = tuple(phases for phases in wired if phases <= self.grid_phases) or (1,)
        if forced_phases in choice:
            choice = (forced_phases,)
        return ChargerSpec(
            id=self.id,
            min_a=float(self.figures.get("min_a", 6)),
            max_a=float(self.figures.get("max_a", 16)),
            phases=choice,
            switching=bool(self.figures.get("can_switch_phases")) and len(choice) > 1,
            phase_map=PHASE_MAPS[self.figures.get("phase_map", "123")],
            circuit=self.circuit,
            reaction_s=self.figures.get("commissioned", {}).get("reaction_s"),
        )

    def battery_spec(self) -> BatterySpec:
        """Return what control must know of this battery."""
        return BatterySpec(
            id=self.id,
            capacity_kwh=float(self.figures.get("capacity_kwh", 10)),
            min_soc=float(self.figures.get("min_soc", 10)) / 100,
            max_charge_kw=float(self.figures.get("max_charge_kw", 5)),
            max_discharge_kw=float(self.figures.get("max_discharge_kw", 5)),
            may_feed_cars=bool(self.figures.get("may_feed_cars")),
            controllable=self.controllable,
            phases=FED_PHASES[self.figures.get("fed_phases", "all")],
        )


@dataclass(frozen=True, kw_only=True)
class DeviceConfig:
    """One connection to hardware."""

    id: str
    unique_id: str
    name: str
    make: str
    connection: Json
    identity: Json
    parts: tuple[PartConfig, ...]

    @classmethod
    def from_subentry(cls, subentry: ConfigSubentry, grid_phases: int) -> Self:
        """Read a device subentry; parts that the site does not use are left out."""
        data = subentry.data
        return cls(
            id=subentry.subentry_id,
            unique_id=subentry.unique_id or subentry.subentry_id,
            name=subentry.title,
            make=data["make"],
            connection=data["connection"],
            identity=data["identity"],
            parts=tuple(
                PartConfig(
                    device_id=subentry.subentry_id,
                    key=key,
                    kind=PartKind(part["kind"]),
                    name=part.get("name"),
                    figures=part,
                    grid_phases=grid_phases,
                )
                for key, part in data["parts"].items()
                if part.get("used", True)
            ),
        )

    def part(self, key: str) -> PartConfig | None:
        """Return the part named `key`, or `None` where the site does not use it."""
        return next((part for part in self.parts if part.key == key), None)


@dataclass(frozen=True, kw_only=True)
class VehicleConfig:
    """A car with its battery."""

    id: str
    name: str
    capacity_kwh: float
    soc_entity: str | None
    refresh_entity: str | None
    """A button that asks the car for news."""
    plug_entity: str | None
    location_entity: str | None
    tag: str | None
    max_a: float | None
    max_phases: int
    efficiency: float
    taper_soc: float | None

    @classmethod
    def from_subentry(cls, subentry: ConfigSubentry) -> Self:
        """Read a vehicle subentry."""
        data = subentry.data
        return cls(
            id=subentry.subentry_id,
            name=subentry.title,
            capacity_kwh=float(data["capacity_kwh"]),
            soc_entity=data.get("soc_entity"),
            refresh_entity=data.get("refresh_entity"),
            plug_entity=data.get("plug_entity"),
            location_entity=data.get("location_entity"),
            tag=data.get("tag"),
            max_a=data.get("max_a"),
            max_phases=int(data.get("max_phases", 3)),
            efficiency=float(data.get("efficiency", 90)) / 100,
            taper_soc=float(data["taper_soc"]) / 100 if data.get("taper_soc") else None,
        )


@dataclass(frozen=True, kw_only=True)
class PriceConfig:
    """A price source in the role of import or export."""

    id: str
    name: str
    kind: str
    role: str
    data: Json

    @classmethod
    def from_subentry(cls, subentry: ConfigSubentry) -> Self:
        """Read a price subentry."""
        data = subentry.data
        return cls(
            id=subentry.subentry_id,
            name=subentry.title,
            kind=data["kind"],
            role=data["role"],
            data=data["source"],
        )


@dataclass(frozen=True, kw_only=True)
class SiteConfig:
    """One grid connection with all that is behind it."""

    name: str
    currency: str
    grid: Grid
    slow_meter_a: float
    peak_price: float
    """Currency per kW of month peak; 0 without a capacity tariff."""
    peak_floor_kw: float
    outside_limit_entity: str | None
    interval_s: float
    """Power and current entities are written at most this often."""
    devices: tuple[DeviceConfig, ...]
    vehicles: tuple[VehicleConfig, ...]
    prices: tuple[PriceConfig, ...]

    @classmethod
    def from_entry(cls, entry: ConfigEntry) -> Self:
        """Read a site's entry and subentries."""
        data = entry.data
        topology = Topology(data["topology"])
        subentries = entry.subentries.values()
        return cls(
            name=entry.title,
            currency=data["currency"],
            grid=Grid(
                topology=topology,
                fuse_a=float(data["fuse_a"]),
                import_limit_kw=data.get("import_limit_kw"),
                export_limit_kw=data.get("export_limit_kw"),
            ),
            slow_meter_a=float(data.get("slow_meter_a", 0)),
            peak_price=float(data.get("peak_price_year", 0)) / 12,
            peak_floor_kw=float(data.get("peak_floor_kw", 2.5)),
            outside_limit_entity=data.get("outside_limit_entity"),
            interval_s=float(entry.options.get("interval_s", 10)),
            devices=tuple(
                DeviceConfig.from_subentry(s, topology.phases)
                for s in subentries
                if s.subentry_type == SUBENTRY_DEVICE
            ),
            vehicles=tuple(
                VehicleConfig.from_subentry(s)
                for s in subentries
                if s.subentry_type == SUBENTRY_VEHICLE
            ),
            prices=tuple(
                PriceConfig.from_subentry(s)
                for s in subentries
                if s.subentry_type == SUBENTRY_PRICE
            ),
        )

    def parts(self, kind: PartKind) -> tuple[PartConfig, ...]:
        """Return all parts of one kind, in the order of their devices."""
        return tuple(p for d in self.devices for p in d.parts if p.kind is kind)

    @property
    def subentry_ids(self) -> frozenset[str]:
        """Ids of all devices, vehicles and prices."""
        devices = {device.id for device in self.devices}
        vehicles = {vehicle.id for vehicle in self.vehicles}
        return frozenset(devices | vehicles | {price.id for price in self.prices})

    @property
    def circuits(self) -> tuple[Circuit, ...]:
        """Circuits below the mains, gathered from the chargers that name them.

        Where chargers on one circuit state different fuses the smallest counts.
        """
        chargers = [p for p in self.parts(PartKind.CHARGER) if p.circuit]
        return tuple(
            Circuit(
                id=name,
                name=name,
                fuse_a=min(
                    float(p.figures["circuit_fuse_a"]) for p in chargers if p.circuit == name
                ),
                chargers=tuple(p.id for p in chargers if p.circuit == name),
            )
            for name in dict.fromkeys(p.circuit for p in chargers if p.circuit)
        )


def stored_part(info: PartInfo) -> dict[str, Any]:
    """Return what a subentry keeps of a part that a device reported."""
    figures: dict[str, Any] = {
        "kind": info.kind.value,
        "name": info.name,
        "used": True,
        "controllable": info.controllable,
        "features": list(info.features),
    }
    if info.label is not None:
        figures["label"] = asdict(info.label)
    match info.kind:
        case PartKind.CHARGER:
            figures |= {
                "min_a": info.min_a or 6,
                "max_a": info.max_a or 16,
                "phases": next((k for k, v in PHASE_CHOICES.items() if v == info.phases), "1"),
                "can_switch_phases": info.can_switch_phases,
                "phase_map": "123",
            }
        case PartKind.BATTERY:
            figures |= {
                "capacity_kwh": info.capacity_kwh or 10,
                "max_charge_kw": info.max_charge_kw or 5,
                "max_discharge_kw": info.max_discharge_kw or 5,
                "min_soc": 10,
                "may_feed_cars": False,
                "fed_phases": "all",
            }
        case PartKind.METER:
            figures["meter_phases"] = list(info.phases)
    return figures


def stored_identity(identity: Identity) -> dict[str, Any]:
    """Return what a subentry keeps of who answered."""
    return {
        "serial": identity.serial,
        "name": identity.name,
        "manufacturer": identity.manufacturer,
        "model": identity.model,
        "firmware": identity.firmware,
        "labelled": identity.labelled,
    }
