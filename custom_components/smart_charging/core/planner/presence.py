"""A vehicle where it is plugged in, and the powers at which it can charge there.

Arrays have one value per *plugged slot*: a slot of the plan in which the vehicle is at a charger.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import inf
from typing import Self

import numpy as np
import numpy.typing as npt

from ..grid import Grid, Topology
from .problem import Charger, Vehicle

type Series = npt.NDArray[np.float64]
type Numbers = npt.NDArray[np.int64]
type Flags = npt.NDArray[np.bool_]

TINY = 1e-6
"""kW, kWh or A below which a value is rounding of the solver."""

NONE = -1
"""Number of a setting that is not there."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One phase count at which a charger can run a given vehicle."""

    phases: int
    """What the charger is set to; the vehicle may use fewer."""
    kw_per_a: float
    min_kw: float
    max_kw: float
    line_a_per_kw: tuple[float, ...]
    """Current on each grid phase per kW."""


@dataclass(frozen=True, kw_only=True)
class PluggedSlot:
    """A vehicle at a charger in one slot. Powers are means over the slot."""

    slot: int
    charger: int
    share: float
    """Part of the slot in which the vehicle is there."""
    settings: tuple[Setting, ...]
    """Settings that the limits leave room for, fewest phases first; none when it must pause."""
    limited: bool
    """The house leaves less room than the charger could use."""
    stay: int
    """Number of the vehicle's stay."""
    switching: bool
    """Whether the phase count may change within the stay."""
    min_kw: float
    """Lowest mean power of a charge that goes on all the time."""
    max_kw: float
    """Highest mean power."""


@dataclass(frozen=True, kw_only=True)
class Plugged:
    """A vehicle along the slots in which it is plugged in, in order of time.

    `slots` shows the same one by one, for what is done rarely.
    """

    slot: Numbers
    charger: Numbers
    share: Series
    limited: Flags
    stay: Numbers
    switching: Flags
    kinds: tuple[Setting, ...]
    """All settings that any charger offers the vehicle, before limits."""
    kind: Numbers
    """Which of `kinds` each setting of a slot is, `NONE` beyond its last; settings x slots."""
    most_kw: Series
    """Running power in kW that the limits leave each setting, 0 beyond the last."""

    def __len__(self) -> int:
        """Return the number of plugged slots."""
        return len(self.slot)

    def head(self, count: int) -> Self:
        """Return the first `count` slots."""
        if count >= len(self):
            return self
        arrays = {name: getattr(self, name)[..., :count] for name in ARRAYS}
        return type(self)(kinds=self.kinds, **arrays)

    @cached_property
    def count(self) -> Numbers:
        """Number of settings of each slot."""
        found: Numbers = np.count_nonzero(self.kind != NONE, axis=0)
        return found

    @cached_property
    def barred(self) -> Flags:
        """Slots in which no setting fits."""
        found: Flags = self.count == 0
        return found

    @cached_property
    def follows(self) -> Flags:
        """Whether each slot but the first goes on where the one before it ends."""
        found: Flags = (self.slot[1:] == self.slot[:-1] + 1) & (self.stay[1:] == self.stay[:-1])
        return found

    @cached_property
    def presence(self) -> list[int]:
        """Number of the unbroken presence that each slot is part of."""
        return [0, *np.cumsum(~self.follows).tolist()] if len(self) else []

    @cached_property
    def least_kw(self) -> Series:
        """Lowest running power in kW of each setting, infinite beyond the last; like `kind`."""
        least: Series = np.array([*(s.min_kw for s in self.kinds), inf])[self.kind]
        return least

    @cached_property
    def kw_per_a(self) -> Series:
        """Power in kW of one ampere of each setting; like `kind`."""
        found: Series = np.array([*(s.kw_per_a for s in self.kinds), 1.0])[self.kind]
        return found

    @cached_property
    def line_a_per_kw(self) -> Series:
        """Current on each grid phase per kW; settings x slots x phases."""
        lines = [s.line_a_per_kw for s in self.kinds]
        lines.append((0.0,) * (len(lines[0]) if lines else 3))
        found: Series = np.array(lines)[self.kind]
        return found

    @cached_property
    def min_kw(self) -> Series:
        """Lowest mean power of a charge that goes on all the time."""
        least = self.least_kw.min(axis=0, initial=inf)
        found: Series = self.share * np.where(least == inf, 0.0, least)
        return found

    @cached_property
    def sure_kw(self) -> Series:
        """Mean power from which on each setting can go on all the time."""
        least = np.where(self.kind == NONE, 0.0, self.least_kw).max(axis=0, initial=0.0)
        found: Series = self.share * least
        return found

    @cached_property
    def max_kw(self) -> Series:
        """Highest mean power."""
        most: Series = self.share * self.most_kw.max(axis=0, initial=0.0)
        return most

    @cached_property
    def slots(self) -> tuple[PluggedSlot, ...]:
        """The same slot by slot."""
        return tuple(self.at(i) for i in range(len(self)))

    def at(self, i: int) -> PluggedSlot:
        """Return one of the slots."""
        return PluggedSlot(
            slot=int(self.slot[i]),
            charger=int(self.charger[i]),
            share=float(self.share[i]),
            settings=tuple(
                _with_max(self.kinds[kind], kw)
                for kind, kw in zip(
                    self.kind[:, i].tolist(), self.most_kw[:, i].tolist(), strict=True
                )
                if kind != NONE
            ),
            limited=bool(self.limited[i]),
            stay=int(self.stay[i]),
            switching=bool(self.switching[i]),
            min_kw=float(self.min_kw[i]),
            max_kw=float(self.max_kw[i]),
        )


ARRAYS = tuple(x.name for x in fields(Plugged) if x.name != "kinds")
"""Fields of `Plugged` that have a value per slot along their last axis."""


def _with_max(setting: Setting, max_kw: float) -> Setting:
    return setting if max_kw == setting.max_kw else replace(setting, max_kw=max_kw)


def line_currents(charger: Charger, phases: int, topology: Topology) -> tuple[float, ...]:
    """Return the current in A that one kW of `charger` on `phases` puts on each grid phase."""
    lines = [0.0] * topology.phases
    per_kw = 1 / topology.charger_kw_per_a(phases)
    used = list(charger.phase_map[:phases]) or [1]
    if topology is Topology.THREE_230 and phases == 1:
        # One phase sits between two lines there: the return current loads the next line.
        used.append(used[0] % topology.phases + 1)
    for phase in used:
        lines[(phase - 1) % topology.phases] += per_kw
    return tuple(lines)


def settings_of(charger: Charger, vehicle: Vehicle, grid: Grid) -> tuple[Setting, ...]:
    """Return the settings that `charger` offers `vehicle`, fewest phases first."""
    found: dict[int, Setting] = {}
    for phases in sorted(set(charger.phases) or {1}):
        used = max(1, min(phases, vehicle.max_phases, grid.topology.phases))
        per_a = grid.topology.charger_kw_per_a(used)
        max_a = max(charger.max_a, 0.0)
        if vehicle.max_a is not None:
            max_a = min(max_a, max(vehicle.max_a, 0.0))
        min_a = min(max(charger.min_a, 0.0), max_a)
        found.setdefault(
            used,
            Setting(
                phases=phases,
                kw_per_a=per_a,
                min_kw=min_a * per_a,
                max_kw=max_a * per_a,
                line_a_per_kw=line_currents(charger, used, grid.topology),
            ),
        )
    return tuple(found[used] for used in sorted(found))


def max_power_kw(charger: Charger, vehicle: Vehicle, grid: Grid) -> float:
    """Return the highest power in kW at which `charger` can run `vehicle`."""
    return max(s.max_kw for s in settings_of(charger, vehicle, grid))
