"""What a driver is, what a make declares, and how a driver fails."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import aiohttp

from ..core.clock import Clock
from ..core.reading import AnyReading, BatteryMode, PartKind
from .discovery import Discovery
from .oauth import OAuth, Tokens

type Publish = Callable[[str, AnyReading], None]
"""Called with a part's key and its reading; never raises, returns at once."""


class DeviceError(Exception):
    """A device failed; `key` names the text that explains it and says how to mend it."""

    key = "device_error"

    def __init__(self, detail: str = "", /, **placeholders: str) -> None:
        """Take a detail in the device's own words and the placeholders of the text."""
        super().__init__(detail)
        self.placeholders = {"detail": detail, **placeholders}


class CannotConnect(DeviceError):
    """Nothing answers, or the link broke."""

    key = "cannot_connect"


class InvalidAuth(DeviceError):
    """The device or service refuses the credentials."""

    key = "invalid_auth"


class InUse(DeviceError):
    """Somebody else holds the only link that the device offers."""

    key = "in_use"


class WrongDevice(DeviceError):
    """Something answers, but it is not what was asked for."""

    key = "wrong_device"


class Retired(DeviceError):
    """The service was closed for good."""

    key = "retired"


class Rejected(DeviceError):
    """The device understood an order and refuses it."""

    key = "rejected"


class RateLimited(DeviceError):
    """The service asks to wait."""

    key = "rate_limited"

    def __init__(self, detail: str = "", /, *, retry_after_s: float | None = None) -> None:
        """Take the wait that the service asks for, where it says so."""
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class FieldKind(StrEnum):
    """Which form element asks for a value."""

    TEXT = "text"
    PASSWORD = "password"  # noqa: S105 - a form element, not a secret
    NUMBER = "number"
    CHOICE = "choice"
    SERIAL = "serial"
    """A serial port or a URL such as socket://host:port."""
    BOOLEAN = "boolean"
    ENTITY = "entity"
    CHANNEL = "channel"
    """One of what the device turned out to measure; see `Channel`."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value that a make's form asks for; its texts stand in the translations by `key`."""

    key: str
    kind: FieldKind
    required: bool = True
    default: Any = None
    options: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    step: float = 1.0
    unit: str | None = None
    domains: tuple[str, ...] = ()
    """Entity domains, for ENTITY."""
    device_classes: tuple[str, ...] = ()
    quantity: str | None = None
    """Of which quantity channels are offered, for CHANNEL."""
    secret: bool = False
    """Never shown in diagnostics or logs."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """What stands on the label of a piece of hardware, as far as it tells."""

    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None


@dataclass(frozen=True, kw_only=True)
class PartInfo:
    """A part that a device turned out to have. Stored, so that entities exist while it is off."""

    key: str
    """Stable within the device: `meter`, `battery_1`."""
    kind: PartKind
    name: str | None = None
    """The device's own name for it, where it tells parts of one kind apart."""
    phases: tuple[int, ...] = ()
    """Chargers: phase counts that it can run on. Meters: their number of phases."""
    min_a: float | None = None
    max_a: float | None = None
    can_switch_phases: bool = False
    capacity_kwh: float | None = None
    max_charge_kw: float | None = None
    max_discharge_kw: float | None = None
    controllable: bool = False
    """Chargers and batteries: whether the driver can command it."""
    features: tuple[str, ...] = ()
    """Optional reading fields that this part has, e.g. `gas_m3`, `quarter_kw`, `phase_power`."""
    label: Label | None = None
    """Where the part has one of its own, as a battery behind an inverter."""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Something that a device measures without knowing what it is: a register, a clamp."""

    key: str
    """The device's own name for it, which is stored."""
    quantity: str
    """`power`, `voltage`, `current`: a make's own words, compared with its fields."""
    label: str
    """What a person chooses it by, best with what it shows now."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who answered."""

    serial: str
    """Its own, and never changes: with the make's key it is the unique id."""
    name: str
    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    labelled: bool = True
    """Whether `serial` is what stands on the device; False where it is only a key."""
    parts: tuple[PartInfo, ...]
    """For a make with an assignment: those that follow from what was chosen so far."""
    channels: tuple[Channel, ...] = ()
    """What the assignment of the make chooses from."""
    proposal: Mapping[str, Any] = field(default_factory=dict)
    """What the form of the assignment proposes, by the keys of its fields."""


@dataclass(frozen=True, kw_only=True)
class DriverContext:
    """What Home Assistant hands to a driver."""

    session: aiohttp.ClientSession
    clock: Clock
    run_blocking: Callable[..., Awaitable[Any]]
    """Runs a blocking call in an executor: `await run_blocking(func, *args)`."""
    unverified_session: aiohttp.ClientSession | None = None
    """Takes any certificate: for devices in the home network that sign their own."""
    modbus_unit: Callable[[str, int, int], AbstractAsyncContextManager[Any]] | None = None
    """Opens HA's shared Modbus unit (host, port, unit id) where HA has that."""
    tokens: Tokens | None = None
    """Access tokens, for a make with `oauth`."""


@runtime_checkable
class Driver(Protocol):
    """One connection to hardware or to a service."""

    async def identify(self) -> Identity:
        """Connect, ask the device who it is and what parts it has, and disconnect.

        Raises DeviceError with the cause in words.
        """

    async def run(self, publish: Publish) -> None:
        """Connect and publish readings until cancelled.

        Returns never; raises DeviceError when the link is lost (the site's runner waits and
        calls it again). Closes everything it opened before it returns or raises.
        """


@runtime_checkable
class Releasable(Protocol):
    """A driver that can give a part back to its own control."""

    async def release(self, part: str) -> None:
        """Give the part back to its own control as it was before our first order.

        Raises DeviceError.
        """


@runtime_checkable
class ChargerDriver(Releasable, Protocol):
    """A driver whose charger parts can be commanded, while `run` is running."""

    async def set_charging(self, part: str, current_a: float, phases: int | None) -> None:
        """Allow `current_a` (0 pauses) on `phases` (1, 3; `None` leaves them).

        Returns when the device accepted the order; the next reading shows what holds.
        Raises DeviceError.
        """


@runtime_checkable
class HasFailsafe(Protocol):
    """A driver whose charger falls back to a current of its own when nobody speaks to it."""

    async def set_failsafe(self, part: str, current_a: float) -> None:
        """Set the current in A (0 stops) that holds while the link is lost; the device keeps it.

        Called at the end of a commissioning, while `run` is running. Raises DeviceError.
        """


@runtime_checkable
class BatteryDriver(Protocol):
    """A driver whose battery parts can be commanded, while `run` is running."""

    async def set_battery(self, part: str, mode: BatteryMode, power_kw: float) -> None:
        """Order a mode; `power_kw` (magnitude) matters for charge and discharge. Raises DeviceError."""


@runtime_checkable
class KeepsState(Protocol):
    """A driver that must remember across a restart what it changed on its device.

    `load_state` is called before `run`; `dump_state` after every order and release.
    """

    def dump_state(self) -> dict[str, Any]:
        """Return what must be kept, ready for JSON; empty when there is nothing."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `dump_state` returned in an earlier life; ignores what it cannot use."""


type Data = Mapping[str, Any]
"""The stored form values of a device."""


type DriverFactory = Callable[[Data, DriverContext], Driver]


@dataclass(frozen=True, kw_only=True)
class Make:
    """One row in the table of makes."""

    key: str
    name: str
    fields: tuple[Field, ...]
    parts: tuple[PartKind, ...]
    """Kinds of part that a device of this make may have."""
    assignment: tuple[Field, ...] = ()
    """A second form, after the test of the connection: which of the device's channels is what.
    Its answers join those of the first form; the driver is tried again with them, for its parts."""
    load: Callable[[], DriverFactory]
    """Imports the driver's module, libraries included, and returns what builds the driver.

    Called in an import executor after the requirements are installed.
    """
    requirements: tuple[str, ...] = ()
    push: bool = False
    """The device sends by itself; otherwise it is polled."""
    expected_interval_s: float = 1.0
    """Time between readings when all is well."""
    other_intervals_s: Mapping[PartKind, float] = field(default_factory=dict)
    """The same of kinds of part that are read at another pace."""
    slow: bool = False
    """Its meter is too slow to guard a fuse (cloud)."""
    oauth: OAuth | None = None
    """Where a person signs in; `None` where fields hold all that is needed."""
    discovery: Discovery | None = None
    """How its devices make themselves known; `None` where they do not."""
    secrets: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        """Derive the secret fields."""
        object.__setattr__(self, "secrets", frozenset(f.key for f in self.fields if f.secret))

    def interval_s(self, kind: PartKind) -> float:
        """Return the time between readings of parts of one kind when all is well."""
        return self.other_intervals_s.get(kind, self.expected_interval_s)
