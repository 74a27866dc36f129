"""Ed25519: signing with a seed of 32 bytes, verifying with the public key of 32 bytes. Pure functions, like a hash.

No other module calls the library for it; `domain/signing.py` says what is signed and whose keys count.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_BYTES: Final = 32
"""Length of a seed, and of a public key."""


@lru_cache(maxsize=16)
def public_key(seed: bytes) -> bytes:
    """The public key that belongs to a seed."""
    return _private(seed).public_key().public_bytes_raw()


def sign(seed: bytes, content: bytes) -> bytes:
    return _private(seed).sign(content)


def verifies(public: bytes, signature: bytes, content: bytes) -> bool:
    """Whether the holder of the key signed exactly this content."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - slow to import

    try:
        _public(public).verify(signature, content)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=16)
def _private(seed: bytes) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - slow to import

    return Ed25519PrivateKey.from_private_bytes(seed)


@lru_cache(maxsize=16)
def _public(key: bytes) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - slow to import

    return Ed25519PublicKey.from_public_bytes(key)
