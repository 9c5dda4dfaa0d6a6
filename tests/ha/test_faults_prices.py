"""A price service that fails: prices stay in use, and their age is told once."""

from collections.abc import AsyncIterator
from datetime import timedelta
import logging

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
import pytest

from custom_components.smart_charging.clock import SystemClock
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.prices.wits.client import TIMEOUT
from custom_components.smart_charging.prices.wits.source import WitsSource
from simulators.wits import WitsSimulator

from .conftest import QUIET, HomeFactory
from .faults import OURS, Watch, unload
from .home import PRICE, Home, price_data, site_entry

pytestmark = pytest.mark.freeze_time("2026-11-20 03:00:00+00:00")

STEP_S = 20
BRIEF = timedelta(minutes=40)
"""Two attempts on the half-hourly schedule and more."""
OUTAGE = timedelta(minutes=100)


@pytest.fixture
async def wits(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncIterator[WitsSimulator]:
    """The service, on Home Assistant's time."""
    simulator = WitsSimulator(SystemClock())
    await simulator.start()
    yield simulator
    await simulator.stop()


async def home_with(make_home: HomeFactory, wits: WitsSimulator) -> Home:
    """Return a home that has prices and nothing else."""
    home = await make_home(QUIET)
    await home.add(
        site_entry(
            price_data(
                "wits",
                {
                    "client_id": "simulated-client",
                    "client_secret": "simulated-secret",
                    "node": "HAY2201",
                    "base_url": wits.base_url,
                    "token_url": wits.token_url,
                },
            ),
            currency="NZD",
        )
    )
    await home.run(60, step=STEP_S)
    assert home.site.price_now("import") is not None
    return home


def begin(wits: WitsSimulator, fault: str) -> None:
    if fault == "token_failure":
        wits.inject("revoked_403")
    late_s = (TIMEOUT.total or 0) + 10
    wits.inject(fault, seconds=late_s if fault == "delay" else 60)


FAULTS = ["token_failure", "http_429", "http_5xx", "delay", "html", "limits", "no_range"]


async def test_a_revoked_token_is_replaced_and_nobody_notices(
    make_home: HomeFactory, wits: WitsSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    home = await home_with(make_home, wits)
    watch = Watch(home, caplog)
    logins, calls = wits.logins, wits.calls.total()
    wits.inject("revoked_403")
    await home.run(BRIEF.total_seconds(), step=STEP_S)
    assert wits.logins > logins
    assert wits.calls.total() > calls
    watch.assert_nothing()


@pytest.mark.parametrize("fault", FAULTS)
async def test_prices_stay_in_use_and_a_long_outage_is_told_once_with_their_age(
    make_home: HomeFactory, wits: WitsSimulator, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    home = await home_with(make_home, wits)
    site, watch = home.site, Watch(home, caplog)
    runner = site.price_runners[PRICE]
    fetched = runner.source.fetched_at
    assert fetched is not None
    begin(wits, fault)
    calls = wits.calls.total()
    await home.run(BRIEF.total_seconds(), step=STEP_S)
    watch.assert_nothing()
    assert site.price_now("import") is not None
    if fault in ("limits", "no_range"):
        # The service takes other bounds than its specification says, or the reverse: no fault.
        assert runner.source.fetched_at != fetched
        return

    await home.run((OUTAGE - BRIEF).total_seconds(), step=STEP_S)
    (line,) = watch.lines(logging.WARNING)
    assert "Price wits" in line
    assert f"{fetched.astimezone(home.house.time_zone):%Y-%m-%d %H:%M}" in line
    assert float(home.state("sensor", "_import_price")) == pytest.approx(
        site.price_now("import"), abs=1e-3
    )
    assert wits.calls.total() - calls < 40
    watch.assert_no_noise()

    wits.heal()
    await home.run(timedelta(minutes=32).total_seconds(), step=STEP_S)
    assert runner.error is None
    assert runner.source.fetched_at != fetched
    back = [line for line in watch.lines(logging.INFO) if "renewed again" in line]
    assert len(back) == 1
    assert len(watch.lines(logging.WARNING)) == 1
    watch.assert_no_noise()


async def test_refused_credentials_start_one_reauth_and_prices_stay_in_use(
    hass: HomeAssistant,
    make_home: HomeFactory,
    wits: WitsSimulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    home = await home_with(make_home, wits)
    watch = Watch(home, caplog)
    wits.inject("forbidden")
    await home.run(BRIEF.total_seconds(), step=STEP_S)
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [f["context"]["source"] for f in flows] == [SOURCE_REAUTH]
    assert len(watch.lines(logging.WARNING)) == 1
    assert home.site.price_now("import") is not None
    watch.assert_no_noise()
    assert await unload(home) < 5


async def test_a_defect_in_a_price_source_is_reported_once_and_prices_stay_in_use(
    make_home: HomeFactory,
    wits: WitsSimulator,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = await home_with(make_home, wits)
    watch = Watch(home, caplog)
    runner = home.site.price_runners[PRICE]

    async def poll(_source: WitsSource) -> None:
        raise KeyError("tradingDateTime")

    with monkeypatch.context() as patch:
        patch.setattr(WitsSource, "poll", poll)
        await home.run(BRIEF.total_seconds(), step=STEP_S)
        errors = [r for r in caplog.records if r.levelno >= logging.ERROR]
        assert [record.name.startswith(OURS) for record in errors] == [True]
        assert len(watch.lines(logging.WARNING)) == 1
        assert home.site.price_now("import") is not None
    await home.run(BRIEF.total_seconds(), step=STEP_S)
    assert runner.error is None
    assert len(watch.lines(logging.ERROR)) == 1
    assert len(watch.lines(logging.WARNING)) == 1


async def test_a_site_stops_in_time_while_a_price_service_keeps_it_waiting(
    make_home: HomeFactory, wits: WitsSimulator
) -> None:
    home = await home_with(make_home, wits)
    wits.inject("delay", seconds=600)
    for _ in range(round(BRIEF / timedelta(seconds=5))):
        await home.tick(5)
        if wits.waiting:
            break
    assert wits.waiting
    assert await unload(home) < 5
