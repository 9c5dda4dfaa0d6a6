"""Gas and water meters behind a smart meter: lines of M-Bus channels.

Which channel holds what is told by its 24.1.0 line alone: channels are not fixed, and the
code of the value (24.2.1, 24.2.3) does not tell either.
"""

from dataclasses import dataclass
import re

_TYPE = re.compile(r"^0-([1-9]):24\.1\.0\((\d{1,3})\)\s*$", re.MULTILINE)
_VALUE = re.compile(
    r"^0-([1-9]):24\.2\.[13]\((\d{12})[SW]?\)\((\d{1,8}\.\d{1,4})\*m[^()*]{1,2}\)\s*$",
    re.MULTILINE,
)
_VALUE_DSMR2 = re.compile(
    r"^0-([1-9]):24\.3\.0\((\d{12})\)(?:\([^()]*\)){3,4}\(m3\)\s*^\((\d{1,8}\.\d{1,4})\)",
    re.MULTILINE,
)
_GAS, _WATER = 3, 7


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """Counters in m3; `None` where there is no such meter."""

    gas_m3: float | None
    water_m3: float | None


def volumes(text: str) -> Volumes:
    """Return the counters of a telegram.

    Of several meters of one kind (an old one stays listed after an exchange) the one that
    handed over last counts. A channel without capture time or unit has never been read.
    """
    types = {channel: int(kind) for channel, kind in _TYPE.findall(text)}
    latest: dict[int, tuple[str, float]] = {}
    for pattern in (_VALUE, _VALUE_DSMR2):
        for channel, captured, value in pattern.findall(text):
            kind = types.get(channel)
            if kind is not None and captured >= latest.get(kind, ("", 0.0))[0]:
                latest[kind] = (captured, float(value))
    gas, water = latest.get(_GAS), latest.get(_WATER)
    return Volumes(
        gas_m3=None if gas is None else gas[1],
        water_m3=None if water is None else water[1],
    )
