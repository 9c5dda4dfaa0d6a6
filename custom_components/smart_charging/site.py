"""The running site: joins devices, prices, goals, planner and control. It alone knows them all."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
import logging

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.event import async_track_time_interval

from .acting import Actor
from .availability import Availability
from .clock import SystemClock
from .commissioner import Commissioner
from .config import DeviceConfig, PartConfig, SiteConfig, VehicleConfig
from .conflicts import Conflicts
from .coordinator import SiteCoordinator
from .core.grid import Grid
from .core.planner import plan_from_json, plan_to_json
from .core.planner.problem import Problem
from .core.planner.result import Plan
from .core.reading import (
    AnyReading,
    BatteryReading,
    ChargerReading,
    ChargerStatus,
    MeterReading,
    PartKind,
    PvReading,
)
from .device_warnings import DeviceWarnings
from .devices.base import DeviceError, InvalidAuth
from .devices.entity.context import EntityContext
from .devices.registry import MAKES
from .ha_versions import shared_modbus_unit
from .history import History
from .issues import Issues
from .notices import Notices
from .planning import build_problem
from .plugs import Plugs
from .price_runner import PriceRunner
from .prices.registry import SOURCES
from .refreshing import Refresher
from .registry import Registry
from .replanner import Replanner
from .runner import DeviceRunner
from .sessions import PartEvent
from .settings import SettingsStore
from .tokens import TokenKeeper

_LOGGER = logging.getLogger(__name__)

TICK = timedelta(seconds=1)

CONTROL_GRADE_S = 15.0
"""A meter that reports less often only plans and learns."""

START_GRACE_S = 60.0
"""After a start nothing is called unavailable: devices need time to be found."""

type SiteConfigEntry = ConfigEntry["Site"]


class Site:
    """One grid connection, alive."""

    def __init__(self, hass: HomeAssistant, entry: SiteConfigEntry) -> None:
        """Prepare the site of `entry`; nothing runs yet."""
        self.hass = hass
        self.entry = entry
        self.clock = SystemClock()
        self.config = SiteConfig.from_entry(entry)
        self.store = SettingsStore(hass, entry.entry_id)
        self.settings = self.store.settings
        self.coordinator = SiteCoordinator()
        self.issues = Issues(hass, entry.entry_id)
        self.availability = Availability(self)
        self.registry = Registry(self)
        self.history = History(self)
        self.plugs = Plugs(self)
        self.commissioner = Commissioner(self)
        self.actor = Actor(self)
        self.conflicts = Conflicts(self)
        self.notices = Notices(self)
        self.warnings = DeviceWarnings(self)
        self.tokens = TokenKeeper(self)
        self.refresher = Refresher(self)
        self.replanner = Replanner(
            hass, self.clock, build=lambda: build_problem(self), done=self._planned
        )
        self.problem: Problem | None = None
        self.plan: Plan | None = None
        self.runners: dict[str, DeviceRunner] = {}
        self.price_runners: dict[str, PriceRunner] = {}
        self.started_at = 0.0
        self._started = (dict(entry.data), dict(entry.options), entry.title)
        self._context = EntityContext(
            hass=hass,
            session=async_get_clientsession(hass),
            unverified_session=async_get_clientsession(hass, verify_ssl=False),
            clock=self.clock,
            run_blocking=hass.async_add_executor_job,
            modbus_unit=shared_modbus_unit(hass),
        )
        self._event_listeners: list[Callable[[PartConfig, PartEvent], None]] = []
        self._unsubscribe: list[CALLBACK_TYPE] = []

    # --- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything; waits for no device."""
        self.settings = await self.store.load(self._before_save)
        self._resume_plan()
        self.started_at = self.clock.monotonic()
        await self.sync()
        self._unsubscribe = [
            async_track_time_interval(self.hass, self._tick, TICK, cancel_on_shutdown=True),
            self.hass.async_add_shutdown_job(HassJob(self._shutdown, "smart charging safe state")),
            *self.conflicts.start(),
        ]
        self.history.start()
        self.replanner.request("start")

    async def stop(self) -> None:
        """Stop everything; devices hold what they do."""
        while self._unsubscribe:
            self._unsubscribe.pop()()
        await self.commissioner.stop()
        await self.history.stop()
        await self.replanner.stop()
        await self.actor.stop()
        await self.store.save()
        # Each may wait for a link that nobody answers on: together they take as long as one.
        await asyncio.gather(
            *(runner.stop() for runner in self.runners.values()),
            *(price_runner.stop() for price_runner in self.price_runners.values()),
        )
        await self.tokens.close()
        self.runners.clear()
        self.price_runners.clear()
        self.issues.clear_all()

    async def _shutdown(self) -> None:
        """Leave a safe home behind while Home Assistant is down."""
        await self.actor.make_safe()
        await self.store.save()

    def _before_save(self) -> None:
        for device_id, runner in self.runners.items():
            if (kept := runner.kept) is not None:
                self.settings.drivers[device_id] = kept
        for price_id, price_runner in self.price_runners.items():
            self.settings.prices[price_id] = price_runner.source.dump()
        if self.plan is not None:
            self.settings.plan = plan_to_json(self.plan)

    def _resume_plan(self) -> None:
        if self.settings.plan is None:
            return
        try:
            self.plan = plan_from_json(self.settings.plan)
        except (KeyError, TypeError, ValueError) as err:
            _LOGGER.warning("The plan kept from before the restart cannot be read: %s", err)
            return
        self.replanner.resume(self.plan)

    # --- what changed in the configuration ------------------------------------------------------

    async def sync(self) -> None:
        """Start, stop and rename only what differs from the entry's subentries."""
        before, self.config = self.config, SiteConfig.from_entry(self.entry)
        await self._sync_devices()
        await self._sync_prices()
        self.actor.configure()
        self.plugs.configure()
        self.registry.sync()
        self.coordinator.show(
            tuple(part for device in self.config.devices for part in device.parts),
            self.config.vehicles,
        )
        for gone in before.subentry_ids - self.config.subentry_ids:
            self.settings.forget(gone)
        there = {device.unique_id for device in self.config.devices}
        for device in before.devices:
            if device.unique_id not in there:
                self.tokens.forget(device.unique_id)
        if before != self.config:
            self.replanner.request("configuration")
            self.store.changed()

    async def _sync_devices(self) -> None:
        wanted = {device.id: device for device in self.config.devices}
        for device_id, runner in list(self.runners.items()):
            device = wanted.get(device_id)
            if device is None or _link(device) != _link(runner.config):
                del self.runners[device_id]
                if device is None:
                    await self._give_back(runner)
                await runner.stop()
                self.availability.forget(device_id)
            else:
                runner.config = device
        for device_id, device in wanted.items():
            if device_id in self.runners:
                continue
            runner = DeviceRunner(
                self.hass,
                device,
                MAKES[device.make],
                self._context_of(device),
                on_reading=self._on_reading,
                on_error=self._on_device_error,
                kept=self.settings.drivers.get(device_id),
            )
            self.runners[device_id] = runner
            runner.start()

    def _context_of(self, device: DeviceConfig) -> EntityContext:
        if MAKES[device.make].oauth is None:
            return self._context
        return replace(self._context, tokens=self.tokens.of(device.unique_id))

    async def _give_back(self, runner: DeviceRunner) -> None:
        """Leave a device that is removed to its own control: nobody else would any more."""
        if not self.settings.acting:
            return
        for part in runner.config.parts:
            smart = part.kind is PartKind.CHARGER and self.settings.charger(part.id).smart
            if not smart and self.settings.battery(part.id).original is None:
                continue
            original = self.settings.battery(part.id).original
            try:
                if original is not None and not runner.releasable:
                    await runner.set_battery(part.key, original, 0.0)
                else:
                    await runner.release(part.key)
            except DeviceError as err:
                _LOGGER.warning(
                    "%s is removed and could not be given back to its own control: %s",
                    runner.config.name,
                    err,
                )

    async def _sync_prices(self) -> None:
        wanted = {price.id: price for price in self.config.prices}
        for price_id, price_runner in list(self.price_runners.items()):
            if wanted.get(price_id) != price_runner.config:
                del self.price_runners[price_id]
                await price_runner.stop()
        for price_id, price in wanted.items():
            if price_id in self.price_runners:
                continue
            source = SOURCES[price.kind].create(
                {**price.data, "time_zone": self.hass.config.time_zone}, self._context
            )
            if (kept := self.settings.prices.get(price_id)) is not None:
                source.load(kept)
            self.price_runners[price_id] = PriceRunner(self.hass, price, source, self._on_prices)
            self.price_runners[price_id].start()

    def site_data_changed(self) -> bool:
        """Tell whether the entry's own data or options differ from what runs."""
        return (dict(self.entry.data), dict(self.entry.options), self.entry.title) != self._started

    @asynccontextmanager
    async def paused(self, device_id: str) -> AsyncGenerator[None]:
        """Give up a device's link for a while, so that its form can try another."""
        runner = self.runners.get(device_id)
        if runner is not None:
            await runner.stop()
        try:
            yield
        finally:
            # Unless the entry's change made a new runner meanwhile.
            if runner is not None and self.runners.get(device_id) is runner:
                runner.start()

    def refusing(self) -> list[str]:
        """Return the ids of devices and prices that refuse their credentials."""
        devices = [d for d, r in self.runners.items() if r.needs_credentials]
        prices = [p for p, r in self.price_runners.items() if isinstance(r.error, InvalidAuth)]
        return devices + prices

    # --- what devices and prices say ------------------------------------------------------------

    @callback
    def _on_reading(self, runner: DeviceRunner, key: str, reading: AnyReading) -> None:
        part = runner.config.part(key)
        if part is None:
            return
        if isinstance(reading, ChargerReading):
            for event in self.plugs.update(part, reading):
                self._part_event(part, event)
            self.conflicts.reading(part, reading, self.actor.writes_to(part))
            self.commissioner.look()
        elif isinstance(reading, MeterReading) and part == self.meter_part:
            self.history.meter(reading)
            self.actor.step()
            self.commissioner.look()
        for event in self.warnings.take(part, reading):
            self._part_event(part, event)

    @callback
    def _part_event(self, part: PartConfig, event: PartEvent) -> None:
        _LOGGER.info("%s: %s %s", self.registry.part_name(part), event.type, event.data or "")
        for listener in tuple(self._event_listeners):
            listener(part, event)
        if event.type == "plugged_in":
            self.refresher.plugged_in(part)
        if event.type in ("plugged_in", "unplugged"):
            self.replanner.request(event.type)
        self.store.changed()
        self.coordinator.notify()

    @callback
    def _on_device_error(self, runner: DeviceRunner) -> None:
        if runner.needs_credentials:
            self.entry.async_start_reauth(self.hass, data={"subentry_id": runner.config.id})
        # Once the other parts of the same answer are in, so that they come back together.
        self.hass.loop.call_soon(self.coordinator.notify)

    @callback
    def _on_prices(self, runner: PriceRunner) -> None:
        if isinstance(runner.error, InvalidAuth):
            self.entry.async_start_reauth(self.hass, data={"subentry_id": runner.config.id})
        self.replanner.request("prices")
        self.store.changed()

    @callback
    def _planned(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        self.store.changed()
        self.actor.step()
        self.coordinator.notify()

    @callback
    def _tick(self, _now: datetime) -> None:
        self.availability.tick()
        self.plugs.tick()
        self.replanner.tick()
        self.actor.tick()
        self.commissioner.look()
        self.conflicts.tick()
        self.notices.tick()
        self.warnings.tick()
        self.coordinator.notify()

    # --- what entities and actions ask ----------------------------------------------------------

    @property
    def settled(self) -> bool:
        """Whether devices have had the time to be found."""
        return self.clock.monotonic() - self.started_at > START_GRACE_S

    def part(self, part_id: str) -> PartConfig | None:
        """Return the part as it is configured now, or `None` when it is gone."""
        return next((p for d in self.config.devices for p in d.parts if p.id == part_id), None)

    def vehicle(self, vehicle_id: str | None) -> VehicleConfig | None:
        """Return the vehicle as it is configured now, or `None`."""
        return next((v for v in self.config.vehicles if v.id == vehicle_id), None)

    def device(self, part: PartConfig) -> DeviceConfig:
        """Return the device that `part` belongs to."""
        return next(d for d in self.config.devices if d.id == part.device_id)

    def reading(self, part: PartConfig) -> AnyReading | None:
        """Return the latest reading of a part, or `None` when it is stale."""
        runner = self.runners.get(part.device_id)
        return None if runner is None else runner.fresh(part.key, self.clock.now())

    def latest(self, part: PartConfig) -> AnyReading | None:
        """Return the latest reading of a part, however old."""
        runner = self.runners.get(part.device_id)
        return None if runner is None else runner.readings.get(part.key)

    @property
    def meter_part(self) -> PartConfig | None:
        """The meter at the grid connection: a fast one before a slow one."""
        meters = self.config.parts(PartKind.METER)
        return min(meters, key=lambda part: MAKES[self.device(part).make].slow, default=None)

    @property
    def grid(self) -> Grid:
        """The grid connection as configured, or as the meter's limiter leaves it."""
        limiter = self.history.limiter
        return self.config.grid.within(limiter.power_kw, limiter.current_a)

    @property
    def meter_is_slow(self) -> bool:
        """Whether the meter only plans and learns."""
        part = self.meter_part
        runner = self.runners.get(part.device_id) if part is not None else None
        if part is None or runner is None:
            return False
        return runner.make.slow or runner.interval_s(part.key) > CONTROL_GRADE_S

    @property
    def meter(self) -> MeterReading | None:
        """The fresh reading of the grid connection."""
        reading = self.reading(self.meter_part) if self.meter_part else None
        return reading if isinstance(reading, MeterReading) else None

    @property
    def pv_kw(self) -> float | None:
        """Power of all PV systems; `None` when there is none or one is silent."""
        parts = self.config.parts(PartKind.PV)
        readings = [self.reading(part) for part in parts]
        powers = [r.power_kw for r in readings if isinstance(r, PvReading)]
        if not parts or len(powers) < len(parts) or None in powers:
            return None
        return sum(p for p in powers if p is not None)

    @property
    def charging_kw(self) -> float | None:
        """Power that all chargers draw now; `None` when one that draws does not say how much."""
        powers = []
        for part in self.config.parts(PartKind.CHARGER):
            reading = self.reading(part)
            if isinstance(reading, ChargerReading):
                idle = reading.power_kw is None and reading.status is not ChargerStatus.CHARGING
                powers.append(0.0 if idle else reading.power_kw)
            elif self.latest(part) is not None:
                # It fell silent, and may go on charging.
                powers.append(None)
        return _total(powers)

    @property
    def battery_kw(self) -> float | None:
        """Power into all batteries, negative while they discharge; `None` when one is silent."""
        readings = [
            self.reading(part)
            for part in self.config.parts(PartKind.BATTERY)
            if self.latest(part) is not None
        ]
        return _total([r.power_kw if isinstance(r, BatteryReading) else None for r in readings])

    @property
    def house_kw(self) -> float | None:
        """Load of the house without cars and batteries; `None` while a part of it is unknown."""
        meter = self.meter
        battery_kw, charging_kw = self.battery_kw, self.charging_kw
        if meter is None or meter.power_kw is None or battery_kw is None or charging_kw is None:
            return None
        pv_kw = self.pv_kw
        if pv_kw is None and self.config.parts(PartKind.PV):
            return None
        return max(0.0, meter.power_kw + (pv_kw or 0.0) - battery_kw - charging_kw)

    @property
    def prices_fetched_at(self) -> datetime | None:
        """When the import prices in use arrived; `None` where they never do, or have not yet."""
        for runner in self.price_runners.values():
            if runner.config.role == "import":
                return runner.source.fetched_at
        return None

    def price_now(self, role: str) -> float | None:
        """Return the price per kWh that holds now for `import` or `export`."""
        now = self.clock.now()
        for runner in self.price_runners.values():
            if runner.config.role == role:
                for price in runner.source.prices(now, now + TICK):
                    return price.value
        return None

    def async_listen(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Call `listener` whenever the site changed."""
        return self.coordinator.listen(listener)

    def async_listen_events(
        self, listener: Callable[[PartConfig, PartEvent], None]
    ) -> CALLBACK_TYPE:
        """Call `listener` for each event of a part."""
        self._event_listeners.append(listener)
        return lambda: self._event_listeners.remove(listener)

    def changed(self, cause: str) -> None:
        """Take note that a person changed something: keep it, act on it, plan anew."""
        self.store.changed()
        self.replanner.request(cause)
        self.actor.step()
        self.coordinator.notify()


def _total(powers: list[float | None]) -> float | None:
    known = [power for power in powers if power is not None]
    return sum(known) if len(known) == len(powers) else None


def _link(device: DeviceConfig) -> tuple[object, ...]:
    """What makes a restart of the device's task necessary; names and figures do not."""
    return (device.make, dict(device.connection), device.unique_id)
