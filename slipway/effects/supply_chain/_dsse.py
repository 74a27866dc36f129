"""in-toto statements, and the envelopes that sign them: DSSE, alone or in a sigstore bundle."""

from dataclasses import dataclass
from typing import Any, Final

from ._keys import PublicKey, is_signed_by
from ._reading import Unproven, base64_bytes, object_at, printable, strict_json, text_at

LARGEST: Final = 16 * 1024 * 1024
"""Maximum bytes of an attestation, which may contain an SBOM."""
IN_TOTO: Final = "application/vnd.in-toto+json"
DSSE: Final = "application/vnd.dsse.envelope.v1+json"
BUNDLES: Final = frozenset(
    {
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
    }
)
_STATEMENTS: Final = frozenset({"https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"})
_MOST_SIGNATURES: Final = 10
_MOST_SUBJECTS: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Statement:
    """An in-toto statement about artifacts."""

    subjects: frozenset[str]
    """Digests, `sha256:…`."""
    predicate_type: str
    predicate: Any


@dataclass(frozen=True, kw_only=True)
class Attestation:
    """A statement with its signatures and the bytes that they sign."""

    statement: Statement
    signed: bytes = b""
    signatures: tuple[bytes, ...] = ()

    def check_signed_by(self, key: PublicKey) -> None:
        if not self.signatures:
            raise Unproven("it is not signed")
        if not any(is_signed_by(key, signature, self.signed) for signature in self.signatures):
            raise Unproven("it is not signed with the required key")

    def check_about(self, digest: str) -> None:
        if digest not in self.statement.subjects:
            others = ", ".join(sorted(self.statement.subjects)[:2]) or "nothing with a sha256"
            raise Unproven(f"it is about {others}, not about this image")


def read_attestation(raw: bytes) -> Attestation:
    """Reads a bundle, a DSSE envelope or a bare statement. Raises `Unproven`."""
    document = strict_json(raw, "the attestation")
    if "_type" in document:
        return Attestation(statement=_statement(document))
    if "dsseEnvelope" in document:
        media_type = document.get("mediaType")
        if media_type not in BUNDLES:
            raise Unproven(f"its bundle is {printable(str(media_type))}, which is not known")
        document = object_at(document, "dsseEnvelope", "the bundle")
    return _envelope(document)


def _envelope(document: dict[str, Any]) -> Attestation:
    what = "the DSSE envelope"
    payload_type = text_at(document, "payloadType", what)
    if payload_type != IN_TOTO:
        raise Unproven(f"{what} has a payload of {printable(payload_type)}, expected {IN_TOTO}")
    payload = base64_bytes(text_at(document, "payload", what), "the payload")
    listed = document.get("signatures")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_SIGNATURES:
        raise Unproven(f"{what}: expected 1 to {_MOST_SIGNATURES} signatures")
    if not all(isinstance(signature, dict) for signature in listed):
        raise Unproven(f"{what}: expected objects in signatures")
    return Attestation(
        statement=_statement(strict_json(payload, "the statement")),
        signed=pre_authentication_encoding(payload_type, payload),
        signatures=tuple(base64_bytes(text_at(signature, "sig", what), "the signature") for signature in listed),
    )


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that DSSE signs."""
    encoded = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(encoded), encoded, len(payload), payload)


def _statement(document: dict[str, Any]) -> Statement:
    what = "the statement"
    kind = document.get("_type")
    if kind not in _STATEMENTS:
        raise Unproven(f"{what} is {printable(str(kind))}, which is not known")
    subjects = document.get("subject")
    if not isinstance(subjects, list) or len(subjects) > _MOST_SUBJECTS:
        raise Unproven(f"{what}: expected a list of at most {_MOST_SUBJECTS} subjects")
    return Statement(
        subjects=frozenset(digest for subject in subjects if (digest := _sha256(subject))),
        predicate_type=text_at(document, "predicateType", what),
        predicate=document.get("predicate"),
    )


def _sha256(subject: Any) -> str:
    digests = subject.get("digest") if isinstance(subject, dict) else None
    sha256 = digests.get("sha256") if isinstance(digests, dict) else None
    return f"sha256:{sha256}" if isinstance(sha256, str) else ""
