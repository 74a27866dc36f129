"""What pages look like to a browser: everything escaped, nothing hidden, small, and usable without a mouse."""

import re
from html.parser import HTMLParser

import pytest

from slipway.domain.plan import Change
from slipway.domain.release import VoteDecision
from slipway.testing import BASE
from slipway.web import release
from slipway.web.answer import Answer
from slipway.web.approving import show_linked_changes, show_linked_gate
from slipway.web.signin import Visitor
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.samples import SAMPLES, awaiting_approval, cast_vote, pages
from tests.unit.web.visitors import DORA

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;"
HIDING = "safe\u202e\u2066evil\u2069 \x1b[31mred\x1b[0m \x07bell"
HTML_LIMIT = 60 * 1024

_VOID = frozenset({"meta", "link", "input", "br", "img", "path", "rect"})


class Document(HTMLParser):
    """Collects what the tests look at, and refuses tags that are not closed in order."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self.feed(body)
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open, f"</{tag}> closes nothing"
            assert self._open[-1] == tag, f"</{tag}> closes <{self._open[-1]}>"
            self._open.pop()

    def values(self, attribute: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == attribute]


def text_of(answer: Answer) -> str:
    return answer.body.decode()


def hostile_installation() -> tuple[ScriptedInstallation, str]:
    """Everything that a stranger can write is hostile: commit, requester, address, log, summary, names, diff."""
    home, _ = awaiting_approval(
        test_output=f"{HOSTILE}\n{HIDING}\n",
        summary=HOSTILE,
        changes=(Change(kind="Deployment", name=HOSTILE, change="changed", diff=f"-old\n+{HOSTILE}\n+{HIDING}\n"),),
    )
    home.push("1.6.0")
    home.end_run("1.6.0", by=f"{HOSTILE}@example.com", commit=HOSTILE)
    home.settle()
    return home, home.newest().id


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_page_is_well_formed_and_small_and_has_its_landmarks(name: str) -> None:
    body = text_of(SAMPLES[name]())
    document = Document(body)
    assert len(body.encode()) < HTML_LIMIT
    assert document.tags.count("h1") == 1
    assert document.tags.count("main") == 1
    assert ("html", "lang", "en") in document.attributes
    assert len(set(document.ids)) == len(document.ids), "an id is used twice"
    assert {target.removeprefix("#") for target in document.values("href") if target.startswith("#")} <= set(
        document.ids
    )
    for reference in document.values("aria-labelledby") + document.values("aria-describedby"):
        assert set(reference.split()) <= set(document.ids), f"{reference} names nothing"


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_no_page_needs_a_script_or_an_inline_style_which_the_policy_forbids(name: str) -> None:
    document = Document(text_of(SAMPLES[name]()))
    assert not {"script", "style", "iframe", "object"} & set(document.tags)
    assert not [a for _, a, _ in document.attributes if a.startswith("on") or a == "style"]
    assert all(address.startswith(("/", "data:", "https://", "#")) for address in document.values("href"))


def test_every_field_has_a_label_and_every_button_says_what_it_does() -> None:
    document = Document(text_of(SAMPLES["approval-open"]()))
    fields = [v for tag, name, v in document.attributes if tag == "textarea" and name == "id"]
    assert fields == [v for tag, name, v in document.attributes if tag == "label" and name == "for"]
    body = text_of(SAMPLES["approval-open"]())
    assert "Approve 1.5.0 for production</button>" in body


def test_hostile_input_is_escaped_on_the_release_page() -> None:
    home, id = hostile_installation()
    _assert_harmless(
        release.show_release(
            home.app.reader, id, visitor=Visitor(caller=DORA.caller.evolve(shown=HOSTILE[:256]), sid="x")
        )
    )


def test_hostile_input_is_escaped_on_the_approval_page() -> None:
    home, id = hostile_installation()
    _assert_harmless(show_linked_gate(home.services, home.token(home.app.reader.release(id))))


def test_a_hostile_reason_is_escaped_on_both_pages() -> None:
    home, subject = awaiting_approval()
    token = home.token(subject)
    cast_vote(home, subject, decision=VoteDecision.REJECT, reason=HOSTILE + HIDING)
    for answer in (
        show_linked_gate(home.services, token),
        release.show_release(home.app.reader, subject.id, visitor=DORA),
    ):
        _assert_harmless(answer)
        assert "&lt;script&gt;" in text_of(answer)


def _assert_harmless(answer: Answer) -> None:
    body = text_of(answer)
    document = Document(body)
    assert "script" not in document.tags
    assert "img" not in document.tags
    assert not [value for value in document.values("href") if value.startswith("javascript")]
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x07\x1b]", body), "something could be hidden from the reader"


def test_characters_that_hide_or_turn_text_are_spelt_out_in_a_diff() -> None:
    home, id = hostile_installation()
    body = text_of(show_linked_gate(home.services, home.token(home.app.reader.release(id))))
    assert "safe\\u202e\\u2066evil\\u2069 red \\u0007bell" in body


def test_a_tag_in_the_log_is_text_in_the_excerpt() -> None:
    home, id = hostile_installation()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text_of(release.show_release(home.app.reader, id, visitor=DORA))


def test_long_diffs_are_shortened_on_the_page_and_whole_in_the_text() -> None:
    lines = "".join(f"+line {n:05d} of something rather long\n" for n in range(2000))
    home, subject = awaiting_approval(changes=(Change(kind="ConfigMap", name="big", change="changed", diff=lines),))
    token = home.token(subject)
    page, text = show_linked_gate(home.services, token), show_linked_changes(home.services, token)
    assert len(page.body) < HTML_LIMIT
    assert "more lines are not shown here" in text_of(page)
    assert b"+line 01999" in text.body
    assert text.media_type == "text/plain"


def test_a_digest_is_there_as_a_whole_to_be_copied() -> None:
    home, subject = awaiting_approval()
    for body in (
        text_of(release.show_release(home.app.reader, subject.id, visitor=DORA)),
        text_of(show_linked_gate(home.services, home.token(subject))),
    ):
        assert f">{subject.digest}</code>" in body
    assert f'title="{subject.digest}"' in text_of(release.show_release(home.app.reader, subject.id, visitor=DORA))


def test_a_release_page_tells_the_story_in_plain_words() -> None:
    body = text_of(SAMPLES["release-rolled-back"]())
    for expected in (
        "Acceptance tests failed",
        "Rolling back to the release live before",
        "by <bdi>ada@example.com</bdi>",
        "Rolled back",
        "<code>verification.failed</code>",
        "expected 10.50, got 10.05",
        "+47 s",
    ):
        assert expected in body


def test_a_copy_that_is_under_way_shows_how_far_it_is() -> None:
    page = pages()["release-copying"].body.decode()
    assert "Copying into the registry of production: 3 of 12 blobs, 1.2 of 5.0 GB" in page
    assert '<progress aria-labelledby="progress" max="5020000000" value="1240000000">' in page


def test_an_import_shows_that_nobody_knows_how_far_it_is() -> None:
    page = pages()["release-importing"].body.decode()
    assert "Importing into the registry of production: the registry imports it" in page
    assert '<progress aria-labelledby="progress">' in page


def test_a_release_that_is_not_being_copied_shows_no_progress() -> None:
    assert "<progress" not in pages()["release-completed"].body.decode()


def test_a_long_story_goes_on_over_the_page() -> None:
    home, subject = awaiting_approval()
    first = subject.first_sequence
    body = text_of(release.show_release(home.app.reader, subject.id, visitor=DORA, after=first + 3))
    assert "Release created" not in body
    assert "From the beginning" in body


def test_no_page_carries_an_approval_link_but_its_own() -> None:
    for name, answer in pages().items():
        links = set(re.findall(r"/approvals/[\w.-]+", text_of(answer)))
        assert len(links) <= (1 if name.startswith("approval") else 0), name
        assert BASE not in text_of(answer)


@pytest.mark.parametrize(
    ("sample", "label"),
    [
        ("release-waiting", "Cancel, override or waive"),
        ("release-rolled-back", "Try again or roll back"),
        ("release-completed", "Roll back to it"),
    ],
)
def test_a_release_offers_what_can_be_done_about_it(sample: str, label: str) -> None:
    assert f">{label} …</a>" in SAMPLES[sample]().body.decode()
