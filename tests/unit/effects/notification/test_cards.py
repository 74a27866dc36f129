"""The Teams card: what it says, what it never holds, and that hostile text in it is shown as plain text."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.domain.rules import Rule
from slipway.effects.notification import Message, Result
from slipway.effects.notification.card import SIZE_LIMIT, card, envelope
from tests.unit.effects.notification.samples import ADA, BASE, LOCATE, ended, for_everybody, hostile

SINCE_1_2 = {"AdaptiveCard", "TextBlock", "RichTextBlock", "TextRun", "Container", "ColumnSet", "Column"}
"""Elements that phones render."""


def elements(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "type" in value:
            yield value
        for inner in value.values():
            yield from elements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from elements(inner)


def texts(content: dict[str, Any], kind: str) -> list[str]:
    return [element["text"] for element in elements(content) if element["type"] == kind]


def not_signed_in(**changes: Any) -> Message:
    return for_everybody(locate_url="", **changes)


def test_the_envelope_is_what_a_workflow_takes() -> None:
    document = json.loads(envelope(for_everybody()))
    (attachment,) = document["attachments"]
    assert document["type"] == "message"
    assert (attachment["contentType"], attachment["contentUrl"]) == ("application/vnd.microsoft.card.adaptive", None)
    content = attachment["content"]
    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.4")


@pytest.mark.parametrize("message", [for_everybody(), not_signed_in(), ended(), hostile()])
def test_only_what_a_phone_renders_is_used_and_buttons_only_open_addresses(message: Message) -> None:
    kinds = {element["type"] for element in elements(card(message))}
    assert kinds <= SINCE_1_2 | {"Action.OpenUrl"}


@pytest.mark.parametrize(
    "fact",
    [
        "shop",
        "2.7.0",
        "4f9a1b6c2d8e",
        "shop-ci",
        "cleo@example.com",
        "20261123.4",
        "2.6.3 (shop-479), since 2026-11-19 09:30 UTC",
        "Deployment shop: changed",
        "✓ acceptance in staging: 24 passed, 0 failed",
        "1 of 2",
        "grace@example.com",
        "2.7.1 (shop-483), verifying",
        "○ quorum-reached: 1 of 2 approvals; still asked: ada@example.com",
        "✓ approver-is-not-committer: grace@example.com made the commit",
    ],
)
def test_the_card_says_which_version_it_is_about_and_what_stands_in_the_way(fact: str) -> None:
    assert fact in texts(card(for_everybody()), "TextRun")


def test_the_deadline_is_shown_in_each_readers_own_time() -> None:
    moment = "2026-11-24T09:30:00Z"
    expected = f"Decide by {{{{DATE({moment}, SHORT)}}}} {{{{TIME({moment})}}}}"
    assert expected in texts(card(for_everybody()), "TextBlock")


def test_a_newer_release_is_a_link() -> None:
    newer = next(e for e in elements(card(for_everybody())) if e.get("text") == "2.7.1 (shop-483), verifying")
    assert newer["selectAction"]["url"] == f"{BASE}/releases/shop-483"


def test_the_run_is_a_link() -> None:
    run = next(e for e in elements(card(for_everybody())) if e.get("text") == "20261123.4")
    assert run["selectAction"]["url"] == "https://dev.azure.com/contoso/shop/_build/results?buildId=4711"


def test_where_people_sign_in_the_button_leads_to_the_page_by_an_address_that_only_shows_the_way() -> None:
    urls = [element["url"] for element in elements(card(for_everybody())) if element["type"] == "Action.OpenUrl"]
    assert LOCATE in urls
    assert not [url for url in urls if "." in url.rpartition("/approvals/")[2] and "/approvals/" in url]


def test_where_nobody_signs_in_the_card_names_the_channels_of_the_links_and_has_none() -> None:
    content = card(not_signed_in(asked_by=("approvers", "chat-bot")))
    assert "approvals" not in json.dumps([e.get("url") for e in elements(content)])
    assert any("a personal link by approvers, chat-bot" in text for text in texts(content, "TextBlock"))


def test_a_card_that_is_the_only_notice_says_that_nobody_was_sent_a_link() -> None:
    assert any(text.startswith("Nobody was sent a link") for text in texts(card(not_signed_in()), "TextBlock"))


def test_a_link_of_one_approver_never_gets_onto_a_card() -> None:
    message = for_everybody(approval_url=f"{BASE}/approvals/secret.token", recipient=ADA)
    assert b"secret.token" not in envelope(message)


def test_the_end_of_a_release_has_a_button_to_its_story_alone() -> None:
    content = card(ended())
    assert [action["url"] for action in content["actions"]] == ["https://slipway.contoso.com/releases/shop-482"]


def test_hostile_text_stands_in_runs_alone_which_know_no_markdown() -> None:
    content = card(hostile())
    markdown_texts = texts(content, "TextBlock")
    assert not [text for text in markdown_texts if "evil" in text or "<" in text or "[" in text]
    assert any("[click](https://evil.example)" in text for text in texts(content, "TextRun"))


def test_hostile_text_brings_no_function_no_link_and_no_hidden_character() -> None:
    content = card(hostile())
    for text in texts(content, "TextRun"):
        assert "{{" not in text
        assert text.isprintable()
    urls = [element["url"] for element in elements(content) if "url" in element]
    assert all(url.startswith("https://slipway.contoso.com/") for url in urls)


@pytest.mark.parametrize("wide", ["x" * 100, "\U0001f680" * 100, '"' * 100])
def test_a_card_stays_within_its_size_limit_whatever_its_message_holds(wide: str) -> None:
    message = for_everybody(tag=wide, lines=(wide,) * 500, headline=wide * 20)
    assert message.approval is not None
    evidence = (Result(name=wide, environment=wide, passed=True, summary=wide),) * 500
    rules = (Rule.APPROVED_BY_GROUP.fails(wide * 20, subject="somebody"),) * 50
    approval = message.approval.evolve(evidence=evidence, run=wide, pushed_by=wide, commit=wide, rules=rules)
    message = message.evolve(approval=approval)
    assert len(envelope(message)) <= SIZE_LIMIT


def test_a_card_says_how_many_lines_it_leaves_out() -> None:
    content = card(for_everybody(lines=tuple(f"ConfigMap c{n}: created" for n in range(12))), kept=4)
    assert "and 8 more, on the page" in texts(content, "TextRun")
