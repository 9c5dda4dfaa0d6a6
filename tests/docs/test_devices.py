"""docs/devices.md and docs/prices.md name every make, source, field and integration."""

import json
import re
from typing import Any

import pytest

from custom_components.smart_charging.devices.base import Field
from custom_components.smart_charging.devices.entity.known import KNOWN
from custom_components.smart_charging.devices.p1.versions import VERSIONS
from custom_components.smart_charging.devices.registry import MAKES
from custom_components.smart_charging.flows.site import DEFAULTS
from custom_components.smart_charging.prices.adjusted import BILL_FIELDS
from custom_components.smart_charging.prices.entity import SERVICES
from custom_components.smart_charging.prices.formats import SHAPES
from custom_components.smart_charging.prices.registry import SOURCES

from .pages import README, ROOT, Table, codes, page, table, tables

DEVICES, PRICES = page("devices.md"), page("prices.md")
INTEGRATION = ROOT / "custom_components" / "smart_charging"
TEXTS: dict[str, Any] = json.loads((INTEGRATION / "translations/en.json").read_text("utf-8"))

MAKE_HEADINGS = {
    "p1": "P1 smart meter",
    "wattpilot": "Fronius Wattpilot",
    "nrgkick": "NRGkick",
    "solaredge_modbus": "SolarEdge (Modbus)",
    "solaredge_home": "SolarEdge (cloud, sign in)",
    "solaredge_cloud": "SolarEdge (cloud)",
    "sonnen": "sonnenBatterie",
    "powerflex": "PowerFlex",
    "egauge": "eGauge",
    "entity_meter": "A meter made of entities",
    "entity_pv": "Panels made of entities",
    "entity_battery": "A battery made of entities",
    "entity_charger": "A charger made of entities",
}
SOURCE_HEADINGS = {
    "entity": "Home Assistant price entity",
    "wits": "WITS spot prices (New Zealand)",
    "fixed": "Fixed rate",
    "day_night": "Day and night rate",
}


def texts(folder: str, key: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (INTEGRATION / folder / "texts" / f"{key}.json").read_text("utf-8")
    )
    return content


def form(fields: tuple[Field, ...], names: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, required and default of each field, as the documents print them."""
    switch = {True: "on", False: "off", None: ""}
    return [
        (
            names[field.key]["name"],
            "yes" if field.required else "no",
            switch[field.default]
            if field.default is None or isinstance(field.default, bool)
            else str(field.default),
        )
        for field in fields
    ]


def printed(found: Table) -> list[tuple[str, ...]]:
    return [row[:3] for row in found.rows]


def test_every_make_is_in_the_table_with_its_parts() -> None:
    rows = table(DEVICES, "Supported devices", "Key").rows
    described = {codes(row[1])[0]: row[2] for row in rows}
    words = {"meter": "meter", "pv": "panels", "battery": "batter", "charger": "charger"}
    assert described.keys() == MAKES.keys() == MAKE_HEADINGS.keys()
    for key, make in MAKES.items():
        assert {part for part in words if words[part] in described[key]} == set(make.parts), key


def test_every_make_says_what_it_stands_on_and_how_it_was_checked() -> None:
    found = table(DEVICES, "Supported devices", "Library")
    rows = {key: row for row in found.rows for key in codes(row[0])}
    assert rows.keys() == MAKES.keys()
    for key, make in MAKES.items():
        libraries = {re.split(r"[\[<>=!~]", each)[0] for each in make.requirements}
        told = rows[key][1]
        if key.startswith("entity_"):
            assert not libraries, key
        else:
            assert set(told.split(", ")) == (libraries or {"none"}), key
    assert all(cell for row in found.rows for cell in row)


@pytest.mark.parametrize("key", MAKE_HEADINGS)
def test_every_field_of_a_make_is_described(key: str) -> None:
    found = table(DEVICES, MAKE_HEADINGS[key], "Field")
    assert printed(found) == form(MAKES[key].fields, texts("devices", key)["fields"])


@pytest.mark.parametrize("key", [key for key, make in MAKES.items() if make.assignment])
def test_every_channel_that_is_chosen_is_described(key: str) -> None:
    fields = texts("devices", key)["assignment"]["fields"]
    found = table(DEVICES, MAKE_HEADINGS[key], "Register")
    assert found.column("Register") == [fields[f.key]["name"] for f in MAKES[key].assignment]


def test_every_kind_of_p1_meter_is_named() -> None:
    row = table(DEVICES, "P1 smart meter", "Field").rows[1]
    assert set(VERSIONS) == set(codes(row[3]))


def test_every_integration_that_is_recognised_is_named_under_its_part() -> None:
    rows = {
        row[0].partition(",")[0] + (" on and off" if "on and off" in row[0] else ""): codes(row[1])
        for row in table(DEVICES, "Home Assistant entities", "Integrations").rows
    }
    by_part: dict[str, set[str]] = {}
    for known in KNOWN:
        heading = {"pv": "Panels", "battery": "Batteries"}.get(known.kind, f"{known.kind.title()}s")
        if known.kind == "charger" and "limit" not in known.fields:
            heading += " on and off"
        by_part.setdefault(heading, set()).add(known.platform)
    assert {heading: set(names) for heading, names in rows.items()} == by_part


def test_figures_are_those_of_the_forms() -> None:
    steps = TEXTS["config_subentries"]["device"]["step"]
    for heading, step in (
        ("Figures of a charger", "figures_charger"),
        ("Figures of a battery", "figures_battery"),
    ):
        assert table(DEVICES, heading, "Field").column("Field") == list(
            steps[step]["data"].values()
        )


def test_site_vehicle_and_options_are_those_of_the_forms() -> None:
    readme = README.read_text("utf-8")
    site = TEXTS["config"]["step"]["user"]["data"]
    described = {row[0]: row[1] for row in table(readme, "The site", "Field").rows}
    assert list(described) == list(site.values())
    for key in ("fuse_a", "peak_price_year", "peak_floor_kw", "slow_meter_a"):
        assert described[site[key]].split()[0] == f"{DEFAULTS[key]:g}"
    vehicle = TEXTS["config_subentries"]["vehicle"]["step"]["user"]["data"]
    assert table(readme, "Vehicles", "Field").column("Field") == list(vehicle.values())
    for name in TEXTS["options"]["step"]["init"]["data"].values():
        assert f"*{name}*" in readme.partition("### Options")[2].partition("\n## ")[0]


def test_every_price_source_is_in_the_table() -> None:
    keys = table(PRICES, "Sources", "Key").column("Key")
    assert [codes(cell)[0] for cell in keys] == list(SOURCES) == list(SOURCE_HEADINGS)


@pytest.mark.parametrize("key", SOURCE_HEADINGS)
def test_every_field_of_a_price_source_is_described(key: str) -> None:
    own = SOURCES[key].fields[: -len(BILL_FIELDS)]
    names = texts("prices", key)["fields"]
    assert printed(table(PRICES, SOURCE_HEADINGS[key], "Field")) == form(own, names)
    bill = table(PRICES, "From the published price to your bill", "Field").rows
    assert [(row[0], float(row[1])) for row in bill] == [
        (names[field.key]["name"], field.default) for field in BILL_FIELDS
    ]


def test_every_integration_whose_prices_are_read_is_named() -> None:
    section = PRICES.partition("## Home Assistant price entity")[2].partition("\n## ")[0]
    flat = " ".join(section.split())
    known = {name for shape in SHAPES for name in shape.name.split(", ")}
    words = {"energyZero": "EnergyZero", "Smart Charging": "`prices`"}
    assert {name for name in known if words.get(name, name) not in flat} == set()
    assert set(SERVICES) <= set(codes(section))


def test_every_make_says_how_its_data_come() -> None:
    for heading in {MAKE_HEADINGS[key] for key in MAKES if not key.startswith("entity_")}:
        section = DEVICES.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        key = next(k for k, h in MAKE_HEADINGS.items() if h == heading)
        assert f"- **Update**: {'pushed' if MAKES[key].push else 'polled'}" in section, heading


@pytest.mark.parametrize("heading", ["In a home", "For tests and demo"])
def test_every_dependency_is_explained_with_its_licence(heading: str) -> None:
    manifest = json.loads((INTEGRATION / "manifest.json").read_text("utf-8"))
    at_home = {*manifest["requirements"], *(r for m in MAKES.values() for r in m.requirements)}
    tests = (ROOT / "requirements_test.txt").read_text("utf-8").splitlines()
    in_tests = {line for line in tests if line and not line.startswith("#")}
    names = {re.split(r"[=<>\[;]", line)[0].lower() for line in at_home}
    if heading != "In a home":
        names = {re.split(r"[=<>\[;]", line)[0].lower() for line in in_tests} - names
    found = table(page("dependencies.md"), heading, "package")
    explained = " ".join(found.column("package")).lower()
    assert {name for name in names if name not in explained} == set()
    assert all(found.column("licence"))


def test_no_table_is_left_without_a_body() -> None:
    for text in (DEVICES, PRICES, README.read_text("utf-8")):
        assert all(found.rows for found in tables(text))
