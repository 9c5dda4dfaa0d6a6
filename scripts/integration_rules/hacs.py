"""What HACS asks of the repository, as far as files tell."""

import json
import struct

from awesomeversion import AwesomeVersion

from . import Integration, Report

KEYS = frozenset(
    [
        "content_in_root",
        "country",
        "filename",
        "hacs",
        "hide_default_branch",
        "homeassistant",
        "name",
        "persistent_directory",
        "render_readme",
        "zip_release",
    ]
)
LICENSES = ("MIT License", "Apache License", "BSD 3-Clause", "Mozilla Public License")
"""First words of the licences that we would take; HACS accepts any that OSI approves."""
PNG = b"\x89PNG\r\n\x1a\n"
ICON_SIZES = {"icon.png": 256, "icon@2x.png": 512}


def check(integration: Integration, report: Report) -> None:
    """Check hacs.json, README, licence, brand images and the one integration."""
    root = integration.root

    def error(message: str) -> None:
        report.error("hacs", message)

    file = root / "hacs.json"
    if file.is_file():
        settings = json.loads(file.read_text("utf-8"))
        if unknown := set(settings) - KEYS:
            error(f"unknown keys {sorted(unknown)} in hacs.json")
        if not settings.get("name"):
            error("hacs.json has no name")
        if settings.get("zip_release") and not settings.get("filename"):
            error("zip_release needs filename in hacs.json")
        if not AwesomeVersion(settings.get("homeassistant", "")).valid:
            error("hacs.json names no valid homeassistant version")
    else:
        error("hacs.json is missing")
    readme = root / "README.md"
    if not readme.is_file() or not readme.read_text("utf-8").strip():
        error("README.md is missing or empty")
    licence = root / "LICENSE"
    if not licence.is_file() or not licence.read_text("utf-8").lstrip().startswith(LICENSES):
        error("LICENSE is missing or not one that is known to be approved by OSI")
    siblings = [
        each for each in integration.path.parent.iterdir() if (each / "manifest.json").is_file()
    ]
    if siblings != [integration.path]:
        error("there must be exactly one integration in custom_components")
    _check_images(integration, report)


def _check_images(integration: Integration, report: Report) -> None:
    folder = integration.path / "brand"
    if not (folder / "icon.png").is_file():
        report.error("hacs", "brand/icon.png is missing")
    for file in sorted(folder.glob("*.png")):
        head = file.read_bytes()[:24]
        if head[:8] != PNG:
            report.error("hacs", f"brand/{file.name} is no PNG")
            continue
        width, height = struct.unpack(">II", head[16:24])
        size = ICON_SIZES.get(file.name.removeprefix("dark_"))
        if size is not None and (width, height) != (size, size):
            report.error("hacs", f"brand/{file.name} is {width}x{height}, not {size}x{size}")
