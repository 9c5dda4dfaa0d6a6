"""The site without the solver: batteries in self-consumption, cars charged as told.

Carries the baseline, the greedy plan and the last plan moved to now. Limits hold here too: a
car gets what house, contract, phases and circuits leave.
"""

from dataclasses import dataclass
from math import floor

import numpy as np
import numpy.typing as npt

from .commands import command_a
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
        """Return the highest running power in kW that still fits, 0 when the minimum does not."""
        t = plugged.slot
        kw = float(self._kw[t])
        for phase, per_kw in enumerate(setting.line_a_per_kw):
            if per_kw > 0:
                for left in self._currents(plugged):
                    kw = min(kw, float(left[phase, t]) / per_kw)
        if kw >= setting.max_kw - TINY:
            return setting.max_kw
        step = self._prepared.problem.chargers[plugged.charger].step_a * setting.kw_per_a
        if step > 0:
            kw = floor(kw / step + TINY) * step
        return kw if kw >= setting.min_kw - TINY and kw > TINY else 0.0

    def take(self, plugged: PluggedSlot, setting: Setting, mean_kw: float) -> None:
        """Take what runs to deliver a mean power: whole steps, and the minimum at least."""
        t = plugged.slot
        charger = self._prepared.problem.chargers[plugged.charger]
        kw = command_a(charger, plugged, setting, mean_kw) * setting.kw_per_a
        kw = max(min(kw, setting.max_kw), mean_kw / plugged.share)
        self._kw[t] -= kw
        for phase, per_kw in enumerate(setting.line_a_per_kw):
            for left in self._currents(plugged):
                left[phase, t] -= kw * per_kw

    def _currents(self, plugged: PluggedSlot) -> list[Series]:
        return [self._line_a] + [
            left
            for left, (_, members) in zip(self._circuit_a, self._prepared.circuits, strict=True)
            if plugged.charger in members
        ]


@dataclass(frozen=True, kw_only=True)
class Charging:
    """Mean power in kW and setting of each vehicle along its slots."""

    power: tuple[Series, ...]
    setting: tuple[npt.NDArray[np.int64], ...]


def nothing(needs: tuple[Needs, ...]) -> Charging:
    """Return charging that has yet to be filled in."""
    return Charging(
        power=tuple(np.zeros(len(need.slots)) for need in needs),
        setting=tuple(np.full(len(need.slots), -1, dtype=np.int64) for need in needs),
    )


def place(
    room: Headroom, needs: tuple[Needs, ...], charging: Charging, v: int, i: int, want_kw: float
) -> None:
    """Charge vehicle `v` in its slot `i` with up to `want_kw`, as far as the limits allow."""
    plugged = needs[v].slots[i]
    want_kw = min(want_kw, plugged.max_kw)
    if want_kw <= TINY:
        return
    for number in reversed(range(setting_for(plugged, want_kw) + 1)):
        setting = plugged.settings[number]
        if (most := room.most(plugged, setting)) > 0:
            kw = min(want_kw, most * plugged.share)
            room.take(plugged, setting, kw)
            charging.power[v][i] = kw
            charging.setting[v][i] = number
            return


class Intake:
    """What a vehicle takes along its slots, in order of time: above its taper less than offered."""

    def __init__(self, prepared: Prepared, need: Needs) -> None:
        self._hours, self._need = prepared.hours, need
        vehicle = need.vehicle
        knee = 1.0 if vehicle.taper_soc is None or vehicle.soc is None else vehicle.taper_soc
        self._knee = knee
        self._slope = 0.9 / (1 - knee) if knee < 1 else 0.0
        self._held = min(vehicle.soc or 0.0, 1.0) * vehicle.capacity_kwh
        self._driven = 0.0

    def most_kw(self, i: int) -> float:
        """Return the highest mean power that the vehicle takes in its slot number `i`.

        Above `taper_soc` it falls on a line to 10 % at full, against the mean of the SoC before
        and after the slot: the row of the model, solved for the power.
        """
        plugged, vehicle = self._need.slots[i], self._need.vehicle
        full = plugged.max_kw
        if not self._slope:
            return full
        driven = float(self._need.trip_kwh[plugged.slot])
        self._held, self._driven = max(0.0, self._held - driven + self._driven), driven
        rise = self._slope * full / vehicle.capacity_kwh
        gain = rise * vehicle.efficiency * float(self._hours[plugged.slot])
        lead = 1.0 - gain / 2 if gain < 1 else 1.0
        left = full * (1 + self._slope * self._knee) - rise * self._held
        return min(full, max(0.0, left / (lead + gain)))

    def add(self, i: int, mean_kw: float) -> None:
        """Charge slot number `i` with a mean power."""
        hours = float(self._hours[self._need.slots[i].slot])
        self._held += mean_kw * hours * self._need.vehicle.efficiency


def on_arrival(prepared: Prepared, needs: tuple[Needs, ...]) -> Charging:
    """Return the charging of business as usual: full power from arrival until all is charged."""
    room = Headroom(prepared)
    charging = nothing(needs)
    charged = [0.0] * len(needs)
    intakes = [Intake(prepared, need) for need in needs]
    order = sorted(
        (plugged.slot, v, i) for v, need in enumerate(needs) for i, plugged in enumerate(need.slots)
    )
    for t, v, i in order:
        cap = min(needs[v].total_kwh, room_at(needs[v], i))
        want = min((cap - charged[v]) / float(prepared.hours[t]), intakes[v].most_kw(i))
        place(room, needs, charging, v, i, want)
        intakes[v].add(i, float(charging.power[v][i]))
        charged[v] += float(charging.power[v][i] * prepared.hours[t])
    return charging


def room_at(need: Needs, i: int) -> float:
    """Return the AC energy that may be charged in total by plugged slot `i`."""
    return next(
        (kwh for point, kwh in zip(need.points, need.room_kwh, strict=True) if i < point), 0.0
    )


def simulate(prepared: Prepared, needs: tuple[Needs, ...], charging: Charging) -> Solution:
    """Return what happens when cars charge as told and batteries serve the house."""
    n = prepared.n
    cars = np.zeros(n)
    for need, power in zip(needs, charging.power, strict=True):
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
                kw = min(max(battery.max_charge_kw, 0.0), spare, free / (gain * h))
                into[i][t] = kw
                held[i] += gain * kw * h
                balance[t] += kw
            else:
                loss = battery.discharge_efficiency
                usable = max(0.0, held[i] - battery.min_soc * battery.capacity_kwh)
                house = max(0.0, float(balance[t] - (0 if battery.may_feed_cars else cars[t])))
                kw = min(max(battery.max_discharge_kw, 0.0), house, usable * loss / h)
                out[i][t] = kw
                held[i] -= kw * h / loss
                balance[t] -= kw
            energy[i][t] = held[i]
    surplus = np.maximum(-balance, 0.0)
    exported = np.minimum(surplus, prepared.export_limit)
    imported = np.maximum(balance, 0.0)
    return Solution(
        imported=imported,
        exported=exported,
        curtailed=surplus - exported,
        breach=np.clip(imported - prepared.import_limit, 0.0, prepared.breach_kw),
        charge=charging.power,
        setting=charging.setting,
        given=tuple(np.zeros(len(need.plugged)) for need in needs),
        battery_in=tuple(into),
        battery_out=tuple(out),
        energy=tuple(energy),
    )
