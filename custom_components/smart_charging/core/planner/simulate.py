"""The site without the solver: batteries in self-consumption, cars charged as told.

Carries the baseline, the greedy plan and the last plan moved to now. Limits hold here too: a
car gets what house, contract, phases and circuits leave.
"""

import numpy as np

from .needs import Needs
from .prepare import Prepared
from .presence import TINY, PluggedSlot, Series, Setting
from .solution import Solution, setting_for


class Headroom:
    """What the limits leave in each slot, less what has been taken."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        limit = np.maximum(prepared.import_limit, prepared.load - prepared.pv)
        self._kw = limit + prepared.pv - prepared.load
        self._line_a = prepared.line_limit_a - prepared.line_load_a
        self._circuit_a = [
            np.full(prepared.line_load_a.shape[0], max(c.fuse_a, 0.0))[:, None]
            * np.ones(prepared.n)
            for c, _ in prepared.circuits
        ]

    def most(self, plugged: PluggedSlot, setting: Setting) -> float:
        """Return the highest mean power in kW that still fits, 0 when the minimum does not."""
        t = plugged.slot
        kw = min(setting.max_kw * plugged.share, float(self._kw[t]))
        for phase, per_kw in enumerate(setting.line_a_per_kw):
            if per_kw > 0:
                for left in self._currents(plugged):
                    kw = min(kw, plugged.share * float(left[phase, t]) / per_kw)
        return kw if kw >= setting.min_kw * plugged.share - TINY and kw > TINY else 0.0

    def take(self, plugged: PluggedSlot, setting: Setting, kw: float) -> None:
        """Take a mean power; a charge for part of the slot takes its minimum from the limits."""
        t = plugged.slot
        kw = max(kw, setting.min_kw * plugged.share)
        self._kw[t] -= kw
        for phase, per_kw in enumerate(setting.line_a_per_kw):
            for left in self._currents(plugged):
                left[phase, t] -= kw * per_kw / plugged.share

    def _currents(self, plugged: PluggedSlot) -> list[Series]:
        return [self._line_a] + [
            left
            for left, (_, members) in zip(self._circuit_a, self._prepared.circuits, strict=True)
            if plugged.charger in members
        ]


def place(room: Headroom, plugged: PluggedSlot, want_kw: float) -> float:
    """Take up to `want_kw` (mean) from the limits and return what was taken."""
    number = setting_for(plugged, want_kw)
    for setting in reversed(plugged.settings[: number + 1]):
        if (most := room.most(plugged, setting)) > 0:
            kw = min(want_kw, most)
            room.take(plugged, setting, kw)
            return kw
    return 0.0


def on_arrival(prepared: Prepared, needs: tuple[Needs, ...]) -> tuple[Series, ...]:
    """Return the charging of business as usual: full power from arrival until all is charged."""
    room = Headroom(prepared)
    charge = tuple(np.zeros(len(need.slots)) for need in needs)
    charged = [0.0] * len(needs)
    order = sorted(
        (plugged.slot, v, i) for v, need in enumerate(needs) for i, plugged in enumerate(need.slots)
    )
    for t, v, i in order:
        need = needs[v]
        cap = min(need.total_kwh, room_at(need, i))
        want = min(need.slots[i].max_kw, (cap - charged[v]) / float(prepared.hours[t]))
        if want > TINY:
            charge[v][i] = place(room, need.slots[i], want)
            charged[v] += float(charge[v][i] * prepared.hours[t])
    return charge


def room_at(need: Needs, i: int) -> float:
    """Return the AC energy that may be charged in total by plugged slot `i`."""
    return next(
        (kwh for point, kwh in zip(need.points, need.room_kwh, strict=True) if i < point), 0.0
    )


def simulate(prepared: Prepared, needs: tuple[Needs, ...], charge: tuple[Series, ...]) -> Solution:
    """Return what happens when cars charge as told and batteries serve the house."""
    n = prepared.n
    cars = np.zeros(n)
    for need, power in zip(needs, charge, strict=True):
        for i, plugged in enumerate(need.slots):
            cars[plugged.slot] += power[i]
    into = [np.zeros(n) for _ in prepared.batteries]
    out = [np.zeros(n) for _ in prepared.batteries]
    energy = [np.zeros(n) for _ in prepared.batteries]
    held = [b.soc * b.capacity_kwh for b in prepared.batteries]
    balance = prepared.load - prepared.pv + cars
    for t in range(n):
        h = float(prepared.hours[t])
        for i, battery in enumerate(prepared.batteries):
            spare = -float(balance[t])
            if spare > 0:
                free = max(0.0, battery.max_soc * battery.capacity_kwh - held[i])
                gain = battery.charge_efficiency
                power = min(max(battery.max_charge_kw, 0.0), spare, free / (gain * h))
                into[i][t] = power
                held[i] += gain * power * h
                balance[t] += power
            else:
                loss = battery.discharge_efficiency
                usable = max(0.0, held[i] - battery.min_soc * battery.capacity_kwh)
                house = max(0.0, float(balance[t] - (0 if battery.may_feed_cars else cars[t])))
                power = min(max(battery.max_discharge_kw, 0.0), house, usable * loss / h)
                out[i][t] = power
                held[i] -= power * h / loss
                balance[t] -= power
            energy[i][t] = held[i]
    surplus = np.maximum(-balance, 0.0)
    exported = np.minimum(surplus, prepared.export_limit)
    imported = np.maximum(balance, 0.0)
    return Solution(
        imported=imported,
        exported=exported,
        curtailed=surplus - exported,
        breach=np.clip(imported - prepared.import_limit, 0.0, prepared.breach_kw),
        charge=charge,
        setting=tuple(
            np.array(
                [setting_for(s, float(p)) for s, p in zip(need.slots, power, strict=True)],
                dtype=np.int64,
            )
            for need, power in zip(needs, charge, strict=True)
        ),
        battery_in=tuple(into),
        battery_out=tuple(out),
        energy=tuple(energy),
    )
