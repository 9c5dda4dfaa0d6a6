"""Which entities of which integration make up a charger."""

from collections.abc import Mapping
from typing import Any

from ...core.reading import PartKind
from .fields import CONTROL_EASEE, CONTROL_KEBA, PHASE_OPTIONS
from .known_row import Known, lines


def _charger(
    platform: str,
    fields: Mapping[str, str],
    *,
    needs: tuple[str, ...] = (),
    options: Mapping[str, tuple[str, ...]] | None = None,
    **extra: Any,
) -> Known:
    """Return a row; without `needs` the two most telling of its fields are needed."""
    telling = tuple(key for key in ("status", "limit", "enable", "connected") if key in fields)
    return Known(
        platform=platform,
        kind=PartKind.CHARGER,
        needs=needs or telling[:2],
        fields=fields,
        extra=extra,
        options=options or {},
    )


_GO_E = {
    # Over HTTP the word has a key of its own, beside a hidden number.
    "status": "sensor.car_value|car",
    # Over MQTT unique ids end in 0 where a value has no parts.
    "limit": "number.amp|amp_0",
    "enable": "select.frc",
    "phase": "select.psm|psm_0",
    "power": "sensor.nrg_11",
    **lines("sensor.nrg_{}", ("4", "5", "6")),
    "session_energy": "sensor.wh|wh_0",
    "total_energy": "sensor.eto|eto_0",
}

_GO_E_OPTIONS = {
    "enable_run": ("charge", "2"),
    "enable_pause": ("dont_charge", "Don't charge", "1"),
    "phase_one": ("one_phase", "Force single phase", "1"),
    "phase_three": ("three_phases", "Force three phases", "2"),
}
"""Names of its API's numbers: those of MQTT, older ones of MQTT, the numbers themselves over HTTP."""

_TESLA_CAR = {
    "status": "sensor.charge_state_charging_state",
    "limit": "number.charge_state_charge_current_request",
    "enable": "switch.charge_state_charging_state|charge_state_user_charge_enable_request",
    "power": "sensor.charge_state_charger_power",
    "session_energy": "sensor.charge_state_charge_energy_added",
}

CHARGERS = (
    _charger(
        "nrgkick",
        {
            "status": "sensor.status",
            "limit": "number.current_set",
            "enable": "switch.charging_enabled",
            "phase": "number.phase_count",
            "power": "sensor.total_active_power",
            **lines("sensor.l{}_current"),
            "session_energy": "sensor.charged_energy",
            "total_energy": "sensor.total_charged_energy",
        },
        phases=PHASE_OPTIONS[2],
    ),
    _charger(
        "wallbox",
        {
            "status": "sensor.status_description",
            "limit": "number.maximum_charging_current|max_charging_current",
            "enable": "switch.pause_resume|paused",
            "power": "sensor.charging_power",
            "session_energy": "sensor.added_energy",
        },
    ),
    _charger(
        "peblar",
        {
            "status": "sensor.cp_state",
            "limit": "number.charge_current_limit",
            "enable": "switch.charge",
            "phase": "switch.force_single_phase",
            "power": "sensor.power_total",
            **lines("sensor.current_phase_{}"),
            "session_energy": "sensor.energy_session",
            "total_energy": "sensor.energy_total",
        },
        phases=PHASE_OPTIONS[2],
    ),
    _charger(
        "v2c",
        {
            "connected": "binary_sensor.connected",
            "charging": "binary_sensor.charging",
            "limit": "number.intensity",
            "enable": "switch.paused",
            "power": "sensor.charge_power",
            "session_energy": "sensor.charge_energy",
        },
        enable_invert=True,
    ),
    _charger(
        "openevse",
        {
            "status": "sensor.status",
            "connected": "binary_sensor.vehicle",
            "limit": "number.charge_rate",
            "enable": "select.override_state",
            "power": "sensor.charging_power|current_power",
            "l1_current": "sensor.charging_current",
            "session_energy": "sensor.usage_session",
            "total_energy": "sensor.usage_total",
        },
        enable_run="active",
        enable_pause="disabled",
    ),
    _charger(
        "lektrico",
        {
            "status": "sensor.state",
            "limit": "number.dynamic_limit",
            "phase": "switch.force_single_phase",
            "power": "sensor.power",
            **lines("sensor.current_l{}"),
            "session_energy": "sensor.energy",
            "total_energy": "sensor.lifetime_energy",
        },
        phases=PHASE_OPTIONS[2],
    ),
    _charger(
        "technove",
        {
            "status": "sensor.status",
            "limit": "number.max_current",
            "enable": "switch.session_active",
            "l1_current": "sensor.current",
            "session_energy": "sensor.energy_session",
            "total_energy": "sensor.energy_total",
        },
    ),
    _charger(
        "besen",
        {
            "status": "sensor.current_state",
            "limit": "number.charging_current",
            "enable": "switch.charging",
            "power": "sensor.charging_power",
            **lines("sensor.l{}_current"),
            "session_energy": "sensor.session_energy",
            "total_energy": "sensor.total_energy",
        },
    ),
    _charger(
        "silla_prism",
        {
            "status": "sensor.status",
            "limit": "number.user_current",
            "enable": "select.charging_mode",
            "power": "sensor.power",
            "l1_current": "sensor.current",
            "session_energy": "sensor.session_energy",
            "total_energy": "sensor.total_energy",
        },
        enable_run="normal",
        enable_pause="pause",
    ),
    _charger(
        "nexblue",
        {
            "status": "sensor.charging_state",
            "enable": "switch.charging",
            "power": "sensor.power",
            "session_energy": "sensor.energy",
            "total_energy": "sensor.lifetime_energy",
        },
    ),
    _charger(
        "ohme",
        {
            "status": "sensor.status",
            "enable": "select.charge_mode",
            "power": "sensor.power",
            "l1_current": "sensor.current",
        },
        enable_run="max_charge",
        enable_pause="paused",
    ),
    _charger(
        "easee",
        {
            "status": "sensor.easee_status|status",
            "limit": "sensor.dynamic_charger_limit",
            "power": "sensor.power",
            "session_energy": "sensor.session_energy",
            "total_energy": "sensor.lifetime_energy",
        },
        # Its limit is hidden at first; without it an order is not read back.
        needs=("status",),
        control=CONTROL_EASEE,
        phases=PHASE_OPTIONS[2],
    ),
    _charger(
        "keba",
        {
            "connected": "binary_sensor.plug_state",
            "charging": "binary_sensor.charging_state",
            "limit": "sensor.max_current",
            "power": "sensor.charging_power",
            "session_energy": "sensor.session_energy",
            "total_energy": "sensor.total_energy",
        },
        needs=("connected", "charging"),
        control=CONTROL_KEBA,
    ),
    _charger(
        "blue_current",
        {
            "status": "sensor.vehicle_status",
            "enable": "switch.block",
            "power": "sensor.total_kw",
            **lines("sensor.actual_p{}"),
            "total_energy": "sensor.actual_kwh",
        },
        enable_invert=True,
    ),
    _charger(
        "myenergi",
        {
            "status": "sensor.plug_status",
            "enable": "select.charge_mode",
            "session_energy": "sensor.charge_added",
        },
        enable_run="Fast",
        enable_pause="Stopped",
    ),
    _charger(
        "zaptec",
        {
            "status": "sensor.charger_operation_mode",
            "limit": "number.charger_max_current",
            "enable": "switch.charger_operation_mode",
            "power": "sensor.total_charge_power",
            **lines("sensor.current_phase{}"),
            "session_energy": "sensor.total_charge_power_session",
            "total_energy": "sensor.signed_meter_value|signed_meter_value_kwh",
        },
    ),
    _charger(
        "ocpp",
        {
            "status": "sensor.status_connector",
            "limit": "number.maximum_current",
            "enable": "switch.charge_control",
            "power": "sensor.power_active_import",
            "session_energy": "sensor.energy_session",
            "total_energy": "sensor.energy_active_import_register",
        },
    ),
    *(
        _charger(platform, _GO_E, options=_GO_E_OPTIONS, phases=PHASE_OPTIONS[2])
        for platform in ("goecharger_mqtt", "goecharger_api2")
    ),
    *(_charger(platform, _TESLA_CAR) for platform in ("tesla_fleet", "teslemetry", "tessie")),
)
