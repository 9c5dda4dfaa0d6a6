"""The figures of chargers and batteries: their forms, what is wrong with them, what is kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.helpers import selector
import voluptuous as vol

from ..config import FED_PHASES, PHASE_CHOICES, PHASE_MAPS, stored_part
from ..const import SUBENTRY_DEVICE
from ..core.grid import Topology
from ..core.reading import PartKind
from ..devices.base import PartInfo
from .forms import choice, number, optional

type Figures = Mapping[str, Any]

SWITCHABLE = "switchable"
"""Key of a part: whether the device itself can change between one and three phases."""

REPORTED = frozenset({"kind", "name", "controllable", "features", "meter_phases", SWITCHABLE})
"""What the device says of a part; everything else a person may have changed."""

WITH_FIGURES = frozenset({PartKind.CHARGER, PartKind.BATTERY})
"""Parts that have figures to ask for."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What the site around a charger decides about its form."""

    phases: int
    """Phases of the grid connection."""
    circuits: tuple[str, ...]
    """Circuits that chargers of the site are on already."""

    @classmethod
    def of(cls, site: Mapping[str, Any], subentries: Iterable[ConfigSubentry]) -> "Place":
        """Return what the form must know of a site with this data and these subentries."""
        named = [
            part.get("circuit")
            for subentry in subentries
            if subentry.subentry_type == SUBENTRY_DEVICE
            for part in subentry.data["parts"].values()
        ]
        return cls(
            phases=Topology(site["topology"]).phases,
            circuits=tuple(dict.fromkeys(sorted(name for name in named if name))),
        )


def new_part(
    info: PartInfo, known: Figures | None, changed: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return what is kept of a part that a device reported.

    `known` is what was kept of it before: figures that a person set stay, but for those that
    the form of the connection itself changed just now.
    """
    part = stored_part(info)
    if info.kind is PartKind.CHARGER:
        part[SWITCHABLE] = info.can_switch_phases
    if known is None or known["kind"] != part["kind"]:
        return part
    kept = {k: v for k, v in known.items() if k not in REPORTED and k not in changed}
    return {**part, **kept}


def figures_form(kind: PartKind, values: Figures, place: Place) -> vol.Schema:
    """Return the form of a part's figures, filled with `values`."""
    form = _battery_form if kind is PartKind.BATTERY else _charger_form
    return form(values, place)


def _charger_form(values: Figures, place: Place) -> vol.Schema:
    schema: dict[vol.Marker, Any] = {
        vol.Required("max_a", default=values["max_a"]): number(1, 500, 1, "A"),
        vol.Required("min_a", default=values["min_a"]): number(1, 500, 1, "A"),
    }
    if place.phases > 1:
        schema[vol.Required("phases", default=f"phases_{values['phases']}")] = choice(
            "phases", [f"phases_{option}" for option in PHASE_CHOICES]
        )
        if values.get(SWITCHABLE, True):
            schema[vol.Required("can_switch_phases", default=values["can_switch_phases"])] = (
                selector.BooleanSelector()
            )
        schema[vol.Required("phase_map", default=f"map_{values['phase_map']}")] = choice(
            "phase_map", [f"map_{option}" for option in PHASE_MAPS]
        )
    schema[optional("circuit", values)] = _circuit(place.circuits)
    schema[optional("circuit_fuse_a", values)] = number(6, 2000, 1, "A")
    return vol.Schema(schema)


def _circuit(known: tuple[str, ...]) -> Any:
    """Return a box for a circuit's name that offers the ones that exist."""
    if not known:
        return selector.TextSelector()
    return selector.SelectSelector(
        selector.SelectSelectorConfig(
            options=list(known),
            custom_value=True,
            mode=selector.SelectSelectorMode.DROPDOWN,
        )
    )


def _battery_form(values: Figures, place: Place) -> vol.Schema:
    schema: dict[vol.Marker, Any] = {
        vol.Required("capacity_kwh", default=values["capacity_kwh"]): number(
            0.1, 10000, 0.01, "kWh"
        ),
        vol.Required("max_charge_kw", default=values["max_charge_kw"]): number(
            0.1, 10000, 0.01, "kW"
        ),
        vol.Required("max_discharge_kw", default=values["max_discharge_kw"]): number(
            0.1, 10000, 0.01, "kW"
        ),
        vol.Required("min_soc", default=values["min_soc"]): number(0, 100, 1, "%"),
        vol.Required("may_feed_cars", default=values["may_feed_cars"]): selector.BooleanSelector(),
    }
    if place.phases > 1:
        schema[vol.Required("fed_phases", default=f"fed_{values.get('fed_phases', 'all')}")] = (
            choice("fed_phases", [f"fed_{option}" for option in FED_PHASES])
        )
    return vol.Schema(schema)


def read_figures(kind: PartKind, answers: Figures, place: Place) -> dict[str, Any]:
    """Return the figures that a part keeps of the answers."""
    figures = dict(answers)
    if kind is PartKind.BATTERY:
        figures["fed_phases"] = answers.get("fed_phases", "fed_all").removeprefix("fed_")
        return figures
    # A one-phase house has no choice of phases, whatever the charger could do elsewhere.
    figures["phases"] = answers.get("phases", "phases_1").removeprefix("phases_")
    figures["phase_map"] = answers.get("phase_map", "map_123").removeprefix("map_")
    figures["can_switch_phases"] = (
        answers.get("can_switch_phases", False) and len(PHASE_CHOICES[figures["phases"]]) > 1
    )
    figures["circuit"] = _same_circuit(answers.get("circuit", "").strip(), place.circuits)
    figures["circuit_fuse_a"] = answers.get("circuit_fuse_a")
    return figures


def _same_circuit(name: str, known: tuple[str, ...]) -> str | None:
    """Return the name as it is written already: garage and Garage share one fuse."""
    return next((each for each in known if each.lower() == name.lower()), name or None)


def figure_errors(kind: PartKind, figures: Figures) -> dict[str, str]:
    """Return what is wrong with figures that were read, per field."""
    errors: dict[str, str] = {}
    if kind is PartKind.CHARGER:
        if figures["min_a"] > figures["max_a"]:
            errors["min_a"] = "above_maximum"
        if figures["circuit"] and not figures["circuit_fuse_a"]:
            errors["circuit_fuse_a"] = "circuit_needs_fuse"
        if figures["circuit_fuse_a"] and not figures["circuit"]:
            errors["circuit"] = "fuse_needs_circuit"
    return errors
