"""P1 port of a smart meter, over a serial cable or a network adapter."""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make
from .versions import VERSIONS


def _load() -> DriverFactory:
    from .driver import P1Driver

    return P1Driver


MAKE = Make(
    key="p1",
    name="P1 smart meter",
    fields=(
        Field(key="url", kind=FieldKind.SERIAL),
        Field(key="version", kind=FieldKind.CHOICE, default="5B", options=tuple(VERSIONS)),
        Field(key="encryption_key", kind=FieldKind.PASSWORD, required=False, secret=True),
    ),
    parts=(PartKind.METER,),
    load=_load,
    requirements=("dsmr-parser>=1.11.1,<2", "serialx>=1.11.0,<2"),
    push=True,
)
