"""Whatever is wrong in a document, the check continues with the rest, and never ends in an exception."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from slipway.catalogue import Files
from slipway.catalogue.checking import judged_application
from slipway.catalogue.finding import MODELS
from slipway.catalogue.validation import parse_document
from slipway.domain.application import WrittenApplication
from slipway.domain.project import Project
from slipway.manifests.documents import Document, read_text
from slipway.manifests.problems import Findings
from tests.examples import times
from tests.unit.catalogue.test_schema import APPLICATION, PROJECT, places, replaced, replacements

AT = places(APPLICATION)[1:]
changed = st.lists(st.tuples(st.sampled_from(AT), st.one_of(replacements, st.just({"x": 1}))), max_size=4)


def document_of(value: Any) -> Document:
    (document,) = read_text(json.dumps(value).encode(), name="application.yaml")
    return document


def with_changes(changes: list[tuple[tuple[Any, ...], Any]]) -> Document:
    content: Any = APPLICATION
    for at, replacement in changes:
        if at in places(content):
            content = replaced(content, at, replacement)
    return document_of(content)


@times(3)
@given(changed)
def test_a_document_has_problems_exactly_where_the_model_refuses_it(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = with_changes(changes)
    reading = parse_document(document, WrittenApplication)
    try:
        accepted = MODELS["application"].model_validate_json(json.dumps(document.value), strict=True)
    except ValidationError:
        assert reading.problems
    else:
        assert (reading.value, reading.problems, dict(reading.unknown)) == (accepted, (), {})


@times(2)
@given(changed, st.booleans())
@example([(("environments",), ["a", "a"])], False)
def test_the_check_of_an_arbitrarily_changed_document_ends_without_an_exception(
    changes: list[tuple[tuple[Any, ...], Any]], in_project: bool
) -> None:
    document, findings = with_changes(changes), Findings()
    files = Files(document="application.yaml", contents={"manifests/a.yaml": "kind: [", "j.yaml": "a: 1"})
    project = Project.model_validate_json(json.dumps({**PROJECT, "foreign_images": []})) if in_project else None
    claims = list(judged_application(document, files, project, findings))
    assert len(claims) == 1 or findings.not_checked
    assert all("unknown-" not in str(problem) for problem in (*findings.problems, *findings.not_checked))


def test_mistakes_in_one_list_leave_the_gate_of_an_environment_readable() -> None:
    wrong = replaced(APPLICATION, ("notify",), [1, 2, 3, 4, 5])
    reading = parse_document(document_of(wrong), WrittenApplication)
    assert len(reading.problems) == 5
    assert reading.value is not None
    assert reading.value.environments[0].gate.kind == "approval"
    assert set(reading.unknown) == {"notify"}
