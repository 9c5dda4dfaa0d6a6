"""Charging stations of a garage through PowerFlex's service, and the limit of that garage."""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make


def _load() -> DriverFactory:
    from .driver import PowerFlexDriver

    return PowerFlexDriver


MAKE = Make(
    key="powerflex",
    name="PowerFlex",
    fields=(
        Field(key="url", kind=FieldKind.TEXT, default="https://slac.powerflex.com:9443"),
        Field(key="username", kind=FieldKind.TEXT),
        Field(key="password", kind=FieldKind.PASSWORD, secret=True),
        Field(key="garage", kind=FieldKind.TEXT),
        Field(key="station", kind=FieldKind.TEXT, required=False),
        Field(key="phases", kind=FieldKind.CHOICE, default="1", options=("1", "3")),
        Field(
            key="voltage",
            kind=FieldKind.NUMBER,
            default=230,
            minimum=100,
            maximum=277,
            unit="V",
        ),
        # The units follow from the scaling in public clients; nobody of us saw the service.
        Field(key="current_unit", kind=FieldKind.CHOICE, default="mA", options=("mA", "A")),
        Field(key="voltage_unit", kind=FieldKind.CHOICE, default="mV", options=("mV", "V")),
        Field(key="power_unit", kind=FieldKind.CHOICE, default="mW", options=("mW", "W", "kW")),
        Field(
            key="energy_unit", kind=FieldKind.CHOICE, default="mWh", options=("mWh", "Wh", "kWh")
        ),
    ),
    parts=(PartKind.CHARGER,),
    load=_load,
    expected_interval_s=10.0,
)
