"""Fronius Wattpilot (Home, Go, Flex) over its local websocket."""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make
from ..discovery import Discovery, Found, Heard, at
from .hello import HTTP_PORT, introduce


def _load() -> DriverFactory:
    from .driver import WattpilotDriver

    return WattpilotDriver


def _read(heard: Heard) -> Found:
    """Read what a wallbox announces: where it is. It says who it is when it is asked."""
    return Found(connection={"host": at(heard, HTTP_PORT)}, name=heard.name or "Wattpilot")


MAKE = Make(
    key="wattpilot",
    name="Fronius Wattpilot",
    fields=(
        Field(key="host", kind=FieldKind.TEXT),
        Field(key="password", kind=FieldKind.PASSWORD, secret=True),
    ),
    parts=(PartKind.CHARGER,),
    load=_load,
    # 1.6.0 is the first that waits for the charger's answer to a write.
    requirements=("wattpilot-api>=1.6.0,<2",),
    push=True,
    expected_interval_s=1.0,
    discovery=Discovery(
        # Home Assistant compares letter by letter, and public code has both ways to write it.
        zeroconf=("_Fronius-SE-Wattpilot._tcp.local.", "_fronius-se-wattpilot._tcp.local."),
        read=_read,
        introduce=introduce,
    ),
)
