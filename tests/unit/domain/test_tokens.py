"""Tokens of links: a token verifies only as the worker signed it, before it expires, with a key of the installation."""

import base64
import json
from datetime import UTC, datetime, timedelta
from string import ascii_lowercase, digits
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.model import canonical
from slipway.domain.signing import FixedKeys, KeysUnavailable, LiveKeys, PrivateSigner, PublicKeys, checked_keys
from slipway.domain.tokens import (
    TOKEN_LIMIT,
    ApprovalClaims,
    Purpose,
    TokenExpired,
    TokenRefused,
    read_link,
    sign_link,
)
from slipway.ed25519 import public_key, sign
from tests.links import public_of

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SEEDS = {"2026-11": b"k" * 32, "2026-10": b"o" * 32}
PUBLIC = public_of(SEEDS)
SIGNER = PrivateSigner(FixedKeys(SEEDS), PUBLIC)
CLAIMS = ApprovalClaims(
    expires_at=NOW + timedelta(hours=1),
    application="shop",
    release=482,
    environment="production",
    plan_hash="sha256:" + "a" * 64,
    approver="ada@example.com",
    opening=2,
    purpose=Purpose.VOTE,
)
TOKEN = sign_link(CLAIMS, SIGNER)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def read(token: str, *, keys: PublicKeys = PUBLIC, now: datetime = NOW) -> ApprovalClaims:
    return read_link(token, keys, now=now)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(payload: bytes, seed: bytes = SEEDS["2026-11"]) -> str:
    """A payload with a valid signature, as anybody with the key could make it."""
    return f"{encoded(payload)}.{encoded(sign(seed, payload))}"


def payload_of(token: str) -> dict[str, Any]:
    text = token.partition(".")[0]
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return payload


NAMES = st.tuples(st.sampled_from(ascii_lowercase), st.text(ascii_lowercase + digits, max_size=39)).map("".join)
claims = st.builds(
    ApprovalClaims,
    expires_at=st.datetimes(min_value=datetime(2026, 11, 23, 8, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    application=NAMES,
    release=st.integers(min_value=1, max_value=10**12),
    environment=NAMES,
    plan_hash=st.binary(min_size=32, max_size=32).map(lambda hashed: f"sha256:{hashed.hex()}"),
    approver=st.text(st.characters(codec="utf-8"), min_size=3, max_size=254),
    opening=st.integers(min_value=1, max_value=1000),
    purpose=st.sampled_from(Purpose),
)


@given(given=claims)
def test_signed_claims_read_back_unchanged(given: ApprovalClaims) -> None:
    assert read(sign_link(given, SIGNER)) == given


@given(position=st.integers(min_value=0, max_value=len(TOKEN) - 1), letter=st.sampled_from(LETTERS + ".=+/ \n\x00ü"))
def test_a_token_with_any_changed_character_is_refused(position: int, letter: str) -> None:
    changed = TOKEN[:position] + letter + TOKEN[position + 1 :]
    if changed != TOKEN:
        with pytest.raises(TokenRefused):
            read(changed)


def test_a_token_with_another_last_character_of_either_half_is_refused() -> None:
    """The last character of base64 holds bits that many decoders ignore, so that two texts would be the same token."""
    for position in (TOKEN.index(".") - 1, len(TOKEN) - 1):
        for letter in LETTERS.replace(TOKEN[position], ""):
            with pytest.raises(TokenRefused):
                read(TOKEN[:position] + letter + TOKEN[position + 1 :])


@given(position=st.integers(min_value=0, max_value=len(TOKEN)), more=st.text(LETTERS + ".=", min_size=1, max_size=5))
def test_a_token_with_added_characters_is_refused(position: int, more: str) -> None:
    with pytest.raises(TokenRefused):
        read(TOKEN[:position] + more + TOKEN[position:])


@given(end=st.integers(min_value=0, max_value=len(TOKEN) - 1))
def test_a_token_that_is_cut_anywhere_is_refused(end: int) -> None:
    with pytest.raises(TokenRefused):
        read(TOKEN[:end])


@given(text=st.text(st.characters(codec=None), max_size=100))
def test_arbitrary_text_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(TokenRefused) as refusal:
        read(text)
    assert len(text) < 20 or text not in str(refusal.value)


contents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kid", "v", "to", "x"]), inner, max_size=4)
    ),
)


@given(content=contents)
def test_any_signed_content_that_is_not_a_token_is_refused(content: Any) -> None:
    with pytest.raises(TokenRefused):
        read(signed(json.dumps(content).encode()))


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 1000, b'{"kid":["2026-11"]}'])
def test_a_payload_that_is_not_a_token_is_refused(payload: bytes) -> None:
    with pytest.raises(TokenRefused):
        read(signed(payload))


def test_a_signed_payload_that_is_not_in_canonical_form_is_refused() -> None:
    with pytest.raises(TokenRefused, match=r"damaged"):
        read(signed(json.dumps(payload_of(TOKEN), indent=1).encode()))


@pytest.mark.parametrize("changed", [{"v": 2}, {"purpose": "admin"}, {"more": 1}, {"to": None}, {"opening": 0}])
def test_a_payload_of_another_shape_is_refused_though_it_is_signed(changed: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused, match=r"damaged"):
        read(signed(canonical(payload_of(TOKEN) | changed)))


def test_a_token_ends_at_its_time_and_not_before() -> None:
    assert read(TOKEN, now=CLAIMS.expires_at - timedelta(microseconds=1)) == CLAIMS
    with pytest.raises(TokenExpired, match=r"^the link expired at 2026-11-23 09:00 UTC$"):
        read(TOKEN, now=CLAIMS.expires_at)


def test_an_expired_token_that_was_changed_is_refused_for_its_signature() -> None:
    payload, _, signature = TOKEN.partition(".")
    other_signature = ("A" if signature[0] != "A" else "B") + signature[1:]
    with pytest.raises(TokenRefused, match=r"signature with the key 2026-11 is wrong") as refusal:
        read(f"{payload}.{other_signature}", now=CLAIMS.expires_at)
    assert not isinstance(refusal.value, TokenExpired)


def test_the_payload_has_the_documented_fields() -> None:
    assert payload_of(TOKEN) == {
        "v": 1,
        "kid": "2026-11",
        "application": "shop",
        "release": 482,
        "environment": "production",
        "opening": 2,
        "plan": CLAIMS.plan_hash,
        "to": "ada@example.com",
        "purpose": "vote",
        "exp": "2026-11-23T09:00:00Z",
    }


def test_the_newest_key_signs_and_all_public_keys_verify() -> None:
    newer = {"2026-12": b"d" * 32, **SEEDS}
    public_keys = public_of(newer)
    assert read(TOKEN, keys=public_keys) == CLAIMS
    new_token = sign_link(CLAIMS, PrivateSigner(FixedKeys(newer), public_keys))
    assert payload_of(new_token)["kid"] == "2026-12"
    with pytest.raises(TokenRefused, match=r"not one of this installation's"):
        read(new_token)


def test_a_key_of_the_same_name_but_other_bytes_does_not_verify() -> None:
    with pytest.raises(TokenRefused, match=r"is wrong"):
        read(TOKEN, keys=PublicKeys({"2026-11": public_key(b"x" * 32)}))


def test_a_token_that_names_another_key_is_refused() -> None:
    with pytest.raises(TokenRefused, match=r"is wrong"):
        read(signed(canonical(payload_of(TOKEN) | {"kid": "2026-10"})))


def test_without_a_key_whose_public_key_counts_nothing_is_signed() -> None:
    with pytest.raises(KeysUnavailable):
        sign_link(CLAIMS, PrivateSigner(FixedKeys({"2026-11": b"x" * 32}), PUBLIC))


def test_the_signature_of_a_record_is_not_valid_for_a_link() -> None:
    """A record is signed by its hash, a link by its payload, which is an object."""
    hash = b"sha256:" + b"0" * 64
    with pytest.raises(TokenRefused):
        read(f"{encoded(hash)}.{encoded(sign(SEEDS['2026-11'], hash))}")


def test_a_link_of_a_key_that_was_retired_is_refused_where_live_keys_alone_count() -> None:
    old_key, new_key = {"2026-11": SEEDS["2026-11"]}, {"2026-12": b"d" * 32}
    all_public_keys = public_of(new_key | old_key)
    assert read(TOKEN, keys=all_public_keys) == CLAIMS
    assert read(TOKEN, keys=PublicKeys(LiveKeys(FixedKeys(new_key | old_key), all_public_keys))) == CLAIMS
    with pytest.raises(TokenRefused, match=r"not one of this installation's"):
        read(TOKEN, keys=PublicKeys(LiveKeys(FixedKeys(new_key), all_public_keys)))


@pytest.mark.parametrize(
    "on_file", [{"2026-11": public_key(b"x" * 32)}, {}], ids=["another public key", "no public key"]
)
def test_a_live_key_without_its_own_public_key_on_file_counts_for_nothing(on_file: dict[str, bytes]) -> None:
    other_key = {"2026-10": public_key(SEEDS["2026-10"])}
    live = LiveKeys(FixedKeys(SEEDS), PublicKeys(on_file | other_key))
    assert live.live() == other_key
    assert live.ids() == ("2026-10",)
    with pytest.raises(TokenRefused, match=r"not one of this installation's"):
        read(TOKEN, keys=PublicKeys(live))


def test_public_keys_alone_verify_a_link_and_make_none() -> None:
    """A public key has 32 bytes, like a private key; a link signed with it as if it were one is refused."""
    assert read(TOKEN) == CLAIMS
    (kid, public), *_ = PUBLIC.by_id().items()
    with pytest.raises(KeysUnavailable):
        sign_link(CLAIMS, PrivateSigner(FixedKeys({kid: public}), PUBLIC))
    payload = canonical(payload_of(TOKEN) | {"kid": kid})
    with pytest.raises(TokenRefused, match=r"is wrong"):
        read(signed(payload, public))


def test_claims_that_name_no_opening_make_no_link() -> None:
    with pytest.raises(ValueError, match="opening"):
        sign_link(CLAIMS.evolve(opening=None), SIGNER)


@pytest.mark.parametrize(("keys", "message"), [({}, "at least one"), ({"a": b"x" * 31}, "expected 32 bytes, got 31")])
def test_keys_that_are_missing_or_short_are_refused(keys: dict[str, bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_keys(keys)


def test_a_token_that_is_too_long_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(TokenRefused, match=r"too long"):
        read("A" * (TOKEN_LIMIT + 1))


def test_the_longest_claims_make_a_token_that_is_short_enough() -> None:
    longest = CLAIMS.evolve(application="a" * 40, environment="e" * 40, approver="ö" * 254, release=10**12)
    assert read(sign_link(longest, SIGNER)) == longest


def test_the_same_claims_make_the_same_token() -> None:
    assert sign_link(CLAIMS, SIGNER) == TOKEN
