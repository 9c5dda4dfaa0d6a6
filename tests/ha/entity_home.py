"""A simulated home with a meter, a charger, and sun and battery that are entities of Home Assistant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from custom_components.smart_charging.core.reading import BatteryMode
from simulators.house import BatteryConfig, HouseConfig

from .conftest import QUIET
from .home import Home

SUN, BATTERY = "sun_sub", "battery_sub"
BATTERY_PART = f"{BATTERY}:battery"

SELECT, CHARGE_W, DISCHARGE_W = (
    "input_select.battery_mode",
    "input_number.charge_power",
    "input_number.discharge_power",
)
OPTIONS = {
    BatteryMode.SELF_CONSUMPTION: "Automatic",
    BatteryMode.HOLD: "Stand by",
    BatteryMode.CHARGE: "Force charge",
    BatteryMode.DISCHARGE: "Force discharge",
}

SUNNY = replace(
    QUIET,
    pv_peak_kw=6.0,
    sky="clear",
    battery=BatteryConfig(capacity_kwh=10.0, soc=0.5),
)
"""The quiet house with sun and a battery."""


def sun_data() -> ConfigSubentryDataWithId:
    """Return the subentry that the device form makes for the sun."""
    return ConfigSubentryDataWithId(
        subentry_id=SUN,
        subentry_type="device",
        title="Roof",
        unique_id="entity_pv_sensor.pv",
        data={
            "make": "entity_pv",
            "connection": {"power": "sensor.pv", "energy": "sensor.pv_energy"},
            "identity": {"serial": "sensor.pv", "name": "Roof"},
            "parts": {"pv": {"kind": "pv", "used": True}},
        },
    )


def battery_data(**figures: Any) -> ConfigSubentryDataWithId:
    """Return the subentry that the device form makes for the battery."""
    return ConfigSubentryDataWithId(
        subentry_id=BATTERY,
        subentry_type="device",
        title="Cellar",
        unique_id="entity_battery_sensor.soc",
        data={
            "make": "entity_battery",
            "connection": {
                "soc": "sensor.soc",
                "power": "sensor.battery",
                "mode": SELECT,
                **{f"option_{mode.value}": option for mode, option in OPTIONS.items()},
                "charge_power": CHARGE_W,
                "discharge_power": DISCHARGE_W,
            },
            "identity": {"serial": "sensor.soc", "name": "Cellar"},
            "parts": {
                "battery": {
                    "kind": "battery",
                    "used": True,
                    "controllable": True,
                    "capacity_kwh": 10,
                    "max_charge_kw": 5,
                    "max_discharge_kw": 5,
                    "min_soc": 10,
                    "may_feed_cars": False,
                    **figures,
                }
            },
        },
    )


class EntityHome(Home):
    """The entities show what the house does, and the house does what they are set to."""

    mute = False
    """The battery's sensors stay as they are and its helpers are gone."""

    @override
    async def start(self) -> None:
        await super().start()
        power = {"min": 0, "max": 5000, "step": 10, "initial": 2500, "unit_of_measurement": "W"}
        for domain, entities in (
            ("input_select", {"battery_mode": {"options": list(OPTIONS.values())}}),
            ("input_number", {"charge_power": power, "discharge_power": power}),
        ):
            assert await async_setup_component(self.hass, domain, {domain: entities})
        await self.hass.async_block_till_done()
        self._show()

    @override
    async def tick(self, seconds: float = 1.0) -> None:
        self.freezer.tick(timedelta(seconds=seconds))
        self._obey()
        self._show()
        self.p1.send()
        self.wattpilot.push()
        await self.settle()
        self._obey()

    def _show(self) -> None:
        self.house.advance()
        shows = [
            ("sensor.pv", self.house.pv_kw * 1000, "W", "power"),
            ("sensor.pv_energy", self.house.pv_energy_kwh, "kWh", "energy"),
        ]
        if (battery := self.house.battery) is not None:
            # As Home Assistant has it: + is discharge.
            shows.append(("sensor.battery", -battery.power_kw * 1000, "W", "power"))
            shows.append(("sensor.soc", battery.soc * 100, "%", "battery"))
        for entity_id, value, unit, device_class in shows:
            attributes = {"unit_of_measurement": unit, "device_class": device_class}
            gone = self.mute and entity_id in ("sensor.soc", "sensor.battery")
            shown = "unavailable" if gone else f"{value:.4f}"
            self.hass.states.async_set(entity_id, shown, attributes)

    def _obey(self) -> None:
        if (battery := self.house.battery) is None:
            return
        mode = next(m for m, option in OPTIONS.items() if option == self.shown(SELECT))
        number = DISCHARGE_W if mode is BatteryMode.DISCHARGE else CHARGE_W
        battery.order(mode, float(self.shown(number)) / 1000)

    def shown(self, entity_id: str) -> str:
        """Return the state of an entity that is not ours."""
        state = self.hass.states.get(entity_id)
        assert state is not None
        return state.state


@asynccontextmanager
async def entity_home(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, config: HouseConfig = SUNNY
) -> AsyncIterator[EntityHome]:
    """Run such a home; the site is still to be added."""
    await hass.config.async_set_time_zone(config.time_zone)
    home = EntityHome(hass, freezer, config)
    await home.start()
    try:
        yield home
    finally:
        await home.stop()
