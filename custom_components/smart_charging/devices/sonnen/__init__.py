"""sonnenBatterie over its interface in the home network: version 2 with a token, and version 1."""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make


def _load() -> DriverFactory:
    from .driver import SonnenDriver

    return SonnenDriver


MAKE = Make(
    key="sonnen",
    name="sonnenBatterie",
    fields=(
        Field(key="host", kind=FieldKind.TEXT),
        # The interface does not tell it, and a battery needs a name of its own that lasts.
        Field(key="serial", kind=FieldKind.TEXT),
        Field(key="version", kind=FieldKind.CHOICE, default="v2", options=("v2", "v1")),
        Field(key="token", kind=FieldKind.PASSWORD, required=False, secret=True),
    ),
    parts=(PartKind.METER, PartKind.PV, PartKind.BATTERY),
    load=_load,
    expected_interval_s=5.0,
)
