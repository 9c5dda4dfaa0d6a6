"""The PowerFlex driver reads answers in the shape that public clients of the service expect."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any

from aiohttp import web
import pytest

from custom_components.smart_charging.core.reading import ChargerStatus
from custom_components.smart_charging.devices.powerflex.values import (
    Sample,
    Scale,
    Signal,
    newest,
    rows,
    signal_of,
)

from .powerflex_rig import Rig

SAMPLES = Path(__file__).parents[1] / "fixtures" / "powerflex"
AT = datetime.fromtimestamp(1789042188, UTC)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def one(**changes: Any) -> Any:
    """Return an answer with one row."""
    row = {"time": 1789042188, "acc_id": "03", "acs_id": "02"} | changes
    series = {"name": "ct_response", "columns": list(row), "values": [list(row.values())]}
    return {"data": {"results": [{"series": [series]}]}}


def test_the_newest_sample_of_each_station_counts() -> None:
    found = newest(sample("ct_response_charging"), "03", Scale())
    assert set(found) == {"01", "02"}
    charging = found["02"]
    assert (charging.at, charging.state, charging.plugged) == (AT, "CHARGING", True)
    assert charging.current_a == pytest.approx(15.92)
    assert charging.voltage_v == pytest.approx(208.05)
    assert charging.power_kw == pytest.approx(3.313)
    assert charging.session_kwh == pytest.approx(4.2144)
    assert (charging.offered_a, charging.phases, charging.drawing) == (16, 1, True)
    idle = found["01"]
    assert (idle.plugged, idle.drawing, idle.power_kw, idle.phases) == (False, False, 0, None)
    assert newest(sample("ct_response_charging"), "04", Scale()) == {}


@pytest.mark.parametrize("name", ["empty_results", "empty_results2"])
def test_an_answer_without_rows_has_none(name: str) -> None:
    assert list(rows(sample(name), "ct_response")) == []


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"data": None},
        {"data": {"results": None}},
        {"data": {"results": [None, {"series": [None, {"columns": None, "values": [[1]]}]}]}},
        {"data": {"results": [{"series": [{"columns": ["time"], "values": [None, [], 5]}]}]}},
        one(time=None),
        one(time=True),
        one(time="soon"),
        one(time=1789042188000),
        one(acs_id=None),
        one(acc_id=True),
    ],
)
def test_what_is_no_sample_is_left_out(answer: Any) -> None:
    assert newest(answer, "03", Scale()) == {}


def test_tags_beside_the_rows_are_columns_too_and_other_series_none() -> None:
    answer = one(power=2_000_000)
    (series,) = answer["data"]["results"][0]["series"]
    series["columns"][1:3] = ["a", "b"]
    series["tags"] = {"acc_id": "03", "acs_id": 2}
    assert newest(answer, "03", Scale())["2"].power_kw == 2
    series["name"] = "evse_request"
    assert newest(answer, "03", Scale()) == {}


@pytest.mark.parametrize(
    ("changes", "drawing", "phases"),
    [
        ({"mamps_actual": 10_000, "voltage": 230_000, "power": 2_300_000}, True, 1),
        ({"mamps_actual": 10_000, "voltage": 230_000, "power": 6_900_000}, True, 3),
        # Three phases, voltage between the lines.
        ({"mamps_actual": 10_000, "voltage": 400_000, "power": 6_900_000}, True, 3),
        # The power is in another unit than was set.
        ({"mamps_actual": 10_000, "voltage": 230_000, "power": 2_300}, True, None),
        ({"mamps_actual": 10_000, "voltage": 0, "power": 2_300_000}, True, None),
        ({"mamps_actual": 200, "voltage": 230_000, "power": 46_000}, False, None),
        ({"power": 2_300_000}, True, None),
        ({"power": 20_000}, False, None),
        ({"charging_state": "charging"}, True, None),
        ({"charging_state": "PLUGGED"}, False, None),
        ({"mamps_actual": float("nan"), "power": float("inf")}, False, None),
        ({"mamps_actual": 10**400, "power": 10**400}, False, None),
        ({}, False, None),
    ],
)
def test_what_a_car_draws_and_on_how_many_phases(
    changes: dict[str, Any], drawing: bool, phases: int | None
) -> None:
    found: Sample = newest(one(**changes), "03", Scale())["02"]
    assert (found.drawing, found.phases) == (drawing, phases)


def test_the_limit_is_understood() -> None:
    assert signal_of(sample("get_external_signal_reply")) == Signal(kw=13, enabled=True)
    assert signal_of({"max_load": 13000, "max_load_unit": "W"}) == Signal(kw=13, enabled=True)
    off = signal_of({"max_load": None, "is_enabled": False})
    assert off == Signal(kw=None, enabled=False)
    assert off.limit_kw is None
    with pytest.raises(ValueError, match="furlong"):
        signal_of({"max_load": 1, "max_load_unit": "furlong"})


@asynccontextmanager
async def told(measured: Any, signal: Any) -> AsyncIterator[Rig]:
    """Serve samples to a driver whose clock stands where they were taken."""

    async def serve(request: web.Request) -> web.Response:
        match request.path:
            case "/login":
                return web.json_response({"access_token": "TEST-TOKEN"})
            case "/get_measurement_data":
                return web.json_response(measured)
            case _:
                return web.json_response(signal)

    app = web.Application()
    app.router.add_post("/{path:.*}", serve)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with Rig.open() as rig:
            rig.clock.advance((AT - rig.clock.now()).total_seconds())
            rig.port = runner.addresses[0][1]
            rig.build(voltage=208)
            await rig.run()
            yield rig
            await rig.halt()
    finally:
        await runner.cleanup()


async def test_a_driver_makes_a_reading_of_them() -> None:
    signal = sample("get_external_signal_reply")
    async with told(sample("ct_response_charging"), signal) as rig:
        reading = rig.last
        assert (reading.status, reading.device_time) == (ChargerStatus.CHARGING, AT)
        assert reading.power_kw == pytest.approx(3.313)
        assert reading.currents_a == pytest.approx((15.92,))
        assert reading.session_kwh == pytest.approx(4.2144)
        assert (reading.limit_a, reading.released) == (62.5, True)
        (part,) = (await rig.driver.identify()).parts
        assert not part.controllable, "station 01 shares the limit"


async def test_a_station_without_a_car() -> None:
    async with told(sample("ct_response_unplugged"), {}) as rig:
        assert rig.last.status is ChargerStatus.UNPLUGGED
        assert rig.last.limit_a == 0, "it offers nothing by itself"
