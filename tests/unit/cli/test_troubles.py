"""What the command says, and how it ends, when the app does not answer as it should."""

import json
import socket
from pathlib import Path

import pytest

from slipway.cli import api
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import KEY, ReceivedRequest, Reply, Served, problem


def test_an_app_that_cannot_be_reached_ends_with_4_and_is_named(slipway: Command) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        for arguments in (("releases",), ("audit", "verify"), ("parked", "replay", "x")):
            result = slipway(*arguments, SLIPWAY_URL=url)
            assert result.exit_code == 4
            assert f"the app at {url.removeprefix('http://')} cannot be reached (SLIPWAY_URL)" in result.stderr
            assert "refused" in result.stderr
            assert result.stdout == ""


@pytest.mark.parametrize(("key", "advice"), [("wrong", "the key is not accepted"), (None, "it needs a key")])
def test_a_refused_key_ends_with_1_and_is_not_printed(slipway: Command, key: str | None, advice: str) -> None:
    result = slipway("audit", "verify", SLIPWAY_KEY=key)
    assert result.exit_code == 1
    assert f"answered 401: {advice}; set SLIPWAY_KEY or use --key" in result.stderr
    assert "wrong" not in result.output


def test_a_problem_is_printed_with_title_detail_and_parameter(slipway: Command) -> None:
    result = slipway("releases", "--application", "shpo")
    assert result.exit_code == 3
    expected = "Not found: application: expected one of shop, got 'shpo'"
    assert result.stderr == f"Error: {expected}\n"
    assert result.stdout == ""


def test_a_release_that_is_not_there_ends_with_3(slipway: Command) -> None:
    result = slipway("release", "shop-99")
    assert result.exit_code == 3
    assert result.stderr == "Error: Not found: there is no release shop-99\n"


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_an_app_that_fails_ends_with_4_and_not_as_a_refusal(
    slipway: Command, app: Served, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PAUSE", 0)
    app.replies["applications"] = problem(status, "Service unavailable", "try again in a moment")
    result = slipway("audit", "verify")
    assert result.exit_code == 4
    assert "Service unavailable: try again in a moment" in result.stderr


def test_a_busy_app_is_asked_again(slipway: Command, app: Served) -> None:
    app.replies["releases"] = problem(503, "busy", "in a moment")

    def recover(request: ReceivedRequest) -> None:
        if len(app.requests) == 2:
            app.replies.clear()

    app.before_answer = recover
    assert slipway("releases").exit_code == 0
    assert len(app.requests) == 2


def test_a_replay_is_never_sent_twice_by_itself(slipway: Command, app: Served) -> None:
    app.replies["parked/x/replay"] = problem(503, "busy", "in a moment")
    assert slipway("parked", "replay", "x").exit_code == 4
    assert [request.method for request in app.requests] == ["POST"]


def test_a_redirect_is_not_followed_with_the_key(slipway: Command, app: Served) -> None:
    app.replies["releases"] = Reply(302, b"", {"Location": f"{app.url}/elsewhere"})
    result = slipway("releases")
    assert result.exit_code == 4
    assert "does not respond like Slipway: status 302" in result.stderr
    assert len(app.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, b"<html>Not here</html>"),
        Reply(body=b"<html>Sign in</html>"),
        Reply(body=b"[]"),
        Reply(body=b""),
        Reply(body=b"\xff\xfe"),
        Reply(body=b"[" * 200_000),
        Reply(body=b"{}"),
        Reply(body=b'{"applications": [{"application": 1}]}'),
        Reply(400, b'{"title": "no detail"}'),
        Reply(400, b"[]"),
    ],
    ids=lambda reply: f"{reply.status} {reply.body[:24]!r}",
)
def test_an_answer_that_is_not_slipways_ends_with_4(slipway: Command, app: Served, reply: Reply) -> None:
    app.replies["applications"] = reply
    for arguments in (("applications",), ("audit", "verify")):
        result = slipway(*arguments)
        assert result.exit_code == 4
        assert result.stderr.startswith("Error: the a")
        assert result.stdout == ""


def test_an_answer_that_is_nested_too_deeply_is_not_a_crash(slipway: Command, app: Served) -> None:
    deep = json.loads("[" * 400 + "]" * 400)
    app.trails["shop"].records[0]["details"] = {"deep": deep}
    result = slipway("audit", "show", "shop", "1")
    assert result.exit_code in (0, 4)
    assert not isinstance(result.exception, RecursionError)


def test_an_answer_without_end_is_cut(slipway: Command, app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MAX_ANSWER", 100)
    app.replies["releases"] = Reply(body=b" " * 101)
    result = slipway("releases")
    assert result.exit_code == 4
    assert "the answer is longer than" in result.stderr


def test_a_connection_that_breaks_ends_with_4(slipway: Command, app: Served) -> None:
    app.replies["releases"] = Reply(body=b"{}", headers={"Content-Length": "9", "Connection": "close"})
    result = slipway("releases")
    assert result.exit_code == 4
    assert "cannot be reached" in result.stderr


def test_a_wrong_command_line_ends_with_2(slipway: Command, app: Served, tmp_path: Path) -> None:
    for arguments in (
        ("releases", "--limit", "0"),
        ("audit", "list", "--csv", "--jsonl"),
        ("audit", "list", "--release", "shop"),
        ("audit", "show", "shop", "0"),
        ("evidence", "sha256:short"),
        ("completion", "tcsh"),
        ("nothing",),
    ):
        result = slipway(*arguments)
        assert result.exit_code == 2, arguments
        assert "Usage:" in result.stderr
    assert app.requests == []
    assert KEY not in result.output
