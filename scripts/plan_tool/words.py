"""What reasons, causes and rungs are called."""

from datetime import datetime, tzinfo
from functools import cache
import json

from custom_components.smart_charging.core.planner import Cause, GoalKind, Rung
from custom_components.smart_charging.core.reading import BatteryMode
from custom_components.smart_charging.core.schedule import Reason

from .alone import ROOT

TEXTS = ROOT / "texts" / "en.json"

CAUSES = {
    "time": ("not enough time at the charger", "plug in earlier, or move the goal later"),
    "charger_power": (
        "the charger is too weak",
        "a higher current or more phases, or more time at the charger",
    ),
    "site_limit": (
        "fuse or contract of the site",
        "less load or fewer cars at the same time, or a higher limit",
    ),
    "breach_allowance": (
        "the contract, and all of its breach that may be bought",
        "a higher contract or allowance, or less load at the same time",
    ),
    "circuit": ("fuse of the charger's circuit", "cars one after the other, or a larger fuse"),
    "battery_window": (
        "more than the battery may hold",
        "a lower goal, or a higher limit of the car",
    ),
    "past": ("its time has passed", "a goal that lies ahead"),
    "not_plugged_in": ("not plugged in before", "plug in before the goal's time"),
}
"""Per cause: what it is, and what would mend it."""

GOALS = {
    GoalKind.MINIMUM: "minimum",
    GoalKind.TRIP: "trip",
    GoalKind.READY_BY: "ready by",
    GoalKind.REQUEST: "request",
}

RUNGS = {
    Rung.OPTIMAL: "proven best",
    Rung.INCUMBENT: "best found, not proven",
    Rung.SHIFTED: "the last plan, moved to now",
    Rung.GREEDY: "cheapest free slots, without the solver",
}

MODES = {
    BatteryMode.SELF_CONSUMPTION: "self-consumption",
    BatteryMode.HOLD: "hold",
    BatteryMode.CHARGE: "charge",
    BatteryMode.DISCHARGE: "discharge",
}


@cache
def _reasons() -> dict[str, str]:
    texts = json.loads(TEXTS.read_text(encoding="utf-8"))
    found: dict[str, str] = texts["entity"]["sensor"]["reason"]["state"]
    return found


def reason_words(reason: Reason) -> str:
    """Return a reason in the words of the home's own sensors."""
    return _reasons().get(reason.value, reason.value.replace("_", " "))


def cause_words(cause: Cause) -> str:
    """Return what leaves a goal unmet."""
    return CAUSES.get(cause.value, (cause.value.replace("_", " "), ""))[0]


def mend_words(cause: Cause) -> str:
    """Return what would let the goal be met; empty where nothing is known."""
    return CAUSES.get(cause.value, ("", ""))[1]


def span_words(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Return a span in local time, `Tue 17:30-18:15`, with the last day where it is another."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    other_day = last.date() != first.date() and f"{last:%H:%M}" != "00:00"
    return f"{first:%a %H:%M}-{last:{'%a ' if other_day else ''}%H:%M}"


def percent(share: float) -> str:
    """Return a share as whole per cent."""
    return f"{100 * share:.0f} %"


def inside(words: str) -> str:
    """Return words as they stand inside a sentence."""
    return words[:1].lower() + words[1:]
