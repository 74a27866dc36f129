"""The operator's verbs on the command line: what is ordered, what a person has to confirm, and the outcome."""

import json
import re
import webbrowser

import pytest

from slipway.api.inbox import Confirmation, ConfirmationState, ReceivedAnswer, SaidOutcome
from slipway.cli import waiting
from slipway.domain.blocks import REASON_LIMIT
from slipway.domain.commands import MUST_SAY_WHY, OPENS, Verb
from tests.unit.cli.conftest import Command
from tests.unit.cli.passing import PassingClock
from tests.unit.cli.served import Reply, Served, problem


@pytest.mark.parametrize("arguments", [("shop-1", "production"), ("production", "shop-1")])
@pytest.mark.parametrize("verb", ["rollback", "override", "waive"])
def test_a_release_and_an_environment_may_be_named_in_either_order(
    slipway: Command, app: Served, verb: str, arguments: tuple[str, str]
) -> None:
    ask_to_confirm(app)
    more = ("--rule", "built-by-run") if verb == "waive" else ()
    slipway(verb, *arguments, *more, "--reason", "it loses orders", "--no-wait")
    command = json.loads(app.requests[0].body)
    assert (command["release"], command["environment"]) == ("shop-1", "production")


def test_an_environment_that_looks_like_a_release_is_named_after_it(slipway: Command, app: Served) -> None:
    ask_to_confirm(app)
    slipway("rollback", "shop-1", "europe-2", "--reason", "it loses orders", "--no-wait")
    command = json.loads(app.requests[0].body)
    assert (command["release"], command["environment"]) == ("shop-1", "europe-2")


@pytest.mark.parametrize("artifact", [("--tag", "9.9"), ("--image", f"sha256:{'0' * 64}")], ids=["tag", "digest"])
def test_an_artifact_that_was_never_pushed_is_reported_before_anybody_has_to_confirm_it(
    slipway: Command, app: Served, artifact: tuple[str, str]
) -> None:
    ask_to_confirm(app)
    app.looks["pushed shop"] = {"why": "nothing was pushed under this tag"}
    result = slipway("release", "create", "shop", *artifact)
    assert (result.exit_code, "nothing was pushed under this tag" in result.stderr) == (3, True)
    assert "a person has to confirm it" not in result.stderr
    app.looks["pushed shop"] = {"why": ""}
    assert f"a person has to confirm it: {PAGE}" in slipway("release", "create", "shop", *artifact, "--no-wait").stderr


# ---- what a person has to confirm
HANDLE = "20261123-" + "a" * 43
PAGE = f"https://slipway.example.com/confirm/{HANDLE}"
WORDS = {
    Verb.UNFREEZE: ("shop", "production"),
    Verb.RETRY: ("shop-1",),
    Verb.CREATE: ("shop",),
    Verb.ROLLBACK: ("shop-1", "production", "--reason", "2 loses orders"),
    Verb.RESUME: ("shop", "production"),
    Verb.OVERRIDE: ("shop-1", "production", "--reason", "the fix"),
    Verb.FENCE_RESET: ("shop", "--reason", "restored"),
    Verb.WAIVE: ("shop-1", "production", "--rule", "built-by-run", "--reason", "its run was deleted"),
}


@pytest.fixture
def opened_addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were opened in a browser."""
    addresses = list[str]()

    def opens(address: str) -> bool:
        addresses.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", opens)
    return addresses


def ask_to_confirm(app: Served, address: str = PAGE) -> None:
    """The app answers that a person has to confirm the command, and nobody has yet."""
    received = ReceivedAnswer(application="shop", id="", address=f"/api/v1/confirmations/{HANDLE}", open=address)
    app.replies["commands"] = Reply(202, received.model_dump_json().encode())
    app.replies[f"confirmations/{HANDLE}"] = Reply(body=Confirmation(state="waiting").model_dump_json().encode())


def waits_by(monkeypatch: pytest.MonkeyPatch, clock: PassingClock) -> None:
    monkeypatch.setitem(waiting.await_confirmation.__kwdefaults__ or {}, "clock", clock.waits)


def confirm(app: Served) -> None:
    id = "1764000000000-00000000000000aa"
    confirmation = Confirmation(state="said", application="shop", id=id, address=f"/api/v1/inbox/shop/{id}")
    app.replies[f"confirmations/{HANDLE}"] = Reply(body=confirmation.model_dump_json().encode())
    app.outcomes["shop", id] = SaidOutcome(application="shop", id=id, state="counted", environment="production")


def test_every_verb_that_needs_a_proof_has_a_case_here() -> None:
    assert set(WORDS) == OPENS


@pytest.mark.parametrize("verb", sorted(OPENS))
def test_a_command_that_needs_a_proof_prints_its_page_and_ends_with_5_without_waiting(
    slipway: Command, app: Served, opened_addresses: list[str], verb: Verb
) -> None:
    ask_to_confirm(app)
    words = {Verb.CREATE: ("release", "create"), Verb.FENCE_RESET: ("fence", "reset")}.get(verb, (verb,))
    result = slipway(*words, *WORDS[verb], "--no-wait")
    assert result.exit_code == 5
    assert f"a person has to confirm it: {PAGE}" in result.stderr
    assert result.stdout == ""
    assert opened_addresses == []


def test_a_command_waits_for_its_confirmation_and_then_for_its_outcome(
    slipway: Command, app: Served, opened_addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_to_confirm(app)
    clock = PassingClock(lambda _: confirm(app))
    waits_by(monkeypatch, clock)
    ended = slipway("resume", "shop", "production", "--json")
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(ended.stdout)["state"] == "counted"
    assert len(clock.pauses) == 1
    assert ended.stderr.splitlines()[-1] == "confirmed; waiting for the outcome"
    assert opened_addresses == []


def test_a_confirmation_that_is_refused_ends_the_wait_at_once(
    slipway: Command, app: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_to_confirm(app)
    app.replies[f"confirmations/{HANDLE}"] = problem(409, "Refused", "shop production is not on hold")
    waits_by(monkeypatch, PassingClock(lambda _: pytest.fail("it waits")))
    ended = slipway("resume", "shop", "production")
    assert (ended.exit_code, "Refused: shop production is not on hold" in ended.stderr) == (1, True)


def test_the_wait_ends_as_soon_as_the_confirmation_is_declined(
    slipway: Command, app: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_to_confirm(app)
    declined = Confirmation(state=ConfirmationState.DECLINED).model_dump_json().encode()
    waits_by(monkeypatch, PassingClock(lambda _: app.replies.update({f"confirmations/{HANDLE}": Reply(body=declined)})))
    ended = slipway("resume", "shop", "production")
    assert (ended.exit_code, "said no on that page: nothing was done" in ended.stderr) == (1, True)


@pytest.mark.parametrize(
    ("hash", "message"),
    [
        ("", "and holds it: no loss is known, and a new epoch voids every vote"),
        ("sha256:other", "and does not hold it"),
    ],
    ids=["whole", "lost"],
)
def test_a_fence_reset_says_first_whether_records_are_lost(
    slipway: Command, app: Served, hash: str, message: str
) -> None:
    ask_to_confirm(app)
    record = app.trails["shop"].records[1]
    head = {"sequence": record["sequence"], "hash": hash or record["hash"]}
    app.anchors["shop"] = [{"why": "daily", "at": "2026-11-23T08:00:00.123456Z", "epoch": 0, "head": head}]
    stderr = slipway("fence", "reset", "shop", "--reason", "restored", "--no-wait").stderr
    assert message in stderr
    assert "shop: the newest anchor, of 2026-11-23T08:00:00Z, names record 2 of epoch 0" in stderr


def test_an_anchor_with_control_characters_cannot_steer_the_terminal(slipway: Command, app: Served) -> None:
    ask_to_confirm(app)
    app.anchors["shop"] = [{"at": "\x1b[2J", "epoch": 0, "head": {"sequence": 1}}]
    stderr = slipway("fence", "reset", "shop", "--reason", "restored", "--no-wait").stderr
    assert "\x1b" not in stderr
    assert r"\x1b[2J" in stderr


def test_an_anchor_without_a_hash_is_not_reported_as_held(slipway: Command, app: Served) -> None:
    ask_to_confirm(app)
    head = {"sequence": app.trails["shop"].records[-1]["sequence"] + 1}
    app.anchors["shop"] = [{"why": "daily", "at": "2026-11-23T08:00:00Z", "epoch": 0, "head": head}]
    stderr = slipway("fence", "reset", "shop", "--reason", "restored", "--no-wait").stderr
    assert "and does not hold it" in stderr
    assert "no loss is known" not in stderr


def test_the_browser_is_opened_on_request(slipway: Command, app: Served, opened_addresses: list[str]) -> None:
    ask_to_confirm(app)
    assert slipway("resume", "shop", "production", "--no-wait", "--open").exit_code == 5
    assert opened_addresses == [PAGE]


def test_a_browser_that_cannot_be_opened_is_reported(
    slipway: Command, app: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_to_confirm(app)
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    ended = slipway("resume", "shop", "production", "--no-wait", "--open")
    assert (ended.exit_code, "no browser can be opened here" in ended.stderr) == (5, True)
    assert "waiting for that until" not in ended.stderr
    assert f"nobody has confirmed it yet; open {PAGE}" in ended.stderr


def test_a_command_that_waits_for_a_person_says_so_at_once_each_minute_and_at_the_end(
    slipway: Command, app: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_to_confirm(app)
    clock = PassingClock()
    waits_by(monkeypatch, clock)
    ended = slipway("resume", "shop", "production", "--json")
    address_line, until_line, *reminders = ended.stderr.splitlines()
    assert address_line == f"a person has to confirm it: {PAGE}"
    assert re.match(r"waiting for that until 20\d\d-\S+Z; Ctrl-C, or --no-wait, leaves it open there", until_line)
    assert len(reminders) == 13
    assert re.match("nobody has confirmed it yet; waiting for another 1[23] min", reminders[0])
    error = json.loads(ended.stdout)["error"]
    assert error["message"] == "nobody has confirmed it within 14 min, and nothing was done"
    assert (ended.exit_code, error["code"]) == (5, "waiting")
    assert len(app.requests) < 120, "each costs four reads of tables"
    assert max(clock.pauses) <= waiting.LONGEST_PAUSE


@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:alert(1)", "-v"])
def test_an_address_that_is_not_on_the_web_is_never_opened(
    slipway: Command, app: Served, opened_addresses: list[str], address: str
) -> None:
    ask_to_confirm(app, address)
    assert slipway("resume", "shop", "production", "--open").exit_code == 4
    assert opened_addresses == []


# ---- sessions
@pytest.mark.parametrize(
    ("arguments", "person", "message"),
    [
        ((), "", "your sessions"),
        (("oid:aaaaaaaa-0000-4000-8000-000000000001",), "aaaaaaaa-0000-4000-8000-000000000001", "oid:aaaaaaaa"),
    ],
)
def test_end_sessions_ends_ones_own_sessions_or_those_of_the_named_person(
    slipway: Command, app: Served, arguments: tuple[str, ...], person: str, message: str
) -> None:
    id = "1764000000000-00000000000000aa"
    received = ReceivedAnswer(application="_installation", id=id, address=f"/api/v1/inbox/_installation/{id}")
    app.replies["commands"] = Reply(202, received.model_dump_json().encode())
    app.outcomes["_installation", id] = SaidOutcome(
        application="_installation", id=id, state="counted", verb=Verb.SESSION_END
    )
    result = slipway("end-sessions", *arguments, "--yes")
    assert result.exit_code == 0, result.stderr
    assert message in result.stdout
    assert "signed out of all pages" in result.stdout
    (command,) = [json.loads(request.body) for request in app.requests if request.method == "POST"]
    assert (command["verb"], command.get("person", "")) == ("session.end", person)


# ---- a reason
NEEDING_ONE = [
    ("freeze", "shop", "production"),
    ("freeze", "--all"),
    ("cancel", "shop-1"),
    ("rollback", "shop-1", "production"),
    ("override", "shop-1", "production"),
    ("waive", "shop-1", "production", "--rule", "built-by-run"),
    ("fence", "reset", "shop"),
    ("reject", "shop-1", "--bearer", "token"),
    ("change", "reject", "91c3e07d55aa"),
    ("change", "stand-in", "91c3e07d55aa"),
]


def test_every_verb_that_needs_a_reason_has_a_case_here() -> None:
    verbs = {words[0] if words[0] != "fence" else "fence.reset" for words in NEEDING_ONE}
    assert set(MUST_SAY_WHY) <= verbs


@pytest.mark.parametrize("arguments", NEEDING_ONE, ids=" ".join)
@pytest.mark.parametrize("reason", [None, "", " ", "x" * (REASON_LIMIT + 1)], ids=["none", "empty", "blank", "long"])
def test_a_reason_that_the_app_would_refuse_is_a_mistake_on_the_command_line(
    slipway: Command, app: Served, arguments: tuple[str, ...], reason: str | None
) -> None:
    result = slipway(*arguments, *(() if reason is None else ("--reason", reason)))
    assert result.exit_code == 2, result.stderr
    assert "--reason" in result.stderr
    assert not app.requests


@pytest.mark.parametrize("option", ["--bundle", "--image"])
def test_a_wrong_digest_is_reported_under_the_name_of_its_option(slipway: Command, app: Served, option: str) -> None:
    result = slipway("release", "create", "shop", option, "sha256:abc", "--json")
    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["field"], "64 hexadecimal digits" in error["message"]) == (2, option, True)
    assert not app.requests
