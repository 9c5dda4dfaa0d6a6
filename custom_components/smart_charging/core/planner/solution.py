"""What happens in each slot, wherever it came from, and what it costs."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .needs import Demand, Needs
from .prepare import Prepared
from .presence import TINY, PluggedSlot, Series
from .weights import Weights


class MarginalPrices(Protocol):
    """What one more kWh would cost, in currency per kWh."""

    @property
    def site(self) -> Series:
        """In each slot."""

    @property
    def charge(self) -> tuple[Series, ...]:
        """For each vehicle along its slots."""

    @property
    def battery(self) -> Series:
        """In each slot, for what batteries take or give."""

    @property
    def stored(self) -> tuple[Series, ...]:
        """What a kWh in each battery is worth at the end of each slot."""


@dataclass(frozen=True, kw_only=True)
class Solution:
    """Mean powers in kW per slot."""

    imported: Series
    exported: Series
    curtailed: Series
    breach: Series
    charge: tuple[Series, ...]
    """Per vehicle, along the slots of its needs."""
    setting: tuple[npt.NDArray[np.int64], ...]
    """Per vehicle: which of the slot's settings; -1 where it does not charge."""
    given: tuple[Series, ...]
    """What each vehicle gives back, along the slots of its needs."""
    battery_in: tuple[Series, ...]
    battery_out: tuple[Series, ...]
    energy: tuple[Series, ...]
    """kWh held at the end of each slot, per battery."""
    at_risk: tuple[tuple[int, Demand, float], ...] = ()
    """Vehicle, goal and AC kWh that it misses on a day with little sun; the solver's only."""
    prices: MarginalPrices | None = None
    """From the duals; `None` without a solver."""

    @property
    def marginal(self) -> Series | None:
        """Currency per kWh: what one more kWh in each slot would cost the site."""
        return None if self.prices is None else self.prices.site

    @property
    def charge_marginal(self) -> tuple[Series, ...] | None:
        """The same for each vehicle along its slots: with the fuses on the way to it."""
        return None if self.prices is None else self.prices.charge


def setting_for(plugged: PluggedSlot, power_kw: float, running: int | None = None) -> int:
    """Return which setting carries a mean power, -1 for none; `running` is kept if it can."""
    if power_kw <= TINY or not plugged.settings:
        return -1
    mean = power_kw / plugged.share
    if running is not None and running < len(plugged.settings):
        held = plugged.settings[running]
        if held.min_kw - TINY <= mean <= held.max_kw + TINY:
            return running
    for number, setting in enumerate(plugged.settings):
        if mean <= setting.max_kw + TINY:
            return number
    return len(plugged.settings) - 1


def peaks(prepared: Prepared, imported: Series) -> tuple[float, ...]:
    """Return the highest quarter-hour mean per month in kW, at least what is paid for anyway."""
    found = np.array(prepared.peak_base_kw)
    np.maximum.at(found, prepared.quarters.month, prepared.quarter_means(imported))
    return tuple(found.tolist())


def charged_kwh(prepared: Prepared, need: Needs, charge: Series) -> Series:
    """Return the AC energy of a vehicle in each slot of its needs."""
    return charge * prepared.hours[need.plugged.slot]


def given_kwh(prepared: Prepared, need: Needs, given: Series) -> Series:
    """Return the AC energy that makes up for what a vehicle gives back in each slot."""
    if need.giving is None:
        return np.zeros(len(need.plugged))
    energy = given * prepared.hours[need.plugged.slot]
    return energy * need.giving.out_per_ac / need.vehicle.efficiency


def net_kwh(prepared: Prepared, need: Needs, solution: Solution, v: int) -> Series:
    """Return the AC energy that a vehicle gains in each slot: charged less given back."""
    charged = charged_kwh(prepared, need, solution.charge[v])
    return charged - given_kwh(prepared, need, solution.given[v])


def given_line_a(
    prepared: Prepared, needs: tuple[Needs, ...], solution: Solution, t: int
) -> Series:
    """Return the current in A that vehicles take off each phase in a slot by giving back."""
    found = np.zeros(prepared.line_load_a.shape[0])
    for need, given in zip(needs, solution.given, strict=True):
        if need.giving is not None:
            i = int(np.searchsorted(need.plugged.slot, t))
            if i < len(given) and need.plugged.slot[i] == t and given[i] > TINY:
                found += need.giving.line_a_per_kw[:, i] * given[i] / need.plugged.share[i]
    return found


def money(
    prepared: Prepared, needs: tuple[Needs, ...], weights: Weights, solution: Solution
) -> float:
    """Return what a solution costs in currency, less the value that storages gain.

    Import, export, priced breach, wear, and the rise of each month's peak. Goals that are missed
    do not count: they are shortfalls.
    """
    hours = prepared.hours
    cost = float(
        (prepared.import_price * solution.imported - prepared.export_price * solution.exported)
        @ hours
    )
    cost += max(prepared.problem.grid.breach_price, 0.0) * float(solution.breach @ hours)
    for i, battery in enumerate(prepared.batteries):
        cost += max(battery.wear_price, 0.0) * float(solution.battery_out[i] @ hours)
        gained = float(solution.energy[i][-1]) - battery.soc * battery.capacity_kwh
        cost -= weights.battery_value[i] * gained
    if prepared.peak is not None:
        rises = zip(peaks(prepared, solution.imported), prepared.peak_base_kw, strict=True)
        cost += max(prepared.peak.price_per_kw, 0.0) * sum(x - base for x, base in rises)
    for v, need in enumerate(needs):
        if need.giving is not None:
            energy = float(solution.given[v] @ hours[need.plugged.slot])
            cost += need.giving.wear_price * energy
        if need.may_exceed:
            cost -= weights.extra_value[v] * extra_kwh(prepared, need, solution, v)
    return cost


def extra_kwh(prepared: Prepared, need: Needs, solution: Solution, v: int) -> float:
    """Return the AC energy that a vehicle gets beyond what serves its goals.

    Below 0 where it has given back what it held or was asked to hold at some time.
    """
    energy = net_kwh(prepared, need, solution, v)
    largest = max((d for d in need.demands if not d.past), key=lambda d: d.need_kwh, default=None)
    asked = need.total_kwh
    if largest is not None and largest.need_kwh >= asked - TINY:
        asked = min(asked, float(energy[: largest.point].sum()))
    extra = float(energy.sum()) - asked
    return extra if need.giving is not None else max(0.0, extra)
