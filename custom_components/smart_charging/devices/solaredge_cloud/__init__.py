"""A SolarEdge site through SolarEdge's monitoring service, version 2 of its API."""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make

REQUIREMENTS = ("aiosolaredge-one>=0.4.0,<0.5",)
"""An alpha whose next minor version may well be another library."""

QUARTER_S = 900.0
HOURLY_S = 3600.0


def _load() -> DriverFactory:
    from .driver import SolarEdgeCloudDriver

    return SolarEdgeCloudDriver


MAKE = Make(
    key="solaredge_cloud",
    name="SolarEdge (cloud)",
    fields=(
        Field(key="api_key", kind=FieldKind.PASSWORD, secret=True),
        Field(key="account_key", kind=FieldKind.PASSWORD, required=False, secret=True),
        Field(key="site_id", kind=FieldKind.TEXT),
    ),
    parts=(PartKind.METER, PartKind.PV, PartKind.BATTERY),
    load=_load,
    requirements=REQUIREMENTS,
    expected_interval_s=QUARTER_S,
    # Until their own pace was seen they must not count as silent between two calls.
    other_intervals_s={PartKind.BATTERY: HOURLY_S},
    slow=True,
)
