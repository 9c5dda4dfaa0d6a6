"""The SolarEdge cloud driver against the simulated service, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import traceback
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from custom_components.smart_charging.core.reading import (
    AnyReading,
    BatteryReading,
    MeterReading,
    PartKind,
    PvReading,
)
from custom_components.smart_charging.devices.base import (
    CannotConnect,
    DeviceError,
    Driver,
    DriverContext,
    InvalidAuth,
    RateLimited,
    Retired,
    WrongDevice,
)
from custom_components.smart_charging.devices.solaredge_cloud import MAKE
from custom_components.smart_charging.devices.solaredge_cloud.budget import (
    MONTH_CREDITS,
    Credits,
    Daylight,
)
from custom_components.smart_charging.devices.solaredge_cloud.driver import SolarEdgeCloudDriver
from custom_components.smart_charging.devices.solaredge_cloud.telemetry import (
    battery,
    grid,
    meters_of,
    points,
    production,
    zone_of,
)
from simulators.clock import ManualClock
from simulators.house import BatteryConfig, House, HouseConfig
from simulators.solaredge_cloud import SolarEdgeCloud

MORNING = datetime(2026, 6, 1, 6, tzinfo=UTC)
BRUSSELS = ZoneInfo("Europe/Brussels")
SECRET = "0123456789ABCDEF0123456789ABCDEF"
FIXTURES = Path(__file__).parents[1] / "fixtures/solaredge_v2"


class FastDriver(SolarEdgeCloudDriver):
    tick_s = 0.01


class ImpatientDriver(FastDriver):
    timeout_s = 0.3


class Sink:
    """Takes what a driver publishes."""

    def __init__(self) -> None:
        self.readings: list[tuple[str, AnyReading]] = []

    def __call__(self, part: str, reading: AnyReading) -> None:
        self.readings.append((part, reading))

    def of(self, part: str) -> list[Any]:
        return [reading for key, reading in self.readings if key == part]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MORNING)


@pytest.fixture
async def context(clock: ManualClock) -> AsyncIterator[DriverContext]:
    async with aiohttp.ClientSession() as session:
        yield DriverContext(session=session, clock=clock, run_blocking=asyncio.to_thread)


def a_house(clock: ManualClock, **config: Any) -> House:
    return House(HouseConfig(**{"sky": "clear", **config}), clock)


def data(cloud: SolarEdgeCloud, **more: Any) -> dict[str, Any]:
    return {
        "api_key": cloud.api_key,
        "site_id": str(cloud.site_id),
        "base_url": cloud.base_url,
        **more,
    }


async def settle(cloud: SolarEdgeCloud) -> None:
    """Wait until the driver has done what is due now: it looks at the clock every 10 ms."""
    calls = -1
    while calls != len(cloud.calls):
        calls = len(cloud.calls)
        await asyncio.sleep(0.15)


@asynccontextmanager
async def running(driver: Driver, sink: Sink) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(driver.run(sink))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def failure(driver: Driver) -> DeviceError:
    """Return how `run` fails, and see that nothing of it shows a key."""
    with pytest.raises(DeviceError) as caught:
        async with asyncio.timeout(5):
            await driver.run(lambda part, reading: None)
    err = caught.value
    shown = "".join(traceback.format_exception(err)) + repr(err) + str(err.placeholders)
    assert SECRET not in shown
    return err


class Purse:
    """Gives out the tokens of an owner who signed in to `cloud`, and notes which were refused."""

    def __init__(self, cloud: SolarEdgeCloud, site_id: int = 1234567) -> None:
        self.authority = cloud.authority
        self.site_id = site_id
        self.token = "never-given-out"
        self.refused: list[str] = []

    async def access(self) -> str:
        if self.token in self.refused:
            self.token = f"token-{len(self.refused)}"
            self.authority.grant(self.token, self.site_id)
        return self.token

    def refuse(self, token: str) -> None:
        self.refused.append(token)


def signed_in(cloud: SolarEdgeCloud, context: DriverContext, purse: Purse) -> Driver:
    where = {"site_id": str(cloud.site_id), "base_url": cloud.base_url}
    return SolarEdgeCloudDriver(where, replace(context, tokens=purse))


async def test_an_owner_who_signed_in_needs_no_key(
    clock: ManualClock, context: DriverContext
) -> None:
    async with SolarEdgeCloud(a_house(clock, battery=BatteryConfig())) as cloud:
        purse = Purse(cloud)
        identity = await signed_in(cloud, context, purse).identify()
    assert identity.serial == "1234567"
    assert [part.key for part in identity.parts] == ["meter", "pv", "battery_1"]
    assert purse.refused == ["never-given-out"], "a token that is not known is renewed, once"
    assert cloud.calls[-1].endswith("/devices?types=INVERTER&types=METER&types=BATTERY")


async def test_what_is_refused_again_is_not_asked_for_without_end(
    clock: ManualClock, context: DriverContext
) -> None:
    async with SolarEdgeCloud(a_house(clock)) as cloud:
        purse = Purse(cloud, site_id=7654321)
        with pytest.raises(InvalidAuth, match="does not cover this site"):
            await signed_in(cloud, context, purse).identify()
        assert len(cloud.calls) == 2, "one that is good, but for another site, is not renewed"
        cloud.inject("unauthorized")
        with pytest.raises(InvalidAuth):
            await signed_in(cloud, context, purse).identify()
        assert len(cloud.calls) == 4


def test_make_is_a_row_whose_texts_cover_its_form() -> None:
    texts = json.loads(
        (
            Path(__file__).parents[2]
            / "custom_components/smart_charging/devices/texts/solaredge_cloud.json"
        ).read_text()
    )
    assert set(texts["fields"]) == {field.key for field in MAKE.fields}
    assert set(texts["errors"]) == {
        error.key for error in (CannotConnect, InvalidAuth, RateLimited, Retired, WrongDevice)
    }
    assert "3 November 2026" in texts["errors"]["retired"]
    assert MAKE.load() is SolarEdgeCloudDriver
    assert MAKE.slow
    assert MAKE.secrets == {"api_key", "account_key"}


async def test_identify_names_the_site_and_its_parts(
    clock: ManualClock, context: DriverContext
) -> None:
    house = a_house(clock, battery=BatteryConfig())
    async with SolarEdgeCloud(house, account_key="ACCOUNT") as cloud:
        driver = MAKE.load()(data(cloud, account_key="ACCOUNT"), context)
        assert isinstance(driver, Driver)
        identity = await driver.identify()
        assert len(cloud.calls) == 2
    assert (identity.serial, identity.name) == ("1234567", "Simulated home")
    assert (identity.model, identity.firmware) == ("SE8K-RWS48BNN4", "4.25.13")
    assert [(part.key, part.kind) for part in identity.parts] == [
        ("meter", PartKind.METER),
        ("pv", PartKind.PV),
        ("battery_1", PartKind.BATTERY),
    ]
    assert not any(part.controllable for part in identity.parts)


@pytest.mark.parametrize("meters", [(), ("production",), ("production", "consumption")])
async def test_site_without_meter_at_the_grid_has_no_meter_part(
    clock: ManualClock, context: DriverContext, meters: tuple[str, ...]
) -> None:
    async with SolarEdgeCloud(a_house(clock), meters=meters) as cloud:
        identity = await FastDriver(data(cloud), context).identify()
    assert [part.kind for part in identity.parts] == [PartKind.PV]


async def test_newest_quarter_is_published_once_with_its_own_time(
    clock: ManualClock, context: DriverContext
) -> None:
    house, sink = a_house(clock), Sink()
    async with SolarEdgeCloud(house) as cloud:
        driver = FastDriver(data(cloud), context)
        clock.advance(900)
        cloud.sample()
        pv_kwh, net_kwh = house.pv_energy_kwh, house.meter.import_kwh - house.meter.export_kwh
        clock.advance(900)
        cloud.sample()
        async with running(driver, sink):
            await settle(cloud)
            (meter,), (pv,) = sink.of("meter"), sink.of("pv")
            clock.advance(60)
            await settle(cloud)
            assert len(sink.readings) == 2
    assert isinstance(pv, PvReading)
    assert isinstance(meter, MeterReading)
    net_kw = (house.meter.import_kwh - house.meter.export_kwh - net_kwh) * 4
    assert meter.power_kw == pytest.approx(net_kw, abs=0.05)
    assert pv.power_kw == pytest.approx((house.pv_energy_kwh - pv_kwh) * 4, rel=0.05)
    assert pv.device_time == meter.device_time == MORNING + timedelta(minutes=30)
    assert pv.at == MORNING + timedelta(minutes=30)
    assert pv.energy_kwh is None
    assert meter.phases == ()


async def test_old_quarters_are_never_published_as_new(
    clock: ManualClock, context: DriverContext
) -> None:
    """The site stops reporting: what is there grows old, then nothing is published."""
    sink = Sink()
    async with SolarEdgeCloud(a_house(clock), lag_s=3000) as cloud:
        clock.advance(7200)
        async with running(FastDriver(data(cloud), context), sink):
            await settle(cloud)
            assert len(cloud.calls) == 2
            assert not sink.readings, "its newest quarter ended 50 minutes ago"


async def test_quarters_that_are_missing_are_no_reading(
    clock: ManualClock, context: DriverContext
) -> None:
    sink = Sink()
    async with (
        SolarEdgeCloud(a_house(clock)) as cloud,
        running(FastDriver(data(cloud), context), sink),
    ):
        await settle(cloud)
        assert len(cloud.calls) == 2
        assert not sink.readings, "all null at its start"


async def test_sun_has_its_own_call_where_no_meter_measures_it(
    clock: ManualClock, context: DriverContext
) -> None:
    for meters, paths in (
        (("grid",), ["devices", "meters/telemetry", "power"]),
        ((), ["devices", "power"]),
        (("production", "grid"), ["devices", "meters/telemetry"]),
    ):
        sink = Sink()
        async with SolarEdgeCloud(a_house(clock), meters=meters) as cloud:
            clock.advance(1800)
            async with running(FastDriver(data(cloud), context), sink):
                await settle(cloud)
            asked = [call.partition("/1234567/")[2].partition("?")[0] for call in cloud.calls]
            assert asked == paths
            assert len(sink.of("pv")) == 1
            assert len(sink.of("meter")) == ("grid" in meters)


async def test_battery_is_read_more_seldom_than_the_site(
    clock: ManualClock, context: DriverContext
) -> None:
    house, sink = a_house(clock, battery=BatteryConfig(soc=0.6)), Sink()
    async with SolarEdgeCloud(house) as cloud:
        clock.advance(1800)
        async with running(FastDriver(data(cloud), context), sink):
            await settle(cloud)
            (reading,) = sink.of("battery_1")
            assert house.battery is not None
            assert reading.soc == pytest.approx(house.battery.soc, abs=0.001)
            for _ in range(6):
                clock.advance(900)
                await settle(cloud)
        stored = [call for call in cloud.calls if "/storage/" in call]
    assert isinstance(reading, BatteryReading)
    assert reading.device_time == MORNING + timedelta(minutes=30)
    assert reading.power_kw is not None
    assert len(stored) == 2, "hourly, stretched by a summer month's budget"
    assert len(sink.of("battery_1")) == 2
    assert len(sink.of("pv")) >= 4


async def test_a_month_fits_into_its_credits_and_nights_are_quiet(
    clock: ManualClock, context: DriverContext
) -> None:
    """Three days at quarter steps spend no more than their share, and most of it."""
    sink, asked = Sink(), []
    async with SolarEdgeCloud(a_house(clock, battery=BatteryConfig())) as cloud:
        driver = FastDriver(data(cloud), context)
        driver.tick_s = 0.0
        async with running(driver, sink) as task:
            for _ in range(3 * 96):
                clock.advance(900)
                before = len(cloud.calls)
                for _ in range(20000):
                    await asyncio.sleep(0)
                    due = min(driver._site_due, driver._storage_due)
                    if due > clock.now() or task.done():
                        break
                local = clock.now().astimezone(BRUSSELS)
                asked += [(local, call) for call in cloud.calls[before:]]
            assert not task.done()
    share = 3 * MONTH_CREDITS / 30
    assert 0.65 * share < MONTH_CREDITS - cloud.credits <= share
    site_hours = {local.hour for local, call in asked if "/meters/" in call}
    assert site_hours <= set(range(5, 23))
    last_dawn = min(local.hour for local, call in asked if "/meters/" in call and local.day == 4)
    assert last_dawn == 6, "the sun of this house shines from 7"
    assert len(sink.of("pv")) > 3 * 25


@pytest.mark.parametrize(
    ("fault", "how", "error", "words"),
    [
        ("unauthorized", {}, InvalidAuth, "refuses the key"),
        ("http_5xx", {"status": 502}, CannotConnect, "HTTP 502"),
        ("garbage", {}, CannotConnect, "understood"),
        (
            "garbage",
            {"text": "[1]", "content_type": "application/json"},
            CannotConnect,
            "understood",
        ),
        (
            "garbage",
            {"text": "{oops", "content_type": "application/json"},
            CannotConnect,
            "understood",
        ),
        ("delay", {"seconds": 2.0}, CannotConnect, "in time"),
        ("http_429_minute", {"retry_after": 37}, RateLimited, "minute"),
        ("http_429_credits", {}, RateLimited, "new ones come on 01 July"),
    ],
)
async def test_faults_say_what_is_wrong_at_the_start_and_on_the_way(
    clock: ManualClock,
    context: DriverContext,
    fault: str,
    how: dict[str, Any],
    error: type[DeviceError],
    words: str,
) -> None:
    async with SolarEdgeCloud(a_house(clock), api_key=f"v2-{SECRET}", meters=("grid",)) as cloud:
        cloud.inject(fault, **how)
        make = ImpatientDriver if fault == "delay" else FastDriver
        driver = make(data(cloud), context)
        with pytest.raises(error, match=words):
            await driver.identify()
        cloud.clear()
        sink = Sink()
        async with running(driver, sink) as task:
            await settle(cloud)
            assert not task.done()
            cloud.inject(fault, **how)
            clock.advance(3600)
            await asyncio.wait([task], timeout=5)
        with pytest.raises(error, match=words) as caught:
            task.result()
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.placeholders)
    assert SECRET not in shown


async def test_rate_limits_say_how_long_to_wait(clock: ManualClock, context: DriverContext) -> None:
    async with SolarEdgeCloud(a_house(clock)) as cloud:
        driver = FastDriver(data(cloud), context)
        for meters in (False, True):
            if meters:
                await driver.identify()
            cloud.inject("http_429_minute", retry_after=37)
            caught = await failure(driver)
            assert isinstance(caught, RateLimited)
            assert caught.retry_after_s == 37
            cloud.clear()
            cloud.inject("http_429_credits")
            caught = await failure(driver)
            assert isinstance(caught, RateLimited)
            assert caught.retry_after_s == timedelta(days=29, hours=18).total_seconds()
            cloud.clear()


async def test_key_of_the_closed_version_is_retired(
    clock: ManualClock, context: DriverContext
) -> None:
    async with SolarEdgeCloud(a_house(clock)) as cloud:
        caught = await failure(FastDriver(data(cloud, api_key=SECRET), context))
        assert isinstance(caught, Retired)
        assert "3 November 2026" in str(caught)
        assert "version 2" in str(caught)
        assert "Modbus" in str(caught)
        assert not any(SECRET in call for call in cloud.calls), "the key is never in a URL"
        caught = await failure(FastDriver(data(cloud, api_key="another-style"), context))
        assert isinstance(caught, InvalidAuth)
        root = cloud.base_url.removesuffix("/v2")
        caught = await failure(FastDriver(data(cloud, base_url=root), context))
        assert isinstance(caught, Retired), "410 wherever it comes from"


async def test_unknown_site_is_a_wrong_device_without_spending_calls_on_nonsense(
    clock: ManualClock, context: DriverContext
) -> None:
    async with SolarEdgeCloud(a_house(clock)) as cloud:
        caught = await failure(FastDriver(data(cloud, site_id="99"), context))
        assert isinstance(caught, WrongDevice)
        assert "99" in str(caught)
        calls = len(cloud.calls)
        with pytest.raises(WrongDevice, match="digits"):
            await FastDriver(data(cloud, site_id="my home/../x"), context).identify()
        assert len(cloud.calls) == calls


async def test_nobody_there_says_cannot_connect(clock: ManualClock, context: DriverContext) -> None:
    async with SolarEdgeCloud(a_house(clock)) as cloud:
        driver = FastDriver(data(cloud, api_key=SECRET), context)
        gone = FastDriver(data(cloud, api_key=SECRET, base_url="http://127.0.0.1:1/v2"), context)
    assert isinstance(await failure(driver), CannotConnect)
    caught = await failure(gone)
    assert isinstance(caught, CannotConnect)
    assert "no connection" in str(caught)
    assert SECRET not in repr(vars(caught))
    assert SECRET not in repr(driver)


async def test_a_new_try_after_a_failure_costs_no_call_before_its_time(
    clock: ManualClock, context: DriverContext
) -> None:
    sink = Sink()
    async with SolarEdgeCloud(a_house(clock)) as cloud:
        driver = FastDriver(data(cloud), context)
        async with running(driver, sink):
            await settle(cloud)
        calls = len(cloud.calls)
        async with running(driver, sink):
            await settle(cloud)
        assert len(cloud.calls) == calls


def load(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text())


NOW = datetime(2026, 9, 29, 9, 50, tzinfo=UTC)
END = datetime(2026, 9, 29, 9, 45, tzinfo=UTC)


def test_meter_telemetry_gives_sun_and_signed_grid_without_trailing_nulls() -> None:
    meters = meters_of(load("meters_telemetry.json"))
    sun, net = production(meters, NOW), grid(meters, NOW)
    assert sun is not None
    assert max(sun) == max(net) == END
    assert (sun[END], net[END]) == (pytest.approx(4.4027), pytest.approx(-3.7))
    assert net[END - timedelta(minutes=15)] == pytest.approx(0.12), "import is positive"
    assert len(net) == 7


def test_storage_telemetry_gives_power_positive_on_charge_and_soc() -> None:
    power, soc = battery(load("storage_telemetry.json"), "BATT-001", NOW)
    assert power[END - timedelta(hours=1)] == pytest.approx(1.5)
    assert power[END - timedelta(minutes=15)] == pytest.approx(-0.8)
    assert (power[END], soc[END]) == (0.0, pytest.approx(0.48))
    assert battery(load("storage_telemetry.json"), "ANOTHER", NOW) == ({}, {})


def test_discharge_in_a_series_of_its_own_is_subtracted() -> None:
    start = (END - timedelta(minutes=15)).isoformat()

    def series(value: float) -> dict[str, Any]:
        return {"unit": "W", "values": [{"timestamp": start, "value": value}]}

    for charge, discharge, kw in ((0, 700, -0.7), (900, 0, 0.9), (-300, 300, -0.3)):
        payload = {
            "storage": {"B": {"chargePower": series(charge), "dischargePower": series(discharge)}}
        }
        assert battery(payload, "B", NOW)[0] == {END: pytest.approx(kw)}


def test_captured_power_reads_with_its_own_offset() -> None:
    payload = load("live_power_noMeter.json")
    series = points(payload, datetime(2026, 8, 24, 16, 6, tzinfo=UTC))
    assert min(series.values()) == 0.0
    assert max(series.values()) > 1
    assert max(series) <= datetime(2026, 8, 24, 16, 6, tzinfo=UTC)
    zone = zone_of([payload])
    assert zone is not None
    assert zone.utcoffset(None) == timedelta(hours=1)


@pytest.mark.parametrize(
    "series",
    [
        None,
        [],
        {"unit": "W"},
        {"unit": "BTU", "values": [{"timestamp": "2026-09-29T11:30:00+02:00", "value": 5}]},
        {"unit": "W", "values": [{"timestamp": "2026-09-29T11:30:00", "value": 5}]},
        {"unit": "W", "values": [{"timestamp": "yesterday", "value": 5}]},
        {"unit": "W", "values": [{"timestamp": "2026-09-29T11:30:00+02:00", "value": "5"}]},
        {"unit": "W", "values": ["x"]},
    ],
)
def test_what_cannot_be_understood_is_no_value(series: Any) -> None:
    assert points(series, NOW) == {}
    assert zone_of([{"values": ["x"]}, series, None]) is None or isinstance(series, dict)


def test_quarter_that_still_runs_is_no_value() -> None:
    series = {"unit": "KW", "values": [{"timestamp": "2026-09-29T11:45:00+02:00", "value": 5}]}
    assert points(series, NOW) == {}
    assert points(series, NOW + timedelta(minutes=10)) == {END + timedelta(minutes=15): 5.0}


def test_one_direction_alone_is_no_grid_power() -> None:
    meters = [m for m in meters_of(load("meters_telemetry.json")) if "importPower" in m]
    only_import = [{"importPower": meters[0]["importPower"]}]
    assert grid(only_import, NOW) == {}
    assert grid([], NOW) == {}
    assert production(only_import, NOW) is None


def test_credits_started_in_mid_month_count_as_spent_evenly() -> None:
    credits_ = Credits()
    middle = datetime(2026, 6, 16, tzinfo=UTC)
    assert credits_.left(middle) == pytest.approx(950)
    assert credits_.stretch(middle, 63) == pytest.approx(1.0, abs=0.01)
    assert credits_.stretch(middle, 126) == pytest.approx(2.0, abs=0.02)
    for _ in range(950):
        credits_.spend(middle)
    assert credits_.stretch(middle, 60) == 24
    july = datetime(2026, 7, 1, tzinfo=UTC)
    assert credits_.left(july) == 1900, "a new month brings new ones"


def test_daylight_is_assumed_until_a_whole_day_was_seen() -> None:
    light = Daylight()
    noon = datetime(2026, 6, 1, 12, tzinfo=BRUSSELS)
    assert light.hours(noon, BRUSSELS) == range(5, 22)
    light.learn(noon, [noon], BRUSSELS)
    assert light.hours(noon + timedelta(days=1), BRUSSELS) == range(5, 22), (
        "half a day tells little"
    )
    second = noon + timedelta(days=1)
    light.learn(second, [second.replace(hour=8), second.replace(hour=19)], BRUSSELS)
    assert light.hours(second, BRUSSELS) == range(5, 22), "the day is not over"
    assert light.hours(second + timedelta(days=1), BRUSSELS) == range(7, 21)
