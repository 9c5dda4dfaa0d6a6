"""The form of a vehicle."""

from collections.abc import AsyncIterator
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from .flow_rig import Rig, message, shown, subentries
from .home import car_data

ANSWERS: dict[str, Any] = {
    "name": "Zoe",
    "capacity_kwh": 52,
    "max_phases": "3",
    "efficiency": 88,
}


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


async def test_a_vehicle_joins_the_running_site(hass: HomeAssistant, rig: Rig) -> None:
    entry = await rig.site()
    site = entry.runtime_data
    form = await rig.add(entry, "vehicle")
    assert shown(form) == {"max_phases": "3", "efficiency": 90}
    result = await rig.answer(
        form,
        **{**ANSWERS, "name": " Zoe "},
        soc_entity="sensor.zoe",
        plug_entity="binary_sensor.zoe",
        location_entity="device_tracker.zoe",
        tag=" 04A1 ",
        max_a=32,
        taper_soc=80,
    )
    assert result["type"] == "create_entry"
    await hass.async_block_till_done()
    (vehicle,) = entry.runtime_data.config.vehicles
    assert entry.runtime_data is site
    assert (vehicle.name, vehicle.capacity_kwh, vehicle.efficiency) == ("Zoe", 52, 0.88)
    assert (vehicle.tag, vehicle.max_a, vehicle.max_phases, vehicle.taper_soc) == (
        "04A1",
        32,
        3,
        0.8,
    )
    assert vehicle.soc_entity == "sensor.zoe"


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"name": "  "}, "name", "Fill this in"),
        ({"name": "Guest"}, "name", "guest stands for cars"),
        ({"name": "CAR"}, "name", "vehicle of this name exists"),
        ({"soc_entity": "sensor.range"}, "soc_entity", "counts in km"),
    ],
)
async def test_a_wrong_answer_is_explained_and_can_be_mended_in_the_same_form(
    hass: HomeAssistant, rig: Rig, wrong: dict[str, Any], field: str, words: str
) -> None:
    entry = await rig.site(car_data())
    hass.states.async_set("sensor.range", "312", {"unit_of_measurement": "km"})
    hass.states.async_set("sensor.soc", "61", {"unit_of_measurement": "%"})
    form = await rig.answer(await rig.add(entry, "vehicle"), **{**ANSWERS, **wrong})
    assert list(form["errors"]) == [field]
    assert words in message(form)
    result = await rig.accept(form, name="Zoe", soc_entity="sensor.soc")
    assert result["type"] == "create_entry"


async def test_a_changed_vehicle_keeps_its_identity(hass: HomeAssistant, rig: Rig) -> None:
    entry = await rig.site(car_data(soc_entity="sensor.soc", tag="04A1"))
    site, (car,) = entry.runtime_data, subentries(entry, "vehicle")
    form = await rig.change(entry, car)
    assert shown(form) == {
        "name": "Car",
        "capacity_kwh": 60,
        "max_phases": "3",
        "efficiency": 90,
        "soc_entity": "sensor.soc",
        "tag": "04A1",
    }
    form = await rig.accept(form, name="guest")
    assert form["errors"] == {"name": "name_reserved"}
    result = await rig.accept(form, name="car", soc_entity=None, tag=" ", capacity_kwh=58)
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.runtime_data is site
    (vehicle,) = site.config.vehicles
    assert (vehicle.id, vehicle.name, vehicle.capacity_kwh) == (car.subentry_id, "car", 58)
    assert (vehicle.soc_entity, vehicle.tag) == (None, None)
