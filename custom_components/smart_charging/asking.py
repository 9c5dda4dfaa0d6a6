"""What is asked of control: the site as it stands, and what people, plan and others want of it."""

from math import isfinite
from typing import TYPE_CHECKING

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN

from .config import PartConfig
from .core.control.types import BatteryOrder, ChargerOrder, ControlSite, Orders
from .core.reading import PartKind
from .trips.goals import laxity_h, next_ready_by

if TYPE_CHECKING:
    from .site import Site


def control_site(site: "Site") -> ControlSite:
    """Return the site as control sees it now."""
    config = site.config
    return ControlSite(
        grid=site.grid,
        circuits=config.circuits,
        chargers=tuple(
            part.charger_spec(forced_phases(site, part)) for part in config.parts(PartKind.CHARGER)
        ),
        batteries=tuple(p.battery_spec() for p in config.parts(PartKind.BATTERY)),
        slow_meter_a=config.slow_meter_a,
    )


def forced_phases(site: "Site", part: PartConfig) -> int | None:
    """Return the phases that a commissioning or a person wants, else `None`."""
    run = site.commissioner.run_of(part)
    if run is not None and run.phases is not None:
        return run.phases
    return site.plugs.settings(part).forced_phases


def orders(site: "Site") -> Orders:
    """Return what people, the plan and others want now."""
    config = site.config
    return Orders(
        schedule=site.plan.schedule if site.plan is not None else None,
        chargers={p.id: _order(site, p) for p in config.parts(PartKind.CHARGER)},
        batteries={
            p.id: BatteryOrder(
                mode=site.settings.battery(p.id).mode,
                power_kw=site.settings.battery(p.id).power_kw,
            )
            for p in config.parts(PartKind.BATTERY)
        },
        outside_limit_kw=_outside_limit_kw(site),
        peak_target_kw=site.history.peak_target_kw(),
        house_peak_a=site.history.house_peak_a(),
    )


def _order(site: "Site", part: PartConfig) -> ChargerOrder:
    if (trial := site.commissioner.order(part)) is not None:
        return trial
    settings = site.plugs.settings(part)
    if not site.plugs.watches[part.id].plugged:
        return ChargerOrder(mode=settings.mode, smart=site.plugs.controlled(part))
    wish, max_kw = site.plugs.wish(part), site.plugs.max_kw(part)
    vehicle = site.plugs.vehicle_at(part)
    now = site.clock.now()
    by = next_ready_by(now, wish.ready_by, site.hass.config.time_zone)
    return ChargerOrder(
        mode=settings.mode,
        smart=site.plugs.controlled(part),
        override=settings.override,
        below_minimum=wish.below_minimum,
        laxity_h=laxity_h(wish, now, by, max_kw),
        vehicle_max_a=vehicle.max_a if vehicle else None,
        vehicle_max_phases=vehicle.max_phases if vehicle else 3,
        vehicle_full=wish.reached,
    )


def _outside_limit_kw(site: "Site") -> float | None:
    """Return the import limit that another entity sets now, or `None`."""
    entity_id = site.config.outside_limit_entity
    state = site.hass.states.get(entity_id) if entity_id else None
    if state is None or state.state in (STATE_UNKNOWN, STATE_UNAVAILABLE):
        return None
    try:
        value = float(state.state)
    except ValueError:
        return None
    if not isfinite(value):
        return None
    return value / 1000 if state.attributes.get("unit_of_measurement") == "W" else value
