"""One home of any length for tests and trials: two cars, a battery, sun and a capacity tariff."""

from datetime import UTC, datetime, timedelta
from math import cos, exp, pi, sin

from custom_components.smart_charging.core.grid import Grid, Topology
from custom_components.smart_charging.core.planner import (
    Battery,
    Charger,
    Goal,
    GoalKind,
    PeakTariff,
    Problem,
    Stay,
    Vehicle,
    slot_bounds,
)

NOW = datetime(2026, 4, 14, 15, 30, tzinfo=UTC)
"""A Tuesday late afternoon in Brussels."""

SEASONS = {
    # Mean price, swing of the day, peak of the sun in kW.
    "spring": (0.16, 0.09, 4.2),
    "winter": (0.29, 0.08, 1.1),
    "summer": (0.14, 0.12, 5.8),
    "negative": (0.03, 0.13, 5.0),
}


def home(
    season: str, *, hours: int = 48, step_a: float = 0.0, three_phase: bool = False
) -> Problem:
    """Return a home with two cars, a battery, sun and a capacity tariff."""
    slots = slot_bounds(NOW, hours)
    mean, swing, sun = SEASONS[season]
    begin = [(at - NOW.replace(hour=0, minute=0)).total_seconds() / 3600 for at in slots[:-1]]
    price = [
        round(
            mean
            + swing * (0.7 * sin(2 * pi * (h - 13) / 24) * -1 + 0.5 * cos(4 * pi * (h - 19) / 24))
            + 0.013 * sin(1.7 * h),
            5,
        )
        for h in begin
    ]
    pv = [
        round(max(0.0, sun * exp(-(((h % 24) - 11.5) ** 2) / 9) * (1 + 0.25 * sin(5.3 * h))), 4)
        for h in begin
    ]
    load = [
        round(
            0.32
            + 0.9 * exp(-(((h % 24) - 17.5) ** 2) / 3)
            + 0.5 * exp(-(((h % 24) - 6) ** 2) / 1.5)
            + 0.12 * sin(9.1 * h) ** 2,
            4,
        )
        for h in begin
    ]

    def at(hours_on: float) -> datetime:
        return NOW + timedelta(hours=hours_on)

    phases = (3,) if three_phase else (1,)
    return Problem(
        now=NOW,
        time_zone="Europe/Brussels",
        slots=slots,
        import_price=tuple(price),
        export_price=tuple(round(x - 0.06, 5) for x in price),
        estimated=tuple(h > 32 for h in begin),
        load_kw=tuple(load),
        pv_kw=tuple(pv),
        grid=Grid(topology=Topology.THREE_400, fuse_a=40)
        if three_phase
        else Grid(topology=Topology.SINGLE_230, fuse_a=63),
        peak=PeakTariff(price_per_kw=4.2, floor_kw=2.5, month_peak_kw=3.6),
        chargers=(
            Charger(id="garage", max_a=32 if not three_phase else 16, phases=phases, step_a=step_a),
            Charger(id="drive", max_a=16, phases=phases, step_a=step_a),
        ),
        vehicles=(
            Vehicle(
                id="big",
                capacity_kwh=77,
                soc=0.42,
                stays=(
                    Stay(charger="garage", start=at(0), end=at(15.5)),
                    Stay(charger="garage", start=at(25), end=at(hours)),
                ),
                goals=(
                    Goal(by=at(15.5), kind=GoalKind.READY_BY, soc=0.8),
                    Goal(by=at(min(39.5, hours)), kind=GoalKind.READY_BY, soc=0.9),
                ),
            ),
            Vehicle(
                id="small",
                capacity_kwh=40,
                soc=0.5,
                opportunistic=True,
                stays=(Stay(charger="drive", start=at(3), end=at(min(44, hours))),),
                goals=(Goal(by=at(16), kind=GoalKind.TRIP, soc=0.7),),
            ),
        ),
        batteries=(
            Battery(
                id="store",
                capacity_kwh=10,
                soc=0.35,
                max_charge_kw=4,
                max_discharge_kw=4,
                wear_price=0.01,
                may_feed_cars=True,
                may_export=True,
            ),
        ),
    )


def evenings() -> dict[str, Problem]:
    """Return the home in each season, with whole amperes and on three phases."""
    found = {season: home(season) for season in SEASONS}
    found["spring, whole amperes"] = home("spring", step_a=1.0)
    found["summer, three phases"] = home("summer", three_phase=True)
    return found
