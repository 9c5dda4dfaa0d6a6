"""The WITS client against the simulated service, over real sockets."""

from datetime import timedelta

import aiohttp
import pytest

from custom_components.smart_charging.devices.base import (
    CannotConnect,
    DeviceError,
    InvalidAuth,
    RateLimited,
    WrongDevice,
)
from custom_components.smart_charging.prices.wits import client as client_module
from custom_components.smart_charging.prices.wits.client import WitsClient
from simulators.clock import ManualClock
from simulators.wits import WitsSimulator

from .conftest import NOON

SECRET = "simulated-secret"


def client_of(
    simulator: WitsSimulator,
    session: aiohttp.ClientSession,
    clock: ManualClock,
    *,
    secret: str = SECRET,
    page_size: int = 10_000,
) -> WitsClient:
    return WitsClient(
        session,
        clock,
        client_id="simulated-client",
        client_secret=secret,
        base_url=simulator.base_url,
        token_url=simulator.token_url,
        page_size=page_size,
    )


@pytest.fixture
def client(wits: WitsSimulator, session: aiohttp.ClientSession, clock: ManualClock) -> WitsClient:
    return client_of(wits, session, clock)


async def test_token_is_kept_until_a_minute_before_its_end(
    client: WitsClient, wits: WitsSimulator, clock: ManualClock
) -> None:
    await client.nodes()
    clock.advance(3539)
    await client.nodes()
    assert wits.logins == 1
    clock.advance(1)
    await client.nodes()
    assert wits.logins == 2


async def test_token_without_stated_life_is_renewed_within_five_minutes(
    session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    simulator = WitsSimulator(clock, expires_in=None)
    await simulator.start()
    client = client_of(simulator, session, clock)
    await client.nodes()
    clock.advance(239)
    await client.nodes()
    clock.advance(1)
    await client.nodes()
    await simulator.stop()
    assert simulator.logins == 2


async def test_revoked_token_is_dropped_and_asked_for_once_more(
    client: WitsClient, wits: WitsSimulator
) -> None:
    await client.nodes()
    wits.inject("revoked_403")
    assert "OTA2201" in await client.nodes()
    assert wits.logins == 2


async def test_service_that_refuses_every_token_is_asked_twice_and_no_more(
    client: WitsClient, wits: WitsSimulator
) -> None:
    wits.inject("forbidden")
    with pytest.raises(InvalidAuth, match="Invalid or missing authorisation token"):
        await client.nodes()
    assert wits.logins == 2


async def test_wrong_secret_is_invalid_auth_and_appears_nowhere(
    wits: WitsSimulator, session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    client = client_of(wits, session, clock, secret="my-wrong-secret")
    with pytest.raises(InvalidAuth) as caught:
        await client.nodes()
    told = f"{caught.value} {caught.value!r} {caught.value.placeholders}"
    assert "authentication failed" in told
    assert "my-wrong-secret" not in told


async def test_login_that_is_down_is_no_wrong_password(
    client: WitsClient, wits: WitsSimulator
) -> None:
    wits.inject("token_failure")
    with pytest.raises(CannotConnect, match="HTTP 503"):
        await client.nodes()
    wits.heal()
    assert await client.nodes()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("http_5xx", CannotConnect),
        ("proxy", CannotConnect),
        ("html", WrongDevice),
        ("other_shape", WrongDevice),
        ("no_token", WrongDevice),
        ("http_429", RateLimited),
    ],
)
async def test_faults_of_the_service_have_their_own_errors(
    client: WitsClient, wits: WitsSimulator, fault: str, error: type[DeviceError]
) -> None:
    wits.inject(fault, times=1)
    with pytest.raises(error):
        await client.nodes()
    assert await client.nodes()


async def test_page_of_a_proxy_is_told_by_its_number_alone(
    client: WitsClient, wits: WitsSimulator
) -> None:
    wits.inject("proxy")
    with pytest.raises(CannotConnect) as caught:
        await client.nodes()
    assert str(caught.value) == "HTTP 502"


async def test_wait_that_the_service_asks_for_is_told(
    client: WitsClient, wits: WitsSimulator
) -> None:
    wits.inject("http_429", seconds=600)
    with pytest.raises(RateLimited) as caught:
        await client.nodes()
    assert caught.value.retry_after_s == 600


async def test_silence_and_a_closed_port_are_cannot_connect(
    client: WitsClient, wits: WitsSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    wits.inject("delay", seconds=0.5)
    with pytest.raises(CannotConnect):
        await client.nodes()
    await wits.stop()
    with pytest.raises(CannotConnect):
        await client.nodes()


async def test_pages_are_joined_until_a_short_one(
    session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    simulator = WitsSimulator(clock, page_size=20)
    await simulator.start()
    client = client_of(simulator, session, clock, page_size=20)
    found = await client.forecast("PRSL", "OTA2201", start=NOON, periods=72)
    await simulator.stop()
    # At noon the run of ten o'clock still stands; two of its hours have passed.
    assert len(found) == 69
    assert len({row["tradingDateTime"] for row in found}) == 69
    assert simulator.calls["PRSL"] == 4


@pytest.mark.parametrize(
    ("fault", "periods", "calls"),
    [((), 69, 1), (("no_range",), 70, 2), (("no_range", "limits"), 50, 3)],
)
async def test_range_of_times_gives_way_to_counts_and_the_way_that_worked_is_kept(
    client: WitsClient, wits: WitsSimulator, fault: tuple[str, ...], periods: int, calls: int
) -> None:
    for name in fault:
        wits.inject(name)
    found = await client.forecast("PRSL", "OTA2201", start=NOON, periods=72)
    assert wits.calls["PRSL"] == calls
    assert len(found) == periods
    assert "2026-11-22T12:00:00+13:00" in {row["tradingDateTime"] for row in found}
    await client.forecast("PRSL", "OTA2201", start=NOON, periods=72)
    assert wits.calls["PRSL"] == calls + 1


async def test_service_that_takes_no_way_of_asking_says_why_and_is_asked_anew_by_times(
    client: WitsClient, wits: WitsSimulator
) -> None:
    wits.inject("bad_request")
    with pytest.raises(WrongDevice, match="Invalid Request, not today"):
        await client.forecast("PRSL", "OTA2201", start=NOON, periods=72)
    assert wits.calls["PRSL"] == 3
    wits.heal()
    assert len(await client.forecast("PRSL", "OTA2201", start=NOON, periods=72)) == 69
    assert wits.calls["PRSL"] == 4


async def test_service_that_repeats_its_page_is_asked_ten_times_and_no_more(
    session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    simulator = WitsSimulator(clock, page_size=20)
    await simulator.start()
    simulator.inject("same_page")
    client = client_of(simulator, session, clock, page_size=20)
    found = await client.forecast("PRSL", "OTA2201", start=NOON, periods=72)
    await simulator.stop()
    assert simulator.calls["PRSL"] == 10
    assert len({row["tradingDateTime"] for row in found}) == 20


async def test_unknown_schedule_is_told_in_the_words_of_the_service(client: WitsClient) -> None:
    with pytest.raises(WrongDevice, match='Schedule "ABC" not found'):
        await client.forecast("ABC", "OTA2201", start=NOON, periods=8)


@pytest.mark.parametrize("variant", ["list", "object"])
async def test_several_schedules_at_once_in_both_variants(
    session: aiohttp.ClientSession, clock: ManualClock, variant: str
) -> None:
    simulator = WitsSimulator(clock, variant="list" if variant == "list" else "object")
    await simulator.start()
    client = client_of(simulator, session, clock)
    found = await client.settled(
        ("Interim", "Final"), "OTA2201", start=NOON - timedelta(hours=48), end=NOON
    )
    await simulator.stop()
    assert {row["schedule"] for row in found} == {"Interim", "Final"}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Sat, 21 Nov 2026 23:05:00 GMT", 300.0),
        ("Sat, 21 Nov 2026 22:00:00 GMT", 0.0),
        # A date without zone counts as Greenwich's, which all dates of HTTP are.
        ("Sat, 21 Nov 2026 23:05:00", 300.0),
        ("Sat, 21 Nov 2026 23:05:00 -0000", 300.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert client_module._retry_after_s(header, NOON) == seconds
