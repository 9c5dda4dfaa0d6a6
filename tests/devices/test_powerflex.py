"""The PowerFlex driver reads and commands a simulated service over a real socket."""

import asyncio
from collections.abc import AsyncIterator
import json
from pathlib import Path
import traceback
from typing import Any, cast

import aiohttp
import pytest

from custom_components.smart_charging.core.reading import ChargerStatus, PartKind
from custom_components.smart_charging.devices.base import (
    CannotConnect,
    ChargerDriver,
    DeviceError,
    Driver,
    DriverContext,
    InvalidAuth,
    KeepsState,
    RateLimited,
    Rejected,
    WrongDevice,
)
from custom_components.smart_charging.devices.powerflex import MAKE
from custom_components.smart_charging.devices.powerflex.driver import (
    PowerFlexDriver,
    StationUnknown,
)
from simulators.clock import RealClock
from simulators.house import Car

from .powerflex_rig import PAIR, PASSWORD, USER, Rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Rig.open() as rig:
        yield rig


async def failing(driver: PowerFlexDriver) -> DeviceError:
    """Return how `identify` fails, and see that nothing of it shows who asks."""
    with pytest.raises(DeviceError) as caught:
        await driver.identify()
    shown = "".join(traceback.format_exception(caught.value)) + str(caught.value.placeholders)
    for secret in (USER, PASSWORD, "token-1"):
        assert secret not in shown
    return caught.value


# --- the row ----------------------------------------------------------------------------------


def test_driver_fits_the_protocols_and_the_row_loads_it() -> None:
    context = DriverContext(
        session=cast(aiohttp.ClientSession, None), clock=RealClock(), run_blocking=asyncio.to_thread
    )
    form = {"url": "https://x", "username": "u", "password": "p", "garage": "03"}
    driver = MAKE.load()(form, context)
    assert isinstance(driver, PowerFlexDriver)
    assert MAKE.secrets == {"password"}
    for protocol in (Driver, ChargerDriver, KeepsState):
        assert isinstance(driver, protocol)


def test_every_field_choice_part_and_error_has_its_text() -> None:
    root = Path(__file__).parents[2] / "custom_components" / "smart_charging"
    texts = json.loads((root / "devices" / "texts" / "powerflex.json").read_text())
    assert set(texts["fields"]) == {f.key for f in MAKE.fields}
    choices = {field.key: set(field.options) for field in MAKE.fields if field.options}
    assert {key: set(options) for key, options in texts["choices"].items()} == choices
    assert set(texts["parts"]) == {"charger"}
    raised = (CannotConnect, InvalidAuth, WrongDevice, Rejected, RateLimited, StationUnknown)
    assert set(texts["errors"]) == {e.key for e in raised}


# --- who answers ------------------------------------------------------------------------------


async def test_a_station_alone_in_its_garage_can_be_controlled(rig: Rig) -> None:
    identity = await rig.build().identify()
    assert (identity.serial, identity.name) == ("127.0.0.1/03/02", "PowerFlex 03/02")
    (part,) = identity.parts
    assert (part.key, part.kind, part.phases) == ("charger", PartKind.CHARGER, (1,))
    assert part.controllable
    assert not part.can_switch_phases
    assert rig.ordered() == [], "to look changes nothing"


async def test_a_station_among_others_can_only_be_read_and_their_garage_be_controlled() -> None:
    async with Rig.open(*PAIR) as rig:
        (part,) = (await rig.build().identify()).parts
        assert not part.controllable
        identity = await rig.build(station="", phases="3").identify()
        assert (identity.serial, identity.model) == ("127.0.0.1/03", "Garage with 2 stations")
        (part,) = identity.parts
        assert (part.controllable, part.phases) == (True, (3,))


async def test_an_account_that_may_not_use_the_limit_still_reads(rig: Rig) -> None:
    rig.service.inject("read_only")
    (part,) = (await rig.build().identify()).parts
    assert not part.controllable
    await rig.run()
    assert rig.last.limit_a is None
    assert (await rig.ticks(2)).status is ChargerStatus.CHARGING
    with pytest.raises(Rejected, match="may not use the limit"):
        await rig.driver.set_charging("charger", 6, None)
    assert rig.driver.dump_state() == {}


async def test_an_account_that_may_only_read_the_limit_is_told_at_the_first_order(rig: Rig) -> None:
    rig.service.limit(9)
    rig.service.inject("orders_off")
    rig.build()
    await rig.run()
    with pytest.raises(Rejected, match="may read, but not set the limit"):
        await rig.driver.set_charging("charger", 6, None)
    assert rig.service.limit_kw == 9
    assert (await rig.ticks(2)).status is ChargerStatus.CHARGING


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("wrong_password", InvalidAuth, "user name or password"),
        ("revoked", InvalidAuth, "has just given"),
        ("blind", InvalidAuth, "may not read measurements"),
        ("rate_limited", RateLimited, "too many calls"),
        ("http_5xx", CannotConnect, "HTTP 503"),
        ("garbage", WrongDevice, "cannot be understood"),
        ("half", WrongDevice, "cannot be understood"),
        ("list", WrongDevice, "no token"),
        ("silence", CannotConnect, "no answer in time"),
        ("hang_up", CannotConnect, "the connection broke"),
        ("no_results", CannotConnect, "no station has reported"),
        ("no_series", CannotConnect, "no station has reported"),
        ("foreign", StationUnknown, "99/02"),
    ],
)
async def test_what_goes_wrong_at_first_is_told_by_its_cause(
    rig: Rig, fault: str, error: type[DeviceError], words: str
) -> None:
    rig.service.inject(fault)
    err = await failing(rig.build())
    assert type(err) is error
    assert words in str(err)
    if isinstance(err, RateLimited):
        assert err.retry_after_s == 30


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        ({"password": "wrong"}, InvalidAuth, "user name or password"),
        ({"station": "07"}, StationUnknown, "03/02"),
        ({"garage": "04"}, StationUnknown, "03/02"),
        ({"url": "http://127.0.0.1:1"}, CannotConnect, "no connection"),
        ({"url": "http://127.0.0.1:port"}, CannotConnect, "no address"),
    ],
)
async def test_what_is_entered_wrongly_is_told_by_its_cause(
    rig: Rig, data: dict[str, Any], error: type[DeviceError], words: str
) -> None:
    err = await failing(rig.build(**data))
    assert isinstance(err, error)
    assert words in str(err)


async def test_an_address_without_this_service_is_named(rig: Rig) -> None:
    err = await failing(rig.build(url=f"http://127.0.0.1:{rig.port}/elsewhere"))
    assert isinstance(err, WrongDevice)


@pytest.mark.parametrize("pasted", [" http://127.0.0.1:{}/ ", "http://127.0.0.1:{}//"])
async def test_pasted_addresses_are_understood(rig: Rig, pasted: str) -> None:
    identity = await rig.build(url=pasted.format(rig.port)).identify()
    assert identity.serial == "127.0.0.1/03/02"


async def test_an_address_without_a_scheme_is_never_asked_in_the_open(rig: Rig) -> None:
    # The simulator speaks no TLS: the password does not reach it.
    err = await failing(rig.build(url=f"127.0.0.1:{rig.port}"))
    assert isinstance(err, CannotConnect)
    assert rig.service.asked == []


# --- readings ---------------------------------------------------------------------------------


async def test_a_charge_is_read_in_our_units(rig: Rig) -> None:
    rig.build()
    await rig.run()
    assert rig.last.status is ChargerStatus.CONNECTED
    reading = await rig.ticks(4)
    assert reading.status is ChargerStatus.CHARGING
    assert reading.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.01)
    assert reading.power_kw == pytest.approx(16 * 0.23, rel=0.03)
    assert reading.currents_a == pytest.approx((16.0,))
    assert reading.session_kwh == pytest.approx(rig.point.session_kwh, abs=0.001)
    assert (reading.total_kwh, reading.phases) == (None, 1)
    assert reading.device_time == reading.at
    # No limit: what the station offers by itself.
    assert (reading.limit_a, reading.released, reading.warning) == (16, True, None)


@pytest.mark.parametrize("fault", ["shuffled"])
async def test_columns_and_rows_may_come_in_any_order(rig: Rig, fault: str) -> None:
    rig.build()
    await rig.run()
    await rig.ticks(2)
    rig.service.inject(fault)
    reading = await rig.ticks(2)
    assert reading.status is ChargerStatus.CHARGING
    assert reading.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.01)


async def test_values_that_are_missing_are_unknown(rig: Rig) -> None:
    rig.service.inject("null_values")
    rig.build()
    await rig.run()
    reading = await rig.ticks(3)
    # The word of the service is all that is left.
    assert reading.status is ChargerStatus.CHARGING
    assert reading.power_kw is reading.session_kwh is reading.limit_a is None
    assert reading.currents_a == ()


async def test_other_units_are_a_matter_of_the_form(rig: Rig) -> None:
    rig.build(current_unit="A", voltage_unit="V", power_unit="W", energy_unit="Wh")
    await rig.run()
    reading = await rig.ticks(3)
    assert reading.power_kw == pytest.approx(1000 * rig.house.meter.power_kw, rel=0.01)
    assert reading.currents_a == pytest.approx((16_000.0,))
    assert reading.session_kwh == pytest.approx(1000 * rig.point.session_kwh, rel=0.01)


async def test_a_car_that_leaves_and_one_that_is_full_are_noticed(rig: Rig) -> None:
    rig.build()
    await rig.run()
    await rig.ticks(3)
    rig.point.car.ended = True
    assert (await rig.tick()).status is ChargerStatus.CONNECTED
    assert (await rig.ticks(8)).status is ChargerStatus.COMPLETE
    rig.point.unplug()
    reading = await rig.tick()
    assert (reading.status, reading.power_kw) == (ChargerStatus.UNPLUGGED, 0)
    rig.point.plug(Car(soc=0.5, phases=1))
    assert (await rig.tick(1)).status is ChargerStatus.CONNECTED


async def test_a_sample_is_published_once(rig: Rig) -> None:
    rig.build()
    await rig.run()
    await rig.polls(5)
    assert len(rig.readings) == 1
    assert (await rig.tick()).device_time is not None
    assert len(rig.readings) == 2


async def test_a_garage_adds_its_stations_up() -> None:
    async with Rig.open(*PAIR) as rig:
        rig.build(station="")
        await rig.run()
        reading = await rig.ticks(4)
        assert reading.power_kw == pytest.approx(rig.house.meter.power_kw, abs=0.01)
        assert reading.currents_a == pytest.approx((32.0,))
        assert (reading.status, reading.session_kwh) == (ChargerStatus.CHARGING, None)
        rig.point.unplug()
        assert (await rig.tick()).status is ChargerStatus.CHARGING
        rig.house.chargers["02"].unplug()
        assert (await rig.tick()).status is ChargerStatus.UNPLUGGED
