"""The P1 driver reads real telegrams, survives bad ones and tells why a link fails."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
import json
from pathlib import Path
import re
import socket
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
import pytest

from custom_components.smart_charging.core.reading import (
    AnyReading,
    Breaker,
    Limiter,
    MeterReading,
    PartKind,
    Peak,
    Phase,
    Remedy,
    Tariff,
)
from custom_components.smart_charging.devices.base import (
    CannotConnect,
    DeviceError,
    DriverContext,
    Field,
    InUse,
    InvalidAuth,
    WrongDevice,
)
from custom_components.smart_charging.devices.p1 import MAKE
from custom_components.smart_charging.devices.p1.driver import P1Driver, Patience
from custom_components.smart_charging.devices.p1.frames import (
    BUFFER_BYTES,
    EncryptedFrames,
    PlainFrames,
)
from custom_components.smart_charging.devices.p1.link import normalised
from custom_components.smart_charging.devices.p1.telegram import (
    describe,
    is_intact,
    parse_telegram,
)
from custom_components.smart_charging.devices.p1.versions import VERSIONS
from simulators.clock import ManualClock
from simulators.house import Car, ChargerConfig, House, HouseConfig
from simulators.p1 import P1Simulator
from simulators.p1_telegram import sealed

FIXTURES = Path(__file__).parent.parent / "fixtures" / "p1"
TEXTS = Path(__file__).parents[2] / "custom_components/smart_charging/devices/texts/p1.json"
AT = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
REAL = "be_fluvius_3ph_gas_real.txt"
NOT_BELGIAN = {"nl_v2_2": "2.2", "nl_v4_2": "4", "nl_v5": "5", "hu_eon": "5EONHU"}


def version_of(name: str) -> str:
    return next((v for start, v in NOT_BELGIAN.items() if name.startswith(start)), "5B")


@cache
def raw(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def readings(data: bytes, version: str = "5B") -> list[MeterReading | None]:
    return [parse_telegram(text, version, AT) for text in PlainFrames().feed(data)]


def reading(name: str) -> MeterReading:
    found = [r for r in readings(raw(name), version_of(name)) if r is not None]
    assert len(found) == 1
    return found[0]


def changed(old: str, new: str, name: str = REAL) -> MeterReading:
    """Read a telegram with one change and a checksum made right again."""
    text = raw(name).decode("latin-1")
    assert old in text
    body = text[: text.rindex("!") + 1].replace(old, new)
    (only,) = readings(sealed(body))
    assert only is not None
    return only


class TestValues:
    def test_the_real_telegram_gives_the_values_that_people_read_on_the_meter(self) -> None:
        assert reading(REAL) == MeterReading(
            at=AT,
            device_time=datetime(2024, 1, 12, 22, 18, 5, tzinfo=UTC),
            power_kw=0.120,
            phases=(
                Phase(power_kw=0.026, voltage_v=230.5, current_a=0.17),
                Phase(power_kw=0.061, voltage_v=230.4, current_a=0.49),
                Phase(power_kw=0.031, voltage_v=229.1, current_a=0.18),
            ),
            import_kwh=178.565,
            export_kwh=155.473,
            import_t1_kwh=116.372,
            import_t2_kwh=62.193,
            export_t1_kwh=112.716,
            export_t2_kwh=42.757,
            tariff=2,
            tariff_name=Tariff.LOW,
            quarter_kw=0.027,
            month_peak=Peak(kw=2.485, at=datetime(2024, 1, 7, 18, 0, tzinfo=UTC)),
            peak_history=(
                Peak(kw=1.747, at=datetime(2023, 10, 31, 11, 0, tzinfo=UTC)),
                Peak(kw=3.260, at=datetime(2023, 11, 9, 15, 45, tzinfo=UTC)),
                Peak(kw=1.981, at=datetime(2023, 12, 24, 12, 45, tzinfo=UTC)),
            ),
            gas_m3=338.711,
            limiter=Limiter(),
            breaker=Breaker.CLOSED,
        )

    @pytest.mark.parametrize("name", sorted(json.loads(raw("expected.json"))))
    def test_every_value_agrees_with_an_independent_parse(self, name: str) -> None:
        expected = json.loads(raw("expected.json"))[name]
        seen = reading(name)

        def quantity(code: str) -> float | None:
            value = expected.get(code)
            return None if value is None else float(value[0])

        assert seen.import_t1_kwh == quantity("1-0:1.8.1")
        assert seen.import_t2_kwh == quantity("1-0:1.8.2")
        assert seen.export_t1_kwh == quantity("1-0:2.8.1")
        assert seen.export_t2_kwh == quantity("1-0:2.8.2")
        assert seen.quarter_kw == quantity("1-0:1.4.0")
        assert seen.tariff == int(expected["0-0:96.14.0"])
        net = (quantity("1-0:1.7.0") or 0) - (quantity("1-0:2.7.0") or 0)
        assert seen.power_kw == pytest.approx(net, abs=1e-9)
        for number, phase in enumerate(seen.phases):
            plus, minus = (quantity(f"1-0:{n + 20 * number}.7.0") or 0 for n in (21, 22))
            assert phase.power_kw == pytest.approx(plus - minus, abs=1e-9)
            assert phase.voltage_v == quantity(f"1-0:{32 + 20 * number}.7.0")
            current = quantity(f"1-0:{31 + 20 * number}.7.0")
            assert current is not None
            assert phase.current_a == (-current if minus else current)
        limit_kw, limit_a = quantity("0-0:17.0.0"), quantity("1-0:31.4.0")
        assert limit_kw is not None and limit_a is not None
        assert seen.limiter == Limiter(
            power_kw=limit_kw if limit_kw < 99.9 else None,
            current_a=limit_a if limit_a < 999 else None,
        )
        breakers = {"0": Breaker.OPEN, "1": Breaker.CLOSED, "2": Breaker.READY}
        assert seen.breaker is breakers[expected["0-0:96.3.10"]]
        assert (seen.text_message or "") == bytes.fromhex(expected["0-0:96.13.0"]).decode()
        peak = expected.get("1-0:1.6.0")
        assert (seen.month_peak and seen.month_peak.kw) == (peak and peak["value"][0])
        months = [m for m in expected.get("0-0:98.1.0", []) if m["peak_time"] != "632525252525W"]
        months.sort(key=lambda m: m["key"])
        assert [p.kw for p in seen.peak_history] == [m["kw"] for m in months]
        if billed := expected.get("_billed_mean_last12_past_months_kw"):
            last = seen.peak_history[-12:]
            assert len(last) == billed["n"]
            assert sum(p.kw for p in last) / len(last) == pytest.approx(billed["kw"], abs=1e-4)

    @pytest.mark.parametrize(
        ("name", "gas", "water"),
        [
            ("be_fluvius_v171_gas_water_history_real.txt", 92.287, 8.579),
            ("spec_B1_1ph_gas_water_50221.txt", 112.384, 872.234),
            ("be_emucs211_poly_gas_water.txt", 112.384, 872.234),
            ("be_3ph_gas_50217_2026.txt", 3806.070, None),
            ("bad_m3_latin1_superscript.txt", 338.711, None),
            ("nl_v5_real.txt", 0.107, None),
            ("nl_v5_two_mbus.txt", 246.138, None),
            ("nl_v2_2_nocrc.txt", 1.001, None),
            ("nl_v4_2.txt", 981.443, None),
            ("hu_eon_v5.txt", None, None),
        ],
    )
    def test_gas_and_water_are_told_apart_by_their_type(
        self, name: str, gas: float | None, water: float | None
    ) -> None:
        seen = reading(name)
        assert (seen.gas_m3, seen.water_m3) == (gas, water)

    @pytest.mark.parametrize(
        ("name", "tariff", "called"),
        [
            ("be_3ph_gas_50217_2026.txt", 1, Tariff.NORMAL),
            ("be_1ph_50216_2023.txt", 2, Tariff.LOW),
            ("nl_v5_two_mbus.txt", 1, Tariff.LOW),
            ("nl_v5_real.txt", 2, Tariff.NORMAL),
            ("nl_v4_2.txt", 2, Tariff.NORMAL),
            ("nl_v2_2_nocrc.txt", 1, Tariff.LOW),
            ("hu_eon_v5.txt", 1, Tariff.FIRST),
        ],
    )
    def test_tariffs_are_numbered_the_other_way_round_in_the_netherlands(
        self, name: str, tariff: int, called: Tariff
    ) -> None:
        seen = reading(name)
        assert (seen.tariff, seen.tariff_name) == (tariff, called)

    @pytest.mark.parametrize(
        ("power", "current", "limiter"),
        [
            ("(999.9*kW)", "(999*A)", Limiter()),
            ("(99.999*kW)", "(999.99*A)", Limiter()),
            ("(099.9*kW)", "(0999*A)", Limiter()),
            ("(005.7*kW)", "(999*A)", Limiter(power_kw=5.7)),
            ("(999.9*kW)", "(010*A)", Limiter(current_a=10.0)),
            ("(02.300*kW)", "(10.00*A)", Limiter(power_kw=2.3, current_a=10.0)),
            # No house would be there to tell it.
            ("(000.0*kW)", "(000*A)", Limiter()),
            # What cannot be read says nothing, not that there is none.
            ("(00x.0*kW)", "(010*A)", None),
            ("(005.7*kW)", "(10*kA)", None),
            ("()", "()", None),
        ],
    )
    def test_a_limiter_is_told_from_one_that_is_off_and_from_one_that_cannot_be_read(
        self, power: str, current: str, limiter: Limiter | None
    ) -> None:
        text = raw(REAL).decode("latin-1")
        body = text[: text.rindex("!") + 1]
        body = body.replace("17.0.0(999.9*kW)", f"17.0.0{power}")
        (seen,) = readings(sealed(body.replace("31.4.0(999*A)", f"31.4.0{current}")))
        assert seen is not None
        assert seen.limiter == limiter

    @pytest.mark.parametrize("wrong", ["(01.633*kW)", "(01.633*kWh)", "(006.78*A)", "()"])
    def test_a_voltage_in_another_unit_is_none(self, wrong: str) -> None:
        seen = changed("1-0:52.7.0(230.4*V)", f"1-0:52.7.0{wrong}")
        assert [phase.voltage_v for phase in seen.phases] == [230.5, None, 229.1]
        assert seen.power_kw == pytest.approx(0.12)

    @pytest.mark.parametrize("wrong", ["(000.120*kWh)", "(120.0*V)", "(001.20*A)"])
    def test_a_power_in_another_unit_is_none(self, wrong: str) -> None:
        assert changed("1-0:1.7.0(00.120*kW)", f"1-0:1.7.0{wrong}").power_kw is None

    def test_of_several_currents_of_a_limiter_the_smallest_counts(self) -> None:
        three = "1-0:31.4.0(25*A)\r\n1-0:51.4.0(16*A)\r\n1-0:71.4.0(20*A)"
        assert changed("1-0:31.4.0(999*A)", three).limiter == Limiter(current_a=16.0)
        assert reading("hu_eon_v5.txt").limiter == Limiter(power_kw=90.0, current_a=200.0)
        assert reading("nl_v5_real.txt").limiter is None

    @pytest.mark.parametrize(
        ("told", "breaker", "remedy"),
        [
            ("0-0:96.3.10(1)", Breaker.CLOSED, None),
            ("0-0:96.3.10(0)", Breaker.OPEN, Remedy.BREAKER),
            ("0-0:96.3.10(2)", Breaker.READY, Remedy.BREAKER_BUTTON),
            ("0-0:96.3.10(7)", None, None),
            ("0-0:96.3.10()", None, None),
            ("0-1:96.3.10(0)\r\n0-0:96.3.10(1)\r\n0-4:96.3.10(0)", Breaker.CLOSED, None),
        ],
    )
    def test_only_the_meters_own_breaker_counts(
        self, told: str, breaker: Breaker | None, remedy: Remedy | None
    ) -> None:
        seen = changed("0-0:96.3.10(1)", told)
        assert (seen.breaker, seen.remedy) == (breaker, remedy)
        assert (seen.warning is None) == (remedy is None)

    @pytest.mark.parametrize("name", sorted(p.name for p in FIXTURES.glob("*50221*")))
    def test_relays_of_the_m_bus_are_no_open_breaker(self, name: str) -> None:
        seen = reading(name)
        assert (seen.breaker, seen.warning) == (Breaker.CLOSED, None)

    @pytest.mark.parametrize(
        ("told", "message"),
        [
            ("48656C6C6F20776F726C64", "Hello world"),
            ("4F6E646572686F75642031322F3132", "Onderhoud 12/12"),
            ("C3A96E", "\u00e9n"),
            ("E96E", "\u00e9n"),
            ("0A0D09", None),
            ("41000A42", "A B"),
            ("", None),
            ("486", None),
            ("onderhoud 12/12", None),
        ],
    )
    def test_a_message_is_read_from_its_hexadecimal(self, told: str, message: str | None) -> None:
        assert changed("0-0:96.13.0()", f"0-0:96.13.0({told})").text_message == message

    def test_messages_of_samples_are_read(self) -> None:
        assert reading("be_text_message_hex_derived.txt").text_message == "Hello world"
        assert reading("bad_text_message_slash.txt").text_message is None
        assert reading("bad_text_message_spaces.txt").text_message is None

    def test_currents_carry_the_sign_of_their_phases_power(self) -> None:
        seen = reading("be_3ph_mixed_import_export_derived.txt")
        assert seen.power_kw == -0.3
        assert [p.current_a for p in seen.phases] == [10.4, -5.6, -5.59]
        assert [p.power_kw for p in seen.phases] == [2.4, -1.35, -1.35]

    def test_without_neutral_the_second_phase_is_unknown_rather_than_zero(self) -> None:
        seen = reading("be_3x230_aron_derived.txt")
        assert seen.phases[1] == Phase()
        assert seen.phases[0].current_a == 8.9
        assert seen.power_kw == 3.2

    def test_an_older_meter_without_neutral_shows_it_by_a_dead_second_phase(self) -> None:
        seen = changed("1-0:52.7.0(230.4*V)", "1-0:52.7.0(000.0*V)")
        assert seen.phases[1] == Phase()
        assert seen.phases[2].voltage_v == 229.1

    def test_thirteen_months_come_oldest_first_and_placeholders_go(self) -> None:
        seen = reading("be_13_month_history_derived.txt")
        assert len(seen.peak_history) == 13
        assert seen.peak_history[0] == Peak(kw=4.822, at=datetime(2023, 5, 14, 16, 45, tzinfo=UTC))
        assert reading("be_first_month_empty_history_derived.txt").peak_history == ()
        newest_first = reading("spec_B2_3ph_gas_water_50221.txt")
        assert [p.kw for p in newest_first.peak_history] == [4.318, 5.98, 3.695]

    @pytest.mark.parametrize(
        ("stamp", "moment"),
        [
            ("261025023000S", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
            ("261025023000W", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
            ("260329030000S", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
            ("632525252525W", None),
            ("261025023000", None),
        ],
    )
    def test_the_double_hour_is_told_apart_by_its_letter(
        self, stamp: str, moment: datetime | None
    ) -> None:
        assert changed("240112231805W", stamp).device_time == moment

    def test_meters_of_other_countries_are_read(self) -> None:
        dutch = reading("nl_v5_real.txt")
        assert (dutch.power_kw, dutch.import_kwh, dutch.tariff) == (0.244, 6.825, 2)
        assert (dutch.quarter_kw, dutch.month_peak) == (None, None)
        old = reading("nl_v2_2_nocrc.txt")
        assert (old.power_kw, old.phases, old.device_time) == (1.01, (), None)
        hungarian = reading("hu_eon_v5.txt")
        assert (hungarian.power_kw, hungarian.export_kwh) == (-2.601, 627.177)
        assert [p.current_a for p in hungarian.phases] == [3, 4, 3]

    def test_the_meter_tells_who_it_is(self) -> None:
        def of(name: str) -> Any:
            (text,) = PlainFrames().feed(raw(name))
            return describe(text, reading(name))

        real = of(REAL)
        assert real.serial == "1SAG3105056625"
        assert (real.model, real.version, real.phases) == (r"FLU5\253769484_A", "50217", 3)
        assert {"gas_m3", "quarter_kw", "month_peak", "phase_power"} <= set(real.features)
        assert "water_m3" not in real.features
        told = {"limiter", "breaker", "text_message", "warning", "export_t1_kwh", "peak_history"}
        assert told <= set(real.features)
        assert not {"limiter", "breaker", "warning"} & set(of("nl_v5_real.txt").features)
        assert "grid_3x230" in of("be_3x230_aron_derived.txt").features
        single = of("be_1ph_50216_2023.txt")
        assert single.phases == 1 and "quarter_kw" not in single.features
        assert of("nl_v4_2.txt").serial == "3960221976967177082151037881335713"
        assert of("hu_eon_v5.txt").serial == "SAG3082200002160"


class TestBadTelegrams:
    def test_a_wrong_checksum_is_no_reading(self) -> None:
        for name in ("bad_crc.txt", "bad_0xff_byte.txt", "bad_no_crc_lf_only.txt"):
            assert readings(raw(name)) == [None], name

    def test_half_a_telegram_is_none(self) -> None:
        assert readings(raw("bad_truncated.txt")) == []
        assert readings(raw("noise_garbage_4k.bin")) == []

    @pytest.mark.parametrize(
        "name",
        [
            "bad_empty_history_line.txt",
            "bad_m3_latin1_superscript.txt",
            "bad_text_message_slash.txt",
            "bad_text_message_spaces.txt",
            "bad_starts_mid_telegram.txt",
        ],
    )
    def test_a_strange_line_costs_only_itself(self, name: str) -> None:
        seen = [r for r in readings(raw(name)) if r is not None]
        assert [r.power_kw for r in seen] == [-4.812]
        assert seen[0].gas_m3 == 338.711

    def test_an_empty_history_is_empty(self) -> None:
        assert reading("bad_empty_history_line.txt").peak_history == ()

    @pytest.mark.parametrize("bad", ["(00.1x0*kW)", "()", "(*kW)", "(00.120*W)", "(..*kW)"])
    def test_an_unreadable_power_is_missing_not_zero(self, bad: str) -> None:
        seen = changed("1-0:1.7.0(00.120*kW)", f"1-0:1.7.0{bad}")
        assert seen.power_kw is None
        assert seen.import_kwh == 178.565
        export = changed(
            "1-0:1.7.0(00.000*kW)", f"1-0:1.7.0{bad}", "be_3ph_solar_export_derived.txt"
        )
        assert export.power_kw == -4.812

    def test_a_missing_counter_takes_the_sum_with_it(self) -> None:
        seen = changed("1-0:1.8.2(000062.193*kWh)\r\n", "")
        assert (seen.import_kwh, seen.import_t1_kwh) == (None, 116.372)

    def test_line_ends_without_carriage_return_are_mended(self) -> None:
        data = raw(REAL).replace(b"\r", b"")
        assert readings(data) == [reading(REAL)]

    @pytest.mark.parametrize("before", [b"", b"/FLU5\\2537", raw("bad_truncated.txt")])
    @pytest.mark.parametrize("size", [1, 7, 64, 5000])
    def test_telegrams_are_found_however_they_are_cut(self, before: bytes, size: int) -> None:
        frames = PlainFrames()
        stream = before + raw("noise_garbage_4k.bin") + raw(REAL) * 3
        found = []
        for start in range(0, len(stream), size):
            found += frames.feed(stream[start : start + size])
        good = [text for text in found if is_intact(text)]
        assert good == [raw(REAL).decode("latin-1")] * 3

    def test_noise_without_end_does_not_fill_the_memory(self) -> None:
        frames = PlainFrames()
        for _ in range(40):
            frames.feed(b"/FLU5 and no end " * 1000)
            assert len(frames._buffer) <= BUFFER_BYTES
        assert [is_intact(t) for t in frames.feed(raw(REAL))] == [True]


# --- over real links ------------------------------------------------------------------------


class Collector:
    """Publishes into a list that a test can wait for."""

    def __init__(self) -> None:
        self.readings: list[MeterReading] = []
        self._more = asyncio.Event()

    def __call__(self, part: str, reading: AnyReading) -> None:
        assert part == "meter"
        assert isinstance(reading, MeterReading)
        self.readings.append(reading)
        self._more.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.readings) < count:
                self._more.clear()
                await self._more.wait()


QUICK = Patience(connect_s=2, identify_s=0.4, wrong_s=0.3, silent_s=0.6)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
async def sim(clock: ManualClock) -> AsyncIterator[P1Simulator]:
    house = House(HouseConfig(chargers=(ChargerConfig(key="a", car=Car()),)), clock)
    simulator = P1Simulator(house, clock, auto=False, interval_s=0.02)
    yield simulator
    await simulator.stop()


@pytest.fixture
async def make(clock: ManualClock) -> AsyncIterator[Callable[..., P1Driver]]:
    async def run_blocking(func: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, func, *args)

    async with aiohttp.ClientSession() as session:
        context = DriverContext(session=session, clock=clock, run_blocking=run_blocking)

        def build(url: str, patience: Patience = QUICK, **data: str) -> P1Driver:
            return P1Driver({"url": url, "version": "5B", **data}, context, patience)

        yield build


@asynccontextmanager
async def running(driver: P1Driver, collector: Collector) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(driver.run(collector))
    yield task
    task.cancel()
    with suppress(asyncio.CancelledError, DeviceError):
        await task


async def start(sim: P1Simulator, channel: str) -> str:
    if channel == "pty":
        return sim.start_pty()
    return f"socket://127.0.0.1:{await sim.start_tcp()}"


async def send_until(sim: P1Simulator, collector: Collector, count: int) -> None:
    """Send telegrams, a second apart by the house's clock, until `count` readings came."""
    async with asyncio.timeout(5):
        while len(collector.readings) < count:
            sim.clock.advance(1)  # type: ignore[attr-defined]  # tests use a ManualClock
            sim.send()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await collector.until(len(collector.readings) + 1)


@pytest.mark.parametrize("channel", ["tcp", "pty"])
class TestLink:
    async def test_identify_tells_meter_and_parts(
        self, sim: P1Simulator, make: Callable[..., P1Driver], channel: str
    ) -> None:
        sim.auto = True
        identity = await make(await start(sim, channel)).identify()
        assert identity.serial == "1SAG3100000001"
        assert identity.manufacturer == "Fluvius"
        (part,) = identity.parts
        assert (part.key, part.kind, part.phases) == ("meter", PartKind.METER, (3,))
        assert {"gas_m3", "water_m3", "quarter_kw", "month_peak", "tariff"} <= set(part.features)

    async def test_readings_follow_the_house(
        self, sim: P1Simulator, make: Callable[..., P1Driver], channel: str, clock: ManualClock
    ) -> None:
        collector = Collector()
        async with running(make(await start(sim, channel)), collector):
            await send_until(sim, collector, 2)
            sim.house.chargers["a"].offered_a = 10
            before = collector.readings[-1]
            clock.advance(20)
            await send_until(sim, collector, len(collector.readings) + 1)
            after, meter = collector.readings[-1], sim.house.meter
        assert after.at == clock.now()
        assert after.device_time == clock.now().replace(microsecond=0)
        assert after.power_kw == pytest.approx(meter.power_kw, abs=0.001)
        assert before.power_kw is not None and after.power_kw is not None
        assert after.power_kw - before.power_kw > 6
        for phase, amps in zip(after.phases, meter.phase_a, strict=True):
            assert phase.current_a == pytest.approx(amps, abs=0.01)
        assert after.quarter_kw == pytest.approx(meter.quarter_kw, abs=0.001)
        assert after.import_kwh == pytest.approx(meter.import_kwh, abs=0.002)
        assert len(after.peak_history) == 13

    @pytest.mark.parametrize(
        "fault", ["crc", "byte_ff", "truncate", "mid_start", "garbage", "skip"]
    )
    async def test_a_fault_costs_no_more_than_the_spoilt_telegrams(
        self, sim: P1Simulator, make: Callable[..., P1Driver], channel: str, fault: str
    ) -> None:
        collector = Collector()
        async with running(make(await start(sim, channel)), collector) as task:
            await send_until(sim, collector, 1)
            sim.inject(fault, count=2)
            for _ in range(2):
                sim.send()
                await asyncio.sleep(0.02)
            assert not sim.faults
            await send_until(sim, collector, len(collector.readings) + 3)
            assert not task.done()

    async def test_a_silent_link_is_given_up(
        self, sim: P1Simulator, make: Callable[..., P1Driver], channel: str
    ) -> None:
        collector = Collector()
        async with running(make(await start(sim, channel)), collector) as task:
            await send_until(sim, collector, 1)
            sim.inject("stall", count=None)
            with pytest.raises(CannotConnect, match="no readable telegram"):
                await asyncio.wait_for(task, 3)

    async def test_silence_from_the_start_is_given_up(
        self, sim: P1Simulator, make: Callable[..., P1Driver], channel: str
    ) -> None:
        driver = make(await start(sim, channel))
        with pytest.raises(CannotConnect, match="nothing came in"):
            await asyncio.wait_for(driver.run(Collector()), 3)
        with pytest.raises(CannotConnect, match="nothing came in"):
            await driver.identify()

    @pytest.mark.parametrize(
        ("faults", "words"), [(("garbage", "skip"), "no telegram"), (("crc",), "checksum")]
    )
    async def test_bytes_that_are_no_telegrams_are_the_wrong_device(
        self,
        sim: P1Simulator,
        make: Callable[..., P1Driver],
        channel: str,
        faults: tuple[str, ...],
        words: str,
    ) -> None:
        for fault in faults:
            sim.inject(fault, count=None)
        sim.auto = True
        driver = make(await start(sim, channel))
        with pytest.raises(WrongDevice, match=words):
            await asyncio.wait_for(driver.run(Collector()), 3)
        with pytest.raises(WrongDevice, match=words):
            await driver.identify()

    async def test_a_clock_that_stands_still_is_a_lost_link(
        self, sim: P1Simulator, make: Callable[..., P1Driver], channel: str, clock: ManualClock
    ) -> None:
        sim.auto = True
        quick = replace(QUICK, frozen_s=0.2)
        driver = make(await start(sim, channel), quick)
        collector = Collector()
        with pytest.raises(CannotConnect, match="stands still"):
            # The telegrams go on, the time in them does not.
            await asyncio.wait_for(driver.run(collector), 5)
        assert collector.readings
        clock.advance(1)
        async with running(driver, collector):
            await collector.until(len(collector.readings) + 1)

    async def test_a_hang_up_ends_the_run_and_the_next_one_finds_the_port_again(
        self, sim: P1Simulator, make: Callable[..., P1Driver], channel: str
    ) -> None:
        collector = Collector()
        driver = make(await start(sim, channel))
        async with running(driver, collector) as task:
            await send_until(sim, collector, 1)
            sim.inject("hang_up")
            sim.send()
            with pytest.raises(CannotConnect):
                await asyncio.wait_for(task, 3)
        sim.send()
        async with running(driver, collector):
            await send_until(sim, collector, len(collector.readings) + 1)

    async def test_cancelling_closes_the_link(
        self, sim: P1Simulator, make: Callable[..., P1Driver], channel: str
    ) -> None:
        driver = make(await start(sim, channel))
        for _ in range(2):
            collector = Collector()
            async with running(driver, collector):
                await send_until(sim, collector, 1)
        async with asyncio.timeout(2):
            while sim.clients:
                await asyncio.sleep(0.01)


async def test_a_reset_ends_the_run(sim: P1Simulator, make: Callable[..., P1Driver]) -> None:
    collector = Collector()
    async with running(make(await start(sim, "tcp")), collector) as task:
        await send_until(sim, collector, 1)
        sim.inject("reset")
        sim.send()
        with pytest.raises(CannotConnect, match="reset"):
            await asyncio.wait_for(task, 3)


async def test_a_port_that_somebody_reads_is_in_use(
    sim: P1Simulator, make: Callable[..., P1Driver]
) -> None:
    sim.auto = True
    path = await start(sim, "pty")
    collector = Collector()
    async with running(make(path), collector):
        await collector.until(1)
        with pytest.raises(InUse):
            await make(path).identify()
        seen = len(collector.readings)
        await collector.until(seen + 2)


@pytest.mark.parametrize(
    "url",
    [
        "/dev/no-such-port",
        "socket://127.0.0.1:1",
        "socket://nowhere",
        "ftp://127.0.0.1:1",
        "/dev/null",
    ],
)
async def test_an_address_that_does_not_open_cannot_connect(
    make: Callable[..., P1Driver], url: str
) -> None:
    with pytest.raises(CannotConnect) as caught:
        await make(url).identify()
    assert caught.value.placeholders["detail"]


async def test_an_address_that_leaves_us_waiting_cannot_connect(
    make: Callable[..., P1Driver],
) -> None:
    with socket.socket() as busy, socket.socket() as first, socket.socket() as second:
        # With its queue full, a port drops who knocks, as a firewall does.
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        for other in (first, second):
            other.setblocking(False)
            other.connect_ex(busy.getsockname())
        url = f"socket://127.0.0.1:{busy.getsockname()[1]}"
        with pytest.raises(CannotConnect, match="no answer in time"):
            await make(url, replace(QUICK, connect_s=0.2)).identify()


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        (" 192.168.1.4:23 ", "socket://192.168.1.4:23"),
        ("p1.local:8088", "socket://p1.local:8088"),
        ("tcp://p1.local:8088", "socket://p1.local:8088"),
        ("/dev/ttyUSB0", "/dev/ttyUSB0"),
        ("rfc2217://host:2217", "rfc2217://host:2217"),
    ],
)
def test_addresses_are_taken_as_people_type_them(typed: str, taken: str) -> None:
    assert normalised(typed) == taken


class TestEncryption:
    KEY = "00112233445566778899AABBCCDDEEFF"

    def frame(self, key: str, telegram: bytes, counter: int = 7) -> bytes:
        """Return a telegram as an encrypting meter sends it (DLMS general-global-cipher)."""
        title, count = b"SAGtest1", counter.to_bytes(4, "big")
        tied = b"\x30" + bytes.fromhex("00112233445566778899AABBCCDDEEFF")
        sealed_text = AESGCM(bytes.fromhex(key)).encrypt(title + count, telegram, tied)[:-4]
        content = b"\x30" + count + sealed_text
        return b"\xdb\x08" + title + b"\x82" + len(content).to_bytes(2, "big") + content

    @asynccontextmanager
    async def meter(self, key: str) -> AsyncIterator[str]:
        handlers: list[asyncio.Task[None]] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            handler = asyncio.current_task()
            assert handler is not None
            handlers.append(handler)
            with suppress(ConnectionError):
                for counter in range(200):
                    writer.write(b"\x00\xff" + self.frame(key, raw("nl_v5_real.txt"), counter))
                    await writer.drain()
                    await asyncio.sleep(0.01)
                    if reader.at_eof():
                        break
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        yield f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()
        await asyncio.gather(*handlers)
        await server.wait_closed()

    async def test_telegrams_are_decrypted_with_the_key(
        self, make: Callable[..., P1Driver]
    ) -> None:
        async with self.meter(self.KEY) as url:
            driver = make(url, version="MSn", encryption_key=self.KEY)
            assert (await driver.identify()).serial == "K8EG004046395507"
            collector = Collector()
            async with running(driver, collector):
                await collector.until(3)
        assert collector.readings[0].power_kw == 0.244

    def test_noise_that_looks_like_a_long_frame_costs_no_more_than_a_buffer(self) -> None:
        frames = EncryptedFrames(bytes.fromhex(self.KEY))
        text = raw("nl_v5_real.txt")
        whole = self.frame(self.KEY, text)
        assert frames.feed(whole) == [text.decode("latin-1")]
        # The start of a frame of 64 kB that never comes: the telegrams after it are taken for it.
        assert frames.feed(b"\xdb\x08SAGtest1\x82\xff\xff") == []
        lost = 0
        while not frames.feed(whole):
            lost += 1
        assert lost * len(whole) <= BUFFER_BYTES + len(whole)
        assert frames.feed(whole[:500]) == []
        assert frames.feed(whole[500:]) == [text.decode("latin-1")]

    async def test_a_wrong_key_is_told_as_such(self, make: Callable[..., P1Driver]) -> None:
        async with self.meter("F" * 32) as url:
            with pytest.raises(InvalidAuth):
                await make(url, version="MSn", encryption_key=self.KEY).identify()
            with pytest.raises(InvalidAuth, match="32"):
                await make(url, version="MSn", encryption_key="1234").identify()


class TestForm:
    def test_every_field_choice_and_error_has_its_text(self) -> None:
        texts = json.loads(TEXTS.read_text(encoding="utf-8"))
        assert set(texts["fields"]) == {field.key for field in MAKE.fields}
        assert set(texts["choices"]["version"]) == set(VERSIONS) == set(version_field().options)
        errors = (CannotConnect, InUse, WrongDevice, InvalidAuth)
        assert set(texts["errors"]) == {error.key for error in errors}
        assert set(texts["parts"]) == {"meter"}
        words = TEXTS.read_text(encoding="utf-8")
        assert not re.search(r"https?:|<|'\{", words)

    def test_the_key_is_secret_and_the_driver_loads(self) -> None:
        assert MAKE.secrets == {"encryption_key"}
        assert MAKE.load() is P1Driver

    def test_the_defaults_wait_as_long_as_slow_meters_need(self) -> None:
        assert timedelta(seconds=Patience().identify_s) > timedelta(seconds=10)


def version_field() -> Field:
    return next(field for field in MAKE.fields if field.key == "version")


@pytest.fixture(autouse=True)
def _quiet_libraries(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No telegram, however bad, may make the library log an error each second."""
    yield
    assert not [r for r in caplog.records if r.name.startswith("dsmr_parser")]
