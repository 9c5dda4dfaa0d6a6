"""Which vehicle is at which charger; chargers that can only be watched."""

from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.config import PartConfig
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.core.reading import ChargerReading, ChargerStatus
from custom_components.smart_charging.site import Site

from .home import fixed_price, site_entry

KW = {"unit_of_measurement": "kW", "device_class": "power"}


def charger(letter: str) -> ConfigSubentryDataWithId:
    """Return a charger that entities show and nothing commands."""
    return ConfigSubentryDataWithId(
        subentry_id=letter,
        subentry_type="device",
        title=f"Charger {letter}",
        unique_id=f"entity_charger_{letter}",
        data={
            "make": "entity_charger",
            "connection": {
                "connected": f"binary_sensor.plug_{letter}",
                "power": f"sensor.power_{letter}",
            },
            "identity": {"serial": letter, "name": f"Charger {letter}"},
            "parts": {
                "charger": {
                    "kind": "charger",
                    "used": True,
                    "controllable": False,
                    "phases": "3",
                    "max_a": 16,
                }
            },
        },
    )


def vehicle(name: str, **data: Any) -> ConfigSubentryDataWithId:
    """Return a vehicle."""
    return ConfigSubentryDataWithId(
        subentry_id=name.lower(),
        subentry_type="vehicle",
        title=name,
        unique_id=None,
        data={"capacity_kwh": 50.0, **data},
    )


class Yard:
    """Two chargers that cars come to."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.hass = hass
        self.entry: MockConfigEntry | None = None

    async def open(self, *vehicles: ConfigSubentryDataWithId) -> None:
        """Set the site up with nobody there."""
        for letter in "ab":
            await self.plug(letter, "off")
        entry = site_entry(charger("a"), charger("b"), *vehicles, fixed_price())
        entry.add_to_hass(self.hass)
        assert await self.hass.config_entries.async_setup(entry.entry_id)
        await self.hass.async_block_till_done()
        self.entry = entry

    @property
    def site(self) -> Site:
        """The running site."""
        assert self.entry is not None
        site: Site = self.entry.runtime_data
        return site

    def part(self, letter: str) -> PartConfig:
        """Return a charger's part."""
        part = self.site.part(f"{letter}:charger")
        assert part is not None
        return part

    async def plug(self, letter: str, state: str = "on") -> None:
        """Plug a car in, or out with `off`."""
        self.hass.states.async_set(f"binary_sensor.plug_{letter}", state)
        self.hass.states.async_set(f"sensor.power_{letter}", "0", KW)
        await self.hass.async_block_till_done()

    async def says(self, entity_id: str, state: str) -> None:
        """Let an entity of a car change."""
        self.hass.states.async_set(entity_id, state, {"unit_of_measurement": "%"})
        await self.hass.async_block_till_done()
        self.site.plugs.tick()

    def tag(self, letter: str, tag: str) -> None:
        """Let a charger read the card of its car."""
        runner, part = self.site.runners[letter], self.part(letter)
        reading = ChargerReading(
            at=self.site.clock.now(), status=ChargerStatus.CONNECTED, vehicle_tag=tag
        )
        runner.readings["charger"] = reading
        self.site.plugs.update(part, reading)

    def entity(self, platform: str, unique_id: str) -> str | None:
        """Return an entity id of ours."""
        return er.async_get(self.hass).async_get_entity_id(platform, DOMAIN, unique_id)

    async def choose(self, letter: str, option: str) -> None:
        """Choose a vehicle as a person would."""
        await self.hass.services.async_call(
            "select",
            "select_option",
            {
                "entity_id": self.entity("select", f"entity_charger_{letter}_charger_vehicle"),
                "option": option,
            },
            blocking=True,
        )

    def at(self, letter: str) -> str | None:
        """Return the name of the vehicle at a charger; `None` for a guest."""
        found = self.site.plugs.vehicle_at(self.part(letter))
        return None if found is None else found.name


@pytest.fixture
async def yard(hass: HomeAssistant) -> Any:
    """Return a yard that is closed at the end."""
    yard = Yard(hass)
    yield yard
    assert yard.entry is not None
    await hass.config_entries.async_unload(yard.entry.entry_id)


async def test_a_lone_vehicle_is_assumed_at_the_first_charger_only(yard: Yard) -> None:
    await yard.open(vehicle("Zoe"))
    await yard.plug("a")
    await yard.plug("b")
    assert (yard.at("a"), yard.at("b")) == ("Zoe", None)


async def test_a_lone_vehicle_that_is_away_is_not_assumed(yard: Yard) -> None:
    await yard.open(vehicle("Zoe", location_entity="device_tracker.zoe"))
    await yard.plug("a")
    assert yard.at("a") == "Zoe"
    await yard.says("device_tracker.zoe", "not_home")
    assert yard.at("a") is None
    await yard.says("device_tracker.zoe", "unavailable")
    assert yard.at("a") == "Zoe", "an entity that says nothing is no evidence"


async def test_among_several_the_plug_and_the_place_of_a_vehicle_tell(yard: Yard) -> None:
    await yard.open(
        vehicle("Zoe", plug_entity="binary_sensor.zoe", location_entity="device_tracker.zoe"),
        vehicle("Leaf", plug_entity="binary_sensor.leaf"),
    )
    await yard.plug("b")
    assert yard.at("b") is None, "nobody says so"
    await yard.says("binary_sensor.leaf", "on")
    assert yard.at("b") == "Leaf"
    await yard.says("binary_sensor.zoe", "on")
    assert yard.at("b") is None, "two claim it"
    await yard.says("device_tracker.zoe", "not_home")
    assert yard.at("b") == "Leaf"


async def test_a_vehicle_is_at_one_charger_at_a_time(yard: Yard) -> None:
    await yard.open(vehicle("Zoe", location_entity="device_tracker.zoe"), vehicle("Leaf"))
    await yard.says("device_tracker.zoe", "home")
    await yard.plug("a")
    await yard.plug("b")
    assert [yard.at("a"), yard.at("b")] == ["Zoe", None]
    await yard.choose("b", "Zoe")
    assert [yard.at("a"), yard.at("b")] == [None, "Zoe"]
    await yard.choose("a", "Zoe")
    assert [yard.at("a"), yard.at("b")].count("Zoe") == 1


async def test_the_card_counts_before_any_choice_and_a_choice_before_the_place(
    yard: Yard,
) -> None:
    await yard.open(
        vehicle("Zoe", location_entity="device_tracker.zoe"), vehicle("Leaf", tag="04:AB")
    )
    await yard.says("device_tracker.zoe", "home")
    await yard.plug("a")
    assert yard.at("a") == "Zoe"
    await yard.choose("a", "guest")
    assert yard.at("a") is None
    yard.tag("a", "04:ab")
    assert yard.at("a") == "Leaf"
    yard.tag("a", "unknown card")
    yard.site.plugs.tick()
    assert yard.at("a") is None


async def test_the_last_choice_is_a_habit_that_evidence_overrules(yard: Yard) -> None:
    await yard.open(vehicle("Zoe", plug_entity="binary_sensor.zoe"), vehicle("Leaf"))
    await yard.plug("a")
    await yard.choose("a", "Leaf")
    await yard.plug("a", "off")
    await yard.plug("a")
    assert yard.at("a") == "Leaf", "as last time"
    await yard.plug("a", "off")
    await yard.says("binary_sensor.zoe", "on")
    await yard.plug("a")
    assert yard.at("a") == "Zoe"


async def test_a_removed_vehicle_is_no_habit_any_more(hass: HomeAssistant, yard: Yard) -> None:
    await yard.open(vehicle("Zoe"), vehicle("Leaf"))
    await yard.plug("a")
    await yard.choose("a", "Leaf")
    assert yard.entry is not None
    hass.config_entries.async_remove_subentry(yard.entry, "leaf")
    await hass.async_block_till_done()
    assert yard.at("a") == "Zoe", "a lone vehicle now"


@pytest.mark.parametrize(
    ("shown", "soc"),
    [("42", 0.42), ("0", 0.0), ("101", None), ("-1", None), ("text", None), ("unknown", None)],
)
async def test_only_a_sensible_soc_is_believed(yard: Yard, shown: str, soc: float | None) -> None:
    await yard.open(vehicle("Zoe", soc_entity="sensor.zoe_soc"))
    await yard.plug("a")
    await yard.says("sensor.zoe_soc", shown)
    assert yard.site.plugs.soc(yard.site.config.vehicles[0]) == soc
    assert yard.site.plugs.wish(yard.part("a")).soc == soc


async def test_a_vehicle_that_is_away_shows_its_own_soc(yard: Yard) -> None:
    await yard.open(vehicle("Zoe", soc_entity="sensor.zoe_soc"), vehicle("Leaf"))
    await yard.says("sensor.zoe_soc", "66")
    zoe, leaf = yard.site.config.vehicles
    assert yard.site.plugs.charger_of(zoe) is None
    assert yard.site.plugs.soc(zoe) == 0.66
    assert yard.site.plugs.soc(leaf) is None


async def test_a_charger_that_can_only_be_watched_is_watched_and_no_more(
    hass: HomeAssistant, yard: Yard
) -> None:
    await yard.open(vehicle("Zoe"))
    await yard.plug("a")
    await hass.services.async_call(
        "switch",
        "turn_on",
        {"entity_id": yard.entity("switch", f"{yard.site.entry.entry_id}_act")},
        blocking=True,
    )
    assert yard.entity("sensor", "entity_charger_a_charger_power")
    assert yard.entity("select", "entity_charger_a_charger_vehicle")
    for platform, key in (
        ("number", "current"),
        ("select", "charging_mode"),
        ("switch", "smart_charging"),
        ("button", "charge_now"),
    ):
        assert yard.entity(platform, f"entity_charger_a_charger_{key}") is None
    yard.site.actor.step()
    assert not yard.site.issues.any_open
    device = next(
        device
        for device in dr.async_entries_for_config_entry(
            dr.async_get(hass), yard.site.entry.entry_id
        )
        if (DOMAIN, "entity_charger_a_charger") in device.identifiers
    )
    with pytest.raises(ServiceValidationError) as refusal:
        await hass.services.async_call(DOMAIN, "stop", {"device_id": device.id}, blocking=True)
    assert refusal.value.translation_key == "not_a_charger"
    assert refusal.value.translation_placeholders == {"device": "Charger a"}
