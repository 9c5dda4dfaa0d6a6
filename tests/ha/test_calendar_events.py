"""The calendar of planned charging, and the events of a charger."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util
import pytest

from simulators.car import Car

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

NIGHT = "2026-11-20 17:00:00+00:00"
START = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def prices(*cheap: int) -> list[dict[str, Any]]:
    """Return two days of hourly prices; `cheap` are hours from the start."""
    hours = [START + timedelta(hours=n) for n in range(-17, 40)]
    low = {START + timedelta(hours=n) for n in cheap}
    return [
        {
            "start": hour.isoformat(),
            "end": (hour + timedelta(hours=1)).isoformat(),
            "value": 0.08 if hour in low else 0.31,
        }
        for hour in hours
    ]


async def planned_home(hass: HomeAssistant, make_home: HomeFactory, *cheap: int) -> Home:
    """Return a home whose car needs 20 kWh by the morning."""
    hass.states.async_set(
        "sensor.spot",
        "0.31",
        {
            "raw_today": prices(*cheap),
            "raw_tomorrow": [],
            "unit_of_measurement": "EUR/kWh",
        },
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
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.call("number", "set_value", home.entity_id("number", f"{CAR}_energy"), value=20)
    await home.run(5, step=1)
    return home


async def entries(home: Home, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Return what the calendar lists."""
    calendar = home.entity_id("calendar", "_planned_charging")
    response = await home.hass.services.async_call(
        "calendar",
        "get_events",
        {
            "entity_id": calendar,
            "start_date_time": start.isoformat(),
            "end_date_time": end.isoformat(),
        },
        blocking=True,
        return_response=True,
    )
    assert response is not None
    found: Any = response[calendar]
    return list(found["events"])


@pytest.mark.freeze_time(NIGHT)
async def test_the_calendar_lists_each_run_with_energy_and_cost(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await planned_home(hass, make_home, 2, 5)
    plan = home.site.plan
    assert plan is not None
    charging = [s for s in plan.schedule.chargers[CHARGER_PART] if s.energy_kwh > 0]
    listed = await entries(home, START, START + timedelta(hours=14))
    assert len(listed) == 2
    assert sum(float(e["summary"].split()[-2]) for e in listed) == pytest.approx(
        sum(s.energy_kwh for s in charging), abs=0.1
    )
    costs = [float(e["description"].split(", ")[1].split()[0]) for e in listed]
    assert sum(costs) == pytest.approx(sum(s.cost for s in charging), abs=0.01)
    for event, hour in zip(listed, (2, 5), strict=True):
        assert event["summary"].startswith("Car: ")
        assert event["description"].startswith("Wattpilot, ")
        assert " EUR, cheap" in event["description"]
        start = datetime.fromisoformat(event["start"])
        assert START + timedelta(hours=hour) <= start < START + timedelta(hours=hour + 1)
        assert datetime.fromisoformat(event["end"]) <= START + timedelta(hours=hour + 1)
    # Each is found from a window that only touches it.
    middle = datetime.fromisoformat(listed[0]["start"]) + timedelta(minutes=1)
    assert await entries(home, middle, middle + timedelta(minutes=1)) == [listed[0]]
    assert await entries(home, START, START + timedelta(hours=1)) == []

    state = hass.states.get(home.entity_id("calendar", "_planned_charging"))
    assert state is not None
    assert state.state == "off"
    assert state.attributes["message"] == listed[0]["summary"]
    begins = dt_util.as_local(datetime.fromisoformat(listed[0]["start"]))
    assert state.attributes["start_time"] == begins.strftime("%Y-%m-%d %H:%M:%S")
    await home.run_until(START + timedelta(hours=2, minutes=30), step=30)
    assert home.state("calendar", "_planned_charging") == "on"


@pytest.mark.freeze_time(NIGHT)
async def test_without_a_car_the_calendar_is_empty(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await planned_home(hass, make_home, 2)
    home.house.chargers["charger"].unplug()
    await home.run(5, step=1)
    assert await entries(home, START, START + timedelta(hours=24)) == []
    assert home.state("calendar", "_planned_charging") == "off"


@pytest.mark.freeze_time(NIGHT)
async def test_the_reason_tells_what_waiting_saves(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await planned_home(hass, make_home, 2, 5)
    state = hass.states.get(home.entity_id("sensor", "charger_reason"))
    assert state is not None
    assert state.state == "waiting"
    assert state.attributes["next_best"] == "charge"
    # At once: the first slot begins when the plan was made.
    begins = datetime.fromisoformat(state.attributes["next_best_start"])
    assert START <= begins < START + timedelta(minutes=1)
    assert state.attributes["saves_per_kwh"] == pytest.approx(0.31 - 0.08, abs=0.005)


class Told:
    """What the event entity told, in order."""

    def __init__(self, home: Home) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        entity = home.entity_id("event", "charger_events")
        self.stop = async_track_state_change_event(home.hass, entity, self._changed)

    @callback
    def _changed(self, event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state is None or state.state in ("unknown", "unavailable"):
            return
        known = {"duration_s", "energy_kwh", "warning"}
        data = {key: value for key, value in state.attributes.items() if key in known}
        self.events.append((state.attributes["event_type"], data))

    @property
    def types(self) -> list[str]:
        """Return the types alone."""
        return [kind for kind, _ in self.events]


@pytest.mark.freeze_time(NIGHT)
async def test_the_event_entity_tells_of_a_whole_stay(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await planned_home(hass, make_home)
    point = home.house.chargers["charger"]
    car = point.unplug()
    assert car is not None
    await home.run(5, step=1)
    told = Told(home)
    point.plug(car)
    await home.run(5, step=1)
    assert told.types == ["plugged_in"]
    await home.call("button", "press", home.entity_id("button", "charger_charge_now"))
    await home.run(40, step=1)
    assert told.types == ["plugged_in", "charging_started"]
    began = home.clock.now()
    await home.run(600)
    await home.call("number", "set_value", home.entity_id("number", "_current"), value=0)
    await home.run(20, step=1)
    kind, data = told.events[-1]
    assert kind == "charging_ended"
    elapsed = (home.clock.now() - began).total_seconds()
    assert data["duration_s"] == pytest.approx(elapsed, abs=40)
    assert data["energy_kwh"] == pytest.approx(point.session_kwh, abs=0.05)

    await home.call("button", "press", home.entity_id("button", "charger_charge_now"))
    await home.run(60, step=1)
    point.unplug()
    await home.run(5, step=1)
    assert told.types[-3:] == ["charging_started", "charging_ended", "unplugged"]
    assert told.events[-2][1]["energy_kwh"] > 0
    assert home.state("event", "charger_events") != "unknown"
    told.stop()


@pytest.mark.freeze_time(NIGHT)
async def test_a_warning_of_the_charger_is_told_in_its_words(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await planned_home(hass, make_home)
    told = Told(home)
    # Switched off, it follows its own rules again, and they hold the car off.
    for key, value in (("fup", True), ("lmo", 4)):
        home.wattpilot.logic.write(key, value)
    await home.call("switch", "turn_off", home.entity_id("switch", "_act"))
    for key, value in (("fup", True), ("lmo", 4)):
        home.wattpilot.logic.write(key, value)
    await home.run(10, step=1)
    warnings = [data["warning"] for kind, data in told.events if kind == "warning"]
    assert warnings
    assert "own" in warnings[0]
    told.stop()


@pytest.mark.freeze_time(NIGHT)
async def test_events_of_another_charger_are_not_ours(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await planned_home(hass, make_home)
    told = Told(home)
    point = home.house.chargers["charger"]
    point.unplug()
    await home.run(3, step=1)
    point.plug(Car(soc=0.2))
    await home.run(3, step=1)
    assert "unplugged" in told.types
    assert told.types[-1] == "plugged_in"
    told.stop()
