"""Runs control on every meter reading and hands its setpoints to the writers."""

import asyncio
from dataclasses import replace
from datetime import timedelta
import logging
from typing import TYPE_CHECKING

from homeassistant.core import Context, callback

from .asking import control_site, forced_phases, orders
from .config import PartConfig
from .core.control import ControlState, control, proven_safe_a
from .core.control.types import (
    BatterySetpoint,
    ChargerSetpoint,
    ControlSite,
    MeterGrade,
    Override,
    Readings,
    Setpoints,
)
from .core.reading import BatteryMode, BatteryReading, ChargerReading, MeterReading, PartKind
from .core.schedule import Reason
from .devices.base import CannotConnect, DeviceError
from .devices.entity.context import acting_context
from .handback import HandBack
from .runner import DeviceRunner
from .writer import Decisions, Target, Writer

if TYPE_CHECKING:
    from .site import Site

_LOGGER = logging.getLogger(__name__)

HOLD_S = 60.0
"""After a start nothing is written until the meter speaks and a plan stands, or for this long."""

WATCHDOG = timedelta(seconds=2)
"""Control runs at least this often, so that a silent meter is noticed."""

SHUTDOWN_S = 15.0
"""All devices together; Home Assistant allows 20 s."""


class Actor:
    """Control and its writers, for one site."""

    def __init__(self, site: "Site") -> None:
        """Belong to `site`."""
        self._site = site
        self._state = ControlState.initial()
        self._control_site = ControlSite(grid=site.config.grid)
        self._stepped_at = 0.0
        self._ended = False
        self._meter: MeterReading | None = None
        self._chargers: dict[str, Writer[ChargerSetpoint]] = {}
        self._batteries: dict[str, Writer[BatterySetpoint]] = {}
        self._logged: dict[str, tuple[Reason, bool]] = {}
        self._battery_power_kw: dict[str, float] = {}
        self._hand_back = HandBack(site, self.release)
        self.decisions = Decisions()
        self.setpoints = Setpoints()

    # --- configuration --------------------------------------------------------------------------

    @callback
    def configure(self) -> None:
        """Take the chargers and batteries that are configured now."""
        site, config = self._site, self._site.config
        chargers = config.parts(PartKind.CHARGER)
        batteries = [p for p in config.parts(PartKind.BATTERY) if p.controllable]
        self._control_site = control_site(self._site)
        for part in chargers:
            if part.id not in self._chargers:
                self._chargers[part.id] = Writer(
                    site.hass,
                    site.clock,
                    self.decisions,
                    self._target(part, "current", "phases"),
                    interval_s=part.charger_spec().write_interval_s,
                    on_fault=self._on_fault,
                )
        for part in batteries:
            if part.id not in self._batteries:
                self._batteries[part.id] = Writer(
                    site.hass,
                    site.clock,
                    self.decisions,
                    self._target(part, "power", "mode"),
                    interval_s=10.0,
                    on_fault=self._on_fault,
                )
        for table, parts in ((self._chargers, chargers), (self._batteries, batteries)):
            for part_id in set(table) - {part.id for part in parts}:
                writer = table.pop(part_id)
                site.hass.async_create_task(writer.stop(), "smart charging writer stop")

    def _target(self, part: PartConfig, value: str, choice: str) -> Target:
        site = self._site
        switching = part.kind is PartKind.BATTERY or part.charger_spec().switching
        return Target(
            part_id=part.id,
            name=site.registry.part_name(part),
            value_unique_id=site.registry.part_unique_id(part, value),
            choice_unique_id=site.registry.part_unique_id(part, choice) if switching else None,
        )

    @property
    def control_site(self) -> ControlSite:
        """The site as control sees it now."""
        return self._control_site

    def writes_to(self, part: PartConfig) -> int:
        """Return how many orders were written to a charger so far."""
        writer = self._chargers.get(part.id)
        return 0 if writer is None else writer.writes

    async def stop(self) -> None:
        """End writes that are under way."""
        for writer in self._chargers.values():
            await writer.stop()
        for battery_writer in self._batteries.values():
            await battery_writer.stop()
        await self._hand_back.stop()

    # --- the step -------------------------------------------------------------------------------

    @callback
    def tick(self) -> None:
        """Step when the meter is silent; hand back what could not be handed back before."""
        self._hand_back.tick()
        if self._site.clock.monotonic() - self._stepped_at >= WATCHDOG.total_seconds():
            self.step()

    @callback
    def step(self) -> None:
        """Run control once; in *act*, order what it says."""
        if self._ended:
            return
        site = self._site
        now_s = site.clock.monotonic()
        meter = self._meter_reading()
        no_plan = site.plan is None and bool(site.config.prices)
        if (no_plan or meter is None) and now_s - site.started_at < HOLD_S:
            return
        self._stepped_at = now_s
        self._control_site = control_site(self._site)
        chargers = {
            part.id: reading
            for part in site.config.parts(PartKind.CHARGER)
            if isinstance(reading := site.latest(part), ChargerReading)
        }
        batteries = {
            part.id: reading
            for part in site.config.parts(PartKind.BATTERY)
            if isinstance(reading := site.reading(part), BatteryReading)
        }
        before = self.setpoints
        setpoints, self._state = control(
            self._control_site,
            orders(site),
            self._state,
            Readings(
                meter=meter,
                grade=MeterGrade.SLOW if site.meter_is_slow else MeterGrade.CONTROL,
                pv_kw=site.pv_kw,
                chargers=chargers,
                batteries=batteries,
            ),
            site.clock.now(),
        )
        self.setpoints = self._with_forced_phases(setpoints)
        self._log_changes()
        if site.settings.acting or site.commissioner.run is not None:
            self._write(chargers, batteries)
        if _visible(before) != _visible(self.setpoints):
            site.coordinator.notify()

    def _with_forced_phases(self, setpoints: Setpoints) -> Setpoints:
        """Add the phases that a person chose: to control the charger has no others then."""
        forced = {
            part.id: phases
            for part in self._site.config.parts(PartKind.CHARGER)
            if (phases := forced_phases(self._site, part)) is not None
            and part.charger_spec(phases).phases == (phases,)
        }
        chargers = {
            charger: replace(setpoint, phases=setpoint.phases or forced.get(charger))
            for charger, setpoint in setpoints.chargers.items()
        }
        return replace(setpoints, chargers=chargers)

    def _meter_reading(self) -> MeterReading | None:
        """Return the newest reading of the meter that has a power.

        One telegram without it is no silence: the reading before it counts until it is stale.
        """
        part = self._site.meter_part
        reading = self._site.latest(part) if part else None
        if not isinstance(reading, MeterReading):
            self._meter = None
        elif reading.power_kw is not None or self._meter is None:
            self._meter = reading
        return self._meter

    def _log_changes(self) -> None:
        for part_id, setpoint in self.setpoints.chargers.items():
            shown = (setpoint.reason, setpoint.current_a > 0)
            if self._logged.get(part_id) != shown:
                self._logged[part_id] = shown
                part = self._site.part(part_id)
                _LOGGER.info(
                    "%s: %s because of %s%s",
                    self._site.registry.part_name(part) if part else part_id,
                    f"{setpoint.current_a:g} A" if setpoint.current_a else "no charging",
                    setpoint.reason.value,
                    f" ({setpoint.limit})" if setpoint.limit else "",
                )

    # --- orders out -----------------------------------------------------------------------------

    def _write(
        self, chargers: dict[str, ChargerReading], batteries: dict[str, BatteryReading]
    ) -> None:
        site = self._site
        for part_id, setpoint in self.setpoints.chargers.items():
            writer, part = self._chargers.get(part_id), site.part(part_id)
            if writer is None or part is None or setpoint.release:
                continue
            if site.reading(part) is None or not self._may_write(part):
                continue
            writer.order(setpoint, chargers.get(part_id))
        if not site.settings.acting:
            return
        for part_id, battery_setpoint in self.setpoints.batteries.items():
            battery_writer = self._batteries.get(part_id)
            if battery_writer is not None and part_id in batteries:
                battery_writer.order(battery_setpoint, batteries[part_id])

    def _may_write(self, part: PartConfig) -> bool:
        """While the site observes only a commissioning orders, and only its own charger."""
        return self._site.settings.acting or self._site.commissioner.run_of(part) is not None

    @callback
    def _on_fault(self, part_id: str, key: str | None) -> None:
        part = self._site.part(part_id)
        if part is None:
            return
        if key is None:
            for known in ("not_obeyed", "entity_disabled"):
                self._site.issues.clear(known, part_id)
        elif not self._site.issues.is_open(key, part_id):
            name = self._site.registry.part_name(part)
            _LOGGER.warning("%s: %s", name, key.replace("_", " "))
            self._site.issues.show(key, name, subject_id=part_id)

    def wanted_phases(self, part: PartConfig, context: Context | None) -> int | None:
        """Return the phases that go with a write of the current."""
        if not self.decisions.owns(context):
            return self._site.plugs.settings(part).forced_phases
        setpoint = self.setpoints.chargers.get(part.id)
        return setpoint.phases if setpoint else None

    async def command_charger(
        self, part: PartConfig, context: Context | None, current_a: float
    ) -> None:
        """Carry out a write of the current; a person's write becomes an override.

        Raises DeviceError.
        """
        settings = self._site.plugs.settings(part)
        phases = self.wanted_phases(part, context)
        if self.decisions.owns(context):
            self._site.commissioner.ordered(part, current_a)
        else:
            self._site.conflicts.called(part, context)
            self._site.commissioner.cancel(part)
            settings.override = Override(current_a=current_a, until=None)
            self._site.changed("manual current")
        await self._command(part, context, current_a, phases)

    async def command_phases(
        self, part: PartConfig, context: Context | None, current_a: float, phases: int
    ) -> None:
        """Carry out a write of the phases; a person's choice holds until the car leaves.

        Raises DeviceError.
        """
        if not self.decisions.owns(context):
            self._site.conflicts.called(part, context)
            self._site.plugs.settings(part).forced_phases = phases
            self._site.changed("manual phases")
        await self._command(part, context, current_a, phases)

    async def _command(
        self, part: PartConfig, context: Context | None, current_a: float, phases: int | None
    ) -> None:
        if not self.decisions.owns(context) and self._controls(part):
            # Control carries it out in its next step, within every limit.
            return
        runner = self._runner(part)
        before = runner.kept
        acting_context.set(context)
        await runner.set_charging(part.key, current_a, phases)
        if runner.kept != before:
            # Kept at once, as with batteries: a crash a second later must find what to undo.
            await self._site.store.save()

    def _controls(self, part: PartConfig) -> bool:
        return self._site.settings.acting and self._site.plugs.controlled(part)

    def _runner(self, part: PartConfig) -> DeviceRunner:
        runner = self._site.runners.get(part.device_id)
        if runner is None:
            raise CannotConnect("the device is not running")
        return runner

    def battery_power_kw(self, part: PartConfig) -> float:
        """Return the power that goes with a battery's charge and discharge modes."""
        return self._battery_power_kw.get(part.id, self._site.settings.battery(part.id).power_kw)

    def power_with_mode_kw(self, part: PartConfig, context: Context | None) -> float:
        """Return the power of a mode that is ordered now.

        A person's mode goes with the power that the person asked for last: the number may show
        one of our own orders by then.
        """
        own_kw = self._site.settings.battery(part.id).power_kw
        if own_kw > 0 and not self.decisions.owns(context):
            return own_kw
        return self.battery_power_kw(part)

    async def set_battery_power(
        self, part: PartConfig, context: Context | None, power_kw: float
    ) -> None:
        """Take the power that the next write of the mode uses. Raises DeviceError."""
        if self.decisions.owns(context):
            # The mode follows at once and carries both to the battery.
            self._battery_power_kw[part.id] = power_kw
            return
        self._battery_power_kw.pop(part.id, None)
        settings = self._site.settings.battery(part.id)
        settings.power_kw = power_kw
        if settings.mode is not None:
            await self.command_battery(part, context, settings.mode, power_kw)

    async def command_battery(
        self, part: PartConfig, context: Context | None, mode: BatteryMode, power_kw: float
    ) -> None:
        """Carry out a write of a battery's mode. Raises DeviceError."""
        site = self._site
        settings = site.settings.battery(part.id)
        if not self.decisions.owns(context):
            settings.mode, settings.power_kw = mode, power_kw
            site.changed("battery mode")
            if site.settings.acting:
                return
        runner = self._runner(part)
        if settings.original is None:
            reading = site.reading(part)
            known = (
                reading
                if isinstance(reading, BatteryReading)
                else BatteryReading(at=site.clock.now())
            )
            settings.original = known.mode or BatteryMode.SELF_CONSUMPTION
            powered = settings.original in (BatteryMode.CHARGE, BatteryMode.DISCHARGE)
            settings.original_kw = round(abs(known.power_kw or 0.0), 2) if powered else 0.0
            # Kept at once: a crash a second later must find it.
            await site.store.save()
        before = runner.kept
        acting_context.set(context)
        await runner.set_battery(part.key, mode, power_kw)
        if runner.kept != before:
            # What the device itself must put back is known only now.
            await site.store.save()

    async def release(self, part: PartConfig) -> None:
        """Give a charger back to its own control. Raises DeviceError."""
        if (writer := self._chargers.get(part.id)) is not None:
            await writer.forget()
        await self._runner(part).release(part.key)
        self._site.plugs.settings(part).release_due = False

    @callback
    def take_over(self) -> None:
        """Begin to act."""
        self._site.settings.acting = True
        self._hand_back.call_off()
        # What was only imagined was never ordered: begin with what the devices do.
        self._state = replace(self._state, chargers={}, batteries={})
        self._site.changed("act")

    @callback
    def take_charger(self, part: PartConfig) -> None:
        """Begin to control a charger that followed its own control."""
        self._site.plugs.settings(part).smart = True
        self.begin_anew(part)
        self._site.changed("smart charging on")

    @callback
    def begin_anew(self, part: PartConfig) -> None:
        """Forget what control remembers of a charger: begin with what it does."""
        others = {k: v for k, v in self._state.chargers.items() if k != part.id}
        self._state = replace(self._state, chargers=others)

    async def hand_back(self) -> None:
        """Stop acting: chargers to their own control, batteries to their own mode."""
        self._site.settings.acting = False
        await self._site.commissioner.stop()
        for writer in self._batteries.values():
            await writer.forget()
        await self._hand_back.everything()
        self._site.changed("observe")

    async def make_safe(self) -> None:
        """Leave chargers at a current that is proven safe, batteries in their own mode.

        The last thing that is ordered: control ends here.
        """
        site = self._site
        self._ended = True
        await site.commissioner.stop()
        await self.stop()
        if not site.settings.acting:
            return
        try:
            async with asyncio.timeout(SHUTDOWN_S):
                await asyncio.gather(
                    self._hand_back.restore_batteries(),
                    *(self._make_charger_safe(p) for p in site.config.parts(PartKind.CHARGER)),
                )
        except TimeoutError:
            _LOGGER.warning("Not every device could be left in a safe state in time")

    async def _make_charger_safe(self, part: PartConfig) -> None:
        site = self._site
        reading = site.latest(part)
        runner = site.runners.get(part.device_id)
        if runner is None or not isinstance(reading, ChargerReading) or not reading.limit_a:
            return
        if not site.plugs.controlled(part):
            return
        safe_a = proven_safe_a(self._control_site, part.id, site.history.house_peak_a())
        if reading.limit_a <= safe_a:
            return
        try:
            await runner.set_charging(part.key, safe_a, None)
        except DeviceError as err:
            _LOGGER.warning(
                "%s could not be left at %g A: %s", site.registry.part_name(part), safe_a, err
            )


def _visible(setpoints: Setpoints) -> object:
    return {k: (s.reason, s.current_a) for k, s in setpoints.chargers.items()}
