"""Runs: charges that go on from slot to slot, and how long they last at least."""

from .needs import Needs
from .pattern import Pattern
from .prepare import Prepared


def lengthen(prepared: Prepared, needs: tuple[Needs, ...], pattern: Pattern) -> None:
    """TODO."""
