"""Each blueprint, run as an automation by a real Home Assistant."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import automation
from homeassistant.components.blueprint import models
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import yaml as yaml_util
import pytest
from pytest_homeassistant_custom_component.common import (
    async_fire_time_changed,
    async_mock_service,
)

FOLDER = Path(__file__).parents[2] / "blueprints" / "automation" / "smart_charging"


@contextmanager
def blueprint(path: Path) -> Iterator[None]:
    """Let Home Assistant load this blueprint from the repository instead of its configuration."""
    content = yaml_util.load_yaml_dict(path)

    def load(self: models.DomainBlueprints, name: str) -> models.Blueprint:
        return models.Blueprint(
            content,
            expected_domain=self.domain,
            path=name,
            schema=automation.config.AUTOMATION_BLUEPRINT_SCHEMA,
        )

    with patch.object(models.DomainBlueprints, "_load_blueprint", load):
        yield


async def automate(hass: HomeAssistant, name: str, inputs: dict[str, Any]) -> list[Any]:
    """Set an automation up from a blueprint; return the calls of its action as they come."""
    calls = async_mock_service(hass, "notify", "phone")
    with blueprint(FOLDER / f"{name}.yaml"):
        assert await async_setup_component(
            hass,
            "automation",
            {"automation": {"use_blueprint": {"path": f"{name}.yaml", "input": inputs}}},
        )
        await hass.async_block_till_done()
    return calls


TELL = [{"action": "notify.phone", "data": {"message": "{{ message | default('plug in') }}"}}]


async def test_goal_at_risk_tells_what_is_missing_after_the_patience(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    hass.states.async_set("binary_sensor.risk", "off", {"friendly_name": "Car goal at risk"})
    hass.states.async_set("sensor.missing", "12.5")
    calls = await automate(
        hass,
        "goal_at_risk",
        {"goal_at_risk": "binary_sensor.risk", "shortfall": "sensor.missing", "tell": TELL},
    )
    hass.states.async_set("binary_sensor.risk", "on", {"friendly_name": "Car goal at risk"})
    await hass.async_block_till_done()
    assert calls == []
    freezer.tick(timedelta(minutes=2, seconds=1))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert [c.data["message"] for c in calls] == [
        "Car goal at risk: 12.5 kWh cannot be charged in time."
    ]


@pytest.mark.parametrize(("plugged", "told"), [("off", 1), ("on", 0)])
async def test_reminder_comes_only_while_no_car_is_plugged_in(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, plugged: str, told: int
) -> None:
    await hass.config.async_set_time_zone("UTC")
    freezer.move_to("2026-11-20 20:59:00+00:00")
    hass.states.async_set("binary_sensor.plug", plugged)
    calls = await automate(
        hass, "plugged_in_reminder", {"plugged": "binary_sensor.plug", "tell": TELL}
    )
    freezer.tick(timedelta(minutes=1, seconds=1))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert len(calls) == told
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


def test_every_blueprint_has_a_test() -> None:
    names = {path.stem for path in FOLDER.glob("*.yaml")}
    assert names == {"goal_at_risk", "plugged_in_reminder"}
