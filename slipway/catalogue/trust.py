"""The keys and certificates that an environment's requirements name, read from the application's files.

They are read when an application is applied, so that an invalid file is reported at once, and again for every plan.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from slipway.domain.requirements import NamedFile, Requirements, TrustRules

from ..manifests.problems import ConfigError, Problem, Steps, dotted_path
from .files import Files, path_inside

_SMALLEST_RSA: Final = 2048
_LARGEST_RSA: Final = 8192

type PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, kw_only=True)
class TrustFiles:
    """The content of the files."""

    roots: tuple[x509.Certificate, ...] = ()
    cosign: PublicKey | None = None
    provenance: PublicKey | None = None


@dataclass(frozen=True, kw_only=True)
class InvalidTrustFile:
    """One invalid file, and the field that names it."""

    field: Steps
    expected: str
    got: str


class _UnusableFile(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected)
        self.expected, self.got = expected, got


def read_trust(files: Files, required: TrustRules) -> TrustFiles:
    """The keys and certificates of these rules. Raises ConfigError if a file is invalid."""
    faults = list(_faults(files, required.own_files()))
    if faults:
        raise ConfigError(
            Problem(
                file=files.document, field=f"require.{dotted_path(fault.field)}", expected=fault.expected, got=fault.got
            )
            for fault in faults
        )
    contents = {field: _content(files, name) for field, name in required.own_files()}
    cosign, provenance = contents.get(("cosign", "key")), contents.get(("provenance", "key"))
    return TrustFiles(
        roots=tuple(root for field, data in contents.items() if field[0] == "notation" for root in _certificates(data)),
        cosign=_public_key(cosign) if cosign else None,
        provenance=_public_key(provenance) if provenance else None,
    )


def trust_faults(files: Files, required: Requirements) -> Iterator[InvalidTrustFile]:
    """The files of an environment that are invalid."""
    yield from _faults(files, required.files())


def _faults(files: Files, named: Iterable[NamedFile]) -> Iterator[InvalidTrustFile]:
    for field, name in named:
        try:
            data = _content(files, name)
            if "notation" in field:
                _certificates(data)
            else:
                _public_key(data)
        except _UnusableFile as error:
            yield InvalidTrustFile(field=field, expected=error.expected, got=f"{name}: {error.got}")


def _content(files: Files, name: str) -> bytes:
    if path_inside(name) is None:
        raise _UnusableFile("a path beside the application's document", "it leads out of the folder")
    text = files.text(name)
    if text is None:
        raise _UnusableFile("a file", "there is none")
    data = text.encode()
    if b"PRIVATE KEY-----" in data:
        raise _UnusableFile("a public key or a certificate", "a private key; take it out of the folder, and replace it")
    return data


def _certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    expected = "root certificates in PEM"
    try:
        certificates = tuple(x509.load_pem_x509_certificates(data))
        unsuitable = [
            certificate.subject.rfc4514_string() for certificate in certificates if not _may_be_root(certificate)
        ]
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise _UnusableFile(expected, f"no readable certificate ({error})") from None
    if unsuitable:
        raise _UnusableFile(expected, f"that of {unsuitable[0]}, which is neither a CA's nor self-signed")
    return certificates


def _may_be_root(certificate: x509.Certificate) -> bool:
    """Whether it is a CA's or a self-signed certificate, which Notation's trust store accepts."""
    with suppress(x509.ExtensionNotFound):
        if certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return True
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _public_key(data: bytes) -> PublicKey:
    expected = "a public key in PEM: ECDSA P-256, RSA of 2048 to 8192 bits, or Ed25519"
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _UnusableFile(expected, f"no readable key ({str(error).partition('. ')[0]})") from None
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1":
        return key
    if isinstance(key, rsa.RSAPublicKey) and _SMALLEST_RSA <= key.key_size <= _LARGEST_RSA:
        return key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    raise _UnusableFile(expected, "a key of another kind or size")
