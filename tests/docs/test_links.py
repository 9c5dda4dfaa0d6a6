"""Every link leads somewhere, every command exists, nothing names a machine."""

import json
from pathlib import Path
import re

import pytest

from .pages import PAGES, README, ROOT, anchors, codes, links, table

MANIFEST = json.loads((ROOT / "custom_components/smart_charging/manifest.json").read_text("utf-8"))
BLUEPRINTS = ROOT / "blueprints" / "automation" / "smart_charging"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_relative_links_resolve(path: Path) -> None:
    text = path.read_text("utf-8")
    broken = []
    for link in links(text):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if (
            not target.is_relative_to(ROOT)
            or not target.exists()
            or (anchor and anchor not in anchors(target.read_text("utf-8")))
        ):
            broken.append(link)
    assert broken == []


def test_every_page_is_reached_from_the_readme() -> None:
    linked = {
        (README.parent / link.partition("#")[0]).resolve()
        for link in links(README.read_text("utf-8"))
    }
    assert {path for path in PAGES if path != README} <= linked


def test_the_repository_is_the_one_of_the_manifest() -> None:
    readme = README.read_text("utf-8")
    assert f"add\n`{MANIFEST['documentation']}`" in readme
    for path in PAGES:
        for address in re.findall(r"https://github\.com/[\w./-]+", path.read_text("utf-8")):
            assert address.startswith(MANIFEST["documentation"]), (path.name, address)


def test_every_blueprint_can_be_imported_from_the_readme() -> None:
    cells = table(README.read_text("utf-8"), "Examples", "Blueprint").column("Address to import")
    found = {
        cell.strip("<>").removeprefix(f"{MANIFEST['documentation']}/blob/main/") for cell in cells
    }
    assert found == {str(path.relative_to(ROOT)) for path in BLUEPRINTS.glob("*.yaml")}


def test_every_command_exists_and_every_script_is_a_command() -> None:
    commands = table(README.read_text("utf-8"), "Commands", "Command").column("Command")
    named = {codes(cell)[0].removeprefix("bash ").split()[0] for cell in commands}
    named = {command.removeprefix("$(") for command in named}
    assert {name for name in named if not (ROOT / name).is_file()} == set()
    scripts = {
        f"scripts/{p.name}" for p in (ROOT / "scripts").iterdir() if p.is_file() and not p.suffix
    }
    assert scripts <= named


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_page_names_a_path_of_a_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.findall(r"(?<![\w.])/(?:home|root|work|tmp|opt|mnt|Users)/", text)
