"""Chargers as other integrations bring them into Home Assistant: their entities, words and actions.

Keys, ids, units, ranges and words are those of the integrations' sources as of November 2026. What
is simulated is what they do with an order: they show it, each in its own way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from homeassistant.core import Context, HomeAssistant, ServiceCall, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

A = {"unit_of_measurement": "A", "device_class": "current"}
W = {"unit_of_measurement": "W", "device_class": "power"}
KW = {"unit_of_measurement": "kW", "device_class": "power"}
WH = {"unit_of_measurement": "Wh", "device_class": "energy"}
KWH = {"unit_of_measurement": "kWh", "device_class": "energy"}
PLUG = {"device_class": "plug"}


def amperes(low: float, high: float, step: float = 1) -> dict[str, Any]:
    return {**A, "min": low, "max": high, "step": step}


def options(*names: str) -> dict[str, Any]:
    return {"options": list(names)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One entity of a charger."""

    id: str
    """`domain.name`: the entity id before the integration's own way of making them."""
    unique_id: str
    state: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    translation_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChargerOfHa:
    """One integration's charger."""

    platform: str
    rows: tuple[Row, ...]
    suggested: Mapping[str, Any]
    """Form field -> entity id or value that a person gets to see."""
    words: Mapping[str, Mapping[str, str]]
    """`unplugged`, `paused`, `charging` -> states of the entities that tell of the car."""
    limit: str | None = None
    """Entity that shows the current limit."""
    enable: str | None = None
    pause: str = "off"
    """What `enable` is set to so that nothing is charged."""
    own_actions: bool = False
    """It is commanded by actions of its own, not by entities."""
    has_device: bool = True
    max_a: float = 32


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

CHARGERS = (
    *(EASEE, ZAPTEC, OCPP, GO_E_MQTT, GO_E_API, TESLA, WALLBOX, PEBLAR, KEBA, V2C, OPENEVSE),
    *(NRGKICK, LEKTRICO, ZAPPI),
)


class Installed:
    """A charger in a Home Assistant: it shows what it is ordered."""

    def __init__(self, hass: HomeAssistant, charger: ChargerOfHa) -> None:
        """Register its entities and what takes orders for them."""
        self.hass = hass
        self.charger = charger
        self.orders: list[tuple[str, Context]] = []
        """`service value` of each order, with its context."""
        owner = MockConfigEntry(domain=charger.platform)
        owner.add_to_hass(hass)
        device_id = None
        if charger.has_device:
            device_id = (
                dr.async_get(hass)
                .async_get_or_create(
                    config_entry_id=owner.entry_id,
                    identifiers={(charger.platform, "1")},
                    name=f"My {charger.platform}",
                )
                .id
            )
        self.device_id = device_id
        for row in charger.rows:
            domain, _, name = row.id.partition(".")
            entry = er.async_get(hass).async_get_or_create(
                domain,
                charger.platform,
                row.unique_id,
                suggested_object_id=name,
                config_entry=owner if charger.has_device else None,
                device_id=device_id,
                translation_key=row.translation_key,
                original_device_class=row.attributes.get("device_class"),
                unit_of_measurement=row.attributes.get("unit_of_measurement"),
                capabilities={
                    k: v
                    for k, v in row.attributes.items()
                    if k in ("options", "min", "max", "step")
                },
            )
            assert entry.entity_id == row.id
            hass.states.async_set(row.id, row.state, row.attributes)
        for domain, services in (
            ("number", ("set_value",)),
            ("select", ("select_option",)),
            ("switch", ("turn_on", "turn_off")),
            ("easee", ("set_charger_dynamic_limit", "set_charger_phase_mode")),
            ("keba", ("set_current", "enable", "disable")),
        ):
            for service in services:
                hass.services.async_register(domain, service, self._obey)

    def say(self, state: str) -> None:
        """Let the car be `unplugged`, `paused` or `charging`, in the integration's words."""
        for entity_id, word in self.charger.words[state].items():
            self._show(entity_id, word)
        for row in self.charger.rows:
            if row.attributes.get("device_class") == "power" and row.id.startswith("sensor."):
                self._show(row.id, row.state if state == "charging" else "0")

    def shown(self, entity_id: str) -> str:
        """Return what an entity shows."""
        state = self.hass.states.get(entity_id)
        assert state is not None
        return state.state

    def _show(self, entity_id: str, value: str) -> None:
        state = self.hass.states.get(entity_id)
        assert state is not None
        self.hass.states.async_set(entity_id, value, state.attributes)

    @callback
    def _obey(self, call: ServiceCall) -> None:
        data, limit = call.data, self.charger.limit
        target = data.get("entity_id")
        match call.service:
            case "set_value":
                value = f"{data['value']:g}"
                self._show(target, value)
            case "select_option":
                value = data["option"]
                self._show(target, value)
            case "turn_on" | "turn_off":
                value = call.service.removeprefix("turn_")
                self._show(target, value)
            case "set_charger_dynamic_limit" | "set_current":
                assert call.domain == "keba" or data["device_id"] == self.device_id
                value = f"{data['current']:g}"
                assert limit is not None
                self._show(limit, value)
                self.say("charging" if data["current"] > 0 else "paused")
            case "enable" | "disable":
                value = ""
                self.say("charging" if call.service == "enable" else "paused")
            case _:
                value = str(data.get("phase_mode"))
        self.orders.append((f"{call.service} {value}".strip(), call.context))
        if target is not None and target == self.charger.enable:
            self.say("paused" if value == self.charger.pause else "charging")
