"""The older XML interface, for meters without a login."""

from dataclasses import replace
from http import HTTPStatus
from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate

from ..base import CannotConnect, WrongDevice
from ..http import NONSENSE
from .api import STRANGE, About, LoginNeeded, NotOffered
from .registers import KINDS, Register, Snapshot, by_name, moment, number, whole
from .web import Web

PATH: Final = "/cgi-bin/egauge?inst&tot"
"""Present values beside the counters, and registers that the meter computes from others."""

COUNTER_BITS: Final = 64
"""A counter that reaches its highest number goes on at its lowest."""


class XmlApi:
    """Reads without a login. Rates that the meter does not tell are worked out of its counters."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._last: Snapshot | None = None

    async def serial(self) -> str | None:
        """Return `None`: the number in the answer is that of the configuration."""
        return None

    async def about(self) -> About:
        """Return nothing: this interface tells nothing more."""
        return About()

    async def snapshot(self, *, counters: bool) -> Snapshot:
        """Ask for everything; counters come along always."""
        answer = await self._web.ask(PATH)
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise LoginNeeded("it may be read only with a user name and a password")
        if answer.status == HTTPStatus.NOT_FOUND:
            raise NotOffered("there is no XML interface")
        if answer.status != HTTPStatus.OK:
            raise CannotConnect(f"it answers HTTP {answer.status}")
        read = parse(answer.text)
        snapshot = with_rates(read, self._last)
        if self._last is None or read.at != self._last.at:
            self._last = read
        return snapshot


class _Reader:
    """Takes an answer apart. A document that defines entities is refused: they could be a bomb."""

    def __init__(self) -> None:
        self.at: str | None = None
        self.root: str | None = None
        self.registers: list[dict[str, str]] = []
        self._text: list[str] = []
        self._parser = ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text.append

    def read(self, text: str) -> None:
        """Read a whole document. Raises WrongDevice."""
        try:
            self._parser.Parse(text, True)
        except ExpatError:
            raise WrongDevice(NONSENSE) from None

    def _doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        # Meters name a DTD, which nobody fetches. None of them brings definitions along: without
        # those there is no entity to expand.
        if internal:
            raise WrongDevice("an answer with definitions of its own")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.root = self.root or tag
        self._text.clear()
        if tag == "r":
            self.registers.append(
                {"name": attributes.get("n", ""), "type": attributes.get("t", "")}
            )

    def _end(self, tag: str) -> None:
        text = "".join(self._text).strip()
        if tag == "ts":
            self.at = text
        elif tag in ("v", "i") and self.registers:
            self.registers[-1][tag] = text


def parse(text: str) -> Snapshot:
    """Return what an answer holds. Raises WrongDevice."""
    reader = _Reader()
    reader.read(text)
    if reader.root != "data" or reader.at is None:
        raise WrongDevice(STRANGE)
    return Snapshot(
        at=moment(reader.at),
        registers=by_name(_register(row) for row in reader.registers),
    )


def _register(row: dict[str, str]) -> Register:
    kind, instant = KINDS.get(row["type"]), number(row.get("i"))
    return Register(
        name=row["name"],
        type=row["type"],
        rate=None if kind is None or instant is None else instant * kind.quantum,
        counter=whole(row.get("v")),
    )


def with_rates(now: Snapshot, before: Snapshot | None) -> Snapshot:
    """Return `now` with the rates that it lacks, as means since `before`."""
    if before is None or now.at is None or before.at is None:
        return now
    seconds = (now.at - before.at).total_seconds()
    return replace(
        now,
        registers={
            name: register
            if register.rate is not None
            else replace(register, rate=_rate(register, before.registers.get(name), seconds))
            for name, register in now.registers.items()
        },
    )


def _rate(now: Register, before: Register | None, seconds: float) -> float | None:
    """Return a mean rate; `None` where the counter, or the clock, does not go on from `before`."""
    kind = KINDS.get(now.type)
    if kind is None or before is None or now.counter is None or before.counter is None:
        return None
    if seconds <= 0:
        return None
    half = 1 << (COUNTER_BITS - 1)
    change = (now.counter - before.counter + half) % (2 * half) - half
    rate = change * kind.quantum / seconds
    return rate if abs(rate) <= kind.plausible else None
