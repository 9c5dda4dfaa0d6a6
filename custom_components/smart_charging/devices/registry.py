"""The table of makes: one row each. A new make is one package, one row here, its texts.

Another integration adds its own rows with `register`; docs/adding-a-device.md shows how.
"""

from collections.abc import Callable
import re

from . import (
    egauge,
    entity,
    nrgkick,
    p1,
    powerflex,
    solaredge_cloud,
    solaredge_home,
    solaredge_modbus,
    sonnen,
    wattpilot,
)
from .base import DriverFactory, Field, FieldKind, Make
from .oauth import OAuth


class Makes(dict[str, Make]):
    """Rows by key. A key without a row gives one that cannot connect and says why.

    Rows of other integrations come after a site has started and go when those are removed: a
    device must outlive that as an unavailable one, and the rest of its site must not notice.
    """

    def __missing__(self, key: str) -> Make:
        """Stand in for a row that is not there; it is not kept."""

        def load() -> DriverFactory:
            raise ImportError(f"the integration that brings devices of the make {key} is missing")

        return Make(
            key=key,
            name=key,
            # Which of its fields are secret is not known either: none of them is shown.
            fields=(Field(key="connection", kind=FieldKind.TEXT, required=False, secret=True),),
            parts=(),
            load=load,
        )


MAKES: Makes = Makes(
    {
        make.key: make
        for make in (
            p1.MAKE,
            wattpilot.MAKE,
            nrgkick.MAKE,
            solaredge_modbus.MAKE,
            solaredge_home.MAKE,
            solaredge_cloud.MAKE,
            sonnen.MAKE,
            egauge.MAKE,
            powerflex.MAKE,
            *entity.MAKES,
        )
    }
)

BUILT_IN = frozenset(MAKES)
"""Keys of the rows that have texts in our translations."""


def signing_in() -> OAuth:
    """Return how people sign in: Home Assistant has one such service per integration."""
    return next(make.oauth for make in MAKES.values() if make.oauth is not None)


def register(make: Make) -> Callable[[], None]:
    """Add a row from outside; return what takes it out again. Call it in the event loop.

    Raises ValueError for a key that is taken, or that is not of small letters, digits and
    underscores (forms and stored devices name the make by it).
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", make.key):
        raise ValueError(f"{make.key!r} is no key of a make")
    if make.key in MAKES:
        raise ValueError(f"there is a make {make.key} already")
    MAKES[make.key] = make

    def unregister() -> None:
        del MAKES[make.key]

    return unregister
