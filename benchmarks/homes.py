"""The planner's own problem set: homes of 192 slots over seasons, tariffs and devices.

Made up but seeded and of real sizes: the same homes on every machine. `homes()` gives each with
continuous current above the minimum and one phase count; `homes(discrete=True)` gives the same
homes with whole amperes, and with one or three phases where the charger has three.
"""

from collections.abc import Callable
from dataclasses import replace

from benchmarks import homes_dynamic, homes_fixed
from custom_components.smart_charging.core.planner import Problem

MAKERS: dict[str, Callable[[], Problem]] = {
    "winter, dynamic, battery": homes_dynamic.winter_dynamic,
    "spring, dynamic, peak, two cars": homes_dynamic.spring_two_cars,
    "summer, dynamic, sun beyond goals": homes_dynamic.summer_sun,
    "spring, negative prices, export limit": homes_dynamic.negative_prices,
    "winter, night tariff, two cars": homes_fixed.night_tariff_two_cars,
    "autumn, night tariff, three phases": homes_fixed.night_tariff_three_phase,
    "summer, flat, one car on sun only": homes_fixed.flat_surplus_only,
    "autumn, flat, peak, two cars": homes_fixed.flat_peak,
    "month ends, dynamic, peak, three phases": homes_dynamic.month_end,
    "winter, dynamic, breach, three cars": homes_dynamic.breach_three_cars,
    "summer, export limit, two batteries": homes_dynamic.export_limit,
    "winter, New Zealand half hours": homes_dynamic.new_zealand,
    "autumn, circuit of three cars, three phases": homes_dynamic.shared_circuit,
    "spring, trips between stays, peak": homes_dynamic.trips,
    "winter, taper": homes_dynamic.taper,
    "winter, two batteries, SoC unknown": homes_dynamic.two_batteries,
    "autumn, 3x230, two cars": homes_dynamic.aron,
    "summer, export above import": homes_fixed.export_above_import,
}


def homes(*, discrete: bool = False) -> dict[str, Problem]:
    """Return the homes by name."""
    made = {name: make() for name, make in MAKERS.items()}
    return {name: in_steps(problem) for name, problem in made.items()} if discrete else made


def in_steps(problem: Problem) -> Problem:
    """Return a home with whole amperes, and 1 or 3 phases where its chargers have three."""
    return replace(
        problem,
        chargers=tuple(
            replace(c, step_a=1.0, phases=(1, 3), switching=True)
            if c.phases == (3,)
            else replace(c, step_a=1.0)
            for c in problem.chargers
        ),
    )
