"""What the grid operator sets and says through a meter: limiter, breaker, text message.

Our own reading of these lines. The library takes the virtual relays of the M-Bus channels
(0-1 to 0-4:96.3.10, which meters of eMUCS 2.1 send) for the breaker and calls it open.
"""

from collections.abc import Mapping
import re

from ...core.reading import Breaker, Limiter, Remedy

NO_LIMIT_KW = 99.9
NO_LIMIT_A = 999.0
"""What meters write for "off": 999.9 kW and 999 A, newer ones 99.999 kW and 999.99 A."""

TEXT_MESSAGE = "0-0:96.13.0"
BREAKER = "0-0:96.3.10"

_POWER = "0-0:17.0.0"
_CURRENTS = ("1-0:31.4.0", "1-0:51.4.0", "1-0:71.4.0")
_LIMIT = re.compile(r"\((\d{1,4}(?:\.\d{1,3})?)\*(kW|A)\)")
_BREAKERS = {"(0)": Breaker.OPEN, "(1)": Breaker.CLOSED, "(2)": Breaker.READY}
_MESSAGE = re.compile(r"\(((?:[0-9A-Fa-f]{2})+)\)")


def limiter(lines: Mapping[str, str]) -> Limiter | None:
    """Return the limiter, or `None` where no line tells of it or one cannot be read.

    Of several currents the smallest counts. A 0 sets no limit: at 0 the house would be dark.
    """
    told = {code: lines[code] for code in (_POWER, *_CURRENTS) if code in lines}
    found = {code: _limit(rest, "kW" if code == _POWER else "A") for code, rest in told.items()}
    if not found or None in found.values():
        return None
    amperes = [a for code in _CURRENTS if (a := found.get(code)) and a < NO_LIMIT_A]
    power = found.get(_POWER)
    return Limiter(
        power_kw=power if power and power < NO_LIMIT_KW else None,
        current_a=min(amperes, default=None),
    )


def breaker(lines: Mapping[str, str]) -> Breaker | None:
    """Return the state of the main breaker, or `None` where it is not told."""
    return _BREAKERS.get(lines.get(BREAKER, ""))


def breaker_warning(state: Breaker | None) -> tuple[str | None, Remedy | None]:
    """Return the words and the remedy that go with a breaker that is not closed."""
    match state:
        case Breaker.OPEN:
            return "its breaker is open", Remedy.BREAKER
        case Breaker.READY:
            return "its breaker is open and waits for its button", Remedy.BREAKER_BUTTON
        case _:
            return None, None


def text_message(lines: Mapping[str, str]) -> str | None:
    """Return the message, which meters write as hexadecimal of its characters, or `None`."""
    match = _MESSAGE.fullmatch(lines.get(TEXT_MESSAGE, ""))
    if match is None:
        return None
    raw = bytes.fromhex(match[1])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()) or None


def _limit(rest: str, unit: str) -> float | None:
    match = _LIMIT.fullmatch(rest)
    return float(match[1]) if match is not None and match[2] == unit else None
