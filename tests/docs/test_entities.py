"""docs/entities.md and docs/actions.md name what a running home has, no more and no less."""

from dataclasses import fields
from datetime import timedelta
import json
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import parse_yaml
import pytest
import yaml

from custom_components.smart_charging.const import DOMAIN, PLATFORMS
from custom_components.smart_charging.core.control.types import Mode
from custom_components.smart_charging.core.planner.result import Cause
from custom_components.smart_charging.core.reading import BatteryMode, ChargerStatus
from custom_components.smart_charging.core.schedule import Reason
from custom_components.smart_charging.outlook import Status
from custom_components.smart_charging.services import CHARGE_NOW, GET_PLAN, PLAN_CHARGE, STOP
from custom_components.smart_charging.settings import ChargerSettings, VehicleSettings

from .conftest import Documented
from .pages import PAGES, README, ROOT, blocks, codes, page, table, tables

ENTITIES, ACTIONS = page("entities.md"), page("actions.md")
TEXTS: dict[str, Any] = json.loads(
    (ROOT / "custom_components/smart_charging/translations/en.json").read_text("utf-8")
)
SCHEMAS = {"plan_charge": PLAN_CHARGE, "get_plan": GET_PLAN, "charge_now": CHARGE_NOW, "stop": STOP}


async def test_every_entity_is_described_and_every_description_has_its_entity(
    entities: list[Documented],
) -> None:
    described = {
        (t.headings[-1], row[1], codes(row[2])[0], row[0], row[3])
        for t in tables(ENTITIES)
        if t.columns[:4] == ("Entity", "Platform", "Key", "At first")
        for row in t.rows
    }
    assert described == {
        (e.section, e.platform, e.key, e.name, "shown" if e.shown else "hidden") for e in entities
    }


@pytest.mark.parametrize(
    ("heading", "words", "texts"),
    [
        ("Charging modes", Mode, ("select", "charging_mode")),
        ("Status of the site", Status, ("sensor", "status")),
        ("Status of a charger", ChargerStatus, ("sensor", "charger_status")),
        ("Battery modes", BatteryMode, ("select", "mode")),
        ("Reasons", Reason, ("sensor", "reason")),
    ],
)
def test_every_state_is_described_by_its_name(
    heading: str, words: Any, texts: tuple[str, str]
) -> None:
    names = TEXTS["entity"][texts[0]][texts[1]]["state"]
    described = {codes(row[1])[0]: row[0] for row in table(ENTITIES, heading, "State").rows}
    assert described == {word.value: names[word.value] for word in words}


def test_states_that_need_a_hand_are_told_what_to_do() -> None:
    rows = table(page("troubleshooting.md"), "The status of the site", "State").rows
    told = {codes(row[1])[0] for row in rows}
    assert told == set(Status) - {Status.CHARGING, Status.WAITING, Status.IDLE}


def test_reasons_and_causes_that_keep_a_car_waiting_are_explained() -> None:
    names = set(TEXTS["entity"]["sensor"]["reason"]["state"].values())
    page_text = page("troubleshooting.md")
    assert set(table(page_text, "Why does the car not charge?", "Reason").column("Reason")) <= names
    causes = table(page_text, "A goal at risk", "Cause").column("Cause")
    assert {codes(cell)[0] for cell in causes} == set(Cause)


def test_event_types_are_described() -> None:
    types = TEXTS["entity"]["event"]["events"]["state_attributes"]["event_type"]["state"]
    section = ENTITIES.partition("## Events")[2].partition("\n## ")[0]
    assert set(types) <= set(codes(section))


def test_the_goals_of_the_documents_are_those_of_the_code() -> None:
    vehicle, charger = VehicleSettings(), ChargerSettings()
    goals = {row[2].strip("`"): row[4] for row in table(ENTITIES, "Vehicle", "Entity").rows}
    assert f"{vehicle.ready_by:%H:%M} at first" in goals["ready_by"]
    assert f"{vehicle.target_soc:.0%}".replace("%", " %") in goals["target_soc"]
    assert f"{vehicle.minimum_soc:.0%}".replace("%", " %") in goals["minimum_soc"]
    assert f"{vehicle.energy_kwh:g} at first" in goals["energy"]
    guest = {row[2].strip("`"): row[4] for row in table(ENTITIES, "Charger", "Entity").rows}
    assert f"{charger.guest_energy_kwh:g} kWh" in guest["guest_energy"]
    assert {f.name for f in fields(vehicle)} == {
        "ready_by", "target_soc", "minimum_soc", "energy_kwh"
    }  # fmt: skip


def test_actions_and_their_fields_are_those_of_the_code() -> None:
    services = yaml.safe_load((ROOT / "custom_components/smart_charging/services.yaml").read_text())
    headings = {codes(line)[0] for line in re.findall(r"^## (`.*)$", ACTIONS, re.MULTILINE)}
    assert headings == set(services) == set(SCHEMAS)
    for name, schema in SCHEMAS.items():
        rows = table(ACTIONS, f"`{name}`", "Field").rows
        described = {codes(row[0])[0]: row[1] == "yes" for row in rows}
        assert described == {str(key): type(key).__name__ == "Required" for key in schema.schema}, (
            name
        )
    listed = table(README.read_text("utf-8"), "Entities and actions", "Action").column("Action")
    assert {codes(cell)[0] for cell in listed} == {f"{DOMAIN}.{name}" for name in services}


def test_every_refusal_is_described() -> None:
    keys = table(ACTIONS, "What they refuse", "Key").column("Key")
    assert {codes(cell)[0] for cell in keys} == set(TEXTS["exceptions"])


def test_every_repair_is_described() -> None:
    keys = table(page("troubleshooting.md"), "Repairs", "Key").column("Key")
    assert {codes(cell)[0] for cell in keys} == set(TEXTS["issues"])


async def test_the_answer_of_plan_charge_is_what_the_page_says(
    hass: HomeAssistant, entities: list[Documented]
) -> None:
    asked = {
        "power_kw": 7.4,
        "energy_kwh": 10,
        "ready_by": (dt_util.now() + timedelta(hours=5)).isoformat(),
    }
    answer = await hass.services.async_call(
        DOMAIN, "plan_charge", asked, blocking=True, return_response=True
    )
    assert answer is not None
    rows = table(ACTIONS, "`plan_charge`", "Key").rows
    described = {codes(row[0])[0]: row[1] for row in rows}
    assert set(described) == set(answer)
    assert answer["energy_kwh"] == pytest.approx(10, abs=0.01)
    schedule: Any = answer["schedule"]
    assert set(codes(described["schedule"])) == set(schedule[0])
    causes = set(codes(described["missing_because"]))
    assert causes == set(Cause)


async def test_printed_automations_and_scripts_load_and_name_real_entities(
    hass: HomeAssistant, entities: list[Documented]
) -> None:
    ours = {e.entity_id for e in entities}
    devices = {entity_id.partition(".")[2].partition("_")[0] for entity_id in ours}
    automations: list[Any] = []
    scripts: dict[str, Any] = {}
    for path in PAGES:
        for code in blocks(path.read_text("utf-8"), "yaml"):
            content: Any = parse_yaml(code)
            automations += content.get("automation", [])
            scripts |= content.get("script", {})
            named = re.findall(rf"\b(?:{'|'.join(PLATFORMS)})\.\w+", code)
            # Actions of platforms (`select.select_option`) are no entities.
            about = {n for n in named if n.partition(".")[2].partition("_")[0] in devices}
            assert about <= ours, path.name
    assert await async_setup_component(hass, "automation", {"automation": automations})
    assert await async_setup_component(hass, "script", {"script": scripts})
    await hass.async_block_till_done()
    for platform, count in (("automation", len(automations)), ("script", len(scripts))):
        states = hass.states.async_all(platform)
        assert len(states) == count > 0
        assert all(state.state != "unavailable" for state in states)
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
