"""A real Home Assistant with this integration."""

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest

from simulators.car import Car
from simulators.house import ChargerConfig, HouseConfig

from .home import Home

type HomeFactory = Callable[..., Coroutine[Any, Any, Home]]


@pytest.fixture(autouse=True)
def _integration(request: pytest.FixtureRequest) -> None:
    """Find this integration; the recorder, where a test wants it, must stand before `hass`."""
    if "recorder_mock" in request.fixturenames:
        request.getfixturevalue("recorder_mock")
    request.getfixturevalue("enable_custom_integrations")


@pytest.fixture(autouse=True)
def _no_complaints(caplog: pytest.LogCaptureFixture) -> Any:
    """Home Assistant must find nothing to report about this integration."""
    yield
    assert "Detected that custom integration" not in caplog.text
    assert "Detected blocking call" not in caplog.text


QUIET = HouseConfig(
    appliances=(),
    load_noise=0.0,
    pv_peak_kw=0.0,
    chargers=(ChargerConfig(key="charger", car=Car(soc=0.4)),),
)
"""A house that draws its base load and nothing else."""


@pytest.fixture
async def make_home(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> AsyncIterator[HomeFactory]:
    """Build homes; everything is stopped at the end."""
    homes: list[Home] = []

    async def make(config: HouseConfig = QUIET) -> Home:
        await hass.config.async_set_time_zone(config.time_zone)
        home = Home(hass, freezer, config)
        homes.append(home)
        await home.start()
        return home

    yield make
    for home in homes:
        await home.stop()
