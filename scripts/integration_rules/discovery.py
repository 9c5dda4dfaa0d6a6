"""How the manifest says that devices are discovered."""

import ast
from collections.abc import Callable, Iterator
from typing import Any

from . import Integration, Report

STEPS = {"zeroconf": "async_step_zeroconf", "dhcp": "async_step_dhcp", "usb": "async_step_usb"}

type Case = Callable[[str], str]

DHCP: dict[str, Case] = {"hostname": str.lower, "macaddress": str.upper}
USB: dict[str, Case] = {
    "vid": str.upper,
    "pid": str.upper,
    "serial_number": str.lower,
    "manufacturer": str.lower,
    "description": str.lower,
}


def check(integration: Integration, report: Report) -> None:
    """Check zeroconf, dhcp and usb of the manifest, and that the flow has their steps."""
    manifest = integration.manifest
    for kind in manifest.get("zeroconf", ()):
        name = kind if isinstance(kind, str) else kind.get("type", "")
        if not (name.startswith("_") and name.endswith(("._tcp.local.", "._udp.local."))):
            report.error("discovery", f"zeroconf: {name!r} is no service type")
    for row in manifest.get("dhcp", ()):
        for fault in _faults(row, DHCP):
            report.error("discovery", f"dhcp: {fault}")
        if ":" in row.get("macaddress", ""):
            report.error("discovery", "dhcp: a macaddress is written without colons")
    for row in manifest.get("usb", ()):
        for fault in _faults(row, USB):
            report.error("discovery", f"usb: {fault}")
        if not row.get("description", "").strip("*"):
            # Ours: the chips of cables are in everything that has a serial port.
            report.error("discovery", "usb: without a description any serial adapter fits")
    steps = {
        node.name
        for tree in integration.modules.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef)
    }
    for kind, step in STEPS.items():
        if manifest.get(kind) and step not in steps:
            report.error("discovery", f"{kind} is declared, but there is no {step}")


def _faults(row: dict[str, Any], cases: dict[str, Case]) -> Iterator[str]:
    for key, value in row.items():
        if key == "registered_devices":
            continue
        if key not in cases:
            yield f"unknown key {key!r}"
        elif value != cases[key](value):
            yield f"{key} {value!r} must be {cases[key](value)!r}"
