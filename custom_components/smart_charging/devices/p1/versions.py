"""The dialects of P1 telegrams: what differs between countries and generations."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...core.reading import Tariff

NUMBERED: Mapping[int, Tariff] = {
    1: Tariff.FIRST,
    2: Tariff.SECOND,
    3: Tariff.THIRD,
    4: Tariff.FOURTH,
}
"""Where nobody could say what the numbers stand for, they stay numbers."""
BELGIAN: Mapping[int, Tariff] = {**NUMBERED, 1: Tariff.NORMAL, 2: Tariff.LOW}
DUTCH: Mapping[int, Tariff] = {**NUMBERED, 1: Tariff.LOW, 2: Tariff.NORMAL}


@dataclass(frozen=True, kw_only=True)
class Version:
    """One dialect; `specification` is its name in `dsmr_parser.telegram_specifications`."""

    specification: str
    baudrate: int = 115200
    seven_bits: bool = False
    """7 data bits and even parity instead of 8 and none."""
    checksum: bool = True
    encrypted: bool = False
    winter_utc_offset_h: int = 1
    """Hours that the meter's clock is ahead of UTC in winter; one more in summer."""
    tariffs: Mapping[int, Tariff] = field(default_factory=lambda: NUMBERED)
    """What the numbers of the tariff in force stand for."""


VERSIONS: dict[str, Version] = {
    "5B": Version(specification="BELGIUM_FLUVIUS", tariffs=BELGIAN),
    "5": Version(specification="V5", tariffs=DUTCH),
    "4": Version(specification="V4", seven_bits=True, tariffs=DUTCH),
    "2.2": Version(
        specification="V2_2", baudrate=9600, seven_bits=True, checksum=False, tariffs=DUTCH
    ),
    "5L": Version(specification="LUXEMBOURG_SMARTY"),
    "MSn": Version(specification="MSN", encrypted=True),
    "5S": Version(specification="SWEDEN"),
    "5EONHU": Version(specification="EON_HUNGARY"),
    "Q3D": Version(specification="Q3D", checksum=False),
    "SAGEMCOM_T210_D_R": Version(specification="SAGEMCOM_T210_D_R", encrypted=True),
    "ISKRA_IE": Version(specification="ISKRA_IE", checksum=False, winter_utc_offset_h=0),
}
"""Keys as Home Assistant's own DSMR integration and dsmr-parser call them."""
