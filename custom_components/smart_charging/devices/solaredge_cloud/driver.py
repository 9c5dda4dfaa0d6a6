"""Reads a SolarEdge site from SolarEdge's service: quarter-hour means, minutes late.

Good for planning and learning, too slow to guard a fuse or to follow the sun.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from aiosolaredge_one import Device
from aiosolaredge_one.const import DEFAULT_BASE_URL

from ...core.reading import BatteryReading, MeterReading, PartKind, PvReading
from ..base import Data, DriverContext, Identity, Label, PartInfo, Publish, WrongDevice
from .access import Key, SignedIn
from .budget import Daylight
from .service import Service
from .telemetry import QUARTER, Series, battery, grid, meters_of, points, production, zone_of

SITE_INTERVAL: Final = QUARTER
"""There is nothing new more often."""

STORAGE_INTERVAL: Final = timedelta(hours=1)
"""A call more each time: hourly is what the free plan's credits bear."""

LOOK_BACK: Final = timedelta(hours=2)
"""Sites report late; the service gives at most 12 hours of quarters."""

HIGHEST_AGE: Final = timedelta(minutes=40)
"""Older than this a mean says nothing of now: it is not published."""

GRID_METERS: Final = frozenset({"feedin", "purchased"})
OTHER_METERS: Final = frozenset({"production", "consumption", "selfconsumption"})


class SolarEdgeCloudDriver:
    """One site."""

    tick_s = 5.0
    """How often it looks at the clock."""
    timeout_s = 30.0

    def __init__(self, data: Data, context: DriverContext) -> None:
        """Take `site_id`, `api_key` with `account_key` unless there are tokens, and `base_url`."""
        self._clock = context.clock
        self._service = Service(
            context.session,
            context.clock,
            site_id=str(data["site_id"]).strip(),
            access=Key(
                str(data["api_key"]).strip(), str(data.get("account_key") or "").strip() or None
            )
            if context.tokens is None
            else SignedIn(context.tokens),
            base_url=str(data.get("base_url") or DEFAULT_BASE_URL),
            timeout_s=self.timeout_s,
        )
        self._daylight = Daylight()
        self._zone: tzinfo = UTC
        """Offset of the site, as its time stamps show it."""
        self._devices: list[Device] | None = None
        self._sun_calls = True
        """Whether the sun needs a call of its own, because no meter measures it."""
        # These outlive a lost link: a new try costs no call before its time.
        self._site_due = self._storage_due = datetime.min.replace(tzinfo=UTC)
        self._published: dict[str, datetime] = {}

    async def identify(self) -> Identity:
        """Ask for the site and its devices: two calls."""
        self._check_site_id()
        site = await self._service.site()
        devices = await self._read_devices()
        inverter = next((d for d in devices if _is(d, "INVERTER")), None)
        parts = [PartInfo(key="pv", kind=PartKind.PV, label=_label(inverter))]
        if _has_grid_meter(devices):
            meter = next(d for d in devices if _is(d, "METER"))
            parts.insert(0, PartInfo(key="meter", kind=PartKind.METER, label=_label(meter)))
        serials = _batteries(devices)
        parts += [
            PartInfo(
                key=f"battery_{number}",
                kind=PartKind.BATTERY,
                name=serial if len(serials) > 1 else None,
                label=_label(next(d for d in devices if d.serial_number == serial)),
            )
            for number, serial in enumerate(serials, 1)
        ]
        return Identity(
            serial=self._service.site_id,
            name=site.name or f"SolarEdge {self._service.site_id}",
            manufacturer="SolarEdge",
            model=inverter.part_number if inverter else None,
            firmware=inverter.firmware_version if inverter else None,
            labelled=False,
            parts=tuple(parts),
        )

    async def run(self, publish: Publish) -> None:
        """Publish each new quarter, as far as credits and daylight allow."""
        self._check_site_id()
        devices = self._devices or await self._read_devices()
        metered, serials = _has_meter(devices), _batteries(devices)
        while True:
            now = self._clock.now()
            if now >= self._site_due:
                await self._read_site(publish, now, metered=metered)
                self._site_due = self._next_site(now, metered=metered, stored=bool(serials))
            if serials and now >= self._storage_due:
                await self._read_storage(publish, now, serials)
                stretch = self._stretch(now, metered=metered, stored=True)
                self._storage_due = now + STORAGE_INTERVAL * stretch
            await asyncio.sleep(self.tick_s)

    def _check_site_id(self) -> None:
        if not (self._service.site_id.isascii() and self._service.site_id.isdecimal()):
            raise WrongDevice("a site ID consists of digits")

    async def _read_devices(self) -> list[Device]:
        self._devices = await self._service.devices()
        return self._devices

    def _span(self, now: datetime) -> tuple[datetime, datetime]:
        return (now - LOOK_BACK).astimezone(self._zone), now.astimezone(self._zone)

    async def _read_site(self, publish: Publish, now: datetime, *, metered: bool) -> None:
        """Publish the newest quarter of grid and sun: one call, or two where no meter sees the sun."""
        sun: Series | None = None
        if metered:
            meters = meters_of(await self._service.meters(*self._span(now)))
            self._learn_zone(series for meter in meters for series in meter.values())
            sun = production(meters, now)
            power = grid(meters, now)
            if end := self._fresh("meter", power, now):
                publish("meter", MeterReading(at=now, device_time=end, power_kw=power[end]))
        self._sun_calls = sun is None
        if sun is None:
            answer = await self._service.power(*self._span(now))
            values = [{"timestamp": v.timestamp, "value": v.value} for v in answer.values]
            series = {"unit": answer.unit, "values": values}
            self._learn_zone([series])
            sun = points(series, now)
        lit = (end - QUARTER for end, kw in sun.items() if kw > 0)
        self._daylight.learn(now, lit, self._zone)
        if end := self._fresh("pv", sun, now):
            publish("pv", PvReading(at=now, device_time=end, power_kw=sun[end]))

    async def _read_storage(self, publish: Publish, now: datetime, serials: list[str]) -> None:
        payload = await self._service.storage(*self._span(now))
        for number, serial in enumerate(serials, 1):
            key = f"battery_{number}"
            power, soc = battery(payload, serial, now)
            if end := self._fresh(key, power | soc, now):
                reading = BatteryReading(
                    at=now, device_time=end, power_kw=power.get(end), soc=soc.get(end)
                )
                publish(key, reading)

    def _fresh(self, part: str, series: Series, now: datetime) -> datetime | None:
        """Return the newest quarter's end if it was not published yet and is still of use."""
        end = max(series, default=None)
        if end is None or now - end > HIGHEST_AGE or end == self._published.get(part):
            return None
        self._published[part] = end
        return end

    def _learn_zone(self, series: Iterable[object]) -> None:
        self._zone = zone_of(series) or self._zone

    def _stretch(self, now: datetime, *, metered: bool, stored: bool) -> float:
        calls = int(metered) + int(self._sun_calls)
        per_day = len(self._daylight.hours(now, self._zone)) * 4 * calls + (24 if stored else 0)
        return self._service.credits.stretch(now, per_day)

    def _next_site(self, now: datetime, *, metered: bool, stored: bool) -> datetime:
        """Return when the next quarter is worth a call: later when credits are short, not at night."""
        due = now + SITE_INTERVAL * self._stretch(now, metered=metered, stored=stored)
        hours, local = self._daylight.hours(now, self._zone), due.astimezone(self._zone)
        if local.hour in hours:
            return due
        dawn = local.replace(hour=hours.start, minute=0, second=0, microsecond=0)
        return dawn if dawn > local else dawn + timedelta(days=1)


def _label(device: Device | None) -> Label | None:
    if device is None:
        return None
    return Label(
        manufacturer=device.manufacturer or None,
        model=device.part_number or None,
        serial=device.serial_number or None,
        firmware=device.firmware_version or device.firmware or None,
    )


def _is(device: Device, *kinds: str) -> bool:
    return (device.type or "").upper() in kinds


def _has_meter(devices: Iterable[Device]) -> bool:
    return any(_is(device, "METER") for device in devices)


def _has_grid_meter(devices: Iterable[Device]) -> bool:
    """Whether a meter measures the grid connection; one that does not say is taken for it."""
    kinds = {str(d.raw.get("meterType") or "").lower() for d in devices if _is(d, "METER")}
    return bool(kinds & GRID_METERS) or bool(kinds - OTHER_METERS)


def _batteries(devices: Iterable[Device]) -> list[str]:
    """Return the serials of the batteries, in an order that lasts."""
    found = {d.serial_number for d in devices if _is(d, "BATTERY", "STORAGE")}
    return sorted(serial for serial in found if serial)
