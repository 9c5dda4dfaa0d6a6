"""Tries a connection before it is saved, and finds who has it already, over all sites."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
import logging
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..clock import SystemClock
from ..const import DOMAIN, SUBENTRY_DEVICE
from ..devices.base import CannotConnect, DeviceError, FieldKind, Identity, InUse, Make
from ..devices.discovery import Found
from ..devices.entity.context import EntityContext
from ..devices.entity.suggest import Suggestion
from ..devices.oauth import Tokens
from ..devices.registry import MAKES
from ..ha_versions import shared_modbus_unit
from ..prices.base import SourceKind
from ..runner import build_driver

_LOGGER = logging.getLogger(__name__)

TEST_TIMEOUT_S = 45.0
"""Above the slowest honest answer: a P1 meter that just misses a telegram, a charger's key derivation."""

HOST = "host"
"""Field in which makes ask for a network address."""


class TakenByUs(InUse):
    """A device of this integration holds the link already."""

    key = "taken_by_us"


class Unexpected(DeviceError):
    """A fault in our own code or in a library; the log has it in full."""

    key = "unexpected"


def test_context(hass: HomeAssistant) -> EntityContext:
    """Return what a driver or price source needs while it is tried in a form."""
    return EntityContext(
        hass=hass,
        session=async_get_clientsession(hass),
        unverified_session=async_get_clientsession(hass, verify_ssl=False),
        clock=SystemClock(),
        run_blocking=hass.async_add_executor_job,
        modbus_unit=shared_modbus_unit(hass),
    )


async def try_device(
    hass: HomeAssistant, make: Make, connection: dict[str, Any], tokens: Tokens | None = None
) -> Identity:
    """Connect, ask who answers, disconnect. Raises DeviceError."""
    async with _patience(make.name):
        context = replace(test_context(hass), tokens=tokens)
        driver = await build_driver(hass, make, connection, context)
        async with asyncio.timeout(TEST_TIMEOUT_S):
            return await driver.identify()


async def introduce(hass: HomeAssistant, make: Make, found: Found) -> Found:
    """Ask a discovered device who it is, without credentials. Raises DeviceError."""
    ask = None if make.discovery is None else make.discovery.introduce
    if ask is None:
        identity = await try_device(hass, make, dict(found.connection))
        return replace(found, serial=identity.serial, name=identity.name)
    async with _patience(make.name), asyncio.timeout(TEST_TIMEOUT_S):
        return await ask(found, test_context(hass))


async def try_source(hass: HomeAssistant, kind: SourceKind, source: dict[str, Any]) -> str:
    """Ask a price source for its unique id. Raises DeviceError."""
    data = {**source, "time_zone": hass.config.time_zone}
    async with _patience(kind.name), asyncio.timeout(TEST_TIMEOUT_S):
        return await kind.create(data, test_context(hass)).identify()


@asynccontextmanager
async def _patience(name: str) -> AsyncGenerator[None]:
    """Turn whatever goes wrong into a DeviceError, so that a form can say it."""
    try:
        yield
    except DeviceError:
        raise
    except TimeoutError as err:
        raise CannotConnect(f"no answer within {TEST_TIMEOUT_S:.0f} s") from err
    except Exception as err:
        _LOGGER.exception("Unexpected error while %s was tried", name)
        raise Unexpected(f"{type(err).__name__}: {err}") from err


def error_texts(scope: str, err: DeviceError) -> tuple[dict[str, str], dict[str, str]]:
    """Return the form's errors and placeholders for a failure of the make or source `scope`."""
    return {"base": f"{scope}_{err.key}"}, {
        "detail": "",
        **{name: str(value) for name, value in err.placeholders.items()},
    }


@asynccontextmanager
async def link_free(entry: ConfigEntry, subentry_id: str) -> AsyncGenerator[None]:
    """Have a running device give up its link meanwhile: many devices bear one only."""
    if entry.state is ConfigEntryState.LOADED:
        async with entry.runtime_data.paused(subentry_id):
            yield
    else:
        yield


def devices(hass: HomeAssistant) -> Iterator[tuple[ConfigEntry, ConfigSubentry]]:
    """Yield the devices of all sites, each with its site."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        for subentry in entry.subentries.values():
            if subentry.subentry_type == SUBENTRY_DEVICE:
                yield entry, subentry


def device_with(hass: HomeAssistant, unique_id: str) -> tuple[ConfigEntry, ConfigSubentry] | None:
    """Return site and device that already has this unique id, looking through all sites."""
    return next((found for found in devices(hass) if found[1].unique_id == unique_id), None)


def user_of(
    hass: HomeAssistant, suggestion: Suggestion
) -> tuple[ConfigEntry, ConfigSubentry] | None:
    """Return site and device that already uses an entity of `suggestion`, through all sites."""
    entities = {v for v in suggestion.data.values() if isinstance(v, str) and "." in v}
    return next(
        (
            (entry, subentry)
            for entry, subentry in devices(hass)
            if subentry.data["make"] == suggestion.make
            and any(value in entities for value in subentry.data["connection"].values())
        ),
        None,
    )


async def taken_by_us(
    hass: HomeAssistant,
    make: Make,
    connection: dict[str, Any],
    own_id: str | None,
    *,
    serial: bool,
) -> TakenByUs | None:
    """Return the refusal of a link that another device of ours has, or `None` if it is free.

    Looks at serial ports or at network addresses; `own_id` is the device that is being changed.
    """
    others = [
        (
            subentry.title,
            entry.title,
            MAKES[subentry.data["make"]],
            dict(subentry.data["connection"]),
        )
        for entry, subentry in devices(hass)
        if subentry.subentry_id != own_id
    ]

    def find() -> TakenByUs | None:
        wanted = _links(make, connection, serial=serial)
        for device, site, other, its_connection in others:
            if wanted & _links(other, its_connection, serial=serial):
                return TakenByUs(device, device=device, site=site)
        return None

    return await hass.async_add_executor_job(find)


def _links(make: Make, connection: dict[str, Any], *, serial: bool) -> set[str]:
    """Return the ports or addresses of a connection; reads links in the file system."""
    links = set()
    for field in make.fields:
        if serial != (field.kind is FieldKind.SERIAL) or not (serial or field.key == HOST):
            continue
        # P1 adapters are named with and without scheme, ports by several paths.
        address = str(connection.get(field.key, "")).strip().rpartition("://")[2]
        if address.startswith("/"):
            links.add(str(Path(address).resolve()))
        elif address:
            links.add(address.lower())
    return links
