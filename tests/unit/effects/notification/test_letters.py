"""Mails: what they say, in text and HTML alike, and that hostile text in them is inert."""

import re
from html.parser import HTMLParser

import pytest

from slipway.effects.notification import Message
from slipway.effects.notification.letter import SUBJECT, write_letter
from tests.unit.effects.notification.samples import (
    LOCATE,
    TOKEN_LINK,
    change_proposed,
    ended,
    for_everybody,
    gate_opened,
    hostile,
)


class ParsedPage(HTMLParser):
    """A parser that collects the tags, attributes, links and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.words += data


FACTS = [
    "shop",
    "2.7.0",
    "production",
    "2.6.3 (shop-479), since 2026-11-19 09:30 UTC",
    "4f9a1b6c2d8e",
    "91c3e07d55aa",
    "shop-ci",
    "cleo@example.com",
    "c0ffee8a7b5e on main",
    "20261123.4",
    "1 of 2",
    "Deployment shop: changed",
    "✓ acceptance in staging: 24 passed, 0 failed",
    "Tuesday, 24 November 2026, 09:30 UTC",
]


@pytest.mark.parametrize("fact", FACTS)
def test_text_and_html_say_the_same(fact: str) -> None:
    letter = write_letter(gate_opened())
    assert fact in letter.text
    assert fact in ParsedPage(letter.html).words


def test_the_approvers_link_is_in_both_parts_with_a_warning_that_it_is_theirs_alone() -> None:
    letter = write_letter(gate_opened())
    assert TOKEN_LINK in letter.text
    assert TOKEN_LINK in ParsedPage(letter.html).links
    for part in (letter.text, letter.html):
        assert "yours alone" in part
        assert "Opening the link changes nothing" in part


def test_where_people_sign_in_the_address_only_shows_the_way_and_may_be_passed_on() -> None:
    letter = write_letter(for_everybody())
    assert LOCATE in letter.text
    assert "yours alone" not in letter.text + letter.html


def test_a_mail_about_the_end_of_a_release_asks_for_no_decision() -> None:
    letter = write_letter(ended())
    assert "Decide" not in letter.text
    assert "Evidence" not in letter.text + letter.html
    assert letter.subject == "[shop] shop-482 (2.7.0) completed: live in production"


def test_text_reads_well_without_empty_gaps() -> None:
    assert "\n\n\n" not in write_letter(gate_opened()).text
    assert "\n\n\n" not in write_letter(ended()).text


@pytest.mark.parametrize("message", [hostile(), hostile(approval=None)], ids=["asked", "told"])
def test_hostile_text_is_inert_in_the_html(message: Message) -> None:
    page = ParsedPage(write_letter(message).html)
    allowed_tags = "html head meta title body div h1 h2 p a table tr td ul li bdi strong"
    assert page.tags <= set(allowed_tags.split())
    assert not {name for name in page.attributes if name.startswith("on")}
    assert all(link.startswith("https://slipway.contoso.com/") for link in page.links)
    assert "<script>alert(1)</script>" in page.words  # shown as text


def test_hostile_text_adds_no_line_and_hides_nothing() -> None:
    letter = write_letter(hostile())
    for part in (letter.subject, letter.text, letter.html):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", part)
    assert not any(line.startswith("Bcc:") for line in letter.text.splitlines())
    assert "\n" not in letter.subject
    assert len(letter.subject) <= SUBJECT


def test_the_ci_run_is_linked_only_if_its_address_is_a_web_address() -> None:
    run = "https://dev.azure.com/contoso/shop/_build/results?buildId=4711"
    assert run in ParsedPage(write_letter(gate_opened()).html).links
    assert "javascript:" not in write_letter(hostile()).html


def test_nothing_is_loaded_from_anywhere() -> None:
    assert not re.search(r"<(img|link|script|iframe)|url\(|@import", write_letter(gate_opened()).html)


def test_a_long_plan_is_shortened_and_says_so() -> None:
    lines = tuple(f"ConfigMap c{number}: created" for number in range(40))
    text = write_letter(gate_opened(lines=lines)).text
    assert "and 29 more" in text
    assert "c11:" not in text


def test_the_deadline_is_given_in_the_approvers_time_where_their_zone_is_known() -> None:
    message = gate_opened()
    assert message.approval is not None
    with_zone = message.evolve(approval=message.approval.evolve(timezone="Europe/Berlin"))
    expected = "Tuesday, 24 November 2026, 09:30 UTC: Tuesday, 24 November 2026, 10:30 CET (Europe/Berlin)"
    assert expected in write_letter(with_zone).text
    assert "CET" not in write_letter(message).text


def test_a_proposed_change_is_asked_about_like_a_gate_and_leads_to_its_own_page() -> None:
    message = change_proposed()
    letter = write_letter(message)
    for text in (letter.text, letter.html):
        assert message.release_url in text
        assert "What would be weaker" in text
        assert "required: 1 instead of 2" in text
        assert "The whole story" not in text
        assert "yours alone" not in text
    assert "Decide here, by Tuesday, 24 November 2026, 09:30 UTC" in letter.text
    assert "Review and decide" in letter.html
