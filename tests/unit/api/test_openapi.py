"""The OpenAPI document says what the app does: each endpoint is in it, and schemathesis finds no difference."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from functions import contract
from functions.contract import BASE as API
from functions.contract import OPERATIONS
from scripts.reference.api import DECLARING
from slipway.domain.roles import Permission
from tests.unit.api.in_process import Served, serve
from tests.unit.web.installation import ScriptedInstallation

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


@pytest.fixture(scope="module")
def installation() -> ScriptedInstallation:
    home = ScriptedInstallation()
    home.bring("1.4.0")
    home.wait(timedelta(minutes=3))
    home.bring("1.5.0")
    return home


@pytest.fixture(scope="module")
def app(installation: ScriptedInstallation) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        yield serve(patch, installation)


@pytest.fixture(scope="module")
def described(app: Served) -> Any:
    """The document as schemathesis reads it."""
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


_JUDGE_THEMSELVES = (
    "api_vote",
    "api_command",
    "api_look",
    "api_apply",
    "api_compare",
    "api_remove",
    "api_vote_on_change",
)
"""Operations whose handlers judge who may do what."""


def test_every_endpoint_of_the_api_is_in_the_document(app: Served) -> None:
    served = {
        (str(getattr(method, "value", method)), route.template.strip("/"))
        for route, methods, _ in app.routes
        for method in methods
        if route.template.strip("/").startswith(API.strip("/")) and not route.template.endswith("openapi.json")
    }
    declared = {(operation.method, (API + operation.path).strip("/")) for operation in OPERATIONS.values()}
    assert served == declared


def test_the_document_is_openapi_3_1_and_its_schemas_are_json_schema(app: Served) -> None:
    document = json.loads(app.get("/api/v1/openapi.json").get_body())
    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


def test_every_operation_says_which_permission_it_needs() -> None:
    for operation in OPERATIONS.values():
        assert operation.summary
        assert operation.permission in Permission or operation.name in _JUDGE_THEMSELVES


def test_only_a_vote_is_let_in_by_the_host_without_a_key() -> None:
    assert [name for name, operation in OPERATIONS.items() if operation.anonymous] == ["api_vote"]


def test_every_module_that_declares_endpoints_is_in_the_reference() -> None:
    declaring = {
        path.stem
        for path in Path(contract.__file__).parent.glob("*.py")
        if path.stem != "contract" and "@Endpoint(" in path.read_text(encoding="utf-8")
    }
    assert declaring == {module.__name__.rpartition(".")[2] for module in DECLARING}


@pytest.mark.parametrize("examples", [3, pytest.param(30, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_schemathesis_finds_the_app_as_the_document_says(described: Any, name: str, examples: int) -> None:
    operation = OPERATIONS[name]
    described_operation = described[API + operation.path][operation.method]

    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
        wrong = mode is schemathesis.GenerationMode.NEGATIVE
        if wrong and not (operation.queried or operation.body):
            continue
        checks = [*CHECKS, *([negative_data_rejection] if wrong else [])]
        examine(described_operation.as_strategy(generation_mode=mode), checks, examples)


def examine(cases: st.SearchStrategy[schemathesis.Case[Any]], checks: list[Any], examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def check(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=checks)

    check()
