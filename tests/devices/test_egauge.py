"""The eGauge's driver against a simulated meter, over HTTP and HTTPS, with both interfaces."""

import asyncio
from collections.abc import Callable
import json
from pathlib import Path
import re
import traceback
from typing import Any

import pytest

from custom_components.smart_charging.core.reading import MeterReading, PartKind, PvReading
from custom_components.smart_charging.devices.base import (
    CannotConnect,
    DeviceError,
    Driver,
    InvalidAuth,
    WrongDevice,
)
from custom_components.smart_charging.devices.egauge import MAKE
from custom_components.smart_charging.devices.egauge.api import (
    LoginNeeded,
    RegisterGone,
    SerialUnknown,
)
from custom_components.smart_charging.devices.egauge.driver import FROZEN_S, EgaugeDriver
from custom_components.smart_charging.devices.egauge.web import Web
from simulators.egauge import HOSTNAME, SERIAL

from .egauge_rig import CHOSEN, PASSWORD, Rig, a_rig

both_interfaces = pytest.mark.parametrize("interface", ["json", "xml"])


async def failure(driver: EgaugeDriver, *, identify: bool = False) -> DeviceError:
    """Return how a driver fails, and see that nothing of it shows the password."""
    asking = driver.identify() if identify else driver.run(lambda part, reading: None)
    with pytest.raises(DeviceError) as caught:
        await asyncio.wait_for(asking, 10)
    err = caught.value
    shown = "".join(traceback.format_exception(err)) + repr(err) + str(err.placeholders)
    assert PASSWORD not in shown
    return err


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the driver wait for less than it does in a home."""
    monkeypatch.setattr(Web, "answer_s", 0.2)


def test_make_is_a_row_whose_texts_cover_its_forms() -> None:
    folder = Path(__file__).parents[2] / "custom_components/smart_charging/devices/texts"
    texts = json.loads((folder / "egauge.json").read_text())
    assert set(texts["fields"]) == {field.key for field in MAKE.fields}
    assert set(texts["assignment"]["fields"]) == {field.key for field in MAKE.assignment}
    assert set(texts["errors"]) == {
        error.key
        for error in (
            CannotConnect,
            InvalidAuth,
            WrongDevice,
            LoginNeeded,
            SerialUnknown,
            RegisterGone,
        )
    }
    assert MAKE.load() is EgaugeDriver
    assert MAKE.secrets == {"password"}
    assert issubclass(EgaugeDriver, Driver)


# --- who it is --------------------------------------------------------------------------------


async def test_the_json_interface_tells_name_serial_and_firmware() -> None:
    async with a_rig() as rig:
        identity = await rig.driver(serial=None).identify()
    assert (identity.serial, identity.name) == (SERIAL, HOSTNAME)
    assert (identity.model, identity.firmware) == ("EG4015", "4.7.1")
    assert identity.manufacturer == "eGauge Systems"
    meter, pv = identity.parts
    assert (meter.key, meter.kind, meter.phases) == ("meter", PartKind.METER, (3,))
    assert meter.features == ("phase_power", "import_kwh", "export_kwh")
    assert (pv.key, pv.kind, pv.features) == ("pv", PartKind.PV, ("energy_kwh",))


async def test_the_xml_interface_needs_the_number_on_the_label() -> None:
    async with a_rig(json=False) as rig:
        identity = await rig.driver(serial=" G777 ").identify()
        assert (identity.serial, identity.name) == ("G777", "eGauge G777")
        assert identity.firmware is None
        err = await failure(rig.driver(serial=None), identify=True)
        assert isinstance(err, SerialUnknown)
        assert err.key == "serial_unknown"


async def test_a_user_who_may_not_read_settings_types_the_serial() -> None:
    async with a_rig() as rig:
        rig.meter.inject("no_settings")
        assert isinstance(await failure(rig.driver(serial=None), identify=True), SerialUnknown)
        identity = await rig.driver(serial="G777").identify()
        assert identity.serial == "G777"
        async with rig.running(rig.driver(serial="G777")):
            assert (await rig.grid()).power_kw is not None


@both_interfaces
async def test_registers_are_listed_with_what_they_show(interface: str) -> None:
    async with a_rig(json=interface == "json") as rig:
        identity = await rig.driver(**dict.fromkeys(CHOSEN)).identify()
        watts = 1000 * rig.house.pv_kw
    assert identity.parts == ()
    channels = {channel.key: channel for channel in identity.channels}
    assert set(CHOSEN.values()) <= set(channels)
    assert channels["Solar"].quantity == "power"
    shown = re.fullmatch(r"Solar \(P\): (\d+\.\d) W", channels["Solar"].label)
    assert shown is not None
    assert float(shown[1]) == pytest.approx(watts, abs=1)
    assert channels["L2 Voltage"].quantity == "voltage"
    assert re.fullmatch(r"L2 Voltage \(V\): 2\d\d\.\d V", channels["L2 Voltage"].label)
    assert channels["L3 Current"].quantity == "current"
    # Temperatures and kinds that nobody has heard of are no choice.
    assert not {"L1 Frequency", "Odd"} & set(channels)
    assert {key: identity.proposal[key] for key in CHOSEN} == CHOSEN
    assert identity.proposal["grid_inverted"] is False
    assert identity.proposal["pv_inverted"] is False


async def test_without_present_values_the_list_shows_means() -> None:
    async with a_rig(json=False) as rig:
        rig.meter.inject("no_instant")
        driver = rig.driver()
        driver.poll_interval_s = 0.3
        asking = asyncio.create_task(driver.identify())
        await asyncio.sleep(0.15)
        rig.clock.advance(2)
        identity = await asking
        label = {channel.key: channel.label for channel in identity.channels}["Solar"]
        watts = float(label.removeprefix("Solar (P): ").removesuffix(" W"))
        assert watts == pytest.approx(1000 * rig.house.pv_kw, abs=1)


async def test_a_view_before_the_names_does_not_hide_them() -> None:
    async with a_rig(view="A.", phases=False) as rig:
        proposal = (await rig.driver(**dict.fromkeys(CHOSEN)).identify()).proposal
    assert proposal == {
        "grid": "A.Grid",
        "grid_inverted": False,
        "import_energy": "A.Grid+",
        "export_energy": "A.Grid-",
        "pv": "A.Solar",
        "pv_inverted": False,
        "pv_energy": "A.Solar+",
    }


# --- what it measures -------------------------------------------------------------------------


@both_interfaces
async def test_grid_and_sun_have_our_signs_and_units(interface: str) -> None:
    async with a_rig(json=interface == "json") as rig, rig.running(rig.driver()):
        # At noon the house sells.
        grid = await rig.grid(90)
        measured = rig.house.meter
        assert grid.power_kw == pytest.approx(measured.power_kw, abs=0.001)
        assert grid.power_kw is not None
        assert grid.power_kw < -1
        assert grid.import_kwh == pytest.approx(measured.import_kwh, abs=0.1)
        assert grid.export_kwh == pytest.approx(measured.export_kwh, abs=0.1)
        assert grid.device_time is not None
        assert abs(grid.device_time - grid.at).total_seconds() <= 1
        assert len(grid.phases) == 3
        for phase, kw, volts, amps in zip(
            grid.phases, measured.phase_kw, measured.phase_v, measured.phase_a, strict=True
        ):
            assert phase.power_kw == pytest.approx(kw, abs=0.001)
            assert phase.voltage_v == pytest.approx(volts, abs=0.001)
            assert phase.current_a == pytest.approx(abs(amps), abs=0.001)
        assert rig.sun().power_kw == pytest.approx(rig.house.pv_kw, abs=0.001)
        assert rig.sun().energy_kwh == pytest.approx(rig.house.pv_energy_kwh, abs=0.2)
        # With much switched on it buys.
        rig.house.extra_kw[0] = 12.0
        grid = await rig.grid(4)
        assert grid.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.001)
        assert grid.power_kw is not None
        assert grid.power_kw > 3


@both_interfaces
async def test_sign_and_factor_are_those_that_were_chosen(interface: str) -> None:
    async with a_rig(json=interface == "json") as rig:
        driver = rig.driver(grid_inverted=True, grid_scale=2.0, pv_inverted=True, pv_scale=0.5)
        async with rig.running(driver):
            grid = await rig.grid(90)
            measured = rig.house.meter
            assert grid.power_kw == pytest.approx(-2 * measured.power_kw, abs=0.002)
            assert grid.phases[1].power_kw == pytest.approx(-2 * measured.phase_kw[1], abs=0.002)
            assert grid.phases[1].current_a == pytest.approx(2 * abs(measured.phase_a[1]), abs=0.01)
            assert grid.phases[1].voltage_v == pytest.approx(measured.phase_v[1], abs=0.001)
            assert grid.import_kwh == pytest.approx(2 * measured.import_kwh, abs=0.2)
            assert rig.sun().power_kw == pytest.approx(-0.5 * rig.house.pv_kw, abs=0.001)
            assert rig.sun().energy_kwh == pytest.approx(0.5 * rig.house.pv_energy_kwh, abs=0.2)


async def test_lines_without_a_sum_are_added_up() -> None:
    async with a_rig() as rig, rig.running(rig.driver(grid=None)):
        grid = await rig.grid()
        assert grid.power_kw == pytest.approx(sum(rig.house.meter.phase_kw), abs=0.001)
        rig.meter.inject("null_rate")
        grid = await rig.grid()
        assert grid.power_kw is None
        assert [phase.power_kw for phase in grid.phases] == [None, None, None]


async def test_only_what_was_chosen_is_told() -> None:
    async with a_rig() as rig:
        driver = rig.driver(**{**dict.fromkeys(CHOSEN), "grid": "Grid"})
        assert [part.key for part in (await driver.identify()).parts] == ["meter"]
        async with rig.running(driver):
            grid = await rig.grid()
            assert (grid.phases, grid.import_kwh, grid.export_kwh) == ((), None, None)
            assert "pv" not in rig.readings
            # Counters cost the meter a look into its database.
            assert not any("time" in path for path in rig.meter.asked)


@both_interfaces
async def test_a_value_that_is_missing_is_none(interface: str) -> None:
    async with a_rig(json=interface == "json") as rig, rig.running(rig.driver()):
        rig.meter.inject("null_rate")
        if interface == "json":
            assert (await rig.grid()).power_kw is None
            assert rig.sun().power_kw is None
        else:
            # Its counters tell as much.
            grid = await rig.grid()
            assert grid.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.01)
        rig.meter.clear()
        assert (await rig.grid()).power_kw is not None


async def test_power_follows_from_counters() -> None:
    async with a_rig(json=False) as rig:
        rig.meter.inject("no_instant")
        async with rig.running(rig.driver()):
            for watts in (0.0, 9.0):
                rig.house.extra_kw[2] = watts
                await rig.grid(4)
                grid = await rig.grid(4)
                assert grid.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.02)
                volts = rig.house.meter.phase_v
                assert grid.phases[0].voltage_v == pytest.approx(volts[0], abs=1)
            assert rig.sun().power_kw == pytest.approx(rig.house.pv_kw, abs=0.02)


async def test_counters_that_begin_anew_are_no_power() -> None:
    async with a_rig(json=False) as rig:
        rig.meter.inject("no_instant")
        async with rig.running(rig.driver()):
            before = (await rig.grid(4)).import_kwh
            rig.history.clear()
            rig.meter.inject("reset")
            await rig.grid(2)
            grid = await rig.grid(4)
            assert grid.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.02)
            assert before is not None
            assert grid.import_kwh is not None
            assert grid.import_kwh < before
        powers = [r.power_kw for r in rig.history if isinstance(r, MeterReading)]
        assert None in powers, "the step from one count to the other is no measurement"
        assert all(kw is None or abs(kw) < 20 for kw in powers)


# --- logins -----------------------------------------------------------------------------------


async def test_a_token_that_ran_out_is_renewed_in_silence() -> None:
    async with a_rig() as rig, rig.running(rig.driver()):
        logins = rig.meter.logins
        rig.meter.inject("expired", 1)
        assert (await rig.grid()).power_kw is not None
        assert rig.meter.logins == logins + 1
        rig.meter.inject("stale_nonce", 1)
        rig.meter.inject("expired", 1)
        assert (await rig.grid()).power_kw is not None
        assert rig.meter.logins == logins + 2


@pytest.mark.parametrize(
    ("login", "told"),
    [
        ({"password": "wrong"}, "Invalid username or password"),
        ({"username": "guest"}, "Invalid username or password"),
        ({"username": None}, "both user name and password"),
        ({"password": None}, "both user name and password"),
    ],
)
async def test_wrong_credentials_are_told(login: dict[str, Any], told: str) -> None:
    async with a_rig() as rig:
        for identify in (True, False):
            err = await failure(rig.driver(**login), identify=identify)
            assert isinstance(err, InvalidAuth)
            assert told in str(err)
        assert rig.meter.logins == 0


async def test_a_nonce_that_is_never_good_is_a_refusal_and_no_storm() -> None:
    async with a_rig() as rig:
        rig.meter.inject("stale_nonce")
        assert isinstance(await failure(rig.driver()), InvalidAuth)
        assert len([path for path in rig.meter.asked if path.endswith("login")]) == 2


@pytest.mark.parametrize("fault", ["no_nonce", "http_5xx"])
async def test_a_meter_in_trouble_is_no_wrong_password(fault: str) -> None:
    async with a_rig() as rig:
        rig.meter.inject(fault)
        err = await failure(rig.driver())
        assert isinstance(err, CannotConnect)
        assert "HTTP 503" in str(err)


async def test_a_password_that_is_changed_meanwhile_is_told() -> None:
    async with a_rig() as rig:
        rig.meter.inject("expired", 3)
        rig.meter.inject("bad_password")
        assert isinstance(await failure(rig.driver()), InvalidAuth)


async def test_a_token_that_opens_nothing_is_told() -> None:
    async with a_rig() as rig:
        rig.meter.inject("expired")
        err = await failure(rig.driver())
        assert isinstance(err, InvalidAuth)
        assert "may not read /api/register" in str(err)


# --- which interface --------------------------------------------------------------------------


async def test_older_software_is_read_as_xml_even_with_credentials() -> None:
    async with a_rig() as rig:
        rig.meter.inject("json_off")
        async with rig.running(rig.driver()):
            assert (await rig.grid()).power_kw is not None
        assert any(path.endswith("/cgi-bin/egauge") for path in rig.meter.asked)


async def test_older_software_with_a_password_of_its_own_kind_is_told() -> None:
    async with a_rig() as rig:
        rig.meter.inject("json_off")
        rig.meter.inject("xml_locked")
        err = await failure(rig.driver())
        assert err.key == "wrong_device"
        assert "the XML interface is closed" in str(err)


async def test_an_interface_that_is_switched_off_is_told() -> None:
    async with a_rig(json=False) as rig:
        rig.meter.inject("xml_locked")
        err = await failure(rig.driver())
        assert isinstance(err, LoginNeeded)
        assert not isinstance(err, InvalidAuth)
        assert "only with a user name" in str(err)
        rig.meter.clear()
        rig.meter.inject("xml_off")
        err = await failure(rig.driver())
        assert isinstance(err, WrongDevice)
        assert "no XML interface" in str(err)


@both_interfaces
async def test_a_certificate_of_its_own_is_taken(interface: str) -> None:
    async with a_rig(json=interface == "json", tls=True) as rig:
        async with rig.running(rig.driver()):
            assert (await rig.grid()).power_kw is not None
        async with rig.running(rig.driver(host=f"https://{rig.host}/index.html")):
            assert (await rig.grid()).power_kw is not None
        err = await failure(rig.driver(host=f"http://{rig.host}"))
        assert isinstance(err, CannotConnect)


async def test_the_scheme_that_answers_is_found_again_after_it_changed() -> None:
    async with a_rig(tls=True) as rig:
        async with rig.running(rig.driver()):
            tls, rig.meter.tls = rig.meter.tls, None
            await rig.meter.stop()
            await rig.start()
            assert (await rig.grid()).power_kw is not None
            rig.meter.tls = tls
        assert tls is not None


# --- faults -----------------------------------------------------------------------------------


@both_interfaces
@pytest.mark.parametrize("fault", ["http_5xx", "hang_up", "garbage", "half", "silence", "list"])
async def test_one_bad_answer_mends_itself(interface: str, fault: str, hasty: None) -> None:
    async with a_rig(json=interface == "json") as rig, rig.running(rig.driver()):
        rig.meter.inject(fault, 1)
        assert (await rig.grid()).power_kw is not None
        assert fault not in rig.meter.faults


@both_interfaces
@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [
        ("http_5xx", CannotConnect, "HTTP 503"),
        ("hang_up", CannotConnect, "connection broke"),
        ("silence", CannotConnect, "no answer in time"),
        ("garbage", WrongDevice, "cannot be understood|another shape"),
        ("half", WrongDevice, "cannot be understood"),
    ],
)
async def test_a_fault_that_lasts_ends_the_link_and_names_the_cause(
    interface: str, fault: str, kind: type[DeviceError], told: str, hasty: None
) -> None:
    async with a_rig(json=interface == "json") as rig:
        driver = rig.driver()
        async with asyncio.timeout(10):
            with pytest.raises(kind, match=told) as caught:
                await during(rig, driver, lambda: rig.meter.inject(fault))
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))
        rig.meter.clear()
        async with rig.running(driver):
            assert (await rig.grid()).power_kw is not None


async def during(rig: Rig, driver: EgaugeDriver, spoil: Callable[[], object]) -> None:
    """Run a driver that was heard until what is spoilt then ends it."""
    task = asyncio.create_task(driver.run(rig.publish))
    try:
        await rig.heard()
        spoil()
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@both_interfaces
async def test_nobody_there_is_told(interface: str) -> None:
    async with a_rig(json=interface == "json") as rig:
        await rig.meter.stop()
        err = await failure(rig.driver())
        assert isinstance(err, CannotConnect)
        assert "no connection" in str(err)
        err = await failure(rig.driver(host="127.0.0.1:seven"))
        assert isinstance(err, CannotConnect)


@both_interfaces
async def test_something_else_that_answers_is_told(interface: str) -> None:
    async with a_rig(json=interface == "json") as rig:
        rig.meter.inject("garbage")
        err = await failure(rig.driver(), identify=True)
        # A page instead of a refusal: with a login that is no answer to it.
        assert isinstance(err, CannotConnect if interface == "json" else WrongDevice)


async def test_another_meter_at_the_address_is_told() -> None:
    async with a_rig(serial="G99999") as rig:
        err = await failure(rig.driver())
        assert isinstance(err, WrongDevice)
        assert "serial number G99999 instead of G10400" in str(err)


@both_interfaces
async def test_a_meter_that_measures_no_more_is_told(interface: str) -> None:
    async with a_rig(json=interface == "json") as rig:
        driver = rig.driver()

        def spoil() -> None:
            rig.meter.inject("frozen")
            rig.clock.advance(FROZEN_S + 1)
            rig.history.clear()

        with pytest.raises(CannotConnect, match="stand still since 15 s"):
            await during(rig, driver, spoil)
        assert len(rig.history) <= 2, "old figures are not told as new"


async def test_registers_that_are_gone_are_named() -> None:
    async with a_rig() as rig:
        rig.meter.inject("renamed")
        for identify in (True, False):
            err = await failure(rig.driver(), identify=identify)
            assert isinstance(err, RegisterGone)
            assert str(err).startswith("Grid, Grid L1, ")
        # What is still there is told.
        driver = rig.driver(pv="_Solar", pv_energy=None)
        task = asyncio.create_task(driver.run(rig.publish))
        sun = await rig.heard(part="pv")
        assert isinstance(sun, PvReading)
        assert "meter" not in rig.readings
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_bomb_of_entities_is_refused_and_not_lit() -> None:
    async with a_rig(json=False) as rig:
        rig.meter.inject("bomb")
        err = await failure(rig.driver())
        assert isinstance(err, WrongDevice)
        assert "definitions of its own" in str(err)


@both_interfaces
async def test_a_driver_that_is_ended_asks_no_more(interface: str) -> None:
    async with a_rig(json=interface == "json") as rig:
        async with rig.running(rig.driver()):
            await rig.grid()
        asked = len(rig.meter.asked)
        await asyncio.sleep(0.1)
        assert len(rig.meter.asked) == asked
