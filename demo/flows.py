"""Walks Home Assistant's own forms the way a person does: start, fill in each step, finish."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .api import Api, Json
from .report import DemoError

type Answers = Mapping[str, Any]

ENTRY_FLOW = "/api/config/config_entries/flow"
SUBENTRY_FLOW = "/api/config/config_entries/subentries/flow"
LONGEST = 12
"""No flow of ours has more steps; a form that comes back for ever is a fault."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """What to fill in, by step; a menu is answered with `{"next_step_id": ...}`."""

    title: str
    steps: Mapping[str, Answers] = field(default_factory=dict)


async def walk(api: Api, path: str, handler: str | Sequence[str], form: Form) -> Json:
    """Start a flow and answer its steps; returns its result. Raises DemoError.

    A step without an answer in `form` is accepted as it is proposed.
    """
    step: Json = await api.post(path, {"handler": handler, "show_advanced_options": False})
    for _ in range(LONGEST):
        match step["type"]:
            case "create_entry":
                return step
            case "abort":
                raise DemoError(f"{form.title}: the flow ended with {step['reason']!r}")
            case "form" if step.get("errors"):
                raise DemoError(
                    f"{form.title}: step {step['step_id']} says {step['errors']} "
                    f"({step.get('description_placeholders')})"
                )
            case "menu":
                answers = form.steps.get(step["step_id"])
                if answers is None:
                    raise DemoError(
                        f"{form.title}: menu {step['step_id']} offers {step['menu_options']}"
                    )
            case "form":
                answers = form.steps.get(step["step_id"], proposed(step["data_schema"]))
            case "progress":
                # Asking again waits in Home Assistant until the work is done.
                answers = {}
            case other:
                raise DemoError(f"{form.title}: the flow shows {other}, which the demo cannot")
        step = await api.post(f"{path}/{step['flow_id']}", answers)
    raise DemoError(f"{form.title}: the flow does not end (at {step.get('step_id')})")


def proposed(schema: Sequence[Mapping[str, Any]]) -> Answers:
    """Return the values that a form shows when it opens, sections included."""
    answers: dict[str, Any] = {}
    for each in schema:
        suggested = (each.get("description") or {}).get("suggested_value")
        if each.get("type") == "expandable":
            answers[each["name"]] = proposed(each["schema"])
        elif suggested is not None:
            answers[each["name"]] = suggested
        elif each.get("default") is not None:
            answers[each["name"]] = each["default"]
    return answers


async def add_entry(api: Api, domain: str, form: Form) -> str:
    """Add a config entry and return its id."""
    result = await walk(api, ENTRY_FLOW, domain, form)
    entry_id: str = result["result"]["entry_id"]
    return entry_id


async def add_subentry(api: Api, entry_id: str, kind: str, form: Form) -> None:
    """Add a subentry to an entry."""
    await walk(api, SUBENTRY_FLOW, [entry_id, kind], form)
