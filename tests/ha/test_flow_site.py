"""The form of a site and its options."""

from collections.abc import AsyncIterator
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import InvalidData
import pytest

from .flow_rig import Rig, message, shown

ANSWERS: dict[str, Any] = {
    "name": "Depot",
    "currency": "eur ",
    "topology": "grid_3x230",
    "fuse_a": 63,
    "import_limit_kw": 17.3,
    "export_limit_kw": 0,
    "peak_price_year": 52.5,
    "peak_floor_kw": 2.5,
    "slow_meter_a": 16,
}


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


async def test_a_site_begins_with_what_home_assistant_knows(hass: HomeAssistant, rig: Rig) -> None:
    await hass.config.async_update(location_name="Beach house", currency="NZD")
    form = await rig.add_site()
    assert form["errors"] == {}
    assert shown(form)["name"] == "Beach house"
    assert shown(form)["currency"] == "NZD"
    result = await rig.accept(form)
    assert result["type"] == "create_entry"
    assert result["title"] == "Beach house"


async def test_a_site_runs_with_what_was_answered(hass: HomeAssistant, rig: Rig) -> None:
    result = await rig.answer(await rig.add_site(), **ANSWERS)
    await hass.async_block_till_done()
    entry = result["result"]
    assert entry.title == "Depot"
    assert entry.state is ConfigEntryState.LOADED
    assert entry.data == {
        **{key: value for key, value in ANSWERS.items() if key != "name"},
        "currency": "EUR",
        "topology": "3x230",
    }
    config = entry.runtime_data.config
    assert (config.grid.fuse_a, config.grid.import_limit_kw, config.grid.export_limit_kw) == (
        63,
        17.3,
        0,
    )
    assert config.peak_price == pytest.approx(52.5 / 12)


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"currency": "EURO"}, "currency", "three letters"),
        ({"currency": "XQX"}, "currency", "three letters"),
        ({"slow_meter_a": 64}, "slow_meter_a", "more than the main fuse carries"),
        ({"name": " "}, "name", "Fill this in"),
        ({"name": "hOME "}, "name", "site of this name exists"),
        ({"outside_limit_entity": "sensor.amps"}, "outside_limit_entity", "counts in A"),
    ],
)
async def test_a_wrong_answer_is_explained_and_can_be_mended_in_the_same_form(
    hass: HomeAssistant, rig: Rig, wrong: dict[str, Any], field: str, words: str
) -> None:
    await rig.site(title="Home")
    hass.states.async_set("sensor.amps", "12", {"unit_of_measurement": "A"})
    form = await rig.answer(await rig.add_site(), **{**ANSWERS, **wrong})
    assert list(form["errors"]) == [field]
    assert words in message(form)
    kept = {**ANSWERS, "currency": "EUR"}
    assert {k: v for k, v in shown(form).items() if k not in wrong} == {
        k: v for k, v in kept.items() if k not in wrong
    }
    result = await rig.answer(form, **ANSWERS)
    assert result["type"] == "create_entry"


async def test_an_outside_limit_in_watts_or_without_unit_is_taken(
    hass: HomeAssistant, rig: Rig
) -> None:
    hass.states.async_set("sensor.limit", "4200", {"unit_of_measurement": "W"})
    form = await rig.answer(await rig.add_site(), **ANSWERS, outside_limit_entity="sensor.limit")
    assert form["type"] == "create_entry"
    form = await rig.answer(
        await rig.add_site(),
        **{**ANSWERS, "name": "Other", "outside_limit_entity": "sensor.comes_later"},
    )
    assert form["type"] == "create_entry"


async def test_a_changed_site_starts_anew_with_the_new_figures(
    hass: HomeAssistant, rig: Rig
) -> None:
    entry = await rig.site(import_limit_kw=9.2)
    before = entry.runtime_data
    form = await rig.change_site(entry)
    assert "name" not in shown(form)
    assert shown(form)["fuse_a"] == 25
    assert shown(form)["import_limit_kw"] == 9.2
    form = await rig.accept(form, fuse_a=20, slow_meter_a=21)
    assert form["errors"] == {"slow_meter_a": "above_fuse"}
    assert shown(form)["fuse_a"] == 20
    result = await rig.accept(form, slow_meter_a=0, import_limit_kw=None)
    assert (result["type"], result["reason"]) == ("abort", "reconfigure_successful")
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data is not before
    assert entry.runtime_data.config.grid.fuse_a == 20
    assert entry.runtime_data.config.grid.import_limit_kw is None


async def test_a_site_whose_form_was_only_looked_at_goes_on_running(
    hass: HomeAssistant, rig: Rig
) -> None:
    entry = await rig.site()
    before = entry.runtime_data
    result = await rig.accept(await rig.change_site(entry))
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.runtime_data is before


async def test_the_interval_of_entities_is_an_option(hass: HomeAssistant, rig: Rig) -> None:
    entry = await rig.site()
    form = await rig.options(entry)
    assert shown(form) == {"interval_s": 10}
    with pytest.raises(InvalidData):
        await rig.answer(form, interval_s=0)
    result = await rig.answer(form, interval_s=30)
    assert result["type"] == "create_entry"
    await hass.async_block_till_done()
    assert entry.runtime_data.config.interval_s == 30
    assert shown(await rig.options(entry)) == {"interval_s": 30}
