"""Which entities of which integration make up a part, by translation key or end of unique id."""

from collections.abc import Mapping
from typing import Any

from ...core.reading import PartKind
from .known_chargers import CHARGERS
from .known_row import Known, lines


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
            **lines("sensor.instantaneous_current_l{}"),
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
            **lines("sensor.active_current_l{}_a"),
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
            **lines("sensor.ac_current_phase_{}", ("a", "b", "c")),
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
            **lines("sensor.current_phase_l{}"),
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
            **lines("sensor.current_l{}"),
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
            **lines("sensor.metering_current_l{}"),
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
        "sma",
        PartKind.BATTERY,
        {
            "soc": "sensor.battery_soc_total",
            "input_power": "sensor.battery_power_charge_total",
            "output_power": "sensor.battery_power_discharge_total",
            "charged_energy": "sensor.battery_charge_total",
            "discharged_energy": "sensor.battery_discharge_total",
        },
        "soc",
        "input_power",
        "output_power",
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
