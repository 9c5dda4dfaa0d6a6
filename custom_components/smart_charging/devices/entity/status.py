"""What chargers call the state of the car, in every dialect that is known."""

import re

from ...core.reading import ChargerStatus

_WORDS: dict[ChargerStatus, tuple[str, ...]] = {
    ChargerStatus.UNPLUGGED: (
        "available", "car_disconnected", "disconnected", "ev_disconnected", "free", "idle",
        "no_car", "no_car_connected", "no_ev", "no_ev_connected", "no_vehicle", "not_connected",
        "not_plugged", "off", "standby", "state_a", "unoccupied", "unplugged",
        "vehicle_disconnected", "vehicle_not_connected", "locked", "a", "a1", "a2"
    ),
    ChargerStatus.CONNECTED: (
        "authenticating", "authorizing", "awaiting_authentication", "awaiting_authorization",
        "awaiting_load_balancing", "awaiting_scheduled_start", "awaiting_smart_start",
        "awaiting_start", "car_connected", "car_connected_charging_paused", "connected",
        "connected_authorizing", "connected_requesting", "de_authorizing", "ev_connected", "finishing",
        "high_tariff_period", "locked_car_connected", "need_auth", "negotiating", "no_power", "not_charging",
        "occupied", "on", "out_of_activation_period", "paused", "paused_by_scheduler",
        "paused_due_to_equalizer", "pending_approval", "plugged", "plugged_in", "plugged_waiting",
        "preparing", "queued", "ready", "ready_to_charge", "reserved_connected", "scheduled",
        "sleeping", "start_charging", "starting", "state_b", "stop_charging", "stopped", "suspended",
        "suspended_ev", "suspended_evse", "suspendedev", "suspendedevse", "vehicle_connected",
        "vehicle_detected", "ev_ready_to_charge", "wait", "wait_car", "wait_for_car", "waitcar", "waiting", "waiting_car",
        "waiting_for_authorization", "waiting_for_car", "waiting_for_car_demand",
        "waiting_for_ev", "waiting_in_queue_by_eco_smart", "waiting_in_queue_by_power_boost",
        "waiting_in_queue_by_power_sharing", "wakeup", "b", "b1", "b2",
    ),
    ChargerStatus.CHARGING: (
        "charging", "charging_reduced", "charging_with_ventilation", "connected_charging",
        "discharging", "ev_charging", "in_progress", "plugged_charging", "state_c", "state_d",
        "boosting", "boost", "c", "c1", "c2", "d", "d1", "d2",
    ),
    ChargerStatus.COMPLETE: (
        "charge_complete", "charge_done", "charge_finished", "charged", "charging_complete",
        "charging_finished", "complete", "completed", "connected_finished", "done", "finished",
        "fully_charged",
    ),
    ChargerStatus.ERROR: (
        "diode_check_failed", "erratic_ev", "error", "unknown_error", "error_dead_powerboard", "error_overcurrent",
        "error_pen_fault", "error_temperature_too_high", "evse_fault", "fault", "faulted",
        "gfci_fault", "gfci_self_test_failure", "ground_fault", "invalid", "no_ground",
        "over_temperature", "pilot_fault", "state_e", "state_f", "stuck_relay", "vent_required",
        "ventilation_required", "waiting_mid_failed", "waiting_mid_safety_margin_exceeded",
        "e", "f",
    ),
}  # fmt: skip
"""OCPP's suspended_ev is not complete: cars pause by themselves for their own schedule, too."""

_STATUS = {word: status for status, words in _WORDS.items() for word in words}

_BY_PLATFORM = {
    # Its "Ready" waits for a car; elsewhere the word is a car that waits for power.
    "wallbox": {"ready": ChargerStatus.UNPLUGGED},
    # It speaks the language of Home Assistant, and has the plain number beside it.
    "goecharger_api2": {
        **dict.fromkeys(("inaktiv_frei", "1"), ChargerStatus.UNPLUGGED),
        **dict.fromkeys(("laden", "2"), ChargerStatus.CHARGING),
        **dict.fromkeys(("warte_auf_fahrzeug", "3"), ChargerStatus.CONNECTED),
        **dict.fromkeys(("abgeschlossen", "4"), ChargerStatus.COMPLETE),
        **dict.fromkeys(("fehler", "unbekannt_fehler", "0", "5"), ChargerStatus.ERROR),
    },
}

_SEPARATORS = re.compile(r"[^a-z0-9]+")


def charger_status(text: str | None, platform: str | None = None) -> ChargerStatus | None:
    """Return what a charger's own word means, or `None` for a word that is not known.

    `platform` is the integration the word comes from, where it is known.
    """
    if text is None:
        return None
    word = _SEPARATORS.sub("_", text.strip().lower()).strip("_")
    return _BY_PLATFORM.get(platform or "", {}).get(word) or _STATUS.get(word)


def knows(options: list[str], platform: str | None = None) -> bool:
    """Return whether `options` look like states of a charger: charging is one, and so is no car."""
    found = {charger_status(option, platform) for option in options}
    return ChargerStatus.CHARGING in found and bool(
        found & {ChargerStatus.UNPLUGGED, ChargerStatus.CONNECTED}
    )
