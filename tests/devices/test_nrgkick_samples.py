"""The NRGkick driver reads the samples that the vendor and other clients published."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
from typing import Any

from aiohttp import web
import pytest

from custom_components.smart_charging.core.reading import ChargerReading, ChargerStatus, Remedy
from custom_components.smart_charging.devices.nrgkick.gen2 import warned

from .nrgkick_rig import PASSWORD, SLOW, Rig

SAMPLES = Path(__file__).parents[1] / "fixtures" / "nrgkick"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


@asynccontextmanager
async def told(answers: dict[str, str]) -> AsyncIterator[tuple[Rig, ChargerReading]]:
    """Serve samples by path; yield the rig and the first reading made of them."""

    async def serve(request: web.Request) -> web.Response:
        name = answers.get(request.path)
        return web.json_response(sample(name)) if name else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with Rig.open() as rig:
            rig.port = runner.addresses[0][1]
            rig.build(timing=SLOW, password=PASSWORD)
            await rig.run()
            assert not rig.task_done
            yield rig, rig.last
    finally:
        await runner.cleanup()


GEN2 = {"/info": "gen2_info", "/control": "gen2_control"}


@pytest.mark.parametrize(
    ("values", "status", "power_kw", "total_kwh"),
    [
        ("gen2_values", ChargerStatus.UNPLUGGED, 0.0, 14.187),
        ("gen2_values_charging", ChargerStatus.CHARGING, 6.8712, 14187.0),
        ("gen2_values_raw", ChargerStatus.CHARGING, 0.0, 14.187),
    ],
)
async def test_gen2(values: str, status: ChargerStatus, power_kw: float, total_kwh: float) -> None:
    async with told({**GEN2, "/values": values}) as (rig, reading):
        assert (reading.status, reading.power_kw) == (status, pytest.approx(power_kw))
        assert reading.total_kwh == pytest.approx(total_kwh)
        assert (reading.limit_a, reading.phases, reading.warning) == (6, 3, None)
        identity = await rig.driver.identify()
        assert identity.serial == "T2332500000000000S1D2"
        assert identity.parts[0].max_a == 32


@pytest.mark.parametrize(
    ("measured", "status", "power_kw", "total_kwh"),
    [
        ("gen1_measurements", ChargerStatus.CONNECTED, 0.0, 3382.764),
        ("gen1_measurements_charging", ChargerStatus.CHARGING, 11.05, 3384.474),
    ],
)
async def test_gen1(
    measured: str, status: ChargerStatus, power_kw: float, total_kwh: float
) -> None:
    mac = sample("gen1_devices")[0]
    answers = {
        "/api/devices": "gen1_devices",
        f"/api/settings/{mac}": "gen1_settings",
        f"/api/measurements/{mac}": measured,
    }
    async with told(answers) as (rig, reading):
        assert (reading.status, reading.power_kw) == (status, power_kw)
        assert (reading.total_kwh, reading.limit_a, reading.warning) == (total_kwh, 0, None)
        identity = await rig.driver.identify()
        assert (identity.serial, identity.name) == (mac, "NRGkick_Garage_2EBD")
        assert identity.parts[0].max_a == 16


@pytest.mark.parametrize(
    ("general", "words", "remedy"),
    [
        ({"error_code": "NO_ERROR", "warning_code": "NO_WARNING"}, None, None),
        ({"error_code": "EV_DIODE_FAULT"}, "ev diode fault", Remedy.CABLE),
        ({"error_code": "CP_SIGNAL_VOLTAGE_ERROR"}, "cp signal voltage error", Remedy.CABLE),
        ({"error_code": "PE_SELF_TEST_FAILED"}, "pe self test failed", Remedy.DEVICE),
        ({"error_code": "OVERVOLTAGE_DETECTED"}, "overvoltage detected", Remedy.INSTALLATION),
        ({"error_code": "TYPE2_NOT_AUTHORIZED"}, "type2 not authorized", Remedy.AUTHORISE),
        ({"error_code": "ATTACHMENT_OVERTEMPERATURE"}, "attachment over", Remedy.TEMPERATURE),
        ({"warning_code": "NO_PE"}, "no pe", Remedy.INSTALLATION),
        ({"warning_code": "ENERGY_LIMIT_REACHED"}, "energy limit reached", Remedy.OWN_RULE),
        ({"rcd_trigger": "AC_30MA_FAULT"}, "ac 30ma fault", Remedy.INSTALLATION),
        ({"error_code": 7}, "error code 7", Remedy.DEVICE),
        # The worst goes first.
        ({"warning_code": "NO_PE", "error_code": "GENERAL_ERROR"}, "general", Remedy.DEVICE),
    ],
)
def test_codes_of_a_gen2_say_what_to_do(
    general: dict[str, Any], words: str | None, remedy: Remedy | None
) -> None:
    told, asked = warned({"general": general}) or (None, None)
    assert (told is None) if words is None else (told or "").startswith(words)
    assert asked is remedy
