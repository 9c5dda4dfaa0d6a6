"""The step itself: readings in, setpoints and memory out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..reading import BatteryReading
from ..schedule import Reason
from .battery import Balance, order_batteries
from .following import count_energy
from .helping import WITH_GOAL, Base, Help, base_of, help_for, lacking_kw
from .house import House, observe
from .limits import PEAK, Ceilings, Limit, blind_limits, ceiling_a, limits_of, reserved
from .pace import Pace, note, pace
from .phases import active_phases, drawn, house_phases_a, meter_kw, use_of
from .quarter import (
    FALL_REST_S,
    FALL_SLACK_KW,
    QUARTER_S,
    RISE_MARGIN_KW,
    allowed_import_kw,
    count_import,
    quarter_elapsed_s,
)
from .sharing import Share, share
from .stale import Sight, learn_interval_s, sight
from .state import ChargerMemory, ControlState, QuarterEnergy, Use
from .types import ChargerOrder, ChargerSetpoint, ControlSite, Orders, Readings, Setpoints
from .views import View, look
from .wish import Wish
from .wishes import Scene, wishes_of

LONGEST_STEP_S = 60.0
"""Between two steps; a longer pause was a stop, in which nobody saw what was delivered."""

BATTERY_STALE_S = 60.0
"""Batteries are polled slowly; older than this, nothing is known of them."""


def house_currents_a(site: ControlSite, readings: Readings) -> tuple[float, ...]:
    """Return the house's current in A per grid phase: the meter's less what chargers draw.

    Signed, + is import. Empty while the meter tells nothing. Where it does not tell the phases
    apart, each phase has the worst sensible split.
    """
    if readings.meter is None:
        return ()
    uses = []
    for spec in site.chargers:
        reading = readings.chargers.get(spec.id)
        if reading is not None:
            phases = active_phases(site.grid, reading.phases or max(spec.phases), 3)
            offered = spec.min_a if reading.limit_a is None else reading.limit_a
            uses.append(drawn(site.grid, spec, phases, reading, offered))
    house, _ = house_phases_a(site.grid, readings.meter, uses, readings.pv_kw)
    return house or ()


def control(
    site: ControlSite, orders: Orders, state: ControlState, readings: Readings, now: datetime
) -> tuple[Setpoints, ControlState]:
    """Decide what every charger and battery is told now.

    Pure: the same arguments give the same answer. Called on every meter reading and, by a
    watchdog, at least each second, so that silence is noticed.
    """
    readings = replace(readings, batteries=_fresh_batteries(readings.batteries, now))
    state = _timed(state, readings, now)
    views = _views(site, orders, state, readings, now)
    seen = sight(readings, state.meter_interval_s, now)
    house, samples = observe(site, views, readings, state, now)
    if house is None or seen is not Sight.CLEAR:
        house, samples = None, ()
        seen = Sight.STALE if seen is Sight.CLEAR else seen
    state = replace(state, samples=samples)
    released = [(v.id, v.now_use) for v in views if not v.order.smart]
    ceilings = _ceilings(site, orders, state, readings, seen)
    rooms = _rooms(site, orders, readings, seen, house, ceilings, released, state.house_kw)
    scene = Scene(
        site=site,
        orders=orders,
        now=now,
        sight=seen,
        limits=rooms.fall,
        surplus_kw=0.0 if house is None else house.surplus_kw,
        spare_kw=0.0 if house is None else -house.fall.kw,
        views=tuple(views),
    )
    wishes, memories = wishes_of(scene)
    base = None if house is None else base_of(site, readings, house)
    aid = Help()
    if base is not None:
        aid = help_for(site, orders, readings, state, base, ceilings.rise, wishes, now)
        if aid.pending_kw > 0:
            eased = _Ceiling(
                fall=_eased(ceilings.fall, aid.pending_kw),
                rise=_eased(ceilings.rise, aid.pending_kw),
            )
            rooms = _rooms(site, orders, readings, seen, house, eased, released, state.house_kw)
    setpoints, memories, uses = _order_chargers(site, views, wishes, memories, rooms, seen, now)
    balance = Balance(
        # A released charger is no house load: a battery may not feed it either.
        base_kw=None if base is None else base.use.kw - sum(use.kw for _, use in released),
        cars_kw=sum(v.now_use.kw for v in views),
        charge_room_kw=0.0
        if base is None
        else -lacking_kw(site, base, replace(ceilings.rise, breach_kw=0.0), uses),
        help_kw=aid.power_kw,
        spill_kw=0.0 if base is None else _spill_kw(site, base, uses),
    )
    batteries, battery_memory = order_batteries(
        site, orders, readings, state.batteries, balance, now
    )
    return (
        Setpoints(
            chargers=setpoints,
            batteries=batteries,
            assumed_split=house is not None and house.assumed_split,
        ),
        replace(
            state,
            at=now,
            house_kw=state.house_kw if house is None else house.rise.kw,
            help_kw=aid.asked_kw,
            help_raised_at=aid.raised_at,
            help_at=aid.at,
            chargers=memories,
            batteries=battery_memory,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Ceiling:
    """Limits of the import now, and for what is added: they differ in a quarter's last minute."""

    fall: Ceilings
    rise: Ceilings


@dataclass(frozen=True, kw_only=True)
class _Rooms:
    fall: tuple[Limit, ...]
    """By the best estimate of the house: what must not be passed."""
    rise: tuple[Limit, ...]
    """By the highest: what a rise may reach."""


def _fresh_batteries(
    readings: Mapping[str, BatteryReading], now: datetime
) -> dict[str, BatteryReading]:
    return {
        battery: reading
        for battery, reading in readings.items()
        if (now - reading.at).total_seconds() <= BATTERY_STALE_S
    }


def _timed(state: ControlState, readings: Readings, now: datetime) -> ControlState:
    """Take note of a new meter reading: its interval, and the quarter's import."""
    meter = readings.meter
    if meter is None or (state.meter_at is not None and meter.at <= state.meter_at):
        return state
    interval = state.meter_interval_s
    if state.meter_at is not None:
        interval = learn_interval_s(interval, (meter.at - state.meter_at).total_seconds())
    quarter: QuarterEnergy | None = state.quarter
    power = meter_kw(meter)
    at = meter.device_time or meter.at
    if power is not None and meter.quarter_kw is None:
        quarter = count_import(quarter, state.meter_time, at, power)
    return replace(
        state, meter_at=meter.at, meter_time=at, meter_interval_s=interval, quarter=quarter
    )


def _views(
    site: ControlSite, orders: Orders, state: ControlState, readings: Readings, now: datetime
) -> list[View]:
    elapsed = 0.0 if state.at is None else (now - state.at).total_seconds()
    views = []
    for spec in site.chargers:
        order = orders.chargers.get(spec.id, ChargerOrder())
        memory = state.chargers.get(spec.id)
        view = look(site.grid, spec, order, memory, readings.chargers.get(spec.id), now)
        if view is None:
            continue
        if 0 < elapsed <= LONGEST_STEP_S:
            counted = count_energy(view.memory, view.now_use.kw, elapsed)
            view = replace(view, memory=counted)
        views.append(view)
    return views


def _ceilings(
    site: ControlSite, orders: Orders, state: ControlState, readings: Readings, seen: Sight
) -> _Ceiling:
    target, meter = orders.peak_target_kw, readings.meter
    fall = rise = target
    if target is not None and meter is not None and seen is Sight.CLEAR:
        rest_s = QUARTER_S - quarter_elapsed_s(meter.device_time or meter.at)
        fall = allowed_import_kw(target, meter, state.quarter, FALL_REST_S)
        rise = min(fall, allowed_import_kw(target - RISE_MARGIN_KW, meter, state.quarter))
        fall = fall + FALL_SLACK_KW * rest_s / QUARTER_S if rest_s >= FALL_REST_S else None
    ceilings = Ceilings(
        contract_kw=site.grid.import_limit_kw,
        breach_kw=site.grid.breach_kw,
        outside_kw=orders.outside_limit_kw,
        peak_kw=fall,
    )
    return _Ceiling(fall=ceilings, rise=replace(ceilings, peak_kw=rise))


def _spill_kw(site: ControlSite, base: Base, uses: Sequence[Use]) -> float:
    """Return the export beyond its limit, batteries not counted; negative is room."""
    limit_kw = site.grid.export_limit_kw
    if limit_kw is None:
        return 0.0
    return -(base.use.kw + sum(use.kw for use in uses)) - limit_kw


def _eased(ceilings: Ceilings, pending_kw: float) -> Ceilings:
    return replace(
        ceilings,
        contract_kw=None if ceilings.contract_kw is None else ceilings.contract_kw + pending_kw,
        peak_kw=None if ceilings.peak_kw is None else ceilings.peak_kw + pending_kw,
    )


def _rooms(
    site: ControlSite,
    orders: Orders,
    readings: Readings,
    seen: Sight,
    house: House | None,
    ceilings: _Ceiling,
    released: Sequence[tuple[str, Use]],
    house_kw: float | None,
) -> _Rooms:
    if house is None:
        # A slow meter's power, cars included, is the least that the house is credited with.
        seen_kw = meter_kw(readings.meter)
        limits = blind_limits(site, orders, seen, seen_kw, house_kw, released)
        return _Rooms(fall=limits, rise=limits)
    assumed = house.assumed_split
    return _Rooms(
        fall=limits_of(
            site, house.fall, ceilings.fall, released,
            surplus_kw=house.surplus_kw, assumed_split=assumed,
        ),
        rise=limits_of(
            site, house.rise, ceilings.rise, released,
            surplus_kw=house.surplus_low_kw, assumed_split=assumed,
        ),
    )  # fmt: skip


def _order_chargers(
    site: ControlSite,
    views: Sequence[View],
    wishes: Sequence[Wish],
    memories: dict[str, ChargerMemory],
    rooms: _Rooms,
    seen: Sight,
    now: datetime,
) -> tuple[dict[str, ChargerSetpoint], dict[str, ChargerMemory], list[Use]]:
    """Return setpoints, memories and what each charger may draw, or needs for a goal.

    Falls come first, so that a rise knows of them; then the most pressing rises.
    """
    by_id = {v.id: v for v in views}
    shares = _shares(wishes, rooms.fall, views)
    may_draw = {v.id: _may_draw(site, v, v.ordered_a, v.memory.phases) for v in views}
    setpoints: dict[str, ChargerSetpoint] = {}
    for view in views:
        if not view.order.smart:
            setpoints[view.id] = ChargerSetpoint(
                current_a=view.ordered_a, reason=Reason.RELEASED, release=True
            )
            memories[view.id] = view.memory
            may_draw[view.id] = Use(phase_a=(0.0,) * site.grid.topology.phases, kw=0.0)

    def rises(wish: Wish) -> bool:
        return shares[wish.charger].current_a > memories[wish.charger].ordered_a

    for wish in sorted(wishes, key=lambda w: (rises(w), w.rank, w.turn, w.charger)):
        view, memory = by_id[wish.charger], memories[wish.charger]

        def room(asked: Wish) -> tuple[float, str | None]:
            others = [(c, use) for c, use in may_draw.items() if c != asked.charger]
            return ceiling_a(asked, rooms.rise, others)

        order = pace(view, memory, wish, shares[wish.charger], room, now)
        memories[view.id] = note(view, memory, order, wish, may_draw[view.id], now)
        after = _may_draw(site, view, order.current_a, order.phases)
        falls = order.current_a < view.ordered_a or order.phases != view.memory.phases
        may_draw[view.id] = after.highest(may_draw[view.id]) if falls else after
        setpoints[view.id] = ChargerSetpoint(
            current_a=order.current_a,
            phases=order.phases if len(view.spec.phases) > 1 else None,
            reason=_reason(wish, order, seen),
            urgent=order.urgent,
            limit=order.limit,
        )
    wanted = {w.charger: w.use(w.want_a) for w in wishes if w.rank in WITH_GOAL}
    uses = [use.highest(wanted.get(c, use)) for c, use in may_draw.items()]
    return setpoints, memories, uses


def _shares(
    wishes: Sequence[Wish], limits: Sequence[Limit], views: Sequence[View]
) -> dict[str, Share]:
    """Return every charger's share beside those that draw what they like.

    A charger that had time to follow its order and draws more is counted at its real draw; its
    own order stays what would be fair.
    """
    unruly = {v.id: v.now_use for v in views if v.order.smart and v.overdue and v.beyond}
    shares = share(wishes, limits)
    if not unruly:
        return shares
    obedient = [w for w in wishes if w.charger not in unruly]
    return shares | share(obedient, reserved(limits, list(unruly.items())))


def _may_draw(site: ControlSite, view: View, current_a: float, phases: int) -> Use:
    """Return the most that a charger draws until its order is known to hold."""
    active = active_phases(site.grid, phases, view.order.vehicle_max_phases)
    use = use_of(site.grid, view.spec, active, current_a).highest(view.now_use)
    if not view.fresh:
        offered = max(current_a, view.reading.limit_a or 0.0)
        use = use.highest(use_of(site.grid, view.spec, active, offered))
    if not view.settled and view.memory.before is not None:
        use = use.highest(view.memory.before)
    return use


def _reason(wish: Wish, order: Pace, seen: Sight) -> Reason:
    if wish.want_a <= 0:
        return wish.reason
    if seen is not Sight.CLEAR:
        return Reason.STALE
    if order.current_a > 0:
        return wish.reason
    if order.limit is not None:
        return Reason.PEAK if order.limit == PEAK else Reason.LIMIT
    return Reason.WAITING
