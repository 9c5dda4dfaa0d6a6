"""Values of entities in our units. Unknown and unavailable are `None`, never 0."""

from dataclasses import dataclass
from enum import Enum
from math import isfinite

from homeassistant.const import (
    ATTR_UNIT_OF_MEASUREMENT,
    PERCENTAGE,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    UnitOfElectricCurrent,
    UnitOfEnergy,
    UnitOfPower,
)
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.util.unit_conversion import (
    BaseUnitConverter,
    ElectricCurrentConverter,
    EnergyConverter,
    PowerConverter,
)

from .errors import EntityDisabled, EntityMissing, EntityUnavailable, EntityUnit

NO_VALUE = (STATE_UNKNOWN, STATE_UNAVAILABLE)


@dataclass(frozen=True, kw_only=True)
class _Measure:
    converter: type[BaseUnitConverter] | None
    unit: str
    """Ours."""
    wanted: str
    """Units that a person may choose, in words."""


class Quantity(Enum):
    """What an entity counts, and in which unit we read it."""

    POWER = _Measure(converter=PowerConverter, unit=UnitOfPower.KILO_WATT, wanted="W, kW")
    ENERGY = _Measure(converter=EnergyConverter, unit=UnitOfEnergy.KILO_WATT_HOUR, wanted="Wh, kWh")
    CURRENT = _Measure(
        converter=ElectricCurrentConverter, unit=UnitOfElectricCurrent.AMPERE, wanted="A, mA"
    )
    SOC = _Measure(converter=None, unit=PERCENTAGE, wanted="%")

    def accepts(self, unit: str | None) -> bool:
        """Return whether `unit` counts this quantity."""
        if self.value.converter is None:
            return unit == self.value.unit
        return unit is not None and unit in self.value.converter.VALID_UNITS

    def to_ours(self, value: float, unit: str | None) -> float | None:
        """Return `value` in kW, kWh, A or 0..1, or `None` where the unit does not fit."""
        if not self.accepts(unit):
            return None
        if self.value.converter is None:
            return min(max(value / 100, 0.0), 1.0)
        return self.value.converter.convert(value, unit, self.value.unit)

    def from_ours(self, value: float, unit: str | None) -> float:
        """Return `value` (kW, kWh or A) in `unit`, which must be one that `accepts` takes."""
        assert self.value.converter is not None, "nobody orders a percentage"
        return self.value.converter.convert(value, self.value.unit, unit)


def resolve(hass: HomeAssistant, entity: str) -> str:
    """Return the present entity id of an entity id or registry id. Raises EntityMissing."""
    entity_id = er.async_resolve_entity_id(er.async_get(hass), entity)
    if entity_id is None:
        raise EntityMissing(entity, entity=entity)
    return entity_id


def unit_of(hass: HomeAssistant, entity_id: str) -> str | None:
    """Return the unit that the entity shows, or that the registry remembers of it."""
    state = hass.states.get(entity_id)
    if state is not None and (unit := state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)) is not None:
        return str(unit)
    entry = er.async_get(hass).async_get(entity_id)
    return None if entry is None else entry.unit_of_measurement


def check(hass: HomeAssistant, entity_id: str, quantity: Quantity | None) -> None:
    """Raise EntityMissing, EntityDisabled or EntityUnit where `entity_id` cannot serve."""
    entry = er.async_get(hass).async_get(entity_id)
    if entry is not None and entry.disabled:
        raise EntityDisabled(entity_id, entity=entity_id)
    if hass.states.get(entity_id) is None:
        raise EntityMissing(entity_id, entity=entity_id)
    if quantity is not None and not quantity.accepts(unit := unit_of(hass, entity_id)):
        raise EntityUnit(
            entity_id, entity=entity_id, unit=unit or "-", wanted=str(quantity.value.wanted)
        )


def available(hass: HomeAssistant, entity_id: str) -> State:
    """Return the state of an entity that its integration reaches.

    Raises EntityMissing, EntityDisabled or EntityUnavailable.
    """
    check(hass, entity_id, None)
    state = hass.states.get(entity_id)
    if state is None or state.state == STATE_UNAVAILABLE:
        raise EntityUnavailable(entity_id, entity=entity_id)
    return state


def text(hass: HomeAssistant, entity_id: str | None) -> str | None:
    """Return an entity's state, or `None` where it has none."""
    state = None if entity_id is None else hass.states.get(entity_id)
    return None if state is None or state.state in NO_VALUE else state.state


def is_on(hass: HomeAssistant, entity_id: str | None) -> bool | None:
    """Return whether an entity is on, or `None` where it does not say."""
    value = text(hass, entity_id)
    return None if value is None else value == STATE_ON


def number(hass: HomeAssistant, entity_id: str | None, quantity: Quantity) -> float | None:
    """Return an entity's value in kW, kWh, A or 0..1, or `None` where it has none."""
    value = text(hass, entity_id)
    if entity_id is None or value is None:
        return None
    try:
        figure = float(value)
    except ValueError:
        return None
    return quantity.to_ours(figure, unit_of(hass, entity_id)) if isfinite(figure) else None
