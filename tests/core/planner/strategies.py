"""Random sites for property tests: sane types, not always sane values."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import strategies as st

from custom_components.smart_charging.core.grid import Circuit, Grid, Topology
from custom_components.smart_charging.core.planner import (
    Battery,
    Charger,
    Command,
    Goal,
    GoalKind,
    PeakTariff,
    Problem,
    Search,
    Stay,
    Trip,
    Vehicle,
    slot_bounds,
)

START = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
"""The evening before clocks go back in Europe, a week before a month ends."""


def site(seed: int) -> Problem:
    """Return a site of any topology with up to two cars and batteries."""
    rng = Random(seed)
    now = START + timedelta(seconds=rng.choice([0, rng.randint(0, 3600 * 24 * 9)]))
    slots = slot_bounds(now, hours=rng.choice([1, 2, 5, 8]), minutes=rng.choice([15, 15, 5, 30]))
    n = len(slots) - 1

    def number(low: float, high: float) -> float:
        return round(rng.uniform(low, high), 3)

    def series(low: float, high: float) -> tuple[float, ...]:
        # Few distinct values: ties are where planners go wrong.
        levels = [number(low, high) for _ in range(rng.randint(1, 6))]
        return tuple(rng.choice(levels) for _ in range(n))

    def moment() -> datetime:
        return now + timedelta(minutes=rng.randint(-90, 600))

    chargers = tuple(
        Charger(
            id=f"charger {i}",
            min_a=rng.choice([6.0, 8.0]),
            max_a=rng.choice([10.0, 16.0, 32.0]),
            step_a=rng.choice([0.0, 1.0, 0.1]),
            phases=rng.choice([(1,), (3,), (1, 3)]),
            switching=rng.random() < 0.5,
            phase_map=rng.choice([(1, 2, 3), (2, 3, 1)]),
        )
        for i in range(rng.choice([0, 1, 1, 2, 2]))
    )

    def goal() -> Goal:
        energy = rng.random() < 0.5
        return Goal(
            by=rng.choice([slots[-1], moment(), moment()]),
            kind=rng.choice(list(GoalKind)),
            soc=None if energy else number(0, 1.1),
            energy_kwh=number(0, 40) if energy else None,
        )

    def stay() -> Stay:
        start = rng.choice([now, moment()])
        return Stay(
            charger=rng.choice(chargers).id,
            start=start,
            end=start + timedelta(minutes=rng.choice([480, 133, 0, rng.randint(0, 600)])),
        )

    def trip() -> Trip:
        start = moment()
        return Trip(start=start, end=start + timedelta(hours=1), energy_kwh=number(0, 30))

    return Problem(
        now=now,
        time_zone="Europe/Brussels",
        slots=slots,
        import_price=series(rng.choice([-0.3, 0.02]), 0.6),
        export_price=series(-0.3, 0.5) if rng.random() < 0.5 else series(0, 0.02),
        estimated=(False,) * n,
        load_kw=series(0, rng.choice([2, 9])),
        pv_kw=series(0, rng.choice([0, 5, 9])),
        load_share_per_phase=rng.choice([(1.0,), (0.5, 0.3, 0.2)]),
        grid=Grid(
            topology=rng.choice(list(Topology)),
            fuse_a=rng.choice([16.0, 25.0, 40.0]),
            import_limit_kw=rng.choice([None, number(0, 12)]),
            export_limit_kw=rng.choice([None, number(0, 6)]),
            breach_kw=rng.choice([0.0, 2.0]),
            breach_price=0.5,
        ),
        circuits=(
            Circuit(
                id="garage",
                name="Garage",
                fuse_a=rng.choice([10.0, 20.0, 32.0]),
                chargers=tuple(c.id for c in chargers),
            ),
        )
        if rng.random() < 0.5
        else (),
        peak=PeakTariff(price_per_kw=number(0, 5), month_peak_kw=number(0, 6))
        if rng.random() < 0.5
        else None,
        quarter_energy_kwh=number(0, 1),
        chargers=chargers,
        vehicles=tuple(
            Vehicle(
                id=f"car {i}",
                capacity_kwh=number(10, 90),
                soc=rng.choice([None, number(0, 1.05)]),
                minimum_soc=number(0, 0.4),
                target_soc=number(0.3, 1),
                max_phases=rng.choice([1, 2, 3]),
                max_a=rng.choice([None, 5.0, 12.5, 20.0]),
                taper_soc=rng.choice([None, number(0.6, 0.95)]),
                stays=tuple(stay() for _ in range(rng.choice([0, 1, 1, 2, 2]) if chargers else 0)),
                trips=tuple(trip() for _ in range(rng.randint(0, 1))),
                goals=tuple(goal() for _ in range(rng.choice([0, 1, 1, 2, 2]))),
                surplus_only=rng.random() < 0.2,
                opportunistic=rng.random() < 0.5,
            )
            for i in range(rng.choice([0, 1, 1, 2, 2]))
        ),
        batteries=tuple(
            Battery(
                id=f"battery {i}",
                capacity_kwh=number(1, 20),
                soc=number(0, 1),
                min_soc=number(0, 0.4),
                max_soc=number(0.5, 1),
                may_feed_cars=rng.random() < 0.5,
                may_charge_from_grid=rng.random() < 0.5,
                may_export=rng.random() < 0.5,
                wear_price=number(0, 0.05),
            )
            for i in range(rng.choice([0, 1, 1, 2, 2]))
        ),
        previous=tuple(
            Command(charger=c.id, current_a=rng.choice([0.0, 8.0]), phases=1, since=now)
            for c in chargers
        ),
        # Small trees: the properties hold for incumbents too.
        search=Search(nodes=50, solves=12),
    )


def problems() -> st.SearchStrategy[Problem]:
    """Return random sites; one seed makes one site, which an error message can name."""
    return st.integers(0, 10**9).map(site)
