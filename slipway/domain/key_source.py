"""Where private and public keys come from, when they can change while the app runs."""

from collections.abc import Mapping
from typing import Protocol

from ..ed25519 import KEY_BYTES


class KeysUnavailable(Exception):  # noqa: N818 - nothing is wrong, they are only out of reach
    """The store of the keys does not answer, and no keys are cached."""


class KeySource(Protocol):
    """Keys by id."""

    def live(self, key_id: str | None = None) -> Mapping[str, bytes]:
        """The keys. A source may reload its keys if it does not know the wanted id. Raises `KeysUnavailable`, also as
        long as it cannot tell whether there is such a key."""
        ...

    def ids(self) -> tuple[str, ...]:
        """Ids of the keys that are live at this moment, in their order. Raises `KeysUnavailable`."""
        ...


class FixedKeys:
    """Keys that do not change while the app runs."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = checked_keys(keys)

    def live(self, key_id: str | None = None) -> Mapping[str, bytes]:  # noqa: ARG002 - there is nowhere to look
        return self._keys

    def ids(self) -> tuple[str, ...]:
        return tuple(self._keys)


def checked_keys(keys: Mapping[str, bytes]) -> dict[str, bytes]:
    """Raises ValueError if there are no keys, or one has another length."""
    if not keys:
        raise ValueError("keys: expected at least one, got none")
    for key_id, key in keys.items():
        if len(key) != KEY_BYTES:
            raise ValueError(f"key {key_id!r}: expected {KEY_BYTES} bytes, got {len(key)}")
    return dict(keys)
