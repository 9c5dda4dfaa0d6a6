"""What rows say of discovery, and what they read of an announcement."""

from fnmatch import fnmatchcase
import json
from pathlib import Path
from typing import Any

import pytest

from custom_components import smart_charging
from custom_components.smart_charging.devices.discovery import Discovery, Heard
from custom_components.smart_charging.devices.registry import MAKES

MANIFEST: dict[str, Any] = json.loads(
    (Path(smart_charging.__file__).parent / "manifest.json").read_text("utf-8")
)


def ways() -> list[Discovery]:
    return [make.discovery for make in MAKES.values() if make.discovery is not None]


def test_the_manifest_names_what_the_rows_declare_and_nothing_else() -> None:
    assert MANIFEST["zeroconf"] == sorted(kind for way in ways() for kind in way.zeroconf)
    assert MANIFEST["dhcp"] == [dict(row) for way in ways() for row in way.dhcp]
    assert MANIFEST["usb"] == [dict(row) for way in ways() for row in way.usb]
    assert "ssdp" not in MANIFEST


@pytest.mark.parametrize(
    ("description", "fits"),
    [
        ("P1 Converter Cable", True),
        ("P1 Converter Cable - P1 Converter Cable", True),
        ("P1 CABLE", True),
        ("FT232R USB UART", False),
        ("USB-Serial Controller", False),
        ("smart-view-3-uart-adapter", False),
        ("", False),
    ],
)
def test_only_a_cable_that_says_what_it_is_is_taken_for_one(description: str, fits: bool) -> None:
    patterns = [row["description"] for row in MANIFEST["usb"]]
    assert any(fnmatchcase(description.lower(), pattern) for pattern in patterns) is fits


def heard(**said: Any) -> Heard:
    return Heard(**{"address": "192.0.2.7", "properties": {}, **said})


def test_an_nrgkick_says_who_it_is() -> None:
    way = MAKES["nrgkick"].discovery
    assert way is not None
    found = way.read(heard(port=80, properties={"serial_number": "T1", "device_name": "Carport"}))
    assert (found.connection, found.serial, found.name) == ({"host": "192.0.2.7"}, "T1", "Carport")
    found = way.read(heard(port=8080, properties={"serial_number": "", "device_name": ""}))
    assert (found.connection["host"], found.serial, found.name) == (
        "192.0.2.7:8080",
        None,
        "NRGkick",
    )


@pytest.mark.parametrize(
    ("unit", "read"), [("3", 3), ("247", 247), ("0", 1), ("248", 1), ("one", 1), ("-1", 1), ("", 1)]
)
def test_an_inverter_says_its_unit_or_the_usual_one_is_taken(unit: str, read: int) -> None:
    way = MAKES["solaredge_modbus"].discovery
    assert way is not None
    found = way.read(heard(port=502, properties={"MODBUS_ID": unit}))
    assert found.connection == {"host": "192.0.2.7", "port": 502, "unit": read}
    assert way.read(heard()).connection == {"host": "192.0.2.7", "port": 1502, "unit": 1}


def test_a_cable_is_told_from_others_by_all_that_it_says() -> None:
    way = MAKES["p1"].discovery
    assert way is not None
    ids = {"vid": "0403", "pid": "6001", "description": "p1 cable", "manufacturer": "ftdi"}
    nameless = way.read(heard(address="/dev/ttyUSB0", properties={**ids, "serial_number": ""}))
    assert nameless.mark == "0403_6001_p1 cable"
    named = way.read(heard(address="/dev/ttyUSB0", properties={**ids, "serial_number": "p1x"}))
    assert named.mark == "0403_6001_p1x_p1 cable"
    assert named.connection == {"url": "/dev/ttyUSB0"}
