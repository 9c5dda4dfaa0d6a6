"""From the stays of the vehicles to the slots in which each is plugged in."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

import numpy as np
import numpy.typing as npt

from .presence import NONE, TINY, Flags, Numbers, Plugged, Series, Setting, settings_of
from .problem import Charger, Problem, Stay, Vehicle
from .quarters import MICROSECOND


@dataclass(frozen=True, kw_only=True)
class Room:
    """What the limits leave for one charger when the others are off."""

    kw: Series
    line_a: npt.NDArray[np.float64]
    """Phases x slots."""
    surplus: Series
    """Sun in kW that the house leaves."""
    circuit_a: Mapping[str, float]
    """Fuse of the circuit that each charger is on."""

    def narrow(self, setting: Setting, charger: Charger, slots: Numbers) -> tuple[Series, Flags]:
        """Return the running power in kW that fits in each of `slots`, and whether the least does.

        Below what the setting could use it is a whole step of the charger's current.
        """
        kw = self.kw[slots]
        circuit = self.circuit_a.get(charger.id, inf)
        for phase, per_kw in enumerate(setting.line_a_per_kw):
            if per_kw > 0:
                kw = np.minimum(kw, np.minimum(circuit, self.line_a[phase, slots]) / per_kw)
        whole = kw >= setting.max_kw - TINY
        if bool(whole.all()):
            return np.full(len(slots), setting.max_kw), whole
        if charger.step_a > 0:
            step = charger.step_a * setting.kw_per_a
            kw = np.floor(kw / step + TINY) * step
        fits = whole | (kw >= max(setting.min_kw - TINY, TINY))
        return np.where(whole, setting.max_kw, np.maximum(kw, setting.min_kw)), fits


@dataclass(frozen=True, kw_only=True)
class _Offer:
    """One stay of a vehicle within the plan."""

    vehicle: int
    charger: int
    stay: int
    slots: Numbers
    start_us: int
    end_us: int


def presence(problem: Problem, bounds_us: Numbers, room: Room) -> tuple[Plugged, ...]:
    """Return each vehicle along the slots in which it is plugged in.

    `bounds_us` are the n+1 bounds in microseconds from now. In one slot a charger has one
    vehicle and a vehicle one charger: the longer presence wins, then the order of the problem.
    """
    offers = _without_conflicts(_offers(problem), bounds_us)
    return tuple(
        _plugged(problem, v, [x for x in offers if x.vehicle == v], bounds_us, room)
        for v in range(len(problem.vehicles))
    )


def _offers(problem: Problem) -> list[_Offer]:
    index = {charger.id: i for i, charger in enumerate(problem.chargers)}
    bounds = problem.slots
    found = []
    for v, vehicle in enumerate(problem.vehicles):
        for number, stay in enumerate(vehicle.stays):
            if (c := index.get(stay.charger)) is None or stay.end <= stay.start:
                continue
            first = max(0, bisect_right(bounds, stay.start) - 1)
            last = min(len(bounds) - 1, bisect_left(bounds, stay.end))
            if first < last:
                found.append(
                    _Offer(
                        vehicle=v,
                        charger=c,
                        stay=number,
                        slots=np.arange(first, last),
                        start_us=(stay.start - problem.now) // MICROSECOND,
                        end_us=(stay.end - problem.now) // MICROSECOND,
                    )
                )
    return found


def _without_conflicts(offers: list[_Offer], bounds_us: Numbers) -> list[_Offer]:
    """Give each slot of a charger to one vehicle, and each slot of a vehicle to one charger."""
    if len(offers) < 2:
        return offers
    count = len(bounds_us)
    chargers = np.concatenate([x.slots + count * x.charger for x in offers])
    vehicles = np.concatenate([x.slots + count * x.vehicle for x in offers])
    if max(np.bincount(chargers).max(), np.bincount(vehicles).max()) <= 1:
        return offers
    ranked = sorted(
        (t, -int(hours), x.vehicle, x.charger, x.stay, k)
        for k, x in enumerate(offers)
        for t, hours in zip(x.slots.tolist(), _there_us(x, bounds_us), strict=True)
    )
    taken: set[tuple[int, str, int]] = set()
    kept: list[list[int]] = [[] for _ in offers]
    for t, _, v, c, _, k in ranked:
        if (t, "charger", c) not in taken and (t, "vehicle", v) not in taken:
            taken |= {(t, "charger", c), (t, "vehicle", v)}
            kept[k].append(t)
    return [
        replace(x, slots=np.array(slots)) for x, slots in zip(offers, kept, strict=True) if slots
    ]


def _there_us(offer: _Offer, bounds_us: Numbers) -> Numbers:
    """Return for how long the vehicle is there in each slot."""
    start, end = bounds_us[offer.slots], bounds_us[offer.slots + 1]
    there: Numbers = np.minimum(end, offer.end_us) - np.maximum(start, offer.start_us)
    return np.maximum(there, 0)


def _plugged(
    problem: Problem, v: int, offers: list[_Offer], bounds_us: Numbers, room: Room
) -> Plugged:
    """Return one vehicle along the slots of its offers, in order of time."""
    if not offers:
        return _nowhere()
    vehicle = problem.vehicles[v]
    chargers = [problem.chargers[x.charger] for x in offers]
    lengths = [len(x.slots) for x in offers]
    slot = np.concatenate([x.slots for x in offers])
    share = _share(problem, vehicle, offers, bounds_us)
    offered = [
        _held_to_previous(problem, charger, vehicle, vehicle.stays[x.stay])
        for charger, x in zip(chargers, offers, strict=True)
    ]
    shape = max(len(x) for x in offered), len(slot)
    kinds: list[Setting] = []
    kind, most, limited = np.full(shape, NONE), np.zeros(shape), np.zeros(len(slot), dtype=bool)
    # Stays at one charger mostly come with the same settings.
    same = list(zip((x.charger for x in offers), offered, strict=True))
    for number, settings in dict.fromkeys(same):
        there = [x == (number, settings) for x in same]
        at = slice(None) if all(there) else np.repeat(there, lengths).nonzero()[0]
        found, kw, limited[at] = _fitting(
            settings, problem.chargers[number], vehicle, slot[at], share[at], room
        )
        kind[: len(settings), at] = np.where(found == NONE, NONE, found + len(kinds))
        most[: len(settings), at] = kw
        kinds += settings
    plugged = {
        "slot": slot,
        "charger": np.repeat([x.charger for x in offers], lengths),
        "share": share,
        "limited": limited,
        "stay": np.repeat([x.stay for x in offers], lengths),
        "switching": np.repeat([x.switching for x in chargers], lengths),
        "kind": kind,
        "most_kw": most,
    }
    # Stays that take turns slot by slot are rare.
    if bool((slot[1:] <= slot[:-1]).any()):
        order = np.argsort(slot, kind="stable")
        plugged = {name: x[..., order] for name, x in plugged.items()}
    return Plugged(kinds=tuple(kinds), **plugged)


def _nowhere() -> Plugged:
    """Return a vehicle that is not plugged in."""
    none, no_flags = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    return Plugged(
        slot=none,
        charger=none,
        share=np.zeros(0),
        limited=no_flags,
        stay=none,
        switching=no_flags,
        kinds=(),
        kind=np.zeros((0, 0), dtype=np.int64),
        most_kw=np.zeros((0, 0)),
    )


def _fitting(
    settings: tuple[Setting, ...],
    charger: Charger,
    vehicle: Vehicle,
    slots: Numbers,
    share: Series,
    room: Room,
) -> tuple[Numbers, Series, Flags]:
    """Return which settings fit in each slot and at which power, and where limits hold them down.

    Settings x slots: those that fit come first, in their order; `NONE` and 0 kW after the last.
    """
    kind = np.full((len(settings), len(slots)), NONE)
    most = np.zeros((len(settings), len(slots)))
    highest = np.full(len(slots), -inf)
    for number, setting in enumerate(settings):
        kw, fits = room.narrow(setting, charger, slots)
        highest = np.where(fits, kw, highest)
        if vehicle.surplus_only:
            kw = np.minimum(kw, room.surplus[slots])
            fits = fits & (kw >= max(setting.min_kw - TINY, TINY))
            kw = np.maximum(kw, setting.min_kw)
        fits = fits & (kw > TINY) & (share > TINY)
        kind[number, fits] = number
        most[number, fits] = kw[fits]
    limited = highest < settings[-1].max_kw - TINY
    if len(settings) > 1 and bool((kind == NONE).any()):
        order = np.argsort(kind == NONE, axis=0, kind="stable")
        kind = np.take_along_axis(kind, order, axis=0)
        most = np.take_along_axis(most, order, axis=0)
    return kind, most, limited


def _share(problem: Problem, vehicle: Vehicle, offers: list[_Offer], bounds_us: Numbers) -> Series:
    """Return the part of each slot of the offers in which charging counts.

    A goal within a slot ends it: what comes after would not serve the goal.
    """
    goals = [(goal.by - problem.now) // MICROSECOND for goal in vehicle.goals]
    parts = []
    for offer in offers:
        start, end = bounds_us[offer.slots], bounds_us[offer.slots + 1]
        until = np.minimum(end, offer.end_us)
        for by in goals:
            i = int(np.searchsorted(start, by)) - 1
            if i >= 0 and by < until[i]:
                until[i] = by
        there = np.maximum(until - np.maximum(start, offer.start_us), 0)
        parts.append(there / (end - start))
    found: Series = np.concatenate(parts)
    return found


def _held_to_previous(
    problem: Problem, charger: Charger, vehicle: Vehicle, stay: Stay
) -> tuple[Setting, ...]:
    """Return the settings, held to the running phase count where it may not change."""
    settings = settings_of(charger, vehicle, problem.grid)
    if charger.switching or len(settings) == 1 or not stay.start <= problem.now < stay.end:
        return settings
    running = {p.phases for p in problem.previous if p.charger == charger.id and p.current_a > 0}
    return tuple(s for s in settings if s.phases in running) or settings
