"""Signed tokens: what verifies is exactly what was signed, for its purpose, in its time, with a live key."""

import base64
import hashlib
import hmac
import inspect
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain import tokens
from slipway.domain.tokens import TOKEN_LIMIT, ApprovalClaims, Claims, Keys, TokenExpired, TokenRefused

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
KEY = b"k" * 32
KEYS = Keys({"2026-11": KEY, "2026-10": b"o" * 32})
CLAIMS = ApprovalClaims(
    expires_at=NOW + timedelta(hours=1),
    application="shop",
    release=482,
    environment="production",
    plan_hash="sha256:" + "a" * 64,
    approver="ada@example.com",
)
TOKEN = KEYS.sign("approval", CLAIMS)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(payload: bytes, key: bytes = KEY) -> str:
    return f"{encoded(payload)}.{encoded(hmac.new(key, payload, hashlib.sha256).digest())}"


claims = st.builds(
    ApprovalClaims,
    expires_at=st.datetimes(min_value=datetime(2026, 11, 23, 8, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    application=st.from_regex(r"[a-z][a-z0-9]{0,39}", fullmatch=True),
    release=st.integers(min_value=1, max_value=10**12),
    environment=st.from_regex(r"[a-z][a-z0-9]{0,39}", fullmatch=True),
    plan_hash=st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
    approver=st.text(st.characters(codec="utf-8"), min_size=3, max_size=254),
)


@given(given=claims)
def test_what_was_signed_comes_back(given: ApprovalClaims) -> None:
    assert KEYS.approval(KEYS.sign("approval", given), now=NOW) == given


@given(where=st.integers(min_value=0, max_value=len(TOKEN) - 1), letter=st.sampled_from(LETTERS + ".=+/ \n\x00ü"))
def test_any_other_character_anywhere_refuses(where: int, letter: str) -> None:
    changed = TOKEN[:where] + letter + TOKEN[where + 1 :]
    if changed != TOKEN:
        with pytest.raises(TokenRefused):
            KEYS.approval(changed, now=NOW)


def test_each_other_last_character_of_either_half_refuses() -> None:
    """The last character of base64 holds bits that many decoders ignore: two texts would be one token."""
    for where in (TOKEN.index(".") - 1, len(TOKEN) - 1):
        for letter in LETTERS.replace(TOKEN[where], ""):
            with pytest.raises(TokenRefused):
                KEYS.approval(TOKEN[:where] + letter + TOKEN[where + 1 :], now=NOW)


@given(where=st.integers(min_value=0, max_value=len(TOKEN)), more=st.text(LETTERS + ".=", min_size=1, max_size=5))
def test_any_character_more_refuses(where: int, more: str) -> None:
    with pytest.raises(TokenRefused):
        KEYS.approval(TOKEN[:where] + more + TOKEN[where:], now=NOW)


@given(end=st.integers(min_value=0, max_value=len(TOKEN) - 1))
def test_every_cut_refuses(end: int) -> None:
    with pytest.raises(TokenRefused):
        KEYS.approval(TOKEN[:end], now=NOW)


@given(text=st.text(st.characters(codec=None), max_size=100))
def test_any_text_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        KEYS.approval(text, now=NOW)
    assert len(text) < 20 or text not in str(refused.value)


contents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "p", "c", "x"]), inner, max_size=4)
    ),
)


@given(content=contents)
def test_any_signed_content_that_is_no_token_is_refused(content: Any) -> None:
    with pytest.raises(TokenRefused):
        KEYS.approval(signed(json.dumps(content).encode()), now=NOW)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 1000, b'{"k":["2026-11"],"p":"","c":1}']
)
def test_a_payload_that_is_no_token_is_refused(payload: bytes) -> None:
    with pytest.raises(TokenRefused):
        KEYS.approval(signed(payload), now=NOW)


def test_a_token_ends_at_its_time_and_not_before() -> None:
    assert KEYS.approval(TOKEN, now=CLAIMS.expires_at - timedelta(microseconds=1)) == CLAIMS
    with pytest.raises(TokenExpired, match=r"^the link expired at 2026-11-23 09:00 UTC$"):
        KEYS.approval(TOKEN, now=CLAIMS.expires_at)


def test_an_expired_token_that_was_changed_is_refused_for_its_signature() -> None:
    payload, _, mac = TOKEN.partition(".")
    other = ("A" if mac[0] != "A" else "B") + mac[1:]
    with pytest.raises(TokenRefused, match=r"signature is wrong") as refused:
        KEYS.approval(f"{payload}.{other}", now=CLAIMS.expires_at)
    assert not isinstance(refused.value, TokenExpired)


def test_a_token_serves_the_purpose_it_was_signed_for_only() -> None:
    with pytest.raises(TokenRefused, match=r"for something else"):
        KEYS.verify("form", TOKEN, ApprovalClaims, now=NOW)
    with pytest.raises(TokenRefused, match=r"for something else"):
        KEYS.approval(KEYS.sign("form", CLAIMS), now=NOW)


def test_a_token_that_lacks_claims_or_has_others_is_refused() -> None:
    with pytest.raises(TokenRefused, match=r"incomplete"):
        KEYS.approval(KEYS.sign("approval", Claims(expires_at=CLAIMS.expires_at)), now=NOW)


def test_the_first_key_signs_and_all_keys_verify() -> None:
    rotated = Keys({"2026-12": b"d" * 32, "2026-11": KEY})
    assert rotated.approval(TOKEN, now=NOW) == CLAIMS
    fresh = rotated.sign("approval", CLAIMS)
    with pytest.raises(TokenRefused, match=r"retired"):
        KEYS.approval(fresh, now=NOW)


def test_a_key_of_the_same_name_but_other_bytes_does_not_verify() -> None:
    with pytest.raises(TokenRefused, match=r"signature is wrong"):
        Keys({"2026-11": b"x" * 32}).approval(TOKEN, now=NOW)


def test_a_token_cannot_name_the_key_that_suits_it() -> None:
    payload = json.loads(base64.urlsafe_b64decode(TOKEN.partition(".")[0] + "=="))
    payload["k"] = "2026-10"
    with pytest.raises(TokenRefused, match=r"signature is wrong"):
        KEYS.approval(signed(json.dumps(payload).encode()), now=NOW)


def test_a_token_without_a_signature_is_refused_although_its_payload_is_good() -> None:
    for suffix in ("", ".", "." + encoded(b"")):
        with pytest.raises(TokenRefused):
            KEYS.approval(TOKEN.partition(".")[0] + suffix, now=NOW)


def test_what_is_too_long_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(TokenRefused, match=r"too long"):
        KEYS.approval("A" * (TOKEN_LIMIT + 1), now=NOW)


def test_the_longest_claims_make_a_token_that_is_short_enough() -> None:
    longest = CLAIMS.evolve(application="a" * 40, environment="e" * 40, approver="ö" * 254, release=10**12)
    assert KEYS.approval(KEYS.sign("approval", longest), now=NOW) == longest


def test_the_same_claims_make_the_same_token() -> None:
    assert KEYS.sign("approval", CLAIMS) == TOKEN == signed(base64.urlsafe_b64decode(TOKEN.partition(".")[0] + "=="))


def test_signatures_are_compared_in_constant_time() -> None:
    assert "hmac.compare_digest(mac, " in inspect.getsource(tokens.Keys)


@pytest.mark.parametrize(("keys", "message"), [({}, "at least one"), ({"a": b"x" * 31}, "expected 32 bytes, got 31")])
def test_keys_that_are_missing_or_short_are_refused(keys: dict[str, bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Keys(keys)
