"""docs/reference/formats.md: each example is read by its model and passes its schema, and nothing unknown is taken."""

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
EACH = pytest.mark.parametrize("of", FORMATS, ids=lambda each: each.name)


@EACH
def test_the_example_is_read_by_the_model_and_written_again_as_it_was(of: Format) -> None:
    read = of.adapter.validate_json(of.example)
    written = of.adapter.dump_python(read, mode="json", by_alias=True, exclude_none=not of.nulls)
    assert written == json.loads(of.example)


@EACH
def test_the_example_passes_its_schema(of: Format) -> None:
    Draft202012Validator.check_schema(of.schema)
    Draft202012Validator(of.schema).validate(json.loads(of.example))


@EACH
def test_it_says_its_version(of: Format) -> None:
    example: dict[str, Any] = json.loads(of.example)
    assert example[of.version] == 1
    with pytest.raises(ValidationError, match=of.version):
        of.adapter.validate_python({**example, of.version: 999})


@EACH
def test_a_field_that_is_not_known_is_refused_by_model_and_schema(of: Format) -> None:
    changed = copy.deepcopy(json.loads(of.example)) | {"surprise": 1}
    with pytest.raises(ValidationError):
        of.adapter.validate_python(changed)
    assert not Draft202012Validator(of.schema).is_valid(changed)


def kinds(model: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    """All models that were defined so far."""
    for kind in model.__subclasses__():
        yield kind
        yield from kinds(kind)


def shown(shape: Any) -> Iterator[type[BaseModel]]:
    """The models that a format is, or is one of."""
    if isinstance(shape, type):
        yield shape
    for part in get_args(getattr(shape, "__value__", shape)):
        yield from shown(part)


def test_nothing_that_has_a_version_of_its_own_is_left_out() -> None:
    """A shape that is kept, hashed or sent says which version it is; the API's models do so as a number of the API."""
    for module in pkgutil.walk_packages(slipway.__path__, "slipway."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    versioned = {kind for kind in kinds() if get_origin(getattr(kind.model_fields.get("v"), "annotation", None))}
    page = {model for each in FORMATS for model in shown(each.model)}
    assert KeptProof in versioned & page
    assert {kind.__qualname__ for kind in versioned if not any(issubclass(model, kind) for model in page)} == set()


def test_the_record_and_the_anchor_of_the_examples_verify_and_fit() -> None:
    keys = PublicKeys({EXAMPLE: public_key(SEED)})
    texts = {each.name: each.example for each in FORMATS}
    record = AuditRecord.model_validate_json(texts["record"])
    anchor = ChainAnchor.model_validate_json(texts["anchor"])
    assert fault_of(record, keys) == ""
    assert keys.fault(anchor.sig, anchor.hash.encode()) == ""
    assert (anchor.head.sequence, anchor.head.hash) == (record.sequence, record.hash)
    assert fault_of(record.evolve(actor="mallory"), keys) != ""


def test_the_fence_of_the_example_verifies_and_names_the_anchored_record() -> None:
    texts = {each.name: each.example for each in FORMATS}
    fence, fault = read_fence(texts["fence"], PublicKeys({EXAMPLE: public_key(SEED)}))
    assert fault == ""
    assert fence is not None
    assert fence.head == ChainAnchor.model_validate_json(texts["anchor"]).head


def test_the_envelope_of_the_example_opens() -> None:
    (example,) = (json.loads(each.example) for each in FORMATS if each.name == "envelope")
    envelopes = Envelopes(source=FixedKeys({EXAMPLE: SEED}))
    assert envelopes.open(Queue.STEPS, example) == example["body"]
    with pytest.raises(EnvelopeRefused):
        envelopes.open(Queue.STEPS, {**example, "body": {}})


def test_every_file_in_the_folder_belongs_to_a_format() -> None:
    wanted = {f"{each.name}.{kind}.json" for each in FORMATS for kind in ("schema", "example")}
    assert {path.name for path in (ROOT / FOLDER).iterdir()} == wanted
