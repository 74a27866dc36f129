"""Certificate authorities for tests: real X.509 chains, valid unless a test asks for something else."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)

type Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@cache
def rsa_key(size: int, seed: int = 0) -> rsa.RSAPrivateKey:
    """Generated once per process, since large keys take long; another `seed` gives another key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def pem(key: Key) -> bytes:
    """The public key in PEM, as in a file."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def name(common: str, **more: str) -> x509.Name:
    attributes = {"C": "US", "ST": "WA", "O": "contoso.com", "CN": common} | more
    oids = {
        "C": NameOID.COUNTRY_NAME,
        "ST": NameOID.STATE_OR_PROVINCE_NAME,
        "O": NameOID.ORGANIZATION_NAME,
        "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "CN": NameOID.COMMON_NAME,
    }
    return x509.Name([x509.NameAttribute(oids[kind], value) for kind, value in attributes.items() if value])


def usage(*purposes: str) -> x509.KeyUsage:
    all_purposes = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{purpose: purpose in purposes for purpose in all_purposes})


LEAF_EXTENSIONS: tuple[tuple[x509.ExtensionType, bool], ...] = (
    (x509.BasicConstraints(ca=False, path_length=None), False),
    (usage("digital_signature"), True),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
)


def authority_extensions(path_length: int | None = None) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return ((x509.BasicConstraints(ca=True, path_length=path_length), True), (usage("key_cert_sign", "crl_sign"), True))


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A certificate with its private key, and the chain to its root."""

    certificate: x509.Certificate
    key: Key
    issuer: "Issued | None" = None

    @property
    def chain(self) -> tuple[bytes, ...]:
        above = self.issuer.chain if self.issuer else ()
        return (self.certificate.public_bytes(Encoding.DER), *above)

    @property
    def root(self) -> "Issued":
        return self.issuer.root if self.issuer else self


def issue(
    subject: x509.Name,
    key: Key,
    *,
    by: Issued | None = None,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = LEAF_EXTENSIONS,
    begins: datetime = NOW - 30 * DAY,
    ends: datetime = NOW + 300 * DAY,
    hash_algorithm: Any = None,
) -> Issued:
    """A certificate signed by the issuer `by`, or by itself."""
    signer = by.key if by else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hash_algorithm or hashes.SHA256()
    return Issued(certificate=builder.sign(signer, algorithm), key=key, issuer=by)


def root(common: str = "Contoso Root", *, path_length: int | None = None, **fields: Any) -> Issued:
    return issue(name(common), ec_key(), extensions=authority_extensions(path_length), **fields)


def intermediate(by: Issued, *, path_length: int | None = None, **fields: Any) -> Issued:
    return issue(name("Contoso Issuing"), ec_key(), by=by, extensions=authority_extensions(path_length), **fields)


def signer(key: Key | None = None, *, by: Issued | None = None, **fields: Any) -> Issued:
    """A signing certificate, under an intermediate and a root unless `by` names another issuer."""
    subject = fields.pop("subject", name("release"))
    return issue(subject, key or ec_key(), by=by or intermediate(root()), **fields)
