"""Check a custom integration against the rules of hassfest, HACS and our own, offline.

usage: check_integration.py custom_components/<domain> [repository root]
Prints one line per fault, or `ok`; exit code 1 on faults. Needs homeassistant.
"""

from pathlib import Path
import sys

# Run as a file, Python finds the modules beside it only; the package name is what mypy knows.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.integration_rules import (
    Integration,
    Report,
    actions,
    dependencies,
    discovery,
    hacs,
    keys,
    manifest,
    quality,
    texts,
)

RULES = (manifest, dependencies, discovery, texts, keys, actions, quality, hacs)


def check(path: Path, root: Path) -> list[str]:
    """Return the faults of the integration at `path` in the repository at `root`."""
    integration, report = Integration(path.resolve(), root.resolve()), Report()
    for name in ("manifest.json", "translations/en.json"):
        if not (path / name).is_file():
            report.error("files", f"{name} is missing")
    for rule in RULES:
        rule.check(integration, report)
    return report.errors


def main() -> int:
    """Check what the command line names."""
    if len(sys.argv) not in (2, 3) or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 2
    path = Path(sys.argv[1]).resolve()
    errors = check(path, Path(sys.argv[2]) if len(sys.argv) == 3 else path.parents[1])
    print("\n".join(errors) or "ok")
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
