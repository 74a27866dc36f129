"""Looks over the API: what only the worker can see, and who may see which kind."""

import json
from typing import Any

import azure.functions as func
import pytest

from slipway.testing.sign_in import bearer, person
from tests.unit.api.in_process import Served, serve
from tests.unit.web.installation import ScriptedInstallation

READER = person(9, "Dora", "reader")


@pytest.fixture
def home() -> ScriptedInstallation:
    return ScriptedInstallation()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, home: ScriptedInstallation) -> Served:
    served = serve(monkeypatch, home)
    home.hear_at_once()
    return served


def order_look(app: Served, home: ScriptedInstallation, kind: str, subject: str) -> func.HttpResponse:
    headers = bearer(home.app, READER) | {"Content-Type": "application/json"}
    body = json.dumps({"kind": kind, "subject": subject}).encode()
    return app.request("POST", "/api/v1/looks", headers=headers, body=body)


def test_a_reader_sees_where_an_applications_environments_are(app: Served, home: ScriptedInstallation) -> None:
    id = json.loads(order_look(app, home, "targets", "hello").get_body())["id"]
    response = app.get(f"/api/v1/looks/{id}", **bearer(home.app, READER))
    look_answer: dict[str, Any] = json.loads(response.get_body())["look"]["answer"]
    assert look_answer["application"] == "hello"
    environments = {environment.name: environment for environment in home.policy.environments}
    assert {name: (place["cluster"], place["namespace"]) for name, place in look_answer["environments"].items()} == {
        name: (place.cluster, place.namespace) for name, place in environments.items()
    }
    assert look_answer["environments"]["production"]["registry"] == "prod.test"


def test_a_question_about_an_unknown_application_is_answered_at_once_and_parks_nothing(
    app: Served, home: ScriptedInstallation
) -> None:
    assert order_look(app, home, "targets", "shop").status_code == 404
    assert list(home.app.parking.all()) == []


def test_a_reader_neither_orders_nor_reads_a_look_of_the_doctor(app: Served, home: ScriptedInstallation) -> None:
    assert order_look(app, home, "doctor", "list").status_code == 403
    by_key = {"Content-Type": "application/json"}
    body = json.dumps({"kind": "doctor", "subject": "list"}).encode()
    id = json.loads(app.request("POST", "/api/v1/looks", headers=by_key, body=body).get_body())["id"]
    assert app.get(f"/api/v1/looks/{id}", **bearer(home.app, READER)).status_code == 403
    assert app.get(f"/api/v1/looks/{id}").status_code == 200
