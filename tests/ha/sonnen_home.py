"""A simulated home with a P1 meter and a sonnenBatterie, in lock step."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant

from simulators.car import ChargerConfig
from simulators.house import BatteryConfig, HouseConfig
from simulators.sonnen import Sonnen

from .conftest import QUIET
from .faults import unload
from .home import Home, fixed_price, meter_data, site_entry

DEVICE, NAME = "sonnen_sub", "sonnenBatterie 123456"
BATTERY_PART = f"{DEVICE}:battery"
TOKEN = "t0ken-of-the-battery"

CELLAR = replace(
    QUIET,
    pv_peak_kw=6.0,
    sky="clear",
    battery=BatteryConfig(capacity_kwh=10.0, soc=0.5),
    chargers=(ChargerConfig(key="charger"),),
)
"""The quiet house with sun and a battery, and no car."""


def sonnen_data(battery: Sonnen, **connection: Any) -> ConfigSubentryDataWithId:
    """Return the subentry that the device form makes; P1 measures the grid."""
    figures = {
        "controllable": True,
        "capacity_kwh": 10.0,
        "max_charge_kw": 5.0,
        "max_discharge_kw": 5.0,
        "min_soc": 10,
        "may_feed_cars": False,
    }
    return ConfigSubentryDataWithId(
        subentry_id=DEVICE,
        subentry_type="device",
        title=NAME,
        unique_id=f"sonnen_{battery.serial}",
        data={
            "make": "sonnen",
            "connection": {
                "host": battery.host,
                "serial": battery.serial,
                "version": f"v{battery.version}",
                "token": battery.token if battery.version == 2 else "",
                **connection,
            },
            "identity": {"serial": battery.serial, "name": NAME},
            "parts": {
                "meter": {"kind": "meter", "used": False},
                "pv": {"kind": "pv", "used": True},
                "battery": {"kind": "battery", "used": True, "features": ["warning"], **figures},
            },
        },
    )


class SonnenHome(Home):
    """A home that knows its battery."""

    battery: Sonnen


@asynccontextmanager
async def sonnen_home(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    *,
    version: int = 2,
    config: HouseConfig = CELLAR,
) -> AsyncIterator[SonnenHome]:
    """Run such a home, its site included, until it has readings."""
    await hass.config.async_set_time_zone(config.time_zone)
    home = SonnenHome(hass, freezer, config)
    home.settle_rounds = 160
    home.battery = Sonnen(home.house, token=TOKEN, version=version)
    await home.start()
    async with home.battery:
        try:
            await home.add(
                site_entry(meter_data(home.pty), sonnen_data(home.battery), fixed_price())
            )
            yield home
        finally:
            home.battery.clear()
            # Before the battery goes, so that its client is not left waiting.
            if home.entry is not None and home.entry.state.recoverable:
                await unload(home)
            await home.stop()
