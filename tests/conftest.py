"""What every test shares."""

import pytest

import custom_components  # noqa: F401 - before Home Assistant puts another package of this name first


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Allow sockets: simulators listen on 127.0.0.1, the only host that tests may reach."""
