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
from tests.unit.web.installation import Told
from tests.unit.web.samples import asked

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
def world(monkeypatch: pytest.MonkeyPatch) -> tuple[Told, Release]:
    """The blueprints, given the parts of an installation in memory."""
    home, subject = asked()
    _use(monkeypatch, home)
    return home, subject


def _use(monkeypatch: pytest.MonkeyPatch, home: Told) -> None:
    home.restart(public_url=f"{BASE}/")
    use(monkeypatch, home, pages, approvals, changes, operate, signing_in)


def reader(home: Told, *roles: str) -> dict[str, str]:
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


def test_strangers_are_asked_to_sign_in_before_anything_is_read(world: tuple[Told, Release]) -> None:
    for function, route in READING:
        answer = function(request(route=route, headers={"Sec-Fetch-Mode": "no-cors"}))
        assert answer.status_code == 401
        assert answer.headers["Content-Security-Policy"]
        assert b"hello-2" not in answer.get_body()


def test_people_who_are_signed_in_read(world: tuple[Told, Release]) -> None:
    signed = reader(world[0])
    statuses = [function(request(route=route, headers=signed)).status_code for function, route in READING]
    assert statuses == [200, 200, 200, 200, 200, 200, 200, 404, 200, 404]


def test_a_page_that_has_not_changed_is_not_sent_again(world: tuple[Told, Release]) -> None:
    signed = reader(world[0])
    first = pages.page_board(request(headers=signed))
    again = pages.page_board(request(headers=signed | {"If-None-Match": first.headers["ETag"]}))
    assert (again.status_code, again.get_body()) == (304, b"")
    strangers = pages.page_board(request(headers={"If-None-Match": first.headers["ETag"]}))
    assert strangers.status_code == 303


def test_pages_come_compressed_to_browsers_that_say_so(world: tuple[Told, Release]) -> None:
    signed = reader(world[0])
    answer = pages.page_board(request(headers=signed | {"Accept-Encoding": "gzip, deflate, br"}))
    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"hello-2" in gzip.decompress(answer.get_body())


def test_a_bug_behind_a_page_is_a_page_and_its_traceback_is_in_the_log(
    world: tuple[Told, Release], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    signed = reader(world[0])
    monkeypatch.setattr(pages, "show_board", lambda *_, **__: dict[str, object]()["bug"])
    answer = pages.page_board(request(headers=signed))
    assert answer.status_code == 500
    assert answer.headers["Content-Security-Policy"]
    assert b"bug" not in answer.get_body()
    (logged,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert logged.exc_info is not None
    assert logged.exc_info[0] is KeyError


def test_an_application_that_is_not_delivered_has_no_board(world: tuple[Told, Release]) -> None:
    signed = reader(world[0])
    answer = pages.page_board(request(headers=signed, params={"application": "<script>"}))
    assert answer.status_code == 404
    assert b"<script>" not in answer.get_body()


def test_a_page_that_a_stranger_opens_leads_to_the_provider(world: tuple[Told, Release]) -> None:
    for function, route in READING:
        answer = function(request(route=route, headers={"Sec-Fetch-Mode": "navigate"}))
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith(f"{world[0].provider.issuer.url}/authorize?")
        assert answer.headers["Set-Cookie"].startswith("__Host-signin=")


def test_whoever_signs_in_comes_back_to_the_page_that_they_opened(world: tuple[Told, Release]) -> None:
    home, browser = world[0], Browser()
    begun = pages.page_release(request(route={"release": "hello-1"}, params={"after": "3"}))
    browser.take(*begun.headers.getlist("Set-Cookie"))
    answer = home.provider.answer(begun.headers["Location"], person(9, "Dora"))
    back = signing_in.page_signed_in(request(params=answer, headers=browser.headers))
    assert (back.status_code, back.headers["Location"]) == (303, "/releases/hello-1?after=3")
    browser.take(*back.headers.getlist("Set-Cookie"))
    assert pages.page_board(request(headers=browser.headers)).status_code == 200


def test_roles_are_asked_for_again_after_an_hour_without_a_page(world: tuple[Told, Release]) -> None:
    home = world[0]
    browser = signed_in(home.app, person(9, "Dora"))
    home.wait(timedelta(minutes=55))
    browser.take(*pages.page_board(request(headers=browser.headers)).headers.getlist("Set-Cookie"))
    home.wait(timedelta(minutes=5))
    answer = pages.page_board(request(headers=browser.headers))
    assert answer.status_code == 303
    assert "prompt=none" in answer.headers["Location"]


def test_whoever_has_no_role_reads_nothing(world: tuple[Told, Release]) -> None:
    nobody = TokenPerson(tenant=TENANT, oid="aaaaaaaa-0000-4000-8000-000000000007", name="Eve", roles=(), groups=())
    headers = signed_in(world[0].app, nobody).headers
    for function, route in READING:
        answer = function(request(route=route, headers=headers))
        assert answer.status_code == 403
        assert b"hello-2" not in answer.get_body()
    world[0].hear()
    denied = [each for each in world[0].trail(INSTALLATION) if each.action == "access.denied"]
    assert [(each.details["caller"], each.details["permission"]) for each in denied] == [(f"oid:{nobody.oid}", "read")]
    assert signing_in.page_sign_out(request(headers=headers)).status_code == 200


def test_a_form_of_a_session_that_is_over_changes_nothing_and_leads_back(world: tuple[Told, Release]) -> None:
    answer = operate.take_command(
        request("POST", headers=SAME_SITE, params={"release": "hello-2"}, body=b"verb=cancel")
    )
    assert answer.status_code == 401
    assert b"/sign-in?to=%2Foperate%3Frelease%3Dhello-2" in answer.get_body()


def test_signing_out_ends_the_session_in_this_browser(world: tuple[Told, Release]) -> None:
    browser = signed_in(world[0].app, person(9, "Dora"))
    page = signing_in.page_sign_out(request(headers=browser.headers)).get_body().decode()
    mark = page.split('name="form" value="')[1].split('"')[0]
    for wrong in ({"form": "x", "where": "here"}, {"form": mark}, {"form": mark, "where": "there"}):
        body = urlencode(wrong).encode()
        refused = signing_in.take_sign_out(request("POST", headers=browser.headers | SAME_SITE, body=body))
        assert refused.status_code == 400
    done = sign_out(browser, "here")
    assert (done.status_code, done.headers["Location"]) == (303, "/signed-out")
    browser.take(*done.headers.getlist("Set-Cookie"))
    assert pages.page_board(request(headers=browser.headers)).status_code == 303
    assert signing_in.page_signed_out(request()).status_code == 200


class AwayTable(MemoryTable):
    """A table that takes nothing."""

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        raise LedgerUnavailable("the table is switched off")


def sign_out(browser: Browser, where: str) -> func.HttpResponse:
    page = signing_in.page_sign_out(request(headers=browser.headers)).get_body().decode()
    mark = page.split('name="form" value="')[1].split('"')[0]
    body = urlencode({"form": mark, "where": where}).encode()
    answer: func.HttpResponse = signing_in.take_sign_out(
        request("POST", headers=browser.headers | SAME_SITE, body=body)
    )
    return answer


def test_a_copy_of_a_cookie_ends_with_the_session_that_it_was_taken_from(world: tuple[Told, Release]) -> None:
    home = world[0]
    mine, other = signed_in(home.app, person(9, "Dora")), signed_in(home.app, person(9, "Dora"))
    stolen = dict(mine.headers)
    assert sign_out(mine, "here").status_code == 303
    home.hear()
    home.restart()  # what a front has read of it is good for a minute
    assert pages.page_board(request(headers=stolen)).status_code == 303
    assert operate.take_command(request("POST", headers=stolen | SAME_SITE, body=b"verb=freeze")).status_code == 401
    assert pages.page_board(request(headers=other.headers)).status_code == 200


def test_signing_out_everywhere_ends_the_sessions_of_all_browsers_of_this_person(world: tuple[Told, Release]) -> None:
    home = world[0]
    mine, other, ben = (signed_in(home.app, person(number, "x")) for number in (9, 9, 2))
    home.wait(timedelta(seconds=2))
    assert sign_out(mine, "everywhere").status_code == 303
    home.hear()
    home.restart()
    assert pages.page_board(request(headers=other.headers)).status_code == 303
    assert pages.page_board(request(headers=ben.headers)).status_code == 200
    home.wait(timedelta(seconds=2))
    again = signed_in(home.app, person(9, "Dora"))
    assert pages.page_board(request(headers=again.headers)).status_code == 200


def test_a_page_that_cannot_be_served_now_leads_to_itself_and_a_form_to_its_page(world: tuple[Told, Release]) -> None:
    def away(_: object) -> NoReturn:
        raise LedgerUnavailable("the table is switched off")

    browser = signed_in(world[0].app, person(9, "Dora"))
    page = pages.reading(request(headers=browser.headers), "/releases/hello-2", away)
    form = pages.posted(request("POST", headers=browser.headers), "/operate", away)
    assert (page.status_code, form.status_code) == (503, 503)
    assert b'href="/releases/hello-2">Try again</a>' in page.get_body()
    assert b'href="/operate">Back to the page</a>' in form.get_body()


def test_while_nothing_can_be_written_down_the_browser_is_signed_out_and_told_that_copies_go_on(
    world: tuple[Told, Release],
) -> None:
    home = world[0]
    browser = signed_in(home.app, person(9, "Dora"))
    home.restart(wrap=lambda ports: replace(ports, inbox_table=AwayTable))
    done = sign_out(browser, "here")
    assert done.status_code == 503
    assert b"in this browser only" in done.get_body()
    browser.take(*done.headers.getlist("Set-Cookie"))
    assert pages.page_board(request(headers=browser.headers)).status_code == 303


def test_a_release_that_does_not_exist_is_not_found(world: tuple[Told, Release]) -> None:
    signed = reader(world[0])
    for id in ("hello-99", "other-1", "<script>", "hello-" + "9" * 40):
        answer = pages.page_release(request(route={"release": id}, headers=signed))
        assert answer.status_code == 404
        assert b"<script" not in answer.get_body()


@pytest.mark.parametrize("after", ["x", "-1", "1" * 30, "²"])
def test_a_wrong_place_in_the_story_is_named(world: tuple[Told, Release], after: str) -> None:
    signed = reader(world[0])
    answer = pages.page_release(request(route={"release": "hello-1"}, headers=signed, params={"after": after}))
    assert answer.status_code == 400
    assert b"after" in answer.get_body()


def test_the_stylesheet_is_open_because_approval_pages_need_it(world: tuple[Told, Release]) -> None:
    answer = pages.page_stylesheet(request(params={"v": "x"}))
    assert answer.status_code == 200
    assert answer.mimetype == "text/css"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_where_links_vote_one_is_enough_and_looking_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    home, subject = asked()
    _use(monkeypatch, home)
    before = home.app.ledger.head("hello")
    route = {"token": home.token(subject)}
    assert approvals.page_approval(request(method, route)).status_code == 200
    assert approvals.page_approval_changes(request(method, route)).status_code == 200
    assert home.app.ledger.head("hello") == before


def test_a_decision_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    home, subject = asked()
    _use(monkeypatch, home)
    route = {"token": home.token(subject, ADA)}
    page = approvals.page_approval(request(route=route)).get_body().decode()
    nonce = page.split('name="form" value="')[1].split('"')[0]
    body = urlencode({"decision": "approve", "form": nonce}).encode()
    answer = approvals.take_decision(request("POST", route, SAME_SITE, body=body))
    assert answer.status_code == 303
    address, _, said = answer.headers["Location"].partition("?said=")
    assert address == f"/approvals/{route['token']}"
    home.hear()
    shown = approvals.page_approval(request(route=route, params={"said": said}))
    assert (shown.status_code, shown.headers["Location"]) == (303, address)
    assert home.newest().phase is Phase.COPYING


def test_a_form_that_was_sent_in_chunks_says_so_and_changes_nothing(world: tuple[Told, Release]) -> None:
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
        answer = function(request("POST", route, headers, params))
        assert answer.status_code == 400
        assert b"chunked bodies are not supported" in answer.get_body()
    assert home.app.ledger.head("hello") == before
    assert home.bus.raw == []


@pytest.mark.parametrize("strange", ["ä", "日本", "a\r\nX-Own: 1", 'a"b'])
def test_no_header_of_an_answer_repeats_what_a_header_cannot_hold(world: tuple[Told, Release], strange: str) -> None:
    """Kestrel turns such an answer into a 500 without a body, and the host's double does the same."""
    home, subject = world
    addresses = ({"release": strange}, {"release": subject.id, "application": strange, "to": f"/releases/{strange}"})
    for headers in (reader(home), {"Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Mode": "no-cors"}):
        for function in registered(pages, approvals, changes, operate, signing_in):
            parameters = re.findall(r"{(\w+)", function.trigger["route"])
            if "GET" not in function.methods:
                continue
            for params in addresses:
                answer = function.handler(request("GET", dict.fromkeys(parameters, strange), headers, params))
                told = [*answer.headers.keys(), *answer.headers.values(), answer.mimetype]
                assert all(text.isascii() and text.isprintable() for text in told), (function.name, told)


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


@pytest.mark.parametrize(("address", "meant"), [("applications", "/catalogue"), ("Releases", "/"), ("nosuch", "/")])
def test_an_address_without_a_page_leads_on(world: tuple[Told, Release], address: str, meant: str) -> None:
    answer = pages.unknown_page(request("GET", {"address": address}, {}, {}))
    assert answer.status_code == 404
    assert f'href="{meant}"' in answer.get_body().decode()


def test_an_address_below_the_api_that_nobody_serves_is_a_problem_in_json(world: tuple[Told, Release]) -> None:
    answer = pages.unknown_page(request("GET", {"address": "api", "rest": "v1/relaeses"}, {}, {}))
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert "/api/v1/openapi.json" in answer.get_body().decode()


def test_the_page_of_unknown_addresses_is_asked_after_all_others() -> None:
    """The host takes the first route that fits, in the order of the functions' names in capitals."""
    names = [function.name.upper() for function in registered(pages, approvals, changes, operate, signing_in)]
    assert max(names) == "UNKNOWN_PAGE"
