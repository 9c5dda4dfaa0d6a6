"""The limits that all chargers share, as room that is left beside the house."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .phases import PHASE_KV
from .stale import Sight, house_peaks_a
from .state import Use
from .types import ControlSite, Orders
from .wish import Rank, Wish

PEAK = "peak"
SUN = "sun"

_PLANNED = frozenset({Rank.MINIMUM, Rank.PRESSING, Rank.GOAL, Rank.PLAN})
"""Who may buy import above the contract where that is allowed: the plan knows its price."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Room for chargers: amperes of one phase, or kW."""

    label: str
    room: float
    phase: int | None = None
    """Grid phase whose current is limited; `None` limits the power."""
    members: frozenset[str] | None = None
    """Chargers that it counts; `None` counts all."""
    exempt: frozenset[Rank] = frozenset()
    """Ranks that may pass it, though they count."""

    def taken(self, charger: str, use: Use) -> float:
        """Return how much of the room a use takes."""
        if self.members is not None and charger not in self.members:
            return 0.0
        return use.kw if self.phase is None else use.phase_a[self.phase]

    def binds(self, wish: Wish) -> bool:
        """Tell whether it holds for a wish."""
        return wish.sun if self.label == SUN else wish.rank not in self.exempt


@dataclass(frozen=True, kw_only=True)
class Ceilings:
    """Limits of the site's import in kW, house included; `None` where there is none."""

    contract_kw: float | None = None
    breach_kw: float = 0.0
    outside_kw: float | None = None
    peak_kw: float | None = None


def limits_of(
    site: ControlSite,
    house: Use,
    ceilings: Ceilings,
    released: Sequence[tuple[str, Use]],
    *,
    surplus_kw: float,
    assumed_split: bool = False,
) -> tuple[Limit, ...]:
    """Return all limits beside a house that is seen, hardest first."""
    fuse = site.grid.fuse_a
    several = len(house.phase_a) > 1 and not assumed_split
    return (
        *(
            Limit(label=f"fuse L{p + 1}" if several else "fuse", room=fuse - a, phase=p)
            for p, a in enumerate(house.phase_a)
        ),
        *_circuits(site, released),
        *_powers(ceilings, house.kw),
        Limit(label=SUN, room=surplus_kw),
    )


def blind_limits(
    site: ControlSite,
    orders: Orders,
    sight: Sight,
    seen_kw: float | None,
    house_kw: float | None,
    released: Sequence[tuple[str, Use]],
) -> tuple[Limit, ...]:
    """Return the limits while no meter guards the house.

    Silent meter: what the fuse leaves beside the highest house current of the last 7 days.
    Slow meter: the current that the user allows to all chargers together. Contract and outside
    limit hold with the highest house known. The peak is a mean over a quarter: it is guarded with
    `house_kw`, the house as it was last seen, at its target and no more, whatever the quarter
    began with.
    """
    peaks = house_peaks_a(site, orders.house_peak_a)
    count = site.grid.topology.phases
    if sight is Sight.SLOW:
        room = [min(site.slow_meter_a, site.grid.fuse_a)] * count
    elif peaks is None:
        room = [0.0] * count
    else:
        # Whole amperes, as in `proven_safe_a`.
        room = [float(max(0.0, (site.grid.fuse_a - a) // 1)) for a in peaks]
    known = [sum(peaks) * PHASE_KV] if peaks is not None else []
    known += [seen_kw] if seen_kw is not None else []
    return (
        *(Limit(label=sight.value, room=a, phase=p) for p, a in enumerate(room)),
        *_circuits(site, released),
        *_powers(
            Ceilings(
                contract_kw=site.grid.import_limit_kw,
                breach_kw=site.grid.breach_kw,
                outside_kw=orders.outside_limit_kw,
            ),
            max(0.0, *known) if known else 0.0,
        ),
        *_peak(orders, house_kw),
        Limit(label=SUN, room=0.0),
    )


def _peak(orders: Orders, house_kw: float | None) -> list[Limit]:
    if orders.peak_target_kw is None or house_kw is None:
        return []
    return _powers(Ceilings(peak_kw=orders.peak_target_kw), max(0.0, house_kw))


def reserved(limits: Iterable[Limit], uses: Sequence[tuple[str, Use]]) -> tuple[Limit, ...]:
    """Return the limits less what these uses take."""
    return tuple(
        replace(limit, room=limit.room - sum(limit.taken(charger, use) for charger, use in uses))
        for limit in limits
    )


def ceiling_a(
    wish: Wish, limits: Iterable[Limit], others: Sequence[tuple[str, Use]]
) -> tuple[float, str | None]:
    """Return the current that the others leave to a wish, and the limit that sets it."""
    ceiling, label = wish.want_a, None
    for limit in limits:
        per_a = limit.taken(wish.charger, wish.unit)
        if per_a <= 0 or not limit.binds(wish):
            continue
        left = limit.room - sum(limit.taken(charger, use) for charger, use in others)
        current = left / per_a
        if limit.label == SUN and wish.floor:
            current = max(current, wish.min_a)
        if current < ceiling:
            ceiling, label = current, limit.label
    return wish.floored_a(max(ceiling, 0.0)), label


def _circuits(site: ControlSite, released: Sequence[tuple[str, Use]]) -> list[Limit]:
    limits = []
    for circuit in site.circuits:
        members = frozenset(circuit.chargers) | {
            c.id for c in site.chargers if c.circuit == circuit.id
        }
        for phase in range(site.grid.topology.phases):
            taken = sum(use.phase_a[phase] for charger, use in released if charger in members)
            limits.append(
                Limit(
                    label=f"circuit {circuit.name}",
                    room=circuit.fuse_a - taken,
                    phase=phase,
                    members=members,
                )
            )
    return limits


def _powers(ceilings: Ceilings, house_kw: float) -> list[Limit]:
    limits = []
    if ceilings.contract_kw is not None:
        room = ceilings.contract_kw - house_kw
        if ceilings.breach_kw > 0:
            limits.append(Limit(label="contract", room=room, exempt=_PLANNED))
        limits.append(Limit(label="contract", room=room + ceilings.breach_kw))
    if ceilings.outside_kw is not None:
        limits.append(Limit(label="outside limit", room=ceilings.outside_kw - house_kw))
    if ceilings.peak_kw is not None:
        room = ceilings.peak_kw - house_kw
        limits.append(Limit(label=PEAK, room=room, exempt=frozenset({Rank.MINIMUM})))
    return limits
