"""A SolarEdge site through SolarEdge's monitoring service, for home owners, who sign in.

Keys are for installers; the driver is the same.
"""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make
from ..oauth import OAuth
from ..solaredge_cloud import HOURLY_S, QUARTER_S, REQUIREMENTS

ACCESS_MONTHS = 24
"""The longest that may be granted."""


def _load() -> DriverFactory:
    from ..solaredge_cloud.driver import SolarEdgeCloudDriver

    return SolarEdgeCloudDriver


MAKE = Make(
    key="solaredge_home",
    name="SolarEdge (cloud, sign in)",
    # What was granted is one site, but Home Assistant's page for the way back does not tell which.
    fields=(Field(key="site_id", kind=FieldKind.TEXT),),
    parts=(PartKind.METER, PartKind.PV, PartKind.BATTERY),
    load=_load,
    requirements=REQUIREMENTS,
    expected_interval_s=QUARTER_S,
    other_intervals_s={PartKind.BATTERY: HOURLY_S},
    slow=True,
    oauth=OAuth(
        authorize_url="https://connect.solaredge.com/authorize",
        token_url="https://monitoringapi.solaredge.com/v2/oauth2/token",  # noqa: S106 - an address
        authorize={"scope": "SITE_DATA DEVICE_DATA", "access_duration": str(ACCESS_MONTHS)},
    ),
)
