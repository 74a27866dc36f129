"""Keys that can change while the app runs: when they are read again, and which count while they cannot be read."""

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from slipway.domain.keyring import format_keys
from slipway.domain.signing import KeysUnavailable
from slipway.effects.keys import CachedKeys, KeyFile
from slipway.effects.keys.cached import MOST_AWAITED

OLD, NEW = {"old": b"o" * 32}, {"new": b"n" * 32, "old": b"o" * 32}


class KeySource:
    """A source of keys that counts reads, and a clock."""

    def __init__(self) -> None:
        self.keys: Mapping[str, bytes] = OLD
        self.error: Exception | None = None
        self.reads = 0
        self.now = 0.0

    def load(self) -> Mapping[str, bytes]:
        self.reads += 1
        if self.error:
            raise self.error
        return self.keys


@pytest.fixture
def source() -> KeySource:
    return KeySource()


@pytest.fixture
def keys(source: KeySource) -> CachedKeys:
    return CachedKeys(source.load, max_age=600, pause=10, monotonic=lambda: source.now)


def test_keys_are_read_once_and_again_when_they_are_old(source: KeySource, keys: CachedKeys) -> None:
    for source.now in (0, 1, 599):
        assert keys.live("old") == OLD
    assert source.reads == 1
    source.keys, source.now = NEW, 600
    assert keys.live() == NEW


def test_an_unknown_key_makes_the_keys_be_read_again_early(source: KeySource, keys: CachedKeys) -> None:
    keys.live()
    source.keys, source.now = NEW, 10
    assert "new" in keys.live("new")


def test_many_links_with_unknown_keys_lead_to_few_reads(source: KeySource, keys: CachedKeys) -> None:
    for source.now in (0, 1, 2, 9.9, 10, 11, 19.9):
        keys.live("forged")
    assert source.reads == 2


def test_a_key_made_since_the_last_read_is_not_called_forged(source: KeySource, keys: CachedKeys) -> None:
    """The key was created after the last refresh, and the next one is not due yet."""
    keys.live("old")
    source.keys, source.now = NEW, 3
    with pytest.raises(KeysUnavailable, match="new is one of ours is known when the keys are read again"):
        keys.live("new")
    assert keys.live("old") == OLD
    source.now = 10
    assert keys.live("new") == NEW


def test_one_read_shows_that_each_of_many_unknown_keys_is_forged(source: KeySource, keys: CachedKeys) -> None:
    keys.live("old")
    for number in range(2 * MOST_AWAITED):
        with pytest.raises(KeysUnavailable):
            keys.live(f"forged {number}")
    source.now = 10
    for number in range(MOST_AWAITED):
        assert f"forged {number}" not in keys.live(f"forged {number}")
    assert source.reads == 2


def test_while_keys_cannot_be_read_an_unknown_one_is_not_called_forged(source: KeySource, keys: CachedKeys) -> None:
    keys.live("old")
    source.error, source.now = KeysUnavailable("away"), 10
    with pytest.raises(KeysUnavailable):
        keys.live("new")
    source.error, source.keys, source.now = None, NEW, 20
    assert keys.live("new") == NEW


@pytest.mark.parametrize("error", [KeysUnavailable("away"), ValueError("item 1: expected base64")])
def test_known_keys_stay_good_while_they_cannot_be_read_again(
    source: KeySource, keys: CachedKeys, error: Exception
) -> None:
    keys.live()
    source.error, source.now = error, 700
    assert keys.live() == OLD
    source.error, source.keys, source.now = None, NEW, 711
    assert keys.live() == NEW


def test_an_empty_set_of_keys_is_never_accepted(source: KeySource, keys: CachedKeys) -> None:
    source.keys = {}
    with pytest.raises(KeysUnavailable):
        keys.live()


def test_a_key_file_is_read_whole_and_a_fault_is_named_by_its_position(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with pytest.raises(KeysUnavailable, match="cannot be read"):
        KeyFile(path).load()
    path.write_text(format_keys(NEW, separator="\n") + "\n")
    assert list(KeyFile(path).load().items()) == list(NEW.items())
    path.write_text("a:shown-not")
    with pytest.raises(ValueError, match="item 1: expected base64") as refusal:
        KeyFile(path).load()
    assert "shown-not" not in str(refusal.value)
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="expected ASCII"):
        KeyFile(path).load()


def test_ids_are_never_stale_and_a_source_that_cannot_be_read_is_reported(source: KeySource, keys: CachedKeys) -> None:
    keys.live()
    source.keys = NEW
    assert keys.ids() == ("new", "old")
    for source.error in (KeysUnavailable("away"), ValueError("item 1: expected base64")):
        with pytest.raises(KeysUnavailable):
            keys.ids()
    assert keys.live() == NEW


def test_known_keys_are_served_while_an_unknown_one_makes_the_keys_be_read(source: KeySource) -> None:
    """The source of the keys hangs while somebody sends links that name unknown keys."""
    read_started, may_continue = threading.Event(), threading.Event()

    def load() -> Mapping[str, bytes]:
        if source.reads:
            read_started.set()
            assert may_continue.wait(30)
        return source.load()

    keys = CachedKeys(load, max_age=600, pause=10, monotonic=lambda: source.now)
    keys.live("old")
    source.now = 10
    forged_link = threading.Thread(target=keys.live, args=("forged",))
    forged_link.start()
    assert read_started.wait(30)
    assert keys.live("old") == OLD
    with pytest.raises(KeysUnavailable):
        keys.live("forged, too")
    may_continue.set()
    forged_link.join()
    assert source.reads == 2
