"""The manifest: its keys, its order, its requirements."""

import tomllib

from awesomeversion import AwesomeVersion, AwesomeVersionException, AwesomeVersionStrategy
from packaging.requirements import InvalidRequirement, Requirement

from . import Integration, Report

KEYS = frozenset(
    [
        "domain",
        "name",
        "integration_type",
        "config_flow",
        "mqtt",
        "zeroconf",
        "ssdp",
        "bluetooth",
        "homekit",
        "dhcp",
        "usb",
        "documentation",
        "quality_scale",
        "requirements",
        "dependencies",
        "after_dependencies",
        "codeowners",
        "loggers",
        "disabled",
        "iot_class",
        "single_config_entry",
        "preview_features",
        "version",
        "issue_tracker",
        "import_executor",
    ]
)
REQUIRED = (
    "domain",
    "name",
    "documentation",
    "issue_tracker",
    "codeowners",
    "version",
    "iot_class",
)
TYPES = ("device", "entity", "hardware", "helper", "hub", "service", "system", "virtual")
IOT_CLASSES = (
    "assumed_state",
    "calculated",
    "cloud_polling",
    "cloud_push",
    "local_polling",
    "local_push",
)
SCALES = (None, "bronze", "silver", "gold", "platinum", "custom", "internal", "legacy", "no_score")
STRATEGIES = [
    AwesomeVersionStrategy.CALVER,
    AwesomeVersionStrategy.SEMVER,
    AwesomeVersionStrategy.SIMPLEVER,
    AwesomeVersionStrategy.BUILDVER,
    AwesomeVersionStrategy.PEP440,
]


def check(integration: Integration, report: Report) -> None:
    """Check manifest.json."""
    manifest = integration.manifest

    def error(message: str) -> None:
        report.error("manifest", message)

    keys = list(manifest)
    if unknown := set(manifest) - KEYS:
        error(f"unknown keys {sorted(unknown)}")
    for key in REQUIRED:
        if not manifest.get(key):
            error(f"{key} is missing")
    if keys != ["domain", "name", *sorted(set(keys) - {"domain", "name"})]:
        error("keys must be domain, name, then alphabetical")
    if manifest.get("domain") != integration.path.name:
        error("domain is not the folder's name")
    for key in ("documentation", "issue_tracker"):
        if not str(manifest.get(key, "")).startswith("https://"):
            error(f"{key} must be an https address")
    if "www.home-assistant.io/integrations" in manifest.get("documentation", ""):
        error("documentation must not be the core's")
    if manifest.get("integration_type", "hub") not in TYPES:
        error(f"integration_type {manifest['integration_type']!r}")
    if manifest.get("iot_class") not in IOT_CLASSES:
        error(f"iot_class {manifest.get('iot_class')!r}")
    if manifest.get("quality_scale") not in SCALES:
        error(f"quality_scale {manifest['quality_scale']!r}")
    if any(not owner.startswith("@") for owner in manifest.get("codeowners", ())):
        error("each code owner starts with @")
    if manifest.get("config_flow") and not (integration.path / "config_flow.py").is_file():
        error("config_flow is true, but config_flow.py is missing")
    _check_version(integration, report)
    _check_requirements(integration, report)


def _check_version(integration: Integration, report: Report) -> None:
    version = str(integration.manifest.get("version", ""))
    try:
        AwesomeVersion(version, ensure_strategy=STRATEGIES)
    except AwesomeVersionException as err:
        report.error("manifest", f"version {version!r}: {err}")
    project = integration.root / "pyproject.toml"
    if project.is_file():  # ours: one version, said twice
        said = tomllib.loads(project.read_text("utf-8")).get("project", {}).get("version")
        if said not in (None, version):
            report.error("manifest", f"version is {version}, pyproject.toml says {said}")


def _check_requirements(integration: Integration, report: Report) -> None:
    for text in integration.manifest.get("requirements", ()):
        if " " in text:
            report.error("requirements", f"blank in {text!r}")
        try:
            requirement = Requirement(text)
        except InvalidRequirement as err:
            report.error("requirements", f"{text!r}: {err}")
            continue
        if not requirement.specifier:
            report.error("requirements", f"{text!r} names no version")
        elif any(each.operator == "==" for each in requirement.specifier):
            # Ours: an exact pin fights every other integration that needs the same library.
            report.error("requirements", f"{text!r} pins exactly: give a range")
