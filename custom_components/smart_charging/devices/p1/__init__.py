"""P1 port of a smart meter, over a serial cable or a network adapter."""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make
from ..discovery import Discovery, Found, Heard
from .versions import VERSIONS


def _load() -> DriverFactory:
    from .driver import P1Driver

    return P1Driver


def _read(heard: Heard) -> Found:
    """Read what a cable says of itself: nothing of the meter, whose kind a person must choose."""
    ids = (heard.properties.get(key) for key in ("vid", "pid", "serial_number", "description"))
    return Found(
        connection={"url": heard.address},
        name=heard.name,
        mark="_".join(each for each in ids if each),
    )


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
    # Cables are made of chips that are in everything: only these two say what they are.
    discovery=Discovery(
        usb=(
            {"description": "p1 converter cable*", "vid": "0403"},
            {"description": "p1 cable*", "vid": "0403"},
        ),
        read=_read,
    ),
)
