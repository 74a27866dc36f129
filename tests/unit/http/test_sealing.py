"""Values that a browser keeps for us open only unchanged, for their purpose, and while we still have the key."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.signing import FixedKeys
from slipway.http.sealing import KeyPurpose, Seal

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
SEAL = Seal(FixedKeys({"new": NEW, "old": OLD}))


@given(st.binary(max_size=3000))
def test_sealed_content_opens_for_its_purpose_alone(content: bytes) -> None:
    sealed = SEAL.close(KeyPurpose.SESSION, content)
    assert SEAL.open(KeyPurpose.SESSION, sealed) == content
    assert SEAL.open(KeyPurpose.SIGN_IN, sealed) is None
    assert sealed.startswith("new.")


@given(st.data())
def test_sealed_content_with_a_changed_character_does_not_open(data: st.DataObject) -> None:
    sealed = SEAL.close(KeyPurpose.SESSION, b"who it is")
    place = data.draw(st.integers(0, len(sealed) - 1))
    letter = data.draw(st.sampled_from("abcXYZ019-_."))
    changed = sealed[:place] + letter + sealed[place + 1 :]
    assert changed == sealed or SEAL.open(KeyPurpose.SESSION, changed) is None


@given(st.text(max_size=200))
def test_arbitrary_text_neither_opens_nor_counts_as_a_mark(text: str) -> None:
    assert SEAL.open(KeyPurpose.SESSION, text) is None
    assert not SEAL.is_marked(KeyPurpose.FORM, b"a form", text)


def test_the_previous_key_still_opens_and_a_removed_key_does_not() -> None:
    before = Seal(FixedKeys({"old": OLD}))
    former = Seal(FixedKeys({"gone": OTHER}))
    assert SEAL.open(KeyPurpose.SESSION, before.close(KeyPurpose.SESSION, b"a")) == b"a"
    assert SEAL.open(KeyPurpose.SESSION, former.close(KeyPurpose.SESSION, b"a")) is None
    assert SEAL.is_marked(KeyPurpose.FORM, b"a", before.mark(KeyPurpose.FORM, b"a"))
    assert not SEAL.is_marked(KeyPurpose.FORM, b"a", former.mark(KeyPurpose.FORM, b"a"))


def test_a_mark_is_for_one_content_and_one_purpose() -> None:
    mark = SEAL.mark(KeyPurpose.FORM, b"a")
    assert SEAL.is_marked(KeyPurpose.FORM, b"a", mark)
    assert not SEAL.is_marked(KeyPurpose.FORM, b"b", mark)
    assert not SEAL.is_marked(KeyPurpose.SESSION, b"a", mark)


def test_the_id_of_the_key_cannot_be_exchanged() -> None:
    """The same key under two ids: the id is part of what is sealed."""
    twice = Seal(FixedKeys({"a": NEW, "b": NEW}))
    _, _, content = twice.close(KeyPurpose.SESSION, b"x").partition(".")
    assert twice.open(KeyPurpose.SESSION, f"a.{content}") == b"x"
    assert twice.open(KeyPurpose.SESSION, f"b.{content}") is None


@pytest.mark.parametrize("length", [0, 11, 12, 27])
def test_sealed_content_that_is_too_short_does_not_open(length: int) -> None:
    text = base64.urlsafe_b64encode(b"a" * length).rstrip(b"=").decode()
    assert SEAL.open(KeyPurpose.SESSION, f"new.{text}") is None
