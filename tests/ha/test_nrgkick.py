"""An NRGkick in a real Home Assistant: form, entities, diagnostics, and a closed loop with P1."""

from collections.abc import AsyncIterator
import json

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.json import ExtendedJSONEncoder
import pytest

from custom_components.smart_charging.core.reading import ChargerStatus
from custom_components.smart_charging.devices.base import InvalidAuth
from custom_components.smart_charging.devices.registry import MAKES
from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics
from simulators.nrgkick import NrgkickGen2
from simulators.nrgkick_gen1 import MAC, NrgkickGen1

from .conftest import HomeFactory
from .flow_rig import PASSWORD, Rig, message, shown, subentries
from .nrgkick_home import PIN, SERIALS, kick_home

NIGHT = "2026-11-20 18:00:00+00:00"


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


async def test_a_gen2_is_found_tried_and_joins_the_site(rig: Rig) -> None:
    simulator = NrgkickGen2(
        rig.house, rig.clock, next(iter(rig.house.chargers)), username="me", password=PASSWORD
    )
    host = f"127.0.0.1:{await rig.serve(simulator)}"
    entry = await rig.site()
    form = await rig.add(entry, "device", "nrgkick")
    assert shown(form) == {}
    form = await rig.answer(form, host="127.0.0.1:1")
    assert "does not answer" in message(form)
    web = await rig.listener(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    form = await rig.accept(form, host=web)
    assert "not this NRGkick" in message(form)
    form = await rig.accept(form, host=host)
    assert "refuses the user name or password" in message(form)
    simulator.inject("api_off")
    form = await rig.accept(form, username="me", password=PASSWORD)
    assert "local API is off" in message(form)
    simulator.clear()
    form = await rig.accept(form, username="me", password=PASSWORD)
    assert form["step_id"] == "figures_charger"
    assert shown(form) == {
        "max_a": 16,
        "min_a": 6,
        "phases": "phases_1_3",
        "can_switch_phases": True,
        "phase_map": "map_123",
    }
    assert (await rig.accept(form))["type"] == "create_entry"
    (charger,) = subentries(entry, "device")
    assert charger.unique_id == f"nrgkick_{SERIALS[2]}"
    site = entry.runtime_data
    await rig.until(lambda: site.reading(site.config.devices[0].parts[0]) is not None)


async def test_a_gen1_asks_for_password_and_wallbox(rig: Rig) -> None:
    simulator = NrgkickGen1(
        rig.house,
        rig.clock,
        next(iter(rig.house.chargers)),
        password=PASSWORD,
        others=("00:11:22:33:44:66",),
    )
    host = f"127.0.0.1:{await rig.serve(simulator)}"
    entry = await rig.site()
    form = await rig.add(entry, "device", "nrgkick")
    form = await rig.answer(form, host=host)
    assert f"It knows: {MAC}, 00:11:22:33:44:66" in message(form)
    form = await rig.accept(form, wallbox=MAC)
    assert "refuses the user name or password" in message(form)
    simulator.inject("bluetooth")
    form = await rig.accept(form, password=PASSWORD)
    assert "over Bluetooth" in message(form)
    simulator.clear()
    form = await rig.accept(form, password=PASSWORD)
    assert form["step_id"] == "figures_charger"
    assert shown(form)["phases"] == "phases_3"
    assert (await rig.accept(form))["type"] == "create_entry"
    (charger,) = subentries(entry, "device")
    assert charger.unique_id == f"nrgkick_{MAC}"
    site = entry.runtime_data
    await rig.until(lambda: site.reading(site.config.devices[0].parts[0]) is not None)


async def test_a_changed_password_is_asked_for(rig: Rig) -> None:
    simulator = NrgkickGen2(
        rig.house, rig.clock, next(iter(rig.house.chargers)), username="me", password=PASSWORD
    )
    host = f"127.0.0.1:{await rig.serve(simulator)}"
    entry = await rig.site()
    form = await rig.add(entry, "device", "nrgkick")
    form = await rig.answer(form, host=host, username="me", password=PASSWORD)
    await rig.accept(form)
    site = entry.runtime_data
    await rig.until(lambda: site.reading(site.config.devices[0].parts[0]) is not None)
    simulator.inject("wrong_password")
    await rig.until(lambda: len(site.refusing()) == 1)
    form = await rig.reauth(entry)
    assert shown(form) == {}, "no secret leaves Home Assistant"
    form = await rig.answer(form, password="wrong")
    assert "refuses the user name or password" in message(form)
    simulator.clear()
    end = await rig.answer(form, password=PASSWORD)
    assert (end["type"], end["reason"]) == ("abort", "reauth_successful")
    await rig.hass.async_block_till_done()
    await rig.until(lambda: not entry.runtime_data.refusing())


@pytest.mark.parametrize("generation", [2, 1])
async def test_an_order_that_is_refused_for_the_password_asks_for_it(
    rig: Rig, generation: int
) -> None:
    """Gen1 lets everybody read: its password is wrong for orders alone."""
    point = next(iter(rig.house.chargers))
    simulator: NrgkickGen2 | NrgkickGen1
    if generation == 2:
        simulator = NrgkickGen2(rig.house, rig.clock, point, username="me", password=PASSWORD)
    else:
        simulator = NrgkickGen1(rig.house, rig.clock, point, password=PASSWORD)
    host = f"127.0.0.1:{await rig.serve(simulator)}"
    entry = await rig.site()
    form = await rig.add(entry, "device", "nrgkick")
    form = await rig.answer(form, host=host, username="me", password=PASSWORD)
    await rig.accept(form)
    site = entry.runtime_data
    (part,) = site.config.devices[0].parts
    await rig.until(lambda: site.reading(part) is not None)
    (number,) = [s for s in rig.hass.states.async_all("number") if "current" in s.entity_id]

    async def order(current_a: int) -> None:
        data = {"entity_id": number.entity_id, "value": current_a}
        await rig.hass.services.async_call("number", "set_value", data, blocking=True)

    await order(8)
    assert site.refusing() == []
    # The password is changed at the charger, and the next thing that happens is an order.
    simulator.inject("wrong_password")
    with pytest.raises(HomeAssistantError, match="NRGkick"):
        await order(9)
    assert site.refusing() == [site.config.devices[0].id]
    assert (site.runners[part.device_id].error is None) or generation == 2
    form = await rig.reauth(entry)
    assert form["description_placeholders"]["name"].startswith("NRGkick")
    simulator.clear()
    before = site.reading(part).at
    end = await rig.answer(form, password=PASSWORD)
    assert (end["type"], end["reason"]) == ("abort", "reauth_successful")
    await rig.until(lambda: not site.refusing() and site.runners[part.device_id].readings)
    await rig.until(lambda: site.runners[part.device_id].readings["charger"].at > before)
    simulator.orders.clear()
    await order(10)
    assert len(simulator.orders) == 1
    assert site.refusing() == []


async def test_a_password_that_is_put_back_needs_no_new_one(rig: Rig) -> None:
    simulator = NrgkickGen1(rig.house, rig.clock, next(iter(rig.house.chargers)), password=PASSWORD)
    host = f"127.0.0.1:{await rig.serve(simulator)}"
    entry = await rig.site()
    form = await rig.add(entry, "device", "nrgkick")
    await rig.accept(await rig.answer(form, host=host, password=PASSWORD))
    site = entry.runtime_data
    (part,) = site.config.devices[0].parts
    await rig.until(lambda: site.reading(part) is not None)
    runner = site.runners[part.device_id]
    simulator.inject("wrong_password")
    with pytest.raises(InvalidAuth):
        await runner.set_charging("charger", 9, None)
    assert site.refusing() == [part.device_id]
    simulator.clear()
    await runner.set_charging("charger", 9, None)
    assert site.refusing() == []
    end = await rig.reauth(entry)
    assert (end["type"], end["reason"]) == ("abort", "nothing_refused")


def test_its_row_keeps_the_password_secret() -> None:
    assert MAKES["nrgkick"].secrets == {"password"}


@pytest.mark.freeze_time(NIGHT)
@pytest.mark.parametrize("generation", [2, 1])
async def test_entities_show_the_car_and_a_download_no_secret(
    hass: HomeAssistant, make_home: HomeFactory, generation: int
) -> None:
    async with kick_home(make_home, generation) as kick:
        home = kick.home
        await home.run(20, step=1)
        assert home.state("binary_sensor", "charger_plugged") == "on"
        assert home.state("sensor", "charger_status") == "charging"
        assert float(home.state("sensor", "charger_power")) == pytest.approx(
            kick.point.power_kw, abs=0.1
        )
        assert home.entry is not None
        content = await async_get_config_entry_diagnostics(hass, home.entry)
        text = json.dumps(content, cls=ExtendedJSONEncoder)
        for secret in (PIN, SERIALS[generation]):
            assert secret.lower() not in text.lower()
        (device,) = [d for d in content["devices"] if d["make"] == "nrgkick"]
        assert device["error"] is None
        assert device["parts"]["charger"]["reading"]["status"] == "charging"


@pytest.mark.freeze_time(NIGHT)
@pytest.mark.parametrize("generation", [2, 1])
async def test_it_obeys_in_a_closed_loop_with_the_meter(
    make_home: HomeFactory, generation: int
) -> None:
    """What is ordered shows in the P1 telegram, and a load on the fuse lowers what is ordered."""
    async with kick_home(make_home, generation) as kick:
        home, point = kick.home, kick.point
        kick.simulator.orders.clear()
        await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
        await home.choose("fast")
        await home.run(60, step=1)
        base_kw = home.house.base_kw
        assert point.status is ChargerStatus.CHARGING
        assert point.effective_a == 16
        grid_kw = float(home.state("sensor", "_grid_power"))
        assert grid_kw == pytest.approx(base_kw + point.power_kw, abs=0.2)
        assert float(home.state("sensor", "_house_power")) == pytest.approx(base_kw, abs=0.2)

        # 25 A per line: with 13 A more on L1 the car must go down, and up again afterwards.
        home.house.advance()
        home.house.extra_kw[0] = 3.0
        await home.run(60, step=1)
        assert 6 <= point.effective_a <= 25 - 13
        assert max(home.house.line_a) <= 25
        assert home.state("sensor", "charger_status") == "charging"
        home.house.advance()
        home.house.extra_kw[0] = 0.0
        await home.run(240, step=1)
        assert point.effective_a == 16

        # Off: it holds, and the house sees the car stop.
        await home.choose("off")
        await home.run(60, step=1)
        assert point.effective_a == 0
        assert float(home.state("sensor", "_grid_power")) == pytest.approx(
            home.house.base_kw, abs=0.2
        )
        # What was set before comes back.
        await home.call("switch", "turn_off", home.entity_id("switch", "_act"))
        await home.run(30, step=1)
        assert point.effective_a == 16
        assert kick.simulator.orders
