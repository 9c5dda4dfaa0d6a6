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
    SILENT_S,
    PowerFlexDriver,
    StationUnknown,
)
from custom_components.smart_charging.devices.powerflex.service import Service
from simulators.clock import RealClock
from simulators.house import Car, ChargerConfig

from .powerflex_rig import PASSWORD, USER, Rig

THREE = ChargerConfig(key="02", max_a=32.0, car=Car(soc=0.3, max_a=32.0))
ONE_OF_THREE = ChargerConfig(key="02", max_a=32.0, car=Car(soc=0.3, max_a=32.0, phases=1))
PAIR = (
    ChargerConfig(key="01", phases=1, car=Car(soc=0.3, phases=1)),
    ChargerConfig(key="02", phases=1, car=Car(soc=0.3, phases=1)),
)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Rig.open() as rig:
        yield rig


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "answer_s", 0.5)


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


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("wrong_password", InvalidAuth, "user name or password"),
        ("revoked", InvalidAuth, "has just given"),
        ("rate_limited", RateLimited, "too many calls"),
        ("http_5xx", CannotConnect, "HTTP 503"),
        ("garbage", WrongDevice, "no token"),
        ("half", WrongDevice, "no token"),
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


# --- orders -----------------------------------------------------------------------------------


async def test_a_current_becomes_the_power_of_the_garage_and_is_read_back(rig: Rig) -> None:
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 10, None)
    assert rig.ordered() == [(2.3, True)]
    reading = await rig.ticks(4)
    assert (reading.limit_a, reading.released) == (10, False)
    assert reading.power_kw == pytest.approx(2.3, rel=0.03)
    assert rig.house.meter.power_kw == pytest.approx(2.3, rel=0.03)
    # Pause, and on again at the lowest current.
    await rig.driver.set_charging("charger", 0, None)
    assert rig.ordered() == [(0, True)]
    reading = await rig.ticks(3)
    assert (reading.limit_a, reading.power_kw) == (0, 0)
    assert reading.status is ChargerStatus.CONNECTED, "it is paused, not full"
    await rig.driver.set_charging("charger", 6, 1)
    assert rig.ordered() == [(1.38, True)]
    reading = await rig.ticks(4)
    assert (reading.limit_a, reading.status) == (6, ChargerStatus.CHARGING)


async def test_three_phases_are_three_times_the_power() -> None:
    async with Rig.open(THREE) as rig:
        rig.build(phases="3")
        await rig.run()
        await rig.driver.set_charging("charger", 16, 3)
        assert rig.ordered() == [(11.04, True)]
        reading = await rig.ticks(5)
        assert (reading.phases, reading.limit_a) == (3, 16)
        assert reading.currents_a == pytest.approx((16, 16, 16), abs=0.3)


async def test_a_car_on_one_phase_of_three_does_not_get_the_power_of_three_on_it() -> None:
    async with Rig.open(ONE_OF_THREE) as rig:
        rig.build(phases="3")
        await rig.run()
        await rig.driver.set_charging("charger", 10, None)
        assert rig.ordered() == [(6.9, True)]
        # It draws 30 A of it until that is seen; then the order is what was meant.
        reading = await rig.ticks(5)
        assert rig.ordered()[-1][0] == pytest.approx(2.3, abs=0.08)
        assert reading.currents_a == pytest.approx((10, 0, 0), abs=0.2)
        assert (reading.phases, reading.limit_a) == (1, 10)
        # That is remembered while the car is there: the next start is right at once.
        await rig.driver.set_charging("charger", 0, None)
        await rig.ticks(2)
        await rig.driver.set_charging("charger", 12, None)
        assert rig.ordered()[-1][0] <= 12 * 0.23
        rig.point.unplug()
        await rig.ticks(2)
        assert rig.last.phases == 3


async def test_a_low_voltage_lowers_the_power_but_never_stops_a_car(rig: Rig) -> None:
    rig.build(voltage=240)
    await rig.run()
    await rig.driver.set_charging("charger", 16, None)
    # The simulated station has 230 V, which shows before and while it charges.
    assert rig.ordered()[-1][0] == pytest.approx(16 * 0.23, abs=0.01)
    await rig.ticks(4)
    assert rig.last.currents_a[0] <= 16  # type: ignore[operator]  # it is measured
    await rig.driver.set_charging("charger", 6, None)
    assert rig.ordered()[-1] == (1.44, True)


async def test_an_order_that_holds_is_not_sent_again(rig: Rig) -> None:
    rig.build()
    await rig.run()
    for _ in range(3):
        await rig.driver.set_charging("charger", 8, None)
        await rig.ticks(2)
    assert rig.ordered() == [(1.84, True)]


@pytest.mark.parametrize(
    ("part", "current_a", "phases", "words"),
    [
        ("charger", 5.9, None, "below the 6 A"),
        ("charger", 6, 2, "2 phases"),
        ("meter", 6, None, "no part meter"),
    ],
)
async def test_orders_that_make_no_sense_are_refused(
    rig: Rig, part: str, current_a: float, phases: int | None, words: str
) -> None:
    rig.build()
    await rig.run()
    with pytest.raises(Rejected, match=words):
        await rig.driver.set_charging(part, current_a, phases)
    assert rig.ordered() == []


async def test_orders_need_a_link(rig: Rig) -> None:
    driver = rig.build()
    with pytest.raises(CannotConnect, match="not connected"):
        await driver.set_charging("charger", 6, None)
    await driver.release("charger")  # nothing to give back


async def test_the_limit_of_a_garage_is_not_used_for_one_of_its_stations() -> None:
    async with Rig.open(*PAIR) as rig:
        rig.build()
        await rig.run()
        with pytest.raises(Rejected, match="not alone in it: 01"):
            await rig.driver.set_charging("charger", 6, None)
        assert rig.ordered() == []


async def test_a_garage_shares_the_power_of_an_order() -> None:
    async with Rig.open(*PAIR) as rig:
        rig.build(station="")
        await rig.run()
        await rig.driver.set_charging("charger", 14, None)
        assert rig.ordered() == [(3.22, True)]
        reading = await rig.ticks(4)
        assert reading.limit_a == 14
        assert reading.currents_a == pytest.approx((14.0,), rel=0.03)
        assert rig.house.meter.power_kw == pytest.approx(3.22, rel=0.03)


async def test_a_refused_order_is_told_in_the_words_of_the_service(rig: Rig) -> None:
    rig.build()
    await rig.run()
    rig.service.inject("refuses")
    with pytest.raises(Rejected, match="The limit is locked"):
        await rig.driver.set_charging("charger", 6, None)
    rig.service.clear()
    await rig.driver.set_charging("charger", 6, None)
    assert (await rig.tick()).limit_a == 6


async def test_an_order_that_is_ignored_shows(rig: Rig) -> None:
    rig.build()
    await rig.run()
    rig.service.inject("ignores")
    await rig.driver.set_charging("charger", 6, None)
    reading = await rig.ticks(3)
    assert (reading.limit_a, reading.released) == (16, False), "control sees that it is not 6"


# --- the way back -----------------------------------------------------------------------------


@pytest.mark.parametrize(("kw", "enabled"), [(13.0, True), (13.0, False), (None, False)])
async def test_release_puts_back_what_was_found(rig: Rig, kw: float | None, enabled: bool) -> None:
    if kw is not None:
        rig.service.limit(kw, enabled=enabled)
    before = rig.service.limit_kw
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    await rig.driver.set_charging("charger", 0, None)
    assert rig.service.limit_kw == 0
    await rig.driver.release("charger")
    assert rig.service.limit_kw == before
    if kw is not None:
        assert rig.service.signal == {
            "max_load": kw,
            "max_load_unit": "kW",
            "is_enabled": enabled,
            "name": "DCM_EVSE_Allocation",
        }
    assert rig.driver.dump_state() == {}
    assert (await rig.tick()).released
    orders = len(rig.ordered())
    await rig.driver.release("charger")
    assert orders
    assert rig.ordered() == [], "once is enough"


async def test_what_was_found_is_remembered_over_a_restart(rig: Rig) -> None:
    rig.service.limit(20)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    kept = json.loads(json.dumps(rig.driver.dump_state()))
    await rig.halt()
    rig.build()
    rig.driver.load_state(kept)
    await rig.run()
    assert (rig.last.limit_a, rig.last.released) == (8, False)
    await rig.driver.set_charging("charger", 7, None)
    await rig.driver.release("charger")
    assert rig.service.limit_kw == 20


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"found": None},
        {"found": {"kw": "x", "enabled": True}, "ours_kw": []},
        {"found": {"kw": 3, "enabled": 1}, "ours_kw": []},
        {"found": {"kw": 3, "enabled": True}},
    ],
)
async def test_a_state_that_cannot_be_used_is_ignored(rig: Rig, state: dict[str, Any]) -> None:
    driver = rig.build()
    driver.load_state(state)
    assert driver.dump_state() == {}


async def test_an_order_never_lifts_the_limit_of_the_operator(rig: Rig) -> None:
    rig.service.limit(2.0)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 16, None)
    assert rig.service.limit_kw == 2
    reading = await rig.ticks(3)
    assert reading.limit_a == pytest.approx(2000 / 230, rel=0.02)
    assert reading.warning == "the garage has a limit of its own of 2 kW"
    await rig.driver.set_charging("charger", 6, None)
    assert (rig.service.limit_kw, (await rig.tick()).warning) == (1.38, None)
    # The operator lowers it meanwhile, as in an emergency of the grid: that counts from then on.
    rig.service.limit(1.0)
    assert (await rig.tick()).limit_a == pytest.approx(1000 / 230, rel=0.02)
    await rig.driver.set_charging("charger", 8, None)
    assert rig.service.limit_kw == 1
    await rig.driver.release("charger")
    assert rig.service.limit_kw == 1


async def test_a_limit_that_somebody_set_meanwhile_stays(rig: Rig) -> None:
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    await rig.tick()
    rig.service.limit(5)
    await rig.driver.release("charger")
    assert rig.service.limit_kw == 5


async def test_an_order_whose_answer_was_lost_counts_as_ours(rig: Rig) -> None:
    rig.service.limit(9)
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    ordered = rig.service._set_signal

    async def lost(request: Any) -> Any:
        answer = await ordered(request)
        request.transport.abort()
        return answer

    await rig.halt()
    await rig.service.stop()
    rig.service._set_signal = lost  # type: ignore[method-assign]  # as a link does
    await rig.service.start(rig.port)
    await rig.run()
    with pytest.raises(CannotConnect):
        await rig.driver.set_charging("charger", 7, None)
    assert rig.service.limit_kw == 1.61
    await rig.halt()
    await rig.service.stop()
    rig.service._set_signal = ordered  # type: ignore[method-assign]
    await rig.service.start(rig.port)
    await rig.run()
    await rig.driver.release("charger")
    assert rig.service.limit_kw == 9, "not our own limit of before"


async def test_a_service_that_forgot_the_limit_is_told_so(rig: Rig) -> None:
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    await rig.tick()
    rig.service.inject("reset", 1)
    await rig.polls(2)
    reading = await rig.ticks(2)
    assert (reading.limit_a, reading.released) == (16, False), "its order is gone"
    rig.service.inject("null_values")
    assert (await rig.tick()).released, "also where nothing tells what is offered instead"
    rig.service.clear()
    await rig.driver.set_charging("charger", 8, None)
    assert (await rig.tick()).limit_a == 8


async def test_a_limit_that_the_service_rounds_stays_ours(rig: Rig) -> None:
    rig.service.limit(9)
    rig.service.inject("rounds")
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 10, None)
    reading = await rig.ticks(4)
    assert reading.limit_a == pytest.approx(2000 / 230, rel=0.02), "what holds, not what was asked"
    assert len(rig.ordered()) == 1
    await rig.driver.set_charging("charger", 14, None)
    assert rig.service.limit_kw == 3, "not held down by our own order of before"
    await rig.ticks(1)
    await rig.driver.release("charger")
    assert rig.service.limit_kw == 9


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"max_load": 5, "max_load_unit": "furlong", "is_enabled": True}, "furlong"),
        ({"max_load": None, "max_load_unit": "kW", "is_enabled": True}, "cannot be understood"),
    ],
)
async def test_a_limit_that_is_not_understood_is_not_touched(
    rig: Rig, answer: dict[str, Any], words: str
) -> None:
    rig.build()
    await rig.run()
    rig.service.signal = answer | {"max_load": None}
    rig.service._share = lambda: None  # type: ignore[method-assign]  # it does not know either
    with pytest.raises(CannotConnect, match=words):
        await rig.driver.set_charging("charger", 6, None)
    assert rig.ordered() == []


async def test_a_limit_in_watts_is_understood(rig: Rig) -> None:
    rig.build()
    rig.service.limit(4.6)
    await rig.run()
    rig.service.signal = {"max_load": 4600, "max_load_unit": "W", "is_enabled": True}
    rig.service._share = lambda: None  # type: ignore[method-assign]
    assert (await rig.ticks(2)).limit_a == pytest.approx(20, rel=0.02)


# --- the link ---------------------------------------------------------------------------------


async def test_one_login_serves_until_the_token_expires(rig: Rig) -> None:
    rig.build()
    await rig.run()
    await rig.ticks(3)
    await rig.driver.set_charging("charger", 8, None)
    assert rig.service.logins == 1
    rig.service.inject("expired", 1)
    await rig.ticks(2)
    assert rig.service.logins == 2
    # Also in the middle of an order, and over a lost link.
    rig.service.inject("expired", 1)
    await rig.driver.set_charging("charger", 7, None)
    assert rig.service.limit_kw == 1.61
    await rig.halt()
    await rig.run()
    assert rig.service.logins == 3


@pytest.mark.parametrize("fault", ["revoked", "wrong_password"])
async def test_an_account_that_is_closed_is_asked_for(rig: Rig, fault: str) -> None:
    rig.build()
    await rig.run()
    rig.service.inject("expired")
    rig.service.inject(fault)
    err = await rig.failure()
    assert isinstance(err, InvalidAuth)
    assert PASSWORD not in "".join(traceback.format_exception(err))
    assert rig.service.logins <= 2, "no login after login"


async def test_a_changed_password_fails_an_order_as_such(rig: Rig) -> None:
    rig.build()
    await rig.run()
    rig.service.inject("wrong_password")
    rig.service.inject("expired", 1)
    with pytest.raises(InvalidAuth):
        await rig.driver.set_charging("charger", 8, None)
    await rig.failure()


@pytest.mark.parametrize(
    "fault",
    ["http_5xx", "hang_up", "garbage", "half", "list", "silence", "no_series", "no_results"],
)
async def test_one_bad_answer_is_no_fault(rig: Rig, fault: str) -> None:
    rig.build()
    await rig.run()
    rig.service.inject(fault, 1)
    await rig.polls(3)
    assert not rig.task_done
    assert (await rig.ticks(2)).status is ChargerStatus.CHARGING


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("http_5xx", "HTTP 503"),
        ("hang_up", "the connection broke"),
        ("garbage", "cannot be understood"),
        ("half", "cannot be understood"),
        ("list", "cannot be understood"),
        ("silence", "no answer in time"),
    ],
)
async def test_bad_answers_end_the_link_and_the_next_one_goes_on(
    rig: Rig, fault: str, words: str
) -> None:
    rig.build()
    await rig.run()
    await rig.driver.set_charging("charger", 8, None)
    rig.service.inject(fault)
    err = await rig.failure()
    assert type(err) is CannotConnect
    assert words in str(err)
    rig.service.clear()
    await rig.run()
    assert rig.last.limit_a == 8
    await rig.driver.release("charger")
    assert rig.service.limit_kw is None


@pytest.mark.parametrize("fault", ["frozen", "no_series", "no_results", "foreign"])
async def test_a_service_that_measures_nothing_new_counts_as_silent(rig: Rig, fault: str) -> None:
    rig.build()
    await rig.run()
    rig.service.inject(fault)
    rig.clock.advance(SILENT_S - 5)
    await rig.polls(3)
    assert not rig.task_done
    assert len(rig.readings) == 1
    rig.clock.advance(10)
    err = await rig.failure()
    assert isinstance(err, CannotConnect)
    assert "no new measurement" in str(err)


async def test_too_many_calls_are_told_with_the_wait(rig: Rig) -> None:
    rig.build()
    await rig.run()
    rig.service.inject("rate_limited")
    err = await rig.failure()
    assert isinstance(err, RateLimited)
    assert err.retry_after_s == 30


async def test_a_service_whose_clock_is_ahead_is_read(rig: Rig) -> None:
    rig.build()
    measure = rig.service._measure

    def ahead() -> None:
        measure()
        for row in rig.service._rows:
            row.setdefault("moved", row["time"])
            row["time"] = row["moved"] + 45

    rig.service._measure = ahead  # type: ignore[method-assign]  # a clock that is wrong
    await rig.run()
    assert rig.last.device_time is not None
    assert (rig.last.device_time - rig.last.at).total_seconds() == 45


async def test_nothing_is_left_open(rig: Rig) -> None:
    rig.build()
    await rig.run()
    before = asyncio.all_tasks()
    rig.service.inject("silence")
    waiting = asyncio.create_task(rig.driver.set_charging("charger", 8, None))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await rig.halt()
    await asyncio.gather(waiting, return_exceptions=True)
    # What waits at the simulator is its own affair.
    rig.service.clear()
    await rig.until(lambda: asyncio.all_tasks() <= before)
    with pytest.raises(CannotConnect, match="not connected"):
        await rig.driver.set_charging("charger", 8, None)
