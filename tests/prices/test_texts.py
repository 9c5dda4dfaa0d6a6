"""Every kind of source has its texts, and every text its kind."""

import json
from pathlib import Path
import re
from typing import Any

import pytest

from custom_components.smart_charging import prices
from custom_components.smart_charging.prices.registry import SOURCES

TEXTS = Path(prices.__file__).parent / "texts"

RAISED = {
    "wits": {"cannot_connect", "invalid_auth", "wrong_device", "rate_limited"},
    "entity": {"cannot_connect", "wrong_device"},
    "fixed": set(),
    "day_night": set(),
}


def texts(kind: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((TEXTS / f"{kind}.json").read_text())
    return loaded


def test_kinds_and_texts_belong_together() -> None:
    assert {path.stem for path in TEXTS.glob("*.json")} == set(SOURCES)
    assert all(key == kind.key for key, kind in SOURCES.items())


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_every_field_and_error_is_explained(kind: str) -> None:
    told = texts(kind)
    assert told["title"]
    assert told["description"]
    assert set(told["fields"]) == {field.key for field in SOURCES[kind].fields}
    assert all(f["name"] and f["description"] for f in told["fields"].values())
    assert set(told["errors"]) == RAISED[kind]


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_texts_keep_the_rules_of_translations(kind: str) -> None:
    raw = (TEXTS / f"{kind}.json").read_text()
    assert "http" not in raw
    assert "<" not in raw
    assert not re.search(r"'\{", raw)


def test_only_passwords_are_secret_and_all_of_them() -> None:
    for kind in SOURCES.values():
        for field in kind.fields:
            assert field.secret == (field.kind == "password")
