"""What every test shares."""

import logging

import freezegun
import pytest

import custom_components  # noqa: F401 - before Home Assistant puts another package of this name first

# The planner measures how long it works, in a thread: frozen time would be mixed with real time
# there, since freezegun looks a few frames up for `threading`.
freezegun.configure(extend_ignore_list=["custom_components.smart_charging.core.planner"])

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


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Leave the loop as it runs in a home, where the fixture of this name has it debugged.

    It would note for each callback and future where it came from: a third of the time of all
    tests. Home Assistant itself refuses calls from a wrong thread.
    """
