"""docs/reference/formats.md: model and schema of each format accept its example, and no unknown field."""

import copy
import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

import slipway
from scripts.reference.formats import FOLDER, FORMATS, Format
from slipway.domain.audit import AuditRecord, fault_of
from slipway.domain.chain_anchor import ChainAnchor
from slipway.domain.envelopes import EnvelopeRefused, Envelopes
from slipway.domain.fence import read_fence
from slipway.domain.proof import KeptProof
from slipway.domain.queues import Queue
from slipway.domain.signing import FixedKeys, PublicKeys
from slipway.ed25519 import public_key

EXAMPLE, SEED = "example", b"e" * 32
"""The key of the examples."""
ROOT = Path(__file__).resolve().parents[2]
EACH = pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)


@EACH
def test_the_model_reads_the_example_and_writes_it_again_unchanged(format_: Format) -> None:
    value = format_.adapter.validate_json(format_.example)
    document = format_.adapter.dump_python(value, mode="json", by_alias=True, exclude_none=not format_.nulls)
    assert document == json.loads(format_.example)


@EACH
def test_the_example_passes_its_schema(format_: Format) -> None:
    Draft202012Validator.check_schema(format_.schema)
    Draft202012Validator(format_.schema).validate(json.loads(format_.example))


@EACH
def test_each_format_states_its_version_and_refuses_another(format_: Format) -> None:
    example: dict[str, Any] = json.loads(format_.example)
    assert example[format_.version] == 1
    with pytest.raises(ValidationError, match=format_.version):
        format_.adapter.validate_python({**example, format_.version: 999})


@EACH
def test_a_field_that_is_not_known_is_refused_by_model_and_schema(format_: Format) -> None:
    changed = copy.deepcopy(json.loads(format_.example)) | {"surprise": 1}
    with pytest.raises(ValidationError):
        format_.adapter.validate_python(changed)
    assert not Draft202012Validator(format_.schema).is_valid(changed)


def subclasses_of(model: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    """All models that were defined so far."""
    for kind in model.__subclasses__():
        yield kind
        yield from subclasses_of(kind)


def models_of(shape: Any) -> Iterator[type[BaseModel]]:
    """The models that a format is, or is one of."""
    if isinstance(shape, type):
        yield shape
    for part in get_args(getattr(shape, "__value__", shape)):
        yield from models_of(part)


def test_every_model_with_a_version_of_its_own_is_documented() -> None:
    """A shape that is stored, hashed or sent carries a version of its own; the API's models carry that of the API."""
    for module in pkgutil.walk_packages(slipway.__path__, "slipway."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    versioned = {
        kind for kind in subclasses_of() if get_origin(getattr(kind.model_fields.get("v"), "annotation", None))
    }
    documented = {model for format_ in FORMATS for model in models_of(format_.model)}
    assert KeptProof in versioned & documented
    assert {
        kind.__qualname__ for kind in versioned if not any(issubclass(model, kind) for model in documented)
    } == set()


def test_the_record_and_the_anchor_of_the_examples_verify_and_fit() -> None:
    keys = PublicKeys({EXAMPLE: public_key(SEED)})
    texts = {format_.name: format_.example for format_ in FORMATS}
    record = AuditRecord.model_validate_json(texts["record"])
    anchor = ChainAnchor.model_validate_json(texts["anchor"])
    assert fault_of(record, keys) == ""
    assert keys.fault(anchor.sig, anchor.hash.encode()) == ""
    assert (anchor.head.sequence, anchor.head.hash) == (record.sequence, record.hash)
    assert fault_of(record.evolve(actor="mallory"), keys) != ""


def test_the_fence_of_the_example_verifies_and_names_the_anchored_record() -> None:
    texts = {format_.name: format_.example for format_ in FORMATS}
    fence, fault = read_fence(texts["fence"], PublicKeys({EXAMPLE: public_key(SEED)}))
    assert fault == ""
    assert fence is not None
    assert fence.head == ChainAnchor.model_validate_json(texts["anchor"]).head


def test_the_envelope_of_the_example_opens_and_a_changed_one_is_refused() -> None:
    (example,) = (json.loads(format_.example) for format_ in FORMATS if format_.name == "envelope")
    envelopes = Envelopes(source=FixedKeys({EXAMPLE: SEED}))
    assert envelopes.open(Queue.STEPS, example) == example["body"]
    with pytest.raises(EnvelopeRefused):
        envelopes.open(Queue.STEPS, {**example, "body": {}})


def test_every_file_in_the_folder_belongs_to_a_format() -> None:
    expected = {f"{format_.name}.{kind}.json" for format_ in FORMATS for kind in ("schema", "example")}
    assert {path.name for path in (ROOT / FOLDER).iterdir()} == expected
