"""`slipway evidence`: a document is printed only if it is the one that the trail names."""

from slipway.domain.model import sha256
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Served


def test_a_document_is_printed_byte_by_byte_in_a_pipe(slipway: Command, app: Served) -> None:
    document = b'{"a":1}\r\n\x00\xff no text'
    result = slipway("evidence", app.keep(document))
    assert result.exit_code == 0
    assert result.stdout_bytes == document


def test_a_document_whose_hash_does_not_match_is_not_printed(slipway: Command, app: Served) -> None:
    digest = app.keep(b"2 passed")
    app.documents[digest] = b"3 passed"
    result = slipway("evidence", digest)
    assert result.exit_code == 7
    assert result.stdout == ""
    expected = f"its hash is {sha256(b'3 passed')}, expected {digest}"
    assert result.stderr == f"Error: the document is not the one that was kept: {expected}\n"


def test_a_document_that_is_not_there_ends_with_3(slipway: Command) -> None:
    result = slipway("evidence", sha256(b"nothing"))
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: Not found")


def test_an_invalid_digest_is_refused_before_the_app_is_asked(slipway: Command, app: Served) -> None:
    result = slipway("evidence", "sha256:" + "g" * 64)
    assert result.exit_code == 2
    assert "expected sha256: and 64 hexadecimal digits" in result.stderr
    assert app.requests == []
