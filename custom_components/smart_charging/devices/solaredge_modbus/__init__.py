"""SolarEdge inverters, their meter and battery, over Modbus TCP in the home's own network."""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make
from ..discovery import Discovery, Found, Heard

DEFAULT_PORT = 1502
"""What SetApp switches on; inverters with a display use 502."""
DEFAULT_UNIT = 1
HIGHEST_UNIT = 247


def _load() -> DriverFactory:
    from .driver import SolarEdgeModbusDriver

    return SolarEdgeModbusDriver


def _read(heard: Heard) -> Found:
    """Read what an inverter announces: where it is, and perhaps its unit, but not who it is."""
    unit = heard.properties.get("MODBUS_ID", "")
    right = unit.isdecimal() and 1 <= int(unit) <= HIGHEST_UNIT
    return Found(
        connection={
            "host": heard.address,
            "port": heard.port or DEFAULT_PORT,
            "unit": int(unit) if right else DEFAULT_UNIT,
        },
        name="SolarEdge",
    )


MAKE = Make(
    key="solaredge_modbus",
    name="SolarEdge (Modbus)",
    fields=(
        Field(key="host", kind=FieldKind.TEXT),
        Field(key="port", kind=FieldKind.NUMBER, default=DEFAULT_PORT, minimum=1, maximum=65535),
        Field(
            key="unit", kind=FieldKind.NUMBER, default=DEFAULT_UNIT, minimum=1, maximum=HIGHEST_UNIT
        ),
    ),
    parts=(PartKind.METER, PartKind.PV, PartKind.BATTERY),
    load=_load,
    # Ranges that hold what Home Assistant pins itself, so that neither throws the other out.
    requirements=("solaredged>=0.5.0,<1", "modbus-connection[tmodbus]>=4.12.4,<5"),
    expected_interval_s=2.0,
    discovery=Discovery(
        zeroconf=("_solaredge-modbus._tcp.local.",),
        # The vendor's own block of addresses, with the name that all its inverters have.
        dhcp=({"hostname": "target", "macaddress": "002702*"},),
        read=_read,
    ),
)
