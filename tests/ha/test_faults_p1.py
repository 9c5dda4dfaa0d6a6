"""A P1 port that fails in every way that P1 ports fail, in a real Home Assistant."""

import pytest

from .conftest import HomeFactory
from .faults import LONG_S, Watch
from .home import CHARGER, METER, Home, charger_data, fixed_price, meter_data, site_entry

HARMLESS = {"garbage"}
"""Noise between telegrams, which themselves are good."""

PTY_FAULTS = (
    "crc", "byte_ff", "truncate", "mid_start", "garbage", "skip", "stall", "hang_up",
)  # fmt: skip
TCP_FAULTS = ("garbage", "stall", "reset", "hang_up")

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")


async def home_with(make_home: HomeFactory, link: str) -> Home:
    """Return a home whose meter hangs on a pty or behind a network adapter."""
    home = await make_home()
    url = home.pty if link == "pty" else f"socket://127.0.0.1:{await home.p1.start_tcp()}"
    await home.add(site_entry(meter_data(url), charger_data(home.wattpilot_port), fixed_price()))
    return home


@pytest.mark.parametrize(
    ("link", "fault"),
    [*(("pty", fault) for fault in PTY_FAULTS), *(("tcp", fault) for fault in TCP_FAULTS)],
)
async def test_a_short_fault_shows_nowhere_and_a_long_one_once(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture, link: str, fault: str
) -> None:
    home = await home_with(make_home, link)
    watch = Watch(home, caplog)

    home.p1.inject(fault, None)
    await home.run(4, step=1)
    home.p1.clear()
    await home.run(16, step=1)
    watch.assert_nothing()
    assert not watch.link_lines()

    home.p1.inject(fault, None)
    await home.run(LONG_S, step=1)
    if fault in HARMLESS:
        watch.assert_nothing()
        return
    cause = watch.assert_gone(METER, "Meter")
    assert cause
    assert home.state("sensor", "_grid_power") == "unknown"
    assert home.state("sensor", "_house_power") == "unknown"
    assert home.state("sensor", "_status") == "meter_silent"
    assert not watch.went_unavailable(CHARGER)
    home.p1.clear()
    await watch.recovered(METER, "Meter")
    assert float(home.state("sensor", "_grid_power")) == pytest.approx(
        home.house.meter.power_kw, abs=0.05
    )
    assert home.state("sensor", "_status") == "observing"
    assert not watch.went_unavailable(CHARGER)
