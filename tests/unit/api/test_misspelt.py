"""Misspelt names: each response suggests the name that was probably meant."""

import json
from collections.abc import Iterator

import pytest

from tests.unit.api.in_process import Served, serve
from tests.unit.web.installation import ScriptedInstallation

API = "/api/v1"
QUERIES = (
    "releases?application=helo",
    "releases/helo-1",
    "releases/helo-1/explain",
    "numbers?application=helo",
    "audit?application=helo",
    "environments/production/live?application=helo",
    "catalogue/application/helo",
    "catalogue/application/helo/files",
)
FREEZE = {"verb": "freeze", "application": "helo", "environment": "production", "reason": "x"}
STATEMENTS = (
    ("commands", FREEZE),
    ("commands", {"verb": "create", "application": "helo"}),
    ("commands", {"verb": "cancel", "release": "helo-1", "reason": "x"}),
    ("looks", {"kind": "targets", "subject": "helo"}),
)


@pytest.fixture(scope="module")
def app() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        home = ScriptedInstallation()
        home.bring("1.4.0")
        yield serve(patch, home)


@pytest.mark.parametrize("target", QUERIES)
def test_a_query_with_a_misspelt_name_is_answered_with_the_name_that_was_meant(app: Served, target: str) -> None:
    response = app.get(f"{API}/{target}")
    assert response.status_code == 404
    assert "hello" in json.loads(response.get_body())["detail"]


@pytest.mark.parametrize(("target", "body"), STATEMENTS, ids=[f"{target} {list(body)}" for target, body in STATEMENTS])
def test_a_command_or_look_with_a_misspelt_name_is_answered_with_the_name_that_was_meant(
    app: Served, target: str, body: dict[str, str]
) -> None:
    headers = {"Content-Type": "application/json"}
    response = app.request("POST", f"{API}/{target}", headers=headers, body=json.dumps(body).encode())
    assert response.status_code == 404, response.get_body()
    assert "hello" in json.loads(response.get_body())["detail"]


def test_a_number_that_no_release_has_is_answered_with_the_newest(app: Served) -> None:
    detail = json.loads(app.get(f"{API}/releases/hello-99").get_body())["detail"]
    assert detail == "there is no release hello-99; the newest is hello-1"


def test_a_name_that_resembles_no_known_name_gets_no_suggestion(app: Served) -> None:
    detail = json.loads(app.get(f"{API}/releases/zzz-1").get_body())["detail"]
    assert detail == "there is no application 'zzz'"
