"""The sonnenBatterie's driver against a simulated one, over HTTP."""

import asyncio
import json
from pathlib import Path
import traceback
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.smart_charging.core.reading import (
    BatteryMode,
    BatteryReading,
    MeterReading,
    PartKind,
    PvReading,
    Remedy,
)
from custom_components.smart_charging.devices.base import (
    BatteryDriver,
    CannotConnect,
    DeviceError,
    Driver,
    InvalidAuth,
    KeepsState,
    Rejected,
    Releasable,
    WrongDevice,
)
from custom_components.smart_charging.devices.sonnen import MAKE
from custom_components.smart_charging.devices.sonnen.api import About, Version2
from custom_components.smart_charging.devices.sonnen.driver import SonnenDriver
from custom_components.smart_charging.devices.sonnen.http import Http
from custom_components.smart_charging.devices.sonnen.values import (
    alarm,
    battery_reading,
    meter_reading,
    operating_mode,
    pv_reading,
)
from simulators.sonnen import MANUAL, TIME_OF_USE, V1_OWN, V2_OWN

from .sonnen_rig import NOON, SERIAL, TOKEN, a_rig

CHARGE, DISCHARGE, HOLD, SELF = (
    BatteryMode.CHARGE,
    BatteryMode.DISCHARGE,
    BatteryMode.HOLD,
    BatteryMode.SELF_CONSUMPTION,
)
OWN = {1: V1_OWN, 2: V2_OWN}
FIXTURES = Path(__file__).parents[1] / "fixtures/sonnen"
both_versions = pytest.mark.parametrize("version", [1, 2])


async def failure(driver: SonnenDriver) -> DeviceError:
    """Return how `run` fails, and see that nothing of it shows the token."""
    with pytest.raises(DeviceError) as caught:
        async with asyncio.timeout(10):
            await driver.run(lambda part, reading: None)
    err = caught.value
    shown = "".join(traceback.format_exception(err)) + repr(err) + str(err.placeholders)
    assert TOKEN not in shown
    return err


def test_make_is_a_row_whose_texts_cover_its_form() -> None:
    texts = json.loads(
        (
            Path(__file__).parents[2] / "custom_components/smart_charging/devices/texts/sonnen.json"
        ).read_text()
    )
    assert set(texts["fields"]) == {field.key for field in MAKE.fields}
    assert set(texts["choices"]["version"]) == {"v1", "v2"}
    assert set(texts["errors"]) == {
        error.key for error in (CannotConnect, InvalidAuth, Rejected, WrongDevice)
    }
    assert MAKE.load() is SonnenDriver
    assert MAKE.secrets == {"token"}
    for face in (Driver, BatteryDriver, Releasable, KeepsState):
        assert issubclass(SonnenDriver, face)


@both_versions
async def test_identify_names_the_battery_and_its_parts(version: int) -> None:
    async with a_rig(version) as rig:
        identity = await rig.driver().identify()
    assert (identity.serial, identity.name) == (SERIAL, f"sonnenBatterie {SERIAL}")
    assert identity.firmware == ("1.14.5" if version == 2 else None)
    meter, pv, battery = identity.parts
    assert [part.kind for part in identity.parts] == [
        PartKind.METER,
        PartKind.PV,
        PartKind.BATTERY,
    ]
    assert meter.key == "meter"
    assert pv.features == (("energy_kwh",) if version == 2 else ())
    assert battery.controllable
    assert battery.capacity_kwh == pytest.approx(10)
    assert battery.max_charge_kw == battery.max_discharge_kw == (5 if version == 2 else None)


@both_versions
async def test_grid_sun_and_battery_have_our_signs(version: int) -> None:
    async with a_rig(version) as rig, rig.running(rig.driver()):
        # The sun fills the battery.
        battery = await rig.heard(30)
        assert isinstance(battery, BatteryReading)
        assert battery.power_kw == pytest.approx(rig.sonnen.battery.power_kw, abs=0.001)
        assert battery.power_kw > 1
        assert battery.soc == pytest.approx(rig.sonnen.battery.soc, abs=0.006)
        assert battery.mode is SELF
        pv, meter = rig.readings["pv"], rig.readings["meter"]
        assert isinstance(pv, PvReading)
        assert pv.power_kw == pytest.approx(rig.house.pv_kw, abs=0.001)
        if version == 2:
            assert pv.energy_kwh == pytest.approx(rig.house.pv_energy_kwh, abs=0.1)
        else:
            assert pv.energy_kwh is None
        assert isinstance(meter, MeterReading)
        # More load than sun and battery give.
        rig.house.extra_kw[0] = 14.0
        battery = await rig.heard(30)
        assert battery.power_kw == pytest.approx(-5, abs=0.01)
        meter = rig.readings["meter"]
        assert isinstance(meter, MeterReading)
        assert meter.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.001)
        assert meter.power_kw > 3


@both_versions
async def test_it_obeys_watts_first_order_and_each_is_sent_once(version: int) -> None:
    async with a_rig(version) as rig:
        driver, sonnen = rig.driver(), rig.sonnen
        async with rig.running(driver):
            await driver.set_battery("battery", CHARGE, 1.5)
            assert sonnen.orders == ["mode 1", "charge 1500"]
            # The status that proves it is told at once.
            told = rig.readings["battery"]
            assert isinstance(told, BatteryReading)
            assert told.mode is CHARGE
            assert (await rig.heard(20)).power_kw == pytest.approx(1.5, abs=0.01)

            await driver.set_battery("battery", DISCHARGE, 0.7)
            assert sonnen.orders[2:] == ["discharge 700"], "the mode stands already"
            battery = await rig.heard(20)
            assert (battery.mode, battery.power_kw) == (DISCHARGE, pytest.approx(-0.7, abs=0.01))

            await driver.set_battery("battery", HOLD, 3)
            assert sonnen.orders[3:] == ["charge 0"]
            battery = await rig.heard(20)
            assert (battery.mode, battery.power_kw) == (HOLD, pytest.approx(0, abs=0.01))

            await driver.set_battery("battery", SELF, 0)
            assert sonnen.orders[4:] == [f"mode {OWN[version]}"]
            assert (await rig.heard(20)).mode is SELF
            assert driver.dump_state() == {}
            await driver.set_battery("battery", SELF, 0)
            await driver.release("battery")
            assert len(sonnen.orders) == 5, "what holds is not ordered again"


@both_versions
async def test_release_puts_back_what_was_before(version: int) -> None:
    async with a_rig(version) as rig:
        driver, sonnen = rig.driver(), rig.sonnen
        sonnen.choose(TIME_OF_USE)
        async with rig.running(driver):
            assert (await rig.heard()).mode is None, "none of our modes"
            await driver.set_battery("battery", DISCHARGE, 1)
            await driver.set_battery("battery", SELF, 0)
            assert sonnen.mode == OWN[version]
            assert driver.dump_state() == {"mode": TIME_OF_USE}
            if version == 1:
                # The simulated older software takes no order for it: it is told, and kept.
                with pytest.raises(Rejected):
                    await driver.release("battery")
                assert driver.dump_state() == {"mode": TIME_OF_USE}
                return
            await driver.release("battery")
            assert sonnen.mode == TIME_OF_USE
            assert driver.dump_state() == {}


async def test_a_mode_that_somebody_chose_meanwhile_stays() -> None:
    async with a_rig() as rig:
        driver = rig.driver()
        async with rig.running(driver):
            await driver.set_battery("battery", CHARGE, 1)
            rig.sonnen.choose(TIME_OF_USE)
            assert (await rig.heard()).mode is None
            await driver.release("battery")
            assert rig.sonnen.mode == TIME_OF_USE


async def test_manual_mode_that_nobody_of_us_set_ends_in_self_consumption() -> None:
    async with a_rig() as rig:
        driver, sonnen = rig.driver(), rig.sonnen
        sonnen.setpoint = ("discharge", 3000)
        sonnen.choose(MANUAL)
        async with rig.running(driver):
            assert (await rig.heard()).mode is None
            assert sonnen.mode == MANUAL, "who did it may still be there"
            await driver.set_battery("battery", HOLD, 0)
            assert sonnen.orders == ["charge 0"]
            await driver.release("battery")
            assert sonnen.mode == V2_OWN


@both_versions
async def test_the_next_life_ends_what_an_earlier_one_ordered(version: int) -> None:
    async with a_rig(version) as rig:
        driver, sonnen = rig.driver(), rig.sonnen
        async with rig.running(driver):
            await driver.set_battery("battery", DISCHARGE, 2)
            kept = json.loads(json.dumps(driver.dump_state()))
        assert sonnen.mode == MANUAL, "nothing watches over the setpoint"
        next_life = rig.driver()
        next_life.load_state(kept)
        async with rig.running(next_life):
            assert sonnen.orders[2:] == [f"mode {OWN[version]}"]
            assert (await rig.heard(10)).mode is SELF
            assert next_life.dump_state() == {}


@pytest.mark.parametrize("state", [{}, {"mode": None}, {"mode": "x"}, {"mode": 2}, {"other": "2"}])
async def test_a_state_that_cannot_be_used_is_ignored(state: dict[str, Any]) -> None:
    async with a_rig() as rig:
        driver = rig.driver()
        driver.load_state(state)
        assert driver.dump_state() == {}
        async with rig.running(driver):
            assert rig.sonnen.orders == []


async def test_a_token_that_may_only_read_refuses_orders_and_still_reads(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_rig() as rig:
        rig.sonnen.inject("write_off")
        driver = rig.driver()
        async with rig.running(driver):
            with pytest.raises(Rejected, match="may read, but not write"):
                await driver.set_battery("battery", CHARGE, 1)
            assert rig.sonnen.mode == V2_OWN
            assert (await rig.heard(5)).soc is not None
        # The same for what an earlier life left behind: said once, and kept.
        rig.sonnen.choose(MANUAL)
        next_life = rig.driver()
        next_life.load_state({"mode": V2_OWN})
        async with rig.running(next_life):
            for _ in range(3):
                await rig.heard(61)
            assert next_life.dump_state() == {"mode": V2_OWN}
            rig.sonnen.clear()
            await rig.heard(61)
            assert rig.sonnen.mode == V2_OWN
    lines = [r for r in caplog.records if r.levelname == "WARNING" and "manual mode" in r.message]
    assert len(lines) == 1


@both_versions
async def test_an_order_that_finds_the_battery_in_trouble_is_no_refusal(version: int) -> None:
    async with a_rig(version) as rig:
        driver = rig.driver()
        async with rig.running(driver):
            rig.sonnen.inject("orders_5xx")
            with pytest.raises(CannotConnect, match="HTTP 503"):
                await driver.set_battery("battery", CHARGE, 1)
            assert rig.sonnen.orders == []
            assert (await rig.heard(5)).mode is SELF, "it is read all the same"
            rig.sonnen.clear()
            await driver.set_battery("battery", CHARGE, 1)
            assert rig.sonnen.orders == ["mode 1", "charge 1000"]
            # The setpoint that stands is known: what fails in between leaves it alone.
            rig.sonnen.inject("orders_5xx")
            with pytest.raises(CannotConnect, match="HTTP 503"):
                await driver.set_battery("battery", CHARGE, 2)
            assert (await rig.heard(20)).power_kw == pytest.approx(1, abs=0.01)


async def test_an_order_with_a_token_that_was_withdrawn_asks_for_another() -> None:
    async with a_rig() as rig:
        driver = rig.driver()
        async with rig.running(driver):
            rig.sonnen.inject("unauthorized")
            with pytest.raises(InvalidAuth):
                await driver.set_battery("battery", CHARGE, 1)
            assert (rig.sonnen.orders, rig.sonnen.mode) == ([], V2_OWN)


async def test_a_battery_that_keeps_its_mode_is_told() -> None:
    async with a_rig() as rig:
        driver = rig.driver()
        async with rig.running(driver):
            rig.sonnen.inject("mode_locked")
            with pytest.raises(Rejected, match="does not take the setpoint"):
                await driver.set_battery("battery", CHARGE, 1)
            rig.sonnen.clear()
            rig.sonnen.inject("deaf")
            with pytest.raises(Rejected, match="does not take the setpoint"):
                await driver.set_battery("battery", CHARGE, 1)
            assert rig.sonnen.mode == V2_OWN, "not left in manual mode with an old setpoint"
            rig.sonnen.clear()
            rig.sonnen.inject("reverts")
            with pytest.raises(Rejected, match="kept its own mode"):
                await driver.set_battery("battery", CHARGE, 1)
            assert (await rig.heard()).mode is SELF
            rig.sonnen.clear()
            await driver.set_battery("battery", CHARGE, 1)
            rig.sonnen.inject("mode_locked")
            with pytest.raises(Rejected, match="stays in mode 1"):
                await driver.release("battery")
            assert driver.dump_state() == {"mode": V2_OWN}


async def test_orders_go_to_a_battery_that_is_connected() -> None:
    async with a_rig() as rig:
        driver = rig.driver()
        with pytest.raises(CannotConnect):
            await driver.set_battery("battery", CHARGE, 1)
        async with rig.running(driver):
            with pytest.raises(Rejected):
                await driver.set_battery("pv", CHARGE, 1)
        assert rig.sonnen.orders == []


async def test_what_the_status_lacks_is_missing_and_the_rest_stays() -> None:
    async with a_rig() as rig, rig.running(rig.driver()):
        rig.sonnen.inject("partial")
        battery = await rig.heard(5)
        assert battery.soc is None
        assert battery.power_kw is not None
        assert "pv" in rig.readings
        assert "meter" not in rig.readings
        rig.sonnen.inject("partial", fields=("Production_W", "Pac_total_W"))
        battery = await rig.heard(5)
        assert battery.power_kw is None
        assert "pv" not in rig.readings


@both_versions
@pytest.mark.parametrize("fault", ["http_5xx", "garbage", "hang_up", "silence"])
async def test_one_bad_answer_is_borne_and_two_are_a_lost_link(
    version: int, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Http, "answer_s", 0.5)
    async with a_rig(version) as rig:
        driver = rig.driver()
        rig.sonnen.inject(fault)
        err = await failure(driver)
        assert isinstance(err, WrongDevice if fault == "garbage" else CannotConnect)
        assert len([call for call in rig.sonnen.calls if call.endswith("/status")]) == 2
        rig.sonnen.clear()
        async with rig.running(driver):
            assert (await rig.heard(5)).soc is not None


async def test_nobody_at_the_address_is_told() -> None:
    async with a_rig() as rig:
        await rig.sonnen.stop()
        driver = rig.driver()
        assert "no connection" in str(await failure(driver))
        with pytest.raises(CannotConnect):
            await driver.identify()


@pytest.mark.parametrize("token", ["wrong", ""])
async def test_a_wrong_token_is_told_although_the_status_is_open(token: str) -> None:
    async with a_rig() as rig:
        with pytest.raises(InvalidAuth):
            await rig.driver(token=token).identify()
        assert isinstance(await failure(rig.driver(token=token)), InvalidAuth)


async def test_a_token_that_is_withdrawn_is_noticed_within_a_minute() -> None:
    async with a_rig() as rig:
        task = asyncio.create_task(rig.driver().run(rig.publish))
        await rig.heard()
        rig.sonnen.inject("unauthorized")
        await rig.heard(30)
        rig.clock.advance(31)
        with pytest.raises(InvalidAuth):
            await asyncio.wait_for(task, 5)


async def test_figures_that_stand_still_are_no_readings() -> None:
    async with a_rig() as rig:
        driver = rig.driver()
        task = asyncio.create_task(driver.run(rig.publish))
        await rig.heard(5)
        rig.sonnen.inject("frozen")
        await rig.heard(60)
        rig.clock.advance(121)
        with pytest.raises(CannotConnect, match="stand still"):
            await asyncio.wait_for(task, 5)
        told = rig.told
        assert "stand still" in str(await failure(driver)), "a new link makes them no newer"
        assert rig.told == told


@pytest.mark.parametrize(("asked", "there"), [("v2", 1), ("v1", 2)])
async def test_the_other_version_or_another_device_is_told(asked: str, there: int) -> None:
    async with a_rig(there) as rig:
        if there == 2:
            # This software has both: nothing to tell.
            assert (await rig.driver(version=asked).identify()).serial == SERIAL
            return
        with pytest.raises(WrongDevice):
            await rig.driver(version=asked, token=TOKEN).identify()
        rig.sonnen.inject("partial", fields=("OperatingMode",))
        with pytest.raises(WrongDevice, match="is no sonnenBatterie"):
            await rig.driver(version="v1").identify()


async def test_the_token_is_not_carried_elsewhere() -> None:
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/other")

    app = web.Application()
    app.router.add_get("/{tail:.*}", elsewhere)
    async with a_rig() as rig, TestServer(app) as server:
        with pytest.raises(CannotConnect, match="HTTP 302"):
            await rig.driver(host=f"http://127.0.0.1:{server.port}/").identify()
    assert asked == ["/api/v2/status"]


async def test_without_the_cells_the_capacity_is_asked_of_the_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = Http.ask

    async def lacking(self: Http, path: str) -> Any:
        return await ask(self, "/nowhere" if path == "/api/battery" else path)

    monkeypatch.setattr(Http, "ask", lacking)
    async with a_rig(1) as rig:
        identity = await rig.driver().identify()
    assert identity.parts[2].capacity_kwh is None


async def test_sonnen_s_remote_service_steps_in_while_the_battery_is_out_of_reach() -> None:
    async with a_rig(1) as rig:
        form = {"host": "127.0.0.1:1", "token": TOKEN, "remote_url": rig.sonnen.remote_url}
        driver = rig.driver(**form)
        assert (await driver.identify()).parts[2].capacity_kwh == pytest.approx(10)
        async with rig.running(driver):
            await driver.set_battery("battery", DISCHARGE, 1)
            battery = await rig.heard(20)
            assert battery.power_kw == pytest.approx(-1, abs=0.01)
            await driver.release("battery")
        assert rig.sonnen.orders == ["mode 1", "discharge 1000", "mode 8"]
        assert all("/proxy/123456/" in call for call in rig.sonnen.calls)
        rig.sonnen.inject("unauthorized")
        assert isinstance(await failure(driver), InvalidAuth)
        rig.sonnen.clear()
        # Without a token, and while the battery answers, nothing goes out of the house.
        rig.sonnen.calls.clear()
        assert isinstance(await failure(rig.driver(**form | {"token": ""})), CannotConnect)
        async with rig.running(rig.driver(**form | {"host": rig.sonnen.host})):
            await rig.heard()
        assert not any("/proxy/" in call for call in rig.sonnen.calls)


def sample(name: str) -> Any:
    """Return a page that a real battery gave."""
    return json.loads((FIXTURES / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("page", "soc", "battery_kw", "sun_kw"),
    [
        ("v2_charging_status", 0.81, 1.394, 2.972),
        ("v2_discharging_status", 0.81, -1.438, 0.103),
        ("v2_discharging_offgrid_status", 0.12, -0.438, 0.102),
    ],
)
def test_pages_of_a_real_battery(page: str, soc: float, battery_kw: float, sun_kw: float) -> None:
    status = sample(page)
    battery = battery_reading(status, None, NOON)
    pv, meter = pv_reading(status, None, NOON), meter_reading(status, NOON)
    assert battery is not None
    assert pv is not None
    assert meter is not None
    assert (battery.soc, battery.power_kw) == (pytest.approx(soc), pytest.approx(battery_kw))
    assert (pv.power_kw, meter.power_kw) == (pytest.approx(sun_kw), 0)
    assert operating_mode(status) == V2_OWN


def test_alarms_of_a_battery_are_told_with_what_to_do() -> None:
    for page in ("v2_charging_latest", "v2_discharging_offgrid_latest"):
        assert alarm(sample(page)) is None
    broken = sample("v2_charging_latest")
    broken["ic_status"]["Eclipse Led"]["Blinking Red"] = True
    assert alarm(broken) == ("its light is red", Remedy.DEVICE)
    broken["ic_status"]["DC Shutdown Reason"]["HW_Shutdown"] = True
    assert alarm(broken) == ("shut down: HW_Shutdown", Remedy.DEVICE)
    for nonsense in ({}, {"ic_status": None}, {"ic_status": {"DC Shutdown Reason": []}}):
        assert alarm(nonsense) is None
    island = battery_reading(sample("v2_discharging_offgrid_status"), None, NOON)
    assert island is not None
    assert (island.warning, island.remedy) == ("runs without the grid", Remedy.OFF_GRID)


@pytest.mark.parametrize("shape", ["list", "table"])
async def test_figures_of_a_real_battery(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    meters = sample("v2_charging_powermeter")
    if shape == "table":
        meters = {str(number): meter for number, meter in enumerate(meters)}
    pages = {"/configurations": sample("v2_charging_configurations"), "/powermeter": meters}

    async def ask(self: Http, path: str) -> Any:
        return pages[path]

    monkeypatch.setattr(Http, "ask", ask)
    async with aiohttp.ClientSession() as session:
        about = await Version2(session, "127.0.0.1", TOKEN).about()
        assert about == About(firmware="1.14.5", capacity_kwh=20, max_kw=5, counts_sun=True)
        assert await Version2(session, "127.0.0.1", TOKEN).sun_kwh() == pytest.approx(3969.8)


@pytest.mark.parametrize(
    "bad", [None, True, "", "12 W", "nan", float("inf"), [], {}, "1e999", 10**400]
)
def test_nonsense_is_a_missing_value(bad: object) -> None:
    status = {"USOC": bad, "Pac_total_W": bad, "Production_W": bad, "GridFeedIn_W": bad}
    assert battery_reading(status, None, NOON) is None
    assert pv_reading(status, None, NOON) is None
    assert meter_reading(status, NOON) is None
    assert operating_mode({"OperatingMode": bad}) is None
    half = battery_reading({"USOC": 101, "Pac_total_W": "-7"}, None, NOON)
    assert half is not None
    assert (half.soc, half.power_kw) == (None, pytest.approx(0.007))
