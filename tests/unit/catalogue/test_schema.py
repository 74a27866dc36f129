"""The JSON Schemas that editors use say what the check accepts."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from slipway.catalogue.finding import MODELS, Kind, document_kind
from slipway.catalogue.schema import schema_of, schema_text
from slipway.manifests.documents import read_file
from tests.examples import times

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"
DOCUMENTS = sorted(path for path in (ROOT / "examples").rglob("*.yaml") if path.stem in MODELS)
KINDS = pytest.mark.parametrize("kind", MODELS)
SCHEMAS: dict[Kind, Draft202012Validator] = {kind: Draft202012Validator(schema_of(kind)) for kind in MODELS}


def page(kind: Kind) -> Path:
    return REFERENCE / f"{kind}.schema.json"


@KINDS
def test_the_schema_page_is_generated_from_the_models(kind: Kind) -> None:
    assert page(kind).read_text(encoding="utf-8") == schema_text(kind), "run make docs"


@KINDS
def test_the_command_prints_the_schema(kind: Kind) -> None:
    command = [sys.executable, "-W", "error", "-m", "slipway.catalogue.schema", kind]
    process = subprocess.run(command, capture_output=True, check=True, cwd=ROOT, text=True, encoding="utf-8")
    assert process.stdout == schema_text(kind)


@KINDS
def test_the_schema_is_a_schema_that_describes_every_field(kind: Kind) -> None:
    schema = schema_of(kind)
    Draft202012Validator.check_schema(schema)
    objects = [schema, *(d for d in schema["$defs"].values() if "properties" in d)]
    bare = [
        f"{described['title']}.{name}"
        for described in objects
        for name, field in described["properties"].items()
        if not field.get("description") and "const" not in field and "$ref" not in field
    ]
    assert bare == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_document_in_this_repository_fits_and_names_the_schema(path: Path) -> None:
    (document,) = read_file(path, name=path.name)
    kind = document_kind(document)
    assert [error.message for error in SCHEMAS[kind].iter_errors(document.value)] == []
    schema_comment = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
    assert schema_comment is not None
    assert (path.parent / schema_comment[1]).resolve() == page(kind)


APPLICATION: dict[str, Any] = {
    "application": "shop",
    "project": "team",
    "source": "image",
    "image": {"registry": "nonprod", "repository": "shop"},
    "versions": {"range": "^1"},
    "start": "both",
    "pipeline": {"project": "p", "name": "ci", "branches": ["main"], "tag": "{commit}", "within": "1h"},
    "notify": ["inbox"],
    "environments": [
        {
            "name": "staging",
            "clusters": ["c"],
            "namespace": "n",
            "substitutions": {"A": "b"},
            "gate": {
                "kind": "approval",
                "approvers": ["a@b"],
                "required": 1,
                "deadline": "2d",
                "level": "link",
                "fresh": "none",
            },
            "verification": {"job": "j.yaml", "http": [{"service": "s", "port": 80, "status": 200}], "within": "5m"},
            "on_failure": "stop",
        }
    ],
}
PROJECT: dict[str, Any] = {
    "project": "team",
    "owners": {"apply": ["role:leads"]},
    "repositories": ["team/*"],
    "environments": {
        "staging": {"class": "test", "clusters": ["c"], "namespaces": ["n-*"], "registry": "r", "provenance": "none"},
        "production": {
            "class": "production",
            "clusters": ["p"],
            "namespaces": ["n"],
            "least_gate": {"level": "signed", "required": 2, "require_known": True, "own_change": False, "fresh": "5m"},
        },
    },
    "kinds": {"default": "namespaced", "also": ["argoproj.io/Rollout"]},
    "foreign_images": [{"match": "mcr.example/oss/*", "copy": True}],
    "unpinned": "refuse",
}
VALID: dict[Kind, dict[str, Any]] = {"project": PROJECT, "application": APPLICATION}

replacements = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 70_000), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "a", "A", "10m", "1²m", "07d", "a@b", "yes", "push", "roll-back", "/x", "a/b", "a\n", "é"]),
    st.just([]), st.just({}), st.lists(st.sampled_from(["a", "b@c"]), max_size=3), st.just({"kind": "auto"}),
    st.just({"regex": "x"}), st.just({"range": None, "tags": {"glob": "*"}}), st.just("none"), st.just(["ConfigMap"]),
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


PLACES = [(kind, place) for kind in MODELS for place in places(VALID[kind])[1:]]


@times(3)
@given(st.lists(st.tuples(st.sampled_from(PLACES), replacements), max_size=3))
def test_a_document_that_the_models_accept_is_accepted_by_the_schema(
    changes: list[tuple[tuple[Kind, tuple[Any, ...]], Any]],
) -> None:
    documents = dict(VALID)
    for (kind, at), replacement in changes:
        if at in places(documents[kind]):
            documents[kind] = replaced(documents[kind], at, replacement)
    for kind, document in documents.items():
        try:
            MODELS[kind].model_validate_json(json.dumps(document), strict=True)
        except ValidationError:
            continue
        assert [error.message for error in SCHEMAS[kind].iter_errors(document)] == []


@pytest.mark.parametrize(("kind", "at"), [(kind, at) for kind, at in PLACES if isinstance(at[-1], str)], ids=str)
def test_the_schema_refuses_a_field_of_the_wrong_shape(kind: Kind, at: tuple[Any, ...]) -> None:
    assert list(SCHEMAS[kind].iter_errors(replaced(VALID[kind], at, 0.5)))
