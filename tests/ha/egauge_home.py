"""A simulated home whose grid and sun an eGauge measures, in lock step. No other meter is there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant

from simulators.egauge import HOSTNAME, SERIAL, Egauge
from simulators.house import HouseConfig

from .conftest import QUIET
from .faults import unload
from .home import Home, charger_data, fixed_price, site_entry

GAUGE, NAME = "gauge_sub", HOSTNAME
PASSWORD = "hunter2-gauge"
SUNNY = replace(QUIET, pv_peak_kw=9.0, sky="clear")
"""The quiet house with sun, and a car at its charger."""

REGISTERS = {
    "grid": "Grid",
    "grid_inverted": False,
    "grid_scale": 1.0,
    "import_energy": "Grid+",
    "export_energy": "Grid-",
    "pv": "Solar",
    "pv_inverted": False,
    "pv_scale": 1.0,
    "pv_energy": "Solar+",
    **{f"l{n}_power": f"Grid L{n}" for n in (1, 2, 3)},
    **{f"l{n}_current": f"L{n} Current" for n in (1, 2, 3)},
    **{f"l{n}_voltage": f"L{n} Voltage" for n in (1, 2, 3)},
}


def egauge_data(port: int, *, json: bool = True, **connection: Any) -> ConfigSubentryDataWithId:
    """Return the subentry that the device form makes."""
    login = {"username": "owner", "password": PASSWORD} if json else {"serial": SERIAL}
    return ConfigSubentryDataWithId(
        subentry_id=GAUGE,
        subentry_type="device",
        title=NAME,
        unique_id=f"egauge_{SERIAL}",
        data={
            "make": "egauge",
            "connection": {"host": f"127.0.0.1:{port}", **login, **REGISTERS, **connection},
            "identity": {
                "serial": SERIAL,
                "name": NAME,
                "manufacturer": "eGauge Systems",
                "model": "EG4015",
                "firmware": "4.7.1",
            },
            "parts": {
                "meter": {
                    "kind": "meter",
                    "used": True,
                    "features": ["phase_power", "import_kwh", "export_kwh"],
                    "meter_phases": [3],
                },
                "pv": {"kind": "pv", "used": True, "features": ["energy_kwh"]},
            },
        },
    )


class GaugeHome(Home):
    """A home that knows its meter."""

    gauge: Egauge
    gauge_port: int = 0

    async def start_gauge(self) -> None:
        """Have the meter listen, on the same port each time."""
        self.gauge_port = await self.gauge.start(self.gauge_port)


@asynccontextmanager
async def egauge_home(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    *,
    json: bool = True,
    config: HouseConfig = SUNNY,
    **connection: Any,
) -> AsyncIterator[GaugeHome]:
    """Run such a home, its site included, until it has readings."""
    await hass.config.async_set_time_zone(config.time_zone)
    home = GaugeHome(hass, freezer, config)
    # A poll may be a new connection, two attempts at a scheme, and a login.
    home.settle_rounds = 160
    home.gauge = Egauge(home.house, password=PASSWORD if json else "")
    await home.start()
    await home.start_gauge()
    try:
        await home.add(
            site_entry(
                egauge_data(home.gauge_port, json=json, **connection),
                charger_data(home.wattpilot_port),
                fixed_price(),
            )
        )
        yield home
    finally:
        home.gauge.clear()
        # Before the meter goes, so that its client is not left waiting.
        if home.entry is not None and home.entry.state.recoverable:
            await unload(home)
        await home.stop()
        await home.gauge.stop()
