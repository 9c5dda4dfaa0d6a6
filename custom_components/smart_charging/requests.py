"""Answers to `plan_charge`: a schedule at least cost for a power, an energy and a window."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .const import DOMAIN
from .core.forecast import PricesMissing, extend_prices, slot_means
from .core.grid import Grid, Topology
from .core.planner import plan, slot_bounds
from .core.planner.problem import Charger, Goal, GoalKind, Problem, Stay, Vehicle
from .core.planner.result import Plan
from .core.price import Price
from .core.schedule import ChargerStep
from .devices.base import DeviceError, WrongDevice
from .flows.testing import test_context
from .prices.adjusted import AdjustedSource
from .prices.registry import SOURCES
from .prices.wits.source import WitsSource

if TYPE_CHECKING:
    from .site import Site

WINDOW_MAX = timedelta(hours=72)
"""Twice the longest forecast of any market here; beyond it every price is a guess."""

KEPT = 100
"""Answers that are kept for `get_plan`."""

VOLT = 0.230
"""kV: turns the power of a request into the current of a single-phase charger."""

CHARGER = "request"


@dataclass(frozen=True, kw_only=True)
class ChargeRequest:
    """What is asked: `energy_kwh` AC at `power_kw` between `start` and `ready_by`."""

    power_kw: float
    energy_kwh: float
    start: datetime
    ready_by: datetime
    node: str | None = None


async def answer(site: "Site", request: ChargeRequest) -> dict[str, Any]:
    """Plan a request, keep the answer and return it. It only plans.

    Raises ServiceValidationError for a window that cannot be planned or an unknown node,
    HomeAssistantError where no price is known.
    """
    if request.ready_by <= request.start:
        raise _invalid("window_empty")
    if request.ready_by - request.start > WINDOW_MAX:
        raise _invalid("window_too_long", hours=f"{WINDOW_MAX.total_seconds() / 3600:.0f}")
    prices = await _prices(site, request)
    problem = _problem(site, request, prices)
    made = await site.hass.async_add_executor_job(lambda: plan(problem).complete())
    result = _answer(site, request, made)
    kept = site.settings.requests
    kept[result["id"]] = result
    while len(kept) > KEPT:
        del kept[next(iter(kept))]
    site.store.changed()
    return result


def _invalid(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


async def _prices(site: "Site", request: ChargeRequest) -> list[Price]:
    """Return prices for the window, with a day before it to repeat from."""
    start, end = request.start - timedelta(days=2), request.ready_by
    if request.node is None:
        runner = next((r for r in site.price_runners.values() if r.config.role == "import"), None)
        if runner is None:
            raise HomeAssistantError(translation_domain=DOMAIN, translation_key="no_price_source")
        return runner.source.prices(start, end)
    wits = [r for r in site.price_runners.values() if r.config.kind == "wits"]
    if not wits:
        raise _invalid("no_wits_source", node=request.node)
    node = request.node.strip().upper()
    for runner in wits:
        if runner.config.data["node"].strip().upper() == node:
            return runner.source.prices(start, end)
    source = SOURCES["wits"].create({**wits[0].config.data, "node": node}, test_context(site.hass))
    try:
        await source.identify()
        if isinstance(source, AdjustedSource) and isinstance(source.source, WitsSource):
            await source.source.poll()
    except DeviceError as err:
        if isinstance(err, WrongDevice) and (near := err.placeholders.get("near")):
            raise _invalid("node_unknown", node=node, near=near) from err
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="node_prices_failed",
            translation_placeholders={"node": node, "error": str(err) or err.key},
        ) from err
    return source.prices(start, end)


def _problem(site: "Site", request: ChargeRequest, prices: list[Price]) -> Problem:
    time_zone = site.hass.config.time_zone
    hours = -(-(request.ready_by - request.start) // timedelta(hours=1))
    bounds = tuple(b for b in slot_bounds(request.start, hours=hours + 1) if b < request.ready_by)
    slots = (*bounds, request.ready_by)
    try:
        series = extend_prices(prices, request.start, request.ready_by, time_zone)
        import_price, estimated = slot_means(series, slots)
    except PricesMissing as err:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="no_price_yet") from err
    count = len(slots) - 1
    amps = request.power_kw / VOLT
    return Problem(
        now=request.start,
        time_zone=time_zone,
        slots=slots,
        import_price=tuple(import_price),
        export_price=(0.0,) * count,
        estimated=tuple(estimated),
        load_kw=(0.0,) * count,
        pv_kw=(0.0,) * count,
        grid=Grid(topology=Topology.SINGLE_230, fuse_a=amps * 2),
        # One step is the whole current: the request's charger runs at its power or not at all.
        chargers=(Charger(id=CHARGER, min_a=amps, max_a=amps, step_a=amps, phases=(1,)),),
        vehicles=(
            Vehicle(
                id=CHARGER,
                capacity_kwh=request.energy_kwh * 2,
                efficiency=1.0,
                max_phases=1,
                stays=(Stay(charger=CHARGER, start=request.start, end=request.ready_by),),
                goals=(
                    Goal(by=request.ready_by, kind=GoalKind.REQUEST, energy_kwh=request.energy_kwh),
                ),
            ),
        ),
    )


def _answer(site: "Site", request: ChargeRequest, made: Plan) -> dict[str, Any]:
    steps = [s for s in made.schedule.chargers.get(CHARGER, ()) if s.energy_kwh > 0]
    missing = sum(s.missing_kwh for s in made.shortfalls)
    return {
        "id": uuid4().hex,
        "currency": site.config.currency,
        "node": request.node,
        "energy_kwh": round(sum(s.energy_kwh for s in steps), 4),
        "cost": round(sum(s.cost for s in steps), 4),
        "missing_kwh": round(missing, 4),
        "missing_because": [s.cause.value for s in made.shortfalls],
        "schedule": [
            {
                "start": step.start.isoformat(),
                "end": _end(step, request.power_kw).isoformat(),
                "power_kw": round(request.power_kw, 3),
                "energy_kwh": round(step.energy_kwh, 4),
                "price": step.price,
                "cost": round(step.cost, 4),
                "estimated": step.estimated,
            }
            for step in steps
        ],
    }


def _end(step: ChargerStep, power_kw: float) -> datetime:
    """Return when the step's energy is delivered: the last slot is seldom needed whole."""
    return min(step.end, step.start + timedelta(hours=step.energy_kwh / power_kw))
