"""A plan without the solver: the cheapest slots that are free, most pressing goal first.

Each goal takes as many of its cheapest slots as it needs, below the month's peak where that is
enough, else at the lowest new peak that is. Limits and taper hold as they do in the model.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ..schedule import ChargerStep
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, Numbers, Series
from .problem import GoalKind, Problem
from .result import Plan
from .simulate import Charging, Headroom, Intake, nothing, room_at
from .solution import setting_for
from .weights import KIND

LEVELS = 12
"""Halvings in the search for the lowest peak: to a few watts."""

SHORT_KWH = 1e-4
"""A peak that brings this much less than another counts as bringing the same."""


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """Energy that a vehicle must have charged by a point."""

    vehicle: int
    point: int
    need_kwh: float
    by: datetime
    weight: float
    asap: bool


def cheapest_slots(
    prepared: Prepared, needs: tuple[Needs, ...], start: Charging | None = None
) -> Charging:
    """Return the charging of each vehicle; `start` is kept, and added to where goals need more.

    A slot costs its import price, or its export price where the sun carries the car.
    """
    charging = start or nothing(needs)
    for wish in _wishes(needs):
        lane = _Lane(prepared, needs, charging, wish)
        if lane.reached(lane.kept) < wish.need_kwh - SHORT_KWH:
            charging = lane.meet()
    return charging


def moved(
    problem: Problem, prepared: Prepared, needs: tuple[Needs, ...], last: Plan
) -> Charging | None:
    """Return the charging that the last plan ordered for the slots of this one.

    What a goal asks for beyond it, because it is new or has grown, comes from the cheapest slots.
    `None` when the last plan does not reach the present.
    """
    if not any(flow.start <= problem.now < flow.end for flow in last.flows):
        return None
    charging = nothing(needs)
    for v, need in enumerate(needs):
        asked = np.zeros(len(need.slots))
        for i, plugged in enumerate(need.slots):
            start, end = problem.slots[plugged.slot], problem.slots[plugged.slot + 1]
            step = last.schedule.charger_step(
                problem.chargers[plugged.charger].id, start + (end - start) / 2
            )
            if step is not None and step.vehicle == need.vehicle.id:
                asked[i] = _mean_kw(step)
        everything = _Wish(
            vehicle=v, point=len(asked), need_kwh=0.0, by=problem.now, weight=0.0, asap=False
        )
        charging = _Lane(prepared, needs, charging, everything).along(asked)
    return cheapest_slots(prepared, needs, charging)


def _mean_kw(step: ChargerStep) -> float:
    return step.energy_kwh / ((step.end - step.start).total_seconds() / 3600)


def _wishes(needs: tuple[Needs, ...]) -> list[_Wish]:
    """Return goals, and trips that would run the battery empty, most pressing first."""
    found = [
        _Wish(
            vehicle=v,
            point=demand.point,
            need_kwh=demand.need_kwh,
            by=demand.goal.by,
            weight=KIND[demand.goal.kind],
            asap=demand.asap,
        )
        for v, need in enumerate(needs)
        for demand in need.demands
        if not demand.past
    ]
    found += [
        _Wish(
            vehicle=v,
            point=drive.point,
            need_kwh=drive.need_kwh,
            by=drive.start,
            weight=KIND[GoalKind.REQUEST],
            asap=False,
        )
        for v, need in enumerate(needs)
        for drive in need.drives
    ]
    return sorted(found, key=lambda x: (-x.weight, x.by, x.vehicle))


class _Lane:
    """One vehicle along its slots, beside what all others charge."""

    def __init__(
        self, prepared: Prepared, needs: tuple[Needs, ...], charging: Charging, wish: _Wish
    ) -> None:
        self._prepared, self._charging, self._wish = prepared, charging, wish
        self._v = wish.vehicle
        self._need = needs[self._v]
        self.kept: Series = charging.power[self._v]
        self._hours: list[float] = prepared.hours[self._need.plugged.slot].tolist()
        room = Headroom(prepared)
        cars = np.zeros(prepared.n)
        for v, need in enumerate(needs):
            for i, plugged in enumerate(need.slots):
                if (kw := float(charging.power[v][i])) <= TINY:
                    continue
                cars[plugged.slot] += kw
                if v != self._v:
                    room.take(plugged, plugged.settings[int(charging.setting[v][i])], kw)
        self._most = [[room.most(s, x) for x in s.settings] for s in self._need.slots]
        self._cars = cars
        np.subtract.at(cars, self._need.plugged.slot, self.kept)

    def reached(self, power: Series) -> float:
        """Return the AC energy that powers bring by the point of the wish."""
        point = self._wish.point
        return float(power[:point] @ np.array(self._hours[:point]))

    def meet(self) -> Charging:
        """Return the charging with the wish met, as far as limits and time allow."""
        caps = self._caps(self._level())
        order = self._order()
        need = min(self._wish.need_kwh, self.reached(self._along(order, caps)))
        few, many = 0, len(order)
        while few < many:
            count = (few + many) // 2
            if self.reached(self._along(order[:count], caps)) < need - SHORT_KWH:
                few = count + 1
            else:
                many = count
        power = self._along(order[:few], caps)
        # The dearest slots give back what is too much.
        for i in reversed(order[:few]):
            back = min(self.reached(power) - self._wish.need_kwh, self._added(power, i))
            if back > 0:
                power[i] -= back / self._hours[i]
        return self.along(power)

    def along(self, asked: Series) -> Charging:
        """Return the charging with this vehicle at the powers asked for, where limits let it."""
        power, setting = self._fill(asked, np.full(self._prepared.n, np.inf))
        powers, settings = list(self._charging.power), list(self._charging.setting)
        powers[self._v], settings[self._v] = power, setting
        return Charging(power=tuple(powers), setting=tuple(settings))

    def _added(self, power: Series, i: int) -> float:
        return max(0.0, float(power[i] - self.kept[i])) * self._hours[i]

    def _order(self) -> list[int]:
        """Return the slots before the point, cheapest first; at once means earliest first."""
        slots = self._need.slots[: self._wish.point]
        asap = self._wish.asap
        return sorted(range(len(slots)), key=lambda i: (0.0 if asap else self._price(i), i))

    def _price(self, i: int) -> float:
        plugged, prepared = self._need.slots[i], self._prepared
        price = float(prepared.import_price[plugged.slot])
        if prepared.surplus[plugged.slot] >= plugged.min_kw:
            return min(float(prepared.export_price[plugged.slot]), price)
        return price

    def _level(self) -> float:
        """Return the lowest peak in kW at which the vehicle gets as much as at any."""
        prepared = self._prepared
        if prepared.peak is None:
            return np.inf
        order = self._order()

        def brings(level: float) -> float:
            return self.reached(self._along(order, self._caps(level)))

        need = min(self._wish.need_kwh, brings(np.inf)) - SHORT_KWH
        low, high = min(prepared.peak_base_kw), prepared.import_limit + prepared.breach_kw
        if brings(low) >= need:
            return low
        for _ in range(LEVELS):
            middle = (low + high) / 2
            low, high = (low, middle) if brings(middle) >= need else (middle, high)
        return high

    def _caps(self, level: float) -> Series:
        """Return the power in kW that a peak of `level` leaves the vehicle in each slot."""
        prepared = self._prepared
        if not np.isfinite(level):
            return np.full(prepared.n, np.inf)
        others = np.maximum(prepared.load - prepared.pv + self._cars, 0.0)
        # The house and cars that are planned already may have raised it.
        peaks = np.array(prepared.peak_base_kw)
        quarters = prepared.quarters
        own = np.zeros(prepared.n)
        np.add.at(own, self._need.plugged.slot, self.kept)
        np.maximum.at(peaks, quarters.month, prepared.quarter_means(others + own))
        peaks = np.maximum(peaks, level)
        left = np.bincount(quarters.of_slot, prepared.hours)
        mean = (peaks[quarters.month] * quarters.hours - quarters.prior_kwh) / left
        caps: Series = mean[quarters.of_slot] - (prepared.load - prepared.pv + self._cars)
        return caps

    def _along(self, chosen: list[int], caps: Series) -> Series:
        asked = self.kept.copy()
        for i in chosen:
            asked[i] = np.inf
        return self._fill(asked, caps)[0]

    def _fill(self, asked: Series, caps: Series) -> tuple[Series, Numbers]:
        """Walk through the slots in time; a peak caps only what is added."""
        power = np.zeros(len(asked))
        setting = np.full(len(asked), -1, dtype=np.int64)
        intake = Intake(self._prepared, self._need)
        charged = 0.0
        for i, kw in enumerate(asked.tolist()):
            hours, plugged = self._hours[i], self._need.slots[i]
            want = min(kw, intake.most_kw(i), (room_at(self._need, i) - charged) / hours)
            if want <= TINY:
                continue
            cap = max(float(caps[plugged.slot]), float(self.kept[i]))
            setting[i], power[i] = self._fit(i, want, cap)
            intake.add(i, float(power[i]))
            charged += float(power[i]) * hours
        return power, setting

    def _fit(self, i: int, want_kw: float, cap_kw: float) -> tuple[int, float]:
        """Return setting and mean power next to what is wanted, -1 and 0 where nothing fits."""
        plugged = self._need.slots[i]
        for number in reversed(range(setting_for(plugged, want_kw) + 1)):
            least = plugged.settings[number].min_kw * plugged.share
            most = min(self._most[i][number] * plugged.share, cap_kw)
            # Less than the minimum runs a part of the slot: for a rest, not below a limit.
            if most > TINY and (most >= least - TINY or want_kw <= most):
                return number, min(want_kw, most)
        return -1, 0.0
