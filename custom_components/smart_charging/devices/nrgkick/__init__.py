"""NRGkick Gen2 over its local HTTP interface, and Gen1 behind its Connect gateway."""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make
from ..discovery import Discovery, Found, Heard, at

HTTP_PORT = 80


def _load() -> DriverFactory:
    from .driver import NrgkickDriver

    return NrgkickDriver


def _read(heard: Heard) -> Found:
    """Read what a Gen2 announces; the gateway of a Gen1 announces nothing."""
    return Found(
        connection={"host": at(heard, HTTP_PORT)},
        name=heard.properties.get("device_name") or "NRGkick",
        serial=heard.properties.get("serial_number") or None,
    )


MAKE = Make(
    key="nrgkick",
    name="NRGkick",
    fields=(
        Field(key="host", kind=FieldKind.TEXT),
        Field(key="username", kind=FieldKind.TEXT, required=False),
        Field(key="password", kind=FieldKind.PASSWORD, required=False, secret=True),
        Field(key="wallbox", kind=FieldKind.TEXT, required=False),
    ),
    parts=(PartKind.CHARGER,),
    load=_load,
    # No library: nrgkick-api asks for another aiohttp than Home Assistant 2025.4 has, or for
    # Python 3.14, and knows nothing of Gen1.
    # Gen1's pace; a Gen2 answers more often, which counts after its third reading.
    expected_interval_s=10.0,
    discovery=Discovery(zeroconf=("_nrgkick._tcp.local.",), read=_read),
)
