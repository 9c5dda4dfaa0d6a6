"""A home whose car hangs on a station of a simulated PowerFlex service, in lock step."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId

from simulators.car import Car
from simulators.house import ChargerConfig
from simulators.powerflex import PowerFlex

from .conftest import QUIET, HomeFactory
from .faults import unload
from .home import CHARGER, Home, fixed_price, meter_data, site_entry

USER, PASSWORD = "me@garage.example", "hunter2-powerflex"
NAME = "PowerFlex 03/02"
SERIAL = "127.0.0.1/03/02"
POWERFLEX_QUIET = replace(
    QUIET,
    # The Wattpilot of each home stands idle beside it.
    chargers=(
        ChargerConfig(key="charger"),
        ChargerConfig(key="station", phases=1, car=Car(soc=0.4, phases=1)),
    ),
)


def powerflex_data(port: int, **figures: Any) -> ConfigSubentryDataWithId:
    """Return the subentry that the device form makes for the simulator."""
    return ConfigSubentryDataWithId(
        subentry_id=CHARGER,
        subentry_type="device",
        title=NAME,
        unique_id=f"powerflex_{SERIAL}",
        data={
            "make": "powerflex",
            "connection": {
                "url": f"http://127.0.0.1:{port}",
                "username": USER,
                "password": PASSWORD,
                "garage": "03",
                "station": "02",
                "phases": "1",
                "voltage": 230,
            },
            "identity": {"serial": SERIAL, "name": NAME},
            "parts": {
                "charger": {
                    "kind": "charger",
                    "used": True,
                    "controllable": True,
                    "min_a": 6,
                    "max_a": 16,
                    "phases": "1",
                    "can_switch_phases": False,
                    "phase_map": "123",
                    **figures,
                }
            },
        },
    )


class Garage:
    """A running home and its simulated service."""

    def __init__(self, home: Home) -> None:
        """Make a station of the second charging point."""
        self.home = home
        self.point = home.house.chargers["station"]
        self.port = 0
        self.service = PowerFlex(
            home.house, home.clock, {"02": "station"}, username=USER, password=PASSWORD
        )

    async def start(self) -> None:
        """Listen, on the same port each time."""
        self.port = await self.service.start(self.port)


@asynccontextmanager
async def powerflex_home(
    make_home: HomeFactory, *more: ConfigSubentryDataWithId
) -> AsyncIterator[Garage]:
    """Yield a home that runs and has learnt the service's pace."""
    home = await make_home(POWERFLEX_QUIET)
    # Each poll is two requests and perhaps a new connection.
    home.settle_rounds = 160
    garage = Garage(home)
    await garage.start()
    try:
        await home.add(
            site_entry(
                meter_data(home.pty), powerflex_data(garage.port), *(more or (fixed_price(),))
            )
        )
        await home.run(50, step=1)
        yield garage
        # Before the service goes, so that no request is left waiting.
        await unload(home)
    finally:
        await garage.service.stop()
