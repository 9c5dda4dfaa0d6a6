"""Faults of a problem whose values are each well formed, but do not fit together."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .faults import Fault
from .problem import Problem

SERIES = ("import_price", "export_price", "estimated", "load_kw", "pv_kw", "pv_p10_kw")
"""Fields with one value per slot."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return how to mend a name that is not one of `known`."""
    known = sorted(known)
    if close := get_close_matches(name, known, n=1):
        return f"did you mean {close[0]!r}?"
    return f"there is {', '.join(map(repr, known))}" if known else "there is none"


def structure_faults(problem: Problem) -> list[Fault]:
    """Return the faults that make planning meaningless: slots out of order, series too short."""
    return list(_structure(problem))


def sense_faults(problem: Any) -> Iterator[Fault]:
    """Yield what does not fit together.

    `problem` may have holes: `None` in the place of whatever is not well formed by itself. What
    hangs on a hole is not judged.
    """
    yield from _structure(problem)
    yield from _zone(problem)
    yield from _repeated_ids(problem)
    yield from _unknown_ids(problem)


def _structure(problem: Any) -> Iterator[Fault]:
    if problem.slots is None:
        return
    n = len(problem.slots) - 1
    if n < 1:
        yield _fault("$.slots", "needs at least two bounds", "a slot has two ends")
        return
    for i in range(n):
        before, after = problem.slots[i], problem.slots[i + 1]
        if before is not None and after is not None and after <= before:
            yield _fault(
                f"$.slots[{i + 1}]", "is not after the bound before it", "put bounds in order"
            )
    for name in SERIES:
        values = getattr(problem, name)
        if values is not None and (missing := n - len(values)):
            mend = f"add {missing}" if missing > 0 else f"leave out {-missing}"
            yield _fault(f"$.{name}", f"has {len(values)} values for {n} slots", mend)


def _zone(problem: Any) -> Iterator[Fault]:
    name = problem.time_zone
    if name is None:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        what = f"unknown time zone {name!r}"
        yield _fault("$.time_zone", what, "take an IANA name, such as 'Europe/Brussels'")


def _repeated_ids(problem: Any) -> Iterator[Fault]:
    for name in ("chargers", "vehicles", "batteries", "circuits"):
        seen = set()
        for path, item in _items(f"$.{name}", getattr(problem, name)):
            if item.id in seen:
                yield _fault(f"{path}.id", f"{item.id!r} occurs twice", "give each its own id")
            elif item.id is not None:
                seen.add(item.id)


def _unknown_ids(problem: Any) -> Iterator[Fault]:
    chargers, circuits = _known_ids(problem.chargers), _known_ids(problem.circuits)
    for path, charger in _items("$.chargers", problem.chargers):
        yield from _unknown(f"{path}.circuit", "circuit", charger.circuit, circuits)
    for path, circuit in _items("$.circuits", problem.circuits):
        for at, charger in _items(f"{path}.chargers", circuit.chargers):
            yield from _unknown(at, "charger", charger, chargers)
    for path, vehicle in _items("$.vehicles", problem.vehicles):
        for at, stay in _items(f"{path}.stays", vehicle.stays):
            yield from _unknown(f"{at}.charger", "charger", stay.charger, chargers)
    for path, command in _items("$.previous", problem.previous):
        yield from _unknown(f"{path}.charger", "charger", command.charger, chargers)
    batteries = _known_ids(problem.batteries)
    for path, order in _items("$.previous_batteries", problem.previous_batteries):
        yield from _unknown(f"{path}.battery", "battery", order.battery, batteries)


def _unknown(path: str, word: str, name: str | None, known: set[str | None]) -> Iterator[Fault]:
    # A hole among the known may be the one that is meant.
    if name is not None and name not in known and None not in known:
        yield _fault(path, f"no {word} {name!r}", nearest(name, (x for x in known if x)))


def _known_ids(items: Any) -> set[str | None]:
    """Return the ids of some devices, with `None` where there are holes among them."""
    return {None} if items is None else {None if x is None else x.id for x in items}


def _items(path: str, items: Any) -> Iterator[tuple[str, Any]]:
    for i, item in enumerate(items or ()):
        if item is not None:
            yield f"{path}[{i}]", item


def _fault(path: str, what: str, mend: str) -> Fault:
    return Fault(path=path, what=what, mend=mend, of_sense=True)
