"""Every answer carries the security headers, whatever it says."""

import pytest

from slipway.pages.answer import Answer, see_other
from slipway.pages.approving import show_changes
from slipway.pages.evidence import kept_document
from slipway.pages.templating import STYLESHEET, stylesheet
from tests.unit.pages.samples import SAMPLES, asked

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def assert_guarded(answer: Answer) -> None:
    assert EXPECTED.items() <= answer.headers.items()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_page_has_them_and_is_not_stored(name: str) -> None:
    answer = SAMPLES[name]()
    assert_guarded(answer)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.media_type == "text/html"


def test_documents_have_them_and_can_run_nothing() -> None:
    home, subject = asked()
    for answer in (
        kept_document(str(subject.plan_hash), home.reader.evidence),
        show_changes(home.desk, home.token(subject)),
    ):
        assert_guarded(answer)
        assert answer.media_type == "text/plain"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Disposition"].startswith('inline; filename="')


def test_redirects_have_them_too() -> None:
    answer = see_other("/")
    assert_guarded(answer)
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_stylesheet_is_kept_for_ever_under_the_address_that_names_its_content() -> None:
    body = SAMPLES["overview-empty"]().body.decode()
    version = body.partition("slipway.css?v=")[2].partition('"')[0]
    current, other = stylesheet(version), stylesheet("older")
    for answer in (current, other):
        assert_guarded(answer)
        assert answer.body == STYLESHEET.read_bytes()
        assert answer.media_type == "text/css"
    assert current.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert other.headers["Cache-Control"] == "no-cache"
