"""The forms of the four kinds of part that entities can make up."""

from ..base import Field, FieldKind

SENSORS = ("sensor", "input_number", "number")
SWITCHES = ("switch", "input_boolean")
SELECTS = ("select", "input_select")
NUMBERS = ("number", "input_number")

CONTROL_ENTITIES = "entities"
CONTROL_EASEE = "easee"
CONTROL_KEBA = "keba"
CONTROLS = (CONTROL_ENTITIES, CONTROL_EASEE, CONTROL_KEBA)
"""Orders by entities, or by the actions of an integration that has no entity for the current."""

PHASE_OPTIONS = ("1", "3", "1_3")

DEFAULT_MAX_A = 16.0
"""What nearly every charger and its wiring bears."""

LOWEST_CURRENT_A = 6.0
"""IEC 61851 has no charging below it."""


def _entity(
    key: str,
    domains: tuple[str, ...] = SENSORS,
    *device_classes: str,
    required: bool = False,
) -> Field:
    return Field(
        key=key,
        kind=FieldKind.ENTITY,
        required=required,
        domains=domains,
        device_classes=device_classes,
    )


def _sensor(key: str, device_class: str, *, required: bool = False) -> Field:
    return _entity(key, ("sensor",), device_class, required=required)


def _text(key: str) -> Field:
    return Field(key=key, kind=FieldKind.TEXT, required=False)


def _figure(key: str, unit: str, maximum: float, step: float = 0.1) -> Field:
    return Field(
        key=key,
        kind=FieldKind.NUMBER,
        required=False,
        minimum=0.0,
        maximum=maximum,
        step=step,
        unit=unit,
    )


_INVERT = Field(key="invert", kind=FieldKind.BOOLEAN, required=False, default=False)

METER_FIELDS = (
    _sensor("power", "power"),
    _sensor("import_power", "power"),
    _sensor("export_power", "power"),
    _INVERT,
    *(_sensor(f"l{n}_current", "current") for n in (1, 2, 3)),
    *(_sensor(f"l{n}_power", "power") for n in (1, 2, 3)),
    _sensor("import_energy", "energy"),
    _sensor("export_energy", "energy"),
    _sensor("quarter_power", "power"),
    _sensor("month_peak", "power"),
)

PV_FIELDS = (
    _sensor("power", "power", required=True),
    _INVERT,
    _sensor("energy", "energy"),
)

BATTERY_FIELDS = (
    _entity("soc", ("sensor",), "battery", required=True),
    _sensor("power", "power"),
    _INVERT,
    _sensor("input_power", "power"),
    _sensor("output_power", "power"),
    _figure("capacity_kwh", "kWh", 1000),
    _figure("max_charge_kw", "kW", 500),
    _figure("max_discharge_kw", "kW", 500),
    _entity("mode", (*SELECTS, *SWITCHES, *NUMBERS)),
    _text("option_self_consumption"),
    _text("option_hold"),
    _text("option_charge"),
    _text("option_discharge"),
    _entity("charge_power", NUMBERS),
    _entity("discharge_power", NUMBERS),
    _sensor("charged_energy", "energy"),
    _sensor("discharged_energy", "energy"),
)

CHARGER_FIELDS = (
    _entity("status", ("sensor", *SELECTS, "binary_sensor", "switch")),
    _entity("connected", ("binary_sensor", "input_boolean")),
    _entity("charging", ("binary_sensor", "input_boolean")),
    _sensor("power", "power"),
    *(_sensor(f"l{n}_current", "current") for n in (1, 2, 3)),
    Field(
        key="control",
        kind=FieldKind.CHOICE,
        required=False,
        default=CONTROL_ENTITIES,
        options=CONTROLS,
    ),
    # A sensor is read back only, for a charger that is commanded by actions.
    _entity("limit", (*NUMBERS, "sensor")),
    _entity("enable", (*SWITCHES, *SELECTS)),
    Field(key="enable_invert", kind=FieldKind.BOOLEAN, required=False, default=False),
    _text("enable_run"),
    _text("enable_pause"),
    _entity("phase", (*SELECTS, *NUMBERS, *SWITCHES)),
    _text("phase_one"),
    _text("phase_three"),
    Field(key="phases", kind=FieldKind.CHOICE, required=False, default="1", options=PHASE_OPTIONS),
    _figure("min_a", "A", 80, 1.0),
    _figure("max_a", "A", 80, 1.0),
    _sensor("session_energy", "energy"),
    _sensor("total_energy", "energy"),
)
