"""Chargers of Home Assistant's own integrations."""

from tests.devices.chargers_of_ha import KW, KWH, PLUG, WH, A, ChargerOfHa, Row, W, amperes, options

NRGKICK = ChargerOfHa(
    platform="nrgkick",
    rows=(
        Row(id="sensor.k_status", unique_id="K1_status", state="charging", translation_key="status"),
        Row(
            id="number.k_current", unique_id="K1_current_set", state="16.0",
            attributes=amperes(6, 32, 0.1), translation_key="current_set",
        ),
        Row(
            id="switch.k_charging", unique_id="K1_charging_enabled", state="on",
            translation_key="charging_enabled",
        ),
        Row(
            id="number.k_phases", unique_id="K1_phase_count", state="3",
            attributes={"min": 1, "max": 3, "step": 1}, translation_key="phase_count",
        ),
        Row(
            id="sensor.k_power", unique_id="K1_total_active_power", state="7000", attributes=W,
            translation_key="total_active_power",
        ),
    ),
    suggested={
        "status": "sensor.k_status", "limit": "number.k_current", "enable": "switch.k_charging",
        "phase": "number.k_phases", "power": "sensor.k_power", "phases": "1_3",
    },
    words={
        "unplugged": {"sensor.k_status": "standby"},
        "paused": {"sensor.k_status": "connected"},
        "charging": {"sensor.k_status": "charging"},
    },
    limit="number.k_current",
    enable="switch.k_charging",
)  # fmt: skip

WALLBOX = ChargerOfHa(
    platform="wallbox",
    rows=(
        Row(id="sensor.w_status", unique_id="status_description-55", state="Charging"),
        Row(
            id="number.w_max", unique_id="max_charging_current-55", state="16",
            attributes=amperes(6, 32), translation_key="maximum_charging_current",
        ),
        Row(
            id="switch.w_pause", unique_id="paused-55", state="on", translation_key="pause_resume",
        ),
        Row(id="sensor.w_power", unique_id="charging_power-55", state="7.1", attributes=KW),
        Row(id="lock.w_lock", unique_id="locked-55", state="unlocked"),
    ),
    suggested={
        "status": "sensor.w_status", "limit": "number.w_max", "enable": "switch.w_pause",
        "power": "sensor.w_power",
    },
    words={
        "unplugged": {"sensor.w_status": "Ready"},
        "paused": {"sensor.w_status": "Paused"},
        "charging": {"sensor.w_status": "Charging"},
    },
    limit="number.w_max",
    enable="switch.w_pause",
)  # fmt: skip

PEBLAR = ChargerOfHa(
    platform="peblar",
    rows=(
        Row(
            id="sensor.p_state", unique_id="23-45-A4O-MOF_cp_state", state="charging",
            attributes=options("charging", "error", "fault", "invalid", "no_ev_connected", "suspended"),
            translation_key="cp_state",
        ),
        Row(
            id="number.p_limit", unique_id="23-45-A4O-MOF_charge_current_limit", state="16",
            attributes=amperes(6, 16), translation_key="charge_current_limit",
        ),
        Row(
            id="switch.p_charge", unique_id="23-45-A4O-MOF_charge", state="on",
            translation_key="charge",
        ),
        Row(
            id="switch.p_single", unique_id="23-45-A4O-MOF_force_single_phase", state="off",
            translation_key="force_single_phase",
        ),
        Row(
            id="switch.p_lock", unique_id="23-45-A4O-MOF_socket_lock", state="on",
            translation_key="socket_lock",
        ),
        Row(id="sensor.p_power", unique_id="23-45-A4O-MOF_power_total", state="3185", attributes=W),
        *(
            Row(
                id=f"sensor.p_l{n}", unique_id=f"23-45-A4O-MOF_current_phase_{n}", state="13.9",
                attributes=A, translation_key=f"current_phase_{n}",
            )
            for n in (1, 2, 3)
        ),
    ),
    suggested={
        "status": "sensor.p_state", "limit": "number.p_limit", "enable": "switch.p_charge",
        "phase": "switch.p_single", "power": "sensor.p_power", "phases": "1_3",
        **{f"l{n}_current": f"sensor.p_l{n}" for n in (1, 2, 3)},
    },
    words={
        "unplugged": {"sensor.p_state": "no_ev_connected"},
        "paused": {"sensor.p_state": "suspended"},
        "charging": {"sensor.p_state": "charging"},
    },
    limit="number.p_limit",
    enable="switch.p_charge",
    max_a=16,
)  # fmt: skip

V2C = ChargerOfHa(
    platform="v2c",
    rows=(
        Row(
            id="binary_sensor.v_connected", unique_id="ABC123_connected", state="on",
            attributes=PLUG, translation_key="connected",
        ),
        Row(
            id="binary_sensor.v_charging", unique_id="ABC123_charging", state="on",
            attributes={"device_class": "battery_charging"}, translation_key="charging",
        ),
        Row(
            id="number.v_intensity", unique_id="ABC123_intensity", state="16",
            attributes=amperes(6, 32), translation_key="intensity",
        ),
        Row(
            id="number.v_most", unique_id="ABC123_max_intensity", state="32",
            attributes=amperes(6, 32), translation_key="max_intensity",
        ),
        Row(id="switch.v_paused", unique_id="ABC123_paused", state="off", translation_key="paused"),
        Row(
            id="switch.v_pause_dynamic", unique_id="ABC123_pause_dynamic", state="on",
            translation_key="pause_dynamic",
        ),
        Row(
            id="sensor.v_power", unique_id="ABC123_charge_power", state="3560.4", attributes=W,
            translation_key="charge_power",
        ),
    ),
    suggested={
        "connected": "binary_sensor.v_connected", "charging": "binary_sensor.v_charging",
        "limit": "number.v_intensity", "enable": "switch.v_paused", "power": "sensor.v_power",
        "enable_invert": True,
    },
    words={
        "unplugged": {"binary_sensor.v_connected": "off", "binary_sensor.v_charging": "off"},
        "paused": {"binary_sensor.v_connected": "on", "binary_sensor.v_charging": "off"},
        "charging": {"binary_sensor.v_connected": "on", "binary_sensor.v_charging": "on"},
    },
    limit="number.v_intensity",
    enable="switch.v_paused",
    pause="on",
)  # fmt: skip

OPENEVSE = ChargerOfHa(
    platform="openevse",
    rows=(
        Row(id="sensor.o_status", unique_id="o1_status", state="charging", translation_key="status"),
        Row(
            id="binary_sensor.o_vehicle", unique_id="o1_vehicle", state="on", attributes=PLUG,
            translation_key="vehicle",
        ),
        Row(
            id="number.o_rate", unique_id="o1_charge_rate", state="24.0",
            attributes=amperes(6, 48), translation_key="charge_rate",
        ),
        Row(
            id="select.o_override", unique_id="o1_override_state", state="auto",
            attributes=options("auto", "active", "disabled"), translation_key="override_state",
        ),
        Row(
            id="sensor.o_current", unique_id="o1_charging_current", state="23500",
            attributes={**A, "unit_of_measurement": "mA"}, translation_key="charging_current",
        ),
        Row(
            id="sensor.o_session", unique_id="o1_usage_session", state="1500", attributes=WH,
            translation_key="usage_session",
        ),
    ),
    suggested={
        "status": "sensor.o_status", "connected": "binary_sensor.o_vehicle",
        "limit": "number.o_rate", "enable": "select.o_override", "l1_current": "sensor.o_current",
        "session_energy": "sensor.o_session", "enable_run": "active", "enable_pause": "disabled",
    },
    words={
        "unplugged": {"sensor.o_status": "not_connected", "binary_sensor.o_vehicle": "off"},
        "paused": {"sensor.o_status": "sleeping", "binary_sensor.o_vehicle": "on"},
        "charging": {"sensor.o_status": "charging", "binary_sensor.o_vehicle": "on"},
    },
    limit="number.o_rate",
    enable="select.o_override",
    pause="disabled",
    max_a=48,
)  # fmt: skip

KEBA = ChargerOfHa(
    platform="keba",
    rows=(
        Row(
            id="binary_sensor.kecontact_plug", unique_id="keba_17_plug_state", state="on",
            attributes=PLUG,
        ),
        Row(
            id="binary_sensor.kecontact_charging_state", unique_id="keba_17_charging_state",
            state="on", attributes={"device_class": "power"},
        ),
        Row(
            id="sensor.kecontact_max_current", unique_id="keba_17_max_current", state="16.0",
            attributes=A,
        ),
        Row(
            id="sensor.kecontact_charging_power", unique_id="keba_17_charging_power", state="7.0",
            attributes=KW,
        ),
        Row(
            id="sensor.kecontact_energy_target", unique_id="keba_17_energy_target", state="0.0",
            attributes=KWH,
        ),
        Row(
            id="sensor.kecontact_session_energy", unique_id="keba_17_session_energy", state="3.2",
            attributes=KWH,
        ),
    ),
    suggested={
        "connected": "binary_sensor.kecontact_plug",
        "charging": "binary_sensor.kecontact_charging_state",
        "limit": "sensor.kecontact_max_current", "power": "sensor.kecontact_charging_power",
        "session_energy": "sensor.kecontact_session_energy", "control": "keba",
    },
    words={
        "unplugged": {
            "binary_sensor.kecontact_plug": "off", "binary_sensor.kecontact_charging_state": "off",
        },
        "paused": {
            "binary_sensor.kecontact_plug": "on", "binary_sensor.kecontact_charging_state": "off",
        },
        "charging": {
            "binary_sensor.kecontact_plug": "on", "binary_sensor.kecontact_charging_state": "on",
        },
    },
    limit="sensor.kecontact_max_current",
    own_actions=True,
    # Set up in configuration.yaml: its entities belong to no device.
    has_device=False,
    max_a=16,
)  # fmt: skip

TESLA = ChargerOfHa(
    platform="tesla_fleet",
    rows=(
        Row(
            id="sensor.t_charging", unique_id="LRW3_charge_state_charging_state", state="charging",
            attributes=options(
                "starting", "charging", "stopped", "complete", "disconnected", "no_power"
            ),
            translation_key="charge_state_charging_state",
        ),
        Row(
            id="number.t_current", unique_id="LRW3_charge_state_charge_current_request",
            state="16", attributes=amperes(0, 32),
            translation_key="charge_state_charge_current_request",
        ),
        Row(
            id="switch.t_charge", unique_id="LRW3_charge_state_charging_state", state="on",
            translation_key="charge_state_charging_state",
        ),
        Row(
            id="sensor.t_power", unique_id="LRW3_charge_state_charger_power", state="7",
            attributes=KW, translation_key="charge_state_charger_power",
        ),
        Row(
            id="number.t_limit", unique_id="LRW3_charge_state_charge_limit_soc", state="80",
            attributes={"unit_of_measurement": "%", "min": 50, "max": 100},
            translation_key="charge_state_charge_limit_soc",
        ),
    ),
    suggested={
        "status": "sensor.t_charging", "limit": "number.t_current", "enable": "switch.t_charge",
        "power": "sensor.t_power",
    },
    words={
        "unplugged": {"sensor.t_charging": "disconnected"},
        "paused": {"sensor.t_charging": "stopped"},
        "charging": {"sensor.t_charging": "charging"},
    },
    limit="number.t_current",
    enable="switch.t_charge",
)  # fmt: skip

LEKTRICO = ChargerOfHa(
    platform="lektrico",
    rows=(
        Row(
            id="sensor.l_state", unique_id="500006_state", state="charging", translation_key="state"
        ),
        Row(
            id="number.l_limit", unique_id="500006_dynamic_limit", state="32",
            attributes=amperes(0, 32), translation_key="dynamic_limit",
        ),
        Row(
            id="switch.l_single", unique_id="500006_force_single_phase", state="off",
            translation_key="force_single_phase",
        ),
        Row(id="sensor.l_power", unique_id="500006_power", state="7.0", attributes=KW),
    ),
    suggested={
        "status": "sensor.l_state", "limit": "number.l_limit", "phase": "switch.l_single",
        "power": "sensor.l_power", "phases": "1_3",
    },
    words={
        "unplugged": {"sensor.l_state": "available"},
        "paused": {"sensor.l_state": "paused"},
        "charging": {"sensor.l_state": "charging"},
    },
    limit="number.l_limit",
)  # fmt: skip
