"""Reading changes nothing, whatever the method and the parameters, and reveals nothing that was not asked for."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import azure.functions as func
import pytest

from slipway.testing import ADA, BASE
from slipway.testing.sign_in import bearer, signed_in
from tests.security.test_headers import DOORS, MODULES, ROUTE
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.samples import awaiting_approval
from tests.unit.web.visitors import token_person

type Handler = Callable[[func.HttpRequest], func.HttpResponse]

WINDOWS = [door for door in DOORS if door.values[0] in ("GET", "HEAD")]
BY_NAME: dict[str, Handler] = {str(door.id): door.values[1] for door in DOORS}  # type: ignore[misc]
SNEAKY = [
    "hello' or '1' eq '1",
    "hello'; RowKey ge '",
    "%27%20or%20true",
    "../../_installation",
    "..%2f..%2f_installation",
    "hello\x00",
    "a" * 20_000,
    "_installation",
]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> ScriptedInstallation:
    home, _ = awaiting_approval()
    for module in MODULES:
        if hasattr(module, "parts"):
            monkeypatch.setattr(module, "parts", lambda: home.app)
    return home


def state(home: ScriptedInstallation) -> Any:
    return (
        {partition: dict(rows) for partition, rows in home.table._rows.items()},
        list(home.bus.sent),
        list(home.bus.raw),
    )


def headers_of_known(home: ScriptedInstallation) -> dict[str, str]:
    return signed_in(home.app, token_person(ADA, "platform", "operator")).headers


@pytest.mark.parametrize(("method", "handler"), WINDOWS)
def test_reading_any_page_or_endpoint_changes_nothing_whoever_reads(
    home: ScriptedInstallation, method: str, handler: Handler
) -> None:
    override_headers = {"X-HTTP-Method-Override": "POST", "X-Method-Override": "DELETE"}
    route = {**ROUTE, "application": "hello", "number": "1", "environment": "production", "release": "hello-1"}
    route |= {"change": "0" * 64, "kind": "application", "name": "hello", "sequence": "1"}
    before = state(home)
    for headers in (headers_of_known(home), bearer(home.app, token_person(ADA, "platform", "operator"))):
        handler(
            func.HttpRequest(
                method, BASE, headers={**headers, **override_headers}, params={}, route_params=route, body=b""
            )
        )
    assert state(home) == before


@pytest.mark.parametrize("text", SNEAKY)
@pytest.mark.parametrize("name", ["application", "release", "environment", "actor", "cursor", "digest"])
def test_hostile_text_in_a_query_of_the_trail_finds_no_record(home: ScriptedInstallation, name: str, text: str) -> None:
    headers = bearer(home.app, token_person(ADA, "platform"))
    request = func.HttpRequest("GET", BASE, headers=headers, params={name: text}, route_params={}, body=b"")
    response = BY_NAME["api_audit_query-GET"](request)
    assert response.status_code in (200, 400, 404)
    if response.status_code == 200:
        assert json.loads(response.get_body())["records"] == []


@pytest.mark.parametrize("text", SNEAKY)
@pytest.mark.parametrize(("door", "part"), [("api_release-GET", "release"), ("api_evidence-GET", "digest")])
def test_a_hostile_path_segment_is_refused_or_not_found(
    home: ScriptedInstallation, door: str, part: str, text: str
) -> None:
    headers = bearer(home.app, token_person(ADA, "platform"))
    response = BY_NAME[door](
        func.HttpRequest("GET", BASE, headers=headers, params={}, route_params={part: text}, body=b"")
    )
    assert response.status_code in (400, 404)
    assert b"Traceback" not in response.get_body()


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}],
)
def test_redirects_keep_our_own_address_whatever_host_the_request_names(
    home: ScriptedInstallation, headers: dict[str, str]
) -> None:
    request = func.HttpRequest("GET", BASE, headers=headers, params={}, route_params={}, body=b"")
    response = BY_NAME["page_board-GET"](request)
    redirect_uris = parse_qs(urlsplit(response.headers["Location"]).query)["redirect_uri"]
    assert [address.startswith(BASE) for address in redirect_uris] == [True]
    assert "evil.example" not in response.headers["Location"] + str(response.get_body())
