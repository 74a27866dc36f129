"""Signatures by a public key, as cosign makes them: the type of the key determines the algorithm, with SHA-256."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

type PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


def is_signed_by(key: PublicKey, signature: bytes, signed: bytes) -> bool:
    """Whether the key signed the bytes, with ECDSA (DER), RSA PKCS #1 v1.5 or Ed25519, depending only on the key."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
