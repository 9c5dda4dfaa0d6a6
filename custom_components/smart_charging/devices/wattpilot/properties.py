"""What the charger's properties mean.

The charger names everything by short keys (`amp`, `frc`, ...). Every value may be missing or
`None`, so each is read through a function that says which type it must have.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any

from ...core.reading import ChargerReading, ChargerStatus, PartKind, Remedy
from ..base import PartInfo

PART = "charger"

LOWEST_A = 6
"""The least current that IEC 61851 can offer a car."""
SMALL_MODEL_MAX_A = 16
LARGE_MODEL = 22
LARGE_MODEL_MAX_A = 32
DRAWN_A = 1.0
"""Below this a phase counts as unused: meter noise and the stand-by of the car."""
COMPLETE_AFTER_S = 60.0
"""The charger shows the same state for a car that is full and for one that it paused. Only a car
that still takes nothing this long after it was allowed to has ended the charge by itself; cars
take 3 to 30 s to follow an offer."""

type Properties = Mapping[str, Any]
"""The charger's values by key; lists stay lists, objects are namespaces of the library."""


class Car(IntEnum):
    """Values of `car`."""

    UNKNOWN = 0
    IDLE = 1
    CHARGING = 2
    WAIT = 3
    COMPLETE = 4
    ERROR = 5


class Force(IntEnum):
    """Values of `frc`."""

    NEUTRAL = 0
    OFF = 1
    ON = 2


class Logic(IntEnum):
    """Values of `lmo`."""

    DEFAULT = 3
    ECO = 4
    NEXT_TRIP = 5


class PhaseMode(IntEnum):
    """Values of `psm`."""

    AUTO = 0
    ONE = 1
    THREE = 2


FORCED_OFF = 4
"""`modelStatus`: it does not charge because `frc` says so."""

type Warned = tuple[str, Remedy | None]
"""A warning in words, and what a person can do about it."""

ERRORS: Mapping[int, Warned] = {
    1: ("residual current (AC)", Remedy.INSTALLATION),
    2: ("residual current (DC)", Remedy.INSTALLATION),
    3: ("phase failure", Remedy.INSTALLATION),
    4: ("overvoltage", Remedy.INSTALLATION),
    5: ("overcurrent", Remedy.CABLE),
    6: ("diode fault in the car or cable", Remedy.CABLE),
    7: ("cable not recognised (proximity pilot)", Remedy.CABLE),
    8: ("earth fault", Remedy.INSTALLATION),
    9: ("contactor stuck", Remedy.DEVICE),
    10: ("contactor missing", Remedy.DEVICE),
    11: ("residual current detection failed", Remedy.DEVICE),
    12: ("unknown fault", Remedy.DEVICE),
    13: ("overtemperature", Remedy.TEMPERATURE),
    14: ("no communication inside the charger", Remedy.DEVICE),
    15: ("lock stuck open", Remedy.CABLE),
    16: ("lock stuck closed", Remedy.CABLE),
}
REFUSALS: Mapping[int, Warned] = {
    0: ("not charging: no data from the charge controller", Remedy.DEVICE),
    1: ("not charging: overtemperature", Remedy.TEMPERATURE),
    2: ("not charging: waits for a card or the app", Remedy.AUTHORISE),
    5: ("not charging: its own schedule", Remedy.OWN_RULE),
    6: ("not charging: its own energy limit is reached", Remedy.OWN_RULE),
    16: ("not charging: its own price limit", Remedy.OWN_RULE),
    17: ("not charging: its own price limit", Remedy.OWN_RULE),
    18: ("not charging: its own next-trip plan", Remedy.OWN_RULE),
    24: ("not charging: its own minimum pause has not passed", None),
}
KEEPS_CHARGING = 20
"""`modelStatus`: it goes on although it was told to pause."""


def whole(props: Properties, key: str) -> int | None:
    """Return an integer property, or `None`."""
    value = props.get(key)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def number(props: Properties, key: str) -> float | None:
    """Return a numeric property, or `None`."""
    value = props.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def flag(props: Properties, key: str) -> bool | None:
    """Return a boolean property, or `None`."""
    value = props.get(key)
    return value if isinstance(value, bool) else None


def _at(props: Properties, key: str, index: int) -> float | None:
    """Return one number of a list property, or `None`."""
    value = props.get(key)
    if not isinstance(value, list) or index >= len(value):
        return None
    item = value[index]
    return float(item) if isinstance(item, int | float) else None


def max_current_a(props: Properties) -> int:
    """Return the highest current in A that unit and installation allow, whatever the cable."""
    variant = whole(props, "var")
    limits = [LARGE_MODEL_MAX_A if variant == LARGE_MODEL else SMALL_MODEL_MAX_A]
    installed = whole(props, "ama")
    if installed is not None and installed >= LOWEST_A:
        # Without a known variant the limit of the installation is the better witness.
        limits = [installed] if variant is None else [*limits, installed]
    return min(limits)


def part_info(props: Properties) -> PartInfo:
    """Describe the charger part."""
    phases = (1, 3) if _connected_phases(props) in (None, 3) else (1,)
    return PartInfo(
        key=PART,
        kind=PartKind.CHARGER,
        phases=phases,
        min_a=float(max(LOWEST_A, whole(props, "mca") or LOWEST_A)),
        max_a=float(max_current_a(props)),
        can_switch_phases=3 in phases,
        controllable=True,
    )


def _connected_phases(props: Properties) -> int | None:
    """Count the mains phases before the contactor, the last three of `pha`."""
    value = props.get("pha")
    if not isinstance(value, list) or len(value) < 6:
        return None
    return sum(1 for live in value[3:6] if live) or None


def limit_a(props: Properties) -> float | None:
    """Return the current limit in force in A, 0 where charging is held off.

    `alw` and `acu` are what the charger's own logic made of all orders and limits. They come
    before the orders themselves (`frc`, `amp`, `amx`), which the library believes as soon as
    the charger has acknowledged them.
    """
    allowed = flag(props, "alw")
    if allowed is False or (allowed is None and whole(props, "frc") == Force.OFF):
        return 0.0
    if "acu" in props:
        return number(props, "acu") or 0.0
    orders = [a for a in (number(props, "amp"), number(props, "amx")) if a]
    return min(orders, default=None)


def follows_own_logic(props: Properties) -> bool:
    """Return whether a mode is on in which the charger or a person decides, not our setpoint."""
    return (
        whole(props, "lmo") not in (None, Logic.DEFAULT)
        or flag(props, "fup") is True
        or whole(props, "frc") == Force.ON
    )


def phases(props: Properties) -> int | None:
    """Return the phases in use, or allowed while nothing is drawn."""
    drawn = sum(1 for i in (4, 5, 6) if (_at(props, "nrg", i) or 0.0) >= DRAWN_A)
    if drawn:
        return drawn
    mode = whole(props, "psm")
    connected = _connected_phases(props)
    if mode == PhaseMode.ONE:
        return 1
    if mode == PhaseMode.THREE:
        return connected or 3
    return whole(props, "pnp") or connected


def warning(props: Properties) -> Warned | None:
    """Return a fault or refusal, or `None`."""
    error = whole(props, "err")
    if error:
        return ERRORS.get(error, (f"fault {error}", Remedy.DEVICE))
    if whole(props, "car") in (Car.UNKNOWN, Car.ERROR) or ("car" in props and props["car"] is None):
        return "internal fault", Remedy.DEVICE
    reason = whole(props, "modelStatus")
    if reason is None or whole(props, "car") == Car.IDLE:
        return None
    if reason == KEEPS_CHARGING and whole(props, "frc") == Force.OFF:
        return "keeps charging: it is set not to pause a charge", Remedy.OWN_RULE
    return REFUSALS.get(reason) if flag(props, "alw") is False else None


def _kilo(value: float | None) -> float | None:
    return None if value is None else value / 1000


class Reader:
    """Turns properties into readings; remembers since when an allowed car takes nothing."""

    def __init__(self) -> None:
        """Know nothing of the car yet."""
        self._idle_since: float | None = None
        self._complete = False

    def read(
        self, props: Properties, *, at: datetime, monotonic: float, in_control: bool
    ) -> ChargerReading:
        """Return the reading for properties that arrived `at`.

        `monotonic` is the same moment in seconds; `in_control` says that an order of ours holds.
        """
        card = whole(props, "trx")
        words, remedy = warning(props) or (None, None)
        return ChargerReading(
            at=at,
            status=self._status(props, monotonic),
            power_kw=_kilo(_at(props, "nrg", 11)),
            currents_a=tuple(_at(props, "nrg", i) for i in (4, 5, 6)),
            limit_a=limit_a(props),
            phases=phases(props),
            session_kwh=_kilo(number(props, "wh")),
            total_kwh=_kilo(number(props, "eto")),
            # 0 is a charge without a card.
            vehicle_tag=f"card {card}" if card else None,
            released=not in_control or follows_own_logic(props),
            warning=words,
            remedy=remedy,
        )

    def _status(self, props: Properties, monotonic: float) -> ChargerStatus | None:
        if "car" not in props:
            return None
        car = whole(props, "car")
        self._watch(props, car, monotonic)
        if whole(props, "err"):
            return ChargerStatus.ERROR
        match car:
            case Car.IDLE:
                return ChargerStatus.UNPLUGGED
            case Car.CHARGING:
                return ChargerStatus.CHARGING
            case Car.WAIT | Car.COMPLETE:
                return ChargerStatus.COMPLETE if self._complete else ChargerStatus.CONNECTED
            case _:
                return ChargerStatus.ERROR

    def _watch(self, props: Properties, car: int | None, monotonic: float) -> None:
        """Tell a full car from a paused one; a pause does not make a full car hungry."""
        allowed = flag(props, "alw") is True and whole(props, "frc") != Force.OFF
        if car in (Car.WAIT, Car.COMPLETE) and not allowed:
            self._idle_since = None
        elif car != Car.COMPLETE:
            self._idle_since, self._complete = None, False
        elif self._idle_since is None:
            self._idle_since = monotonic
        elif monotonic - self._idle_since >= COMPLETE_AFTER_S:
            self._complete = True
