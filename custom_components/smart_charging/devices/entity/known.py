"""Which entities of which integration make up a part, by translation key or end of unique id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core.reading import PartKind
from .fields import CONTROL_EASEE, PHASE_OPTIONS


@dataclass(frozen=True, kw_only=True)
class Known:
    """One row: how the entities of one integration's device fill in a form."""

    platform: str
    kind: PartKind
    needs: tuple[str, ...]
    """Form fields that must be found, else the device is something else."""
    fields: Mapping[str, str]
    """Form field -> `domain.key`; further keys after `|` are other names of the same entity."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Entities that must exist besides, to tell devices of one integration apart."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further values of the form."""


def _charger(platform: str, fields: Mapping[str, str], **extra: Any) -> Known:
    return Known(
        platform=platform,
        kind=PartKind.CHARGER,
        needs=tuple(key for key in ("status", "limit", "enable", "connected") if key in fields)[:2],
        fields=fields,
        extra=extra,
    )


def _lines(domain_key: str, names: tuple[str, str, str] = ("1", "2", "3")) -> dict[str, str]:
    """Return the current of each line conductor; `{}` stands where the names differ."""
    return {
        f"l{n}_current": domain_key.format(name) for n, name in zip((1, 2, 3), names, strict=True)
    }


_GO_E = {
    "status": "sensor.car",
    "limit": "number.amp",
    "enable": "select.frc",
    "phase": "select.psm",
    "session_energy": "sensor.wh",
    "total_energy": "sensor.eto",
}

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
            **_lines("sensor.l{}_current"),
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
            **_lines("sensor.current_phase_{}"),
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
            **_lines("sensor.current_l{}"),
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
            **_lines("sensor.l{}_current"),
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
        control=CONTROL_EASEE,
        phases=PHASE_OPTIONS[2],
    ),
    _charger(
        "zaptec",
        {
            "status": "sensor.charger_operation_mode",
            "limit": "number.charger_max_current",
            "enable": "switch.charger_operation_mode",
            "power": "sensor.total_charge_power",
            **_lines("sensor.current_phase{}"),
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
        _charger(platform, _GO_E, phases=PHASE_OPTIONS[2])
        for platform in ("goecharger_mqtt", "goecharger_api2")
    ),
    *(_charger(platform, _TESLA_CAR) for platform in ("tesla_fleet", "teslemetry", "tessie")),
)
"""Options of go-e's selects have translated names: the person who sets it up fills those in."""


def _part(
    platform: str, kind: PartKind, fields: Mapping[str, str], *needs: str, **extra: Any
) -> Known:
    return Known(platform=platform, kind=kind, needs=needs, fields=fields, extra=extra)


METERS = (
    _part(
        "dsmr",
        PartKind.METER,
        {
            "import_power": "sensor.current_electricity_usage",
            "export_power": "sensor.current_electricity_delivery",
            **_lines("sensor.instantaneous_current_l{}"),
            "import_energy": "sensor.electricity_imported_total",
            "export_energy": "sensor.electricity_exported_total",
            "quarter_power": "sensor.belgium_current_average_demand|current_average_demand",
            "month_peak": "sensor.belgium_maximum_demand_current_month|maximum_demand_current_month",
        },
        "import_power",
        "export_power",
    ),
    _part(
        "homewizard",
        PartKind.METER,
        {
            "power": "sensor.active_power_w",
            **_lines("sensor.active_current_l{}_a"),
            **{f"l{n}_power": f"sensor.active_power_l{n}_w" for n in (1, 2, 3)},
            "import_energy": "sensor.total_power_import_kwh|total_energy_import_kwh",
            "export_energy": "sensor.total_power_export_kwh|total_energy_export_kwh",
            "quarter_power": "sensor.active_power_average_w",
            "month_peak": "sensor.monthly_power_peak_w",
        },
        "power",
        "import_energy",
    ),
    Known(
        platform="solaredge_modbus",
        kind=PartKind.METER,
        needs=("power", "import_energy"),
        fields={
            "power": "sensor.ac_power",
            **_lines("sensor.ac_current_phase_{}", ("a", "b", "c")),
            **{
                f"l{n}_power": f"sensor.ac_power_phase_{p}"
                for n, p in ((1, "a"), (2, "b"), (3, "c"))
            },
            "import_energy": "sensor.energy_imported",
            "export_energy": "sensor.energy_exported",
        },
        # Its meter counts export as positive.
        extra={"invert": True},
    ),
    _part(
        "p1_monitor",
        PartKind.METER,
        {
            "import_power": "sensor.power_consumption",
            "export_power": "sensor.power_production",
            **_lines("sensor.current_phase_l{}"),
        },
        "import_power",
        "export_power",
    ),
    _part("fronius", PartKind.METER, {"power": "sensor.power_grid"}, "power"),
    _part(
        "enphase_envoy",
        PartKind.METER,
        {"power": "sensor.balanced_net_consumption|net_consumption"},
        "power",
    ),
    _part(
        "powerwall",
        PartKind.METER,
        {
            "power": "sensor.site_instant_power",
            "import_energy": "sensor.site_import",
            "export_energy": "sensor.site_export",
        },
        "power",
    ),
    _part(
        "tibber",
        PartKind.METER,
        {
            "import_power": "sensor.power",
            "export_power": "sensor.power_production|powerproduction",
            **_lines("sensor.current_l{}"),
        },
        "import_power",
        "export_power",
    ),
    _part(
        "sma",
        PartKind.METER,
        {
            "import_power": "sensor.metering_power_absorbed",
            "export_power": "sensor.metering_power_supplied",
            **_lines("sensor.metering_current_l{}"),
            "import_energy": "sensor.metering_total_absorbed",
            "export_energy": "sensor.metering_total_yield",
        },
        "import_power",
        "export_power",
    ),
    _part("tesla_fleet", PartKind.METER, {"power": "sensor.grid_power"}, "power"),
    _part("teslemetry", PartKind.METER, {"power": "sensor.grid_power"}, "power"),
)

PV = (
    Known(
        platform="solaredge_modbus",
        kind=PartKind.PV,
        needs=("power",),
        fields={"power": "sensor.ac_power", "energy": "sensor.ac_energy"},
        also={"inverter": "sensor.dc_power"},
    ),
    _part("fronius", PartKind.PV, {"power": "sensor.power_photovoltaics"}, "power"),
    _part(
        "enphase_envoy",
        PartKind.PV,
        {
            "power": "sensor.production|current_power_production",
            "energy": "sensor.lifetime_production",
        },
        "power",
    ),
    _part("powerwall", PartKind.PV, {"power": "sensor.solar_instant_power"}, "power"),
    _part(
        "sma", PartKind.PV, {"power": "sensor.pv_power", "energy": "sensor.total_yield"}, "power"
    ),
    _part("tesla_fleet", PartKind.PV, {"power": "sensor.solar_power"}, "power"),
    _part("teslemetry", PartKind.PV, {"power": "sensor.solar_power"}, "power"),
)

BATTERIES = (
    Known(
        platform="solaredge_modbus",
        kind=PartKind.BATTERY,
        needs=("soc", "power"),
        fields={"soc": "sensor.state_of_energy", "power": "sensor.dc_power"},
        # Its battery counts charging as positive.
        extra={"invert": True},
    ),
    _part(
        "fronius",
        PartKind.BATTERY,
        {"soc": "sensor.state_of_charge", "power": "sensor.power_battery"},
        "soc",
        "power",
    ),
    _part(
        "homevolt",
        PartKind.BATTERY,
        {
            "soc": "sensor.state_of_charge",
            "power": "sensor.power",
        },
        "soc",
        "power",
    ),
    _part(
        "tesla_fleet",
        PartKind.BATTERY,
        {"soc": "sensor.percentage_charged", "power": "sensor.battery_power"},
        "soc",
        "power",
    ),
    _part(
        "teslemetry",
        PartKind.BATTERY,
        {"soc": "sensor.percentage_charged", "power": "sensor.battery_power"},
        "soc",
        "power",
    ),
)

KNOWN = (*CHARGERS, *METERS, *PV, *BATTERIES)
