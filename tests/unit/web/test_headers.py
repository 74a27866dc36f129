"""Every answer carries the security headers, whatever it says."""

import gzip

import pytest

from slipway.web.answer import Answer, cacheable, compressed, conditional, see_other
from slipway.web.approving import show_linked_changes
from slipway.web.evidence import kept_document
from slipway.web.templating import STYLESHEET, stylesheet
from tests.unit.web.samples import SAMPLES, awaiting_approval

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
def test_every_page_has_the_security_headers_and_is_kept_by_its_reader_alone(name: str) -> None:
    answer = SAMPLES[name]()
    assert_guarded(answer)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.media_type == "text/html"
    may_be_kept = not name.startswith(("approval", "change-", "confirm", "message", "operate"))
    assert answer.headers["Cache-Control"] == ("private, no-cache" if may_be_kept else "no-store")
    assert ("ETag" in answer.headers) is may_be_kept


def test_a_page_that_the_reader_has_is_not_sent_again() -> None:
    answer = cacheable("<p>as it was</p>")
    etag = answer.headers["ETag"]
    for header in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        again = conditional(answer, header)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == etag
    assert conditional(cacheable("<p>changed</p>"), etag).status == 200
    assert conditional(answer, "") == answer


def test_a_page_that_may_be_kept_is_compressed_for_browsers_that_accept_it() -> None:
    answer = cacheable("<p>much the same</p>" * 200)
    small = compressed(answer, "br;q=1.0, gzip;q=0.8")
    assert gzip.decompress(small.body) == answer.body
    assert small.headers["Content-Encoding"] == "gzip"
    assert small.headers["Vary"] == "Accept-Encoding"
    assert compressed(answer, "identity") == answer


def test_a_page_that_may_hold_a_secret_is_not_compressed() -> None:
    answer = SAMPLES["approval-open"]()
    assert compressed(answer, "gzip") == answer


def test_documents_have_the_security_headers_and_can_run_nothing() -> None:
    home, subject = awaiting_approval()
    for answer in (
        kept_document(str(subject.plan_hash), home.app.reader.evidence),
        show_linked_changes(home.services, home.token(subject)),
    ):
        assert_guarded(answer)
        assert answer.media_type == "text/plain"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] in ("no-store", "private, no-cache")
        assert answer.headers["Content-Disposition"].startswith('inline; filename="')


def test_redirects_have_the_security_headers_too() -> None:
    answer = see_other("/")
    assert_guarded(answer)
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_stylesheet_is_kept_for_a_year_under_the_address_that_names_its_content() -> None:
    body = SAMPLES["board-empty"]().body.decode()
    version = body.partition("slipway.css?v=")[2].partition('"')[0]
    current, older = stylesheet(version), stylesheet("older")
    for answer in (current, older):
        assert_guarded(answer)
        assert answer.body == STYLESHEET.read_bytes()
        assert answer.media_type == "text/css"
    assert current.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert older.headers["Cache-Control"] == "no-cache"
