"""Reads the documents: headings, tables, links and code."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
import re

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table and the headings that it stands under, the nearest last."""

    headings: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]


def page(name: str) -> str:
    """Return the text of a page of docs/."""
    return (ROOT / "docs" / name).read_text("utf-8")


def prose(text: str) -> str:
    """Return a page without its code."""
    return _FENCE.sub("", text)


def blocks(text: str, language: str) -> list[str]:
    """Return the code of one language."""
    return [code for found, code in _FENCE.findall(text) if found == language]


def links(text: str) -> list[str]:
    """Return the targets of all links."""
    return _LINK.findall(prose(text))


def codes(cell: str) -> list[str]:
    """Return what is printed as code."""
    return _CODE.findall(cell)


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    found: set[str] = set()
    for line in prose(text).splitlines():
        if match := re.match(r"#+ (.*)", line):
            words = re.sub(r"[^\w\- ]", "", match[1].strip().lower())
            anchor = words.replace(" ", "-")
            # GitHub numbers headings that repeat.
            again = sum(1 for each in found if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", each))
            found.add(f"{anchor}-{again}" if again else anchor)
    return found


def tables(text: str) -> Iterator[Table]:
    """Yield the tables of a page."""
    headings: list[str] = []
    rows: list[tuple[str, ...]] = []
    for line in [*prose(text).splitlines(), ""]:
        if match := re.match(r"(#+) (.*)", line):
            headings = [*headings[: len(match[1]) - 1], match[2].strip()]
        if line.startswith("|"):
            rows.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
        elif rows:
            columns, line_below, *body = rows
            assert all(set(cell) <= set("-: ") for cell in line_below), columns
            assert all(len(row) == len(columns) for row in body), (columns, body)
            yield Table(headings=tuple(headings), columns=columns, rows=tuple(body))
            rows = []


def table(text: str, heading: str, column: str) -> Table:
    """Return the only table right under `heading` that has a column of this name."""
    (found,) = (t for t in tables(text) if t.headings[-1] == heading and column in t.columns)
    return found
