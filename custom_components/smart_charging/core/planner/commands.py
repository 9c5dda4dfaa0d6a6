"""The current that a charger is told, for a mean power of a slot."""

from math import ceil

from .presence import PluggedSlot, Setting
from .problem import Charger

STEP_SLACK = 1e-4
"""A current this near a step counts as on it."""


def command_a(charger: Charger, plugged: PluggedSlot, setting: Setting, mean_kw: float) -> float:
    """Return the current in A at which a charger runs to deliver a mean power over the slot.

    Not below the charger's minimum: less is delivered by running for a part of the slot.
    """
    amperes = mean_kw / plugged.share / setting.kw_per_a
    if charger.step_a > 0:
        amperes = ceil(amperes / charger.step_a - STEP_SLACK) * charger.step_a
    least = min(charger.min_a, charger.max_a)
    return min(max(amperes, least, 0.0), max(charger.max_a, 0.0))
