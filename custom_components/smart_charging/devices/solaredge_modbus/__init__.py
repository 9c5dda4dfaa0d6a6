"""SolarEdge inverters, their meter and battery, over Modbus TCP in the home's own network."""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make


def _load() -> DriverFactory:
    from .driver import SolarEdgeModbusDriver

    return SolarEdgeModbusDriver


MAKE = Make(
    key="solaredge_modbus",
    name="SolarEdge (Modbus)",
    fields=(
        Field(key="host", kind=FieldKind.TEXT),
        # 1502 is what SetApp switches on; inverters with a display use 502.
        Field(key="port", kind=FieldKind.NUMBER, default=1502, minimum=1, maximum=65535),
        Field(key="unit", kind=FieldKind.NUMBER, default=1, minimum=1, maximum=247),
    ),
    parts=(PartKind.METER, PartKind.PV, PartKind.BATTERY),
    load=_load,
    # Ranges that hold what Home Assistant pins itself, so that neither throws the other out.
    requirements=("solaredged>=0.5.0,<1", "modbus-connection[tmodbus]>=4.12.4,<5"),
    expected_interval_s=2.0,
)
