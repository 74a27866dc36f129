"""Notation signatures, verified by the Notary Project's level `strict`, except for revocation.

RFC 3161 timestamps are not supported, so a signature is valid only while every certificate of its chain is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ...text import moment
from . import _cose, _jws
from ._algorithms import algorithm_of, verify_signature
from ._chain import check_chain, name_of, public_key_of, read_chain
from ._envelope import SignatureEnvelope
from ._reading import Unproven, object_at, printable, strict_json

LARGEST_ENVELOPE: Final = 1024 * 1024
_READERS: Final[Mapping[str, tuple[str, Callable[[bytes], SignatureEnvelope]]]] = {
    _jws.MEDIA_TYPE: ("JWS", _jws.read_jws),
    _cose.MEDIA_TYPE: ("COSE", _cose.read_cose),
}
_OIDS: Final = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "STREET": NameOID.STREET_ADDRESS,
    "POSTALCODE": NameOID.POSTAL_CODE,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
}


@dataclass(frozen=True, kw_only=True)
class NotationTrust:
    """The signers whose signatures are accepted."""

    roots: tuple[x509.Certificate, ...]
    identities: tuple[Mapping[str, str], ...]
    """Attributes that a subject must have; empty to accept any certificate issued below the roots."""


@dataclass(frozen=True, kw_only=True)
class SignedDescriptor:
    """The descriptor that must have been signed."""

    media_type: str
    digest: str
    size: int


def verify_notation(raw: bytes, media_type: str, target: SignedDescriptor, trust: NotationTrust, now: datetime) -> str:
    """Verify a signature; returns signer, time and algorithm as text for people. Raises `Unproven`."""
    if media_type not in _READERS:
        raise Unproven(f"its envelope is {printable(media_type)}, expected {' or '.join(_READERS)}")
    if len(raw) > LARGEST_ENVELOPE:
        raise Unproven(f"its envelope is larger than {LARGEST_ENVELOPE} bytes")
    format_name, read = _READERS[media_type]
    envelope = read(raw)
    chain = read_chain(envelope.chain)
    algorithm = algorithm_of(key := public_key_of(chain[0]))
    if envelope.algorithm != algorithm.name:
        raise Unproven(f"it claims the algorithm {printable(envelope.algorithm)}, its key's is {algorithm.name}")
    verify_signature(key, algorithm, envelope.signature, envelope.signed)
    _check_trusted(chain, trust)
    if envelope.expiry is not None and now >= envelope.expiry:
        raise Unproven(f"it expired at {moment(envelope.expiry)}")
    check_chain(chain, (now, envelope.signing_time))
    _check_payload(envelope.payload, target)
    return f"{name_of(chain[0])}, at {moment(envelope.signing_time)} ({format_name}, {algorithm.name})"


def _check_trusted(chain: Sequence[x509.Certificate], trust: NotationTrust) -> None:
    roots = {root.public_bytes(Encoding.DER) for root in trust.roots}
    if not any(certificate.public_bytes(Encoding.DER) in roots for certificate in chain):
        raise Unproven(f"the certificate of {name_of(chain[0])} does not lead to a trusted root")
    if trust.identities and not any(_names(chain[0], identity) for identity in trust.identities):
        raise Unproven(f"{name_of(chain[0])} is not one of the trusted identities")


def _names(leaf: x509.Certificate, identity: Mapping[str, str]) -> bool:
    """Whether the subject has each attribute of the identity, once, with that value."""
    return all(
        [attribute.value for attribute in leaf.subject.get_attributes_for_oid(_OIDS[name])] == [value]
        for name, value in identity.items()
    )


def _check_payload(payload: bytes, target: SignedDescriptor) -> None:
    """Called last, since the payload must not be trusted before its signature is verified."""
    descriptor = object_at(strict_json(payload, "the signed payload"), "targetArtifact", "the signed payload")
    if descriptor.get("digest") != target.digest:
        raise Unproven(f"it is for {printable(str(descriptor.get('digest')))}, not for this image")
    if (descriptor.get("mediaType"), descriptor.get("size")) != (target.media_type, target.size):
        raise Unproven("it is for this digest, but for another media type or size")
