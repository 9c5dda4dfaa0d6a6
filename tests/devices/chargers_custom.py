"""Chargers of custom integrations."""

from collections.abc import Mapping

from tests.devices.chargers_of_ha import KW, KWH, WH, A, ChargerOfHa, Row, W, amperes, options

EASEE = ChargerOfHa(
    platform="easee",
    rows=(
        Row(
            id="sensor.e_status", unique_id="EH123456_status", state="charging",
            translation_key="easee_status",
        ),
        Row(
            id="sensor.e_dynamic", unique_id="EH123456_dynamic_charger_limit", state="16",
            attributes=A, translation_key="dynamic_charger_limit",
        ),
        Row(
            id="sensor.e_circuit", unique_id="EH123456_dynamic_circuit_limit", state="32",
            attributes=A, translation_key="dynamic_circuit_limit",
        ),
        Row(id="sensor.e_power", unique_id="EH123456_power", state="7.3", attributes=KW),
        Row(
            id="switch.e_enabled", unique_id="EH123456_is_enabled", state="on",
            translation_key="is_enabled",
        ),
    ),
    suggested={
        "status": "sensor.e_status", "limit": "sensor.e_dynamic", "power": "sensor.e_power",
        "control": "easee", "phases": "1_3",
    },
    words={
        "unplugged": {"sensor.e_status": "disconnected"},
        "paused": {"sensor.e_status": "awaiting_start"},
        "charging": {"sensor.e_status": "charging"},
    },
    limit="sensor.e_dynamic",
    own_actions=True,
    max_a=16,
)  # fmt: skip

ZAPTEC = ChargerOfHa(
    platform="zaptec",
    rows=(
        Row(
            id="sensor.z_mode", unique_id="z1_charger_operation_mode", state="Connected_Charging",
            translation_key="charger_operation_mode",
        ),
        Row(
            id="number.z_max", unique_id="z1_charger_max_current", state="32",
            attributes=amperes(0, 32), translation_key="charger_max_current",
        ),
        Row(
            id="number.z_min", unique_id="z1_charger_min_current", state="6",
            attributes=amperes(0, 32), translation_key="charger_min_current",
        ),
        Row(
            id="switch.z_charging", unique_id="z1_charger_operation_mode", state="on",
            translation_key="charger_operation_mode",
        ),
        Row(
            id="sensor.z_power", unique_id="z1_total_charge_power", state="7001", attributes=W,
            translation_key="total_charge_power",
        ),
        Row(
            id="sensor.z_session", unique_id="z1_total_charge_power_session", state="2.1",
            attributes=KWH, translation_key="total_charge_power_session",
        ),
    ),
    suggested={
        "status": "sensor.z_mode", "limit": "number.z_max", "enable": "switch.z_charging",
        "power": "sensor.z_power", "session_energy": "sensor.z_session",
    },
    words={
        "unplugged": {"sensor.z_mode": "Disconnected"},
        "paused": {"sensor.z_mode": "Connected_Requesting"},
        "charging": {"sensor.z_mode": "Connected_Charging"},
    },
    limit="number.z_max",
    enable="switch.z_charging",
)  # fmt: skip

OCPP = ChargerOfHa(
    platform="ocpp",
    rows=(
        Row(
            id="sensor.charger_status_connector",
            unique_id="sensor.ocpp.charger.Status.Connector", state="Charging",
        ),
        Row(
            id="number.charger_maximum_current", unique_id="number.ocpp.charger.maximum_current",
            state="32", attributes=amperes(0, 32),
        ),
        Row(
            id="switch.charger_charge_control", unique_id="switch.ocpp.charger.charge_control",
            state="on",
        ),
        Row(
            id="switch.charger_availability", unique_id="switch.ocpp.charger.availability",
            state="on",
        ),
        Row(
            id="sensor.charger_power_active_import",
            unique_id="sensor.ocpp.charger.Power.Active.Import", state="7.2", attributes=KW,
        ),
        Row(
            id="sensor.charger_energy_session", unique_id="sensor.ocpp.charger.Energy.Session",
            state="4.0", attributes=KWH,
        ),
    ),
    suggested={
        "status": "sensor.charger_status_connector", "limit": "number.charger_maximum_current",
        "enable": "switch.charger_charge_control", "power": "sensor.charger_power_active_import",
        "session_energy": "sensor.charger_energy_session",
    },
    words={
        "unplugged": {"sensor.charger_status_connector": "Available"},
        "paused": {"sensor.charger_status_connector": "SuspendedEVSE"},
        "charging": {"sensor.charger_status_connector": "Charging"},
    },
    limit="number.charger_maximum_current",
    enable="switch.charger_charge_control",
)  # fmt: skip


def go_e(
    platform: str,
    car: Row,
    *,
    ids: Mapping[str, str],
    frc: tuple[str, str, str],
    psm: tuple[str, str, str],
    words: Mapping[str, str],
) -> ChargerOfHa:
    """Return a go-e as one of its two integrations shows it; options are neutral, off, on."""
    return ChargerOfHa(
        platform=platform,
        rows=(
            car,
            Row(
                id="number.g_amp", unique_id=ids["amp"], state="16",
                attributes=amperes(6, 32), translation_key="amp" if "goe_" in ids["amp"] else None,
            ),
            Row(id="select.g_frc", unique_id=ids["frc"], state=frc[0], attributes=options(*frc)),
            Row(id="select.g_psm", unique_id=ids["psm"], state=psm[2], attributes=options(*psm)),
            Row(id="sensor.g_power", unique_id=ids["nrg"], state="7000", attributes=W),
            Row(id="sensor.g_wh", unique_id=ids["wh"], state="4012", attributes=WH),
        ),
        suggested={
            "status": car.id, "limit": "number.g_amp", "enable": "select.g_frc",
            "phase": "select.g_psm", "power": "sensor.g_power", "session_energy": "sensor.g_wh",
            "phases": "1_3", "enable_run": frc[2], "enable_pause": frc[1],
            "phase_one": psm[1], "phase_three": psm[2],
        },
        words={state: {car.id: word} for state, word in words.items()},
        limit="number.g_amp",
        enable="select.g_frc",
        pause=frc[1],
    )  # fmt: skip


GO_E_MQTT = go_e(
    "goecharger_mqtt",
    Row(id="sensor.g_car", unique_id="072246-sensor-car-car", state="charging"),
    ids={
        "amp": "072246-number-amp-0", "frc": "072246-select-frc-frc",
        "psm": "072246-select-psm-psm", "nrg": "072246-sensor-nrg-11", "wh": "072246-sensor-wh-0",
    },
    frc=("Neutral", "Don't charge", "Charge"),
    psm=("Auto", "Force single phase", "Force three phases"),
    words={"unplugged": "idle", "paused": "wait_for_car", "charging": "charging"},
)  # fmt: skip

GO_E_API = go_e(
    "goecharger_api2",
    Row(
        id="sensor.goe_072246_car_value", unique_id="sensor.goe_072246_car_value", state="Charging",
        translation_key="car_value",
    ),
    ids={
        "amp": "number.goe_072246_amp", "frc": "select.goe_072246_frc",
        "psm": "select.goe_072246_psm", "nrg": "sensor.goe_072246_nrg_11",
        "wh": "sensor.goe_072246_wh",
    },
    frc=("0", "1", "2"),
    psm=("0", "1", "2"),
    words={"unplugged": "Idle", "paused": "Wait for car", "charging": "Charging"},
)  # fmt: skip

ZAPPI = ChargerOfHa(
    platform="myenergi",
    rows=(
        Row(id="sensor.y_plug", unique_id="01F-15550-plug_status", state="Charging"),
        Row(id="sensor.y_status", unique_id="01F-15550-status", state="Charging"),
        Row(
            id="select.y_mode", unique_id="01F-15550-charge_mode", state="Eco+",
            attributes=options("Fast", "Eco", "Eco+", "Stopped"),
        ),
        Row(id="sensor.y_added", unique_id="01F-15550-charge_added", state="2.5", attributes=KWH),
    ),
    suggested={
        "status": "sensor.y_plug", "enable": "select.y_mode", "session_energy": "sensor.y_added",
        "enable_run": "Fast", "enable_pause": "Stopped",
    },
    words={
        "unplugged": {"sensor.y_plug": "EV Disconnected"},
        "paused": {"sensor.y_plug": "EV Connected"},
        "charging": {"sensor.y_plug": "Charging"},
    },
    enable="select.y_mode",
    pause="Stopped",
    max_a=16,
)  # fmt: skip
