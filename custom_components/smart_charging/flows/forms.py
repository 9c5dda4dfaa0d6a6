"""From a make's declared fields to Home Assistant's form elements, and back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant
from homeassistant.helpers import selector
import voluptuous as vol

from ..devices.base import Channel, Field, FieldKind
from ..devices.entity.suggest import Suggestion
from ..ha_versions import serial_selector

UNCHANGED = "__unchanged__"
"""Stands for a secret that is stored already: it is not sent to the browser again."""


def option_key(option: str) -> str:
    """Return the key of a choice's text: Home Assistant allows small letters and digits."""
    return option.lower().replace(".", "_")


def form(
    scope: str,
    fields: Iterable[Field],
    values: Mapping[str, Any],
    channels: Sequence[Channel] = (),
) -> vol.Schema:
    """Return the form of `fields`, filled with `values`; `scope` names the texts of choices.

    A field whose quantity none of `channels` measures is left out.
    """
    schema: dict[vol.Marker, Any] = {}
    for field in fields:
        value = values.get(field.key)
        if field.kind is FieldKind.CHOICE and isinstance(value, str):
            value = option_key(value)
        if field.kind is FieldKind.CHANNEL:
            offered = [c for c in channels if c.quantity == field.quantity]
            if not offered:
                continue
            # One that is gone meanwhile must be chosen anew.
            value = value if any(c.key == value for c in offered) else None
        # A suggestion, unlike a default, can be emptied by the user.
        description = None if value is None else {"suggested_value": value}
        marker = vol.Required if field.required else vol.Optional
        schema[marker(field.key, description=description)] = _element(scope, field, channels)
    return vol.Schema(schema)


def defaults(fields: Iterable[Field]) -> dict[str, Any]:
    """Return what a form proposes where nothing was answered yet."""
    return {field.key: field.default for field in fields if field.default is not None}


def veiled(fields: Iterable[Field], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored values as a form may show them."""
    secret = {field.key for field in fields if field.secret}
    return {key: UNCHANGED if key in secret else value for key, value in stored.items()}


def read(
    fields: Iterable[Field], answers: Mapping[str, Any], stored: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what the form of `fields` was answered, as the driver expects it.

    `stored` holds the secrets that `veiled` kept back.
    """
    values: dict[str, Any] = {}
    for field in fields:
        value = answers.get(field.key)
        if value == UNCHANGED and stored is not None:
            value = stored.get(field.key)
        if value is None or value == "":
            continue
        if field.kind is FieldKind.CHOICE:
            value = next(option for option in field.options if option_key(option) == value)
        elif field.kind in (FieldKind.TEXT, FieldKind.SERIAL) and not (value := value.strip()):
            continue
        values[field.key] = value
    return values


def missing(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, str]:
    """Return an error for each field that must be answered and has only blanks in it."""
    return {f.key: "required" for f in fields if f.required and f.key not in values}


def _element(scope: str, field: Field, channels: Sequence[Channel]) -> Any:
    match field.kind:
        case FieldKind.PASSWORD:
            return selector.TextSelector(
                selector.TextSelectorConfig(
                    type=selector.TextSelectorType.PASSWORD, autocomplete="current-password"
                )
            )
        case FieldKind.NUMBER:
            return number(field.minimum, field.maximum, field.step, field.unit)
        case FieldKind.CHOICE:
            return choice(f"{scope}_{field.key}", [option_key(o) for o in field.options])
        case FieldKind.SERIAL:
            return serial_selector()
        case FieldKind.BOOLEAN:
            return selector.BooleanSelector()
        case FieldKind.ENTITY:
            return entity(field.domains, field.device_classes)
        case FieldKind.CHANNEL:
            return channel([c for c in channels if c.quantity == field.quantity])
        case FieldKind.TEXT:  # pragma: no branch - the last kind
            return selector.TextSelector()


def number(
    minimum: float | None, maximum: float | None, step: float = 1.0, unit: str | None = None
) -> selector.NumberSelector:
    """Return a number box."""
    config = selector.NumberSelectorConfig(mode=selector.NumberSelectorMode.BOX, step=step)
    if minimum is not None:
        config["min"] = minimum
    if maximum is not None:
        config["max"] = maximum
    if unit is not None:
        config["unit_of_measurement"] = unit
    return selector.NumberSelector(config)


def choice(
    translation_key: str, options: Iterable[str], *, multiple: bool = False
) -> selector.SelectSelector:
    """Return a list of choices with translated labels."""
    return selector.SelectSelector(
        selector.SelectSelectorConfig(
            options=list(options),
            translation_key=translation_key,
            multiple=multiple,
            mode=selector.SelectSelectorMode.LIST
            if multiple
            else selector.SelectSelectorMode.DROPDOWN,
        )
    )


def channel(channels: Iterable[Channel]) -> selector.SelectSelector:
    """Return a picker of one channel of a device."""
    return selector.SelectSelector(
        selector.SelectSelectorConfig(
            options=[selector.SelectOptionDict(value=c.key, label=c.label) for c in channels],
            mode=selector.SelectSelectorMode.DROPDOWN,
        )
    )


def suggestion_picker(
    translation_key: str, found: Iterable[Suggestion], other: str
) -> selector.SelectSelector:
    """Return a list of `found`, by index, that ends in the choice of none of them."""
    options = [
        selector.SelectOptionDict(value=str(index), label=f"{s.title} ({s.platform})")
        for index, s in enumerate(found)
    ]
    # Its label comes from the translations, those above are names.
    options.append(selector.SelectOptionDict(value=other, label=other))
    return selector.SelectSelector(
        selector.SelectSelectorConfig(
            options=options,
            translation_key=translation_key,
            mode=selector.SelectSelectorMode.LIST,
        )
    )


def entity(domains: Iterable[str], device_classes: Iterable[str] = ()) -> selector.EntitySelector:
    """Return a picker of one entity."""
    if classes := list(device_classes):
        return selector.EntitySelector(
            selector.EntitySelectorConfig(filter={"domain": list(domains), "device_class": classes})
        )
    return selector.EntitySelector(selector.EntitySelectorConfig(filter={"domain": list(domains)}))


def optional(key: str, values: Mapping[str, Any]) -> vol.Optional:
    """Return an optional field that shows its present value and can be emptied."""
    value = values.get(key)
    return vol.Optional(key, description=None if value is None else {"suggested_value": value})


def required(key: str, values: Mapping[str, Any]) -> vol.Required:
    """Return a required field that shows its present value, and nothing before it was answered."""
    value = values.get(key)
    return vol.Required(key, description=None if value is None else {"suggested_value": value})


def unit_fault(hass: HomeAssistant, entity_id: str | None, units: Iterable[str]) -> str | None:
    """Return the unit of an entity where it is none of `units`; an entity without unit passes."""
    state = hass.states.get(entity_id) if entity_id else None
    unit = None if state is None else state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    return None if unit is None or unit in units else str(unit)
