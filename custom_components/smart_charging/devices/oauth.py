"""What a make declares whose service a person signs in to, and what its driver gets of that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class OAuth:
    """Where a person signs in, and where tokens come from. The token request is JSON."""

    authorize_url: str
    token_url: str
    authorize: Mapping[str, str] = field(default_factory=dict)
    """What the service wants to know besides, such as scopes."""


class Tokens(Protocol):
    """The access tokens of one device."""

    async def access(self) -> str:
        """Return a token that is valid now, renewed where that is due.

        Raises InvalidAuth when it is not renewed any more, CannotConnect when the place that gives
        tokens out is in trouble.
        """

    def refuse(self, token: str) -> None:
        """Take note that the service refuses a token: the next one is renewed before its time."""
