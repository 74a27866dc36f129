"""The JSON Schema that editors use says what loading accepts."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from slipway.catalogue.schema import delivery_schema, schema_text
from slipway.domain.application import Application
from slipway.manifests.documents import read_file

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "delivery.schema.json"
DELIVERIES = sorted((ROOT / "deliveries").glob("*/delivery.yaml"))

SCHEMA = Draft202012Validator(delivery_schema())


def test_the_page_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == schema_text(), "run python -m slipway.catalogue.schema > " + PAGE.name


def test_the_command_prints_the_schema() -> None:
    command = [sys.executable, "-W", "error", "-m", "slipway.catalogue.schema"]
    printed = subprocess.run(command, capture_output=True, check=True, cwd=ROOT, text=True, encoding="utf-8")
    assert printed.stdout == schema_text()


def test_the_schema_is_a_schema_that_describes_every_field() -> None:
    Draft202012Validator.check_schema(delivery_schema())
    objects = [delivery_schema(), *(d for d in delivery_schema()["$defs"].values() if "properties" in d)]
    bare = [
        f"{described['title']}.{name}"
        for described in objects
        for name, field in described["properties"].items()
        if not field.get("description") and "const" not in field and "$ref" not in field
    ]
    assert bare == []


@pytest.mark.parametrize("path", DELIVERIES, ids=lambda path: path.parent.name)
def test_every_delivery_in_this_repository_fits_and_names_the_schema(path: Path) -> None:
    (document,) = read_file(path, name=path.name)
    assert [error.message for error in SCHEMA.iter_errors(document.value)] == []
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
    assert named is not None
    assert (path.parent / named[1]).resolve() == PAGE


VALID: dict[str, Any] = {
    "application": "shop",
    "image": {"registry": "nonprod", "repository": "shop", "tags": {"semver": "^1"}},
    "start": "both",
    "pipeline": {"project": "p", "name": "ci", "branches": ["main"], "tag": "{commit}"},
    "join_within": "1h",
    "notify": ["inbox"],
    "environments": [
        {
            "name": "staging",
            "cluster": "c",
            "namespace": "n",
            "substitutions": {"A": "b"},
            "gate": {"kind": "approval", "approvers": ["a@b"], "required": 1, "deadline": "2d"},
            "verify": {"job": "j.yaml", "http": [{"service": "s", "port": 80, "status": 200}], "within": "5m"},
            "on_failure": "stop",
        }
    ],
}

replacements = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 70_000), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "a", "A", "10m", "1²m", "07d", "a@b", "yes", "push", "roll-back", "/x", "a/b", "a\n", "é"]),
    st.just([]), st.just({}), st.lists(st.sampled_from(["a", "b@c"]), max_size=3), st.just({"kind": "auto"}),
    st.just({"regex": "x"}), st.just({"semver": None, "glob": "*"}),
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, item in inner for place in places(item, (*at, key)))]


def replaced(value: Any, at: tuple[Any, ...], by: Any) -> Any:
    if not at:
        return by
    changed = value.copy()
    changed[at[0]] = replaced(value[at[0]], at[1:], by)
    return changed


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(places(VALID)[1:]), replacements), max_size=3))
def test_what_loading_accepts_the_schema_accepts(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = VALID
    for at, by in changes:
        if at in places(document):
            document = replaced(document, at, by)
    try:
        Application.model_validate_json(json.dumps(document), strict=True)
    except ValidationError:
        return
    assert [error.message for error in SCHEMA.iter_errors(document)] == []


@pytest.mark.parametrize("at", [place for place in places(VALID) if place and isinstance(place[-1], str)], ids=str)
def test_the_schema_refuses_a_field_of_the_wrong_shape(at: tuple[Any, ...]) -> None:
    assert list(SCHEMA.iter_errors(replaced(VALID, at, 0.5)))
