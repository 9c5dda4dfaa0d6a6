"""Somebody else commands the charger too: it is named, and nobody is accused wrongly."""

from collections.abc import Callable

from homeassistant.core import Context, HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import HomeFactory
from .faults import Watch
from .home import CHARGER_PART, Home, car_data, charger_data, fixed_price, meter_data, site_entry

pytestmark = pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")

OWN_MODE, OTHER, AUTOMATION = (
    f"{key}_{CHARGER_PART}" for key in ("own_mode", "other_controller", "automation_writes")
)


async def charging(make_home: HomeFactory) -> Home:
    """Return a home whose car charges at full current under control."""
    home = await make_home()
    await home.add(
        site_entry(
            meter_data(home.pty), charger_data(home.wattpilot_port), car_data(), fixed_price()
        )
    )
    await home.choose("fast")
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.run(60, step=2)
    assert home.house.chargers["charger"].offered_a == 16
    return home


async def meddle(home: Home, times: int, write: Callable[[], None], every_s: int = 60) -> None:
    """Have somebody write to the charger now and then."""
    for _ in range(times):
        write()
        await home.run(every_s, step=3)


async def test_another_controller_is_noticed_named_and_forgotten(
    hass: HomeAssistant, make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await charging(make_home)
    MockConfigEntry(
        domain="evcc", title="evcc", data={"host": f"127.0.0.1:{home.wattpilot_port}"}
    ).add_to_hass(hass)
    watch = Watch(home, caplog)

    def write() -> None:
        home.wattpilot.logic.write("amx", 8)

    await meddle(home, 2, write)
    assert not watch.issues()
    await meddle(home, 1, write)
    issue = watch.issues()[OTHER]
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["culprit"] == "evcc (evcc)"
    assert home.house.chargers["charger"].offered_a == 16, "our order is written again"
    await home.run(3500, step=10)
    assert set(watch.issues()) == {OTHER}
    await home.run(200, step=10)
    assert not watch.issues()


async def test_the_charger_s_own_eco_mode_that_comes_back_is_noticed(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await charging(make_home)
    watch = Watch(home, caplog)

    def eco() -> None:
        home.wattpilot.logic.write("fup", True)
        home.wattpilot.logic.write("lmo", 4)

    await meddle(home, 2, eco)
    assert OWN_MODE not in watch.issues()
    await meddle(home, 1, eco)
    assert OWN_MODE in watch.issues()
    assert home.wattpilot.values["lmo"] == 3, "it is put right each time"
    await home.call("switch", "turn_off", home.entity_id("switch", "_smart_charging"))
    await home.run(5, step=1)
    assert not watch.issues(), "hands off: the charger may follow what it likes"


async def test_the_charger_s_own_eco_mode_that_outlasts_our_order_is_noticed(
    make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await charging(make_home)
    watch = Watch(home, caplog)
    home.wattpilot.logic.write("fup", True)
    home.wattpilot.logic.write("lmo", 4)
    home.wattpilot.inject("reject_writes")
    await home.run(40, step=2)
    assert OWN_MODE not in watch.issues()
    await home.run(20, step=2)
    assert OWN_MODE in watch.issues()
    home.wattpilot.clear()
    await home.run(70, step=5)
    assert home.wattpilot.values["lmo"] == 3
    assert set(watch.issues()) == {OWN_MODE}, "told until an hour of calm is over"


CURRENT, ENABLE = "input_number.current", "input_boolean.enable"


async def test_an_automation_that_commands_a_charger_of_another_integration_is_named(
    hass: HomeAssistant, make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await make_home()
    amps = {"min": 6, "max": 16, "initial": 16, "unit_of_measurement": "A"}
    for domain, entities in (
        ("input_number", {"current": amps, "other": amps}),
        ("input_boolean", {"enable": {"initial": True}}),
    ):
        assert await async_setup_component(hass, domain, {domain: entities})
    told = charger_data(0, phases="3", can_switch_phases=False)
    connection = {"limit": CURRENT, "enable": ENABLE, "connected": "binary_sensor.plug"}
    data = {**told["data"], "make": "entity_charger", "connection": connection}
    hass.states.async_set("binary_sensor.plug", "on")
    assert await async_setup_component(
        hass,
        "automation",
        {
            "automation": [
                {
                    "alias": alias,
                    "triggers": {"trigger": "event", "event_type": event},
                    "actions": {
                        "action": "input_number.set_value",
                        "target": {"entity_id": entity_id},
                        "data": {"value": "{{ trigger.event.data.amps }}"},
                    },
                }
                for alias, event, entity_id in (
                    ("Sun follower", "sun", CURRENT),
                    ("Aquarium", "fish", "input_number.other"),
                )
            ]
        },
    )
    await home.add(site_entry(meter_data(home.pty), {**told, "data": data}, car_data()))
    await home.choose("fast")
    watch = Watch(home, caplog)

    async def fired(event: str) -> None:
        for amps in (8, 9, 10):
            hass.bus.async_fire(event, {"amps": amps})
            await home.run(60, step=5)

    await fired("sun")
    assert not watch.issues(), "a site that observes wants nothing of the charger"
    await home.call("switch", "turn_on", home.entity_id("switch", "_act"))
    await home.run(40, step=5)
    await fired("fish")
    assert not watch.issues()
    await fired("sun")
    issue = watch.issues()[AUTOMATION]
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["culprit"] == "Sun follower"


async def test_an_automation_that_sets_the_current_is_named(
    hass: HomeAssistant, make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await charging(make_home)
    number = home.entity_id("number", "charger_current")
    watch = Watch(home, caplog)
    assert await async_setup_component(
        hass,
        "automation",
        {
            "automation": {
                "alias": "Night rate",
                "triggers": {"trigger": "event", "event_type": "tariff"},
                "actions": {
                    "action": "number.set_value",
                    "target": {"entity_id": number},
                    "data": {"value": 10},
                },
            }
        },
    )
    await meddle(home, 2, lambda: hass.bus.async_fire("tariff"))
    assert not watch.issues()
    await meddle(home, 1, lambda: hass.bus.async_fire("tariff"))
    issue = watch.issues()[AUTOMATION]
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["culprit"] == "Night rate"


async def test_a_person_a_limit_and_a_charger_that_limits_itself_are_no_conflict(
    hass: HomeAssistant, make_home: HomeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    home = await charging(make_home)
    number = home.entity_id("number", "charger_current")
    watch = Watch(home, caplog)
    for amps in (6, 10, 8, 13, 16):
        await hass.services.async_call(
            "number",
            "set_value",
            {"entity_id": number, "value": amps},
            blocking=True,
            context=Context(),
        )
        await home.run(40, step=2)
    for load_kw in (3.0, 0.0, 3.0, 0.0, 3.0, 0.0):
        home.house.extra_kw[0] = load_kw
        await home.run(40, step=2)
    assert not watch.issues()
    # Its own limit holds it down: it does not follow, but nobody took anything away.
    home.wattpilot.logic.write("ama", 12)
    await home.run(300, step=3)
    assert set(watch.issues()) <= {f"not_obeyed_{CHARGER_PART}"}
