"""The HTTP functions around the pages: routes, methods, who may come in, and that they pass everything on."""

import gzip
from collections.abc import Callable
from urllib.parse import urlencode

import azure.functions as func
import pytest

from functions import approvals, pages
from slipway.domain.release import Phase, Release
from slipway.http.requests import FORM_TYPE
from slipway.testing import ADA, BASE
from slipway.web.signin import SignIn
from tests.registered import registered
from tests.unit.api.in_process import use
from tests.unit.web.installation import Told
from tests.unit.web.samples import asked

SIGNED_IN = {"X-MS-CLIENT-PRINCIPAL-NAME": "dora@example.com"}
READING: tuple[tuple[Callable[..., func.HttpResponse], dict[str, str]], ...] = (
    (pages.page_board, {}),
    (pages.page_audit, {}),
    (pages.page_audit_csv, {}),
    (pages.page_release_changes, {"release": "hello-1"}),
    (pages.page_numbers, {}),
    (pages.page_parked, {}),
    (pages.page_release, {"release": "hello-1"}),
    (pages.page_evidence, {"digest": "sha256:" + "0" * 64}),
)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> tuple[Told, Release]:
    """The blueprints, given the parts of an installation in memory."""
    home, subject = asked()
    _use(monkeypatch, home)
    return home, subject


def _use(monkeypatch: pytest.MonkeyPatch, home: Told, sign_in: SignIn = "easy-auth") -> None:
    laptop = sign_in == "none"
    home.restart(sign_in=sign_in, public_url="http://127.0.0.1:7071/" if laptop else f"{BASE}/")
    use(monkeypatch, home, pages, approvals)


def request(
    method: str = "GET",
    route: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    body: bytes = b"",
) -> func.HttpRequest:
    return func.HttpRequest(
        method, BASE, headers=headers or {}, params=params or {}, route_params=route or {}, body=body
    )


def test_strangers_are_asked_to_sign_in_before_anything_is_read(world: tuple[Told, Release]) -> None:
    for function, route in READING:
        answer = function(request(route=route))
        assert answer.status_code == 401
        assert answer.headers["Content-Security-Policy"]
        assert b"hello-2" not in answer.get_body()


def test_people_who_are_signed_in_read(world: tuple[Told, Release]) -> None:
    statuses = [function(request(route=route, headers=SIGNED_IN)).status_code for function, route in READING]
    assert statuses == [200, 200, 200, 200, 200, 200, 200, 404]


def test_a_page_that_has_not_changed_is_not_sent_again(world: tuple[Told, Release]) -> None:
    first = pages.page_board(request(headers=SIGNED_IN))
    again = pages.page_board(request(headers=SIGNED_IN | {"If-None-Match": first.headers["ETag"]}))
    assert (again.status_code, again.get_body()) == (304, b"")
    strangers = pages.page_board(request(headers={"If-None-Match": first.headers["ETag"]}))
    assert strangers.status_code == 401


def test_pages_come_compressed_to_browsers_that_say_so(world: tuple[Told, Release]) -> None:
    answer = pages.page_board(request(headers=SIGNED_IN | {"Accept-Encoding": "gzip, deflate, br"}))
    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"hello-2" in gzip.decompress(answer.get_body())


def test_an_application_that_is_not_delivered_has_no_board(world: tuple[Told, Release]) -> None:
    answer = pages.page_board(request(headers=SIGNED_IN, params={"application": "<script>"}))
    assert answer.status_code == 404
    assert b"<script>" not in answer.get_body()


def test_on_a_laptop_the_pages_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    home, _ = asked()
    _use(monkeypatch, home, sign_in="none")
    answer = pages.page_board(request())
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert answer.charset == "utf-8"


def test_a_release_that_does_not_exist_is_not_found(world: tuple[Told, Release]) -> None:
    for id in ("hello-99", "other-1", "<script>", "hello-" + "9" * 40):
        answer = pages.page_release(request(route={"release": id}, headers=SIGNED_IN))
        assert answer.status_code == 404
        assert b"<script" not in answer.get_body()


@pytest.mark.parametrize("after", ["x", "-1", "1" * 30, "²"])
def test_a_wrong_place_in_the_story_is_named(world: tuple[Told, Release], after: str) -> None:
    answer = pages.page_release(request(route={"release": "hello-1"}, headers=SIGNED_IN, params={"after": after}))
    assert answer.status_code == 400
    assert b"after" in answer.get_body()


def test_the_stylesheet_is_open_because_approval_pages_need_it(world: tuple[Told, Release]) -> None:
    answer = pages.page_stylesheet(request(params={"v": "x"}))
    assert answer.status_code == 200
    assert answer.mimetype == "text/css"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_where_nobody_signs_in_an_approval_link_is_enough_and_looking_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    home, subject = asked()
    _use(monkeypatch, home, sign_in="none")
    before = home.app.ledger.head("hello")
    route = {"token": home.token(subject)}
    assert approvals.page_approval(request(method, route)).status_code == 200
    assert approvals.page_approval_changes(request(method, route)).status_code == 200
    assert home.app.ledger.head("hello") == before


def test_a_decision_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    home, subject = asked()
    _use(monkeypatch, home, sign_in="none")
    route = {"token": home.token(subject, ADA)}
    page = approvals.page_approval(request(route=route)).get_body().decode()
    nonce = page.split('name="nonce" value="')[1].split('"')[0]
    body = urlencode({"decision": "approve", "nonce": nonce}).encode()
    headers = {"Content-Type": FORM_TYPE, "Sec-Fetch-Site": "same-origin", "Origin": "null"}
    answer = approvals.take_decision(request("POST", route, headers, body=body))
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/approvals/{route['token']}"
    assert home.newest().phase is Phase.PROMOTING


def test_routes_and_methods_are_what_links_and_forms_use() -> None:
    functions = registered(pages, approvals)
    assert all(str(function.trigger["authLevel"]).lower().endswith("anonymous") for function in functions)
    assert {(",".join(sorted(function.methods)), function.trigger["route"]) for function in functions} == {
        ("GET,HEAD", "/"),
        ("GET,HEAD", "audit"),
        ("GET,HEAD", "audit.jsonl"),
        ("GET,HEAD", "audit.csv"),
        ("GET,HEAD", "releases/{release}/changes"),
        ("GET,HEAD", "numbers"),
        ("GET,HEAD", "parked"),
        ("GET,HEAD", "releases/{release}"),
        ("GET,HEAD", "evidence/{digest}"),
        ("GET,HEAD", "assets/slipway.css"),
        ("GET,HEAD", "said/{application}/{id}"),
        ("GET,HEAD", "approvals/{token}"),
        ("GET,HEAD", "approvals/{token}/changes"),
        ("POST", "approvals/{token}"),
        ("GET,HEAD", "approvals/{application}/{number}/{environment}"),
        ("GET,HEAD", "approvals/{application}/{number}/{environment}/changes"),
        ("POST", "approvals/{application}/{number}/{environment}"),
    }
