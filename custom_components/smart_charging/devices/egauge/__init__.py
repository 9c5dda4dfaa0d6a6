"""eGauge meters over their JSON interface with a login, and over the older XML interface."""

from ...core.reading import PartKind
from ..base import DriverFactory, Field, FieldKind, Make


def _load() -> DriverFactory:
    from .driver import EgaugeDriver

    return EgaugeDriver


def _register(key: str, quantity: str = "power") -> Field:
    return Field(key=key, kind=FieldKind.CHANNEL, quantity=quantity, required=False)


def _inverted(key: str) -> Field:
    return Field(key=key, kind=FieldKind.BOOLEAN, required=False, default=False)


def _scale(key: str) -> Field:
    return Field(
        key=key,
        kind=FieldKind.NUMBER,
        default=1.0,
        minimum=0.001,
        maximum=1000.0,
        step=0.001,
    )


MAKE = Make(
    key="egauge",
    name="eGauge",
    fields=(
        Field(key="host", kind=FieldKind.TEXT),
        Field(key="username", kind=FieldKind.TEXT, required=False),
        Field(key="password", kind=FieldKind.PASSWORD, required=False, secret=True),
        # Who may not read the meter's settings is not told it, and the XML interface has none.
        Field(key="serial", kind=FieldKind.TEXT, required=False),
    ),
    assignment=(
        _register("grid"),
        _inverted("grid_inverted"),
        _scale("grid_scale"),
        *(_register(f"l{line}_power") for line in (1, 2, 3)),
        *(_register(f"l{line}_current", "current") for line in (1, 2, 3)),
        *(_register(f"l{line}_voltage", "voltage") for line in (1, 2, 3)),
        _register("import_energy"),
        _register("export_energy"),
        _register("pv"),
        _inverted("pv_inverted"),
        _scale("pv_scale"),
        _register("pv_energy"),
    ),
    parts=(PartKind.METER, PartKind.PV),
    load=_load,
    # No library: egauge-async is under the GPL, egauge-python blocks.
    expected_interval_s=2.0,
)
