"""A sonnenBatterie in a real Home Assistant: forms, entities, diagnostics, and the closed loop."""

from collections.abc import AsyncIterator
from copy import deepcopy
import json
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import ExtendedJSONEncoder
import pytest

from custom_components.smart_charging.core.reading import BatteryMode
from custom_components.smart_charging.diagnostics import async_get_config_entry_diagnostics
from simulators.sonnen import MANUAL, TIME_OF_USE, V1_OWN, V2_OWN

from .flow_rig import Rig, message, shown, subentries
from .sonnen_home import BATTERY_PART, DEVICE, TOKEN, SonnenHome, sonnen_data, sonnen_home

NIGHT = "2026-11-20 18:00:00+00:00"
OWN = {1: V1_OWN, 2: V2_OWN}
both_versions = pytest.mark.parametrize("version", [1, 2])


# --- forms ------------------------------------------------------------------------------------


@pytest.fixture
async def rig(hass: HomeAssistant) -> AsyncIterator[Rig]:
    async with Rig(hass) as made:
        yield made


@both_versions
async def test_a_battery_joins_the_running_site(rig: Rig, version: int) -> None:
    battery = await rig.sonnen(token=TOKEN, version=version)
    entry = await rig.site()
    form = await rig.add(entry, "device", "sonnen")
    assert shown(form) == {"version": "v2"}
    answers = {"host": battery.host, "serial": " 123456 ", "version": f"v{version}"}
    if version == 2:
        answers["token"] = TOKEN
    form = await rig.answer(form, **answers)
    assert form["step_id"] == "parts"
    form = await rig.answer(form, parts=["meter", "pv", "battery"])
    assert form["step_id"] == "figures_battery"
    assert shown(form)["capacity_kwh"] == pytest.approx(10)
    result = await rig.accept(form)
    assert result["type"] == "create_entry"
    assert result["title"] == "sonnenBatterie 123456"
    (device,) = subentries(entry, "device")
    assert device.unique_id == "sonnen_123456"
    assert device.data["parts"]["battery"]["controllable"]
    site = entry.runtime_data
    await rig.until(lambda: site.meter is not None and site.pv_kw is not None)


async def test_what_is_wrong_is_said_until_it_is_right(rig: Rig) -> None:
    battery = await rig.sonnen(token=TOKEN)
    web = await rig.listener(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    form = await rig.add(await rig.site(), "device", "sonnen")
    form = await rig.answer(form, host="127.0.0.1:1", serial="123456", version="v2", token="wrong")
    assert "does not answer as it should" in message(form)
    form = await rig.accept(form, host=web)
    assert "not a sonnenBatterie" in message(form)
    form = await rig.accept(form, host=battery.host)
    assert "refuses the token" in message(form)
    form = await rig.accept(form, token=None)
    assert "refuses the token" in message(form)
    battery.inject("garbage")
    form = await rig.accept(form, token=TOKEN)
    assert "cannot be understood" in message(form)
    battery.clear()
    assert (await rig.accept(form, token=TOKEN))["step_id"] == "parts"


async def test_a_token_that_is_withdrawn_is_asked_for(hass: HomeAssistant, rig: Rig) -> None:
    battery = await rig.sonnen(token=TOKEN)
    entry = await rig.site(sonnen_data(battery, token="old"))
    site = entry.runtime_data
    await rig.until(lambda: len(site.refusing()) == 1)
    form = await rig.reauth(entry)
    assert shown(form) == {}, "no secret leaves Home Assistant"
    form = await rig.answer(form, token="wrong")
    assert "refuses the token" in message(form)
    end = await rig.answer(form, token=TOKEN)
    assert (end["type"], end["reason"]) == ("abort", "reauth_successful")
    await rig.until(lambda: site.pv_kw is not None)
    (device,) = subentries(entry, "device")
    assert device.data["connection"]["token"] == TOKEN


# --- entities and diagnostics -----------------------------------------------------------------


@pytest.mark.freeze_time("2026-06-10 11:00:00+00:00")
@both_versions
async def test_entities_show_what_flows(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, version: int
) -> None:
    async with sonnen_home(hass, freezer, version=version) as home:
        await home.run(30, step=1)
        house = home.house
        assert house.battery is not None
        assert float(home.state("sensor", "pv_power")) == pytest.approx(house.pv_kw, abs=0.1)
        # Home Assistant has it the other way round: + is discharge.
        shown_kw = float(home.state("sensor", "battery_power"))
        assert shown_kw == pytest.approx(-house.battery.power_kw, abs=0.1)
        assert shown_kw < -1
        soc = float(home.state("sensor", "battery_soc"))
        assert soc == pytest.approx(100 * house.battery.soc, abs=1)
        assert home.state("select", "battery_mode") == "self_consumption"


@pytest.mark.freeze_time(NIGHT)
async def test_no_token_and_no_serial_in_a_download(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "custom_components.smart_charging")
    async with sonnen_home(hass, freezer) as home:
        assert home.entry is not None
        content = await async_get_config_entry_diagnostics(hass, home.entry)
        home.battery.inject("unauthorized")
        await home.run(90, step=1)
        failed = await async_get_config_entry_diagnostics(hass, home.entry)
    for download in (content, failed):
        text = json.dumps(download, cls=ExtendedJSONEncoder)
        assert TOKEN not in text
        assert home.battery.serial not in text
    (device,) = [each for each in content["devices"] if each["make"] == "sonnen"]
    assert device["error"] is None
    assert set(device["parts"]) == {"meter", "pv", "battery"}
    assert TOKEN not in caplog.text


# --- the closed loop --------------------------------------------------------------------------


async def act(home: SonnenHome, turn: str = "on") -> None:
    """Hand control over, or take it back."""
    await home.call("switch", f"turn_{turn}", home.entity_id("switch", "_act"))


async def order(home: SonnenHome, mode: BatteryMode, power_kw: float) -> None:
    """Order the battery as a person would: power, then mode."""
    await home.call(
        "number", "set_value", home.entity_id("number", "battery_power"), value=power_kw
    )
    await home.call(
        "select", "select_option", home.entity_id("select", "battery_mode"), option=mode.value
    )


def others_kw(home: SonnenHome) -> float:
    """Return what the meter shows of all but the battery."""
    assert home.site.meter is not None
    assert home.site.meter.power_kw is not None
    return home.site.meter.power_kw - home.battery.battery.power_kw


@pytest.mark.freeze_time(NIGHT)
@both_versions
async def test_every_order_shows_at_the_p1_port(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, version: int
) -> None:
    async with sonnen_home(hass, freezer, version=version) as home:
        await act(home)
        battery, site = home.battery, home.site
        for mode, power_kw, signed_kw in (
            (BatteryMode.CHARGE, 1.5, 1.5),
            (BatteryMode.DISCHARGE, 0.3, -0.3),
            (BatteryMode.HOLD, 0.0, 0.0),
        ):
            battery.orders.clear()
            await order(home, mode, power_kw)
            await home.run(40, step=1)
            assert battery.mode == MANUAL
            assert home.state("select", "battery_mode") == mode
            assert battery.battery.power_kw == pytest.approx(signed_kw, abs=0.05)
            house_kw = home.house.base_kw - home.house.pv_kw
            assert others_kw(home) == pytest.approx(house_kw, abs=0.05)
            assert battery.orders[-1] == (
                f"{'discharge' if signed_kw < 0 else 'charge'} {round(1000 * power_kw)}"
            )
            # The number is written first and carries the old mode; nothing is sent twice.
            assert len(battery.orders) == len(set(battery.orders)), battery.orders
        await order(home, BatteryMode.SELF_CONSUMPTION, 0)
        await home.run(40, step=1)
        assert battery.mode == OWN[version]
        assert home.state("select", "battery_mode") == "self_consumption"
        assert site.meter is not None
        assert site.meter.power_kw == pytest.approx(0, abs=0.05)


@pytest.mark.freeze_time(NIGHT)
@pytest.mark.parametrize("end", ["observe", "shutdown"])
@pytest.mark.parametrize("own", [V2_OWN, TIME_OF_USE])
async def test_its_own_mode_comes_back_when_control_ends(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, own: str, end: str
) -> None:
    async with sonnen_home(hass, freezer) as home:
        home.battery.choose(own)
        await home.run(10, step=1)
        await act(home)
        await order(home, BatteryMode.CHARGE, 1)
        await home.run(40, step=1)
        assert home.battery.mode == MANUAL
        if end == "observe":
            await act(home, "off")
        else:
            await home.site.actor.make_safe()
        await home.run(10, step=1)
        assert home.battery.mode == own
        assert home.site.settings.battery(BATTERY_PART).original is None


@pytest.mark.freeze_time(NIGHT)
@both_versions
@pytest.mark.parametrize("acting", [True, False])
async def test_home_assistant_that_was_killed_in_manual_mode_restores_self_consumption(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    version: int,
    acting: bool,
) -> None:
    async with sonnen_home(hass, freezer, version=version) as home:
        entry, battery = home.entry, home.battery
        assert entry is not None
        if acting:
            await act(home)
        await order(home, BatteryMode.DISCHARGE, 0.3)
        await home.run(20, step=1)
        assert battery.mode == MANUAL
        key = f"smart_charging.{entry.entry_id}"
        # All that a process which is killed now leaves behind.
        left = deepcopy(hass_storage[key])
        assert left["data"]["drivers"][DEVICE] == {"mode": OWN[version]}
        assert await hass.config_entries.async_unload(entry.entry_id)
        hass_storage[key] = left
        await home.run(120, step=5)
        assert battery.battery.power_kw == pytest.approx(-0.3, abs=0.05), "nobody watches over it"

        battery.orders.clear()
        assert await hass.config_entries.async_setup(entry.entry_id)
        await home.connected()
        assert battery.orders[0] == f"mode {OWN[version]}", "before anything else"
        await home.run(40, step=1)
        if acting:
            # Control took it over again, with an order that is watched.
            assert home.state("select", "battery_mode") == "discharge"
            await act(home, "off")
            await home.run(10, step=1)
        assert battery.mode == OWN[version]
        assert home.state("select", "battery_mode") == "self_consumption"
        assert home.site.meter is not None
        assert home.site.meter.power_kw == pytest.approx(0, abs=0.1)
