"""The picture of a plan: well formed, self-contained, nothing outside, for any site."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
import re
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from hypothesis import given, settings
import numpy as np
import pytest

from benchmarks.evening import home
from custom_components.smart_charging.core.planner import (
    Goal,
    GoalKind,
    Problem,
    plan,
    slot_bounds,
)
from scripts.plan_tool.bands import uses_and_sources
from scripts.plan_tool.colours import CARS, REASONS, SERIES, style_sheet
from scripts.plan_tool.drawing import fitted, stair, steps, width_of, wrapped
from scripts.plan_tool.picture import picture
from scripts.plan_tool.scales import TimeScale, ValueScale, price_range
from tests.core.planner.strategies import problems

SVG = "{http://www.w3.org/2000/svg}"
HOME = home("spring", hours=24, step_a=1.0)


def drawn(problem: Problem) -> ET.Element:
    return ET.fromstring(picture(problem, plan(problem)))


def words(svg: ET.Element) -> list[str]:
    return ["".join(each.itertext()) for each in svg.iter(f"{SVG}text")]


def places(svg: ET.Element) -> list[tuple[float, float]]:
    """Return the corners of all shapes."""
    found = []
    for each in svg.iter():
        if each.tag == f"{SVG}path":
            path = each.get("d", "")
            found += [(float(x), float(y)) for x, y in re.findall(r"[ML](\S+?) ([-\d.]+)", path)]
            found += [(float(x), 0.0) for x in re.findall(r"H([-\d.]+)", path)]
            found += [(0.0, float(y)) for y in re.findall(r"V([-\d.]+)", path)]
        elif each.tag == f"{SVG}text":
            found.append((float(each.get("x", "nan")), float(each.get("y", "nan"))))
        elif each.tag == f"{SVG}rect" and each.get("x") is not None:
            x, y = float(each.get("x", "nan")), float(each.get("y", "nan"))
            found.append((x, y))
            found.append(
                (x + float(each.get("width", "nan")), y + float(each.get("height", "nan")))
            )
    return found


@settings(max_examples=40, deadline=None)
@given(problems())
def test_any_plan_has_a_picture_within_its_frame(problem: Problem) -> None:
    svg = drawn(problem)

    height = float(svg.get("height", "nan"))
    assert all(0 <= x <= 1200.1 and 0 <= y <= height + 0.1 for x, y in places(svg))


def test_it_needs_nothing_from_elsewhere_and_follows_the_viewers_theme() -> None:
    text = picture(HOME, plan(HOME))

    assert "@media (prefers-color-scheme:dark)" in text
    assert "<script" not in text
    assert "@import" not in text
    assert re.findall(r"(?:https?:|href)[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert re.findall(r"url\(([^)]*)\)", text) == ["#hatch", "#dense"]


def test_every_class_that_is_used_has_a_style() -> None:
    svg, styles = drawn(HOME), style_sheet()

    used = {kind for each in svg.iter() for kind in each.get("class", "").split()}
    assert used
    assert all(re.search(rf"\.{kind}\{{", styles) for kind in used)


def test_it_says_what_the_plan_costs_and_when_in_local_time() -> None:
    answer = plan(HOME)
    said = words(drawn(HOME))

    assert "Plan from Tue 14 Apr 2026, 17:30 to Wed 15 Apr, 17:30" in said
    assert f"{answer.cost:.2f}" in said
    assert f"{answer.savings:.2f}" in said
    assert "proven best" in said
    assert "all met" in said
    assert "local time, Europe/Brussels" in said
    assert {"big", "small", "garage", "drive", "store"} <= {x.split("\n")[0] for x in said}
    assert any("80 %" in x for x in said)


def test_a_missed_goal_is_named_with_its_cause() -> None:
    late = Goal(by=HOME.now + timedelta(hours=1), kind=GoalKind.READY_BY, soc=0.95)
    car = replace(HOME.vehicles[0], goals=(late,))
    said = words(drawn(replace(HOME, vehicles=(car,))))

    assert "1 not met" in said
    assert any(
        x.startswith("▲") and "missing for big: ready by, Tue 14 Apr 18:30" in x for x in said
    )
    assert any(re.search(r"95 %, misses [\d.]+ kWh", x) for x in said)


def test_names_are_text_never_markup_and_are_cut_to_their_room() -> None:
    rude = "</text><script>alert('&\"')</script>\x00\x1b" + "x" * 300
    battery = replace(HOME.batteries[0], id=rude)

    svg = drawn(replace(HOME, batteries=(battery,)))

    assert list(svg.iter(f"{SVG}script")) == []
    names = [x for x in words(svg) if x.endswith("…")]
    assert names
    assert any("</text><script>" in (x.text or "") for x in svg.iter(f"{SVG}title"))


def test_what_is_taken_is_what_is_given_in_each_slot() -> None:
    uses, sources = uses_and_sources(HOME, plan(HOME))

    taken = [sum(each) for each in zip(*(x.power_kw for x in uses), strict=True)]
    given_ = [sum(each) for each in zip(*(x.power_kw for x in sources), strict=True)]
    assert taken == pytest.approx(given_, abs=1e-3)


def test_a_spike_is_cut_off_and_written_out() -> None:
    prices = [0.1, 0.12, 0.2, 0.25] * 10

    low, high = price_range([*prices, 23.5])
    assert low == 0
    assert high < 1
    low, high = price_range([*prices, -5.0])
    assert -1 < low < -0.3
    assert high > 0.25

    spiky = (*HOME.import_price[:40], 23.5, *HOME.import_price[41:])
    assert "▲ 23.50" in words(drawn(replace(HOME, import_price=spiky)))


@pytest.mark.parametrize("prices", [(0.0,), (-0.3, -0.3), (0.0, 1e-12), (1e9, 2e9), (-1.0, 25.0)])
def test_any_prices_have_a_range_with_round_marks(prices: tuple[float, ...]) -> None:
    low, high = price_range(prices)
    scale = ValueScale(low=low, high=high, top=0, bottom=100)

    assert low <= 0 < high or low < 0 <= high
    assert 2 <= len(scale.ticks()) <= 12
    assert 0 <= scale.y(max(prices)) <= scale.y(min(prices)) <= 100


def scale_of(hours: int, now: datetime, zone: str = "Europe/Brussels") -> TimeScale:
    bounds = slot_bounds(now, hours)
    return TimeScale(begin=bounds[0], end=bounds[-1], left=0, right=1000, zone=ZoneInfo(zone))


@pytest.mark.parametrize("hours", [1, 3, 8, 24, 48, 200, 2000])
def test_marks_of_time_are_many_enough_and_not_too_many(hours: int) -> None:
    ticks = scale_of(hours, datetime(2026, 4, 14, 15, 30, tzinfo=UTC)).ticks()

    assert 3 <= len(ticks) <= 22


def test_the_day_when_clocks_go_back_has_its_hours_in_order() -> None:
    time = scale_of(26, datetime(2026, 10, 24, 22, 0, tzinfo=UTC))

    marked = [(f"{at:%a %H:%M}", time.x(at)) for at, _ in time.ticks()]
    assert [x for _, x in marked] == sorted(x for _, x in marked)
    assert ("Sun 00:00", 0.0) in marked
    assert any(words == "Mon 00:00" for words, _ in marked)  # 25 hours later
    nights = list(time.nights())
    assert nights[0] == pytest.approx((0.0, 1000 * 7 / 26))


def test_a_zone_off_by_parts_of_an_hour_is_marked_at_its_full_hours() -> None:
    ticks = scale_of(24, datetime(2026, 4, 14, 15, 30, tzinfo=UTC), "Asia/Kathmandu").ticks()

    assert {at.minute for at, _ in ticks} == {0}


def test_layers_and_lines_step_at_the_slots() -> None:
    xs = [0.0, 1.0, 2.0, 3.0]

    assert list(stair(xs, [5, 5, 7], 0, 3)) == [(0, 5), (2, 5), (2, 7), (3, 7)]
    assert list(steps(xs, [0, 0, 0], [0, 2, 2])) == [[(1, 2), (3, 2), (3, 0), (1, 0)]]


def test_words_are_fitted() -> None:
    assert fitted("garage", 100) == "garage"
    assert fitted("a garage with a long name", 60).endswith("…")
    assert width_of(fitted("x" * 200, 80)) <= 80
    assert wrapped("Charger number 7 below", 100) == ["Charger number", "7 below"]


IDLE = {"waiting", "hold", "reached", "no_goal", "unplugged"}

SEEN_BY = {
    "all": np.eye(3),
    "protanopes": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.052]],
    "deuteranopes": [[0.3673, 0.8606, -0.228], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopes": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}
"""Machado, Oliveira and Fernandes (2009), on linear RGB, full severity."""

TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
"""IEC 61966-2-1."""


def lab(colour: str, seen: Any) -> Any:
    """Return a colour in CIE L*a*b* as some people see it."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.array(TO_XYZ) @ np.clip(np.array(seen) @ linear, 0, 1) / (0.9505, 1, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("dark", [0, 1])
@pytest.mark.parametrize("people", SEEN_BY)
def test_the_colours_of_a_band_are_told_apart(people: str, dark: int) -> None:
    flowing = [shades for reason, shades in REASONS.items() if reason.value not in IDLE]
    for band in ([*SERIES.values(), *CARS[:4]], flowing):
        seen = [lab(shades[dark], SEEN_BY[people]) for shades in band]
        assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 13
