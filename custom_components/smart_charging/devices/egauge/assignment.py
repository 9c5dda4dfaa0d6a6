"""Which register is what: what can be chosen, and what is proposed."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..base import Channel
from .registers import KINDS, Register, Snapshot

GRID_WORDS: Final = ("grid", "utility", "mains")
PV_WORDS: Final = ("solar", "pv", "photovoltaic", "gen", "generation", "inverter", "panels")
USE_NAMES: Final = frozenset({"use", "usage", "total usage"})
"""Registers that a meter computes as grid and generation together."""

POSITIVE_IS_EXPORT: Final = frozenset({"A.GridPower"})
"""Registers whose sign is known from a published installation."""

ONE_WAY: Final = {"+": "import_energy", "-": "export_energy"}
"""Ends of the names of registers that count one direction only."""

SOLAR_SIGN_W: Final = -50.0
"""Panels at this or below are counted with a minus; inverters draw less than that at night."""

TELLING_W: Final = 100.0
"""With less at the grid its sign does not show in what the house uses."""

LINES: Final = (1, 2, 3)


def channels(snapshot: Snapshot) -> tuple[Channel, ...]:
    """Return the registers that can be chosen, each with what it shows now."""
    return tuple(
        Channel(key=name, quantity=KINDS[register.type].quantity, label=_label(register))
        for name, register in snapshot.registers.items()
        if name and register.type in KINDS
    )


def _label(register: Register) -> str:
    shown = "–"
    if register.rate is not None:
        shown = f"{register.rate:.1f} {KINDS[register.type].unit}"
    return f"{register.name} ({register.type}): {shown}"


def proposal(snapshot: Snapshot) -> dict[str, Any]:
    """Return what names and signs suggest."""
    powers = _of_type(snapshot, "P")
    proposed: dict[str, Any] = {}
    for line in LINES:
        mark = f"l{line}"
        for key, code in (("power", "P"), ("current", "I"), ("voltage", "V")):
            for name in _of_type(snapshot, code):
                words = _words(name)
                # A voltage is that of the line everywhere; the rest may be that of a heat pump.
                own = code == "V" or _is(name, GRID_WORDS) or set(words) <= {mark, key}
                if mark in words and own:
                    proposed.setdefault(f"{mark}_{key}", name)
    whole = [n for n in powers if not any(f"l{line}" in _words(n) for line in LINES)]
    grid, pv = _best(whole, GRID_WORDS), _best(whole, PV_WORDS)
    if grid is not None:
        proposed["grid"] = grid
        inverted = _is_inverted(snapshot, grid, pv)
        proposed["grid_inverted"] = inverted
        for end, key in ONE_WAY.items():
            if (name := grid.rstrip("+-") + end) in powers:
                other = "export_energy" if key == "import_energy" else "import_energy"
                proposed[other if inverted else key] = name
    if pv is not None:
        rate = snapshot.registers[pv].rate
        proposed["pv"] = pv
        proposed["pv_inverted"] = rate is not None and rate <= SOLAR_SIGN_W
        if (name := f"{pv.rstrip('+')}+") in powers:
            proposed["pv_energy"] = name
    return proposed


def _of_type(snapshot: Snapshot, code: str) -> list[str]:
    return [name for name, register in snapshot.registers.items() if name and register.type == code]


def _plain(name: str) -> str:
    """Return a name without the view that it belongs to: `A.Solar` is in view A."""
    return name.rpartition(".")[2].lower()


def _words(name: str) -> list[str]:
    return _plain(name).replace("_", " ").replace("-", " ").replace("+", " ").split()


def _is(name: str, words: Iterable[str]) -> bool:
    """Tell whether a name has one of `words`, or begins with a long one: `GridPower`."""
    own = _words(name)
    first = own[0] if own else ""
    return any(word in own or (len(word) > 3 and first.startswith(word)) for word in words)


def _best(names: list[str], words: tuple[str, ...]) -> str | None:
    """Return the name that says it most plainly: both directions, few words, the first such."""
    found = [name for name in names if _is(name, words)]
    return min(
        found,
        key=lambda n: (n.endswith(("-", "*")), n.endswith("+"), _plain(n) not in words, len(n)),
        default=None,
    )


def _is_inverted(snapshot: Snapshot, grid: str, pv: str | None) -> bool:
    """Tell whether the grid's register seems positive on export.

    What the house uses, where the meter computes it, is the sun and what comes from the grid.
    """
    registers: Mapping[str, Register] = snapshot.registers
    used = next((r.rate for name, r in registers.items() if _plain(name) in USE_NAMES), None)
    flow, sun = registers[grid].rate, 0.0 if pv is None else abs(registers[pv].rate or 0.0)
    if used is None or flow is None or abs(flow) < TELLING_W:
        return grid in POSITIVE_IS_EXPORT
    return abs(abs(used) - (sun - flow)) < abs(abs(used) - (sun + flow))
