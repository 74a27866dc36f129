"""Signatures of records, anchors and links: made by the worker alone, verified by everybody with public keys.

Each purpose signs bytes of its own form, so a signature for one is useless for another: a record or an anchor is signed
by its hash, a link by its canonical JSON. A setting of every role says which public keys count. A `KeySource` loads the
keys themselves, which may change while the app runs.
"""

import base64
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Final, Protocol

from pydantic import Field

from ..ed25519 import KEY_BYTES, public_key, sign, verifies
from .model import Record

KEY_ID_PATTERN: Final = r"^[A-Za-z0-9._-]{1,40}$"
SIGNATURE_PATTERN: Final = r"^[A-Za-z0-9+/]{85}[AQgw]==$"
"""Base64 of 64 bytes. Each signature has exactly one such text, so that no character of it can be changed unnoticed."""
RETIRED: Final = "retired."
"""Begins the id of a public key whose private key is no longer trusted, since somebody else may have it."""
MOST_PUBLIC: Final = 100
"""The most public keys that an installation may have had."""

KeyId = Annotated[str, Field(pattern=KEY_ID_PATTERN)]


class KeysUnavailable(Exception):  # noqa: N818 - nothing is wrong, they are only out of reach
    """The store of the keys does not answer, and no keys are cached."""


class KeySource(Protocol):
    """Keys by id."""

    def live(self, key_id: str | None = None) -> Mapping[str, bytes]:
        """The keys. A source may reload its keys if it does not know the wanted id. Raises `KeysUnavailable`, also
        while it cannot tell whether there is such a key."""
        ...

    def ids(self) -> tuple[str, ...]:
        """Ids of the keys that are live now, in their order. Raises `KeysUnavailable`."""
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
    """The keys. Raises ValueError if there are none, or if one has another length."""
    if not keys:
        raise ValueError("keys: expected at least one, got none")
    for key_id, key in keys.items():
        if len(key) != KEY_BYTES:
            raise ValueError(f"key {key_id!r}: expected {KEY_BYTES} bytes, got {len(key)}")
    return dict(keys)


class Signature(Record):
    """A signature, and the key that made it."""

    kid: KeyId
    value: Annotated[str, Field(pattern=SIGNATURE_PATTERN)]


class Signer(Protocol):
    """The holder of a private key: the worker."""

    def sign(self, content: bytes) -> Signature:
        """Raises `KeysUnavailable`."""
        ...

    def sign_naming(self, content: Callable[[str], bytes]) -> Signature:
        """Sign content that names its own key: `content` makes it for the id of the key. Raises `KeysUnavailable`."""
        ...


class PublicKeys:
    """The public keys that count, by id, oldest first."""

    def __init__(self, keys: Mapping[str, bytes] | KeySource) -> None:
        self._source: KeySource = FixedKeys(checked_public(keys)) if isinstance(keys, Mapping) else keys

    def by_id(self, key_id: str | None = None) -> Mapping[str, bytes]:
        """The keys. If the wanted one is not known, they are loaded again. Raises `KeysUnavailable`."""
        return self._source.live(key_id)

    def is_retired(self, kid: str) -> bool:
        """Whether the key is retired, so that other evidence must show how old a signature of it is. Raises
        `KeysUnavailable`."""
        return RETIRED + kid in self._source.live()

    def fault(self, signature: Signature, content: bytes) -> str:
        """Why the signature does not prove who wrote the content; empty if it does. Raises `KeysUnavailable`."""
        if self.is_retired(signature.kid):
            return f"it is signed with the key {signature.kid}, which was retired"
        return self.fault_in_chain(signature, content)

    def fault_in_chain(self, signature: Signature, content: bytes) -> str:
        """Like `fault`, for content that later content must name by its hash: for it, retired keys count.

        Raises `KeysUnavailable`.
        """
        name = RETIRED + signature.kid if self.is_retired(signature.kid) else signature.kid
        key = None if signature.kid.startswith(RETIRED) else self._source.live(name).get(name)
        if key is None:
            return f"it is signed with the key {signature.kid}, which is not one of this installation's"
        if not verifies(key, base64.b64decode(signature.value), content):
            return f"its signature with the key {signature.kid} is wrong"
        return ""


class PrivateSigner:
    """Signs with the newest private key whose public key is trusted already, so that everybody can verify its
    signatures."""

    def __init__(self, private: KeySource, public: PublicKeys) -> None:
        """`private` has seeds by id, newest first."""
        self._private, self._public = private, public

    def sign(self, content: bytes) -> Signature:
        """Raises `KeysUnavailable`."""
        return _signed_with(*self._newest(), content)

    def sign_naming(self, content: Callable[[str], bytes]) -> Signature:
        """Raises `KeysUnavailable`."""
        kid, seed = self._newest()
        return _signed_with(kid, seed, content(kid))

    def _newest(self) -> tuple[str, bytes]:
        """The id and the seed of the key to sign with."""
        keys = self._public.by_id()
        for kid, seed in self._private.live().items():
            if keys.get(kid) == public_key(seed):
                return kid, seed
        raise KeysUnavailable("none of the signing keys has its public key among those of the installation")


def _signed_with(kid: str, seed: bytes, content: bytes) -> Signature:
    return Signature(kid=kid, value=base64.b64encode(sign(seed, content)).decode())


class LiveKeys:
    """A source of the public keys whose private keys are still live. A credential that opens something for its holder,
    such as a link, has to be signed with one of them; a record stays true when its key is retired."""

    def __init__(self, private: KeySource, public: PublicKeys) -> None:
        self._private, self._public = private, public

    def live(self, key_id: str | None = None) -> Mapping[str, bytes]:
        public, private = self._public.by_id(key_id), self._private.live(key_id)
        return {kid: key for kid, seed in private.items() if (key := public_key(seed)) == public.get(kid)}

    def ids(self) -> tuple[str, ...]:
        return tuple(self.live())


class NotRetired:
    """Like `LiveKeys`, but without private keys: all public keys except those that the worker recorded as retired."""

    def __init__(self, public: PublicKeys, retired: Callable[[], Collection[str]]) -> None:
        self._public, self._retired = public, retired

    def live(self, key_id: str | None = None) -> Mapping[str, bytes]:
        retired = self._retired()
        return {kid: key for kid, key in self._public.by_id(key_id).items() if kid not in retired}

    def ids(self) -> tuple[str, ...]:
        return tuple(self.live())


def checked_public(keys: Mapping[str, bytes]) -> dict[str, bytes]:
    """The keys. Raises ValueError if there are none or too many, or if one is not a public key."""
    if not 1 <= len(keys) <= MOST_PUBLIC:
        raise ValueError(f"public keys: expected 1 to {MOST_PUBLIC}, got {len(keys)}")
    for kid, key in keys.items():
        if len(key) != KEY_BYTES:
            raise ValueError(f"public key {kid!r}: expected {KEY_BYTES} bytes, got {len(key)}")
    return dict(keys)
