"""The HTTP functions around the pages: routes, methods, who may come in, and that they pass everything on."""

import gzip
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn
from urllib.parse import urlencode

import azure.functions as func
import pytest

from functions import approvals, changes, operate, pages, signing_in
from slipway.domain.identity import TokenPerson
from slipway.domain.release import Phase, Release
from slipway.http.requests import FORM_TYPE
from slipway.ledger import LedgerUnavailable
from slipway.ledger.keys import INSTALLATION
from slipway.ledger.table import Write
from slipway.testing import ADA, BASE
from slipway.testing.identity import TENANT
from slipway.testing.sign_in import Browser, person, signed_in
from slipway.testing.storage import MemoryTable
from tests.registered import registered
from tests.unit.api.in_process import use
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.samples import awaiting_approval

SAME_SITE = {"Content-Type": FORM_TYPE, "Sec-Fetch-Site": "same-origin", "Origin": "null"}
READING: tuple[tuple[Callable[..., func.HttpResponse], dict[str, str]], ...] = (
    (pages.page_board, {}),
    (pages.page_audit, {}),
    (pages.page_audit_csv, {}),
    (pages.page_release_changes, {"release": "hello-1"}),
    (pages.page_numbers, {}),
    (pages.page_parked, {}),
    (pages.page_catalogue, {}),
    (pages.page_versions, {"kind": "application", "name": "hello"}),
    (pages.page_release, {"release": "hello-1"}),
    (pages.page_evidence, {"digest": "sha256:" + "0" * 64}),
)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> tuple[ScriptedInstallation, Release]:
    """The blueprints, given the parts of an installation in memory."""
    home, subject = awaiting_approval()
    _use(monkeypatch, home)
    return home, subject


def _use(monkeypatch: pytest.MonkeyPatch, home: ScriptedInstallation) -> None:
    home.restart(public_url=f"{BASE}/")
    use(monkeypatch, home, pages, approvals, changes, operate, signing_in)


def reader(home: ScriptedInstallation, *roles: str) -> dict[str, str]:
    """The headers of a browser in which somebody has signed in."""
    return signed_in(home.app, person(9, "Dora", *roles)).headers


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


def test_strangers_are_asked_to_sign_in_before_anything_is_read(world: tuple[ScriptedInstallation, Release]) -> None:
    for function, route in READING:
        response = function(request(route=route, headers={"Sec-Fetch-Mode": "no-cors"}))
        assert response.status_code == 401
        assert response.headers["Content-Security-Policy"]
        assert b"hello-2" not in response.get_body()


def test_people_who_are_signed_in_read(world: tuple[ScriptedInstallation, Release]) -> None:
    headers = reader(world[0])
    statuses = [function(request(route=route, headers=headers)).status_code for function, route in READING]
    assert statuses == [200, 200, 200, 200, 200, 200, 200, 404, 200, 404]


def test_a_page_that_has_not_changed_is_not_sent_again(world: tuple[ScriptedInstallation, Release]) -> None:
    headers = reader(world[0])
    first = pages.page_board(request(headers=headers))
    again = pages.page_board(request(headers=headers | {"If-None-Match": first.headers["ETag"]}))
    assert (again.status_code, again.get_body()) == (304, b"")
    strangers = pages.page_board(request(headers={"If-None-Match": first.headers["ETag"]}))
    assert strangers.status_code == 303


def test_pages_come_compressed_to_browsers_that_say_so(world: tuple[ScriptedInstallation, Release]) -> None:
    headers = reader(world[0])
    response = pages.page_board(request(headers=headers | {"Accept-Encoding": "gzip, deflate, br"}))
    assert response.headers["Content-Encoding"] == "gzip"
    assert b"hello-2" in gzip.decompress(response.get_body())


def test_a_bug_behind_a_page_gives_an_error_page_and_its_traceback_is_logged(
    world: tuple[ScriptedInstallation, Release], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    headers = reader(world[0])
    monkeypatch.setattr(pages, "show_board", lambda *_, **__: dict[str, object]()["bug"])
    response = pages.page_board(request(headers=headers))
    assert response.status_code == 500
    assert response.headers["Content-Security-Policy"]
    assert b"bug" not in response.get_body()
    (logged,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert logged.exc_info is not None
    assert logged.exc_info[0] is KeyError


def test_an_application_that_is_not_delivered_has_no_board(world: tuple[ScriptedInstallation, Release]) -> None:
    headers = reader(world[0])
    response = pages.page_board(request(headers=headers, params={"application": "<script>"}))
    assert response.status_code == 404
    assert b"<script>" not in response.get_body()


def test_a_page_that_a_stranger_opens_leads_to_the_provider(world: tuple[ScriptedInstallation, Release]) -> None:
    for function, route in READING:
        response = function(request(route=route, headers={"Sec-Fetch-Mode": "navigate"}))
        assert response.status_code == 303
        assert response.headers["Location"].startswith(f"{world[0].provider.issuer.url}/authorize?")
        assert response.headers["Set-Cookie"].startswith("__Host-signin=")


def test_a_person_who_signs_in_comes_back_to_the_page_that_they_opened(
    world: tuple[ScriptedInstallation, Release],
) -> None:
    home, browser = world[0], Browser()
    redirect = pages.page_release(request(route={"release": "hello-1"}, params={"after": "3"}))
    browser.take(*redirect.headers.getlist("Set-Cookie"))
    callback = home.provider.answer(redirect.headers["Location"], person(9, "Dora"))
    response = signing_in.page_signed_in(request(params=callback, headers=browser.headers))
    assert (response.status_code, response.headers["Location"]) == (303, "/releases/hello-1?after=3")
    browser.take(*response.headers.getlist("Set-Cookie"))
    assert pages.page_board(request(headers=browser.headers)).status_code == 200


def test_roles_are_asked_for_again_after_an_hour_without_a_page(world: tuple[ScriptedInstallation, Release]) -> None:
    home = world[0]
    browser = signed_in(home.app, person(9, "Dora"))
    home.wait(timedelta(minutes=55))
    browser.take(*pages.page_board(request(headers=browser.headers)).headers.getlist("Set-Cookie"))
    home.wait(timedelta(minutes=5))
    response = pages.page_board(request(headers=browser.headers))
    assert response.status_code == 303
    assert "prompt=none" in response.headers["Location"]


def test_a_person_without_a_role_reads_nothing(world: tuple[ScriptedInstallation, Release]) -> None:
    nobody = TokenPerson(tenant=TENANT, oid="aaaaaaaa-0000-4000-8000-000000000007", name="Eve", roles=(), groups=())
    headers = signed_in(world[0].app, nobody).headers
    for function, route in READING:
        response = function(request(route=route, headers=headers))
        assert response.status_code == 403
        assert b"hello-2" not in response.get_body()
    world[0].hear()
    denied = [record for record in world[0].trail(INSTALLATION) if record.action == "access.denied"]
    assert [(record.details["caller"], record.details["permission"]) for record in denied] == [
        (f"oid:{nobody.oid}", "read")
    ]
    assert signing_in.page_sign_out(request(headers=headers)).status_code == 200


def test_a_form_of_a_session_that_is_over_changes_nothing_and_leads_back(
    world: tuple[ScriptedInstallation, Release],
) -> None:
    response = operate.take_command(
        request("POST", headers=SAME_SITE, params={"release": "hello-2"}, body=b"verb=cancel")
    )
    assert response.status_code == 401
    assert b"/sign-in?to=%2Foperate%3Frelease%3Dhello-2" in response.get_body()


def test_signing_out_ends_the_session_in_this_browser(world: tuple[ScriptedInstallation, Release]) -> None:
    browser = signed_in(world[0].app, person(9, "Dora"))
    page = signing_in.page_sign_out(request(headers=browser.headers)).get_body().decode()
    form_token = page.split('name="form_token" value="')[1].split('"')[0]
    for wrong in (
        {"form_token": "x", "where": "here"},
        {"form_token": form_token},
        {"form_token": form_token, "where": "there"},
    ):
        body = urlencode(wrong).encode()
        refused = signing_in.take_sign_out(request("POST", headers=browser.headers | SAME_SITE, body=body))
        assert refused.status_code == 400
    response = sign_out(browser, "here")
    assert (response.status_code, response.headers["Location"]) == (303, "/signed-out")
    browser.take(*response.headers.getlist("Set-Cookie"))
    assert pages.page_board(request(headers=browser.headers)).status_code == 303
    assert signing_in.page_signed_out(request()).status_code == 200


class AwayTable(MemoryTable):
    """A table that takes nothing."""

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        raise LedgerUnavailable("the table is switched off")


def sign_out(browser: Browser, where: str) -> func.HttpResponse:
    page = signing_in.page_sign_out(request(headers=browser.headers)).get_body().decode()
    form_token = page.split('name="form_token" value="')[1].split('"')[0]
    body = urlencode({"form_token": form_token, "where": where}).encode()
    response: func.HttpResponse = signing_in.take_sign_out(
        request("POST", headers=browser.headers | SAME_SITE, body=body)
    )
    return response


def test_a_copy_of_a_cookie_ends_with_the_session_that_it_was_taken_from(
    world: tuple[ScriptedInstallation, Release],
) -> None:
    home = world[0]
    first, second = signed_in(home.app, person(9, "Dora")), signed_in(home.app, person(9, "Dora"))
    stolen = dict(first.headers)
    assert sign_out(first, "here").status_code == 303
    home.hear()
    home.restart()  # what a front has read of it is good for a minute
    assert pages.page_board(request(headers=stolen)).status_code == 303
    assert operate.take_command(request("POST", headers=stolen | SAME_SITE, body=b"verb=freeze")).status_code == 401
    assert pages.page_board(request(headers=second.headers)).status_code == 200


def test_signing_out_everywhere_ends_the_sessions_of_all_browsers_of_this_person(
    world: tuple[ScriptedInstallation, Release],
) -> None:
    home = world[0]
    first, second, ben = (signed_in(home.app, person(number, "x")) for number in (9, 9, 2))
    home.wait(timedelta(seconds=2))
    assert sign_out(first, "everywhere").status_code == 303
    home.hear()
    home.restart()
    assert pages.page_board(request(headers=second.headers)).status_code == 303
    assert pages.page_board(request(headers=ben.headers)).status_code == 200
    home.wait(timedelta(seconds=2))
    again = signed_in(home.app, person(9, "Dora"))
    assert pages.page_board(request(headers=again.headers)).status_code == 200


def test_a_page_that_cannot_be_served_now_leads_to_itself_and_a_form_to_its_page(
    world: tuple[ScriptedInstallation, Release],
) -> None:
    def away(_: object) -> NoReturn:
        raise LedgerUnavailable("the table is switched off")

    browser = signed_in(world[0].app, person(9, "Dora"))
    page = pages.reading(request(headers=browser.headers), "/releases/hello-2", away)
    form = pages.posted(request("POST", headers=browser.headers), "/operate", away)
    assert (page.status_code, form.status_code) == (503, 503)
    assert b'href="/releases/hello-2">Try again</a>' in page.get_body()
    assert b'href="/operate">Back to the page</a>' in form.get_body()


def test_while_the_inbox_is_away_only_this_browser_is_signed_out_and_the_page_says_so(
    world: tuple[ScriptedInstallation, Release],
) -> None:
    home = world[0]
    browser = signed_in(home.app, person(9, "Dora"))
    home.restart(wrap=lambda ports: replace(ports, inbox_table=AwayTable))
    response = sign_out(browser, "here")
    assert response.status_code == 503
    assert b"in this browser only" in response.get_body()
    browser.take(*response.headers.getlist("Set-Cookie"))
    assert pages.page_board(request(headers=browser.headers)).status_code == 303


def test_a_release_that_does_not_exist_is_not_found(world: tuple[ScriptedInstallation, Release]) -> None:
    headers = reader(world[0])
    for id in ("hello-99", "other-1", "<script>", "hello-" + "9" * 40):
        response = pages.page_release(request(route={"release": id}, headers=headers))
        assert response.status_code == 404
        assert b"<script" not in response.get_body()


@pytest.mark.parametrize("after", ["x", "-1", "1" * 30, "²"])
def test_a_wrong_place_in_the_story_is_named(world: tuple[ScriptedInstallation, Release], after: str) -> None:
    headers = reader(world[0])
    response = pages.page_release(request(route={"release": "hello-1"}, headers=headers, params={"after": after}))
    assert response.status_code == 400
    assert b"after" in response.get_body()


def test_the_stylesheet_is_open_because_approval_pages_need_it(world: tuple[ScriptedInstallation, Release]) -> None:
    response = pages.page_stylesheet(request(params={"v": "x"}))
    assert response.status_code == 200
    assert response.mimetype == "text/css"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_where_links_vote_a_link_opens_the_page_and_looking_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    home, subject = awaiting_approval()
    _use(monkeypatch, home)
    before = home.app.ledger.head("hello")
    route = {"token": home.token(subject)}
    assert approvals.page_approval(request(method, route)).status_code == 200
    assert approvals.page_approval_changes(request(method, route)).status_code == 200
    assert home.app.ledger.head("hello") == before


def test_an_approval_by_a_link_is_received_and_then_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    home, subject = awaiting_approval()
    _use(monkeypatch, home)
    route = {"token": home.token(subject, ADA)}
    page = approvals.page_approval(request(route=route)).get_body().decode()
    nonce = page.split('name="form_token" value="')[1].split('"')[0]
    body = urlencode({"decision": "approve", "form_token": nonce}).encode()
    response = approvals.take_decision(request("POST", route, SAME_SITE, body=body))
    assert response.status_code == 303
    address, _, inbox_id = response.headers["Location"].partition("?said=")
    assert address == f"/approvals/{route['token']}"
    home.hear()
    approval_page = approvals.page_approval(request(route=route, params={"said": inbox_id}))
    assert (approval_page.status_code, approval_page.headers["Location"]) == (303, address)
    assert home.newest().phase is Phase.COPYING


def test_a_form_that_was_sent_in_chunks_is_refused_with_the_reason_and_changes_nothing(
    world: tuple[ScriptedInstallation, Release],
) -> None:
    """The host passes on a body only if its length was announced: the function sees none."""
    home, subject = world
    headers = reader(home, "operator") | SAME_SITE | {"Transfer-Encoding": "chunked"}
    place = {"application": "hello", "number": str(subject.number), "environment": str(subject.environment)}
    before = home.app.ledger.head("hello")
    for function, route, params in (
        (operate.take_command, {}, {"release": subject.id}),
        (operate.take_confirmation, {"handle": f"20261123-{'a' * 43}"}, {}),
        (approvals.take_decision_of_signed_in, place, {"plan": str(subject.plan_hash)}),
        (signing_in.take_sign_out, {}, {}),
    ):
        response = function(request("POST", route, headers, params))
        assert response.status_code == 400
        assert b"chunked bodies are not supported" in response.get_body()
    assert home.app.ledger.head("hello") == before
    assert home.bus.raw == []


@pytest.mark.parametrize("strange", ["ä", "日本", "a\r\nX-Own: 1", 'a"b'])
def test_no_header_of_an_answer_repeats_what_a_header_cannot_hold(
    world: tuple[ScriptedInstallation, Release], strange: str
) -> None:
    """Kestrel turns such an answer into a 500 without a body, and the host's double does the same."""
    home, subject = world
    addresses = ({"release": strange}, {"release": subject.id, "application": strange, "to": f"/releases/{strange}"})
    for headers in (reader(home), {"Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Mode": "no-cors"}):
        for function in registered(pages, approvals, changes, operate, signing_in):
            parameters = re.findall(r"{(\w+)", function.trigger["route"])
            if "GET" not in function.methods:
                continue
            for params in addresses:
                response = function.handler(request("GET", dict.fromkeys(parameters, strange), headers, params))
                header_texts = [*response.headers.keys(), *response.headers.values(), response.mimetype]
                assert all(text.isascii() and text.isprintable() for text in header_texts), (
                    function.name,
                    header_texts,
                )


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
        ("GET,HEAD", "{address:regex(^(?!admin|runtime))}/{*rest}"),
        ("GET,HEAD", "catalogue"),
        ("GET,HEAD", "catalogue/{kind}/{name}"),
        ("GET,HEAD", "releases/{release}"),
        ("GET,HEAD", "evidence/{digest}"),
        ("GET,HEAD", "said/{application}/{id}"),
        ("GET,HEAD", "assets/slipway.css"),
        ("GET,HEAD", "said/{application}/{id}"),
        ("GET,HEAD", "approvals/{token}"),
        ("GET,HEAD", "approvals/{token}/changes"),
        ("POST", "approvals/{token}"),
        ("GET,HEAD", "approvals/{application}/{number}/{environment}"),
        ("GET,HEAD", "approvals/{application}/{number}/{environment}/changes"),
        ("POST", "approvals/{application}/{number}/{environment}"),
    }


@pytest.mark.parametrize(
    ("address", "suggestion"), [("applications", "/catalogue"), ("Releases", "/"), ("nosuch", "/")]
)
def test_an_address_without_a_page_suggests_another_page(
    world: tuple[ScriptedInstallation, Release], address: str, suggestion: str
) -> None:
    response = pages.unknown_page(request("GET", {"address": address}, {}, {}))
    assert response.status_code == 404
    assert f'href="{suggestion}"' in response.get_body().decode()


def test_an_address_below_the_api_that_nobody_serves_is_a_problem_in_json(
    world: tuple[ScriptedInstallation, Release],
) -> None:
    response = pages.unknown_page(request("GET", {"address": "api", "rest": "v1/relaeses"}, {}, {}))
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert "/api/v1/openapi.json" in response.get_body().decode()


def test_the_page_of_unknown_addresses_is_asked_after_all_others() -> None:
    """The host takes the first route that fits, in the order of the functions' names in capitals."""
    names = [function.name.upper() for function in registered(pages, approvals, changes, operate, signing_in)]
    assert max(names) == "UNKNOWN_PAGE"
