"""What the site tells people: status in words, plan as rows, reasons with figures."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .config import PartConfig, VehicleConfig
from .core.control import quarter_forecast_kw
from .core.planner import explain as explain_step
from .core.schedule import ChargerStep

if TYPE_CHECKING:
    from .site import Site

QUARTER_S = 900


class Status(StrEnum):
    """The state of a site, most pressing first."""

    STARTING = "starting"
    NO_METER = "no_meter"
    """No meter is configured."""
    METER_SILENT = "meter_silent"
    NO_PRICE = "no_price"
    PROBLEM = "problem"
    """Something needs mending: see the repairs."""
    OBSERVING = "observing"
    CHARGING = "charging"
    WAITING = "waiting"
    """A car is plugged in and a better time comes later."""
    IDLE = "idle"


def soc_facts(site: "Site", vehicle: VehicleConfig) -> Mapping[str, Any]:
    """Return whether a SoC is an estimate, and what the car itself said last."""
    reported = site.plugs.reported_soc(vehicle)
    return {
        "estimated": site.plugs.soc_is_estimated(vehicle),
        "reported": None if reported is None else round(reported * 100, 1),
    }


class Overridden(StrEnum):
    """What a person ordered at a charger, before its mode and the plan."""

    NONE = "none"
    CHARGE_NOW = "charge_now"
    CURRENT = "current"
    PAUSED = "paused"


def overridden(site: "Site", part: PartConfig) -> Overridden:
    """Return what a person ordered at a charger."""
    override = site.plugs.settings(part).override
    if override is None:
        return Overridden.NONE
    if override.current_a is None:
        return Overridden.CHARGE_NOW
    return Overridden.CURRENT if override.current_a > 0 else Overridden.PAUSED


def override_facts(site: "Site", part: PartConfig) -> Mapping[str, Any]:
    """Return how long a person's order holds: a time, until departure, or until full as well."""
    override = site.plugs.settings(part).override
    if override is None:
        return {}
    ends = "departure" if override.current_a == 0 else "departure_or_full"
    facts: dict[str, Any] = {"until": override.until.isoformat() if override.until else ends}
    if override.current_a:
        facts["current_a"] = override.current_a
    return facts


class Commissioned(StrEnum):
    """Whether a charger is proven."""

    NOT_DONE = "not_done"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """The last attempt since the start failed."""


def commissioned(site: "Site", part: PartConfig) -> Commissioned:
    """Return how far a charger's commissioning is."""
    if site.commissioner.run_of(part) is not None:
        return Commissioned.RUNNING
    if site.commissioner.failure_of(part) is not None:
        return Commissioned.FAILED
    return Commissioned.DONE if part.figures.get("commissioned") else Commissioned.NOT_DONE


def commissioning_facts(site: "Site", part: PartConfig) -> Mapping[str, Any]:
    """Return the step that is under way, why the last attempt failed, and what is proven."""
    facts: dict[str, Any] = dict(part.figures.get("commissioned") or {})
    if (run := site.commissioner.run_of(part)) is not None:
        facts["step"], facts["steps"] = run.trial.progress
        facts["current_a"] = run.trial.asked_a
    elif (failure := site.commissioner.failure_of(part)) is not None:
        facts["failure"] = failure.value
    return facts


def site_status(site: "Site") -> Status:
    """Return the site's state."""
    if site.meter_part is None:
        return Status.NO_METER
    if site.latest(site.meter_part) is None and not site.settled:
        return Status.STARTING
    if site.meter is None:
        return Status.METER_SILENT
    if site.price_now("import") is None:
        return Status.NO_PRICE
    if site.issues.any_open:
        return Status.PROBLEM
    if not site.settings.acting:
        return Status.OBSERVING
    if any(watch.charging for watch in site.plugs.watches.values()):
        return Status.CHARGING
    if any(current_step(site, part_id, ahead=True) for part_id in site.plugs.watches):
        return Status.WAITING
    return Status.IDLE


def current_step(site: "Site", charger_id: str, *, ahead: bool = False) -> ChargerStep | None:
    """Return the plan's step of a charger now; with `ahead`, the next one that charges."""
    if site.plan is None:
        return None
    now = site.clock.now()
    if not ahead:
        return site.plan.schedule.charger_step(charger_id, now)
    return next(
        (
            step
            for step in site.plan.schedule.chargers.get(charger_id, ())
            if step.end > now and step.energy_kwh > 0
        ),
        None,
    )


def quarter_forecast(site: "Site") -> float | None:
    """Return the mean import that the running quarter will end with; `None` without a meter."""
    meter = site.meter
    if meter is None or meter.power_kw is None:
        return None
    moment = (meter.device_time or meter.at).timestamp()
    return round(
        quarter_forecast_kw(
            site.history.quarter_energy_kwh() * 4, meter.power_kw, moment % QUARTER_S
        ),
        3,
    )


def plan_rows(site: "Site") -> Mapping[str, Any]:
    """Return the plan as rows for cards and templates; not recorded."""
    plan = site.plan
    if plan is None:
        return {}
    names = {
        part.id: site.registry.part_name(part)
        for device in site.config.devices
        for part in device.parts
    }
    return {
        "made_at": plan.schedule.made_at.isoformat(),
        "rung": plan.rung.value,
        "gap": round(plan.gap, 4),
        "baseline_cost": None if plan.baseline_cost is None else round(plan.baseline_cost, 4),
        "slots": [
            {
                "start": flow.start.isoformat(),
                "import_price": round(flow.import_price, 5),
                "estimated": flow.estimated,
                "import_kw": round(flow.import_kw, 3),
                "export_kw": round(flow.export_kw, 3),
                "pv_kw": round(flow.pv_kw, 3),
                "load_kw": round(flow.load_kw, 3),
            }
            for flow in plan.flows
        ],
        "steps": [
            {
                "charger": names.get(charger, charger),
                "start": step.start.isoformat(),
                "end": step.end.isoformat(),
                "energy_kwh": round(step.energy_kwh, 3),
                "current_a": step.current_a,
                "phases": step.phases,
                "reason": step.reason.value,
                "price": step.price,
                "cost": round(step.cost, 4),
            }
            for charger, steps in plan.schedule.chargers.items()
            for step in steps
            if step.energy_kwh > 0
        ],
        "shortfalls": [
            {
                "vehicle": shortfall.vehicle,
                "goal": shortfall.goal.value,
                "by": shortfall.by.isoformat(),
                "missing_kwh": round(shortfall.missing_kwh, 3),
                "cause": shortfall.cause.value,
            }
            for shortfall in plan.shortfalls
        ],
        "at_risk": [
            {
                "vehicle": risk.vehicle,
                "goal": risk.goal.value,
                "by": risk.by.isoformat(),
                "missing_kwh": round(risk.missing_kwh, 3),
            }
            for risk in plan.at_risk
        ],
    }


def peak_months(site: "Site") -> Mapping[str, Any]:
    """Return the peaks of the months before, oldest first; not recorded."""
    return {
        "months": [
            {"month": month, "kw": peak.kw, "at": peak.at.isoformat() if peak.at else None}
            for month, peak in site.history.past_peaks()
        ]
    }


def explain(site: "Site", part: PartConfig) -> Mapping[str, Any]:
    """Return the figures behind what a charger does now."""
    setpoint = site.actor.setpoints.chargers.get(part.id)
    facts: dict[str, Any] = {}
    if setpoint is not None and setpoint.limit:
        facts["limit"] = setpoint.limit
    step = current_step(site, part.id)
    if step is not None:
        facts["planned_kwh"] = round(step.energy_kwh, 3)
        if step.price is not None:
            facts["price"] = round(step.price, 5)
        if step.marginal_price is not None:
            facts["marginal_price"] = round(step.marginal_price, 5)
    ahead = current_step(site, part.id, ahead=True)
    if ahead is not None:
        facts["next_start"] = ahead.start.isoformat()
        facts["next_price"] = None if ahead.price is None else round(ahead.price, 5)
    facts |= _next_best(site, part)
    if override := site.plugs.settings(part).override:
        facts["override_until"] = override.until.isoformat() if override.until else "departure"
    return facts


def _next_best(site: "Site", part: PartConfig) -> dict[str, Any]:
    """Return what else the plan could do now, and what it saves per kWh by not doing that."""
    explained = None if site.plan is None else explain_step(site.plan, part.id, site.clock.now())
    if explained is None or (other := explained.alternative) is None:
        return {}
    return {
        "next_best": other.action.value,
        "next_best_start": other.start.isoformat(),
        "saves_per_kwh": round(other.dearer_by, 5),
    }
