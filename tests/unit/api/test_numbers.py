"""The numbers over the API: who may ask, what is returned, and how a wrong request is refused."""

import hashlib
import json
from typing import Any

import azure.functions as func
import pytest

from functions import guard
from functions import numbers as api
from slipway.testing import BASE
from tests.unit.api.in_process import use
from tests.unit.web.fleet import Fleet
from tests.unit.web.history import numbers

READER = "a reader's key"


@pytest.fixture(autouse=True)
def app(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"readers": {"sha256": hashlib.sha256(READER.encode()).hexdigest()}}
    fleet = Fleet(applications=1)
    numbers(fleet)
    fleet.restart(api_access="roles", api_keys=keys, public_url=f"{BASE}/")
    use(monkeypatch, fleet, api, guard)


def call(handler: Any, key: str, method: str = "GET", *, application: str = "shop", **params: str) -> tuple[int, Any]:
    request = func.HttpRequest(
        method,
        BASE,
        headers={"x-functions-key": key} if key else {},
        params=params,
        route_params={"application": application},
        body=b"",
    )
    response = handler(request)
    return response.status_code, json.loads(response.get_body())


def test_a_reader_asks_by_application_environment_and_weeks() -> None:
    status, content = call(api.get_numbers, READER, environment="production", weeks="4")
    assert status == 200
    assert content["weeks"] == ["2026-W45", "2026-W46", "2026-W47", "2026-W48"]
    (production,) = content["environments"]
    assert (production["application"], production["environment"]) == ("shop", "production")
    assert production["total"]["deployments"] == sum(week["figures"]["deployments"] for week in production["weeks"]) > 0
    assert production["weeks"][-1]["begins"] == "2026-11-23T00:00:00Z"


def test_a_wrong_parameter_is_a_problem_that_names_it() -> None:
    for name, value in (("weeks", "many"), ("until", "yesterday"), ("page", "2")):
        status, problem = call(api.get_numbers, READER, **{name: value})
        assert (status, problem["parameter"]) == (400, name)


def test_an_unknown_caller_gets_a_401() -> None:
    assert call(api.get_numbers, "")[0] == 401
