"""A small layer over XML to draw with: shapes with classes, text that fits, colours by theme."""

from collections.abc import Iterable, Iterator, Sequence
import re
from unicodedata import east_asian_width
from xml.etree import ElementTree as ET

from .colours import style_sheet

NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, escaped or not."""

CHARACTER = 0.58
"""Mean width of a character in sizes of the font; those of wide scripts count 1."""

ELLIPSIS = "\u2026"

type Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


class Drawing:
    """A picture of fixed width that grows downwards."""

    def __init__(self, width: float, title: str) -> None:
        self.width = width
        self._root = ET.Element(
            "svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "font-size": "12"}
        )
        ET.SubElement(self._root, "title").text = clean(title)
        ET.SubElement(self._root, "style").text = style_sheet()
        defs = ET.SubElement(self._root, "defs")
        for name, gap in (("hatch", 7), ("dense", 4)):
            pattern = ET.SubElement(
                defs,
                "pattern",
                {
                    "id": name,
                    "width": str(gap),
                    "height": str(gap),
                    "patternUnits": "userSpaceOnUse",
                    "patternTransform": "rotate(45)",
                },
            )
            ET.SubElement(
                pattern, "rect", {"width": "1.5", "height": str(gap), "class": f"line-{name}"}
            )
        self._paper = self.rect((0, 0, width, 0), "paper")

    def rect(self, box: Box, kind: str, *, radius: float = 0, tip: str = "") -> ET.Element:
        """Draw a rectangle; `tip` shows where the pointer rests."""
        left, top, right, bottom = box
        made = self._add(
            "rect",
            kind,
            {
                "x": number(left),
                "y": number(top),
                "width": number(max(right - left, 0)),
                "height": number(max(bottom - top, 0)),
            },
            tip,
        )
        if radius:
            made.set("rx", number(radius))
        return made

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """Draw a straight line."""
        ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        self._add("line", kind, {key: number(value) for key, value in ends.items()})

    def path(
        self, points: Iterable[Sequence[tuple[float, float]]], kind: str, *, closed: bool
    ) -> None:
        """Draw some polygons or open lines as one shape; draws nothing where there are none."""
        parts = [_outline(each) + ("Z" if closed else "") for each in points]
        if parts:
            self._add("path", kind, {"d": "".join(parts)})

    def text(
        self,
        x: float,
        y: float,
        words: str,
        kind: str = "",
        *,
        size: float = 12,
        anchor: str = "start",
        tip: str = "",
    ) -> None:
        """Write on the base line `y`."""
        made = self._add("text", kind, {"x": number(x), "y": number(y)}, tip)
        if size != 12:
            made.set("font-size", number(size))
        if anchor != "start":
            made.set("text-anchor", anchor)
        if len(made):  # the tip
            made[0].tail = clean(words)
        else:
            made.text = clean(words)

    def finish(self, height: float) -> str:
        """Return the picture, `height` high, as SVG."""
        self._paper.set("height", number(height))
        self._root.set("viewBox", f"0 0 {number(self.width)} {number(height)}")
        self._root.set("width", number(self.width))
        self._root.set("height", number(height))
        ET.indent(self._root, " ")
        return ET.tostring(self._root, encoding="unicode")

    def _add(self, tag: str, kind: str, values: dict[str, str], tip: str = "") -> ET.Element:
        made = ET.SubElement(self._root, tag, values)
        if kind:
            made.set("class", kind)
        if tip:
            ET.SubElement(made, "title").text = clean(tip)
        return made


def _outline(points: Sequence[tuple[float, float]]) -> str:
    """Return corners as a path; steps go across and up, which is written shorter."""
    x, y = (number(value) for value in points[0])
    parts = [f"M{x} {y}"]
    for corner in points[1:]:
        to_x, to_y = (number(value) for value in corner)
        if to_x != x and to_y != y:
            parts.append(f"L{to_x} {to_y}")
        elif to_x != x:
            parts.append(f"H{to_x}")
        elif to_y != y:
            parts.append(f"V{to_y}")
        x, y = to_x, to_y
    return "".join(parts)


def number(value: float) -> str:
    """Return a coordinate, short."""
    return f"{value:.1f}".removesuffix(".0")


def clean(words: str) -> str:
    """Return a text without characters that XML cannot hold."""
    return NO_XML.sub("\ufffd", words)


def width_of(words: str, size: float = 12) -> float:
    """Return about how wide a text is."""
    return size * sum(1.0 if east_asian_width(c) in "WF" else CHARACTER for c in words)


def fitted(words: str, width: float, size: float = 12) -> str:
    """Return a text cut to a width, with an ellipsis where something is left out."""
    if width_of(words, size) <= width:
        return words
    for n in range(len(words) - 1, 0, -1):
        if width_of(cut := words[:n].rstrip() + ELLIPSIS, size) <= width:
            return cut
    return ""


def wrapped(words: str, width: float, size: float = 12) -> list[str]:
    """Return a text on one line or, cut where it must be, on two."""
    if width_of(words, size) <= width or " " not in words:
        return [fitted(words, width, size)]
    parts = words.split(" ")
    fit = [n for n in range(1, len(parts)) if width_of(" ".join(parts[:n]), size) <= width]
    n = fit[-1] if fit else 1
    return [fitted(" ".join(each), width, size) for each in (parts[:n], parts[n:])]


def overlaps(box: Box, others: Iterable[Box]) -> bool:
    """Return whether a box touches another."""
    left, top, right, bottom = box
    return any(left < r and right > x and top < b and bottom > y for x, y, r, b in others)


def steps(
    xs: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> Iterator[list[tuple[float, float]]]:
    """Yield the outlines of a layer between `low` and `high`, constant from each x to the next."""
    start = None
    for i in range(len(low) + 1):
        there = i < len(low) and abs(high[i] - low[i]) > 1e-9
        if there and start is None:
            start = i
        elif not there and start is not None:
            yield [*stair(xs, high, start, i), *reversed(list(stair(xs, low, start, i)))]
            start = None


def stair(
    xs: Sequence[float], ys: Sequence[float], start: int, end: int
) -> Iterator[tuple[float, float]]:
    """Yield the corners of a step line over the slots `start` to `end`."""
    for i in range(start, end):
        if i == start or ys[i] != ys[i - 1]:
            if i > start:
                yield xs[i], ys[i - 1]
            yield xs[i], ys[i]
    yield xs[end], ys[end - 1]
