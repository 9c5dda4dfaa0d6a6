"""Chargers as other integrations bring them into Home Assistant: their entities, words and actions.

Keys, ids, units, ranges and words are those of the integrations' sources as of November 2026. What
is simulated is what they do with an order: they show it, each in its own way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from homeassistant.core import Context, HomeAssistant, ServiceCall, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

A = {"unit_of_measurement": "A", "device_class": "current"}
W = {"unit_of_measurement": "W", "device_class": "power"}
KW = {"unit_of_measurement": "kW", "device_class": "power"}
WH = {"unit_of_measurement": "Wh", "device_class": "energy"}
KWH = {"unit_of_measurement": "kWh", "device_class": "energy"}
PLUG = {"device_class": "plug"}


def amperes(low: float, high: float, step: float = 1) -> dict[str, Any]:
    return {**A, "min": low, "max": high, "step": step}


def options(*names: str) -> dict[str, Any]:
    return {"options": list(names)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One entity of a charger."""

    id: str
    """`domain.name`: the entity id before the integration's own way of making them."""
    unique_id: str
    state: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    translation_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChargerOfHa:
    """One integration's charger."""

    platform: str
    rows: tuple[Row, ...]
    suggested: Mapping[str, Any]
    """Form field -> entity id or value that a person gets to see."""
    words: Mapping[str, Mapping[str, str]]
    """`unplugged`, `paused`, `charging` -> states of the entities that tell of the car."""
    limit: str | None = None
    """Entity that shows the current limit."""
    enable: str | None = None
    pause: str = "off"
    """What `enable` is set to so that nothing is charged."""
    own_actions: bool = False
    """It is commanded by actions of its own, not by entities."""
    has_device: bool = True
    max_a: float = 32


class Installed:
    """A charger in a Home Assistant: it shows what it is ordered."""

    def __init__(self, hass: HomeAssistant, charger: ChargerOfHa) -> None:
        """Register its entities and what takes orders for them."""
        self.hass = hass
        self.charger = charger
        self.orders: list[tuple[str, Context]] = []
        """`service value` of each order, with its context."""
        owner = MockConfigEntry(domain=charger.platform)
        owner.add_to_hass(hass)
        device_id = None
        if charger.has_device:
            device_id = (
                dr.async_get(hass)
                .async_get_or_create(
                    config_entry_id=owner.entry_id,
                    identifiers={(charger.platform, "1")},
                    name=f"My {charger.platform}",
                )
                .id
            )
        self.device_id = device_id
        for row in charger.rows:
            domain, _, name = row.id.partition(".")
            entry = er.async_get(hass).async_get_or_create(
                domain,
                charger.platform,
                row.unique_id,
                suggested_object_id=name,
                config_entry=owner if charger.has_device else None,
                device_id=device_id,
                translation_key=row.translation_key,
                original_device_class=row.attributes.get("device_class"),
                unit_of_measurement=row.attributes.get("unit_of_measurement"),
                capabilities={
                    k: v
                    for k, v in row.attributes.items()
                    if k in ("options", "min", "max", "step")
                },
            )
            assert entry.entity_id == row.id
            hass.states.async_set(row.id, row.state, row.attributes)
        for domain, services in (
            ("number", ("set_value",)),
            ("select", ("select_option",)),
            ("switch", ("turn_on", "turn_off")),
            ("easee", ("set_charger_dynamic_limit", "set_charger_phase_mode")),
            ("keba", ("set_current", "enable", "disable")),
        ):
            for service in services:
                hass.services.async_register(domain, service, self._obey)

    def say(self, state: str) -> None:
        """Let the car be `unplugged`, `paused` or `charging`, in the integration's words."""
        for entity_id, word in self.charger.words[state].items():
            self._show(entity_id, word)
        for row in self.charger.rows:
            if row.attributes.get("device_class") == "power" and row.id.startswith("sensor."):
                self._show(row.id, row.state if state == "charging" else "0")

    def shown(self, entity_id: str) -> str:
        """Return what an entity shows."""
        state = self.hass.states.get(entity_id)
        assert state is not None
        return state.state

    def _show(self, entity_id: str, value: str) -> None:
        state = self.hass.states.get(entity_id)
        assert state is not None
        self.hass.states.async_set(entity_id, value, state.attributes)

    @callback
    def _obey(self, call: ServiceCall) -> None:
        data, limit = call.data, self.charger.limit
        target = data.get("entity_id")
        match call.service:
            case "set_value":
                value = f"{data['value']:g}"
                self._show(target, value)
            case "select_option":
                value = data["option"]
                self._show(target, value)
            case "turn_on" | "turn_off":
                value = call.service.removeprefix("turn_")
                self._show(target, value)
            case "set_charger_dynamic_limit" | "set_current":
                assert call.domain == "keba" or data["device_id"] == self.device_id
                value = f"{data['current']:g}"
                assert limit is not None
                self._show(limit, value)
                self.say("charging" if data["current"] > 0 else "paused")
            case "enable" | "disable":
                value = ""
                self.say("charging" if call.service == "enable" else "paused")
            case _:
                value = str(data.get("phase_mode"))
        self.orders.append((f"{call.service} {value}".strip(), call.context))
        if target is not None and target == self.charger.enable:
            self.say("paused" if value == self.charger.pause else "charging")
