"""What an inverter, its meter and its batteries say, in our words, signs and units."""

from collections.abc import Mapping
from datetime import datetime
from math import copysign

from solaredged import (
    Battery,
    BatteryStatus,
    InverterStatus,
    Meter,
    MeterEvent,
    SolarEdge,
    SunSpecDID,
)

from ...core.reading import (
    BatteryMode,
    BatteryReading,
    MeterReading,
    PartKind,
    Phase,
    PvReading,
    Remedy,
)
from ..base import Label, PartInfo

NOT_AT_THE_GRID = ("production", "consumption")
"""Words in a meter's option that say it measures something else than the grid connection.

A grid meter calls itself `Export+Import`; one that says nothing is the only one there is.
"""

METER_FAULTS = {
    MeterEvent.POWER_FAILURE: "a phase is missing",
    MeterEvent.MISSING_SENSOR: "a current sensor is missing",
}
"""Events of a meter that say that its figures are wrong; the others tell of the grid."""

PHASES: Mapping[int, int] = {
    SunSpecDID.SINGLE_PHASE_METER: 1,
    SunSpecDID.SPLIT_PHASE_METER: 2,
    SunSpecDID.THREE_PHASE_WYE_METER: 3,
    SunSpecDID.THREE_PHASE_DELTA_METER: 3,
}


class Counters:
    """Energy counters without the zero that firmware shows for a moment around sleep."""

    def __init__(self) -> None:
        self._counted: set[str] = set()

    def kwh(self, key: str, wh: float | None) -> float | None:
        """Return Wh as kWh; `None` for a zero of a counter that once stood higher."""
        if not wh:
            return None if wh is None or key in self._counted else 0.0
        self._counted.add(key)
        return wh / 1000


def grid_meter(solaredge: SolarEdge) -> int | None:
    """Return the index of the meter at the grid connection, if there is one."""
    for index, meter in enumerate(solaredge.meters):
        option = (meter.option or "").lower()
        if "export" in option or "import" in option:
            return index
    if len(solaredge.meters) == 1:
        option = (solaredge.meters[0].option or "").lower()
        return None if any(word in option for word in NOT_AT_THE_GRID) else 0
    return None


def parts_of(solaredge: SolarEdge, *, controllable: bool) -> tuple[PartInfo, ...]:
    """Return the parts of an inverter that has been read once."""
    parts: list[PartInfo] = []
    if (index := grid_meter(solaredge)) is not None:
        meter = solaredge.meters[index]
        by_phase = meter.ac_power_a is not None
        parts.append(
            PartInfo(
                key="meter",
                kind=PartKind.METER,
                phases=(PHASES.get(meter.did or 0, 3),),
                features=("phase_power", "warning") if by_phase else ("warning",),
                label=_label(meter),
            )
        )
    # With a battery behind it the inverter's own counter mixes sun and battery.
    energy = () if solaredge.batteries else ("energy_kwh",)
    parts.append(PartInfo(key="pv", kind=PartKind.PV, features=(*energy, "warning")))
    several = len(solaredge.batteries) > 1
    for number, battery in enumerate(solaredge.batteries, 1):
        capacity_wh = battery.energy_max or battery.rated_energy
        parts.append(
            PartInfo(
                key=f"battery_{number}",
                kind=PartKind.BATTERY,
                name=battery.serial_number if several else None,
                capacity_kwh=_kilo(capacity_wh),
                max_charge_kw=_kilo(battery.max_charge_power),
                max_discharge_kw=_kilo(battery.max_discharge_power),
                controllable=controllable,
                features=("energy_kwh", "warning"),
                label=_label(battery),
            )
        )
    return tuple(parts)


def meter_reading(meter: Meter, counters: Counters, at: datetime) -> MeterReading:
    """Read the grid meter; SolarEdge counts export as positive, we count import."""
    fault = next(
        (words for event, words in METER_FAULTS.items() if event in (meter.events or ())), None
    )
    return MeterReading(
        at=at,
        warning=fault,
        remedy=Remedy.INSTALLATION if fault else None,
        power_kw=_kilo(meter.ac_power, -1),
        phases=_phases(meter),
        import_kwh=counters.kwh("import", meter.energy_imported),
        export_kwh=counters.kwh("export", meter.energy_exported),
    )


def pv_reading(solaredge: SolarEdge, counters: Counters, at: datetime) -> PvReading:
    """Read the sun.

    Behind a battery the inverter's output is not the sun's: what the panels give is what
    enters the inverter on its DC side plus what the batteries take from it there.
    """
    inverter = solaredge.inverter
    hybrid = bool(solaredge.batteries)
    power_w = inverter.dc_power if hybrid else inverter.ac_power
    if power_w is None and inverter.status in (InverterStatus.OFF, InverterStatus.SLEEPING):
        # It measures nothing in its sleep, and says so that it makes nothing.
        power_w = 0.0
    for battery in solaredge.batteries:
        taken_w = battery.dc_power
        power_w = None if power_w is None or taken_w is None else power_w + taken_w
    faulty = inverter.status is InverterStatus.FAULT
    code = f" {inverter.vendor_status}" if inverter.vendor_status else ""
    return PvReading(
        at=at,
        warning=f"fault{code} of the inverter" if faulty else None,
        remedy=Remedy.DEVICE if faulty else None,
        # At night the electronics draw some watts: that is load, not negative sun.
        power_kw=None if power_w is None else max(0.0, power_w / 1000),
        energy_kwh=None if hybrid else counters.kwh("pv", inverter.ac_energy),
    )


def battery_reading(
    battery: Battery, key: str, counters: Counters, mode: BatteryMode | None, at: datetime
) -> BatteryReading:
    """Read a battery; its power is positive on charge there as here."""
    soc = battery.state_of_energy
    faulty = battery.status is BatteryStatus.FAULT
    return BatteryReading(
        at=at,
        warning="fault of the battery" if faulty else None,
        remedy=Remedy.DEVICE if faulty else None,
        soc=None if soc is None else soc / 100,
        power_kw=_kilo(battery.dc_power),
        mode=mode,
        charged_kwh=counters.kwh(f"{key} charged", battery.energy_imported),
        discharged_kwh=counters.kwh(f"{key} discharged", battery.energy_exported),
    )


def _label(device: Meter | Battery) -> Label:
    return Label(
        manufacturer=device.manufacturer or None,
        model=device.model or None,
        serial=device.serial_number or None,
        firmware=device.version or None,
    )


def _kilo(value: float | None, sign: int = 1) -> float | None:
    return None if value is None else sign * value / 1000


def _phases(meter: Meter) -> tuple[Phase, ...]:
    delta = meter.did == SunSpecDID.THREE_PHASE_DELTA_METER
    columns = (
        (
            meter.ac_power_a,
            meter.ac_voltage_ab if delta else meter.ac_voltage_an,
            meter.ac_current_a,
        ),
        (
            meter.ac_power_b,
            meter.ac_voltage_bc if delta else meter.ac_voltage_bn,
            meter.ac_current_b,
        ),
        (
            meter.ac_power_c,
            meter.ac_voltage_ca if delta else meter.ac_voltage_cn,
            meter.ac_current_c,
        ),
    )[: PHASES.get(meter.did or 0, 3)]
    if all(power is None and current is None for power, _, current in columns):
        return ()
    return tuple(
        Phase(
            power_kw=_kilo(power, -1),
            voltage_v=voltage,
            current_a=(current if power is None or current is None else copysign(current, -power)),
        )
        for power, voltage, current in columns
    )
