"""Prices from any Home Assistant entity that carries them, or whose integration answers for it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import logging
from typing import Any
from zoneinfo import ZoneInfo

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, STATE_UNAVAILABLE
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util

from ..core.price import Price
from ..devices.base import (
    CannotConnect,
    Data,
    DeviceError,
    DriverContext,
    Field,
    FieldKind,
    WrongDevice,
)
from ..devices.entity.context import EntityContext
from .base import SourceKind
from .book import PriceBook
from .formats import parse
from .records import LONGEST_PERIOD, PriceRecord
from .responses import nord_pool, tibber, timestamped
from .units import UnknownUnit

_LOGGER = logging.getLogger(__name__)

MARKET = ZoneInfo("Europe/Brussels")
"""The day of the European day-ahead market, by which Nord Pool's prices are asked for."""

LOOK_EVERY_S = 1800.0
"""Look again without a change of state: tomorrow's prices of a service come with no event."""
SERVICE_EVERY = timedelta(minutes=30)
"""Services ask the supplier each time they are called."""
DAYS_AHEAD = 4
"""Days for which a price of months is written down: more than any plan looks ahead."""
GRACE = timedelta(minutes=15)
"""Time that an integration may take to bring its entity up after a start, or to recover."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    prices: list[Price]
    at: datetime
    """When the entity or service gave them."""


class EntityPrices:
    """The prices of one entity, and of a second one where tomorrow's stand apart."""

    def __init__(self, data: Data, context: DriverContext) -> None:
        """Take `entity` and perhaps `next_entity`. Raises TypeError without Home Assistant."""
        if not isinstance(context, EntityContext):
            raise TypeError("prices of an entity need an EntityContext")
        self.version = 0
        self.fetched_at: datetime | None = None
        self._hass: HomeAssistant = context.hass
        self._clock = context.clock
        named = (data["entity"], data.get("next_entity"))
        self._entities = [str(entity) for entity in named if entity]
        self._book = PriceBook()
        self._lacking_since: datetime | None = None
        self._asked_at: dict[str, datetime] = {}

    @property
    def book(self) -> PriceBook:
        """Everything that is known."""
        return self._book

    async def identify(self) -> str:
        """Read the entities once and return the unique id of the first.

        Raises CannotConnect for a missing or unavailable entity, WrongDevice for one without
        prices that can be read.
        """
        for entity in self._entities:
            await self._read(entity)
        entry = er.async_get(self._hass).async_get(self._entities[0])
        return f"entity_{entry.id if entry else self._entities[0]}"

    async def run(self, changed: Callable[[], None]) -> None:
        """Follow the entities until cancelled.

        Raises DeviceError when no entity gave prices for a quarter of an hour.
        """
        stirred = asyncio.Event()

        @callback
        def stir(_event: Event[EventStateChangedData]) -> None:
            stirred.set()

        unsubscribe = async_track_state_change_event(self._hass, self._entities, stir)
        told = False
        try:
            while True:
                stirred.clear()
                version = self.version
                await self.look()
                if self.version != version or (not told and self._lacking_since is None):
                    told = True
                    changed()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s()):
                        await stirred.wait()
        finally:
            unsubscribe()

    async def look(self) -> None:
        """Read all entities now. Raises DeviceError once none gave prices for `GRACE`."""
        now = self._clock.now()
        errors: list[DeviceError] = []
        for entity in self._entities:
            try:
                self._take(await self._read(entity, spare_service=True), now)
            except DeviceError as err:
                errors.append(err)
        self._book.purge(now)
        if len(errors) < len(self._entities):
            self._lacking_since = None
            return
        if self._lacking_since is None:
            self._lacking_since = now
            _LOGGER.debug("No prices for now: %s", errors[0])
        if now - self._lacking_since >= GRACE:
            raise errors[0]

    def prices(self, start: datetime, end: datetime) -> list[Price]:
        """Return the known prices that overlap [start, end)."""
        return self._book.prices(start, end)

    def dump(self) -> dict[str, Any]:
        """Return the book and whose it is, as JSON."""
        return {"entity": self._entities[0], "book": self._book.dump()}

    def load(self, stored: dict[str, Any]) -> None:
        """Take back what `dump` gave; another entity's book and damaged pieces are skipped."""
        if not isinstance(stored, dict) or stored.get("entity") != self._entities[0]:
            _LOGGER.info("The stored prices are not those of %s", self._entities[0])
            return
        if skipped := self._book.load(stored.get("book")):
            _LOGGER.warning("Skipped %d damaged pieces of the stored prices", skipped)
        self.version += 1

    def _pause_s(self) -> float:
        return LOOK_EVERY_S if self._lacking_since is None else GRACE.total_seconds() / 5

    def _take(self, found: _Found | None, now: datetime) -> None:
        if found is None:
            return
        records = [
            PriceRecord(start=start, end=end, value=p.value, run_at=found.at)
            for p in found.prices
            for start, end in _by_day(p, now)
        ]
        self.fetched_at = max(found.at, self.fetched_at or found.at)
        if self._book.merge(records, now):
            self.version += 1

    async def _read(self, entity: str, *, spare_service: bool = False) -> _Found | None:
        """Return the prices of `entity`; `None` where its service was asked a moment ago."""
        state = self._hass.states.get(entity)
        if state is None:
            raise CannotConnect(f"{entity} does not exist")
        if state.state == STATE_UNAVAILABLE:
            raise CannotConnect(f"{entity} is unavailable")
        unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
        try:
            found = parse(state.attributes, unit, dt_util.get_default_time_zone())
        except UnknownUnit as err:
            raise WrongDevice(f"{entity} has the unit {unit}, which is no price") from err
        if found is not None:
            return _Found(prices=found[1], at=state.last_reported)
        entry = er.async_get(self._hass).async_get(entity)
        if entry is None or (reader := SERVICES.get(entry.platform)) is None:
            raise WrongDevice(f"{entity} carries no list of prices")
        now = self._clock.now()
        asked_at = self._asked_at.get(entity)
        if spare_service and asked_at is not None and now - asked_at < SERVICE_EVERY:
            return None
        try:
            prices = await reader(self._hass, entry, state)
        except HomeAssistantError as err:
            raise CannotConnect(str(err) or type(err).__name__) from err
        if not prices:
            raise CannotConnect(f"{entry.platform} answers without prices")
        self._asked_at[entity] = now
        return _Found(prices=prices, at=now)


def _by_day(price: Price, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the period of a price; one of months (a fixed contract) in days around the present."""
    if price.end - price.start <= LONGEST_PERIOD:
        yield price.start, price.end
        return
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for offset in range(-1, DAYS_AHEAD):
        day = today + timedelta(days=offset)
        start, end = max(price.start, day), min(price.end, day + timedelta(days=1))
        if start < end:
            yield start, end


async def _ask(hass: HomeAssistant, domain: str, service: str, data: dict[str, Any]) -> Any:
    """Call a service that answers. Raises HomeAssistantError."""
    return await hass.services.async_call(
        domain, service, data, blocking=True, return_response=True
    )


async def _nord_pool(hass: HomeAssistant, entry: er.RegistryEntry, _state: State) -> list[Price]:
    area = entry.unique_id.rpartition("-")[0]
    today = dt_util.utcnow().astimezone(MARKET).date()

    async def of(day: int) -> list[Price]:
        date = (today + timedelta(days=day)).isoformat()
        asked = {"config_entry": entry.config_entry_id, "date": date}
        return nord_pool(await _ask(hass, "nordpool", "get_prices_for_date", asked), area)

    return await _days(of)


async def _tibber(hass: HomeAssistant, entry: er.RegistryEntry, state: State) -> list[Price]:
    start = dt_util.start_of_local_day().astimezone(UTC)
    asked = {"start": start.isoformat(), "end": (start + timedelta(days=2)).isoformat()}
    device = dr.async_get(hass).async_get(entry.device_id) if entry.device_id else None
    home = device.name if device is not None else state.attributes.get("app_nickname")
    return tibber(await _ask(hass, "tibber", "get_prices", asked), home)


async def _energyzero(hass: HomeAssistant, entry: er.RegistryEntry, _state: State) -> list[Price]:
    return await _dutch(hass, entry, "get_energy_prices")


async def _easyenergy(hass: HomeAssistant, entry: er.RegistryEntry, _state: State) -> list[Price]:
    return await _dutch(hass, entry, "get_energy_usage_prices")


async def _dutch(hass: HomeAssistant, entry: er.RegistryEntry, service: str) -> list[Price]:
    today = dt_util.now().date()

    async def of(day: int) -> list[Price]:
        date = (today + timedelta(days=day)).isoformat()
        asked = {
            "config_entry": entry.config_entry_id,
            "incl_vat": True,
            "start": date,
            "end": date,
        }
        return timestamped(await _ask(hass, entry.platform, service, asked))

    return await _days(of)


async def _days(of: Callable[[int], Any]) -> list[Price]:
    """Return today's prices, and tomorrow's if they are published already."""
    prices: list[Price] = await of(0)
    try:
        prices += await of(1)
    except HomeAssistantError as err:
        # Integrations answer an unpublished day with an error.
        _LOGGER.debug("No prices for tomorrow yet: %s", err)
    return prices


SERVICES = {
    "nordpool": _nord_pool,
    "tibber": _tibber,
    "energyzero": _energyzero,
    "easyenergy": _easyenergy,
}
"""Integrations that keep their prices out of the attributes, by domain."""

ENTITY = SourceKind(
    key="entity",
    name="Home Assistant price entity",
    fields=(
        Field(key="entity", kind=FieldKind.ENTITY, domains=("sensor", "event")),
        Field(
            key="next_entity",
            kind=FieldKind.ENTITY,
            required=False,
            domains=("sensor", "event"),
        ),
    ),
    create=EntityPrices,
)
