"""The certificates of one cluster: an authority, its servers, and its clients.

Python checks them more strictly than Go: an authority needs its key usage, a leaf its authority's key identifier.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 30
_USAGES = (
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


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One certificate: whom it names, and the hosts that it may serve."""

    name: str
    group: str = ""
    hosts: tuple[str, ...] = ()


SERVERS = (
    "127.0.0.1",
    "10.0.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
LEAVES = {
    "apiserver": Leaf(name="kube-apiserver", hosts=SERVERS),
    "etcd": Leaf(name="etcd", hosts=("127.0.0.1", "localhost")),
    "kubelet": Leaf(name="kubelet", hosts=("127.0.0.1",)),
    "admin": Leaf(name="admin", group="system:masters"),
    "controller-manager": Leaf(name="system:kube-controller-manager"),
    "scheduler": Leaf(name="system:kube-scheduler"),
    "kubelet-client": Leaf(name="kube-apiserver-kubelet-client", group="system:masters"),
}


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """The files, by name: `ca.crt`, `<leaf>.crt`, `<leaf>.key`, and the keys for service accounts."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def service_accounts(self) -> Path:
        """The key that signs service account tokens; `public_service_accounts` verifies them."""
        return self.folder / "service-accounts.key"

    @property
    def public_service_accounts(self) -> Path:
        return self.folder / "service-accounts.pub"

    def certificate(self, leaf: str) -> Path:
        return self.folder / f"{leaf}.crt"

    def key(self, leaf: str) -> Path:
        return self.folder / f"{leaf}.key"


def make_certificates(folder: Path) -> Certificates:
    folder.mkdir(parents=True, exist_ok=True)
    files = Certificates(folder=folder)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes-ca")])
    authority = (
        _builder(issuer, issuer, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("digital_signature", "key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
    )
    _write(files.authority, authority.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    for name, leaf in LEAVES.items():
        key = ec.generate_private_key(ec.SECP256R1())
        signed = _leaf(leaf, issuer, key, authority_key).sign(authority_key, hashes.SHA256())
        _write(files.certificate(name), signed.public_bytes(serialization.Encoding.PEM))
        _write(files.key(name), _pem(key))
    service_account_key = ec.generate_private_key(ec.SECP256R1())
    _write(files.service_accounts, _pem(service_account_key))
    public = service_account_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write(files.public_service_accounts, public)
    return files


def _leaf(
    leaf: Leaf, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, authority: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    group = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, leaf.group)] if leaf.group else []
    subject = x509.Name([*group, x509.NameAttribute(NameOID.COMMON_NAME, leaf.name)])
    both_usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = (
        _builder(subject, issuer, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .add_extension(both_usages, critical=False)
    )
    names = [_host(host) for host in leaf.hosts]
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else builder


def _host(host: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)


def _usage(*used: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in used for usage in _USAGES})


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file that only this user can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
