"""A charger is tried: it proves that it follows, and is left as it was whatever happens."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest

from custom_components.smart_charging.commissioner import NotPossible
from custom_components.smart_charging.commissioning import Failure
from custom_components.smart_charging.core.reading import ChargerStatus
from custom_components.smart_charging.devices.base import Rejected
from custom_components.smart_charging.devices.wattpilot.driver import WattpilotDriver
from simulators.car import Car, ChargerConfig
from simulators.house import HouseConfig

from .conftest import QUIET, HomeFactory
from .faults import Watch
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
from .test_switches_buttons import OWN, owned

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")

LONG_S = 240
"""Five currents of 20 s, each after a write and the time of the car."""


async def home_with(
    make_home: HomeFactory,
    config: HouseConfig = QUIET,
    *,
    figures: dict[str, Any] | None = None,
    **site: Any,
) -> Home:
    """Return a home that observes, and whose charger follows its owner's settings."""
    home = await make_home(config)
    for key, value in OWN.items():
        home.wattpilot.logic.write(key, value)
    await home.add(
        site_entry(
            meter_data(home.pty),
            charger_data(home.wattpilot_port, **(figures or {})),
            car_data(),
            fixed_price(),
            **site,
        )
    )
    return home


async def press(home: Home, key: str = "commission") -> None:
    """Press a button of the charger."""
    await home.call("button", "press", home.entity_id("button", f"charger_{key}"))


def sensor(home: Home) -> tuple[str, dict[str, Any]]:
    """Return what the charger's page says of its commissioning."""
    state = home.hass.states.get(home.entity_id("sensor", "charger_commissioning"))
    assert state is not None
    return state.state, dict(state.attributes)


def offers(home: Home, since: int = 0) -> list[int]:
    """Return the currents that were written to the charger, in order."""
    return [
        int(write.value)  # type: ignore[arg-type]  # of a current
        for write in home.wattpilot.writes[since:]
        if write.key == "amx"
    ]


async def finished(home: Home, longest_s: float = LONG_S) -> float:
    """Run until the commissioning ended; return how long that took."""
    began_s = home.clock.monotonic()
    while home.site.commissioner.run is not None:
        assert home.clock.monotonic() - began_s < longest_s
        await home.tick(1)
    took_s = home.clock.monotonic() - began_s
    await home.run(5, step=1)
    return took_s


async def test_a_charger_is_proven_and_left_as_it_was(make_home: HomeFactory) -> None:
    home = await home_with(make_home)
    assert sensor(home)[0] == "not_done"
    await press(home)
    await home.run(5, step=1)
    assert home.site.actor.control_site.chargers[0].reaction_s is None
    state, told = sensor(home)
    assert (state, told["step"], told["steps"], told["current_a"]) == ("running", 1, 5, 6)
    took_s = await finished(home)
    assert 100 < took_s < 200
    state, told = sensor(home)
    assert state == "done"
    # The car takes 3 to 10 s and a second or two to get there.
    assert 3 <= told["reaction_s"] <= 13
    assert datetime.fromisoformat(told["at"]).tzinfo is not None
    assert [a for a in offers(home) if a in (6, 10)][:5] == [6, 10, 6, 10, 6]
    assert owned(home) == OWN, "the site observes: the charger follows its owner again"
    figures = home.site.config.devices[1].parts[0].figures
    assert figures["commissioned"]["reaction_s"] == told["reaction_s"]
    assert home.site.actor.control_site.chargers[0].reaction_s == told["reaction_s"]
    assert not home.site.settings.charger(CHARGER_PART).release_due
    count = len(home.wattpilot.writes)
    await home.run(120)
    assert len(home.wattpilot.writes) == count


async def test_a_charger_with_a_failsafe_of_its_own_is_given_the_safe_current(
    make_home: HomeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to: list[tuple[str, float]] = []

    async def set_failsafe(self: WattpilotDriver, part: str, current_a: float) -> None:
        set_to.append((part, current_a))

    monkeypatch.setattr(WattpilotDriver, "set_failsafe", set_failsafe, raising=False)
    home = await home_with(make_home, fuse_a=20)
    home.house.extra_kw[0] = 1.5
    await home.run(60)
    home.house.extra_kw[0] = 0.0
    await home.run(30)
    await press(home)
    await finished(home)
    highest = max(home.site.history.house_peak_a())
    assert highest > 6.5
    assert set_to == [("charger", (20 - highest) // 1)]
    assert sensor(home)[1]["failsafe_a"] == set_to[0][1]


async def test_what_a_charger_does_not_take_or_cannot_show_is_left_out(
    make_home: HomeFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def set_failsafe(self: WattpilotDriver, part: str, current_a: float) -> None:
        raise Rejected("locked by its owner")

    monkeypatch.setattr(WattpilotDriver, "set_failsafe", set_failsafe, raising=False)
    # On three phases all of them change alike: what a person said of the wiring stays.
    figures = {"phases": "3", "can_switch_phases": False, "phase_map": "231"}
    home = await home_with(make_home, figures=figures)
    await press(home)
    await finished(home)
    state, told = sensor(home)
    assert state == "done"
    assert told["failsafe_a"] is None
    assert told["phase_map"] is None
    kept = home.site.config.devices[1].parts[0].figures
    assert kept["phase_map"] == "231"
    assert kept["commissioned"]["reaction_s"] > 0
    assert "Wattpilot did not take its failsafe: locked by its owner" in caplog.text
    assert owned(home) == OWN


async def test_a_charger_that_is_removed_as_it_is_proven_keeps_nothing(
    make_home: HomeFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def set_failsafe(self: WattpilotDriver, part: str, current_a: float) -> None:
        assert home.entry is not None
        home.hass.config_entries.async_remove_subentry(home.entry, CHARGER)

    monkeypatch.setattr(WattpilotDriver, "set_failsafe", set_failsafe, raising=False)
    home = await home_with(make_home)
    watch = Watch(home, caplog)
    await press(home)
    await finished(home)
    assert set(home.site.runners) == {METER}
    assert home.entry is not None
    assert CHARGER not in home.entry.subentries
    watch.assert_no_noise()
    assert home.state("sensor", "_status") == "observing"


@pytest.mark.parametrize("wiring", [(1, 2, 3), (2, 3, 1), (3, 2, 1)])
async def test_the_phase_of_its_first_conductor_is_learned(
    make_home: HomeFactory, wiring: tuple[int, ...]
) -> None:
    point = ChargerConfig(key="charger", phase_map=wiring, car=Car(soc=0.4))
    home = await home_with(make_home, replace(QUIET, chargers=(point,)))
    part = home.site.part(CHARGER_PART)
    assert part is not None
    assert part.charger_spec().phase_map == (1, 2, 3)
    await press(home)
    await finished(home)
    part = home.site.part(CHARGER_PART)
    assert part is not None
    assert part.charger_spec().phase_map[0] == wiring[0], "control uses it at once"
    assert sensor(home)[1]["phase_map"].startswith(str(wiring[0]))


async def test_under_control_the_plan_goes_on_afterwards(make_home: HomeFactory) -> None:
    home = await home_with(make_home)
    await home.choose("fast")
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.run(60, step=1)
    point = home.house.chargers["charger"]
    assert (point.offered_a, point.phases_used) == (16, 3)
    await press(home)
    await finished(home)
    assert sensor(home)[0] == "done"
    await home.run(200, step=1)
    assert (point.offered_a, point.phases_used) == (16, 3)
    assert point.status is ChargerStatus.CHARGING
    assert owned(home) != OWN


@pytest.mark.parametrize("end", ["resume", "mode", "number", "unload", "shutdown"])
async def test_whatever_ends_it_puts_the_charger_back(make_home: HomeFactory, end: str) -> None:
    home = await home_with(make_home)
    await press(home)
    await home.run(40, step=1)
    assert owned(home) != OWN
    match end:
        case "resume":
            await press(home, "resume")
        case "mode":
            await home.choose("off")
        case "number":
            entity_id = home.entity_id("number", "charger_current")
            await home.call("number", "set_value", entity_id, value=13)
        case "unload":
            assert home.entry is not None
            assert await home.hass.config_entries.async_unload(home.entry.entry_id)
        case "shutdown":
            await home.site._shutdown()
    await home.run(5, step=1)
    if end == "number":
        assert owned(home)["amp"] == 13, "in Observe a person's order goes to the charger"
        return
    assert owned(home) == OWN
    if end in ("resume", "mode"):
        assert sensor(home)[0] == "failed"
        assert sensor(home)[1]["failure"] == "cancelled"


async def test_a_charger_that_is_lost_meanwhile_is_put_back_when_it_speaks(
    make_home: HomeFactory,
) -> None:
    home = await home_with(make_home)
    await press(home)
    await home.run(40, step=1)
    home.wattpilot.inject("stall")
    await finished(home, 120)
    part = home.site.part(CHARGER_PART)
    assert part is not None
    assert home.site.commissioner.failure_of(part) is Failure.CHARGER_SILENT
    assert owned(home) != OWN
    home.wattpilot.clear()
    await home.connected(CHARGER)
    await home.run(130, step=1)
    assert owned(home) == OWN
    assert not home.site.settings.charger(CHARGER_PART).release_due


@pytest.mark.parametrize(
    ("car", "failure"),
    [
        (Car(soc=0.4, limit_soc=0.4), "not_charging"),
        (Car(soc=0.4, max_a=6), "car_does_not_follow"),
    ],
)
async def test_a_car_that_proves_nothing_is_named(
    make_home: HomeFactory, car: Car, failure: str
) -> None:
    config = replace(QUIET, chargers=(ChargerConfig(key="charger", car=car),))
    home = await home_with(make_home, config)
    await press(home)
    await finished(home)
    state, told = sensor(home)
    assert (state, told["failure"]) == ("failed", failure)
    assert owned(home) == OWN


async def test_a_charger_that_does_not_obey_is_named(make_home: HomeFactory) -> None:
    home = await home_with(make_home)
    await press(home)
    await home.run(30, step=1)
    home.wattpilot.inject("ignore_writes")
    took_s = await finished(home)
    assert took_s < 60
    assert sensor(home)[1]["failure"] == "not_obeyed"


async def test_a_charger_behind_another_meter_is_found_out(make_home: HomeFactory) -> None:
    home = await home_with(make_home)
    point = home.house.chargers["charger"]
    await press(home)
    while home.site.commissioner.run is not None:
        # Something else takes what the car leaves: the meter sees no change.
        home.house.extra_kw[0] = 3.0 - point.power_kw
        await home.tick(1)
    assert sensor(home)[1]["failure"] == "meter_differs"


async def test_the_fuse_holds_while_it_is_tried(make_home: HomeFactory) -> None:
    home = await home_with(make_home, fuse_a=16)
    home.house.extra_kw[0] = 1.6
    await home.run(20, step=1)
    home.house.highest_line_a = (0.0, 0.0, 0.0)
    await press(home)
    await finished(home)
    assert sensor(home)[1]["failure"] == "no_room"
    assert max(home.house.highest_line_a) < 16
    assert owned(home) == OWN


async def test_what_is_missing_is_said_at_once(hass: HomeAssistant, make_home: HomeFactory) -> None:
    home = await home_with(make_home)
    home.house.chargers["charger"].unplug()
    await home.run(5, step=1)
    with pytest.raises(ServiceValidationError) as refused:
        await press(home)
    assert refused.value.translation_key == "commission_no_car"
    home.house.chargers["charger"].plug(Car(soc=0.4))
    await home.run(5, step=1)
    await press(home)
    with pytest.raises(ServiceValidationError) as refused:
        await press(home)
    assert refused.value.translation_key == "commission_busy"
    await press(home, "resume")
    home.p1.inject("stall", None)
    await home.run(20, step=1)
    with pytest.raises(ServiceValidationError) as refused:
        await press(home)
    assert refused.value.translation_key == "commission_no_meter"
    assert home.clock.now() > datetime(2026, 11, 20, tzinfo=UTC)


async def test_a_charger_without_two_currents_to_compare_is_not_tried(
    make_home: HomeFactory,
) -> None:
    home = await home_with(make_home, figures={"max_a": 7})
    with pytest.raises(ServiceValidationError) as refused:
        await press(home)
    assert refused.value.translation_key == "commission_no_range"
    assert owned(home) == OWN


async def test_a_charger_that_was_not_heard_yet_is_not_tried(make_home: HomeFactory) -> None:
    home = await make_home()
    await home.wattpilot.stop()
    home.entry = site_entry(meter_data(home.pty), charger_data(home.wattpilot_port), fixed_price())
    home.entry.add_to_hass(home.hass)
    assert await home.hass.config_entries.async_setup(home.entry.entry_id)
    await home.connected(METER)
    part = home.site.part(CHARGER_PART)
    assert part is not None
    with pytest.raises(NotPossible) as refused:
        home.site.commissioner.start(part)
    assert refused.value.failure is Failure.CHARGER_SILENT
    assert home.site.commissioner.run is None
    assert home.state("button", "charger_commission") == "unavailable"
