"""Four hours of an evening, end to end: sockets, a pty, a real Home Assistant, no mocks."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.components.recorder import Recorder
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.smart_charging.core.reading import ChargerStatus

from .conftest import HomeFactory
from .home import (
    CAR,
    CHARGER_PART,
    Home,
    car_data,
    charger_data,
    meter_data,
    price_data,
    site_entry,
)

START = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
CHEAP_FROM, CHEAP_TO = START + timedelta(hours=2), START + timedelta(hours=3)
ASKED_KWH = 8.0


def prices() -> list[dict[str, Any]]:
    """Return quarter-hour prices with a cheap hour two hours from the start."""
    rows = []
    for quarter in range(4 * 48):
        start = START - timedelta(hours=17) + timedelta(minutes=15 * quarter)
        cheap = CHEAP_FROM <= start < CHEAP_TO
        rows.append(
            {
                "start": start.isoformat(),
                "end": (start + timedelta(minutes=15)).isoformat(),
                "value": 0.08 if cheap else 0.31,
            }
        )
    return rows


async def evening(hass: HomeAssistant, make_home: HomeFactory) -> Home:
    """Return a home that acts, with a car that needs 8 kWh by 21:30 local time."""
    hass.states.async_set(
        "sensor.spot",
        "0.31",
        {"raw_today": prices(), "raw_tomorrow": [], "unit_of_measurement": "EUR/kWh"},
    )
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty),
            charger_data(home.wattpilot_port),
            car_data(),
            price_data("entity", {"entity": "sensor.spot"}),
        )
    )
    await home.call(
        "number", "set_value", home.entity_id("number", f"{CAR}_energy"), value=ASKED_KWH
    )
    await home.call("time", "set_value", home.entity_id("time", "_ready_by"), time="21:30:00")
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    return home


@pytest.mark.freeze_time("2026-11-20 17:00:00+00:00")
async def test_the_car_gets_what_it_was_asked_in_the_planned_slots(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    hass_admin_user: MockUser,
    make_home: HomeFactory,
) -> None:
    assert await async_setup_component(hass, "logbook", {})
    home = await evening(hass, make_home)
    await home.run(60)
    site, point = home.site, home.house.chargers["charger"]
    plan = site.plan
    assert plan is not None
    planned = [s for s in plan.schedule.chargers[CHARGER_PART] if s.energy_kwh > 0]
    assert sum(s.energy_kwh for s in planned) == pytest.approx(ASKED_KWH, rel=0.01)
    assert planned[0].start >= CHEAP_FROM
    assert planned[-1].end <= CHEAP_TO

    before_kwh = point.session_kwh
    reasons = set()
    while home.clock.now() + timedelta(seconds=100) < CHEAP_FROM:
        await home.run(100)
        reasons.add(home.state("sensor", "charger_reason"))
    assert point.session_kwh - before_kwh < 0.02
    assert reasons == {"waiting"}

    await home.run_until(CHEAP_FROM + timedelta(minutes=5))
    assert point.car is not None
    assert point.status is ChargerStatus.CHARGING
    assert home.state("sensor", "_status") == "charging"

    await home.run_until(START + timedelta(hours=4))
    assert point.session_kwh == pytest.approx(ASKED_KWH, rel=0.01)

    await async_wait_recording_done(hass)
    # Tokens age with the frozen time: this one is made now.
    refresh = await hass.auth.async_create_refresh_token(hass_admin_user, client_id="test")
    client = await hass_ws_client(hass, hass.auth.async_create_access_token(refresh))
    await client.send_json_auto_id({"type": "logbook/get_events", "start_time": START.isoformat()})
    entries = (await client.receive_json())["result"]
    messages = [entry.get("message", "") for entry in entries]
    assert any("because of cheap" in message for message in messages)
    assert any("paused because of" in message for message in messages)
