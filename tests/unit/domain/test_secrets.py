"""Text that looks like a secret is masked before it goes into a log or an event, and control characters that a terminal
would obey are removed."""

import pytest

from slipway.domain.secrets import without_secrets


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("DB_PASSWORD=hunter2 started", "hunter2"),
        ('{"clientSecret": "hunter2", "port": 80}', "hunter2"),
        ("AccountKey=aGVsbG8=;EndpointSuffix=core.windows.net", "aGVsbG8"),
        ("SharedAccessSignature sv=2020&sig=aGVsbG8", "aGVsbG8"),
        ("Authorization: Bearer abcdefghijkl", "abcdefghijkl"),
        ("connecting to postgres://shop:hunter2@db:5432/shop", "hunter2"),
        ("amqp://:hunter2@bus", "hunter2"),
        ("got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln back", "eyJzdWIiOiIxIn0"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "MIIE"),
        ("api_key: 'hunter2'", "hunter2"),
    ],
)
def test_text_that_looks_like_a_secret_is_masked(text: str, secret: str) -> None:
    assert secret not in without_secrets(text)
    assert "***" in without_secrets(text)


@pytest.mark.parametrize(
    "text",
    [
        "listening on http://0.0.0.0:8080/",
        'secret "web" not found',
        "2 tests passed, 1 failed",
        "mail to ada@example.com",
        "a\tb\nc",
    ],
)
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


def test_control_characters_and_colours_are_taken_out() -> None:
    assert without_secrets("\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07\r\nnext\x00\x9b") == "red bell\nnext"


@pytest.mark.parametrize("unit", ["a.", "a-", "a.eyJ-", "password.", "://a:", "token=", "\t"])
@pytest.mark.usefixtures("fails_after_a_minute")
def test_a_very_long_line_is_masked_within_a_moment(unit: str) -> None:
    """The output of a Job can be this long. A pattern with backtracking would take hours for it, and hold up all other
    work."""
    assert "hunter2" not in without_secrets(unit * (256 * 1024 // len(unit)) + " password=hunter2")
