"""Random sites for property tests: sane types, not always sane values."""

from datetime import UTC, datetime, timedelta

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


def _float(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False).map(lambda x: round(x, 3))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Return a site of any topology with up to two cars and batteries."""
    now = START + timedelta(seconds=draw(st.integers(0, 3600 * 24 * 9)))
    slots = slot_bounds(now, hours=draw(st.sampled_from([1, 2, 5, 8])))
    n = len(slots) - 1

    def series(low: float, high: float) -> tuple[float, ...]:
        # Few distinct values: ties are where planners go wrong.
        levels = draw(st.lists(_float(low, high), min_size=1, max_size=5))
        return tuple(
            levels[i]
            for i in draw(st.lists(st.integers(0, len(levels) - 1), min_size=n, max_size=n))
        )

    def moment() -> datetime:
        return now + timedelta(minutes=draw(st.integers(-90, 60 * 10)))

    topology = draw(st.sampled_from(Topology))
    chargers = tuple(
        Charger(
            id=f"charger {i}",
            min_a=draw(st.sampled_from([6.0, 8.0])),
            max_a=draw(st.sampled_from([10.0, 16.0, 32.0])),
            step_a=draw(st.sampled_from([0.0, 1.0, 0.1])),
            phases=draw(st.sampled_from([(1,), (3,), (1, 3)])),
            switching=draw(st.booleans()),
            phase_map=draw(st.sampled_from([(1, 2, 3), (2, 3, 1)])),
        )
        for i in range(draw(st.integers(0, 2)))
    )

    def goal() -> Goal:
        energy = draw(st.booleans())
        return Goal(
            by=moment(),
            kind=draw(st.sampled_from(GoalKind)),
            soc=None if energy else draw(_float(0, 1.1)),
            energy_kwh=draw(_float(0, 40)) if energy else None,
        )

    def stay() -> Stay:
        start = moment()
        return Stay(
            charger=draw(st.sampled_from([c.id for c in chargers] or ["nowhere"])),
            start=start,
            end=start + timedelta(minutes=draw(st.integers(0, 600))),
        )

    def trip() -> Trip:
        start = moment()
        return Trip(start=start, end=start + timedelta(hours=1), energy_kwh=draw(_float(0, 30)))

    vehicles = tuple(
        Vehicle(
            id=f"car {i}",
            capacity_kwh=draw(_float(10, 90)),
            soc=draw(st.none() | _float(0, 1.05)),
            minimum_soc=draw(_float(0, 0.4)),
            target_soc=draw(_float(0.3, 1)),
            max_phases=draw(st.sampled_from([1, 2, 3])),
            max_a=draw(st.sampled_from([None, 5.0, 12.5, 20.0])),
            taper_soc=draw(st.none() | _float(0.6, 0.95)),
            stays=tuple(stay() for _ in range(draw(st.integers(0, 2)))),
            trips=tuple(trip() for _ in range(draw(st.integers(0, 1)))),
            goals=tuple(goal() for _ in range(draw(st.integers(0, 2)))),
            surplus_only=draw(st.sampled_from([False, False, True])),
            opportunistic=draw(st.booleans()),
        )
        for i in range(draw(st.integers(0, 2)))
    )
    batteries = tuple(
        Battery(
            id=f"battery {i}",
            capacity_kwh=draw(_float(1, 20)),
            soc=draw(_float(0, 1)),
            min_soc=draw(_float(0, 0.4)),
            max_soc=draw(_float(0.5, 1)),
            may_feed_cars=draw(st.booleans()),
            may_charge_from_grid=draw(st.booleans()),
            may_export=draw(st.booleans()),
            wear_price=draw(_float(0, 0.05)),
        )
        for i in range(draw(st.integers(0, 2)))
    )
    return Problem(
        now=now,
        time_zone="Europe/Brussels",
        slots=slots,
        import_price=series(-0.3, 0.6),
        export_price=series(-0.3, 0.5),
        estimated=(False,) * n,
        load_kw=series(0, 9),
        pv_kw=series(0, 9),
        load_share_per_phase=draw(st.sampled_from([(1.0,), (0.5, 0.3, 0.2)])),
        grid=Grid(
            topology=topology,
            fuse_a=draw(st.sampled_from([16.0, 25.0, 40.0])),
            import_limit_kw=draw(st.none() | _float(0, 12)),
            export_limit_kw=draw(st.none() | _float(0, 6)),
            breach_kw=draw(st.sampled_from([0.0, 2.0])),
            breach_price=0.5,
        ),
        circuits=(
            Circuit(
                id="garage",
                name="Garage",
                fuse_a=draw(st.sampled_from([10.0, 20.0, 32.0])),
                chargers=tuple(c.id for c in chargers),
            ),
        )
        if draw(st.booleans())
        else (),
        peak=draw(
            st.none()
            | st.builds(
                PeakTariff,
                price_per_kw=_float(0, 5),
                floor_kw=st.just(2.5),
                month_peak_kw=_float(0, 6),
            )
        ),
        quarter_energy_kwh=draw(_float(0, 1)),
        chargers=chargers,
        vehicles=vehicles,
        batteries=batteries,
        previous=tuple(
            Command(charger=c.id, current_a=draw(st.sampled_from([0.0, 8.0])), phases=1, since=now)
            for c in chargers
        ),
        # Small trees: the properties hold for incumbents too.
        search=Search(nodes=50, solves=12),
    )
