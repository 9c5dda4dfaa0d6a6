"""What is counted of a controlled home: limits kept, goals met, orders given."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from custom_components.smart_charging.core.control.quarter import quarter_start
from custom_components.smart_charging.core.control.stale import Sight
from custom_components.smart_charging.core.control.types import ChargerSetpoint
from custom_components.smart_charging.core.schedule import Reason

from .control_scenario import Outing, Resident, price

if TYPE_CHECKING:
    from .control_home import ControlledHome

REACTION_S = 12.0
"""The slowest car (10 s), the telegram that shows the overload and the one that shows the fall."""


@dataclass
class Tally:
    """What was counted."""

    seconds: int = 0
    seconds_over_fuse: float = 0.0
    """Beyond the reaction time of car and meter."""
    over_fuse_any_s: int = 0
    highest_line_a: float = 0.0
    peak_excess_kw: float = 0.0
    """Quarter mean above its target and above what the house alone took."""
    peak_excess_house_kw: float = 0.0
    """The same where the house alone passed the target."""
    month_peak_kw: float = 0.0
    peak_target_kw: float = 0.0
    goals: int = 0
    goals_missed_kwh: float = 0.0
    goal_gap_max_kwh: float = 0.0
    """Largest distance from a goal, what counts as met included."""
    writes: int = 0
    writes_too_soon: int = 0
    urgent_writes: int = 0
    starts: int = 0
    stops: int = 0
    phase_switches: int = 0
    starts_per_slot_max: int = 0
    """Restarts after a limit's stop excepted, as everywhere."""
    stops_per_slot_max: int = 0
    phase_switches_per_slot_max: int = 0
    starts_per_slot_max_with_limits: int = 0
    help_s: int = 0
    help_kwh: float = 0.0
    charged_kwh: float = 0.0
    import_kwh: float = 0.0
    export_kwh: float = 0.0
    bill: float = 0.0
    silences: int = 0
    silences_above_safe: int = 0
    """Those at whose last telegram cars drew more than is proven safe."""
    stale_to_safe_s: float = 0.0
    """Longest time from the last telegram until cars really drew no more than is proven safe."""
    stale_to_normal_s: float = 0.0
    """Longest time from the first telegram after a silence to orders that it holds down no more."""
    plans: int = 0
    plan_rungs: dict[str, int] = field(default_factory=dict)


@dataclass
class _Writes:
    """What a charger was told, per clock quarter."""

    current_a: float = 0.0
    phases: int = 0
    at: datetime | None = None
    by_limit: bool = False
    quarter: datetime | None = None
    counts: dict[str, int] = field(default_factory=dict)


class Counting:
    """Watches one home and keeps its tally."""

    def __init__(self, home: "ControlledHome") -> None:
        """Begin with the home as it stands."""
        self._home = home
        self.tally = Tally()
        self._told = {r.charger.key: _Writes() for r in home.scenario.residents}
        self._over_s = 0
        self._base_kwh = home.house.base_kwh
        self._month_peak = self._meter_peak()
        self._target = home.peak_target() or 0.0
        self._silent_since: datetime | None = None
        self._back_at: datetime | None = None
        self._before_a: dict[str, float] = {}
        """What was ordered before the silence."""
        self._held: set[str] = set()
        """What it held down at its end."""

    def is_new(self, key: str, setpoint: ChargerSetpoint) -> bool:
        """Tell whether a charger was told something else last."""
        told, now = self._told[key], self._home.house.chargers[key].phases
        order = (setpoint.current_a, setpoint.phases or now)
        return order != (told.current_a, told.phases or now)

    def write(self, key: str, setpoint: ChargerSetpoint) -> None:
        """Count an order that goes out, and the starts, stops and switches that it means."""
        told, tally, now = self._told[key], self.tally, self._home.now
        tally.writes += 1
        tally.urgent_writes += setpoint.urgent
        spec = next(c for c in self._home.site.chargers if c.id == key)
        if told.at is not None and not setpoint.urgent:
            gap = (now - told.at).total_seconds()
            tally.writes_too_soon += gap < spec.write_interval_s - 1e-6
        if told.quarter != quarter_start(now):
            told.quarter, told.counts = quarter_start(now), {}
        phases = setpoint.phases or self._home.house.chargers[key].phases
        if told.current_a == 0 < setpoint.current_a:
            tally.starts += 1
            self._count(told, "all starts")
            if not told.by_limit:
                self._count(told, "starts")
            told.by_limit = False
        elif setpoint.current_a == 0 < told.current_a:
            tally.stops += 1
            told.by_limit = setpoint.limit is not None
            if not told.by_limit:
                self._count(told, "stops")
        if told.phases and phases != told.phases:
            tally.phase_switches += 1
            self._count(told, "switches")
        tally.starts_per_slot_max = max(tally.starts_per_slot_max, told.counts.get("starts", 0))
        tally.stops_per_slot_max = max(tally.stops_per_slot_max, told.counts.get("stops", 0))
        tally.phase_switches_per_slot_max = max(
            tally.phase_switches_per_slot_max, told.counts.get("switches", 0)
        )
        tally.starts_per_slot_max_with_limits = max(
            tally.starts_per_slot_max_with_limits, told.counts.get("all starts", 0)
        )
        told.current_a, told.phases, told.at = setpoint.current_a, phases, now

    @staticmethod
    def _count(told: _Writes, what: str) -> None:
        told.counts[what] = told.counts.get(what, 0) + 1

    def second(self) -> None:
        """Count what this second brought."""
        tally, house = self.tally, self._home.house
        tally.seconds += 1
        highest = max(map(abs, house.line_a))
        tally.highest_line_a = max(tally.highest_line_a, highest)
        self._over_s = self._over_s + 1 if highest > self._home.scenario.fuse_a + 0.05 else 0
        tally.over_fuse_any_s += self._over_s > 0
        tally.seconds_over_fuse += self._over_s > REACTION_S
        kw = house.meter.power_kw
        tally.import_kwh += max(kw, 0.0) / 3600
        tally.export_kwh += max(-kw, 0.0) / 3600
        paid = price(self._home.now)
        tally.bill += (max(kw, 0.0) * paid - max(-kw, 0.0) * (paid - 0.14)) / 3600
        tally.charged_kwh += sum(p.power_kw for p in house.chargers.values()) / 3600
        helping = any(b.reason is Reason.HELP for b in self._home.setpoints.batteries.values())
        if helping and house.battery is not None:
            tally.help_s += 1
            tally.help_kwh += max(0.0, -house.battery.power_kw) / 3600
        self._count_silence()
        step_peak = self._home.peak_target()
        if step_peak is not None:
            self._target = max(self._target, step_peak)

    def _count_silence(self) -> None:
        """Measure from the last telegram to the safe current, and from the first to normal."""
        meter, tally, now = self._home.meter, self.tally, self._home.now
        if meter is None:
            return
        silent_s = (now - meter.at).total_seconds()
        if silent_s < 1.0:
            if self._silent_since is not None:
                self._silent_since, self._back_at = None, now
            if self._back_at is not None and self._is_normal():
                back_s = (now - self._back_at).total_seconds()
                tally.stale_to_normal_s = max(tally.stale_to_normal_s, back_s)
                self._back_at = None
            return
        safe = self.is_safe()
        if self._silent_since is None:
            self._silent_since, self._back_at = meter.at, None
            self._before_a = {key: told.current_a for key, told in self._told.items()}
            tally.silences += 1
            tally.silences_above_safe += not safe
        if not safe:
            # Until the last second above it: a car that rises again is not safe yet.
            tally.stale_to_safe_s = max(tally.stale_to_safe_s, silent_s + 1.0)
        self._held = {k for k, s in self._home.setpoints.chargers.items() if s.limit == Sight.STALE}

    def _is_normal(self) -> bool:
        """Tell whether no order is held down for want of a meter any more.

        What the silence held down is back, or something else is named that holds it.
        """
        for key, setpoint in self._home.setpoints.chargers.items():
            if setpoint.reason is Reason.STALE or setpoint.limit == Sight.STALE:
                return False
            back = setpoint.current_a >= self._before_a[key] or setpoint.limit is not None
            if key in self._held and not back:
                return False
        return True

    def is_safe(self) -> bool:
        """Tell whether chargers together draw no more than the fuse leaves beside the known peak."""
        for phase, peak in enumerate(self._home.peaks_a):
            drawn = 0.0
            for point in self._home.house.chargers.values():
                for line, amperes in zip(point.phase_map, point.currents_a, strict=True):
                    drawn += amperes if line - 1 == phase else 0.0
            # A car draws a few per cent more or less than it was offered.
            if drawn > max(0.0, (self._home.scenario.fuse_a - peak) // 1) + 0.5:
                return False
        return True

    def quarter(self) -> None:
        """Compare the quarter that ends now with its target."""
        tally, meter = self.tally, self._home.house.meter
        house_kw = (self._home.house.base_kwh - self._base_kwh) * 4
        self._base_kwh = self._home.house.base_kwh
        ended = self._meter_peak()
        if self._home.scenario.peak is not None and ended > self._month_peak:
            excess = ended - max(self._target, house_kw)
            tally.peak_excess_kw = max(tally.peak_excess_kw, excess)
            if house_kw > self._target:
                over = ended - self._target
                tally.peak_excess_house_kw = max(tally.peak_excess_house_kw, over)
        self._month_peak = ended
        tally.month_peak_kw = meter.month_peak_kw
        tally.peak_target_kw = self._target
        self._target = self._home.peak_target() or 0.0

    def _meter_peak(self) -> float:
        return float(self._home.house.meter.month_peak_kw)

    def goal(self, resident: Resident, outing: Outing) -> None:
        """Compare what a car holds as it leaves with what it should."""
        car, tally = self._home.cars[resident.charger.key], self.tally
        missing = max(0.0, outing.soc - car.soc) * car.capacity_kwh / car.efficiency
        tally.goals += 1
        tally.goal_gap_max_kwh = max(tally.goal_gap_max_kwh, missing)
        if missing >= 0.05:
            tally.goals_missed_kwh += missing
