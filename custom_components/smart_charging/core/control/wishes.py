"""Turns modes, overrides, goals and the plan into what each charger wishes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from ..reading import ChargerStatus
from ..schedule import ChargerStep, Reason
from .following import enter, follow
from .limits import Limit, ceiling_a
from .phases import active_phases, use_of
from .stale import Sight
from .state import ChargerMemory, Use
from .surplus import sun_answer
from .switching import WISH_S, phases_now
from .types import ControlSite, Mode, Orders, Override
from .views import IDLE_S, SHOWN_A, UNDER_READINGS, View
from .wish import Rank, Wish

PRESSING_H = 1.0
"""With less laxity a goal goes before everything but a minimum SoC: a plan may be an hour old."""

SPILT_KW = 0.1
"""Less export beyond its limit is what a car's whole amperes leave."""

ROTATE_S = 900.0
"""A car that ran for so long hands over to one that waits, where only one can have its minimum."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What all wishes depend on."""

    site: ControlSite
    orders: Orders
    now: datetime
    sight: Sight
    limits: tuple[Limit, ...]
    """By the best estimate."""
    surplus_kw: float
    spare_kw: float
    """What would be exported if no charger drew."""
    views: tuple[View, ...]


def wishes_of(scene: Scene) -> tuple[list[Wish], dict[str, ChargerMemory]]:
    """Return the wish of every charger that we control, and what it remembers of it."""
    wishes, memories = [], {}
    for view in scene.views:
        if view.order.smart:
            wish, memory = _wish(scene, view)
            wishes.append(wish)
            memories[view.id] = memory
    return wishes, memories


def by_sun(scene: Scene, view: View) -> bool:
    """Tell whether a charger runs on sun alone."""
    order = view.order
    if not view.plugged or override_in_force(order.override, scene.now) is not None:
        return False
    if order.vehicle_full or order.below_minimum:
        return False
    if order.mode is Mode.SMART:
        return _step_of(scene, view) is None and not _pressing(view)
    return order.mode in (Mode.SOLAR, Mode.MINIMUM_SOLAR)


def override_in_force(override: Override | None, now: datetime) -> Override | None:
    """Return the override unless its time is over."""
    if override is None or (override.until is not None and override.until <= now):
        return None
    return override


def _wish(scene: Scene, view: View) -> tuple[Wish, ChargerMemory]:
    order, spec = view.order, view.spec
    override = override_in_force(order.override, scene.now)
    if not view.plugged:
        return _nothing(scene, view, Reason.UNPLUGGED)
    if override is not None and override.current_a == 0:
        return _nothing(scene, view, Reason.MANUAL)
    if order.vehicle_full:
        return _nothing(scene, view, Reason.REACHED)
    if override is not None:
        asked = view.max_a if override.current_a is None else override.current_a
        return _full(scene, view, Rank.MANUAL, Reason.MANUAL, max(spec.min_a, asked))
    if order.mode is Mode.OFF:
        return _nothing(scene, view, Reason.OFF)
    if order.below_minimum:
        return _full(scene, view, Rank.MINIMUM, Reason.MINIMUM_SOC, view.max_a)
    if order.mode is Mode.FAST:
        return _full(scene, view, Rank.MANUAL, Reason.MANUAL, view.max_a)
    if order.mode is Mode.SMART:
        return _smart(scene, view)
    return _sun(scene, view, always=order.mode is Mode.MINIMUM_SOLAR)


def _nothing(scene: Scene, view: View, reason: Reason) -> tuple[Wish, ChargerMemory]:
    wish = _make(scene, view, view.memory.phases, Rank.RESTING, reason, 0.0, prompt=True)
    return wish, replace(view.memory, switch_since=None)


def _full(
    scene: Scene, view: View, rank: Rank, reason: Reason, current_a: float
) -> tuple[Wish, ChargerMemory]:
    wished = _most_that_fit(scene, view, rank)
    phases, memory = phases_now(view, view.memory, wished, scene.now)
    return _make(scene, view, phases, rank, reason, current_a, prompt=True), memory


def _smart(scene: Scene, view: View) -> tuple[Wish, ChargerMemory]:
    step, schedule = _step_of(scene, view), scene.orders.schedule
    if step is None or schedule is None:
        return _without_plan(scene, view)
    pressing = _pressing(view)
    planned = Rank.PLAN if view.order.laxity_h is None else Rank.GOAL
    rank = Rank.PRESSING if pressing else planned
    wished, wish_s = step.phases, 0.0
    if step.current_a <= 0 or step.phases not in view.spec.phases:
        wished = view.memory.phases
    elif not _fits(scene, view, step.phases, rank):
        wished, wish_s = min(view.spec.phases), WISH_S
    phases, memory = phases_now(view, view.memory, wished, scene.now, wish_s=wish_s)
    per_a = dict(view.per_a)[phases]
    slot = enter(
        memory.slot, step, schedule.made_at, scene.now, view.now_use.kw, view.max_a * per_a
    )
    asked = follow(
        slot,
        step,
        schedule,
        view.id,
        scene.now,
        ordered_a=memory.ordered_a if phases == memory.phases else 0.0,
        kw=view.now_use.kw,
        kw_per_a=per_a,
        min_a=view.spec.min_a,
        max_a=view.max_a,
        step_a=view.spec.step_a,
        reaction_s=view.spec.reaction_s,
    )
    wish = _make(scene, view, phases, rank, asked.reason, asked.current_a, prompt=pressing)
    memory = replace(memory, slot=slot)
    return (wish, memory) if wish.want_a > 0 else _spilt(scene, view, wish, memory)


def _spilt(
    scene: Scene, view: View, idle: Wish, memory: ChargerMemory
) -> tuple[Wish, ChargerMemory]:
    """Return what a waiting car takes of sun that may not be exported, else its idle wish."""
    limit_kw = scene.site.grid.export_limit_kw
    if limit_kw is None or scene.sight is not Sight.CLEAR or view.order.vehicle_full:
        return idle, memory
    others_kw = sum(
        max(v.now_use.kw, v.ordered_a * v.kw_per_a if not v.settled else 0.0)
        for v in scene.views
        if v.order.smart and v.id != view.id
    )
    left_kw = scene.spare_kw - others_kw
    per_a = dict(view.per_a)[memory.phases]
    over_kw = left_kw - limit_kw
    begun = memory.enough_since is not None or memory.short_since is not None
    if over_kw < SPILT_KW and not (begun and view.running):
        return idle, replace(memory, enough_since=None, short_since=None)
    answer, memory = sun_answer(
        memory,
        left_kw if over_kw >= SPILT_KW else 0.0,
        view.spec.min_a * per_a,
        scene.now,
        always=False,
    )
    if not answer.run:
        return idle, memory
    steps = ceil(max(over_kw, 0.0) / per_a / view.spec.step_a - 1e-6)
    return (
        _make(
            scene, view, memory.phases, Rank.SUN, Reason.SUN,
            min(max(view.spec.min_a, steps * view.spec.step_a), view.max_a),
            sun=True, floor=answer.from_grid,
        ),
        memory,
    )  # fmt: skip


def _without_plan(scene: Scene, view: View) -> tuple[Wish, ChargerMemory]:
    """Return the wish of a smart charger without a plan: careful with money, safe for the goal.

    A pressing goal charges at once, any other goal at the minimum with what sun there is, and
    without a goal there is sun only.
    """
    if _pressing(view):
        return _full(scene, view, Rank.PRESSING, Reason.GOAL, view.max_a)
    wish, memory = _sun(scene, view, always=view.order.laxity_h is not None)
    return wish, replace(memory, slot=None)


def _sun(scene: Scene, view: View, *, always: bool) -> tuple[Wish, ChargerMemory]:
    if scene.sight is not Sight.CLEAR and not always:
        wish, memory = _nothing(scene, view, Reason.STALE)
        return wish, replace(memory, enough_since=None, short_since=None)
    pool = scene.surplus_kw - sum(
        max(v.now_use.kw, v.ordered_a * v.kw_per_a if not v.settled else 0.0)
        for v in scene.views
        if v.order.smart and not by_sun(scene, v)
    )
    suns = sorted(
        (v for v in scene.views if v.order.smart and by_sun(scene, v)),
        key=lambda v: (_idle(v, scene.now), _turn(v, scene.now), v.id),
    )
    others = [v for v in suns if v.id != view.id]
    low, high = min(view.spec.phases), max(view.spec.phases)
    per_a = dict(view.per_a)
    beside = pool - sum(v.ordered_a * v.kw_per_a for v in others if v.running)
    carries = beside >= view.spec.min_a * per_a[high] - 1e-6
    wished = high if carries and _fits(scene, view, high, Rank.SUN) else low
    phases, memory = phases_now(view, view.memory, wished, scene.now)
    earlier = suns[: [v.id for v in suns].index(view.id)]
    left = pool - sum(v.spec.min_a * v.kw_per_a for v in earlier)
    minimum_kw = view.spec.min_a * per_a[phases]
    answer, memory = sun_answer(memory, left, minimum_kw, scene.now, always=always)
    reason = Reason.SUN if answer.enough or not always else Reason.MANUAL
    if always and view.order.mode is Mode.SMART and not answer.enough:
        reason = Reason.GOAL
    if not answer.run:
        reason = Reason.WAITING
    return (
        _make(
            scene,
            view,
            phases,
            Rank.SUN,
            reason,
            view.max_a if answer.run else 0.0,
            sun=True,
            floor=answer.from_grid,
            prompt=always,
        ),
        memory,
    )


def _make(
    scene: Scene,
    view: View,
    phases: int,
    rank: Rank,
    reason: Reason,
    current_a: float,
    *,
    sun: bool = False,
    floor: bool = False,
    prompt: bool = False,
) -> Wish:
    spec = view.spec
    active = active_phases(scene.site.grid, phases, view.order.vehicle_max_phases)
    wish = Wish(
        charger=view.id,
        rank=rank,
        reason=reason,
        want_a=0.0,
        cap_a=0.0,
        min_a=spec.min_a,
        step_a=spec.step_a,
        phases=phases,
        unit=use_of(scene.site.grid, spec, active, 1.0),
        laxity_h=view.order.laxity_h,
        sun=sun,
        floor=floor,
        prompt=prompt,
        turn=_turn(view, scene.now),
    )
    want = wish.floored_a(min(current_a, view.max_a))
    if want <= 0:
        return wish
    ended = view.reading.status is ChargerStatus.COMPLETE
    if ended:
        # The car ended the charge: it is neither paused (it would start again) nor raised.
        want, reason = max(spec.min_a, min(view.ordered_a, want)), Reason.REACHED
    cap = want
    if view.memory.under >= UNDER_READINGS and view.fresh:
        used = max(view.now_use.phase_a) + SHOWN_A + spec.step_a
        cap = max(spec.min_a, min(want, wish.floored_a(used)))
    if ended or _idle(view, scene.now):
        rank = Rank.RESTING
    return replace(wish, rank=rank, reason=reason, want_a=want, cap_a=cap)


def _most_that_fit(scene: Scene, view: View, rank: Rank) -> int:
    """Return the highest number of phases whose minimum the limits bear, else the lowest."""
    high = max(view.spec.phases)
    return high if _fits(scene, view, high, rank) else min(view.spec.phases)


def _fits(scene: Scene, view: View, phases: int, rank: Rank) -> bool:
    """Tell whether the limits bear the minimum on `phases` beside the minimum of the others."""
    wish = _make(scene, view, phases, rank, Reason.GOAL, view.spec.min_a)
    if wish.want_a <= 0:
        return False
    others: Sequence[tuple[str, Use]] = [
        (v.id, use_of(scene.site.grid, v.spec, v.active, v.spec.min_a))
        for v in scene.views
        if v.order.smart and v.running and v.id != view.id
    ]
    return ceiling_a(wish, scene.limits, others)[0] > 0


def _pressing(view: View) -> bool:
    return view.order.laxity_h is not None and view.order.laxity_h < PRESSING_H


def _step_of(scene: Scene, view: View) -> ChargerStep | None:
    schedule = scene.orders.schedule
    return None if schedule is None else schedule.charger_step(view.id, scene.now)


def _idle(view: View, now: datetime) -> bool:
    since = view.memory.idle_since
    return since is not None and (now - since).total_seconds() >= IDLE_S


def _turn(view: View, now: datetime) -> tuple[int, float]:
    """Return whose turn it is: who runs keeps on for a while, then who waited longest."""
    since = view.memory.running_since
    if not view.running or since is None:
        stopped = view.memory.changed_at
        return (1, 0.0 if stopped is None else stopped.timestamp())
    ran = (now - since).total_seconds()
    return (0, since.timestamp()) if ran < ROTATE_S else (2, since.timestamp())
