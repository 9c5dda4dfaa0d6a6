"""Telegrams as a bad cable, a broken adapter or a strange meter would send them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import re

from hypothesis import strategies as st

from simulators.p1_telegram import crc16

NUMBERS = (
    *(b"9" * 20, b"9" * 400, b"1e999", b"-5.0", b"NaN", b"inf", b"", b".", b"000.000"),
    *(b"00000000000000000001.000", b"1.2.3", b"99999999.999", b"0x10", b"12,5", b" 1.0"),
)
STAMPS = (
    *(b"000000000000W", b"999999999999S", b"632525252525W", b"000101000000W", b"991231235959W"),
    *(b"260229120000W", b"251026023000S", b"260230000000W", b"261301000000S", b"260101250000W"),
    *(b"700101010000W", b"2601010000", b"260101000000X", b"", b"-60101000000W"),
)
JUNK = b"0123456789.*()-:!/SW\r\nkWhAVm\xff\xb3\x00"

_NUMBER = re.compile(rb"(?<=\()[\d.]+(?=\*)")
_STAMP = re.compile(rb"(?<=\()\d{12}[SW]?(?=\))")
_END = re.compile(rb"\r?\n![^\r\n]*\r?\n?\Z")
LINE_END = b"\r\n"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A telegram and what became of it."""

    original: bytes
    data: bytes


type Mutation = Callable[[st.DrawFn, bytes], bytes]


def _place(draw: st.DrawFn, data: bytes) -> int:
    return draw(st.integers(0, max(0, len(data) - 1)))


def flip_bits(draw: st.DrawFn, data: bytes) -> bytes:
    """Flip one to three bits."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 3)) if data else 0):
        changed[_place(draw, data)] ^= 1 << draw(st.integers(0, 7))
    return bytes(changed)


def delete_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Lose up to forty bytes in a row."""
    start = _place(draw, data)
    return data[:start] + data[start + draw(st.integers(1, 40)) :]


def insert_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Put noise in between, of the characters that a parser cares for."""
    start = _place(draw, data)
    noise = bytes(draw(st.lists(st.sampled_from(list(JUNK)), min_size=1, max_size=12)))
    return data[:start] + noise + data[start:]


def non_ascii(draw: st.DrawFn, data: bytes) -> bytes:
    """Overwrite with bytes above 0x7F."""
    start = _place(draw, data)
    noise = bytes(draw(st.lists(st.integers(0x80, 0xFF), min_size=1, max_size=6)))
    return data[:start] + noise + data[start + len(noise) :]


def swap_lines(draw: st.DrawFn, data: bytes) -> bytes:
    """Exchange two lines, the first and the last included."""
    lines = data.split(LINE_END)
    one, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    lines[one], lines[other] = lines[other], lines[one]
    return LINE_END.join(lines)


def truncate_line(draw: st.DrawFn, data: bytes) -> bytes:
    """Cut a line off somewhere."""
    lines = data.split(LINE_END)
    at = draw(st.integers(0, len(lines) - 1))
    lines[at] = lines[at][: _place(draw, lines[at])]
    return LINE_END.join(lines)


def duplicate_line(draw: st.DrawFn, data: bytes) -> bytes:
    """Say a line twice, the second time perhaps elsewhere."""
    lines = data.split(LINE_END)
    at, to = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    lines.insert(to, lines[at])
    return LINE_END.join(lines)


def absurd_number(draw: st.DrawFn, data: bytes) -> bytes:
    """Put a number that no meter measures in the place of one."""
    return _replaced(draw, data, _NUMBER, NUMBERS)


def absurd_date(draw: st.DrawFn, data: bytes) -> bytes:
    """Put a moment that never was in the place of one."""
    return _replaced(draw, data, _STAMP, STAMPS)


def _replaced(
    draw: st.DrawFn, data: bytes, found: re.Pattern[bytes], others: Sequence[bytes]
) -> bytes:
    places = list(found.finditer(data))
    if not places:
        return data
    place = draw(st.sampled_from(places))
    return data[: place.start()] + draw(st.sampled_from(others)) + data[place.end() :]


MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bits, delete_bytes, insert_bytes, non_ascii, swap_lines, truncate_line),
    *(duplicate_line, absurd_number, absurd_date),
)


def seal(data: bytes) -> bytes:
    """Return a telegram with its checksum made right for what it says now."""
    body = _END.sub(b"", data) + LINE_END + b"!"
    start = body.rfind(b"/")
    return body + f"{crc16(body[max(start, 0) :]):04X}".encode() + LINE_END


@st.composite
def mutants(draw: st.DrawFn, telegrams: Sequence[bytes]) -> Mutant:
    """Draw a telegram, mutate it, and mend its checksum more often than not.

    With a wrong checksum only the frame is tried, with a right one all that comes after it.
    """
    original = data = draw(st.sampled_from(telegrams))
    for _ in range(draw(st.integers(1, 4))):
        data = draw(st.sampled_from(MUTATIONS))(draw, data)
    match draw(st.integers(0, 9)):
        case 0:
            pass  # the old checksum, which is wrong now
        case 1:
            data = _END.sub(b"", data) + LINE_END + b"!" + LINE_END
        case 2:
            data = _END.sub(b"", data) + LINE_END + b"!ZZZZ" + LINE_END
        case _:
            data = seal(data)
    return Mutant(original=original, data=data)
