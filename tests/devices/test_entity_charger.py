"""A charger made of entities."""

import asyncio
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_mock_service,
)

from custom_components.smart_charging.core.reading import ChargerStatus
from custom_components.smart_charging.devices.base import (
    CannotConnect,
    ChargerDriver,
    KeepsState,
    Rejected,
)
from custom_components.smart_charging.devices.entity.charger import EntityCharger
from custom_components.smart_charging.devices.entity.context import acting_context
from custom_components.smart_charging.devices.entity.errors import (
    CannotPause,
    EntityDisabled,
    EntityUnavailable,
    EntityUnit,
    OptionMissing,
)
from custom_components.smart_charging.devices.entity.status import charger_status
from tests.devices.entity_home import (
    KWH,
    A,
    W,
    context,
    register,
    running,
    set_up_inputs,
    settle,
)

LIMIT = {"min": 6, "max": 32, "step": 1, "initial": 16, "unit_of_measurement": "A"}

FORM: dict[str, Any] = {
    "status": "sensor.status",
    "limit": "input_number.limit",
    "enable": "input_boolean.enable",
    "phase": "input_select.phase",
    "phase_one": "1 phase",
    "phase_three": "3 phases",
    "phases": "1_3",
}


@pytest.fixture
async def charger(hass: HomeAssistant) -> EntityCharger:
    """A charger of real helpers: limit 16 A, enabled, three phases."""
    await set_up_inputs(
        hass,
        input_number={"limit": LIMIT},
        input_boolean={"enable": {"initial": True}},
        input_select={"phase": {"options": ["1 Phase", "3 Phases"], "initial": "3 Phases"}},
    )
    hass.states.async_set("sensor.status", "Connected")
    driver = EntityCharger(FORM, context(hass))
    assert isinstance(driver, ChargerDriver)
    assert isinstance(driver, KeepsState)
    return driver


def value(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


async def test_orders_reach_the_entities_and_are_read_back(
    hass: HomeAssistant, charger: EntityCharger
) -> None:
    async with running(hass, charger) as calls:
        assert calls.last.status is ChargerStatus.CONNECTED
        assert (calls.last.limit_a, calls.last.phases) == (16.0, 3)
        await charger.set_charging("charger", 10, 1)
        await settle(hass)
        assert (calls.last.limit_a, calls.last.phases) == (10.0, 1)
        await charger.set_charging("charger", 0, None)
        await settle(hass)
        assert value(hass, "input_boolean.enable") == "off"
        assert calls.last.limit_a == 0.0
        await charger.set_charging("charger", 8, 3)
        await settle(hass)
        assert value(hass, "input_boolean.enable") == "on"
        assert (calls.last.limit_a, calls.last.phases) == (8.0, 3)


async def test_only_changes_are_written(hass: HomeAssistant, charger: EntityCharger) -> None:
    calls = async_capture_events(hass, "call_service")
    await charger.set_charging("charger", 16, 3)
    assert not calls
    await charger.set_charging("charger", 12, 3)
    await charger.set_charging("charger", 12, 3)
    assert len(calls) == 1


async def test_order_is_repeated_only_when_it_had_time_to_settle(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    writes = async_mock_service(hass, "number", "set_value")
    hass.states.async_set("number.limit", "16", {**LIMIT, "min": 0})
    hass.states.async_set("sensor.status", "connected")
    driver = EntityCharger({"status": "sensor.status", "limit": "number.limit"}, context(hass))
    await driver.set_charging("charger", 10, None)
    await driver.set_charging("charger", 10, None)
    assert len(writes) == 1, "a polled entity still shows 16"
    await driver.set_charging("charger", 16, None)
    assert len(writes) == 2, "16 is what it shows, but not what it was told last"
    freezer.tick(31)
    await driver.set_charging("charger", 10, None)
    assert [call.data["value"] for call in writes] == [10, 16, 10]


async def test_change_by_somebody_else_is_put_right_at_once(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    writes = async_mock_service(hass, "number", "set_value")
    hass.states.async_set("number.limit", "16", {**LIMIT, "min": 0})
    driver = EntityCharger({"limit": "number.limit"}, context(hass))
    await driver.set_charging("charger", 10, None)
    freezer.tick(1)
    hass.states.async_set("number.limit", "32", {**LIMIT, "min": 0})
    await driver.set_charging("charger", 10, None)
    assert len(writes) == 2


@pytest.mark.parametrize(
    ("asked", "written"), [(10.9, 10.5), (40, 32.0), (6.0, 6.0), (7.49, 7.0), (13.3, 13.0)]
)
async def test_current_is_cut_down_to_the_step_and_range_of_the_number(
    hass: HomeAssistant, asked: float, written: float
) -> None:
    writes = async_mock_service(hass, "number", "set_value")
    hass.states.async_set("number.limit", "20", {**LIMIT, "step": 0.5})
    await set_up_inputs(hass, input_boolean={"enable": {"initial": True}})
    driver = EntityCharger(
        {"limit": "number.limit", "enable": "input_boolean.enable"}, context(hass)
    )
    await driver.set_charging("charger", asked, None)
    assert writes[-1].data["value"] == pytest.approx(written)


async def test_number_in_milliampere_is_written_in_milliampere(hass: HomeAssistant) -> None:
    writes = async_mock_service(hass, "number", "set_value")
    hass.states.async_set(
        "number.limit", "6000", {"min": 0, "max": 32000, "step": 1, "unit_of_measurement": "mA"}
    )
    driver = EntityCharger({"limit": "number.limit"}, context(hass))
    await driver.set_charging("charger", 10, None)
    assert writes[-1].data["value"] == 10000


async def test_number_without_a_step_takes_the_current_as_it_is(hass: HomeAssistant) -> None:
    writes = async_mock_service(hass, "number", "set_value")
    hass.states.async_set("number.limit", "6", {"min": 0, "max": 32, "unit_of_measurement": "A"})
    driver = EntityCharger({"limit": "number.limit"}, context(hass))
    await driver.set_charging("charger", 10.37, None)
    assert writes[-1].data["value"] == 10.37


@pytest.mark.parametrize("shown", ["unknown", "None"])
async def test_number_that_shows_no_value_is_written_all_the_same(
    hass: HomeAssistant, shown: str
) -> None:
    writes = async_mock_service(hass, "number", "set_value")
    hass.states.async_set("number.limit", shown, {**LIMIT, "min": 0})
    driver = EntityCharger({"limit": "number.limit"}, context(hass))
    async with running(hass, driver) as calls:
        assert calls.last.limit_a is None
        await driver.set_charging("charger", 10, None)
    assert [call.data["value"] for call in writes] == [10]


async def test_number_whose_unit_changed_is_not_written(hass: HomeAssistant) -> None:
    writes = async_mock_service(hass, "number", "set_value")
    hass.states.async_set("number.limit", "16", {**LIMIT, "min": 0, "unit_of_measurement": "W"})
    driver = EntityCharger({"limit": "number.limit"}, context(hass))
    with pytest.raises(EntityUnit) as failure:
        await driver.set_charging("charger", 10, None)
    assert failure.value.placeholders["unit"] == "W"
    assert writes == []


async def test_current_below_what_the_number_takes_pauses(
    hass: HomeAssistant, charger: EntityCharger
) -> None:
    await charger.set_charging("charger", 5, None)
    assert value(hass, "input_boolean.enable") == "off"
    assert float(value(hass, "input_number.limit")) == 16


async def test_limit_is_set_before_charging_is_allowed(
    hass: HomeAssistant, charger: EntityCharger
) -> None:
    await charger.set_charging("charger", 0, None)
    events = async_capture_events(hass, "call_service")
    await charger.set_charging("charger", 7, 1)
    assert [e.data["service"] for e in events] == ["select_option", "set_value", "turn_on"]


async def test_inverted_switch_pauses_when_on(hass: HomeAssistant) -> None:
    await set_up_inputs(
        hass, input_boolean={"paused": {"initial": False}}, input_number={"limit": LIMIT}
    )
    driver = EntityCharger(
        {"limit": "input_number.limit", "enable": "input_boolean.paused", "enable_invert": True},
        context(hass),
    )
    async with running(hass, driver) as calls:
        assert calls.last.limit_a == 16.0
        await driver.set_charging("charger", 0, None)
        await settle(hass)
        assert value(hass, "input_boolean.paused") == "on"
        assert calls.last.limit_a == 0.0


async def test_number_that_goes_down_to_zero_pauses_without_a_switch(hass: HomeAssistant) -> None:
    await set_up_inputs(hass, input_number={"limit": {**LIMIT, "min": 0}})
    driver = EntityCharger({"limit": "input_number.limit"}, context(hass))
    identity = await driver.identify()
    assert identity.parts[0].controllable
    assert (identity.parts[0].min_a, identity.parts[0].max_a) == (6.0, 32.0)
    await driver.set_charging("charger", 0, None)
    assert float(value(hass, "input_number.limit")) == 0


async def test_charger_that_nothing_can_pause_is_not_controllable(hass: HomeAssistant) -> None:
    await set_up_inputs(hass, input_number={"limit": LIMIT})
    driver = EntityCharger({"limit": "input_number.limit"}, context(hass))
    assert not (await driver.identify()).parts[0].controllable
    with pytest.raises(CannotPause):
        await driver.set_charging("charger", 0, None)


async def test_charger_with_a_switch_only_has_one_current(hass: HomeAssistant) -> None:
    await set_up_inputs(hass, input_boolean={"enable": {"initial": True}})
    driver = EntityCharger({"enable": "input_boolean.enable", "max_a": 13}, context(hass))
    (part,) = (await driver.identify()).parts
    assert (part.min_a, part.max_a, part.controllable) == (13.0, 13.0, True)
    async with running(hass, driver) as calls:
        assert calls.last.limit_a == 13.0


async def test_release_puts_back_what_was_there_before_the_first_order(
    hass: HomeAssistant, charger: EntityCharger
) -> None:
    await charger.set_charging("charger", 8, 1)
    await charger.set_charging("charger", 0, None)
    after_restart = EntityCharger(FORM, context(hass))
    after_restart.load_state(charger.dump_state())
    await after_restart.release("charger")
    assert float(value(hass, "input_number.limit")) == 16
    assert value(hass, "input_boolean.enable") == "on"
    assert value(hass, "input_select.phase") == "3 Phases"
    assert after_restart.dump_state() == {}


async def test_an_entity_that_cannot_be_put_back_keeps_none_of_the_others(
    hass: HomeAssistant, charger: EntityCharger
) -> None:
    await charger.set_charging("charger", 8, 1)
    await charger.set_charging("charger", 0, None)
    # An update of the other integration has another name for what stood there before.
    await hass.services.async_call(
        "input_select",
        "set_options",
        {"entity_id": "input_select.phase", "options": ["1 Phase", "Three"]},
        blocking=True,
    )
    with pytest.raises(OptionMissing):
        await charger.release("charger")
    assert float(value(hass, "input_number.limit")) == 16
    assert value(hass, "input_boolean.enable") == "on"
    assert charger.dump_state() == {"input_select.phase": "3 Phases"}


async def test_calls_carry_the_context_of_the_decision(
    hass: HomeAssistant, charger: EntityCharger
) -> None:
    events = async_capture_events(hass, "call_service")
    decision = Context()
    token = acting_context.set(decision)
    try:
        await charger.set_charging("charger", 9, None)
    finally:
        acting_context.reset(token)
    assert events
    assert all(event.context is decision for event in events)


async def test_disabled_or_unavailable_entity_is_not_written_in_silence(
    hass: HomeAssistant, charger: EntityCharger
) -> None:
    hass.states.async_set("input_number.limit", "unavailable", LIMIT)
    with pytest.raises(EntityUnavailable) as failure:
        await charger.set_charging("charger", 9, None)
    assert failure.value.placeholders["entity"] == "input_number.limit"
    register(hass, "number.other", disabled_by=er.RegistryEntryDisabler.USER)
    other = EntityCharger({**FORM, "limit": "number.other"}, context(hass))
    with pytest.raises(EntityDisabled):
        await other.set_charging("charger", 9, None)


@pytest.mark.parametrize("error", [HomeAssistantError("busy"), ServiceValidationError("too much")])
async def test_refused_order_is_told_in_the_services_own_words(
    hass: HomeAssistant, error: HomeAssistantError
) -> None:
    async def refuse(_call: ServiceCall) -> None:
        raise error

    hass.services.async_register("number", "set_value", refuse)
    hass.states.async_set("number.limit", "16", {**LIMIT, "min": 0})
    driver = EntityCharger({"limit": "number.limit"}, context(hass))
    with pytest.raises(Rejected, match=str(error)):
        await driver.set_charging("charger", 9, None)


async def test_service_that_does_not_answer_is_given_up(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.smart_charging.devices.entity.writer.SERVICE_TIMEOUT_S", 0.02
    )
    never = asyncio.Event()

    async def hang(_call: ServiceCall) -> None:
        await never.wait()

    hass.services.async_register("number", "set_value", hang)
    hass.states.async_set("number.limit", "16", {**LIMIT, "min": 0})
    driver = EntityCharger({"limit": "number.limit"}, context(hass))
    with pytest.raises(CannotConnect):
        await driver.set_charging("charger", 9, None)
    never.set()
    await hass.async_block_till_done()


async def test_option_that_a_select_lacks_is_found_when_the_device_is_added(
    hass: HomeAssistant, charger: EntityCharger
) -> None:
    wrong = EntityCharger({**FORM, "phase_one": "single"}, context(hass))
    with pytest.raises(OptionMissing) as failure:
        await wrong.identify()
    assert failure.value.placeholders == {
        "detail": "single",
        "entity": "input_select.phase",
        "option": "single",
    }
    (part,) = (await charger.identify()).parts
    assert (part.phases, part.can_switch_phases, part.controllable) == ((1, 3), True, True)


@pytest.mark.parametrize(
    ("phase", "left_alone"), [("input_number.phases", "3.0"), ("input_boolean.single", "off")]
)
async def test_word_that_a_number_or_switch_does_not_know_is_told_and_not_written(
    hass: HomeAssistant, phase: str, left_alone: str
) -> None:
    await set_up_inputs(
        hass,
        input_number={"limit": LIMIT, "phases": {"min": 1, "max": 3, "step": 2, "initial": 3}},
        input_boolean={"enable": {"initial": True}, "single": {"initial": False}},
    )
    hass.states.async_set("sensor.status", "Connected")
    driver = EntityCharger({**FORM, "phase": phase, "phase_one": "single"}, context(hass))
    with pytest.raises(OptionMissing):
        await driver.identify()
    with pytest.raises(OptionMissing) as failure:
        await driver.set_charging("charger", 10, 1)
    assert failure.value.placeholders["entity"] == phase
    assert failure.value.placeholders["option"] == "single"
    assert value(hass, phase) == left_alone
    assert float(value(hass, "input_number.limit")) == 16, "not 10 A on three phases either"


async def test_phases_by_number_and_by_force_switch_need_no_options(hass: HomeAssistant) -> None:
    await set_up_inputs(
        hass,
        input_number={"limit": LIMIT, "phases": {"min": 1, "max": 3, "step": 2, "initial": 3}},
        input_boolean={"enable": {"initial": True}, "single": {"initial": False}},
    )
    for phase, one in (("input_number.phases", "1.0"), ("input_boolean.single", "on")):
        driver = EntityCharger(
            {
                "limit": "input_number.limit",
                "enable": "input_boolean.enable",
                "phase": phase,
                "phases": "1_3",
            },
            context(hass),
        )
        async with running(hass, driver) as calls:
            assert calls.last.phases == 3
            await driver.set_charging("charger", 10, 1)
            await settle(hass)
            assert value(hass, phase) == one
            assert calls.last.phases == 1


async def test_status_and_plug_and_power_together_tell_of_the_car(hass: HomeAssistant) -> None:
    hass.states.async_set("binary_sensor.plug", "off")
    hass.states.async_set("binary_sensor.charging", "off")
    hass.states.async_set("sensor.power", "0", W)
    hass.states.async_set("sensor.status", "sleeping")
    form = {
        "status": "sensor.status",
        "connected": "binary_sensor.plug",
        "power": "sensor.power",
        "session_energy": "sensor.session",
        "total_energy": "sensor.total",
    }
    hass.states.async_set("sensor.session", "unknown", KWH)
    hass.states.async_set("sensor.total", "1234500", {"unit_of_measurement": "Wh"})
    async with running(hass, EntityCharger(form, context(hass))) as calls:
        assert calls.last.status is ChargerStatus.UNPLUGGED
        assert calls.last.session_kwh is None
        assert calls.last.total_kwh == pytest.approx(1234.5)
        hass.states.async_set("binary_sensor.plug", "on")
        await settle(hass)
        assert calls.last.status is ChargerStatus.CONNECTED
        hass.states.async_set("sensor.status", "gibberish")
        hass.states.async_set("sensor.power", "7000", W)
        await settle(hass)
        assert calls.last.status is ChargerStatus.CHARGING
        hass.states.async_set("sensor.status", "stuck_relay")
        await settle(hass)
        assert calls.last.status is ChargerStatus.ERROR
        assert calls.last.warning == "stuck_relay"
    binaries = {"connected": "binary_sensor.plug", "charging": "binary_sensor.charging"}
    async with running(hass, EntityCharger(binaries, context(hass))) as calls:
        assert calls.last.status is ChargerStatus.CONNECTED
        hass.states.async_set("binary_sensor.charging", "on")
        await settle(hass)
        assert calls.last.status is ChargerStatus.CHARGING
        hass.states.async_set("binary_sensor.plug", "unknown")
        hass.states.async_set("binary_sensor.charging", "unknown")
        await settle(hass)
        assert calls.last.status is None


async def test_currents_show_how_many_phases_the_car_uses(hass: HomeAssistant) -> None:
    for n, current in ((1, "15.8"), (2, "0.1"), (3, "unknown")):
        hass.states.async_set(f"sensor.c{n}", current, A)
    hass.states.async_set("sensor.status", "charging")
    form = {
        "status": "sensor.status",
        "phases": "3",
        **{f"l{n}_current": f"sensor.c{n}" for n in (1, 2, 3)},
    }
    async with running(hass, EntityCharger(form, context(hass))) as calls:
        assert calls.last.currents_a == (15.8, 0.1, None)
        assert calls.last.phases == 1


@pytest.mark.parametrize(
    ("word", "platform", "status"),
    [
        ("standby", "nrgkick", ChargerStatus.UNPLUGGED),
        ("wakeup", "nrgkick", ChargerStatus.CONNECTED),
        ("Ready", "wallbox", ChargerStatus.UNPLUGGED),
        ("Locked, car connected", "wallbox", ChargerStatus.CONNECTED),
        ("Waiting in queue by Eco-Smart", "wallbox", ChargerStatus.CONNECTED),
        ("Paused", "wallbox", ChargerStatus.CONNECTED),
        ("no_ev_connected", "peblar", ChargerStatus.UNPLUGGED),
        ("suspended", "peblar", ChargerStatus.CONNECTED),
        ("not_connected", "openevse", ChargerStatus.UNPLUGGED),
        ("plugged_charging", "technove", ChargerStatus.CHARGING),
        ("ready_to_charge", "easee", ChargerStatus.CONNECTED),
        ("completed", "easee", ChargerStatus.COMPLETE),
        ("Connected_Requesting", "zaptec", ChargerStatus.CONNECTED),
        ("Connected_Finished", "zaptec", ChargerStatus.COMPLETE),
        ("Available", "ocpp", ChargerStatus.UNPLUGGED),
        ("SuspendedEVSE", "ocpp", ChargerStatus.CONNECTED),
        ("SuspendedEV", "ocpp", ChargerStatus.CONNECTED),
        ("Faulted", "ocpp", ChargerStatus.ERROR),
        ("WaitCar", "goecharger_mqtt", ChargerStatus.CONNECTED),
        ("Complete", "goecharger_mqtt", ChargerStatus.COMPLETE),
        ("no_power", "tesla_fleet", ChargerStatus.CONNECTED),
        ("CHARGING", None, ChargerStatus.CHARGING),
        ("disabled", "openevse", None),
        (None, None, None),
    ],
)
def test_words_of_chargers_are_understood(
    word: str | None, platform: str | None, status: ChargerStatus | None
) -> None:
    assert charger_status(word, platform) is status


async def test_easee_is_commanded_by_its_actions_and_not_flooded(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    from homeassistant.helpers import device_registry as dr

    entry = MockConfigEntry(domain="easee")
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("easee", "1")}
    )
    register(hass, "sensor.status", "easee", device_id=device.id, config_entry=entry)
    hass.states.async_set("sensor.status", "awaiting_start")
    hass.states.async_set("sensor.limit", "0", A)
    limits = async_mock_service(hass, "easee", "set_charger_dynamic_limit")
    phases = async_mock_service(hass, "easee", "set_charger_phase_mode")
    driver = EntityCharger(
        {
            "status": "sensor.status",
            "limit": "sensor.limit",
            "control": "easee",
            "phases": "1_3",
            "max_a": 20,
        },
        context(hass),
    )
    (part,) = (await driver.identify()).parts
    assert (part.max_a, part.can_switch_phases, part.controllable) == (20.0, True, True)
    await driver.set_charging("charger", 10, 1)
    await driver.set_charging("charger", 10, 1)
    assert [call.data for call in limits] == [{"current": 10, "device_id": device.id}]
    assert [call.data["phase_mode"] for call in phases] == ["1_phase"]
    await driver.set_charging("charger", 0, None)
    await driver.set_charging("charger", 10, None)
    await driver.release("charger")
    assert [call.data["current"] for call in limits] == [10, 0, 10, 20]
    assert phases[-1].data["phase_mode"] == "auto_phase"
    freezer.tick(61)
    await driver.release("charger")
    assert len(limits) == 5
    async with running(hass, driver) as calls:
        assert calls.last.limit_a == 0.0


async def test_keba_is_commanded_by_its_actions(hass: HomeAssistant) -> None:
    hass.states.async_set("binary_sensor.plug", "on")
    services = {
        name: async_mock_service(hass, "keba", name)
        for name in ("set_current", "enable", "disable")
    }
    driver = EntityCharger({"connected": "binary_sensor.plug", "control": "keba"}, context(hass))
    await driver.set_charging("charger", 8, None)
    await driver.set_charging("charger", 0, None)
    await driver.set_charging("charger", 8, None)
    assert [call.data for call in services["set_current"]] == [{"current": 8}]
    assert len(services["disable"]) == 1
    assert len(services["enable"]) == 2
