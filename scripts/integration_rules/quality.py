"""The quality scale: each rule answered, and what can be seen in the source seen to."""

import ast

from homeassistant.const import Platform
from homeassistant.util.yaml import load_yaml_dict

from . import Integration, Report

TIERS = {
    "bronze": "action-setup appropriate-polling brands common-modules config-flow "
    "config-flow-test-coverage dependency-transparency docs-actions docs-conditions "
    "docs-high-level-description docs-installation-instructions docs-removal-instructions "
    "docs-triggers entity-event-setup entity-unique-id has-entity-name runtime-data "
    "test-before-configure test-before-setup unique-config-entry",
    "silver": "action-exceptions config-entry-unloading docs-configuration-parameters "
    "docs-installation-parameters entity-unavailable integration-owner log-when-unavailable "
    "parallel-updates reauthentication-flow test-coverage",
    "gold": "devices diagnostics discovery discovery-update-info docs-data-update docs-examples "
    "docs-known-limitations docs-supported-devices docs-supported-functions docs-troubleshooting "
    "docs-use-cases dynamic-devices entity-category entity-device-class "
    "entity-disabled-by-default entity-translations exception-translations icon-translations "
    "reconfiguration-flow repair-issues stale-devices",
    "platinum": "async-dependency inject-websession strict-typing",
}
"""Rules by tier, as of August 2026."""


def check(integration: Integration, report: Report) -> None:
    """Check quality_scale.yaml against the tier in the manifest, and the source."""
    _check_answers(integration, report)
    _check_source(integration, report)


def _check_answers(integration: Integration, report: Report) -> None:
    tier = integration.manifest.get("quality_scale")
    if tier not in TIERS:
        return
    file = integration.path / "quality_scale.yaml"
    if not file.is_file():
        report.error("quality", "quality_scale.yaml is missing")
        return
    answers = load_yaml_dict(str(file)).get("rules") or {}
    every = {rule for rules in TIERS.values() for rule in rules.split()}
    for rule in sorted(set(answers) - every):
        report.error("quality", f"there is no rule {rule}")
    for rule in sorted(every - set(answers)):
        report.error("quality", f"{rule} is not answered")
    claimed = list(TIERS)[: list(TIERS).index(tier) + 1]
    for rule in (rule for each in claimed for rule in TIERS[each].split()):
        answer = answers.get(rule, "done")
        match answer:
            case "done" | {"status": "done"}:
                pass
            case {"status": "exempt", "comment": str()}:
                pass
            case {"status": "exempt"}:
                report.error("quality", f"{rule} is exempt without a comment")
            case _:
                report.error("quality", f"{rule} is {answer!r}, but the manifest says {tier}")


def _check_source(integration: Integration, report: Report) -> None:
    platforms = {each.value for each in Platform}
    for file, tree in integration.modules.items():
        names = _top_level_names(tree)
        if len(file.parts) == 1 and file.stem in platforms and "PARALLEL_UPDATES" not in names:
            report.error("quality", f"{file} lacks PARALLEL_UPDATES")
        if str(file) == "__init__.py" and "async_setup" in names and "CONFIG_SCHEMA" not in names:
            report.error("quality", "async_setup without CONFIG_SCHEMA")


def _top_level_names(tree: ast.Module) -> set[str]:
    names = set()
    for node in tree.body:
        match node:
            case ast.AsyncFunctionDef(name=name) | ast.FunctionDef(name=name):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Assign(targets=targets):
                names.update(each.id for each in targets if isinstance(each, ast.Name))
    return names
