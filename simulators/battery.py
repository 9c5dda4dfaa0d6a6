"""A home battery with its inverter."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp

from custom_components.smart_charging.core.reading import BatteryMode


@dataclass(frozen=True, kw_only=True)
class BatteryConfig:
    """A home battery of a house."""

    capacity_kwh: float = 10.0
    soc: float = 0.5
    min_soc: float = 0.1
    max_charge_kw: float = 5.0
    max_discharge_kw: float = 5.0
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    reaction_s: float = 1.5
    """Time constant with which it follows the meter or an order."""
    phases: tuple[int, ...] = (1,)
    """Grid phases that its inverter feeds, evenly."""


@dataclass(kw_only=True)
class HomeBattery:
    """A home battery. Simulators call `order` and read the rest; power is + on charge, AC kW."""

    config: BatteryConfig
    advance: Callable[[], float]
    soc: float
    mode: BatteryMode = BatteryMode.SELF_CONSUMPTION
    setpoint_kw: float = 0.0
    """Magnitude for charge and discharge."""
    power_kw: float = 0.0
    charged_kwh: float = 0.0
    """AC energy taken in since the start."""
    discharged_kwh: float = 0.0
    """AC energy given out since the start."""

    @property
    def capacity_kwh(self) -> float:
        """Usable energy at SoC 1 in kWh."""
        return self.config.capacity_kwh

    def order(self, mode: BatteryMode, setpoint_kw: float = 0.0) -> None:
        """Set the mode from now on. Raises ValueError for a negative setpoint."""
        if setpoint_kw < 0:
            raise ValueError("setpoint_kw is a magnitude")
        self.advance()
        self.mode, self.setpoint_kw = mode, setpoint_kw

    def step(self, net_kw: float, dt_s: float) -> float:
        """Move on by `dt_s` while the rest of the house takes `net_kw`; return the AC power."""
        match self.mode:
            case BatteryMode.SELF_CONSUMPTION:
                wanted = -net_kw
            case BatteryMode.CHARGE:
                wanted = self.setpoint_kw
            case BatteryMode.DISCHARGE:
                wanted = -self.setpoint_kw
            case BatteryMode.HOLD:
                wanted = 0.0
        config, hours = self.config, dt_s / 3600
        wanted = min(max(wanted, -config.max_discharge_kw), config.max_charge_kw)
        power = self.power_kw + (wanted - self.power_kw) * (1 - exp(-dt_s / config.reaction_s))
        room_kwh = max(0.0, (1 - self.soc) * config.capacity_kwh)
        held_kwh = max(0.0, (self.soc - config.min_soc) * config.capacity_kwh)
        power = min(power, room_kwh / config.charge_efficiency / hours)
        power = max(power, -held_kwh * config.discharge_efficiency / hours)
        if power >= 0:
            self.charged_kwh += power * hours
            stored_kwh = power * hours * config.charge_efficiency
        else:
            self.discharged_kwh -= power * hours
            stored_kwh = power * hours / config.discharge_efficiency
        self.soc += stored_kwh / config.capacity_kwh
        self.power_kw = power
        return power
