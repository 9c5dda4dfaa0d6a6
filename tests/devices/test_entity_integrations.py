"""Each charger integration is recognised and driven, with states as that integration writes them."""

from dataclasses import replace

from homeassistant.core import Context, HomeAssistant
import pytest

from custom_components.smart_charging.core.reading import ChargerStatus, PartKind
from custom_components.smart_charging.devices.entity.charger import EntityCharger
from custom_components.smart_charging.devices.entity.context import acting_context
from custom_components.smart_charging.devices.entity.suggest import suggest
from tests.devices.chargers_all import CHARGERS
from tests.devices.chargers_custom import EASEE
from tests.devices.chargers_of_ha import ChargerOfHa, Installed
from tests.devices.entity_home import context, running, settle

every = pytest.mark.parametrize("charger", CHARGERS, ids=lambda charger: charger.platform)
SWITCHING = [c for c in CHARGERS if c.suggested.get("phases") == "1_3"]


@every
async def test_one_device_is_suggested_with_the_whole_form_filled_in(
    hass: HomeAssistant, charger: ChargerOfHa
) -> None:
    installed = Installed(hass, charger)
    (found,) = suggest(hass, PartKind.CHARGER)
    assert (found.known, found.platform, found.make) == (True, charger.platform, "entity_charger")
    assert found.title == (f"My {charger.platform}" if charger.has_device else charger.platform)
    assert found.device_id == installed.device_id
    assert found.data == charger.suggested


@every
async def test_the_car_is_understood_in_the_integrations_words(
    hass: HomeAssistant, charger: ChargerOfHa
) -> None:
    installed = Installed(hass, charger)
    driver = EntityCharger(charger.suggested, context(hass))
    (part,) = (await driver.identify()).parts
    assert part.controllable
    assert part.max_a == charger.max_a
    async with running(hass, driver) as calls:
        for words, status in (
            ("unplugged", ChargerStatus.UNPLUGGED),
            ("paused", ChargerStatus.CONNECTED),
            ("charging", ChargerStatus.CHARGING),
        ):
            installed.say(words)
            await settle(hass)
            assert calls.last.status is status, words
        if "power" in charger.suggested:
            # Some count in W, some in kW.
            assert 3 < calls.last.power_kw < 8
        if "session_energy" in charger.suggested:
            assert 1 < calls.last.session_kwh < 5


@every
async def test_orders_are_obeyed_read_back_written_once_and_carry_our_context(
    hass: HomeAssistant, charger: ChargerOfHa
) -> None:
    installed = Installed(hass, charger)
    driver = EntityCharger(charger.suggested, context(hass))
    highest = charger.max_a
    decision = Context()
    token = acting_context.set(decision)
    try:
        async with running(hass, driver) as calls:
            before = {row.id: installed.shown(row.id) for row in charger.rows}
            await driver.set_charging("charger", 10, None)
            await settle(hass)
            expected = 10.0 if charger.limit else highest
            assert (calls.last.limit_a, calls.last.status) == (expected, ChargerStatus.CHARGING)
            done = len(installed.orders)
            await driver.set_charging("charger", 10, None)
            assert len(installed.orders) == done, "nothing changed, so nothing is written"

            await driver.set_charging("charger", 0, None)
            await settle(hass)
            assert calls.last.limit_a == 0.0
            if charger.enable or charger.own_actions:
                assert calls.last.status is ChargerStatus.CONNECTED
            await driver.set_charging("charger", 8, None)
            await settle(hass)
            expected = 8.0 if charger.limit else highest
            assert (calls.last.limit_a, calls.last.status) == (expected, ChargerStatus.CHARGING)

            await driver.release("charger")
            await settle(hass)
            for entity_id in filter(None, (charger.limit, charger.enable)):
                if not charger.own_actions:
                    assert installed.shown(entity_id) in (
                        before[entity_id],
                        before[entity_id].removesuffix(".0"),
                    )
            assert calls.last.status is ChargerStatus.CHARGING
    finally:
        acting_context.reset(token)
    assert installed.orders
    assert {id(made) for _, made in installed.orders} == {id(decision)}


@pytest.mark.parametrize("charger", SWITCHING, ids=lambda charger: charger.platform)
async def test_phases_are_switched_in_the_integrations_words(
    hass: HomeAssistant, charger: ChargerOfHa
) -> None:
    installed = Installed(hass, charger)
    driver = EntityCharger(charger.suggested, context(hass))
    (part,) = (await driver.identify()).parts
    assert (part.phases, part.can_switch_phases) == ((1, 3), True)
    async with running(hass, driver) as calls:
        await driver.set_charging("charger", 10, 1)
        installed.say("paused")
        await settle(hass)
        phase = charger.suggested.get("phase")
        if phase is None:
            assert "set_charger_phase_mode 1_phase" in [order for order, _ in installed.orders]
            return
        if "l1_current" not in charger.suggested:
            assert calls.last.phases == 1
        assert installed.shown(phase) != next(r.state for r in charger.rows if r.id == phase)
        await driver.set_charging("charger", 10, 3)
        await settle(hass)
        assert calls.last.phases == 3


async def test_an_easee_whose_limit_is_hidden_is_suggested_without_it(
    hass: HomeAssistant,
) -> None:
    rows = tuple(row for row in EASEE.rows if row.id != EASEE.limit)
    Installed(hass, replace(EASEE, rows=rows))
    (found,) = suggest(hass, PartKind.CHARGER)
    assert found.data == {k: v for k, v in EASEE.suggested.items() if k != "limit"}
    assert (await EntityCharger(found.data, context(hass)).identify()).parts[0].controllable
