"""Whether what runs keeps below every limit: chargers run at whole steps, not at mean powers."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor

import numpy as np
import numpy.typing as npt

from .commands import STEP_SLACK, command_a
from .needs import Needs
from .pattern import OFF, Pattern
from .prepare import Prepared
from .presence import TINY, PluggedSlot, Setting
from .problem import Charger
from .solution import Solution, given_line_a
from .weights import KIND

SLACK = 1e-3
"""kW or A above a limit that are rounding."""

RAISED_KW = 10 * TINY
"""A charger that runs this much above the mean of its slot runs at a higher step."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A charge of a slot, as the charger would run it."""

    vehicle: int
    position: int
    plugged: PluggedSlot
    charger: Charger
    setting: Setting
    mean_kw: float
    """While the car is there."""
    running_kw: float
    urgency: float

    def step_below(self, kw: float) -> float:
        """Return the highest power a charger can run at that is not above `kw`; 0 for none."""
        least = self.setting.min_kw
        step = self.charger.step_a * self.setting.kw_per_a
        below = floor(kw / step + STEP_SLACK) * step if step > 0 else kw
        below = min(max(below, least) if kw >= least - TINY else below, self.setting.max_kw)
        return below if below >= least - TINY and below > TINY else 0.0


class SlotLimits:
    """What contract, fuse and circuits leave for the chargers of one slot."""

    def __init__(
        self,
        prepared: Prepared,
        needs: tuple[Needs, ...],
        solution: Solution,
        t: int,
        charges: list[Running],
    ) -> None:
        most = prepared.import_limit + prepared.breach_kw + float(prepared.over[t])
        mean = sum(x.mean_kw * x.plugged.share for x in charges)
        self._kw = most - (float(solution.imported[t]) - mean)
        spread = prepared.line_a_per_kw * (
            sum(float(x[t]) for x in solution.battery_in)
            - sum(float(x[t]) for x in solution.battery_out)
            + float(solution.curtailed[t])
        )
        house_a = prepared.line_load_a[:, t] - given_line_a(prepared, needs, solution, t)
        self._line_a = (prepared.line_limit_a[:, t] - house_a - spread).tolist()
        self._spread_a_per_kw = prepared.line_a_per_kw
        self._circuits = prepared.circuits
        self._charges = charges

    def room_kw(self, k: int, running_kw: list[float]) -> float:
        """Return the highest power that the limits leave charge `k` beside the others."""
        others = [0.0 if j == k else kw for j, kw in enumerate(running_kw)]
        mine = self._charges[k]
        room = self._kw - sum(others)
        for phase, a_per_kw in enumerate(mine.setting.line_a_per_kw):
            if a_per_kw <= 0:
                continue
            used = [
                kw * x.setting.line_a_per_kw[phase]
                for kw, x in zip(others, self._charges, strict=True)
            ]
            room = min(room, (self._line_a[phase] - sum(used)) / a_per_kw)
            for circuit, members in self._circuits:
                if mine.plugged.charger not in members:
                    continue
                theirs = sum(
                    a
                    for a, x in zip(used, self._charges, strict=True)
                    if x.plugged.charger in members
                )
                room = min(room, (max(circuit.fuse_a, 0.0) - theirs) / a_per_kw)
        return room

    def keeps(self, running_kw: list[float]) -> bool:
        """Return whether contract, fuse and circuits hold."""
        if sum(running_kw) - self._kw > SLACK:
            return False
        for phase, room in enumerate(self._line_a):
            currents = [
                kw * x.setting.line_a_per_kw[phase]
                for kw, x in zip(running_kw, self._charges, strict=True)
            ]
            if sum(currents) - room > SLACK * self._spread_a_per_kw:
                return False
            for circuit, members in self._circuits:
                theirs = sum(
                    a
                    for a, x in zip(currents, self._charges, strict=True)
                    if x.plugged.charger in members
                )
                if theirs > max(circuit.fuse_a, 0.0) + SLACK:
                    return False
        return True


def tighten(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    pattern: Pattern,
    solution: Solution,
    *,
    pin: bool,
    everything: bool,
) -> bool:
    """Cap the charges of each slot whose running currents would exceed a limit.

    The caps are whole steps that keep the limits together: whatever the next solve makes of
    them, they hold. With `pin` the charges stay there, with `everything` so do all others: what
    one slot gives up may otherwise wander from slot to slot. Return whether anything changed; the
    pattern must then be solved again.
    """
    changed = False
    for t, charges in _charges(prepared, needs, solution, _raised(prepared, needs, solution)):
        limits = SlotLimits(prepared, needs, solution, t, charges)
        if limits.keeps([x.running_kw for x in charges]):
            continue
        changed = True
        powers = _whole_steps(limits, charges, raise_=not pin)
        if pin:
            _hold_others(pattern, solution, t)
        for x, kw in zip(charges, powers, strict=True):
            v, i = x.vehicle, x.position
            if kw <= 0:
                pattern.state[v][i] = OFF
                pattern.pinned.pop((v, i), None)
                continue
            pattern.cap[v][i] = min(float(pattern.cap[v][i]), kw * x.plugged.share)
            if pin:
                pattern.pinned[v, i] = min(kw, x.mean_kw) * x.plugged.share
    slots = dict(_charges(prepared, needs, solution)) if changed else {}
    if changed and everything:
        for x in (x for charges in slots.values() for x in charges):
            if pattern.state[x.vehicle][x.position] != OFF:
                at = (x.vehicle, x.position)
                pattern.pinned.setdefault(at, x.mean_kw * x.plugged.share)
    if changed and not pin:
        _close_doors(prepared, needs, pattern, solution, slots)
    return changed


def _close_doors(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    pattern: Pattern,
    solution: Solution,
    slots: dict[int, list[Running]],
) -> None:
    """Cap the charges of all slots that could exceed a limit next, by taking what one gave up."""
    for t, charges in slots.items():
        if any(x.charger.step_a <= 0 for x in charges):
            continue
        caps = [
            float(pattern.cap[x.vehicle][x.position]) / x.plugged.share
            if pattern.state[x.vehicle][x.position] != OFF
            else 0.0
            for x in charges
        ]
        limits = SlotLimits(prepared, needs, solution, t, charges)
        if limits.keeps(caps):
            continue
        for x, kw, cap in zip(
            charges, _whole_steps(limits, charges, raise_=True), caps, strict=True
        ):
            if kw > 0:
                pattern.cap[x.vehicle][x.position] = min(cap, kw) * x.plugged.share


def _raised(
    prepared: Prepared, needs: tuple[Needs, ...], solution: Solution
) -> npt.NDArray[np.bool_]:
    """Return in which slots a charger would run above its mean; see `commands.command_a`."""
    steps, least, most = prepared.charger_currents
    found = np.zeros(prepared.n, dtype=bool)
    for need, charge, setting in zip(needs, solution.charge, solution.setting, strict=True):
        plugged = need.plugged
        runs = charge > TINY
        if not steps.any():
            # Without steps only what is below the least current of some setting.
            runs &= charge < plugged.sure_kw
        at = runs.nonzero()[0]
        if not len(at):
            continue
        number, charger = setting[at], plugged.charger[at]
        mean_kw, per_a = charge[at] / plugged.share[at], plugged.kw_per_a[number, at]
        amperes = mean_kw / per_a
        if steps.any():
            step = np.where(steps[charger] > 0, steps[charger], 1.0)
            whole = np.ceil(amperes / step - STEP_SLACK) * step
            amperes = np.where(steps[charger] > 0, whole, amperes)
        amperes = np.minimum(np.maximum(amperes, least[charger]), most[charger])
        running_kw = np.minimum(amperes * per_a, np.maximum(plugged.most_kw[number, at], mean_kw))
        found[plugged.slot[at][running_kw > mean_kw + RAISED_KW]] = True
    return found


def _charges(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    solution: Solution,
    where: npt.NDArray[np.bool_] | None = None,
) -> Iterable[tuple[int, list[Running]]]:
    """Return the charges of each slot, or of those in `where`, as they would run."""
    found: dict[int, list[Running]] = {}
    for v, need in enumerate(needs):
        urgency = max((KIND[d.goal.kind] for d in need.demands if not d.past), default=0.0)
        runs = solution.charge[v] > TINY
        if where is not None:
            runs &= where[need.plugged.slot]
        for i in np.flatnonzero(runs).tolist():
            mean = float(solution.charge[v][i])
            plugged = need.plugged.at(i)
            charger = prepared.problem.chargers[plugged.charger]
            setting = plugged.settings[int(solution.setting[v][i])]
            amperes = command_a(charger, plugged, setting, mean)
            mean_kw = mean / plugged.share
            found.setdefault(plugged.slot, []).append(
                Running(
                    vehicle=v,
                    position=i,
                    plugged=plugged,
                    charger=charger,
                    setting=setting,
                    mean_kw=mean_kw,
                    running_kw=min(amperes * setting.kw_per_a, max(setting.max_kw, mean_kw)),
                    urgency=urgency,
                )
            )
    return found.items()


def _whole_steps(limits: SlotLimits, charges: list[Running], *, raise_: bool) -> list[float]:
    """Return running powers near the means that keep the limits together, 0 where one must stop.

    Whoever is in least need gives way: first down to the least current, then it stops. What is
    left over goes, a step each, to whoever is in most need, and of these has lost most by rounding
    down.
    """
    chosen = [x.step_below(max(x.mean_kw, x.setting.min_kw)) for x in charges]
    order = sorted(range(len(charges)), key=lambda k: (charges[k].urgency, -k))
    for stops in (False, True):
        for k in order:
            if limits.keeps(chosen):
                break
            below = charges[k].step_below(min(chosen[k], limits.room_kw(k, chosen)))
            least = 0.0 if stops else min(chosen[k], charges[k].setting.min_kw)
            chosen[k] = max(below, least)
    lost = sorted(
        range(len(charges)), key=lambda k: (-charges[k].urgency, chosen[k] - charges[k].mean_kw)
    )
    rising = raise_
    while rising:
        rising = False
        for k in lost:
            step = charges[k].charger.step_a * charges[k].setting.kw_per_a
            if chosen[k] <= 0 or step <= 0 or chosen[k] >= charges[k].setting.max_kw - TINY:
                continue
            more = [*chosen]
            more[k] = min(chosen[k] + step, charges[k].setting.max_kw)
            if limits.keeps(more):
                chosen, rising = more, True
    return chosen


def _hold_others(pattern: Pattern, solution: Solution, t: int) -> None:
    """Keep batteries and thrown away sun from taking what the cars give up.

    Where energy costs less than nothing they would, and each lower step would be too high again.
    """
    pattern.waste_cap[t] = min(pattern.waste_cap.get(t, np.inf), float(solution.curtailed[t]))
    for b, into in enumerate(solution.battery_in):
        held = pattern.battery_cap.get((b, t), np.inf)
        pattern.battery_cap[b, t] = min(held, float(into[t]))
