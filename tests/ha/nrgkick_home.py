"""A home whose car hangs on a simulated NRGkick, in lock step with Home Assistant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId

from simulators.car import Car
from simulators.house import ChargerConfig
from simulators.nrgkick import NrgkickGen2
from simulators.nrgkick_gen1 import MAC, NrgkickGen1

from .conftest import QUIET, HomeFactory
from .faults import unload
from .home import CHARGER, Home, fixed_price, meter_data, site_entry

SERIALS = {2: "T2332500000000000S1D2", 1: MAC}
PIN = "hunter2-pin"
NAME = "NRGkick"
NRGKICK_QUIET = replace(
    QUIET,
    # The Wattpilot of each home stands idle beside it.
    chargers=(ChargerConfig(key="charger"), ChargerConfig(key="kick", car=Car(soc=0.4))),
)


def nrgkick_data(port: int, generation: int, **figures: Any) -> ConfigSubentryDataWithId:
    """Return the subentry that the device form makes for a simulator."""
    serial = SERIALS[generation]
    switches = generation == 2
    return ConfigSubentryDataWithId(
        subentry_id=CHARGER,
        subentry_type="device",
        title=NAME,
        unique_id=f"nrgkick_{serial}",
        data={
            "make": "nrgkick",
            "connection": {"host": f"127.0.0.1:{port}", "username": "me", "password": PIN},
            "identity": {"serial": serial, "name": NAME},
            "parts": {
                "charger": {
                    "kind": "charger",
                    "used": True,
                    "controllable": True,
                    "min_a": 6,
                    "max_a": 16,
                    "phases": "1_3" if switches else "3",
                    "can_switch_phases": switches,
                    "phase_map": "123",
                    **figures,
                }
            },
        },
    )


class Kick:
    """A running home and its simulated charger."""

    def __init__(self, home: Home, generation: int) -> None:
        """Put a charger at the second charging point."""
        self.home = home
        self.generation = generation
        self.point = home.house.chargers["kick"]
        self.port = 0
        self.simulator: NrgkickGen2 | NrgkickGen1
        if generation == 2:
            self.simulator = NrgkickGen2(
                home.house, home.clock, "kick", username="me", password=PIN
            )
        else:
            self.simulator = NrgkickGen1(home.house, home.clock, "kick", password=PIN)

    async def start(self) -> None:
        """Listen, on the same port each time."""
        self.port = await self.simulator.start(self.port)


@asynccontextmanager
async def kick_home(
    make_home: HomeFactory, generation: int, *more: ConfigSubentryDataWithId
) -> AsyncIterator[Kick]:
    """Yield a home that runs and has learnt the charger's pace."""
    home = await make_home(NRGKICK_QUIET)
    # Each poll is two requests and perhaps a new connection.
    home.settle_rounds = 160
    kick = Kick(home, generation)
    await kick.start()
    try:
        await home.add(
            site_entry(
                meter_data(home.pty),
                nrgkick_data(kick.port, generation),
                *(more or (fixed_price(),)),
            )
        )
        await home.run(50 if generation == 1 else 10, step=1)
        yield kick
        # Before the charger goes, so that no request is left waiting.
        await unload(home)
    finally:
        await kick.simulator.stop()
