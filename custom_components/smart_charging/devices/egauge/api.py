"""What the driver needs of either interface, and what can be wrong with both."""

from dataclasses import dataclass
from typing import Final, Protocol

from ..base import InvalidAuth, WrongDevice
from .registers import Snapshot

STRANGE: Final = "an answer of another shape"


class NotOffered(WrongDevice):
    """The web server does not have this interface (HTTP 404)."""


class NotAllowed(InvalidAuth):
    """The user is who he says, and may not see this."""


class LoginNeeded(WrongDevice):
    """The meter may not be read without a user name. Another password alone would mend nothing."""

    key = "login_needed"


class SerialUnknown(WrongDevice):
    """The meter does not say which one it is, and neither did the form."""

    key = "serial_unknown"


class RegisterGone(WrongDevice):
    """A register that was chosen is not there."""

    key = "register_gone"


@dataclass(frozen=True, kw_only=True)
class About:
    """What a meter tells of itself."""

    serial: str | None = None
    hostname: str | None = None
    model: str | None = None
    firmware: str | None = None


class Api(Protocol):
    """One interface. Every call raises CannotConnect, InvalidAuth or WrongDevice."""

    async def serial(self) -> str | None:
        """Return the serial number, where this interface or this user is told."""

    async def about(self) -> About:
        """Return what else the meter tells of itself."""

    async def snapshot(self, *, counters: bool) -> Snapshot:
        """Return what it measures now, on request with counters."""
