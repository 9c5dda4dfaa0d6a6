"""WITS as a price source: cadence, outages, restarts, days when the clocks change."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import json
import logging

import pytest

from custom_components.smart_charging.devices.base import (
    CannotConnect,
    DriverContext,
    InvalidAuth,
    RateLimited,
    WrongDevice,
)
from custom_components.smart_charging.prices.records import Standing
from custom_components.smart_charging.prices.wits.cadence import (
    JITTER_S,
    Schedule,
    jitter_s,
    next_due,
)
from custom_components.smart_charging.prices.wits.source import WitsSource
from simulators.clock import ManualClock
from simulators.wits import WitsSimulator
from simulators.wits_market import NZ, WitsMarket

from .conftest import NOON, Lockstep, fixture, form

HALF = timedelta(minutes=30)
HOUR = timedelta(hours=1)


def test_twelve_hours_of_due_times() -> None:
    for schedule, expected in (
        (Schedule.SHORT, [f"{h:02}:{m}" for h in range(12, 24) for m in ("05", "35")]),
        (Schedule.LONG, ["12:15", "14:15", "16:15", "18:15", "20:15", "22:15"]),
    ):
        at, found = NOON, []
        while (at := next_due(schedule, at)) < NOON + 12 * HOUR:
            found.append(at.astimezone(NZ).strftime("%H:%M"))
        assert found == expected, schedule


def test_due_times_in_the_nights_when_the_clocks_change() -> None:
    spring = datetime(2026, 9, 26, 12, 0, tzinfo=UTC)
    first = next_due(Schedule.LONG, spring)
    second = next_due(Schedule.LONG, first)
    assert [t.astimezone(NZ).strftime("%H:%M") for t in (first, second)] == ["00:15", "04:15"]
    assert second - first == 3 * HOUR
    autumn = datetime(2027, 4, 3, 12, 30, tzinfo=UTC)
    first = next_due(Schedule.LONG, autumn)
    second = next_due(Schedule.LONG, first)
    assert [t.astimezone(NZ).strftime("%H:%M%z") for t in (first, second)] == [
        "02:15+1300",
        "02:15+1200",
    ]


def test_homes_are_spread_over_a_minute_and_each_keeps_its_place() -> None:
    places = {jitter_s(f"client-{i}", "OTA2201") for i in range(200)}
    assert len(places) > 40
    assert all(0 <= place < JITTER_S for place in places)
    due = next_due(Schedule.SHORT, NOON, 12.0)
    assert due == NOON + timedelta(minutes=5, seconds=12)
    assert next_due(Schedule.SHORT, due, 12.0) == due + HALF


async def test_identify_knows_the_node(source: WitsSource) -> None:
    assert await source.identify() == "wits_OTA2201"


async def test_node_is_read_as_people_write_it(wits: WitsSimulator, context: DriverContext) -> None:
    assert await WitsSource(form(wits, node=" ota2201 "), context).identify() == "wits_OTA2201"


async def test_unknown_node_is_refused_with_those_that_read_alike(
    wits: WitsSimulator, context: DriverContext
) -> None:
    with pytest.raises(WrongDevice) as caught:
        await WitsSource(form(wits, node="KBY0663"), context).identify()
    assert "KBY0661" in str(caught.value)
    assert "KBY0662" in str(caught.value)
    assert caught.value.placeholders["node"] == "KBY0663"


async def test_twelve_hours_of_calls_come_on_the_cadence_of_the_service(
    source: WitsSource, wits: WitsSimulator, lockstep: Lockstep
) -> None:
    changes = await lockstep.run(source, NOON + 12 * HOUR)
    asked = Counter(schedule for _, schedule in wits.call_log)
    assert asked["PRSS"] == 1 + 24
    assert asked["PRSL"] == 1 + 6
    assert asked["Interim"] == asked["Final"] == 7
    jitter = timedelta(seconds=source._jitter_s)
    times = {
        name: [
            (at - jitter).astimezone(NZ).strftime("%H:%M")
            for at, schedule in wits.call_log
            if schedule == name and at > NOON
        ]
        for name in ("PRSS", "PRSL")
    }
    assert times["PRSL"] == ["12:15", "14:15", "16:15", "18:15", "20:15", "22:15"]
    assert times["PRSS"][:3] == ["12:05", "12:35", "13:05"]
    assert len(times["PRSS"]) == 24
    assert 24 <= changes <= source.version
    assert wits.logins == 12, "a token lives an hour and is renewed a minute before"
    assert max(lockstep.naps) <= 60


async def test_prices_are_those_of_the_newest_runs_in_nzd_per_kwh(
    source: WitsSource, wits: WitsSimulator, clock: ManualClock, lockstep: Lockstep
) -> None:
    await lockstep.run(source, NOON + timedelta(minutes=50))
    now = clock.now()
    found = source.prices(now, now + timedelta(hours=48))
    market = wits.market
    short, long = market.run_at("PRSS", now), market.run_at("PRSL", now)
    assert short > long
    for price in found:
        near = price.start <= short + 8 * HALF
        schedule, run = ("PRSS", short) if near else ("PRSL", long)
        assert price.value == pytest.approx(market.forecast(schedule, run, price.start) / 1000)
    assert found[0].start <= now < found[0].end
    assert found[-1].end >= now + 33 * HOUR
    assert all(a.end == b.start for a, b in pairwise(found))


async def test_a_late_long_run_overrides_the_short_one_before_it(
    source: WitsSource, wits: WitsSimulator, lockstep: Lockstep, clock: ManualClock
) -> None:
    rows = fixture("PRSL_forward72.json")["prices"]
    base = {**rows[0], "node": "OTA2201", "tradingDateTime": "2026-11-22T13:00:00+13:00"}
    wits.market = WitsMarket(
        fixed={
            "PRSS": [{**base, "lastRunTime": "2026-11-22T12:00:00+13:00", "price": 100.0}],
            "PRSL": [{**base, "lastRunTime": "2026-11-22T12:10:00+13:00", "price": 300.0}],
        }
    )
    await lockstep.run(source, NOON + timedelta(minutes=20))
    assert [p.value for p in source.prices(clock.now(), clock.now() + 2 * HOUR)] == [0.3]


async def test_settled_prices_replace_forecasts_of_the_past(
    source: WitsSource, wits: WitsSimulator, lockstep: Lockstep, clock: ManualClock
) -> None:
    await lockstep.run(source, NOON + 3 * HOUR)
    past = NOON + HALF
    settled = source.book.settled(past)
    assert settled is not None
    assert settled.standing is Standing.INTERIM
    assert settled.value == pytest.approx(wits.market.truth(past) / 1000)
    await lockstep.run(source, NOON + 28 * HOUR)
    settled = source.book.settled(past)
    assert settled is not None
    assert settled.standing is Standing.FINAL


async def test_outage_is_lived_through_and_over_as_soon_as_the_service_answers(
    source: WitsSource,
    wits: WitsSimulator,
    lockstep: Lockstep,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await lockstep.run(source, NOON + HALF)
    fetched = source.fetched_at
    port = int(wits.base_url.split(":")[2].split("/")[0])
    await wits.stop()
    await lockstep.run(source, NOON + timedelta(minutes=80))
    assert source.fetched_at == fetched
    ahead = source.prices(clock.now(), clock.now() + 24 * HOUR)
    assert len(ahead) >= 48, "goes on with what is known"
    await wits.start(port)
    await lockstep.run(source, NOON + timedelta(minutes=100))
    assert source.fetched_at is not None
    assert fetched is not None
    assert source.fetched_at > NOON + timedelta(minutes=80)
    told = [r.message for r in caplog.records if r.message.startswith("WITS")]
    assert len(told) == 2, "the loss and the return, once each"


async def test_outage_of_more_than_an_hour_is_told_and_prices_stay(
    source: WitsSource, wits: WitsSimulator, lockstep: Lockstep, clock: ManualClock
) -> None:
    await lockstep.run(source, NOON + HALF)
    wits.inject("http_5xx")
    lockstep.until = NOON + 24 * HOUR
    with pytest.raises(CannotConnect, match="HTTP 503"):
        await source.run(lambda: None)
    assert HOUR < clock.now() - NOON < 2 * HOUR
    assert source.prices(clock.now(), clock.now() + 24 * HOUR)
    calls = wits.calls.total()
    wits.heal()
    await lockstep.run(source, clock.now() + HALF)
    assert wits.calls.total() > calls
    assert source.fetched_at is not None
    assert source.fetched_at > NOON + HOUR


async def test_first_question_that_fails_is_told_at_once(
    source: WitsSource, wits: WitsSimulator, lockstep: Lockstep
) -> None:
    wits.inject("http_5xx")
    lockstep.until = NOON + HOUR
    with pytest.raises(CannotConnect):
        await source.run(lambda: None)
    assert source.prices(NOON, NOON + HOUR) == []
    assert source.fetched_at is None


async def test_end_of_a_fault_is_told_even_without_new_prices(
    source: WitsSource, wits: WitsSimulator, lockstep: Lockstep, clock: ManualClock
) -> None:
    rows = [
        {"tradingDateTime": (NOON + i * HALF).isoformat(), "node": "OTA2201", "price": 100.0}
        for i in range(48)
    ]
    wits.market = WitsMarket(fixed={"PRSL": rows, "PRSS": rows, "Interim": [], "Final": []})
    await source.poll()
    version = source.version
    again = await lockstep.run(source, clock.now() + HOUR)
    assert source.version == version
    assert again == 1


async def test_refused_credentials_are_told_even_after_success(
    source: WitsSource, wits: WitsSimulator, lockstep: Lockstep
) -> None:
    await lockstep.run(source, NOON + timedelta(minutes=10))
    wits.inject("forbidden")
    lockstep.until = NOON + HOUR
    with pytest.raises(InvalidAuth):
        await source.run(lambda: None)


async def test_wait_that_the_service_asks_for_is_kept_over_a_new_run(
    source: WitsSource, wits: WitsSimulator, lockstep: Lockstep, clock: ManualClock
) -> None:
    wits.inject("http_429", times=1, seconds=1200)
    lockstep.until = NOON + HOUR
    with pytest.raises(RateLimited):
        await source.run(lambda: None)
    assert wits.calls.total() == 1
    await lockstep.run(source, NOON + timedelta(seconds=1190))
    assert wits.calls.total() == 1
    await lockstep.run(source, NOON + timedelta(seconds=1300))
    assert wits.calls.total() > 1


async def test_account_without_settled_prices_is_no_fault(
    context: DriverContext, wits: WitsSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.smart_charging.prices.wits.source.ACTUAL", ("Provisional",)
    )
    source = WitsSource(form(wits), context)
    await source.poll()
    assert source.prices(NOON, NOON + 24 * HOUR)


async def test_answer_without_prices_keeps_what_is_known_and_is_asked_again(
    source: WitsSource, wits: WitsSimulator, lockstep: Lockstep, clock: ManualClock
) -> None:
    await lockstep.run(source, NOON + timedelta(minutes=10))
    wits.market = WitsMarket(fixed={"PRSS": []})
    before = source.prices(NOON, NOON + 48 * HOUR)
    calls = wits.calls["PRSS"]
    await lockstep.run(source, NOON + timedelta(minutes=40))
    assert source.prices(NOON, NOON + 8 * HOUR)
    assert source.prices(NOON, NOON + 48 * HOUR)[-1].end >= before[-1].end
    assert wits.calls["PRSS"] >= calls + 2


async def test_restart_answers_from_the_dump_before_anything_is_fetched(
    source: WitsSource,
    wits: WitsSimulator,
    context: DriverContext,
    lockstep: Lockstep,
    clock: ManualClock,
) -> None:
    await lockstep.run(source, NOON + 3 * HOUR)
    stored = json.loads(json.dumps(source.dump()))
    again = WitsSource(form(wits), context, sleep=lockstep.sleep)
    version = again.version
    again.load(stored)
    now = clock.now()
    span = (now - 3 * HOUR, now + 36 * HOUR)
    assert [(p.start, p.end) for p in again.prices(*span)] == [
        (p.start, p.end) for p in source.prices(*span)
    ]
    assert [p.value for p in again.prices(*span)] == pytest.approx(
        [p.value for p in source.prices(*span)], abs=1e-6
    )
    assert again.fetched_at == source.fetched_at
    assert again.version > version
    calls = wits.calls["PRSL"]
    await again.poll()
    assert wits.calls["PRSL"] == calls + 1, "both schedules are asked for at every start"


@pytest.mark.parametrize(
    "stored",
    [{}, {"node": "BEN2201"}, {"node": "OTA2201"}, {"node": "OTA2201", "book": 7, "fetched_at": 3}],
)
async def test_a_dump_of_another_node_or_damaged_is_not_used(
    source: WitsSource, stored: dict[str, object]
) -> None:
    source.load(stored)
    assert source.prices(NOON - 24 * HOUR, NOON + 24 * HOUR) == []
    assert source.fetched_at is None


@pytest.mark.parametrize(
    ("name", "start", "periods"),
    [
        ("schedule_PRSL_dst_46.json", datetime(2026, 9, 26, 12, 0, tzinfo=UTC), 46),
        ("schedule_PRSL_dst_50.json", datetime(2027, 4, 3, 11, 0, tzinfo=UTC), 50),
    ],
)
async def test_days_when_the_clocks_change_keep_every_half_hour(
    context: DriverContext, name: str, start: datetime, periods: int
) -> None:
    clock = ManualClock(start)
    rows = fixture(name)["prices"]
    simulator = WitsSimulator(clock, WitsMarket(fixed={"PRSL": rows, "PRSS": rows[:8]}))
    await simulator.start()
    there = DriverContext(session=context.session, clock=clock, run_blocking=context.run_blocking)
    source = WitsSource(form(simulator), there)
    await source.poll()
    await simulator.stop()
    found = source.prices(start, start + timedelta(hours=periods / 2))
    assert [p.start for p in found] == [start + i * HALF for i in range(periods)]
    assert [round(p.value * 1000) for p in found] == list(range(50, 50 + periods))


async def test_negative_prices_and_scarcity_pass_unchanged(
    context: DriverContext, clock: ManualClock
) -> None:
    simulator = WitsSimulator(clock, WitsMarket(noise=0.0, negative=True, spike=True))
    await simulator.start()
    source = WitsSource(form(simulator), context)
    await source.poll()
    await simulator.stop()
    by_hour = {p.start.astimezone(NZ).hour: p.value for p in source.prices(NOON, NOON + 20 * HOUR)}
    assert by_hour[18] == pytest.approx(12.5005)
    assert by_hour[3] == pytest.approx(-0.0045)


async def test_nothing_secret_is_dumped_or_logged(
    source: WitsSource,
    wits: WitsSimulator,
    lockstep: Lockstep,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    await lockstep.run(source, NOON + HALF)
    wits.inject("http_5xx")
    await lockstep.run(source, NOON + HOUR)
    everything = json.dumps(source.dump()) + caplog.text
    assert "simulated-secret" not in everything
    assert "simulated-token" not in everything
