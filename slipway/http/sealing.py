"""Seals values that a browser keeps for us, so that they can neither be read nor changed there (AES-256-GCM).

A sealed text is `key id.content`, where the content is base64url of nonce, ciphertext and tag. Each purpose has its own
key, derived from the installation's session key by HKDF, so that a text sealed for one purpose does not open for
another.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_LONGEST: Final = 8192
"""The most characters of a sealed text; a longer one is not examined."""
_NO_SALT: Final = bytes(hashlib.sha256().digest_size)


class KeyPurpose(StrEnum):
    """The purpose of a derived key."""

    SESSION = "session"
    SIGN_IN = "sign-in"
    FORM = "form"


class SealKeys(Protocol):
    """The session keys by id; the first one seals. All of them open, so that rotating signs nobody out."""

    def live(self, key_id: str | None = None) -> Mapping[str, bytes]:
        """The keys. A source may load them again if it does not know the wanted id. Raises `KeysUnavailable`."""
        ...


class Seal:
    """Seals, opens and marks."""

    def __init__(self, keys: SealKeys) -> None:
        self._keys = keys

    def close(self, purpose: KeyPurpose, content: bytes) -> str:
        """The content, sealed with the newest key. Raises `KeysUnavailable`."""
        kid, key = next(iter(self._keys.live().items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        closed = AESGCM(_derived(key, purpose)).encrypt(nonce, content, kid.encode())
        return f"{kid}.{_encode(nonce + closed)}"

    def open(self, purpose: KeyPurpose, sealed: str) -> bytes | None:
        """The content sealed for this purpose; None if the text is not ours, was changed, or its key is gone. Raises
        `KeysUnavailable`."""
        kid, _, text = sealed.rpartition(".")
        if not kid or len(sealed) > _LONGEST:
            return None
        key, content = self._keys.live(kid).get(kid), _decode(text)
        if key is None or content is None or len(content) <= _NONCE_BYTES:
            return None
        try:
            cipher = AESGCM(_derived(key, purpose))
            return cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], kid.encode())
        except InvalidTag:
            return None

    def mark(self, purpose: KeyPurpose, content: bytes) -> str:
        """A MAC over the content, as base64url, by the newest key. Raises `KeysUnavailable`."""
        key = next(iter(self._keys.live().values()))
        return _mac(key, purpose, content)

    def is_marked(self, purpose: KeyPurpose, content: bytes, mark: str) -> bool:
        """Whether one of the live keys made the mark. Raises `KeysUnavailable`."""
        mark_bytes = mark.encode()
        made = [_mac(key, purpose, content).encode() for key in self._keys.live().values()]
        return any(hmac.compare_digest(each, mark_bytes) for each in made)


def _mac(key: bytes, purpose: KeyPurpose, content: bytes) -> str:
    return _encode(hmac.new(_derived(key, purpose), content, hashlib.sha256).digest())


def _derived(key: bytes, purpose: KeyPurpose) -> bytes:
    """HKDF-SHA-256 (RFC 5869) of one block, which is as long as the key of AES-256."""
    extracted = hmac.new(_NO_SALT, key, hashlib.sha256).digest()
    return hmac.new(extracted, f"slipway {purpose}".encode() + b"\x01", hashlib.sha256).digest()


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if _encode(content) == text else None
