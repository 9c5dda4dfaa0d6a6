"""The logbook says why something was written, in words."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.components.recorder import Recorder
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.smart_charging.const import DOMAIN, EVENT_SETPOINT
from custom_components.smart_charging.logbook import async_describe_events

from .conftest import HomeFactory
from .home import car_data, charger_data, fixed_price, meter_data, site_entry

START = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_every_order_stands_in_the_logbook_with_its_reason(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    hass_admin_user: MockUser,
    make_home: HomeFactory,
) -> None:
    assert await async_setup_component(hass, "logbook", {})
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty),
            charger_data(home.wattpilot_port),
            car_data(),
            fixed_price(),
            fuse_a=20,
        )
    )
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.call(
        "select", "select_option", home.entity_id("select", "_charging_mode"), option="off"
    )
    await home.run(20, step=1)
    await home.call("button", "press", home.entity_id("button", "charger_charge_now"))
    await home.run(40, step=1)
    home.house.extra_kw[0] = 2.8
    await home.run(40, step=1)
    await async_wait_recording_done(hass)
    # Tokens age with the frozen time: this one is made now.
    refresh = await hass.auth.async_create_refresh_token(hass_admin_user, client_id="test")
    client = await hass_ws_client(hass, hass.auth.async_create_access_token(refresh))
    # Unfiltered: in its own logbook an entity with a unit does not appear in old versions.
    await client.send_json_auto_id({"type": "logbook/get_events", "start_time": START.isoformat()})
    listed: list[dict[str, Any]] = (await client.receive_json())["result"]
    number = home.entity_id("number", "_current")
    ours = [entry for entry in listed if entry.get("domain") == DOMAIN]
    assert ours
    assert {entry["entity_id"] for entry in ours} == {number}
    assert {entry["name"] for entry in ours} == {"Wattpilot Current"}
    messages = [entry["message"] for entry in ours]
    assert "paused because of off" in messages
    assert "set to 16 A on 3 phases because of manual" in messages
    assert any(message.endswith("because of manual, held by fuse L1") for message in messages)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"reason": "minimum_soc", "current_a": 6.0, "phases": 1},
            "set to 6 A on 1 phase because of minimum soc",
        ),
        ({"reason": "sun", "current_a": 7.5, "phases": None}, "set to 7.5 A because of sun"),
        (
            {"reason": "peak", "current_a": 0.0, "phases": 3, "limit": "peak"},
            "paused because of peak, held by peak",
        ),
        (
            {"reason": "store", "mode": "self_consumption", "power_kw": 1.5},
            "set to self consumption at 1.5 kW because of store",
        ),
    ],
)
async def test_orders_are_put_into_words(
    hass: HomeAssistant, data: dict[str, Any], message: str
) -> None:
    described: dict[str, Any] = {}
    async_describe_events(
        hass, lambda domain, kind, describe: described.update({kind: (domain, describe)})
    )
    domain, describe = described[EVENT_SETPOINT]
    assert domain == DOMAIN
    event = Event(EVENT_SETPOINT, {"entity_id": "number.gone", **data}, context=Context())
    assert describe(event) == {
        "name": "number.gone",
        "message": message,
        "entity_id": "number.gone",
    }
