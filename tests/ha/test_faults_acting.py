"""Faults while the site acts: the car never gets what nobody guards, and gets the rest again."""

from typing import Any

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
import pytest

from custom_components.smart_charging.core.schedule import Reason

from .conftest import HomeFactory
from .faults import LONG_S, Watch
from .home import (
    CHARGER,
    CHARGER_PART,
    METER,
    Home,
    car_data,
    charger_data,
    fixed_price,
    meter_data,
    site_entry,
)

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")

FULL_A = 16
FUSE_A = 25.0


async def charging(
    make_home: HomeFactory, fuse_a: float = FUSE_A, seen_kw: float = 0.0, **site: Any
) -> Home:
    """Return a home whose car charges at full current, where `seen_kw` was on L1 for a while."""
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty),
            charger_data(home.wattpilot_port),
            car_data(),
            fixed_price(),
            fuse_a=fuse_a,
            **site,
        )
    )
    home.house.extra_kw[0] = seen_kw
    await home.run(60, step=3)
    home.house.extra_kw[0] = 0.0
    await home.choose("fast")
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.run(60, step=2)
    assert home.house.chargers["charger"].offered_a == FULL_A
    return home


@pytest.mark.parametrize(
    ("seen_kw", "safe_a", "silent_s"),
    [
        # 8.7 A and a base load of 1.4 A leave 9 of 20 A.
        pytest.param(2.0, 9, LONG_S, id="what the fuse leaves beside the highest load"),
        pytest.param(3.0, 0, LONG_S, id="nothing where that is below the least current"),
    ],
)
@pytest.mark.parametrize("fault", ["stall", "missing"])
async def test_without_a_meter_the_car_gets_the_proven_safe_current_and_then_its_order_again(
    make_home: HomeFactory,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    seen_kw: float,
    safe_a: float,
    silent_s: float,
) -> None:
    home = await charging(make_home, 20, seen_kw)
    point = home.house.chargers["charger"]
    watch = Watch(home, caplog)

    home.p1.inject(fault, None)
    await home.run(5, step=1)
    if fault == "stall":
        assert point.offered_a == FULL_A
    await home.run(10, step=1)
    assert point.offered_a == safe_a
    assert home.state("sensor", "charger_reason") == Reason.STALE
    await home.run(silent_s - 15, step=1)
    assert point.offered_a == safe_a
    assert not watch.went_unavailable(CHARGER)
    if fault == "stall":
        watch.assert_gone(METER, "Meter")
    else:
        assert not watch.lines(30)

    home.p1.clear()
    await home.run(10, step=1)
    assert point.offered_a == FULL_A
    assert home.state("sensor", "charger_reason") != Reason.STALE
    assert not watch.issues()
    assert home.site.actor.setpoints.chargers[CHARGER_PART].current_a == FULL_A
    watch.assert_no_noise()


@pytest.mark.parametrize("fault", ["missing", "no_values"])
async def test_a_field_that_is_missing_is_unknown_and_never_zero(
    hass: HomeAssistant, make_home: HomeFactory, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    home = await charging(make_home)
    watch = Watch(home, caplog)
    meter = fault == "missing"
    ends = (
        ("meter_power", "meter_import_energy", "meter_gas", "_grid_power", "_house_power")
        if meter
        else ("charger_power", "charger_energy", "_house_power")
    )
    ids = {end: home.entity_id("sensor", end) for end in ends}
    shown: list[float] = []

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state is not None and state.entity_id in ids.values() and state.state != "unknown":
            shown.append(float(state.state))

    hass.bus.async_listen(EVENT_STATE_CHANGED, note)
    if meter:
        home.p1.inject("missing", None)
    else:
        home.wattpilot.inject("no_values")
    await home.run(30, step=1)
    assert {end: home.state("sensor", end) for end in ends} == dict.fromkeys(ends, "unknown")
    if meter:
        assert home.state("sensor", "meter_export_energy") != "unknown"
    else:
        assert home.state("sensor", "charger_status") == "charging"
    home.p1.clear()
    home.wattpilot.clear()
    await home.run(70, step=1)
    assert "unknown" not in {home.state("sensor", end) for end in ends}
    assert 0.0 not in shown
    assert not watch.went_unavailable(METER)
    assert not watch.went_unavailable(CHARGER)
    watch.assert_no_noise()


async def test_an_order_that_is_acknowledged_and_ignored_becomes_a_repair_until_it_is_obeyed(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await charging(make_home)
    point = home.house.chargers["charger"]
    watch = Watch(home, caplog)
    home.wattpilot.inject("ignore_writes")
    await home.choose("off")
    await home.run(12, step=1)
    watch.assert_nothing()
    await home.run(18, step=1)
    assert point.offered_a == FULL_A
    assert f"not_obeyed_{CHARGER_PART}" in watch.issues()
    await home.run(60, step=1)
    (line,) = watch.lines(30)
    assert line.startswith("Wattpilot")

    home.wattpilot.clear()
    await home.run(35, step=1)
    assert point.offered_a == 0
    assert not watch.issues()
    assert len(watch.lines(30)) == 1
    watch.assert_no_noise()
    assert not watch.went_unavailable(CHARGER)


async def test_orders_that_are_refused_make_a_repair_and_no_flood(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await charging(make_home)
    point = home.house.chargers["charger"]
    watch = Watch(home, caplog)
    home.wattpilot.inject("reject_writes")
    # The kettle makes the fall urgent: such orders are not held back otherwise.
    home.house.extra_kw[0] = 3.0
    before = len(home.wattpilot.writes)
    await home.run(300, step=2)
    assert point.offered_a == FULL_A
    refused = len(home.wattpilot.writes) - before
    assert 5 <= refused <= 40
    assert f"not_obeyed_{CHARGER_PART}" in watch.issues()
    assert len(watch.lines(30)) == 1
    assert len(watch.lines(20)) < 10
    watch.assert_no_noise()

    home.wattpilot.clear()
    await home.run(15, step=1)
    assert 6 <= point.offered_a < FULL_A
    assert not watch.issues()
    watch.assert_no_noise()


async def test_a_limit_from_outside_holds_the_car_down_while_its_entity_states_one(
    hass: HomeAssistant, make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    # Its entity comes later than the site.
    home = await charging(make_home, outside_limit_entity="sensor.dimmed_to")
    point = home.house.chargers["charger"]
    watch = Watch(home, caplog)

    async def dim(state: str, unit: str | None) -> str | None:
        """Let the entity state something; return the limit that the charger's reason names."""
        hass.states.async_set("sensor.dimmed_to", state, {"unit_of_measurement": unit})
        await home.run(40, step=4)
        reason = hass.states.get(home.entity_id("sensor", "charger_reason"))
        assert reason is not None
        return reason.attributes.get("limit")

    for state, unit, lost in (
        ("5", "kW", "unavailable"),
        ("5", None, "nonsense"),
        ("5000", "W", "nan"),
    ):
        assert await dim(state, unit) == "outside limit"
        assert 4 < home.house.meter.power_kw <= 5
        assert 0 < point.offered_a < FULL_A
        assert await dim(lost, unit) is None
        assert point.offered_a == FULL_A, "what states no limit sets none"
    watch.assert_no_noise()
