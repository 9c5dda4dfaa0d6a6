"""What a house's digital meter measures and counts, by its own clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

QUARTER_S = 900
GAS_INTERVAL_S = 300
"""A gas meter hands its value over every five minutes."""


@dataclass(frozen=True, kw_only=True)
class MonthPeak:
    """The highest quarter of a month that is over."""

    month_end: datetime
    """First moment of the next month."""
    kw: float
    at: datetime | None
    """End of that quarter; `None` for a month without one."""


@dataclass(frozen=True, kw_only=True)
class MeterConfig:
    """Counters at the start."""

    import_t1_kwh: float = 2601.234
    import_t2_kwh: float = 3437.690
    export_t1_kwh: float = 3902.111
    export_t2_kwh: float = 1623.307
    month_peak_kw: float = 2.5
    quarter_kw: float | None = None
    """1.4.0 at the start; `None`: as if the quarter so far had 0.3 kW."""
    history_kw: tuple[float, ...] = (
        *(3.701, 3.297, 3.090, 3.378, 3.649, 4.113, 4.428),
        *(7.211, 5.494, 4.987, 4.323, 3.535, 3.102),
    )
    """Peaks of the months before, oldest first."""
    gas_m3: float | None = 3806.070
    """`None`: no gas meter."""
    water_m3: float | None = 872.234
    dutch: bool = False
    """Dutch meters call the low tariff 1, Belgian ones 2."""
    clock_offset_s: float = 0.0
    """How far the meter's clock is ahead of the true time."""


@dataclass(kw_only=True)
class MeterState:
    """Measured values and counters. Import is +. Read it after `house.advance()`."""

    time_zone: ZoneInfo
    clock_offset_s: float
    import_t1_kwh: float
    import_t2_kwh: float
    export_t1_kwh: float
    export_t2_kwh: float
    quarter_kw: float
    """1-0:1.4.0: kWh imported since the quarter began x 4."""
    month_peak_kw: float
    month_peak_at: datetime
    history: tuple[MonthPeak, ...]
    """Up to 13 months that are over, oldest first."""
    gas_m3: float | None
    water_m3: float | None
    gas_at: datetime
    """When the meters on the M-Bus handed over their values."""
    power_kw: float = 0.0
    phase_kw: tuple[float, ...] = ()
    """As measured: on 3x230 the second of the three is 0 (two-element metering)."""
    phase_v: tuple[float, ...] = ()
    phase_a: tuple[float, ...] = ()
    """Signed like the power."""
    dutch: bool = False
    tariff: int = 1
    """Belgian meters: 1 by day (weekdays 7 to 22 h local), 2 by night; Dutch ones the other way."""
    limiter_kw: float | None = None
    """Where the meter cuts the house off; `None`: nowhere. The simulated one only says so."""
    limiter_a: float | None = None
    breaker: int = 1
    """0 open, 1 closed, 2 ready to be closed by its button."""
    text_message: str = ""
    gas_live_m3: float = 0.0
    water_live_m3: float = 0.0

    @property
    def import_kwh(self) -> float:
        """Both tariffs together."""
        return self.import_t1_kwh + self.import_t2_kwh

    @property
    def export_kwh(self) -> float:
        """Both tariffs together."""
        return self.export_t1_kwh + self.export_t2_kwh

    def start_quarter(self, meter_s: float) -> None:
        """Begin a quarter at `meter_s`, epoch seconds of the meter's clock; ends the one before."""
        at = datetime.fromtimestamp(meter_s, UTC)
        if self.quarter_kw > self.month_peak_kw:
            self.month_peak_kw, self.month_peak_at = self.quarter_kw, at
        self.quarter_kw = 0.0
        local = at.astimezone(self.time_zone)
        self.tariff = tariff(local, dutch=self.dutch)
        if (local.day, local.hour, local.minute) == (1, 0, 0):
            done = MonthPeak(month_end=at, kw=self.month_peak_kw, at=self.month_peak_at)
            self.history = (*self.history, done)[-13:]
            self.month_peak_kw, self.month_peak_at = 0.0, at

    def hand_over(self, meter_s: float) -> None:
        """Take the values of gas and water over into the telegram."""
        self.gas_at = datetime.fromtimestamp(meter_s, UTC)
        if self.gas_m3 is not None:
            self.gas_m3 = self.gas_live_m3
        if self.water_m3 is not None:
            self.water_m3 = self.water_live_m3

    def count(self, dt_s: float) -> None:
        """Add a step of `dt_s` at the present power to the counters."""
        energy_kwh = self.power_kw * dt_s / 3600
        if energy_kwh >= 0:
            self.quarter_kw += energy_kwh * 4
            if self.tariff == 1:
                self.import_t1_kwh += energy_kwh
            else:
                self.import_t2_kwh += energy_kwh
        elif self.tariff == 1:
            self.export_t1_kwh -= energy_kwh
        else:
            self.export_t2_kwh -= energy_kwh


def tariff(local: datetime, *, dutch: bool = False) -> int:
    """Return the tariff at a local time: Belgian 1 on weekdays from 7 to 22 h, else 2."""
    day = local.weekday() < 5 and 7 <= local.hour < 22
    return 1 if day is not dutch else 2


def _month_start(local: datetime) -> datetime:
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)


def new_meter(config: MeterConfig, start_s: float, time_zone: ZoneInfo) -> MeterState:
    """Return a meter as it stands at `start_s`, true epoch seconds."""
    meter_s = start_s + config.clock_offset_s
    now = datetime.fromtimestamp(meter_s, UTC)
    local = now.astimezone(time_zone)
    month_start = _month_start(local)
    history, end = [], month_start
    for kw in reversed(config.history_kw[-13:]):
        at = end - timedelta(days=9, hours=4, minutes=45)
        history.append(MonthPeak(month_end=end.astimezone(UTC), kw=kw, at=at.astimezone(UTC)))
        end = _month_start(end - timedelta(days=1))
    elapsed_s = meter_s % QUARTER_S
    quarter_kw = 0.3 * elapsed_s / QUARTER_S if config.quarter_kw is None else config.quarter_kw
    month_s = (now - month_start).total_seconds()
    peak_age_s = min(month_s // 2, 2 * 86400)
    return MeterState(
        time_zone=time_zone,
        clock_offset_s=config.clock_offset_s,
        import_t1_kwh=config.import_t1_kwh,
        import_t2_kwh=config.import_t2_kwh,
        export_t1_kwh=config.export_t1_kwh,
        export_t2_kwh=config.export_t2_kwh,
        quarter_kw=quarter_kw,
        month_peak_kw=config.month_peak_kw,
        month_peak_at=datetime.fromtimestamp((meter_s - peak_age_s) // QUARTER_S * QUARTER_S, UTC),
        history=tuple(reversed(history)),
        gas_m3=config.gas_m3,
        water_m3=config.water_m3,
        gas_live_m3=config.gas_m3 or 0.0,
        water_live_m3=config.water_m3 or 0.0,
        gas_at=datetime.fromtimestamp(meter_s // GAS_INTERVAL_S * GAS_INTERVAL_S, UTC),
        dutch=config.dutch,
        tariff=tariff(local, dutch=config.dutch),
    )
