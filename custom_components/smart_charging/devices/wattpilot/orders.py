"""Which properties to write, and in which order, so that no step on the way breaks a limit."""

from .properties import FORCED_OFF, Force, Logic, PhaseMode, Properties, limit_a, whole

REMEMBERED = ("lmo", "fup", "frc", "psm", "amp")
"""What our control changes and a release puts back. `amx` is volatile: the charger forgets it."""

type Value = int | bool
type Write = tuple[str, Value]


def remembered(props: Properties) -> dict[str, Value]:
    """Return the present values of what our control is going to change."""
    return {key: props[key] for key in REMEMBERED if isinstance(props.get(key), int)}


def charging(props: Properties, current_a: int, phase_count: int | None) -> list[Write]:
    """Return the writes that make the charger allow `current_a` (whole A; 0 pauses).

    `phase_count` is 1, 3 or `None` (leave it). What already holds is among them.
    """
    ours = [w for w in (("fup", False), ("lmo", int(Logic.DEFAULT))) if w[0] in props]
    if current_a == 0:
        return [("frc", int(Force.OFF)), *ours]
    mode = None
    if phase_count is not None:
        mode = int(PhaseMode.ONE if phase_count == 1 else PhaseMode.THREE)
    # The force comes last: a paused car must not start at the old current.
    return [*_current_and_phases(props, current_a, mode), *ours, ("frc", int(Force.NEUTRAL))]


def release(props: Properties, saved: dict[str, Value]) -> list[Write]:
    """Return the writes that put back what `remembered` saw before our first order."""
    writes: list[Write] = []
    amp = saved.get("amp")
    if amp is not None:
        writes = _current_and_phases(props, amp, saved.get("psm"), exact=True)
    elif "psm" in saved:
        writes = [("psm", saved["psm"])]
    writes += [(key, saved[key]) for key in ("fup", "lmo") if key in saved]
    if "frc" in saved:
        force = ("frc", saved["frc"])
        writes = [force, *writes] if saved["frc"] == Force.OFF else [*writes, force]
    return writes


def _current_and_phases(
    props: Properties, current_a: int, mode: int | None, *, exact: bool = False
) -> list[Write]:
    """Order current and phases so that the power in between is no higher than before or after.

    Where the charger has the volatile `amx`, that regulates and `amp`, kept in flash, is only
    raised when it stands in the way: the lower of the two is in force. `exact` sets both.
    """
    amp = whole(props, "amp")
    current: list[Write] = []
    if "amx" not in props or exact or amp is None or amp < current_a:
        current.append(("amp", current_a))
    if "amx" in props:
        current.append(("amx", current_a))
    phase: list[Write] = [] if mode is None else [("psm", mode)]
    falls = current_a < (limit_a(props) or current_a)
    return [*current, *phase] if falls else [*phase, *current]


def needed(props: Properties, writes: list[Write]) -> list[Write]:
    """Drop what already holds: flash wears, and a charger acts on every write."""
    return [(key, value) for key, value in writes if props.get(key) != value]


def disobeyed(props: Properties, current_a: int) -> bool:
    """Return whether the charger's own logic contradicts an order that it acknowledged."""
    limit = limit_a(props)
    if current_a > 0 and whole(props, "modelStatus") == FORCED_OFF:
        return True
    return limit is not None and limit > current_a
