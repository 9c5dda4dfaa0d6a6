"""How much batteries should give: no limit throttles a car with a goal, the house alone passes none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .battery import DWELL_S, STEP_KW, possible_help_kw
from .house import House
from .limits import Ceilings
from .phases import battery_use
from .state import ControlState, Use
from .types import ControlSite, Orders, Readings
from .wish import Rank, Wish

GRACE_S = 15.0
"""Contract and quarter's peak wait so long for a battery that was just asked for more; they bear
it. The fuse, circuits and an outside limit never wait."""

RAISE_KW = 0.3
"""Less than this more is no new request: a battery that gives nothing shall not be waited for."""

MARGIN_KW = 0.1
"""Cars and batteries are a little off what they are told."""

WITH_GOAL = (Rank.MINIMUM, Rank.PRESSING, Rank.GOAL)


@dataclass(frozen=True, kw_only=True)
class Help:
    """What batteries are asked for."""

    power_kw: float = 0.0
    """Discharge."""
    pending_kw: float = 0.0
    """What is asked, not yet there, and may be counted on for the grace."""
    asked_kw: float = 0.0
    """Discharge and the end of a charge together."""
    raised_at: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Base:
    """The house less sun, without cars and batteries."""

    use: Use
    battery_kw: float
    """What batteries take now (+) or give (-)."""


def base_of(site: ControlSite, readings: Readings, house: House) -> Base:
    """Return the house without its batteries."""
    phase_a, total_kw = list(house.fall.phase_a), 0.0
    for spec in site.batteries:
        reading = readings.batteries.get(spec.id)
        if reading is None or reading.power_kw is None:
            continue
        use = battery_use(site.grid, spec.phases, reading.power_kw)
        phase_a = [a - b for a, b in zip(phase_a, use.phase_a, strict=True)]
        total_kw += use.kw
    kw = house.fall.kw - total_kw
    return Base(use=Use(phase_a=tuple(phase_a), kw=kw), battery_kw=total_kw)


def lacking_kw(site: ControlSite, base: Base, ceilings: Ceilings, uses: Sequence[Use]) -> float:
    """Return by how much house and uses together pass the limits, in kW of battery power.

    Negative is room. Conductors that no battery feeds are not counted: none can relieve or load
    them.
    """
    kw = base.use.kw + sum(use.kw for use in uses)
    lacks = []
    feeds = [battery_use(site.grid, spec.phases, 1.0).phase_a for spec in site.batteries]
    for phase, amperes in enumerate(base.use.phase_a):
        per_kw = [feed[phase] for feed in feeds if feed[phase] > 0]
        over_a = amperes + sum(use.phase_a[phase] for use in uses) - site.grid.fuse_a
        if per_kw:
            # Of several batteries the one that relieves it least, or loads it most.
            lacks.append(over_a / (min(per_kw) if over_a > 0 else max(per_kw)))
    if ceilings.contract_kw is not None:
        lacks.append(kw - ceilings.contract_kw - ceilings.breach_kw)
    if ceilings.outside_kw is not None:
        lacks.append(kw - ceilings.outside_kw)
    if ceilings.peak_kw is not None:
        lacks.append(kw - ceilings.peak_kw)
    return max(lacks, default=0.0)


def help_for(
    site: ControlSite,
    orders: Orders,
    readings: Readings,
    state: ControlState,
    base: Base,
    ceilings: Ceilings,
    wishes: Sequence[Wish],
    now: datetime,
) -> Help:
    """Return the help that cars with a goal, or the house by itself, need of the batteries."""
    served = [w for w in wishes if w.rank in WITH_GOAL and w.want_a > 0]
    uses = [w.use(w.want_a) for w in served]
    if served and all(w.rank is Rank.MINIMUM for w in served):
        ceilings = replace(ceilings, peak_kw=None)
    lack = lacking_kw(site, base, ceilings, uses)
    possible = possible_help_kw(site, readings, orders, base.use.kw)
    needed = max(lack, lack + base.battery_kw) > 0 and (bool(uses) or lack > 0)
    if needed and (possible >= STEP_KW or base.battery_kw > 0):
        asked = max(min(lack, possible), -base.battery_kw)
        raised_at = state.help_raised_at
        if raised_at is None or asked > state.help_kw + RAISE_KW:
            raised_at = now
        in_grace = (now - raised_at).total_seconds() <= GRACE_S
        return Help(
            power_kw=min(lack + MARGIN_KW, possible) if lack > 0 else 0.0,
            pending_kw=max(0.0, asked + base.battery_kw) if in_grace else 0.0,
            asked_kw=asked,
            raised_at=raised_at,
            at=now,
        )
    recently = state.help_at is not None and (now - state.help_at).total_seconds() < DWELL_S
    if not recently or possible < STEP_KW:
        return Help()
    return Help(
        power_kw=min(max(lack, STEP_KW), possible),
        raised_at=state.help_raised_at,
        at=state.help_at,
    )
