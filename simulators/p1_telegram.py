"""Telegrams of a digital meter of a simulated house: Belgian (eMUCS-P1) or Dutch (DSMR 5)."""

from datetime import datetime
from typing import Literal

from .meter import MeterState, MonthPeak

type Flavour = Literal["be_3ph", "be_1ph", "be_3x230", "nl_3ph"]

NO_LIMIT_KW, NO_LIMIT_A = 999.9, 999.0
"""What meters write for a limiter that is off."""

NO_PEAK = "632525252525W"
"""What real meters send as the time of a peak that never was."""

_HEADERS: dict[Flavour, str] = {
    "be_3ph": r"/FLU5\253769484_A",
    "be_1ph": r"/FLU5\253770234_A",
    "be_3x230": r"/FLU5\253769484_A",
    "nl_3ph": r"/ISK5\2M550T-1012",
}
_VERSIONS: dict[Flavour, str] = {
    "be_3ph": "0-0:96.1.4(50217)",
    "be_1ph": "0-0:96.1.4(50217)",
    "be_3x230": "0-0:96.1.4(50221)",
    "nl_3ph": "1-3:0.2.8(50)",
}
_PHASES: dict[Flavour, int] = {"be_3ph": 3, "be_1ph": 1, "be_3x230": 3, "nl_3ph": 3}


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC_TABLE = tuple(_crc_of(byte) for byte in range(256))


def crc16(data: bytes) -> int:
    """Return CRC-16/ARC (reflected polynomial 0xA001, start 0) as P1 telegrams carry it."""
    crc = 0
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def sealed(body: str) -> bytes:
    """Return a telegram from its text up to and including `!`, with its CRC and line end."""
    data = body.encode("ascii")
    return data + f"{crc16(data):04X}\r\n".encode("ascii")


def without(data: bytes, codes: tuple[str, ...]) -> bytes:
    """Return a telegram without the lines of these OBIS codes, with its CRC put right."""
    lines = data.decode("ascii").split("\r\n")
    # Before the line end stands the `!` with the old checksum.
    kept = [line for line in lines[:-2] if not line.startswith(codes)]
    return sealed("\r\n".join([*kept, "!"]))


def unreadable(data: bytes, codes: tuple[str, ...]) -> bytes:
    """Return a telegram whose lines of these OBIS codes make no sense, with its CRC put right."""
    lines = data.decode("ascii").split("\r\n")
    spoilt = [f"{line.partition('(')[0]}(?)" if line.startswith(codes) else line for line in lines]
    return sealed("\r\n".join([*spoilt[:-2], "!"]))


def _hex(text: str) -> str:
    return text.encode("ascii").hex().upper()


def telegram(
    meter: MeterState, now: datetime, *, meter_id: str, flavour: Flavour = "be_3ph"
) -> bytes:
    """Return the telegram of a meter at the true moment `now`, CRC and CRLF included."""

    def stamp(at: datetime) -> str:
        local = at.astimezone(meter.time_zone)
        return f"{local:%y%m%d%H%M%S}{'S' if local.dst() else 'W'}"

    def month(peak: MonthPeak) -> str:
        at = NO_PEAK if peak.at is None else stamp(peak.at)
        return f"({stamp(peak.month_end)})({at})({peak.kw:06.3f}*kW)"

    count = _PHASES[flavour]
    belgian = flavour != "nl_3ph"
    lines = [_HEADERS[flavour], "", _VERSIONS[flavour]]
    if flavour == "be_3x230":
        lines.append("1-0:94.32.1(230)")
    lines += [
        f"0-0:96.1.1({_hex(meter_id)})",
        f"0-0:1.0.0({stamp(now)})",
        f"1-0:1.8.1({meter.import_t1_kwh:010.3f}*kWh)",
        f"1-0:1.8.2({meter.import_t2_kwh:010.3f}*kWh)",
        f"1-0:2.8.1({meter.export_t1_kwh:010.3f}*kWh)",
        f"1-0:2.8.2({meter.export_t2_kwh:010.3f}*kWh)",
        f"0-0:96.14.0({meter.tariff:04d})",
    ]
    if belgian:
        lines += [
            f"1-0:1.4.0({meter.quarter_kw:06.3f}*kW)",
            f"1-0:1.6.0({stamp(meter.month_peak_at)})({meter.month_peak_kw:06.3f}*kW)",
            f"0-0:98.1.0({len(meter.history)})(1-0:1.6.0)(1-0:1.6.0)"
            + "".join(month(peak) for peak in meter.history),
        ]
    lines += [
        f"1-0:1.7.0({max(0.0, meter.power_kw):06.3f}*kW)",
        f"1-0:2.7.0({max(0.0, -meter.power_kw):06.3f}*kW)",
    ]
    phases = range(count)
    lines += [f"1-0:{21 + 20 * i}.7.0({max(0.0, meter.phase_kw[i]):06.3f}*kW)" for i in phases]
    lines += [f"1-0:{22 + 20 * i}.7.0({max(0.0, -meter.phase_kw[i]):06.3f}*kW)" for i in phases]
    lines += [f"1-0:{32 + 20 * i}.7.0({meter.phase_v[i]:05.1f}*V)" for i in phases]
    lines += [f"1-0:{31 + 20 * i}.7.0({abs(meter.phase_a[i]):06.2f}*A)" for i in phases]
    if belgian:
        limit_kw = NO_LIMIT_KW if meter.limiter_kw is None else meter.limiter_kw
        limit_a = NO_LIMIT_A if meter.limiter_a is None else meter.limiter_a
        lines.append(f"0-0:96.3.10({meter.breaker})")
        lines += [f"0-0:17.0.0({limit_kw:05.1f}*kW)", f"1-0:31.4.0({limit_a:03.0f}*A)"]
    if flavour == "be_3x230":
        # eMUCS 2.1 has a relay for each channel of the M-Bus, wired or not.
        lines += [f"0-{channel}:96.3.10(0)" for channel in range(1, 5)]
    lines.append(f"0-0:96.13.0({_hex(meter.text_message)})")
    if meter.gas_m3 is not None:
        lines += [
            "0-1:24.1.0(003)",
            f"0-1:96.1.1({_hex('7FLO2100000001')})",
            "0-1:24.4.0(1)",
            f"0-1:24.2.3({stamp(meter.gas_at)})({meter.gas_m3:09.3f}*m3)",
        ]
    if meter.water_m3 is not None:
        lines += [
            "0-2:24.1.0(007)",
            f"0-2:96.1.1({_hex('8SET0000000001')})",
            f"0-2:24.2.1({stamp(meter.gas_at)})({meter.water_m3:09.3f}*m3)",
        ]
    return sealed("\r\n".join(lines) + "\r\n!")
