"""What is known of a car between its reports, and how it is asked for one; guests; price ages."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)

from simulators.car import Car

from .conftest import HomeFactory
from .faults import Watch
from .home import CAR, Home, car_data, charger_data, fixed_price, meter_data, site_entry

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")

SOC = "sensor.car_soc"


def report(hass: HomeAssistant, percent: float, entity_id: str = SOC) -> None:
    """Let the car say its state of charge."""
    hass.states.async_set(entity_id, f"{percent}", {"unit_of_measurement": "%"})


async def home_with_car(make_home: HomeFactory, soc_entity: str = SOC, **car: str) -> Home:
    """Return a home with a car that reports."""
    home = await make_home()
    report(home.hass, 40, soc_entity)
    await home.add(
        site_entry(
            meter_data(home.pty),
            charger_data(home.wattpilot_port),
            car_data(soc_entity=soc_entity, **car),
            fixed_price(),
        )
    )
    return home


async def test_between_reports_the_soc_is_an_estimate_and_the_next_report_corrects_it(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await home_with_car(make_home)
    await home.choose("fast")
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.run(1200, step=5)
    car = home.house.chargers["charger"].car
    assert car is not None
    assert car.soc > 0.44
    state = hass.states.get(home.entity_id("sensor", f"{CAR}_soc"))
    assert state is not None
    assert float(state.state) == pytest.approx(car.soc * 100, abs=0.5)
    assert state.attributes["estimated"] is True
    assert state.attributes["reported"] == 40
    report(hass, 47)
    await home.run(15, step=1)
    state = hass.states.get(home.entity_id("sensor", f"{CAR}_soc"))
    assert state is not None
    assert float(state.state) == pytest.approx(47, abs=0.2)
    assert state.attributes["estimated"] is False


async def replug(home: Home) -> None:
    """Unplug the car and plug it in again."""
    home.house.chargers["charger"].unplug()
    await home.run(10, step=1)
    home.house.chargers["charger"].plug(Car(soc=0.4))
    await home.run(10, step=1)


async def test_at_plug_in_the_chosen_button_is_pressed_and_not_too_often(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    home = await home_with_car(make_home, refresh_entity="input_button.wake")
    pressed = async_mock_service(hass, "button", "press")
    await home.run(900, step=10)
    await replug(home)
    await replug(home)
    assert [call.data["entity_id"] for call in pressed] == ["input_button.wake"]
    await home.run(900, step=10)
    await replug(home)
    assert len(pressed) == 2


async def test_the_button_of_the_same_car_is_found_else_the_entity_is_updated(
    hass: HomeAssistant, make_home: HomeFactory
) -> None:
    entry = MockConfigEntry(domain="acme")
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("acme", "car")}
    )
    registry = er.async_get(hass)
    soc = registry.async_get_or_create(
        "sensor", "acme", "soc", device_id=device.id, config_entry=entry
    ).entity_id
    home = await home_with_car(make_home, soc)
    pressed = async_mock_service(hass, "button", "press")
    updated = async_mock_service(hass, "homeassistant", "update_entity")
    await home.run(900, step=10)
    await replug(home)
    assert [call.data["entity_id"] for call in updated] == [soc]
    assert not pressed
    button = registry.async_get_or_create(
        "button",
        "acme",
        "wake",
        device_id=device.id,
        config_entry=entry,
        translation_key="force_refresh",
    ).entity_id
    await home.run(900, step=10)
    await replug(home)
    assert [call.data["entity_id"] for call in pressed] == [button]
    assert len(updated) == 1


async def test_guests_have_a_time_of_their_own(make_home: HomeFactory) -> None:
    home = await make_home()
    await home.add(
        site_entry(meter_data(home.pty), charger_data(home.wattpilot_port), fixed_price())
    )
    entity_id = home.entity_id("time", "charger_guest_time")
    assert home.state("time", "charger_guest_time") == "07:00:00"
    await home.call("time", "set_value", entity_id, time="21:30:00")
    await home.run(30, step=1)
    assert home.state("time", "charger_guest_time") == "21:30:00"
    problem = home.site.problem
    assert problem is not None
    (goal,) = [goal for vehicle in problem.vehicles for goal in vehicle.goals]
    # 21:30 in Brussels.
    assert (goal.by.hour, goal.by.minute) == (20, 30)


async def test_a_price_in_another_currency_is_a_repair(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await make_home()
    watch = Watch(home, caplog)
    price = fixed_price()
    wits = {
        **price,
        "data": {
            "kind": "wits",
            "role": "import",
            "source": {"client_id": "a", "client_secret": "b", "node": "ABY0111"},
        },
    }
    # Nobody answers there: the source itself is another test's business.
    wits["data"]["source"] |= {"base_url": "http://127.0.0.1:1", "token_url": "http://127.0.0.1:1"}
    await home.add(site_entry(meter_data(home.pty), wits))  # type: ignore[arg-type]  # as the form
    issue = watch.issues()[f"price_currency_{price['subentry_id']}"]
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["currency"] == "NZD"
    assert issue.translation_placeholders["wanted"] == "EUR"
