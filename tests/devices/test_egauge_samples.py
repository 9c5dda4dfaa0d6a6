"""Published and constructed answers of eGauge meters, read as they stand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.smart_charging.core.reading import AnyReading, MeterReading, PvReading
from custom_components.smart_charging.devices.base import (
    CannotConnect,
    DeviceError,
    DriverContext,
    InvalidAuth,
    WrongDevice,
)
from custom_components.smart_charging.devices.egauge.api import About
from custom_components.smart_charging.devices.egauge.assignment import proposal
from custom_components.smart_charging.devices.egauge.driver import EgaugeDriver
from custom_components.smart_charging.devices.egauge.json_api import JsonApi, digest
from custom_components.smart_charging.devices.egauge.readings import Meanings
from custom_components.smart_charging.devices.egauge.registers import Register, Snapshot
from custom_components.smart_charging.devices.egauge.web import Web
from custom_components.smart_charging.devices.egauge.xml_api import parse, with_rates
from simulators.clock import ManualClock

FIXTURES = Path(__file__).parents[1] / "fixtures/egauge"
NOON = datetime(2026, 6, 1, 11, tzinfo=UTC)
SEEN_AT = datetime.fromtimestamp(1678330813, UTC)


def sample(name: str) -> str:
    return (FIXTURES / name).read_text("utf-8")


@asynccontextmanager
async def serving(pages: dict[str, tuple[int, str]]) -> AsyncIterator[tuple[str, DriverContext]]:
    """Serve pages by path, with their status; return the address."""

    async def answer(request: web.Request) -> web.Response:
        status, text = pages.get(request.path, (404, ""))
        return web.Response(status=status, text=text, content_type="text/plain")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        address = f"http://127.0.0.1:{server.port}"
        context = DriverContext(
            session=session, clock=ManualClock(NOON), run_blocking=asyncio.to_thread
        )
        yield address, context


def pages(register: str) -> dict[str, tuple[int, str]]:
    return {
        "/api/auth/unauthorized": (401, sample("auth_unauthorized_401.json")),
        "/api/auth/login": (200, sample("auth_login_ok.json")),
        "/api/register": (200, register),
    }


async def snapshot_of(register: str) -> Snapshot:
    async with serving(pages(register)) as (address, context):
        web_server = Web(context.session, address)
        return await JsonApi(web_server, "owner", "secret").snapshot(counters=True)


# --- JSON -------------------------------------------------------------------------------------


def test_the_digest_is_that_of_the_published_rule() -> None:
    # MD5(MD5("owner:realm:secret"):"nnc":"cnnc"), worked out with md5sum.
    assert digest("owner", "realm", "secret", "nnc", "cnnc") == "c62729c5702cf085a94034ebb82ad6ee"


async def test_rates_are_read_in_their_units() -> None:
    snapshot = await snapshot_of(sample("register_rate.json"))
    assert snapshot.at == SEEN_AT
    assert list(snapshot.registers)[:3] == ["Grid", "Grid+", "Solar"]
    assert snapshot.registers["Grid"] == Register(name="Grid", type="P", rate=1798.5)
    assert snapshot.registers["L1 Voltage"].rate == 121.35
    meanings = Meanings(
        {"grid": "Grid", "l1_power": "Grid", "l1_voltage": "L1 Voltage", "pv": "Solar"}
    )
    reading = meanings.meter(snapshot, None, NOON)
    assert reading is not None
    assert reading.power_kw == pytest.approx(1.7985)
    assert reading.phases[0].voltage_v == 121.35
    sun = meanings.pv(snapshot, None, NOON)
    assert sun is not None
    assert sun.power_kw == pytest.approx(-0.0032), "what the inverter takes at night"


async def test_counters_stand_beside_their_registers() -> None:
    snapshot = await snapshot_of(sample("register_counters.json"))
    assert snapshot.registers["Grid"].counter == 123456789
    assert snapshot.registers["Temp"].counter == 1234567890
    meanings = Meanings({"grid": "Grid", "import_energy": "Grid+"})
    reading = meanings.meter(snapshot, snapshot, NOON)
    assert reading is not None
    assert reading.power_kw is None
    assert reading.import_kwh == pytest.approx(246913578 / 3.6e6)
    assert meanings.meter(snapshot, None, NOON) is not None


async def test_a_register_without_rate_has_no_value() -> None:
    snapshot = await snapshot_of(sample("register_rate_null_new_register.json"))
    assert snapshot.registers["New"].rate is None
    reading = Meanings({"grid": "New"}).meter(snapshot, None, NOON)
    assert reading is not None
    assert reading.power_kw is None


async def test_the_list_without_rates_is_one_all_the_same() -> None:
    snapshot = await snapshot_of(sample("register_info.json"))
    assert len(snapshot.registers) == 10
    assert snapshot.mute
    assert not snapshot.counted


async def test_registers_that_are_computed_have_no_counter() -> None:
    """In the vendor's own example the computed `use` comes first and has no place in the rows."""
    answer = {
        "ts": "1678330813.000129799",
        "registers": [
            {"name": "use", "type": "P", "idx": 0, "formula": '+"Grid"+"Solar"'},
            {"name": "Grid", "type": "P", "idx": 17, "did": 0, "rate": 1798},
            {"name": "Solar", "type": "P", "idx": 20, "did": 1, "rate": -4},
        ],
        "ranges": [
            {
                "ts": "1678298313.000129799",
                "delta": 1,
                "rows": [["117607805899", "268487638108"], ["-224", "-480"]],
            }
        ],
    }
    snapshot = await snapshot_of(json.dumps(answer))
    assert snapshot.registers["use"].counter is None
    assert snapshot.registers["Grid"].counter == 117607805899
    assert snapshot.registers["Solar"].counter == 268487638108


@pytest.mark.parametrize(
    ("register", "kind"),
    [
        ("[]", WrongDevice),
        ('{"error": "no"}', WrongDevice),
        ('{"registers": {}}', WrongDevice),
        ("{", WrongDevice),
        ('{"registers": [' + "1," * 600_000 + "1]}", CannotConnect),
    ],
)
async def test_an_answer_of_another_shape_is_no_meter(
    register: str, kind: type[DeviceError]
) -> None:
    with pytest.raises(kind):
        await snapshot_of(register)


@pytest.mark.parametrize(
    "bad", ['"x"', "null", "true", "NaN", "Infinity", "[1]", "{}", '"' + "9" * 400 + '"']
)
async def test_nonsense_is_no_value(bad: str) -> None:
    snapshot = await snapshot_of(
        f'{{"ts": {bad}, "registers": [{{"name": "Grid", "type": "P", "idx": {bad}, "did": 0,'
        f' "rate": {bad}}}, {bad}, {{"name": {bad}}}], "ranges": [{{"rows": [[{bad}]]}}]}}'
    )
    assert snapshot.at is None
    assert snapshot.registers["Grid"].rate is None
    assert snapshot.registers["Grid"].counter is None


async def test_a_time_beyond_all_calendars_is_none() -> None:
    snapshot = await snapshot_of('{"ts": "1e300", "registers": []}')
    assert snapshot.at is None


async def test_what_an_older_meter_does_not_tell_is_none() -> None:
    told = {
        **pages(sample("register_rate.json")),
        "/api/sys/sn": (200, '{"result": "G1"}'),
        "/api/sys/model": (200, '{"result": 7}'),
    }
    async with serving(told) as (address, context):
        api = JsonApi(Web(context.session, address), "owner", "secret")
        assert await api.about() == About(serial="G1")


def test_two_of_three_lines_are_added_up() -> None:
    """A meter without neutral measures L1 and L3 against L2."""
    meanings = Meanings({"l1_power": "A", "l3_power": "C"})
    reading = meanings.meter(measured(A=1000, C=500), None, NOON)
    assert reading is not None
    assert reading.power_kw == 1.5
    assert [phase.power_kw for phase in reading.phases] == [1.0, None, 0.5]


def test_only_power_adds_up_to_energy() -> None:
    assert Register(name="Grid", type="P", counter=-3_600_000).kwh == 1
    assert Register(name="Grid", type="P").kwh is None
    assert Register(name="L1", type="V", counter=3_600_000).kwh is None


@pytest.mark.parametrize(
    ("path", "page", "kind"),
    [
        ("/api/auth/unauthorized", (200, "{}"), CannotConnect),
        ("/api/auth/unauthorized", (401, '{"error": "?"}'), WrongDevice),
        ("/api/auth/unauthorized", (401, "<html>"), WrongDevice),
        ("/api/auth/login", (200, sample("auth_login_bad.json")), InvalidAuth),
        ("/api/auth/login", (400, '{"error": "Bad Request"}'), InvalidAuth),
        ("/api/auth/login", (200, "{}"), InvalidAuth),
        ("/api/auth/login", (502, ""), CannotConnect),
        ("/api/register", (302, ""), CannotConnect),
    ],
)
async def test_only_a_refusal_is_a_refusal(
    path: str, page: tuple[int, str], kind: type[DeviceError]
) -> None:
    async with serving({**pages(sample("register_rate.json")), path: page}) as (
        address,
        context,
    ):
        api = JsonApi(Web(context.session, address), "owner", "secret")
        with pytest.raises(kind) as caught:
            await api.snapshot(counters=False)
    assert (kind is InvalidAuth) == isinstance(caught.value, InvalidAuth)


# --- XML --------------------------------------------------------------------------------------


def test_present_values_and_counters_agree() -> None:
    first, second = parse(sample("instant_t0.xml")), parse(sample("instant_t1_plus10s.xml"))
    assert first.at == SEEN_AT
    assert first.registers["A.GridPower"].rate == -2300
    assert first.registers["A.L1_Voltage"].rate == pytest.approx(121.35)
    totals = parse(sample("total_only.xml"))
    assert totals.mute
    assert totals.at == first.at
    without = parse(sample("instant_t1_plus10s.xml").replace("<i>", "<x>").replace("</i>", "</x>"))
    means = with_rates(without, totals)
    for name in ("A.GridPower", "A.Solar", "A.EV", "A.L1_Voltage"):
        assert means.registers[name].rate == pytest.approx(second.registers[name].rate), name


def test_the_published_counters_give_the_published_power() -> None:
    expected = json.loads(sample("insttot_expected.json"))
    before, after = parse(sample("insttot_t0.xml")), parse(sample("insttot_t60.xml"))
    assert before.registers["Grid"].rate == -275
    assert after.registers["L1 Voltage"].rate == pytest.approx(expected["L1_V"])
    bare = sample("insttot_t60.xml").replace("<i>-275</i>", "").replace("<i>120350</i>", "")
    means = with_rates(parse(bare), before)
    assert means.registers["Grid"].rate == pytest.approx(expected["Grid_W"], abs=0.001)
    assert means.registers["L1 Voltage"].rate == pytest.approx(expected["L1_V"])
    reading = Meanings({"grid": "Grid", "grid_inverted": True}).meter(means, None, NOON)
    assert reading is not None
    assert reading.power_kw == pytest.approx(0.275, abs=0.001)


def counted(at: int, counter: int) -> Snapshot:
    return parse(f'<data serial="0x1"><ts>{at}</ts><r t="P" n="Grid"><v>{counter}</v></r></data>')


@pytest.mark.parametrize(
    ("before", "after", "watts"),
    [
        ((100, 5000), (110, 15000), 1000.0),
        ((100, 5000), (110, -5000), -1000.0),
        # The same second, and a clock that was set back.
        ((100, 5000), (100, 15000), None),
        ((100, 5000), (90, 15000), None),
        # A meter that counts from zero again.
        ((100, 55357226851), (102, 40), None),
        ((100, 40), (102, -55357226851), None),
        # A counter that ran over.
        ((100, 2**63 - 1000), (110, -(2**63) + 1000), 200.0),
        ((100, -(2**63) + 500), (110, 2**63 - 500), -100.0),
    ],
)
def test_a_mean_is_taken_only_where_the_counter_goes_on(
    before: tuple[int, int], after: tuple[int, int], watts: float | None
) -> None:
    found = with_rates(counted(*after), counted(*before)).registers["Grid"].rate
    assert found == (None if watts is None else pytest.approx(watts))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cannot be understood"),
        ("<html><body>Welcome</body></html>", "another shape"),
        ("<data><r t='P' n='Grid'><v>1</v></r></data>", "another shape"),
        ("<data><ts>1</ts>", "cannot be understood"),
        ("<!DOCTYPE d [<!ENTITY a 'x'>]><data><ts>1</ts></data>", "definitions of its own"),
        (
            "<!DOCTYPE d [<!ENTITY % p SYSTEM 'file:///etc/hostname'> %p;]><data><ts>1</ts></data>",
            "definitions of its own",
        ),
    ],
)
def test_what_is_no_answer_of_a_meter_is_refused(text: str, told: str) -> None:
    with pytest.raises(WrongDevice, match=told):
        parse(text)


def test_registers_of_any_kind_are_read_past() -> None:
    snapshot = parse(
        '<data><ts>1</ts><r t="zz" n="Odd"><v>1</v><i>2</i></r><r><v>x</v><i>y</i></r>'
        '<r rt="total" t="P" n="Total Usage"><v>9223372036854775807</v><i>12.5</i></r></data>'
    )
    assert snapshot.registers["Odd"].rate is None
    assert snapshot.registers[""].counter is None
    assert snapshot.registers["Total Usage"].rate == 12.5
    assert snapshot.registers["Total Usage"].counter == 2**63 - 1


# --- what is proposed -------------------------------------------------------------------------


async def test_names_of_a_published_site_are_understood() -> None:
    proposed = proposal(parse(sample("instant_t0.xml")))
    assert proposed == {
        "grid": "A.GridPower",
        # There the grid is positive on export.
        "grid_inverted": True,
        "pv": "A.Solar",
        "pv_inverted": False,
        "l1_voltage": "A.L1_Voltage",
        "l2_voltage": "A.L2_Voltage",
    }
    proposed = proposal(await snapshot_of(sample("register_rate.json")))
    assert proposed == {
        "grid": "Grid",
        "grid_inverted": False,
        "import_energy": "Grid+",
        "pv": "Solar",
        "pv_inverted": False,
        "pv_energy": "Solar+",
        "l1_voltage": "L1 Voltage",
        "l2_voltage": "L2 Voltage",
    }


def measured(**watts: float | None) -> Snapshot:
    return Snapshot(
        at=NOON,
        registers={n: Register(name=n, type="P", rate=rate) for n, rate in watts.items()},
    )


@pytest.mark.parametrize(
    ("watts", "grid", "inverted"),
    [
        # What the house uses tells the sign: 1 kW of sun, 500 W used or 1.5 kW.
        ({"Grid": -500, "Solar": 1000, "use": 500}, "Grid", False),
        ({"Grid": 500, "Solar": 1000, "use": 500}, "Grid", True),
        ({"Grid": 500, "Solar": 1000, "use": 1500}, "Grid", False),
        ({"Grid": 500, "use": 500}, "Grid", False),
        # Too little flows, or nothing is known.
        ({"Grid": 50, "Solar": 1000, "use": 950}, "Grid", False),
        ({"Grid": None, "Solar": None, "use": None}, "Grid", False),
        ({"Utility power": 500}, "Utility power", False),
    ],
)
def test_the_sign_of_the_grid_is_that_of_the_balance(
    watts: dict[str, float | None], grid: str, inverted: bool
) -> None:
    proposed = proposal(measured(**watts))
    assert (proposed["grid"], proposed["grid_inverted"]) == (grid, inverted)


@pytest.mark.parametrize(
    ("watts", "pv", "inverted"),
    [
        ({"Gen": 900}, "Gen", False),
        ({"Solar+": 900}, "Solar+", False),
        ({"PV East": 2, "Solar": 900}, "Solar", False),
        ({"Inverter": -900}, "Inverter", True),
        ({"Solar": -4}, "Solar", False),
        ({"General lighting": 60}, None, False),
    ],
)
def test_panels_are_found_by_name_and_sign(
    watts: dict[str, float | None], pv: str | None, inverted: bool
) -> None:
    proposed = proposal(measured(**watts))
    assert proposed.get("pv") == pv
    assert proposed.get("pv_inverted", False) is inverted


def test_lines_of_other_things_are_not_those_of_the_grid() -> None:
    kinds = {"Pump L1": "P", "Grid L2": "P", "Pump L3": "I", "L2": "I", "Pump L1 Voltage": "V"}
    proposed = proposal(
        Snapshot(at=NOON, registers={n: Register(name=n, type=t) for n, t in kinds.items()})
    )
    assert proposed == {
        "l1_voltage": "Pump L1 Voltage",
        "l2_power": "Grid L2",
        "l2_current": "L2",
    }


def test_counters_of_an_inverted_grid_change_places() -> None:
    proposed = proposal(
        Snapshot(
            at=NOON,
            registers={
                n: Register(name=n, type="P", rate=0.0)
                for n in ("A.GridPower", "A.GridPower+", "A.GridPower-", "A.GridPower L1")
            },
        )
    )
    assert proposed == {
        "grid": "A.GridPower",
        "grid_inverted": True,
        "export_energy": "A.GridPower+",
        "import_energy": "A.GridPower-",
        "l1_power": "A.GridPower L1",
    }


# --- the whole way ----------------------------------------------------------------------------


async def test_a_driver_reads_the_samples_over_http() -> None:
    class FastDriver(EgaugeDriver):
        poll_interval_s = 0.01

    told: dict[str, AnyReading] = {}
    page = {"/cgi-bin/egauge": (200, sample("instant_t0.xml"))}
    async with serving(page) as (address, context):
        form: dict[str, Any] = {
            "host": address,
            "serial": "G1",
            "grid": "A.GridPower",
            "grid_inverted": True,
            "pv": "A.Solar",
        }
        identity = await FastDriver(form, context).identify()
        assert {c.key for c in identity.channels if c.quantity == "voltage"} == {
            "A.L1_Voltage",
            "A.L2_Voltage",
        }
        task = asyncio.create_task(FastDriver(form, context).run(told.__setitem__))
        async with asyncio.timeout(5):
            while len(told) < 2:
                await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert told["meter"] == MeterReading(at=NOON, device_time=SEEN_AT, power_kw=2.3)
    assert told["pv"] == PvReading(at=NOON, device_time=SEEN_AT, power_kw=4.1)
