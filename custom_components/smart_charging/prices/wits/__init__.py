"""New Zealand's wholesale spot prices from WITS, per grid exit point."""

from ...devices.base import Field, FieldKind
from ..base import SourceKind
from .source import WitsSource

WITS = SourceKind(
    key="wits",
    name="WITS spot prices (New Zealand)",
    fields=(
        Field(key="client_id", kind=FieldKind.TEXT),
        Field(key="client_secret", kind=FieldKind.PASSWORD, secret=True),
        Field(key="node", kind=FieldKind.TEXT),
    ),
    create=WitsSource,
    currency="NZD",
)
