"""How long it takes until each fault has led to its safe state: the table of docs/control.md."""

from datetime import timedelta
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.smart_charging import replanner

from .conftest import HomeFactory
from .faults import Watch
from .home import CHARGER_PART, METER, Home, car_data, charger_data, fixed_price, site_entry
from .test_faults_acting import charging

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")

PAGE = Path(__file__).parents[2] / "docs" / "control.md"


def stated_s(fault: str) -> float:
    """Return the seconds that the table states for a fault."""
    section = PAGE.read_text("utf-8").partition("## Time to the safe state")[2]
    row = next(line for line in section.splitlines() if line.startswith(f"| {fault} |"))
    found = re.search(r"\| (\d+) s \|", row)
    assert found, row
    return float(found[1])


async def until(home: Home, done: Any, longest_s: float = 120) -> float:
    """Run second by second until `done`; return how long it took."""
    began_s = home.clock.monotonic()
    while not done():
        assert home.clock.monotonic() - began_s < longest_s
        await home.tick(1)
    return round(home.clock.monotonic() - began_s)


async def test_a_silent_meter_leaves_the_proven_safe_current(make_home: HomeFactory) -> None:
    home = await charging(make_home, 20, 2.0)
    point = home.house.chargers["charger"]
    home.p1.inject("stall", None)
    took_s = await until(home, lambda: point.offered_a == 9)
    assert took_s <= stated_s("The meter falls silent")
    await home.run(60, step=1)
    home.p1.clear()
    took_s = await until(home, lambda: point.offered_a == 16)
    assert took_s <= stated_s("The meter is back")


async def test_a_charger_that_does_not_obey_is_reported(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await charging(make_home)
    watch = Watch(home, caplog)
    home.wattpilot.inject("ignore_writes")
    await home.choose("off")
    took_s = await until(home, lambda: f"not_obeyed_{CHARGER_PART}" in watch.issues())
    assert took_s <= stated_s("A charger does not obey") <= 30
    # Meanwhile it counts with what it draws: no limit is passed because of it.
    assert home.site.charging_kw == pytest.approx(11, abs=0.3)


async def test_a_disabled_entity_is_reported_until_it_is_enabled(
    hass: HomeAssistant, make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await charging(make_home)
    watch = Watch(home, caplog)
    registry = er.async_get(hass)
    number = home.entity_id("number", "charger_current")
    registry.async_update_entity(number, disabled_by=er.RegistryEntryDisabler.USER)
    await home.choose("off")
    took_s = await until(home, lambda: f"entity_disabled_{CHARGER_PART}" in watch.issues())
    assert took_s <= stated_s("An entity is disabled")


async def test_an_overload_is_taken_back(make_home: HomeFactory) -> None:
    home = await charging(make_home)
    point = home.house.chargers["charger"]
    home.house.extra_kw[0] = 3.5
    took_s = await until(home, lambda: point.offered_a < 10)
    assert took_s <= stated_s("A load of the house jumps")


async def test_a_plan_that_cannot_be_renewed_is_reported(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = await charging(make_home)
    watch = Watch(home, caplog)

    def fail(*_: object) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(replanner, "plan", fail)
    issue = f"plan_old_{home.site.entry.entry_id}"
    made_at = home.site.plan.schedule.made_at  # type: ignore[union-attr]  # there is one
    while issue not in watch.issues():
        assert home.clock.now() - made_at < timedelta(seconds=stated_s("No plan can be made") + 30)
        await home.tick(20)
    told = watch.issues()[issue].translation_placeholders
    assert told is not None
    assert "a defect" in told["cause"]
    monkeypatch.undo()
    await home.run(1000, step=20)
    assert issue not in watch.issues()


async def test_a_meter_that_sums_the_phases_is_a_notice_and_no_problem(
    hass: HomeAssistant, make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await make_home()
    meter = {
        "subentry_id": METER,
        "subentry_type": "device",
        "title": "Sum",
        "unique_id": "entity_meter_sensor.grid",
        "data": {
            "make": "entity_meter",
            "connection": {"power": "sensor.grid"},
            "identity": {"serial": "sensor.grid", "name": "Sum"},
            "parts": {"meter": {"kind": "meter", "used": True, "meter_phases": [1]}},
        },
    }

    def show() -> None:
        attributes = {"unit_of_measurement": "W", "device_class": "power"}
        hass.states.async_set("sensor.grid", "500", attributes, force_update=True)

    show()
    watch = Watch(home, caplog)
    await home.add(
        site_entry(
            meter,  # type: ignore[arg-type]  # as the form makes it
            charger_data(home.wattpilot_port),
            car_data(),
            fixed_price(),
        )
    )
    for _ in range(20):
        show()
        await home.tick(1)
    assert set(watch.issues()) == {f"assumed_split_{METER}:meter"}
    assert home.state("sensor", "_status") == "observing"
    assert home.state("binary_sensor", "_problem") == "off"
