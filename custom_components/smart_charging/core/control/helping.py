"""How much batteries should give so that a car with a goal is not throttled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .battery import DWELL_S, STEP_KW, possible_help_kw
from .house import House
from .limits import Ceilings
from .phases import PHASE_KV
from .state import ControlState, Use
from .types import ControlSite, Orders, Readings
from .wish import Rank, Wish

GRACE_S = 15.0
"""Contract and quarter's peak wait so long for a battery that was just asked; they bear it. The
fuse, circuits and an outside limit never wait."""

WITH_GOAL = (Rank.MINIMUM, Rank.PRESSING, Rank.GOAL)


@dataclass(frozen=True, kw_only=True)
class Help:
    """What batteries are asked for cars."""

    power_kw: float = 0.0
    """Discharge."""
    pending_kw: float = 0.0
    """What is asked, not yet there, and may be counted on for the grace."""
    since: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Base:
    """The house less sun, without cars and batteries."""

    use: Use
    battery_kw: float
    """What batteries take now (+) or give (-)."""


def base_of(house: House, battery_kw: float) -> Base:
    """Return the house without its batteries, whose current is taken to be even over the phases."""
    count = len(house.fall.phase_a)
    per_phase = battery_kw / PHASE_KV / count
    return Base(
        use=Use(
            phase_a=tuple(a - per_phase for a in house.fall.phase_a),
            kw=house.fall.kw - battery_kw,
        ),
        battery_kw=battery_kw,
    )


def lacking_kw(site: ControlSite, base: Base, ceilings: Ceilings, uses: Sequence[Use]) -> float:
    """Return by how much house and uses together pass the limits, in kW; negative is room."""
    kw = base.use.kw + sum(use.kw for use in uses)
    lacks = []
    for phase, amperes in enumerate(base.use.phase_a):
        total = amperes + sum(use.phase_a[phase] for use in uses)
        lacks.append((total - site.grid.fuse_a) * PHASE_KV * len(base.use.phase_a))
    if ceilings.contract_kw is not None:
        lacks.append(kw - ceilings.contract_kw - ceilings.breach_kw)
    if ceilings.outside_kw is not None:
        lacks.append(kw - ceilings.outside_kw)
    if ceilings.peak_kw is not None:
        lacks.append(kw - ceilings.peak_kw)
    return max(lacks)


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
    """Return the help that cars with a goal need of the batteries."""
    served = [w for w in wishes if w.rank in WITH_GOAL and w.want_a > 0]
    uses = [w.use(w.want_a) for w in served]
    if all(w.rank is Rank.MINIMUM for w in served):
        ceilings = replace(ceilings, peak_kw=None)
    lack = lacking_kw(site, base, ceilings, uses) if uses else 0.0
    possible = possible_help_kw(site, readings, orders, base.use.kw)
    needed = max(lack, lack + base.battery_kw) > 0
    if uses and needed and (possible >= STEP_KW or base.battery_kw > 0):
        since = state.help_since or now
        wanted = -min(max(-lack, -possible), base.battery_kw)
        pending = max(0.0, wanted + base.battery_kw)
        in_grace = (now - since).total_seconds() <= GRACE_S
        return Help(
            power_kw=min(max(lack, 0.0), possible),
            pending_kw=pending if in_grace else 0.0,
            since=since,
            at=now,
        )
    recently = state.help_at is not None and (now - state.help_at).total_seconds() < DWELL_S
    if not recently or not uses or possible < STEP_KW:
        return Help()
    return Help(
        power_kw=min(max(lack, STEP_KW), possible), since=state.help_since, at=state.help_at
    )
