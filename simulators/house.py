"""One simulated house: loads, sun, chargers with cars, battery and meter, joined by physics.

The house is integrated lazily: whoever reads calls `advance()` first, which brings it from
its last moment to `clock.now()`. With the same seed and the same orders at the same times a
house always lives the same day, and its energy balances exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import floor
from random import Random
from types import MappingProxyType
from zoneinfo import ZoneInfo

from custom_components.smart_charging.core.clock import Clock
from custom_components.smart_charging.core.grid import Topology
from custom_components.smart_charging.core.reading import BatteryMode, ChargerStatus

from .battery import BatteryConfig, HomeBattery
from .car import Car, ChargePoint, ChargerConfig
from .meter import (
    GAS_INTERVAL_S,
    QUARTER_S,
    MeterConfig,
    MeterState,
    MonthPeak,
    new_meter,
)
from .weather import (
    EVENING_SHAPE,
    HOUSEHOLD,
    Appliance,
    Hours,
    Sky,
    appliance_kw,
    noise,
    shape,
    sunlight,
)
from .wiring import measure

__all__ = [
    "BatteryConfig",
    "BatteryMode",
    "Car",
    "ChargePoint",
    "ChargerConfig",
    "ChargerStatus",
    "HomeBattery",
    "House",
    "HouseConfig",
    "MeterConfig",
    "MeterState",
    "MonthPeak",
]

FINE_STEP_S = 1.0
COARSE_STEP_S = 10.0
COARSE_BEHIND_S = 300.0
"""Further behind than this, seconds no longer matter to anybody who reads."""
GRID_OHM = 0.12
"""Impedance up to the meter: voltage sags under load and rises with sun."""


@dataclass(frozen=True, kw_only=True)
class HouseConfig:
    """A house as it stands at the start of a simulation."""

    seed: int = 1
    time_zone: str = "Europe/Brussels"
    topology: Topology = Topology.THREE_400
    fuse_a: float = 40.0
    base_kw: tuple[float, float, float] = (0.18, 0.14, 0.12)
    """Mean load per phase (on 3x230: line pair) without appliances, cars and batteries; on one
    phase they all are together."""
    load_shape: Hours = EVENING_SHAPE
    load_noise: float = 0.15
    """Swing of the base load as a share of it."""
    appliances: tuple[Appliance, ...] = HOUSEHOLD
    pv_peak_kw: float = 6.0
    pv_limit_kw: float | None = None
    """What the inverter can give; `None`: no less than the panels."""
    pv_phases: tuple[int, ...] = (1, 2, 3)
    pv_energy_kwh: float = 12345.0
    sunrise_h: float = 7.0
    sunset_h: float = 20.0
    sun_offset_h: float = 0.0
    """Added to the local hour before the sun is asked: a demo has afternoon at any hour."""
    sky: Sky = "mixed"
    chargers: tuple[ChargerConfig, ...] = (ChargerConfig(key="charger"),)
    battery: BatteryConfig | None = None
    meter: MeterConfig = field(default_factory=MeterConfig)


class House:
    """A running house. Every simulator shares one and calls `advance()` before it reads."""

    def __init__(self, config: HouseConfig, clock: Clock) -> None:
        """Start at the clock's present."""
        self.config = config
        self.clock = clock
        self.time_zone = ZoneInfo(config.time_zone)
        self._now_s = clock.now().timestamp()
        self._start_s = self._now_s
        self.meter: MeterState = new_meter(config.meter, self._now_s, self.time_zone)
        random = Random(f"{config.seed}:cars")
        chargers = {
            c.key: ChargePoint(
                config=c,
                advance=self.advance,
                random=Random(random.random()),
                total_kwh=c.total_kwh,
                _phases=c.phases,
                power_kw=c.standby_kw,
            )
            for c in config.chargers
        }
        self.chargers: Mapping[str, ChargePoint] = MappingProxyType(chargers)
        self.battery = (
            None
            if config.battery is None
            else HomeBattery(config=config.battery, advance=self.advance, soc=config.battery.soc)
        )
        self.base_kw = 0.0
        """Load of the house without chargers and battery."""
        self.base_kwh = 0.0
        """Energy of that load since the start."""
        self.pv_kw = 0.0
        self.pv_energy_kwh = config.pv_energy_kwh
        self.pv_curtail_kw: float | None = None
        """Set to hold the inverter below this power."""
        self.extra_kw = [0.0, 0.0, 0.0]
        """Load per phase that a test or a person switches on (an oven, a heat pump)."""
        self.line_a: tuple[float, ...] = (0.0,) * config.topology.phases
        """True current in each line, which the fuses carry."""
        self.highest_line_a: tuple[float, ...] = self.line_a
        """Highest magnitudes so far; set it back to zeros to start anew."""
        for charger, c in zip(chargers.values(), config.chargers, strict=True):
            if c.car is not None:
                charger.plug(replace(c.car))
        self._step(0.0)

    @property
    def now(self) -> datetime:
        """The moment up to which the house is integrated, aware UTC."""
        return datetime.fromtimestamp(self._now_s, UTC)

    def advance(self) -> float:
        """Integrate up to `clock.now()` and return that moment as epoch seconds."""
        target_s = self.clock.now().timestamp()
        while (behind_s := target_s - self._now_s) > 1e-6:
            dt_s = min(behind_s, COARSE_STEP_S if behind_s > COARSE_BEHIND_S else FINE_STEP_S)
            # No step crosses a hand-over or quarter of the meter, so its books are exact.
            meter_s = self._now_s + self.meter.clock_offset_s
            border_s = (floor((meter_s + 1e-6) / GAS_INTERVAL_S) + 1) * GAS_INTERVAL_S
            dt_s = min(dt_s, border_s - meter_s)
            self._step(dt_s)
            self._now_s += dt_s
            if abs(meter_s + dt_s - border_s) < 1e-6:
                self.meter.hand_over(border_s)
                if border_s % QUARTER_S == 0:
                    self.meter.start_quarter(border_s)
        return self._now_s

    def _step(self, dt_s: float) -> None:
        """Hold all powers of this moment for `dt_s`; 0 only measures."""
        config, t = self.config, self._now_s
        local = datetime.fromtimestamp(t, self.time_zone)
        hour = local.hour + local.minute / 60 + local.second / 3600
        powers = self._loads(t, local, hour)
        self.base_kw = sum(powers)
        volts = [
            230.0 + 2.0 * noise(config.seed, f"volt{i}", t, 120) + 0.3 * noise(i, "flick", t, 3)
            for i in range(3)
        ]
        for i, amps in enumerate(self.meter.phase_a):
            volts[i] -= GRID_OHM * amps
        for charger in self.chargers.values():
            self._charge(charger, powers, volts, dt_s)
        self.pv_kw = self._sun(t, hour)
        self._spread(powers, config.pv_phases, -self.pv_kw)
        if self.battery is not None:
            power = self.battery.step(sum(powers), dt_s) if dt_s > 0 else self.battery.power_kw
            self._spread(powers, self.battery.config.phases, power)
        measured = measure(config.topology, powers, volts)
        meter = self.meter
        meter.power_kw = sum(powers)
        meter.phase_kw, meter.phase_v, meter.phase_a = (
            measured.phase_kw,
            measured.phase_v,
            measured.phase_a,
        )
        self.line_a = measured.line_a
        self.highest_line_a = tuple(
            max(high, abs(amps))
            for high, amps in zip(self.highest_line_a, self.line_a, strict=True)
        )
        meter.count(dt_s)
        self.base_kwh += self.base_kw * dt_s / 3600
        self.pv_energy_kwh += self.pv_kw * dt_s / 3600
        heating = shape(EVENING_SHAPE, hour)
        meter.gas_live_m3 += 0.25 * heating * dt_s / 3600
        meter.water_live_m3 += 0.015 * heating * dt_s / 3600

    def _place(self, phase: int) -> int:
        return 0 if self.config.topology is Topology.SINGLE_230 else phase - 1

    def _spread(self, powers: list[float], phases: tuple[int, ...], power_kw: float) -> None:
        for phase in phases:
            powers[self._place(phase)] += power_kw / len(phases)

    def _loads(self, t: float, local: datetime, hour: float) -> list[float]:
        config = self.config
        level = shape(config.load_shape, hour)
        used = appliance_kw(config.seed, t, local, config.appliances)
        powers = [0.0, 0.0, 0.0]
        for i in range(3):
            swing = 0.7 * noise(config.seed, f"load{i}", t, 300)
            swing += 0.3 * noise(config.seed, f"hum{i}", t, 7)
            base = config.base_kw[i] * level * (1 + config.load_noise * swing)
            powers[self._place(i + 1)] += base + used[i] + self.extra_kw[i]
        return powers

    def _sun(self, t: float, hour: float) -> float:
        config = self.config
        solar_hour = (hour + config.sun_offset_h) % 24
        light = sunlight(config.seed, t, solar_hour, config.sunrise_h, config.sunset_h, config.sky)
        limits = (config.pv_limit_kw, self.pv_curtail_kw)
        return min(config.pv_peak_kw * light, *(x for x in limits if x is not None), float("inf"))

    def _charge(
        self, charger: ChargePoint, powers: list[float], volts: list[float], dt_s: float
    ) -> None:
        """Let a charger's car draw from `powers` at `volts`."""
        used = charger.phases_used if self.config.topology.phases == 3 else 1
        places = [self._place(phase) for phase in charger.phase_map[:used]]
        kw_per_a = [volts[place] / 1000 for place in places]
        if self.config.topology is Topology.THREE_230 and used == 3:
            # Between three lines an ampere in each line gives sqrt(3) x U, a third in each pair.
            kw_per_a = [per_a / 3**0.5 for per_a in kw_per_a]
        amps = charger.next_current(self._now_s, dt_s, sum(kw_per_a)) if dt_s > 0 else 0.0
        standby_kw = charger.config.standby_kw
        for place, per_a in zip(places, kw_per_a, strict=True):
            powers[place] += per_a * amps
        powers[places[0]] += standby_kw
        currents = (*(amps for _ in places), 0.0, 0.0)[:3]
        charger.take(
            (currents[0], currents[1], currents[2]), sum(kw_per_a) * amps + standby_kw, dt_s
        )
