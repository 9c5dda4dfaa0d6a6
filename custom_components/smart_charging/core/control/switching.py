"""On how many phases a charger runs. Every switch wears a contactor and interrupts the car."""

from dataclasses import replace
from datetime import datetime

from .quarter import quarter_start
from .state import ChargerMemory
from .views import View

DWELL_S = 600.0
"""Between two switches."""

WISH_S = 120.0
"""Another number of phases must be wished for so long while the car charges."""


def phases_now(
    view: View, memory: ChargerMemory, wished: int, now: datetime, *, wish_s: float = WISH_S
) -> tuple[int, ChargerMemory]:
    """Return the phases to run on now, given the number that would be best."""
    same_power = len({per_a for _, per_a in view.per_a}) == 1
    if wished == memory.phases or wished not in view.spec.phases or same_power:
        return memory.phases, replace(memory, switch_since=None)
    memory = replace(memory, switch_since=memory.switch_since or now)
    since = memory.switch_since or now
    charging = view.running or max(view.now_use.phase_a) >= 1.0
    if charging and (not view.spec.switching or (now - since).total_seconds() < wish_s - 1e-6):
        return memory.phases, memory
    told = memory.switched_at
    if told is not None and (
        (now - told).total_seconds() < DWELL_S or quarter_start(told) == quarter_start(now)
    ):
        return memory.phases, memory
    return wished, memory
