"""Each rule of the offline check finds what it is there for, and passes what is right."""

from collections.abc import Callable
from functools import cache
import json
from pathlib import Path
from typing import Any

import pytest

from scripts.check_integration import check
from scripts.draw_brand import draw, png
from scripts.integration_rules.quality import TIERS

MANIFEST = {
    "domain": "toaster",
    "name": "Toaster",
    "codeowners": ["@somebody"],
    "config_flow": True,
    "documentation": "https://example.org/toaster",
    "integration_type": "hub",
    "iot_class": "local_push",
    "issue_tracker": "https://example.org/toaster/issues",
    "quality_scale": "platinum",
    "requirements": ["toast>=1,<2"],
    "version": "1.0.0",
}
TEXTS: dict[str, Any] = {
    "config": {
        "step": {
            "user": {
                "title": "Bread",
                "data": {"host": "Host"},
                "data_description": {"host": "Where the toaster is, e.g. {example}"},
            }
        }
    },
    "config_subentries": {
        "slice": {
            "entry_type": "Slice",
            "initiate_flow": {"user": "Add slice"},
            "step": {"user": {"title": "Slice"}},
        }
    },
    "entity": {"sensor": {"heat": {"name": "Heat"}}},
    "exceptions": {"burnt": {"message": "{name} is burnt"}},
    "issues": {"crumbs": {"title": "Crumbs", "description": "Empty the tray."}},
    "services": {
        "toast": {
            "name": "Toast",
            "description": "Toasts.",
            "fields": {"level": {"name": "Level", "description": "How brown."}},
        }
    },
}
SENSOR = '''"""Sensors."""

from homeassistant.components.sensor import SensorEntityDescription
from homeassistant.exceptions import HomeAssistantError

PARALLEL_UPDATES = 0
HEAT = SensorEntityDescription(key="heat", translation_key="heat")


def fail() -> None:
    raise HomeAssistantError(
        translation_domain="toaster",
        translation_key="burnt",
        translation_placeholders={"name": "Toast"},
    )
'''
SETUP = '''"""Toaster."""

CONFIG_SCHEMA = None


async def async_setup(hass, config):
    hass.services.async_register("toaster", "toast", print)
'''
SERVICES = "toast:\n  fields:\n    level:\n      selector:\n        number:\n          min: 1\n          max: 6\n"
ICONS = {
    "entity": {"sensor": {"heat": {"default": "mdi:fire", "state": {"0": "mdi:fire-off"}}}},
    "services": {"toast": {"service": "mdi:toaster"}},
}


@cache
def icon(size: int) -> bytes:
    """Return an icon; drawing takes a while."""
    return png(draw(size))


class Repository:
    """A repository with one integration that breaks no rule."""

    def __init__(self, root: Path) -> None:
        """Write it below `root`."""
        self.root = root
        self.path = root / "custom_components/toaster"
        self.write("manifest.json", MANIFEST)
        self.write("translations/en.json", TEXTS)
        self.write("icons.json", ICONS)
        self.write("__init__.py", SETUP)
        self.write("config_flow.py", '"""Flow."""\n')
        self.write("sensor.py", SENSOR)
        self.write("services.yaml", SERVICES)
        rules = "\n".join(f"  {rule}: done" for tier in TIERS.values() for rule in tier.split())
        self.write("quality_scale.yaml", f"rules:\n{rules}\n")
        (self.path / "brand").mkdir()
        (self.path / "brand/icon.png").write_bytes(icon(256))
        (root / "hacs.json").write_text('{"name": "Toaster", "homeassistant": "2025.4.0"}')
        (root / "README.md").write_text("# Toaster\n")
        (root / "LICENSE").write_text("MIT License\n")

    def write(self, name: str, content: Any) -> None:
        """Write a file of the integration."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def change(self, name: str, change: Callable[[Any], None]) -> None:
        """Change a JSON file of the integration."""
        content = json.loads((self.path / name).read_text())
        change(content)
        self.write(name, content)

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace text in a file of the integration."""
        text = (self.path / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    @property
    def errors(self) -> str:
        """What the check finds."""
        return "\n".join(check(self.path, self.root))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository that breaks no rule."""
    return Repository(tmp_path)


def test_an_integration_that_keeps_all_rules_passes(repository: Repository) -> None:
    assert repository.errors == ""


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"colour": "red"}, "unknown keys ['colour']"),
        ({"iot_class": None}, "iot_class is missing"),
        ({"domain": "kettle"}, "domain is not the folder's name"),
        ({"documentation": "http://example.org"}, "documentation must be an https address"),
        ({"codeowners": ["somebody"]}, "each code owner starts with @"),
        ({"version": "one"}, "version 'one'"),
        ({"requirements": ["toast == 1"]}, "blank in 'toast == 1'"),
        ({"requirements": ["toast"]}, "'toast' names no version"),
        ({"requirements": ["toast==1"]}, "'toast==1' pins exactly"),
        ({"after_dependencies": ["no_such_thing"]}, "has no component no_such_thing"),
        ({"aaa_first": 1}, "keys must be domain, name, then alphabetical"),
    ],
)
def test_faults_of_the_manifest_are_found(
    repository: Repository, change: dict[str, Any], error: str
) -> None:
    repository.change("manifest.json", lambda manifest: manifest.update(change))
    assert error in repository.errors


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("see https://example.org", "contains an address"),
        ("a <b>bold</b> word", "contains HTML"),
        (" blank", "blanks at its ends"),
        ("'{name}'", "placeholder in single quotes"),
        ("a { brace", "braces do not match"),
        ("[%key:common::x%]", "references are not resolved"),
        ("", "is empty"),
    ],
)
def test_texts_that_the_frontend_cannot_show_are_found(
    repository: Repository, text: str, error: str
) -> None:
    def change(texts: Any) -> None:
        texts["issues"]["crumbs"]["description"] = text

    repository.change("translations/en.json", change)
    assert f"issues.crumbs.description: {error}" in repository.errors


def test_a_field_without_description_is_found(repository: Repository) -> None:
    repository.change(
        "translations/en.json",
        lambda texts: texts["config"]["step"]["user"].pop("data_description"),
    )
    assert "config.user: not described: ['host']" in repository.errors


def test_a_language_of_another_shape_is_found(repository: Repository) -> None:
    texts = json.loads(json.dumps(TEXTS))
    texts["exceptions"]["burnt"]["message"] = "{wer} ist verbrannt"
    repository.write("translations/de.json", texts)
    assert "de.json: keys or placeholders differ" in repository.errors


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('translation_key="heat"', 'translation_key="cold"', "cold: no name in entity.sensor"),
        ('translation_key="burnt"', 'translation_key="raw"', "raw: no message in exceptions"),
        ('{"name": "Toast"}', "{}", "burnt: placeholders ['name'] are not given"),
        ("PARALLEL_UPDATES = 0", "OTHER = 0", "sensor.py lacks PARALLEL_UPDATES"),
        ("components.sensor", "components.mqtt", "sensor.py uses mqtt, which the manifest omits"),
    ],
)
def test_faults_of_the_source_are_found(
    repository: Repository, old: str, new: str, error: str
) -> None:
    repository.replace("sensor.py", old, new)
    assert error in repository.errors


def test_an_import_for_the_type_checker_needs_no_declaration(repository: Repository) -> None:
    source = SENSOR.replace(
        "PARALLEL_UPDATES",
        "if TYPE_CHECKING:\n    from homeassistant.components.mqtt import X\n\nPARALLEL_UPDATES",
    )
    repository.write("sensor.py", source)
    assert repository.errors == ""


def test_async_setup_without_schema_is_found(repository: Repository) -> None:
    repository.replace("__init__.py", "CONFIG_SCHEMA", "SCHEMA")
    assert "async_setup without CONFIG_SCHEMA" in repository.errors


def test_an_action_without_file_texts_or_icon_is_found(repository: Repository) -> None:
    repository.write(
        "services.yaml", SERVICES + "burn:\n  fields:\n    why:\n      selector:\n        text:\n"
    )
    errors = repository.errors
    assert "burn has no name or no description" in errors
    assert "burn.why has no name or no description" in errors
    assert "action burn has no icon" in errors
    (repository.path / "services.yaml").unlink()
    assert "registers an action, services.yaml is missing" in repository.errors


def test_unknown_and_useless_icons_are_found(repository: Repository) -> None:
    def change(icons: Any) -> None:
        icons["entity"]["sensor"]["heat"]["state"] = {"0": "mdi:fire"}
        icons["entity"]["sensor"]["ghost"] = {"default": "mdi:no-such-icon"}

    repository.change("icons.json", change)
    errors = repository.errors
    assert "entity.sensor.heat: a state has the default icon" in errors
    assert "there is no icon mdi:no-such-icon" in errors
    assert "entity.sensor.ghost has an icon but no text" in errors


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("todo", "devices is 'todo', but the manifest says platinum"),
        ("{status: exempt}", "devices is exempt without a comment"),
    ],
)
def test_a_quality_rule_that_is_not_met_is_found(
    repository: Repository, answer: str, error: str
) -> None:
    repository.replace("quality_scale.yaml", "  devices: done", f"  devices: {answer}")
    assert error in repository.errors


def test_an_unanswered_quality_rule_is_found(repository: Repository) -> None:
    repository.replace("quality_scale.yaml", "  devices: done\n", "")
    assert "devices is not answered" in repository.errors


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("hacs.json", "hacs.json is missing"),
        ("README.md", "README.md is missing"),
        ("LICENSE", "LICENSE is missing"),
        ("custom_components/toaster/brand/icon.png", "brand/icon.png is missing"),
    ],
)
def test_files_that_hacs_wants_are_missed(repository: Repository, name: str, error: str) -> None:
    (repository.root / name).unlink()
    assert error in repository.errors


DISCOVERED = {
    "dhcp": [{"hostname": "toaster*", "macaddress": "AABBCC*"}],
    "usb": [{"description": "toaster*", "vid": "0403"}],
    "zeroconf": ["_toaster._tcp.local."],
}
STEPS = "".join(f"async def async_step_{key}(info):\n    return info\n\n\n" for key in DISCOVERED)


def discovered(repository: Repository, **changed: Any) -> str:
    """What the check finds of an integration whose devices are discovered."""
    manifest = MANIFEST | DISCOVERED | changed
    ordered = ("domain", "name", *sorted(set(manifest) - {"domain", "name"}))
    repository.write("manifest.json", {key: manifest[key] for key in ordered})
    return repository.errors


def test_discovery_that_keeps_all_rules_passes(repository: Repository) -> None:
    repository.write("config_flow.py", f'"""Flow."""\n\n\n{STEPS}')
    assert discovered(repository) == ""


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"zeroconf": ["_toaster._tcp"]}, "'_toaster._tcp' is no service type"),
        ({"zeroconf": [{"type": "toaster.local."}]}, "'toaster.local.' is no service type"),
        ({"dhcp": [{"hostname": "Toaster*"}]}, "hostname 'Toaster*' must be 'toaster*'"),
        ({"dhcp": [{"macaddress": "AA:BB*"}]}, "a macaddress is written without colons"),
        ({"dhcp": [{"registered_devices": True, "ip": "1"}]}, "unknown key 'ip'"),
        ({"usb": [{"vid": "0403", "pid": "6001"}]}, "without a description any serial"),
        ({"usb": [{"description": "*", "vid": "0403"}]}, "without a description any serial"),
        ({"usb": [{"description": "toaster", "vid": "04aa"}]}, "vid '04aa' must be '04AA'"),
    ],
)
def test_faults_of_discovery_are_found(
    repository: Repository, change: dict[str, Any], error: str
) -> None:
    repository.write("config_flow.py", f'"""Flow."""\n\n\n{STEPS}')
    assert error in discovered(repository, **change)


def test_discovery_that_the_flow_does_not_take_is_found(repository: Repository) -> None:
    assert "usb is declared, but there is no async_step_usb" in discovered(repository)


def test_an_icon_of_another_size_is_found(repository: Repository) -> None:
    (repository.path / "brand/icon.png").write_bytes(icon(64))
    assert "brand/icon.png is 64x64, not 256x256" in repository.errors


def test_a_second_integration_is_found(repository: Repository) -> None:
    other = repository.path.parent / "kettle"
    other.mkdir()
    (other / "manifest.json").write_text("{}")
    assert "exactly one integration" in repository.errors
