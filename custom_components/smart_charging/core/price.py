"""Prices as intervals of any length; the planner takes time-weighted means per slot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Price:
    """A price per kWh that holds in [start, end)."""

    start: datetime
    end: datetime
    value: float
    """Currency per kWh; may be negative."""
    estimated: bool = False
    """True where it is not published: a repeat of an earlier day."""


type PriceSeries = Sequence[Price]
"""Ordered by start, without overlap; gaps are allowed."""
