"""Whether what runs keeps below every limit: chargers run at whole steps, not at mean powers."""

from math import floor

import numpy as np

from .commands import STEP_SLACK, command_a
from .needs import Needs
from .prepare import Prepared
from .presence import TINY, PluggedSlot, Series
from .rounding import OFF, Pattern
from .solution import Solution, given_line_a
from .weights import KIND

SLACK = 1e-3
"""kW or A above a limit that are rounding."""


def tighten(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    pattern: Pattern,
    solution: Solution,
    *,
    pin: bool,
    everything: bool,
) -> bool:
    """Lower the charges whose running current would exceed a limit, to a whole step.

    With `pin` they stay there, with `everything` so do all others: what one slot gives up may
    otherwise wander from slot to slot. Return whether anything was lowered;
    the pattern must then be solved again.
    """
    extra_kw: dict[int, float] = {}
    raised: dict[int, list[tuple[int, int, float]]] = {}
    running: dict[tuple[int, int], float] = {}
    at: dict[int, list[tuple[int, int]]] = {}
    for v, need in enumerate(needs):
        for i, plugged in enumerate(need.slots):
            mean = float(solution.charge[v][i])
            if mean <= TINY:
                continue
            charger = prepared.problem.chargers[plugged.charger]
            setting = plugged.settings[int(solution.setting[v][i])]
            amperes = command_a(charger, plugged, setting, mean)
            kw = min(amperes * setting.kw_per_a, max(setting.max_kw, mean / plugged.share))
            running[v, i] = kw
            at.setdefault(plugged.slot, []).append((v, i))
            if kw > mean / plugged.share + 10 * TINY:
                extra_kw[plugged.slot] = extra_kw.get(plugged.slot, 0.0) + kw - mean
                raised.setdefault(plugged.slot, []).append((v, i, kw))
    changed = False
    for t, charges in raised.items():
        excess, circuit = _excess(prepared, needs, solution, t, extra_kw[t], at[t], running)
        if excess <= 0 and not circuit and not everything:
            continue
        if not pin and not circuit and _battery_gives_way(pattern, solution, t, excess):
            changed = True
            continue
        if everything:
            for v, i, _ in charges:
                _lower(prepared, needs[v].slots[i], pattern, solution, v, i, pin=True)
        else:
            # Whoever is in least need gives way, whether or not it is the one on part current.
            v, i = min(at[t], key=lambda x: (_urgency(needs[x[0]]), -x[0]))
            part = any((v, i) == (w, j) for w, j, _ in charges)
            _lower(
                prepared,
                needs[v].slots[i],
                pattern,
                solution,
                v,
                i,
                pin=pin,
                less_kw=0.0 if part else extra_kw[t],
            )
        changed = True
    if changed and everything:
        for v, i in running:
            if (v, i) not in pattern.pinned and pattern.state[v][i] != OFF:
                pattern.pinned[v, i] = float(solution.charge[v][i])
    return changed


def _urgency(need: Needs) -> float:
    """Return the rank of a vehicle's most pressing open goal, 0 for none."""
    return max((KIND[d.goal.kind] for d in need.demands if not d.past), default=0.0)


def _excess(
    prepared: Prepared,
    needs: tuple[Needs, ...],
    solution: Solution,
    t: int,
    extra_kw: float,
    charges: list[tuple[int, int]],
    running: dict[tuple[int, int], float],
) -> tuple[float, bool]:
    """Return by how many kW, spread evenly, the site is over its limits, and if a circuit is."""
    most = prepared.import_limit + prepared.breach_kw + float(prepared.over[t])
    excess = float(solution.imported[t]) + extra_kw - most
    spread = prepared.line_a_per_kw * (
        sum(float(x[t]) for x in solution.battery_in)
        - sum(float(x[t]) for x in solution.battery_out)
        + float(solution.curtailed[t])
    )
    current = prepared.line_load_a[:, t] + spread - given_line_a(prepared, needs, solution, t)
    by_charger: dict[int, Series] = {}
    for v, i in charges:
        plugged = needs[v].slots[i]
        setting = plugged.settings[int(solution.setting[v][i])]
        lines = np.array(setting.line_a_per_kw) * running[v, i]
        by_charger[plugged.charger] = lines
        current = current + lines
    over_a = float((current - prepared.line_limit_a[:, t]).max())
    excess = max(excess, over_a / prepared.line_a_per_kw)
    circuits = any(
        float(sum((x for c, x in by_charger.items() if c in members), np.zeros(len(current))).max())
        > max(circuit.fuse_a, 0.0) + SLACK
        for circuit, members in prepared.circuits
    )
    return (excess if excess > SLACK else 0.0), circuits


def _battery_gives_way(pattern: Pattern, solution: Solution, t: int, excess_kw: float) -> bool:
    """Let batteries charge less where that makes room, and return whether it does."""
    charging = [float(x[t]) for x in solution.battery_in]
    if sum(charging) < excess_kw:
        return False
    for b, kw in enumerate(charging):
        if kw > TINY:
            pattern.battery_cap[b, t] = max(0.0, kw - excess_kw)
            excess_kw -= min(kw, excess_kw)
    return True


def _lower(
    prepared: Prepared,
    plugged: PluggedSlot,
    pattern: Pattern,
    solution: Solution,
    v: int,
    i: int,
    *,
    pin: bool,
    less_kw: float = 0.0,
) -> None:
    """Cap a charge at the step below its mean, or stop it when that is below the minimum."""
    charger = prepared.problem.chargers[plugged.charger]
    setting = plugged.settings[int(solution.setting[v][i])]
    mean = max(0.0, float(solution.charge[v][i]) - less_kw)
    amperes = mean / plugged.share / setting.kw_per_a
    step = charger.step_a
    below = floor(amperes / step + STEP_SLACK) * step if step > 0 else 0.0
    if below * setting.kw_per_a < setting.min_kw - TINY:
        pattern.state[v][i] = OFF
        pattern.pinned.pop((v, i), None)
        return
    kw = below * setting.kw_per_a * plugged.share
    pattern.cap[v][i] = kw
    if pin:
        pattern.pinned[v, i] = kw
