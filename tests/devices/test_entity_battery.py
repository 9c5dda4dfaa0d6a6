"""A home battery made of entities."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from custom_components.smart_charging.core.reading import BatteryMode
from custom_components.smart_charging.devices.base import BatteryDriver, KeepsState
from custom_components.smart_charging.devices.entity.battery import EntityBattery
from custom_components.smart_charging.devices.entity.errors import (
    EntityUnit,
    ModeNotSupported,
    NothingChosen,
    OptionMissing,
)
from tests.devices.entity_home import KWH, PERCENT, W, context, running, set_up_inputs, settle

READ_ONLY: dict[str, Any] = {"soc": "sensor.soc", "power": "sensor.power"}

CONTROLLED = {
    **READ_ONLY,
    "mode": "input_select.mode",
    "option_self_consumption": "auto",
    "option_charge": "charge",
    "option_discharge": "discharge",
    "charge_power": "input_number.charge",
    "discharge_power": "input_number.discharge",
}


@pytest.fixture
async def home(hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.soc", "55", PERCENT)
    hass.states.async_set("sensor.power", "1200", W)
    power = {"min": 0, "max": 5000, "step": 10, "initial": 3000, "unit_of_measurement": "W"}
    await set_up_inputs(
        hass,
        input_select={"mode": {"options": ["Auto", "Charge", "Discharge"], "initial": "Auto"}},
        input_number={
            "charge": power,
            "discharge": power,
            "setpoint": {**power, "min": -5000, "initial": 0},
        },
    )


def value(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


async def test_discharge_of_home_assistant_is_our_minus(hass: HomeAssistant, home: None) -> None:
    hass.states.async_set("sensor.in", "120.5", KWH)
    driver = EntityBattery({**READ_ONLY, "charged_energy": "sensor.in"}, context(hass))
    async with running(hass, driver) as calls:
        assert calls.last.soc == pytest.approx(0.55)
        assert calls.last.power_kw == pytest.approx(-1.2)
        assert calls.last.charged_kwh == pytest.approx(120.5)
        assert calls.last.mode is None
    async with running(hass, EntityBattery({**READ_ONLY, "invert": True}, context(hass))) as calls:
        assert calls.last.power_kw == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("flows_in", "flows_out", "power_kw"),
    [
        ("2000", "0", 2.0),
        ("0", "1500", -1.5),
        # Some put a minus before what flows out.
        ("0", "-1500", -1.5),
        ("0", "0", 0.0),
        # Half of it is not the power.
        ("unknown", "0", None),
        ("0", "unavailable", None),
    ],
)
async def test_one_sensor_for_each_way_gives_the_power_with_its_sign(
    hass: HomeAssistant, home: None, flows_in: str, flows_out: str, power_kw: float | None
) -> None:
    hass.states.async_set("sensor.in", flows_in, W)
    hass.states.async_set("sensor.out", flows_out, W)
    form = {"soc": "sensor.soc", "input_power": "sensor.in", "output_power": "sensor.out"}
    async with running(hass, EntityBattery(form, context(hass))) as calls:
        assert calls.last.power_kw == power_kw


async def test_a_battery_without_any_power_is_refused(hass: HomeAssistant, home: None) -> None:
    with pytest.raises(NothingChosen, match="input_power"):
        await EntityBattery({"soc": "sensor.soc"}, context(hass)).identify()


async def test_unknown_soc_is_none(hass: HomeAssistant, home: None) -> None:
    hass.states.async_set("sensor.soc", "unknown", PERCENT)
    async with running(hass, EntityBattery(READ_ONLY, context(hass))) as calls:
        assert calls.last.soc is None


async def test_soc_must_count_in_percent(hass: HomeAssistant, home: None) -> None:
    hass.states.async_set("sensor.soc", "5.5", KWH)
    with pytest.raises(EntityUnit):
        await EntityBattery(READ_ONLY, context(hass)).identify()


async def test_modes_reach_select_and_numbers_and_are_read_back(
    hass: HomeAssistant, home: None
) -> None:
    driver = EntityBattery(CONTROLLED, context(hass))
    assert isinstance(driver, BatteryDriver)
    assert isinstance(driver, KeepsState)
    (part,) = (await driver.identify()).parts
    assert part.controllable
    assert (part.max_charge_kw, part.max_discharge_kw) == (5.0, 5.0)
    async with running(hass, driver) as calls:
        assert calls.last.mode is BatteryMode.SELF_CONSUMPTION
        await driver.set_battery("battery", BatteryMode.CHARGE, 2.345)
        await settle(hass)
        assert calls.last.mode is BatteryMode.CHARGE
        assert float(value(hass, "input_number.charge")) == 2340
        await driver.set_battery("battery", BatteryMode.DISCHARGE, 1.0)
        assert value(hass, "input_select.mode") == "Discharge"
        assert float(value(hass, "input_number.discharge")) == 1000


async def test_hold_without_its_own_option_charges_with_zero(
    hass: HomeAssistant, home: None
) -> None:
    driver = EntityBattery(CONTROLLED, context(hass))
    driver.find()
    await driver.set_battery("battery", BatteryMode.HOLD, 0)
    assert value(hass, "input_select.mode") == "Charge"
    assert float(value(hass, "input_number.charge")) == 0


async def test_self_consumption_gives_back_powers_as_they_were_even_after_a_restart(
    hass: HomeAssistant, home: None
) -> None:
    driver = EntityBattery(CONTROLLED, context(hass))
    driver.find()
    await driver.set_battery("battery", BatteryMode.CHARGE, 0.5)
    restarted = EntityBattery(CONTROLLED, context(hass))
    restarted.find()
    restarted.load_state(driver.dump_state())
    await restarted.set_battery("battery", BatteryMode.SELF_CONSUMPTION, 0)
    assert value(hass, "input_select.mode") == "Auto"
    assert float(value(hass, "input_number.charge")) == 3000


async def test_one_number_for_both_ways_is_signed(hass: HomeAssistant, home: None) -> None:
    form = {
        **CONTROLLED,
        "charge_power": "input_number.setpoint",
        "discharge_power": "input_number.setpoint",
    }
    driver = EntityBattery(form, context(hass))
    driver.find()
    await driver.set_battery("battery", BatteryMode.DISCHARGE, 2.5)
    assert float(value(hass, "input_number.setpoint")) == -2500
    await driver.set_battery("battery", BatteryMode.CHARGE, 1.5)
    assert float(value(hass, "input_number.setpoint")) == 1500


async def test_mode_by_number_compares_as_number(hass: HomeAssistant, home: None) -> None:
    hass.states.async_set("number.mode", "2.0", {"min": 0, "max": 4, "step": 1})
    writes = async_mock_service(hass, "number", "set_value")
    form = {
        **READ_ONLY,
        "mode": "number.mode",
        "option_self_consumption": "2",
        "option_hold": "0",
    }
    driver = EntityBattery(form, context(hass))
    async with running(hass, driver) as calls:
        assert calls.last.mode is BatteryMode.SELF_CONSUMPTION
        await driver.set_battery("battery", BatteryMode.HOLD, 0)
    assert writes[0].data["value"] == 0


async def test_mode_that_the_form_has_no_option_for_is_refused(
    hass: HomeAssistant, home: None
) -> None:
    form = {k: v for k, v in CONTROLLED.items() if k != "option_discharge"}
    driver = EntityBattery(form, context(hass))
    driver.find()
    with pytest.raises(ModeNotSupported):
        await driver.set_battery("battery", BatteryMode.DISCHARGE, 1)
    read_only = EntityBattery(READ_ONLY, context(hass))
    assert not (await read_only.identify()).parts[0].controllable
    with pytest.raises(ModeNotSupported):
        await read_only.set_battery("battery", BatteryMode.SELF_CONSUMPTION, 0)


async def test_option_that_the_select_lacks_is_found_when_the_device_is_added(
    hass: HomeAssistant, home: None
) -> None:
    driver = EntityBattery({**CONTROLLED, "option_hold": "freeze"}, context(hass))
    with pytest.raises(OptionMissing):
        await driver.identify()
