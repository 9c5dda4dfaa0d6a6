"""Fronius Wattpilot (Home, Go, Flex) over its local websocket."""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make


def _load() -> DriverFactory:
    from .driver import WattpilotDriver

    return WattpilotDriver


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
)
