"""docs/reference/formats.md: each example is read by its model and passes its schema, and nothing unknown is taken."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from scripts.reference.formats import FOLDER, FORMATS, Format

ROOT = Path(__file__).resolve().parents[2]
EACH = pytest.mark.parametrize("of", FORMATS, ids=lambda each: each.name)


@EACH
def test_the_example_is_read_by_the_model_and_written_again_as_it_was(of: Format) -> None:
    read = of.adapter.validate_json(of.example)
    written = of.adapter.dump_python(read, mode="json", by_alias=True, exclude_none=True)
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


def test_every_file_in_the_folder_belongs_to_a_format() -> None:
    wanted = {f"{each.name}.{kind}.json" for each in FORMATS for kind in ("schema", "example")}
    assert {path.name for path in (ROOT / FOLDER).iterdir()} == wanted
