"""From the text of a telegram to a reading. Pure; a bad line loses itself, not the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
import logging
import re

from dsmr_parser import telegram_specifications
from dsmr_parser.exceptions import ParseError
from dsmr_parser.objects import Telegram
from dsmr_parser.parsers import TelegramParser

from ...core.reading import MeterReading, Peak, Phase
from .grid_operator import BREAKER, TEXT_MESSAGE, breaker, breaker_warning, limiter, text_message
from .mbus import Volumes, volumes
from .stamps import Stamps
from .versions import VERSIONS

_LOGGER = logging.getLogger(__name__)

type Lines = Mapping[str, str]
"""OBIS code (`1-0:1.7.0`) to the rest of its line, parentheses included."""

_LINE = re.compile(r"(\d{1,2}-\d{1,2}:\d{1,3}\.\d{1,3}\.\d{1,3})(?:\*255)?(\(.*)")
_REGISTER = re.compile(
    r"[01]-[01]:(?:[12]\.8\.[0-4]|[12]\.7\.0|[246][12]\.7\.0|[357][12]\.7\.0|1\.4\.0)"
)
"""Lines that the library reads for us."""
_QUANTITIES = tuple(
    (re.compile(f"[01]-[01]:{code}"), re.compile(rf"\(\d{{1,9}}(?:\.\d{{1,6}})?\*{unit}\)"))
    for code, unit in (
        (r"[12]\.8\.[0-4]", "kWh"),
        (r"(?:[12]\.7\.0|[246][12]\.7\.0|1\.4\.0)", "kW"),
        (r"[357]2\.7\.0", "V"),
        (r"[357]1\.7\.0", "A"),
    )
)
"""The same by their unit: the library takes any, and a voltage in kW is none."""
_VOLTS = re.compile(r"\((\d{1,9}(?:\.\d{1,6})?)\*V\)")
_TARIFF = re.compile(r"\((\d{1,4})\)")
_PEAK = re.compile(r"\((\d{12}[SW])\)\((\d{1,3}\.\d{1,4})\*kW\)")
_PAST_PEAK = re.compile(r"\((\d{12}[SW])\)\((\d{12}[SW])\)\((\d{1,3}\.\d{1,4})\*kW\)")


@dataclass(frozen=True, kw_only=True)
class Equipment:
    """What a telegram tells about the meter itself."""

    serial: str
    model: str
    """First line of the telegram without its slash."""
    version: str | None
    phases: int
    features: tuple[str, ...]


def parse_telegram(text: str, version: str, at: datetime) -> MeterReading | None:
    """Return what a telegram says, or `None` where its checksum or frame is wrong.

    `text` runs from `/` to the checksum; `version` is a key of `VERSIONS`; `at` is the host
    clock. Lines that cannot be read are missing values. Raises KeyError for another version.
    """
    dialect = VERSIONS[version]
    if not text.startswith("/") or (dialect.checksum and not is_intact(text)):
        return None
    lines = _lines(text)
    try:
        telegram = parser_for(version).parse(_registers(lines))
    except (ParseError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as err:
        _LOGGER.debug("Telegram skipped: %s", err)
        return None
    if not any(_REGISTER.fullmatch(code) for code in lines):
        return None
    read = _Registers(telegram)
    stamps = Stamps(dialect)
    volume: Volumes = volumes(text)
    tariff = _tariff(lines)
    switch = breaker(lines)
    warning, remedy = breaker_warning(switch)
    return MeterReading(
        at=at,
        warning=warning,
        remedy=remedy,
        device_time=stamps.line(lines.get("0-0:1.0.0", "")),
        power_kw=read.net("CURRENT_ELECTRICITY_USAGE", "CURRENT_ELECTRICITY_DELIVERY"),
        phases=_phases(lines, read),
        import_kwh=read.total("ELECTRICITY_IMPORTED_TOTAL", "ELECTRICITY_USED_TARIFF"),
        export_kwh=read.total("ELECTRICITY_EXPORTED_TOTAL", "ELECTRICITY_DELIVERED_TARIFF"),
        import_t1_kwh=read.value("ELECTRICITY_USED_TARIFF_1"),
        import_t2_kwh=read.value("ELECTRICITY_USED_TARIFF_2"),
        export_t1_kwh=read.value("ELECTRICITY_DELIVERED_TARIFF_1"),
        export_t2_kwh=read.value("ELECTRICITY_DELIVERED_TARIFF_2"),
        tariff=tariff,
        tariff_name=None if tariff is None else dialect.tariffs.get(tariff),
        quarter_kw=read.value("BELGIUM_CURRENT_AVERAGE_DEMAND"),
        month_peak=_month_peak(lines, stamps),
        peak_history=_peak_history(lines, stamps),
        gas_m3=volume.gas_m3,
        water_m3=volume.water_m3,
        limiter=limiter(lines),
        breaker=switch,
        text_message=text_message(lines),
    )


def describe(text: str, reading: MeterReading) -> Equipment:
    """Return what the telegram of a reading tells about the meter."""
    lines = _lines(text)
    model = text[1:].splitlines()[0].strip() if len(text) > 1 else ""
    code = next(
        (
            value
            for key in ("0-0:96.1.1", "0-0:42.0.0", "0-0:96.1.0", "0-0:96.1.255", "1-0:0.0.0")
            if (value := _text(lines.get(key, "")))
        ),
        model,
    )
    fields = {
        "tariff": reading.tariff,
        "import_t1_kwh": reading.import_t1_kwh,
        "export_t1_kwh": reading.export_t1_kwh,
        "quarter_kw": reading.quarter_kw,
        "month_peak": reading.month_peak,
        "gas_m3": reading.gas_m3,
        "water_m3": reading.water_m3,
        "limiter": reading.limiter,
        "breaker": reading.breaker,
        # Empty nearly always.
        "text_message": lines.get(TEXT_MESSAGE),
        "warning": lines.get(BREAKER),
    }
    features = [name for name, value in fields.items() if value is not None]
    if "0-0:98.1.0" in lines and reading.month_peak is not None:
        features.append("peak_history")
    features += [
        f"phase_{name.partition('_')[0]}"
        for name in ("power_kw", "voltage_v", "current_a")
        if any(getattr(phase, name) is not None for phase in reading.phases)
    ]
    if _without_neutral(lines):
        features.append("grid_3x230")
    elif len(reading.phases) == 3:
        features.append("grid_3x400")
    return Equipment(
        serial=code,
        model=model,
        version=_text(lines.get("0-0:96.1.4", lines.get("1-3:0.2.8", ""))) or None,
        phases=len(reading.phases),
        features=tuple(features),
    )


def is_intact(text: str) -> bool:
    """Return whether a telegram's checksum (CRC-16/ARC from `/` to `!`) is right."""
    end = text.rfind("!")
    digits = text[end + 1 :].strip("\0\r\n ")
    if end < 0 or not re.fullmatch(r"[0-9A-Fa-f]{1,4}", digits):
        return False
    body = text[: end + 1]
    if "\r" not in body:
        # A terminal setting of some adapters eats the CR, which the meter had counted.
        body = body.replace("\n", "\r\n")
    return TelegramParser.crc16(body) == int(digits, 16)


@cache
def parser_for(version: str) -> TelegramParser:
    """Return the library's parser of a version; compiles it (milliseconds) the first time.

    Checksum and cipher are dealt with before, on the text as it came.
    """
    specification = getattr(telegram_specifications, VERSIONS[version].specification)
    return TelegramParser(
        {**specification, "general_global_cipher": False}, apply_checksum_validation=False
    )


def _lines(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        if (match := _LINE.fullmatch(line.rstrip())) is not None:
            found.setdefault(match[1], match[2])
    return found


def _registers(lines: Lines) -> str:
    """Return only the lines that the library reads well, in the form that it expects.

    Free text, empty histories and relays of the M-Bus make it log an error each second, lose
    the telegram, or report an open breaker.
    """
    return "".join(
        f"{code}{rest}\r\n"
        for code, rest in lines.items()
        if any(known.fullmatch(code) and sound.fullmatch(rest) for known, sound in _QUANTITIES)
    )


class _Registers:
    """Values of the library's telegram by name."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram

    def exact(self, name: str) -> Decimal | None:
        value = getattr(getattr(self._telegram, name, None), "value", None)
        return value if isinstance(value, Decimal) else None

    def value(self, name: str) -> float | None:
        exact = self.exact(name)
        return None if exact is None else float(exact)

    def net(self, positive: str, negative: str) -> float | None:
        plus, minus = self.exact(positive), self.exact(negative)
        if plus is None and minus is None:
            return None
        if (plus is None and not minus) or (minus is None and not plus):
            # The half that would tell is missing: 0 W of export is not 0 W of import.
            return None
        return float((plus or Decimal()) - (minus or Decimal()))

    def total(self, whole: str, tariffs: str) -> float | None:
        exact = self.exact(whole)
        if exact is None:
            first, second = self.exact(f"{tariffs}_1"), self.exact(f"{tariffs}_2")
            if first is None or second is None:
                return None
            rest = (self.exact(f"{tariffs}_{n}") for n in (3, 4))
            exact = first + second + sum((x for x in rest if x is not None), Decimal())
        return float(exact)


def _tariff(lines: Lines) -> int | None:
    match = _TARIFF.fullmatch(lines.get("0-0:96.14.0", ""))
    return int(match[1]) if match is not None else None


def _month_peak(lines: Lines, stamps: Stamps) -> Peak | None:
    match = _PEAK.fullmatch(lines.get("1-0:1.6.0", ""))
    return None if match is None else Peak(kw=float(match[2]), at=stamps.text(match[1]))


def _peak_history(lines: Lines, stamps: Stamps) -> tuple[Peak, ...]:
    """Return the past months oldest first: meters differ in their order; unfilled months go."""
    months = []
    for month, occurred, kw in _PAST_PEAK.findall(lines.get("0-0:98.1.0", "")):
        month_end, at = stamps.text(month), stamps.text(occurred)
        if month_end is not None and at is not None:
            months.append((month_end, Peak(kw=float(kw), at=at)))
    return tuple(peak for _, peak in sorted(months, key=lambda item: item[0]))


def _without_neutral(lines: Lines) -> bool:
    """Return whether the grid is 3x230 V; older meters show it only by a dead second phase."""
    grid = _text(lines.get("1-0:94.32.1", ""))
    if grid:
        return grid == "230"
    volts = [_VOLTS.fullmatch(lines.get(f"1-0:{n}2.7.0", "")) for n in (3, 5, 7)]
    return all(volts) and [float(m[1]) > 0 for m in volts if m] == [True, False, True]


def _phases(lines: Lines, read: _Registers) -> tuple[Phase, ...]:
    if any(f"1-0:{code}.7.0" in lines for code in (41, 51, 52, 61, 71, 72)):
        count = 3
    elif any(f"1-0:{code}.7.0" in lines for code in (21, 31, 32)):
        count = 1
    else:
        return ()
    aron = count == 3 and _without_neutral(lines)
    # Without neutral the meter has no element on L2 and writes zeros that mean nothing.
    return tuple(
        Phase() if aron and number == 2 else _phase(number, read) for number in range(1, count + 1)
    )


def _phase(number: int, read: _Registers) -> Phase:
    power = read.net(
        f"INSTANTANEOUS_ACTIVE_POWER_L{number}_POSITIVE",
        f"INSTANTANEOUS_ACTIVE_POWER_L{number}_NEGATIVE",
    )
    current = read.value(f"INSTANTANEOUS_CURRENT_L{number}")
    if current and power is not None and power < 0:
        current = -current
    return Phase(
        power_kw=power,
        voltage_v=read.value(f"INSTANTANEOUS_VOLTAGE_L{number}"),
        current_a=current,
    )


def _text(rest: str) -> str:
    """Return the text of a line's first group; meters write serial numbers as hex of ASCII."""
    match = re.match(r"\(([0-9A-Za-z]*)\)", rest)
    if match is None:
        return ""
    raw = match[1]
    if len(raw) >= 8 and len(raw) % 2 == 0 and re.fullmatch(r"[0-9A-Fa-f]+", raw):
        decoded = bytes.fromhex(raw)
        if all(0x20 < byte < 0x7F for byte in decoded):
            return decoded.decode("ascii")
    return raw
