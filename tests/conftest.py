"""What every test shares."""

import asyncio.constants
import logging

import freezegun
import pytest

import custom_components  # noqa: F401 - before Home Assistant puts another package of this name first

# The planner measures how long it works, in a thread: frozen time would be mixed with real time
# there, since freezegun looks a few frames up for `threading`.
freezegun.configure(extend_ignore_list=["custom_components.smart_charging.core.planner"])

# Home Assistant's tests run the loop in debug mode, which notes for each callback where it came from:
# a third of the time of all tests, for a stack that nobody reads. The checks themselves stay.
asyncio.constants.DEBUG_STACK_DEPTH = 0

# They log each byte, which is slow, and nobody reads it.
for name in (
    "asyncio",
    "homeassistant.components.recorder",
    "serialx",
    "sqlalchemy.engine",
    "wattpilot_api",
    "websockets",
):
    logging.getLogger(name).setLevel(logging.ERROR)


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Allow sockets: simulators listen on 127.0.0.1, the only host that tests may reach."""
