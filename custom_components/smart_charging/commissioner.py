"""Commissions chargers: proves that orders arrive, learns how, and leaves all as it was."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
import logging
from typing import TYPE_CHECKING, Any

from homeassistant.core import callback

from .commissioning import HIGH_A, LEAST_SWING_A, LOW_A, Failure, Proof, Sample, Trial
from .config import PartConfig
from .const import DOMAIN
from .core.control import proven_safe_a
from .core.control.phase_learning import Learning, learn, learned_map
from .core.control.types import ChargerOrder, Mode, Override
from .core.reading import ChargerReading
from .devices.base import DeviceError

if TYPE_CHECKING:
    from .site import Site

_LOGGER = logging.getLogger(__name__)


class NotPossible(Exception):
    """A charger cannot be commissioned now."""

    def __init__(self, failure: Failure) -> None:
        """Say why."""
        super().__init__(failure.value)
        self.failure = failure


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a commissioning ended; without `failure` the charger is proven."""

    failure: Failure | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    """What the charger's figures keep: `at`, `reaction_s`, `phase_map`, `failsafe_a`."""


@dataclass(kw_only=True)
class Run:
    """A commissioning under way."""

    part: PartConfig
    trial: Trial
    phases: int | None
    """On how many phases it is tried; `None` leaves them."""
    choices: tuple[object, ...]
    """What a person had chosen at the charger; another choice ends it."""
    done: asyncio.Future[Outcome]
    told_a: float
    """Current that the charger was told last, before our first order what it showed."""
    learning: Learning = field(default_factory=Learning)


class Commissioner:
    """The commissionings of one site, one at a time: two would hide each other at the meter."""

    def __init__(self, site: "Site") -> None:
        """Belong to `site`."""
        self._site = site
        self._run: Run | None = None
        self._ending: asyncio.Task[None] | None = None
        self._failures: dict[str, Failure] = {}

    @property
    def run(self) -> Run | None:
        """The commissioning under way, or `None`."""
        return self._run

    def run_of(self, part: PartConfig) -> Run | None:
        """Return the commissioning of a charger, or `None`."""
        return self._run if self._run is not None and self._run.part.id == part.id else None

    def failure_of(self, part: PartConfig) -> Failure | None:
        """Return why the last commissioning of a charger since the start failed, or `None`."""
        return self._failures.get(part.id)

    @callback
    def start(self, part: PartConfig) -> Run:
        """Begin with a charger. Raises NotPossible."""
        site = self._site
        if self._run is not None or (self._ending is not None and not self._ending.done()):
            raise NotPossible(Failure.BUSY)
        if site.meter is None or site.meter.power_kw is None or site.meter_is_slow:
            raise NotPossible(Failure.NO_METER)
        if not isinstance(reading := site.reading(part), ChargerReading):
            raise NotPossible(Failure.CHARGER_SILENT)
        if not site.plugs.watches[part.id].plugged:
            raise NotPossible(Failure.NO_CAR)
        meter_part, vehicle = site.meter_part, site.plugs.vehicle_at(part)
        assert meter_part is not None  # it has just spoken
        chosen_phases = site.plugs.settings(part).forced_phases
        spec = part.charger_spec(chosen_phases)
        low_a = max(LOW_A, spec.min_a)
        high_a = min(low_a + HIGH_A - LOW_A, spec.max_a, (vehicle and vehicle.max_a) or spec.max_a)
        if high_a - low_a < LEAST_SWING_A:
            raise NotPossible(Failure.NO_RANGE)
        # On one phase the meter shows which; on three all of them change alike.
        alone = spec.switching and chosen_phases is None
        self._failures.pop(part.id, None)
        self._run = Run(
            part=part,
            trial=Trial(
                low_a,
                high_a,
                interval_s=site.runners[meter_part.device_id].interval_s(meter_part.key),
                now=site.clock.now(),
            ),
            phases=1 if alone else None,
            choices=self._choices(part),
            done=site.hass.loop.create_future(),
            told_a=reading.limit_a or 0.0,
        )
        if not self._controlled(part):
            # Kept before the first order: a crash must find that the charger is to be given back.
            site.plugs.settings(part).release_due = True
            site.store.changed()
        site.actor.begin_anew(part)
        _LOGGER.info("%s: commissioning begins", site.registry.part_name(part))
        site.actor.step()
        site.coordinator.notify()
        return self._run

    def order(self, part: PartConfig) -> ChargerOrder | None:
        """Return what control is to do with a charger that is being commissioned, or `None`.

        It carries it out within every limit, as whatever a person orders.
        """
        run, vehicle = self.run_of(part), self._site.plugs.vehicle_at(part)
        if run is None:
            return None
        return ChargerOrder(
            mode=Mode.SMART,
            override=Override(current_a=run.trial.asked_a, until=None),
            vehicle_max_a=vehicle.max_a if vehicle else None,
            vehicle_max_phases=vehicle.max_phases if vehicle else 3,
        )

    @callback
    def ordered(self, part: PartConfig, current_a: float) -> None:
        """Take note that an order of control goes to a charger."""
        if (run := self.run_of(part)) is not None:
            run.trial.ordered(current_a, self._site.clock.now())
            run.told_a = current_a
            self._learn(run)

    @callback
    def look(self) -> None:
        """Look at meter and charger; called on their readings and once a second."""
        run, site = self._run, self._site
        if run is None:
            return
        if self._choices(run.part) != run.choices or site.part(run.part.id) is None:
            self._end(run, Failure.CANCELLED)
            return
        setpoint = site.actor.setpoints.chargers.get(run.part.id)
        self._learn(run)
        before = run.trial.progress
        run.trial.look(
            self._sample(run.part),
            0.0 if setpoint is None else setpoint.current_a,
            site.clock.now(),
        )
        if run.trial.ended:
            self._end(run, run.trial.failure)
        elif run.trial.progress != before:
            site.actor.step()
            site.coordinator.notify()

    @callback
    def cancel(self, part: PartConfig) -> None:
        """End the commissioning of a charger, if there is one."""
        if (run := self.run_of(part)) is not None:
            self._end(run, Failure.CANCELLED)

    async def stop(self) -> None:
        """End what is under way and wait until the charger is as it was."""
        if self._run is not None:
            self._end(self._run, Failure.CANCELLED)
        if self._ending is not None:
            await self._ending

    # --- readings -------------------------------------------------------------------------------

    def _learn(self, run: Run) -> None:
        """Compare what the charger draws with what the meter's phases show."""
        site, reading = self._site, self._site.reading(run.part)
        if isinstance(reading, ChargerReading):
            run.learning = learn(
                run.learning,
                site.config.grid,
                ordered_a=run.told_a,
                phases=run.phases or reading.phases or max(run.part.charger_spec().phases),
                reading=reading,
                meter=site.meter,
                now=site.clock.now(),
            )

    def _sample(self, part: PartConfig) -> Sample | None:
        site = self._site
        meter, charger = site.meter, site.reading(part)
        if meter is None or meter.power_kw is None or not isinstance(charger, ChargerReading):
            return None
        return Sample(
            at=meter.at,
            meter=meter,
            charger=charger,
            load_kw=meter.power_kw + (site.pv_kw or 0.0) - (site.battery_kw or 0.0),
        )

    def _choices(self, part: PartConfig) -> tuple[object, ...]:
        row = self._site.plugs.settings(part)
        return row.mode, row.smart, row.override, row.forced_phases

    def _controlled(self, part: PartConfig) -> bool:
        return self._site.settings.acting and self._site.plugs.controlled(part)

    # --- the end --------------------------------------------------------------------------------

    @callback
    def _end(self, run: Run, failure: Failure | None) -> None:
        self._run = None
        site = self._site
        name = site.registry.part_name(run.part)
        if failure is None:
            _LOGGER.info("%s: commissioning succeeded", name)
        else:
            self._failures[run.part.id] = failure
            _LOGGER.warning("%s: commissioning ended: %s", name, failure.value.replace("_", " "))
        site.actor.begin_anew(run.part)
        self._ending = site.hass.async_create_background_task(
            self._wind_up(run, failure), f"{DOMAIN} commissioning"
        )

    async def _wind_up(self, run: Run, failure: Failure | None) -> None:
        site, facts = self._site, dict[str, Any]()
        try:
            if failure is None and run.trial.proof is not None:
                facts = await self._facts(run, run.trial.proof, site.clock.now())
            if site.part(run.part.id) is not None and not self._controlled(run.part):
                await self._give_back(run.part)
        finally:
            site.coordinator.notify()
            run.done.set_result(Outcome(failure=failure, facts=facts))
        if facts:
            self._keep(run.part, facts)

    async def _give_back(self, part: PartConfig) -> None:
        site = self._site
        try:
            await site.actor.release(part)
        except DeviceError as err:
            # It is owed: the site tries again when the charger speaks.
            _LOGGER.warning(
                "%s could not be given back to its own control: %s",
                site.registry.part_name(part),
                err,
            )
        site.store.changed()

    async def _facts(self, run: Run, proof: Proof, now: datetime) -> dict[str, Any]:
        """Return what is kept of a proven charger, its own failsafe set where it has one."""
        grid, spec = self._site.config.grid, run.part.charger_spec()
        found = learned_map(run.learning, grid, configured=spec.phase_map)
        # Where nothing tells the phases apart, what a person said of the wiring stays.
        seen = found is not None and grid.topology.phases > 1 and found.known[0]
        return {
            "at": now.isoformat(timespec="seconds"),
            "reaction_s": round(proof.reaction_s, 1),
            "phase_map": "".join(map(str, found.phase_map)) if found and seen else None,
            "failsafe_a": await self._set_failsafe(run.part),
        }

    async def _set_failsafe(self, part: PartConfig) -> float | None:
        """Have a charger fall back to what is proven safe when nobody speaks to it."""
        site = self._site
        runner = site.runners[part.device_id]
        if not runner.has_failsafe:
            return None
        current_a = proven_safe_a(site.actor.control_site, part.id, site.history.house_peak_a())
        try:
            await runner.set_failsafe(part.key, current_a)
        except DeviceError as err:
            _LOGGER.warning("%s did not take its failsafe: %s", site.registry.part_name(part), err)
            return None
        return current_a

    def _keep(self, part: PartConfig, facts: dict[str, Any]) -> None:
        """Store what was found with the charger's figures; the wiring where it was seen."""
        site = self._site
        subentry = site.entry.subentries.get(part.device_id)
        if subentry is None or part.key not in subentry.data["parts"]:
            return
        figures = {**subentry.data["parts"][part.key], "commissioned": facts}
        if facts["phase_map"] is not None:
            figures["phase_map"] = facts["phase_map"]
        parts = {**subentry.data["parts"], part.key: figures}
        site.hass.config_entries.async_update_subentry(
            site.entry, subentry, data={**subentry.data, "parts": parts}
        )
