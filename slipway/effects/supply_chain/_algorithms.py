"""The six signature algorithms of the Notary Project. The signing certificate's key determines the algorithm.

An envelope's `alg` is only compared with that algorithm: trusting it would let an attacker choose one.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ._reading import Unproven


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """One algorithm, by its names in JOSE and COSE."""

    name: str
    cose: int
    hash: hashes.HashAlgorithm
    coordinate: int = 0
    """Bytes of r and of s; 0 for RSA."""


_RSA: Final = {
    2048: Algorithm(name="PS256", cose=-37, hash=hashes.SHA256()),
    3072: Algorithm(name="PS384", cose=-38, hash=hashes.SHA384()),
    4096: Algorithm(name="PS512", cose=-39, hash=hashes.SHA512()),
}
_CURVES: Final = {
    "secp256r1": Algorithm(name="ES256", cose=-7, hash=hashes.SHA256(), coordinate=32),
    "secp384r1": Algorithm(name="ES384", cose=-35, hash=hashes.SHA384(), coordinate=48),
    "secp521r1": Algorithm(name="ES512", cose=-36, hash=hashes.SHA512(), coordinate=66),
}
NAME_OF_COSE: Final = {algorithm.cose: algorithm.name for algorithm in (*_RSA.values(), *_CURVES.values())}


def algorithm_of(key: CertificatePublicKeyTypes) -> Algorithm:
    """The algorithm that a key must be used with. Raises `Unproven` for other kinds of keys."""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA:
        return _RSA[key.key_size]
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    allowed = "RSA of 2048, 3072 or 4096 bits or EC P-256, P-384 or P-521"
    raise Unproven(f"the signing certificate's key is of another kind than {allowed}")


def verify_signature(key: CertificatePublicKeyTypes, algorithm: Algorithm, signature: bytes, signed: bytes) -> None:
    """Raises `Unproven` unless the key signed these bytes."""
    with suppress(InvalidSignature):
        if isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(mgf=padding.MGF1(algorithm.hash), salt_length=algorithm.hash.digest_size)
            key.verify(signature, signed, pss, algorithm.hash)
            return
        if isinstance(key, ec.EllipticCurvePublicKey) and len(signature) == 2 * algorithm.coordinate:
            r, s = signature[: algorithm.coordinate], signature[algorithm.coordinate :]
            key.verify(encode_dss_signature(int.from_bytes(r), int.from_bytes(s)), signed, ec.ECDSA(algorithm.hash))
            return
    raise Unproven("the signature does not match: its content was altered, or the certificate is another signer's")
