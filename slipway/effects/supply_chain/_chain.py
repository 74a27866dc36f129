"""X.509 chains, by the rules of the Notary Project: the envelope contains the complete chain in order, leaf first.

Only basic constraints, key usage and extended key usage are evaluated, as the specification requires.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from ._reading import Unproven, printable

LONGEST_CHAIN: Final = 10
LARGEST_CERTIFICATE: Final = 32 * 1024
_WEAK: Final = (hashes.SHA1, hashes.MD5)
_NOT_FOR_CODE: Final = {
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any use",
    ExtendedKeyUsageOID.SERVER_AUTH: "TLS servers",
    ExtendedKeyUsageOID.CLIENT_AUTH: "TLS clients",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "e-mail",
    ExtendedKeyUsageOID.TIME_STAMPING: "time stamps",
}
_MALFORMED: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def read_chain(encoded: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """The decoded certificates, not verified yet. Raises `Unproven`."""
    if not 1 <= len(encoded) <= LONGEST_CHAIN:
        raise Unproven(f"expected 1 to {LONGEST_CHAIN} certificates, got {len(encoded)}")
    if any(len(certificate) > LARGEST_CERTIFICATE for certificate in encoded):
        raise Unproven(f"a certificate is larger than {LARGEST_CERTIFICATE} bytes")
    return tuple(_read(certificate) for certificate in encoded)


def _read(encoded: bytes) -> x509.Certificate:
    """A certificate with all of its parts decoded; otherwise the library would fail later, on first access."""
    certificate = _readable(lambda: x509.load_der_x509_certificate(encoded))
    _readable(lambda: (certificate.subject.rfc4514_string(), certificate.issuer, certificate.extensions))
    _readable(lambda: (certificate.not_valid_before_utc, certificate.not_valid_after_utc))
    return certificate


def public_key_of(certificate: x509.Certificate) -> CertificatePublicKeyTypes:
    return _readable(certificate.public_key)


def check_chain(chain: Sequence[x509.Certificate], times: Iterable[datetime]) -> None:
    """Raises `Unproven` unless each certificate was issued by the next, allows this use, and is valid at all times."""
    if len(set(chain)) != len(chain):
        raise Unproven("a certificate occurs twice in the chain")
    for certificate in chain:
        _check_hash(certificate)
    for issued, issuer in (*pairwise(chain), (chain[-1], chain[-1])):
        _check_issued(issued, issuer)
    _check_leaf(chain[0], alone=len(chain) == 1)
    for below, certificate in enumerate(chain[1:]):
        _check_authority(certificate, below)
    for time in times:
        for certificate in chain:
            _check_valid(certificate, time)


def name_of(certificate: x509.Certificate) -> str:
    """The subject, for messages."""
    return printable(certificate.subject.rfc4514_string())


def _readable[T](read: Callable[[], T]) -> T:
    try:
        return read()
    except _MALFORMED as error:
        raise Unproven(f"a certificate cannot be read: {printable(str(error))}") from None


def _check_hash(certificate: x509.Certificate) -> None:
    if isinstance(_readable(lambda: certificate.signature_hash_algorithm), _WEAK):
        raise Unproven(f"the certificate of {name_of(certificate)} is signed with SHA-1 or MD5")


def _check_issued(issued: x509.Certificate, issuer: x509.Certificate) -> None:
    try:
        issued.verify_directly_issued_by(issuer)
    except (*_MALFORMED, InvalidSignature):
        if issued is issuer:
            what = f"the chain ends with {name_of(issued)}, which is not a root: it did not sign itself"
        else:
            what = f"the certificate of {name_of(issued)} was not issued by the next one, {name_of(issuer)}"
        raise Unproven(what) from None


def _extension[E: x509.ExtensionType](certificate: x509.Certificate, kind: type[E]) -> x509.Extension[E] | None:
    try:
        return _readable(lambda: certificate.extensions.get_extension_for_class(kind))
    except x509.ExtensionNotFound:
        return None


def _check_leaf(leaf: x509.Certificate, *, alone: bool) -> None:
    name = name_of(leaf)
    constraints = _extension(leaf, x509.BasicConstraints)
    if constraints is not None and constraints.value.ca:
        hint = "; a self-signed one must not be a CA" if alone else ""
        raise Unproven(f"the signing certificate of {name} is that of a CA{hint}")
    usage = _extension(leaf, x509.KeyUsage)
    if usage is None or not usage.critical or not usage.value.digital_signature:
        raise Unproven(f"the signing certificate of {name} lacks the critical key usage digitalSignature")
    value = usage.value
    others = {
        "keyEncipherment": value.key_encipherment,
        "dataEncipherment": value.data_encipherment,
        "keyAgreement": value.key_agreement,
        "keyCertSign": value.key_cert_sign,
        "cRLSign": value.crl_sign,
    }
    if wrong := [usage_name for usage_name, is_set in others.items() if is_set]:
        raise Unproven(f"the signing certificate of {name} is also for {', '.join(wrong)}")
    extended = _extension(leaf, x509.ExtendedKeyUsage)
    if extended is not None and (wrong := [_NOT_FOR_CODE[use] for use in extended.value if use in _NOT_FOR_CODE]):
        raise Unproven(f"the signing certificate of {name} is for {', '.join(wrong)}, not for signing code")


def _check_authority(certificate: x509.Certificate, below: int) -> None:
    """`below`: the number of CAs between this one and the leaf."""
    name = name_of(certificate)
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.critical or not constraints.value.ca:
        raise Unproven(f"the certificate of {name} is not that of a CA")
    allowed = constraints.value.path_length
    if allowed is not None and below > allowed:
        raise Unproven(f"the certificate of {name} allows {allowed} CAs below it, here are {below}")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is None or not usage.critical or not usage.value.key_cert_sign:
        raise Unproven(f"the certificate of {name} lacks the critical key usage keyCertSign")


def _check_valid(certificate: x509.Certificate, time: datetime) -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= time <= end:
        state = "had expired" if time > end else "was not valid yet"
        valid = f"valid from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
        raise Unproven(f"the certificate of {name_of(certificate)}, {valid}, {state} at {time:%Y-%m-%d %H:%M} UTC")
