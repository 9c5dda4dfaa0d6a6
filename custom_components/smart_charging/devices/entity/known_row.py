"""One row of the table of known integrations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core.reading import PartKind


@dataclass(frozen=True, kw_only=True)
class Known:
    """One row: how the entities of one integration's device fill in a form."""

    platform: str
    kind: PartKind
    needs: tuple[str, ...]
    """Form fields that must be found, else the device is something else."""
    fields: Mapping[str, str]
    """Form field -> `domain.key`; further keys after `|` are other names of the same entity."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Entities that must exist besides, to tell devices of one integration apart."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further values of the form."""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Form field -> what an option may be called; the first that the select of the field has counts."""


def lines(domain_key: str, names: tuple[str, str, str] = ("1", "2", "3")) -> dict[str, str]:
    """Return the current of each line conductor; `{}` stands where the names differ."""
    return {
        f"l{n}_current": domain_key.format(name) for n, name in zip((1, 2, 3), names, strict=True)
    }
