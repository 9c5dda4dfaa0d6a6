"""A SolarEdge inverter and SolarEdge's service that fail, in a real Home Assistant."""

from collections.abc import AsyncIterator
import logging

from homeassistant.config_entries import SOURCE_REAUTH, ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
import pytest

from custom_components.smart_charging.const import DOMAIN
from simulators.car import Car, ChargerConfig
from simulators.house import BatteryConfig, HouseConfig
from simulators.solaredge_cloud import SolarEdgeCloud
from simulators.solaredge_modbus import Nameplate, SolarEdgeModbus

from .conftest import HomeFactory
from .faults import LONG_S, Watch, unload
from .home import METER, Home, fixed_price, meter_data, site_entry

pytestmark = pytest.mark.freeze_time("2026-06-10 11:00:00+00:00")

INVERTER, NAME = "inverter_sub", "SolarEdge"
SUNNY = HouseConfig(
    appliances=(),
    load_noise=0.0,
    sky="clear",
    battery=BatteryConfig(),
    chargers=(ChargerConfig(key="charger", car=Car(soc=0.4)),),
)
PARTS = {
    "pv": {"kind": "pv", "used": True},
    "battery_1": {"kind": "battery", "used": True, "capacity_kwh": 10.0},
}


def solaredge(make: str, serial: str, **connection: object) -> ConfigSubentryDataWithId:
    """Return the subentry that the device form makes."""
    return ConfigSubentryDataWithId(
        subentry_id=INVERTER,
        subentry_type="device",
        title=NAME,
        unique_id=f"{make}_{serial}",
        data={
            "make": make,
            "connection": connection,
            "identity": {"serial": serial, "name": NAME},
            "parts": PARTS,
        },
    )


@pytest.fixture
async def home(make_home: HomeFactory) -> Home:
    """Return a home in the sun with a battery; only its meter is connected yet."""
    return await make_home(SUNNY)


@pytest.fixture
async def inverter(home: Home) -> AsyncIterator[SolarEdgeModbus]:
    """Return an inverter whose site runs."""
    # Finding out what an inverter has takes two dozen requests one after the other.
    home.settle_rounds = 160
    async with SolarEdgeModbus(home.house) as simulator:
        await home.add(
            site_entry(
                meter_data(home.pty),
                solaredge(
                    "solaredge_modbus",
                    Nameplate().serial,
                    host="127.0.0.1",
                    port=simulator.port,
                    unit=1,
                ),
                fixed_price(),
            )
        )
        yield simulator
        # Before the inverter goes, so that its client is not left waiting.
        await unload(home)


async def begin(inverter: SolarEdgeModbus, fault: str) -> None:
    match fault:
        case "restart":
            await inverter.restart()
        case "off":
            await inverter.stop()
        case "late":
            inverter.inject("delay", seconds=2.0)
        case "much too late":
            inverter.inject("delay", seconds=25.0)
        case _:
            inverter.inject(fault)


async def mend(inverter: SolarEdgeModbus, fault: str) -> None:
    if fault == "off":
        await inverter.start()
    inverter.clear()


@pytest.mark.parametrize("fault", ["second_client", "silence", "off", "restart", "late"])
async def test_a_short_fault_shows_nowhere(
    home: Home, inverter: SolarEdgeModbus, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    watch = Watch(home, caplog)
    await begin(inverter, fault)
    await home.run(3, step=1)
    await mend(inverter, fault)
    await home.run(15, step=1)
    watch.assert_nothing()
    assert not watch.link_lines()


@pytest.mark.parametrize("fault", ["second_client", "silence", "off", "much too late"])
async def test_a_long_fault_shows_once_and_ends_by_itself(
    home: Home, inverter: SolarEdgeModbus, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    watch = Watch(home, caplog)
    assert float(home.state("sensor", "pv_power")) > 0
    await begin(inverter, fault)
    await home.run(LONG_S, step=1)
    # One line for all parts of the device.
    cause = watch.assert_gone(INVERTER, NAME)
    if fault == "second_client":
        assert "another program" in cause
    assert not watch.went_unavailable(METER)
    # Without the sun's share nobody knows what the house draws.
    assert home.state("sensor", "_house_power") == "unknown"
    assert home.state("sensor", "_grid_power") != "unknown"
    await mend(inverter, fault)
    await watch.recovered(INVERTER, NAME)
    assert float(home.state("sensor", "pv_power")) > 0
    assert not watch.went_unavailable(METER)


async def test_a_battery_that_no_longer_answers_is_named_and_the_sun_stays(
    home: Home, inverter: SolarEdgeModbus, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(home, caplog)
    inverter.inject("illegal_address", blocks=("battery",))
    await home.run(LONG_S, step=1)
    assert home.state("sensor", "battery_1_soc") == "unavailable"
    (line,) = watch.lines(logging.WARNING)
    assert line.startswith(f"{NAME} ")
    assert "unavailable" in line
    watch.assert_no_noise()
    inverter.clear()
    await home.run(61, step=1)
    assert home.state("sensor", "battery_1_soc") != "unavailable"
    assert not watch.issues()
    watch.assert_no_noise()


STEP_S = 30
CLOUD_FAULTS = (
    "http_429_minute", "http_429_credits", "http_5xx", "garbage", "delay", "unauthorized",
)  # fmt: skip


@pytest.fixture
async def cloud(home: Home) -> AsyncIterator[SolarEdgeCloud]:
    """Return a service whose site runs and has been read for a while."""
    async with SolarEdgeCloud(home.house) as simulator:
        for _ in range(120):
            home.freezer.tick(20)
            simulator.sample()
        await home.add(
            site_entry(
                solaredge(
                    "solaredge_cloud",
                    str(simulator.site_id),
                    api_key=simulator.api_key,
                    site_id=str(simulator.site_id),
                    base_url=simulator.base_url,
                ),
                fixed_price(),
            )
        )
        yield simulator
        simulator.clear()
        await unload(home)


async def run(home: Home, cloud: SolarEdgeCloud, minutes: float) -> None:
    """Run, while the service notes what the inverter sends it."""
    for _ in range(round(minutes * 60 / STEP_S)):
        cloud.sample()
        await home.tick(STEP_S)


@pytest.mark.parametrize("fault", CLOUD_FAULTS)
async def test_a_service_that_fails_is_told_once_and_not_hammered(
    hass: HomeAssistant,
    home: Home,
    cloud: SolarEdgeCloud,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    how = {"seconds": 40.0} if fault == "delay" else {}
    watch = Watch(home, caplog)
    cloud.inject(fault, **how)
    await run(home, cloud, 5)
    cloud.clear()
    await run(home, cloud, 20)
    watch.assert_nothing()
    assert float(home.state("sensor", "pv_power")) > 0

    cloud.inject(fault, **how)
    calls = len(cloud.calls)
    await run(home, cloud, 75)
    cause = watch.assert_gone(INVERTER, NAME)
    assert cloud.api_key not in cause
    assert 1 <= len(cloud.calls) - calls <= 25
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [f["context"]["source"] for f in flows] == [SOURCE_REAUTH] * (fault == "unauthorized")
    if fault == "http_429_credits":
        # Nothing comes before the next month does.
        assert "credits" in cause
        return

    cloud.clear()
    await run(home, cloud, 35)
    assert not watch.unavailable(INVERTER)
    assert watch.link_lines() == [f"{NAME} is available again"]
    assert not watch.issues()
    watch.assert_no_noise()


async def test_a_night_without_calls_is_no_fault(
    home: Home, cloud: SolarEdgeCloud, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(home, caplog)
    # The service is asked by day only: in the evening what it said grows old.
    runner = home.site.runners[INVERTER]
    home.freezer.move_to("2026-06-10 21:30:00+00:00")
    await run(home, cloud, 60)
    assert runner.error is None
    assert home.state("sensor", "pv_power") == "unavailable"
    assert not watch.lines(logging.WARNING)
    assert not watch.issues()
    watch.assert_no_noise()


async def test_a_battery_that_is_read_hourly_is_not_silent_between_two_calls(
    home: Home, cloud: SolarEdgeCloud, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(home, caplog)
    for _ in range(5):
        await run(home, cloud, 11)
        assert home.state("sensor", "battery_1_soc") not in ("unavailable", "unknown")
    watch.assert_nothing()
    assert sum("/storage/" in call for call in cloud.calls) == 1
