"""The upper bands of the picture: prices, and energy in and out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from custom_components.smart_charging.core.planner import Plan, Problem

from .colours import car_class
from .drawing import Box, Drawing, fitted, overlaps, stair, steps, width_of
from .runs import hours
from .scales import TimeScale, ValueScale, price_range

LEFT, RIGHT = 176.0, 1150.0
"""Where time begins and ends."""

PRICE_HEIGHT = 110.0
ENERGY_HEIGHT = 230.0

SWATCH = 12.0


@dataclass(frozen=True, kw_only=True)
class Key:
    """One entry of a legend: a name, and the classes of its swatch."""

    name: str
    kind: str
    line: bool = False


def heading(drawing: Drawing, y: float, words: str, keys: Iterable[Key]) -> float:
    """Write a band's heading with its legend; return where the band begins."""
    drawing.text(24, y, words, "ink bold", size=13)
    x = start = max(LEFT, 24 + width_of(words, 13) + 24)
    for key in keys:
        name = fitted(key.name, 180)
        wide = SWATCH + 6 + width_of(name) + 18
        if x + wide > RIGHT + 18 and x > start:
            x, y = start, y + 18
        middle = y - 4.5
        if key.line:
            drawing.line(x, middle, x + SWATCH + 4, middle, key.kind)
            x += 4
            wide -= 4
        else:
            for each in key.kind.split("+"):
                drawing.rect((x, y - 10, x + SWATCH, y + 2), each, radius=2)
        drawing.text(x + SWATCH + 6, y, name, "dim", tip=key.name if name != key.name else "")
        x += wide
    return y + 12


def ground(drawing: Drawing, time: TimeScale, top: float, bottom: float) -> None:
    """Draw what lies behind a band: nights, and lines at the marked times."""
    drawing.rect((time.left, top, time.right, bottom), "panel")
    for left, right in time.nights():
        drawing.rect((left, top, right, bottom), "night")
    for at, midnight in time.ticks():
        x = time.x(at)
        drawing.line(x, top, x, bottom, "thin axis" if midnight else "thin grid")


def clock(drawing: Drawing, time: TimeScale, y: float) -> float:
    """Write the time axis, days above hours; return its lower end."""
    ticks = time.ticks()
    days = [(time.x(at), at) for at, midnight in ticks if midnight]
    first = time.begin.astimezone(time.zone)
    if not days or days[0][0] - time.left > 62:
        days.insert(0, (time.left, first))
    edge = 0.0
    for x, at in days:
        words = f"{at:%a %d %b}"
        if x >= edge and x + width_of(words) <= time.right + 20:
            drawing.text(x + (0 if x == time.left else 4), y + 12, words, "ink bold")
            edge = x + width_of(words) + 14
    edge = 0.0
    for at, _ in ticks:
        x, words = time.x(at), f"{at:%H:%M}"
        half = width_of(words, 11) / 2
        if x - half >= edge:
            drawing.text(x, y + 28, words, "dim", size=11, anchor="middle")
            edge = x + half + 6
    return y + 34


def price_band(drawing: Drawing, problem: Problem, time: TimeScale, y: float) -> float:
    """Draw import and export prices; return the band's lower end."""
    imports, exports = problem.import_price, problem.export_price
    keys = [Key(name="import", kind="wide s-import", line=True)]
    keys.append(Key(name="export", kind="wide dashed s-export-line", line=True))
    if any(problem.estimated):
        keys.append(Key(name="estimated", kind="panel+hatched"))
    top = heading(drawing, y, "Price per kWh", keys)
    bottom = top + PRICE_HEIGHT
    low, high = price_range([*imports, *exports])
    scale = ValueScale(low=low, high=high, top=top, bottom=bottom)
    ground(drawing, time, top, bottom)
    xs = [time.x(at) for at in problem.slots]
    for estimated, group in groupby(range(len(imports)), key=lambda i: problem.estimated[i]):
        if estimated:
            at = list(group)
            drawing.rect(
                (xs[at[0]], top, xs[at[-1] + 1], bottom), "hatched", tip="prices are estimated"
            )
    marks(drawing, time, scale)
    n = len(imports)
    zero = [scale.y(0.0)] * n
    ys = [scale.y(price) for price in imports]
    drawing.path(steps(xs, zero, ys), "import soft", closed=True)
    drawing.path(
        [list(stair(xs, [scale.y(p) for p in exports], 0, n))],
        "wide dashed s-export-line",
        closed=False,
    )
    drawing.path([list(stair(xs, ys, 0, n))], "wide s-import", closed=False)
    _spikes(drawing, imports, xs, scale)
    return bottom


def _spikes(
    drawing: Drawing, prices: Sequence[float], xs: Sequence[float], scale: ValueScale
) -> None:
    """Write out import prices that are cut off, the extreme of each stretch."""
    taken: list[Box] = []
    for side, group in groupby(
        range(len(prices)), key=lambda i: (prices[i] > scale.high) - (prices[i] < scale.low)
    ):
        if not side:
            continue
        at = max(group, key=lambda i: abs(prices[i]))
        words = f"{'▲' if side > 0 else '▼'} {prices[at]:.2f}"
        wide = width_of(words, 11)
        x = min(max((xs[at] + xs[at + 1]) / 2, LEFT + wide / 2 + 4), RIGHT - wide / 2 - 4)
        y = scale.top + 12 if side > 0 else scale.bottom - 4
        box = (x - wide / 2, y - 10, x + wide / 2, y)
        if not overlaps(box, taken):
            drawing.rect((box[0] - 3, box[1] - 1, box[2] + 3, y + 3), "paper", radius=3)
            drawing.text(x, y, words, "ink bold", size=11, anchor="middle")
            taken.append(box)


def marks(drawing: Drawing, time: TimeScale, scale: ValueScale, *, positive: bool = False) -> None:
    """Draw the value axis: a line and a figure at each mark, a strong line at 0."""
    ticks = scale.ticks()
    apart = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    digits = next((d for d in range(5) if abs(apart * 10**d - round(apart * 10**d)) < 1e-6), 5)
    for value in ticks:
        y = scale.y(value)
        zero = abs(value) < apart / 1e6
        drawing.line(time.left, y, time.right, y, "thin axis" if zero else "thin grid")
        shown = abs(value) if positive or zero else value
        words = f"{shown:,.{digits}f}" if abs(shown) < 1e7 else f"{shown:.3g}"
        drawing.text(time.left - 8, y + 4, words, "dim", size=11, anchor="end")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Mean power of one thing per slot, kW."""

    name: str
    kind: str
    power_kw: tuple[float, ...]


def uses_and_sources(problem: Problem, plan: Plan) -> tuple[list[Layer], list[Layer]]:
    """Return what takes energy and what gives it, nearest to the axis first."""
    flows = plan.flows
    cars = [
        (vehicle.id, f"{car_class(v)}", _car_kw(plan, vehicle.id))
        for v, vehicle in enumerate(problem.vehicles)
    ]
    batteries = [
        sum(
            steps[i].power_kw for steps in plan.schedule.batteries.values() if steps[i].power_kw > 0
        )
        for i in range(len(flows))
    ]
    given = [
        -sum(
            steps[i].power_kw for steps in plan.schedule.batteries.values() if steps[i].power_kw < 0
        )
        for i in range(len(flows))
    ]
    uses = [Layer(name="house", kind="house", power_kw=tuple(f.load_kw for f in flows))]
    uses += [
        Layer(name=name, kind=kind, power_kw=tuple(max(x, 0.0) for x in power))
        for name, kind, power in cars
    ]
    uses.append(Layer(name="into batteries", kind="battery", power_kw=tuple(batteries)))
    uses.append(Layer(name="export", kind="export", power_kw=tuple(f.export_kw for f in flows)))
    sources = [Layer(name="import", kind="import", power_kw=tuple(f.import_kw for f in flows))]
    sources.append(Layer(name="sun", kind="pv", power_kw=tuple(f.pv_kw for f in flows)))
    sources.append(Layer(name="from batteries", kind="battery+dense", power_kw=tuple(given)))
    sources += [
        Layer(
            name=f"from {name}", kind=f"{kind}+dense", power_kw=tuple(max(-x, 0.0) for x in power)
        )
        for name, kind, power in cars
    ]
    return (
        [x for x in uses if max(x.power_kw) > 1e-6],
        [x for x in sources if max(x.power_kw) > 1e-6],
    )


def _car_kw(plan: Plan, vehicle: str) -> list[float]:
    power = [0.0] * len(plan.flows)
    for charger_steps in plan.schedule.chargers.values():
        for i, step in enumerate(charger_steps):
            if step.vehicle == vehicle:
                power[i] += step.energy_kwh / hours(step)
    return power


def energy_band(drawing: Drawing, problem: Problem, plan: Plan, time: TimeScale, y: float) -> float:
    """Draw what takes energy upwards and what gives it downwards; return the lower end."""
    uses, sources = uses_and_sources(problem, plan)
    keys = [Key(name=layer.name, kind=layer.kind) for layer in (*uses, *sources)]
    if problem.peak is not None:
        keys.append(Key(name="month's peak", kind="wide dashed s-alarm", line=True))
    top = heading(drawing, y, "Power, kW", keys)
    bottom = top + ENERGY_HEIGHT
    xs = [time.x(at) for at in problem.slots]
    n = len(plan.flows)
    ups = [sum(layer.power_kw[i] for layer in uses) for i in range(n)]
    downs = [sum(layer.power_kw[i] for layer in sources) for i in range(n)]
    peaks = plan.peak_kw if problem.peak is not None else {}
    high = max(*ups, 0.1) * 1.06 if n > 1 else max(ups[0], 0.1) * 1.06
    low = max([*downs, *peaks.values(), 0.1]) * 1.1
    scale = ValueScale(low=-low, high=high, top=top, bottom=bottom)
    ground(drawing, time, top, bottom)
    marks(drawing, time, scale, positive=True)
    for layers, sign in ((uses, 1), (sources, -1)):
        base = [0.0] * n
        for layer in layers:
            to = [base[i] + sign * layer.power_kw[i] for i in range(n)]
            outline = list(steps(xs, [scale.y(v) for v in base], [scale.y(v) for v in to]))
            for kind in layer.kind.split("+"):
                drawing.path(outline, kind, closed=True)
            base = to
    drawing.line(time.left, scale.y(0.0), time.right, scale.y(0.0), "thin s-ink")
    for words, place in (("takes", scale.y(0.0) - 8), ("gives", scale.y(0.0) + 16)):
        drawing.text(24, place, words, "dim", size=11)
    for month, peak in peaks.items():
        _peak(drawing, month, peak, time, scale)
    return bottom


def _peak(drawing: Drawing, month: str, peak: float, time: TimeScale, scale: ValueScale) -> None:
    year, number_ = (int(x) for x in month.split("-"))
    zone = time.zone
    begin = datetime(year, number_, 1, tzinfo=zone).astimezone(UTC)
    end = datetime(year + number_ // 12, number_ % 12 + 1, 1, tzinfo=zone).astimezone(UTC)
    left, right, y = time.x(begin), time.x(end), scale.y(-peak)
    if right - left < 1:
        return
    drawing.line(left, y, right, y, "wide dashed s-alarm")
    words = f"peak {peak:.1f} kW"
    if width_of(words, 11) < right - left:
        drawing.text(right - 4, y + 13, words, "alarm bold halo", size=11, anchor="end")
