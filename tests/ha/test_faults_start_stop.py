"""Devices that are dead at the start, drivers with defects, and stopping amid all of it."""

import asyncio
from collections.abc import Callable, Iterator
import logging

from homeassistant.config_entries import ConfigSubentryDataWithId
import pytest

from custom_components.smart_charging.core.reading import PartKind, PvReading
from custom_components.smart_charging.devices.base import (
    Data,
    DriverContext,
    Field,
    FieldKind,
    Identity,
    Make,
    Publish,
)
from custom_components.smart_charging.devices.registry import register
from simulators.p1 import P1Simulator

from .conftest import HomeFactory
from .faults import OURS, Watch, unload
from .home import CHARGER, METER, Home, charger_data, fixed_price, meter_data, site_entry

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")

THIRD = "third_sub"
GRACE_S = 62


def third_meter(port: int) -> ConfigSubentryDataWithId:
    """Return a second P1 meter, behind a network adapter."""
    data = meter_data(f"socket://127.0.0.1:{port}", unique_id="p1_1SAG3100000002")
    return ConfigSubentryDataWithId(**{**data, "subentry_id": THIRD, "title": "Annex"})


async def off(home: Home, device_id: str) -> None:
    """Take a device off the net."""
    match device_id:
        case "meter_sub":
            home.p1.inject("hang_up", None)
            home.p1.send()
        case "charger_sub":
            await home.wattpilot.stop()
        case _:
            await home.more[0].stop()


async def on(home: Home, device_id: str, port: int) -> None:
    """Let it come up."""
    match device_id:
        case "meter_sub":
            home.p1.clear()
        case "charger_sub":
            await home.wattpilot.start(home.wattpilot_port)
        case _:
            await home.more[0].start_tcp(port)


NAMES = {METER: "Meter", CHARGER: "Wattpilot", THIRD: "Annex"}


@pytest.mark.parametrize("dead", list(NAMES))
async def test_a_device_that_is_dead_at_the_start_joins_when_it_comes_up(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture, dead: str
) -> None:
    home = await make_home()
    annex = P1Simulator(home.house, home.clock, meter_id="1SAG3100000002", auto=False)
    home.more.append(annex)
    port = await annex.start_tcp()
    await off(home, dead)
    alive = [device_id for device_id in NAMES if device_id != dead]
    home.entry = site_entry(
        meter_data(home.pty), charger_data(home.wattpilot_port), third_meter(port), fixed_price()
    )
    watch = Watch(home, caplog)
    home.entry.add_to_hass(home.hass)
    assert await home.hass.config_entries.async_setup(home.entry.entry_id)
    await home.connected(*alive)
    await home.run(GRACE_S / 2, step=1)
    assert not watch.lines(logging.WARNING)
    assert not watch.issues()
    await home.run(GRACE_S / 2, step=1)
    watch.assert_gone(dead, NAMES[dead])
    assert not any(watch.unavailable(device_id) for device_id in alive)

    await on(home, dead, port)
    await watch.recovered(dead, NAMES[dead])
    assert not any(watch.unavailable(device_id) for device_id in NAMES)
    assert home.site.plan is not None
    assert home.state("sensor", "_status") == "observing"


class Buggy:
    """A driver with a defect that a test chooses."""

    fault: Callable[[Publish], None] | None = None

    def __init__(self, _data: Data, context: DriverContext) -> None:
        self._context = context

    async def identify(self) -> Identity:
        raise NotImplementedError

    async def run(self, publish: Publish) -> None:
        while True:
            if Buggy.fault is not None:
                Buggy.fault(publish)
                if Buggy.fault is returns:
                    return
            publish("pv", PvReading(at=self._context.clock.now(), power_kw=1.5))
            await asyncio.sleep(1)


def raises(_publish: Publish) -> None:
    raise KeyError("acu")


def raises_other_words_each_time(publish: Publish) -> None:
    raise ValueError(f"unexpected {id(object())} {publish}")


def cancels_itself(_publish: Publish) -> None:
    raise asyncio.CancelledError


def returns(_publish: Publish) -> None:
    return


@pytest.fixture
def buggy_make() -> Iterator[None]:
    """A make whose driver has defects."""
    Buggy.fault = None
    unregister = register(
        Make(
            key="buggy",
            name="Buggy",
            fields=(Field(key="host", kind=FieldKind.TEXT),),
            parts=(PartKind.PV,),
            load=lambda: Buggy,
        )
    )
    yield
    unregister()


def buggy_data() -> ConfigSubentryDataWithId:
    return ConfigSubentryDataWithId(
        subentry_id=THIRD,
        subentry_type="device",
        title="Roof",
        unique_id="buggy_1",
        data={
            "make": "buggy",
            "connection": {"host": "roof"},
            "identity": {"serial": "1", "name": "Roof"},
            "parts": {"pv": {"kind": "pv", "used": True}},
        },
    )


@pytest.mark.usefixtures("buggy_make")
@pytest.mark.parametrize(
    ("fault", "tracebacks"),
    [(raises, 1), (raises_other_words_each_time, 1), (cancels_itself, 0), (returns, 0)],
)
async def test_a_defect_in_a_driver_is_reported_once_and_tried_again(
    make_home: HomeFactory,
    caplog: pytest.LogCaptureFixture,
    fault: Callable[[Publish], None],
    tracebacks: int,
) -> None:
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), buggy_data(), fixed_price()
        )
    )
    watch = Watch(home, caplog)
    Buggy.fault = fault
    await home.run(90, step=1)
    errors = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == tracebacks
    for record in errors:
        assert record.name.startswith(OURS)
        assert "Roof" in record.getMessage()
        assert record.exc_info is not None
    (line,) = watch.lines(logging.WARNING)
    assert line.startswith("Roof is unavailable: ")
    assert watch.unavailable(THIRD)
    assert f"device_unreachable_{THIRD}" in watch.issues()
    assert not watch.went_unavailable(METER)
    assert not watch.went_unavailable(CHARGER)

    Buggy.fault = None
    caplog.clear()
    watch.anew()
    await watch.recovered(THIRD, "Roof")
    assert home.state("sensor", "pv_power") == "1.5"
    assert await unload(home) < 5


async def test_a_defect_behind_a_reading_costs_no_device_its_link(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = await make_home()
    site = await home.add(
        site_entry(meter_data(home.pty), charger_data(home.wattpilot_port), fixed_price())
    )
    runner = site.runners[METER]
    task, driver = runner._task, runner._driver

    def fail(_reading: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(site.history, "meter", fail)
        await home.run(20, step=1)
    (error,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert "Meter" in error.getMessage()
    await home.run(5, step=1)
    assert (runner._task, runner._driver, runner.error) == (task, driver, None)
    assert home.state("sensor", "_grid_power") != "unknown"


@pytest.mark.parametrize("seconds", [2, 20])
@pytest.mark.parametrize(
    "state", ["silent charger", "stalled charger", "charger off", "refused", "meter gone"]
)
async def test_a_site_stops_in_time_whatever_its_devices_do(
    make_home: HomeFactory, state: str, seconds: int
) -> None:
    home = await make_home()
    port = await home.p1.start_tcp()
    url = f"socket://127.0.0.1:{port}"
    await home.add(site_entry(meter_data(url), charger_data(home.wattpilot_port), fixed_price()))
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    match state:
        case "silent charger":
            home.wattpilot.inject("silence")
            home.p1.inject("stall", None)
        case "stalled charger":
            home.wattpilot.inject("stall")
            home.p1.inject("stall", None)
        case "charger off":
            await home.wattpilot.stop()
        case "refused":
            home.wattpilot.inject("wrong_password")
            home.wattpilot.inject("drop")
        case "meter gone":
            await home.p1.stop()
    # At once, and within a pause or an attempt.
    await home.run(seconds, step=1)
    assert await unload(home) < 5


@pytest.mark.usefixtures("buggy_make")
async def test_a_driver_that_does_not_let_go_holds_nobody_up(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture, buggy_make: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    home = await make_home()
    released = asyncio.Event()

    async def clinging(self: Buggy, publish: Publish) -> None:
        publish("pv", PvReading(at=self._context.clock.now(), power_kw=1.5))
        try:
            await asyncio.sleep(1e6)
        except asyncio.CancelledError:
            await released.wait()

    monkeypatch.setattr(Buggy, "run", clinging)
    await home.add(site_entry(meter_data(home.pty), buggy_data(), fixed_price()))
    watch = Watch(home, caplog)
    assert await unload(home) < 5
    assert watch.lines(logging.WARNING) == ["The link of Roof was not closed in time"]
    await home.settle()
