"""Signatures and attestations for tests, built byte by byte, so that tests can change any part of them."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from slipway.effects.supply_chain._notation import SignedDescriptor
from tests.unit.effects.supply_chain.authority import DAY, NOW, Issued, Key

DIGEST = "sha256:" + "5a" * 32
OTHER = "sha256:" + "0f" * 32
TARGET = SignedDescriptor(media_type="application/vnd.oci.image.manifest.v1+json", digest=DIGEST, size=1234)
SCHEME, SIGNED_AT, EXPIRY = (f"io.cncf.notary.{name}" for name in ("signingScheme", "signingTime", "expiry"))
PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
JWS, COSE = "application/jose+json", "application/cose"


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def payload_for(target: SignedDescriptor = TARGET, **more: Any) -> bytes:
    descriptor = {"mediaType": target.media_type, "digest": target.digest, "size": target.size}
    return compact({"targetArtifact": descriptor | more})


# ---- raw signatures, as JOSE and COSE encode them


def raw_signature(key: Key, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        algorithm = {2048: hashes.SHA256(), 3072: hashes.SHA384(), 4096: hashes.SHA512()}.get(
            key.key_size, hashes.SHA256()
        )
        return key.sign(data, padding.PSS(padding.MGF1(algorithm), algorithm.digest_size), algorithm)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    algorithm = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}.get(key.key_size, hashes.SHA256())
    size = (key.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(algorithm)))
    return r.to_bytes(size) + s.to_bytes(size)


def jose_name(key: Key) -> str:
    kind = "PS" if isinstance(key, rsa.RSAPrivateKey) else "ES"
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return kind + {2048: "256", 3072: "384", 4096: "512", 256: "256", 384: "384", 521: "512"}.get(key.key_size, "256")


COSE_IDS = {"PS256": -37, "PS384": -38, "PS512": -39, "ES256": -7, "ES384": -35, "ES512": -36}


# ---- Notation


def protected_jws(key: Key, *, signed_at: datetime = NOW - DAY, expiry: datetime | None = None) -> dict[str, Any]:
    headers: dict[str, Any] = {
        "alg": jose_name(key),
        "cty": PAYLOAD_TYPE,
        "crit": [SCHEME],
        SCHEME: "notary.x509",
        SIGNED_AT: f"{signed_at:%Y-%m-%dT%H:%M:%SZ}",
    }
    if expiry:
        headers |= {"crit": [SCHEME, EXPIRY], EXPIRY: f"{expiry:%Y-%m-%dT%H:%M:%SZ}"}
    return headers


def jws(
    by: Issued,
    *,
    payload: bytes | None = None,
    headers: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
    without: Sequence[str] = (),
    chain: Sequence[bytes] | None = None,
    key: Key | None = None,
    envelope: Mapping[str, Any] | None = None,
    **times: Any,
) -> bytes:
    """A JWS envelope; `changes` and `without` apply to the protected header before it is signed."""
    header = {**(headers or protected_jws(by.key, **times)), **(changes or {})}
    protected = b64url(compact({name: value for name, value in header.items() if name not in without}))
    content = b64url(payload if payload is not None else payload_for())
    document = {
        "payload": content,
        "protected": protected,
        "header": {
            "x5c": [b64(certificate) for certificate in (by.chain if chain is None else chain)],
            "io.cncf.notary.signingAgent": "t",
        },
        "signature": b64url(raw_signature(key or by.key, f"{protected}.{content}".encode())),
    }
    return compact({**document, **(envelope or {})})


class Tag:
    """A tagged CBOR value."""

    def __init__(self, tag: int, value: Any) -> None:
        self.tag, self.value = tag, value


def cbor(value: Any) -> bytes:
    """Encode a value of the types that envelopes contain."""
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, str | bytes):
        encoded = value.encode() if isinstance(value, str) else value
        return head(3 if isinstance(value, str) else 2, len(encoded)) + encoded
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(cbor(name) + cbor(item) for name, item in value.items())
    if isinstance(value, Tag):
        return head(6, value.tag) + cbor(value.value)
    return head(4, len(value)) + b"".join(cbor(item) for item in value)


def head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
    return bytes([major << 5 | 23 + (size.bit_length())]) + number.to_bytes(size)


def protected_cose(key: Key, *, signed_at: datetime = NOW - DAY, expiry: datetime | None = None) -> dict[Any, Any]:
    headers: dict[Any, Any] = {
        1: COSE_IDS[jose_name(key)],
        2: [SCHEME],
        3: PAYLOAD_TYPE,
        SCHEME: "notary.x509",
        SIGNED_AT: Tag(1, int(signed_at.timestamp())),
    }
    if expiry:
        headers |= {2: [SCHEME, EXPIRY], EXPIRY: Tag(1, int(expiry.timestamp()))}
    return headers


def cose(
    by: Issued,
    *,
    payload: bytes | None = None,
    changes: Mapping[Any, Any] | None = None,
    without: Sequence[Any] = (),
    chain: Sequence[bytes] | None = None,
    key: Key | None = None,
    unprotected: Mapping[Any, Any] | None = None,
    tag: int = 18,
    **times: Any,
) -> bytes:
    """The same envelope as `jws`, in COSE."""
    header = {**protected_cose(by.key, **times), **(changes or {})}
    protected = cbor({name: value for name, value in header.items() if name not in without})
    content = payload if payload is not None else payload_for()
    signature = raw_signature(key or by.key, cbor(["Signature1", protected, b"", content]))
    headers = {33: list(by.chain if chain is None else chain), "io.cncf.notary.signingAgent": "t"}
    return cbor(Tag(tag, [protected, {**headers, **(unprotected or {})}, content, signature]))


# ---- cosign and in-toto


def key_signature(key: Key, data: bytes) -> bytes:
    """A signature as cosign makes it with a key."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    return key.sign(data)


def simple_signing(digest: str = DIGEST, **critical: Any) -> bytes:
    claims = {
        "identity": {"docker-reference": "registry.example/team/shop"},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return compact({"critical": claims | critical, "optional": None})


def statement(
    predicate_type: str, predicate: Any = None, *, digest: str = DIGEST, kind: str = "https://in-toto.io/Statement/v1"
) -> dict[str, Any]:
    subject = [{"name": "", "digest": {"sha256": digest.removeprefix("sha256:")}}]
    return {"_type": kind, "subject": subject, "predicateType": predicate_type, "predicate": predicate}


def dsse(key: Key, content: Any, *, payload_type: str = "application/vnd.in-toto+json") -> dict[str, Any]:
    payload = content if isinstance(content, bytes) else compact(content)
    signed = b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type.encode(), len(payload), payload)
    signatures = [{"keyid": "", "sig": b64(key_signature(key, signed))}]
    return {"payloadType": payload_type, "payload": b64(payload), "signatures": signatures}


def bundle(envelope: Mapping[str, Any], media_type: str = "application/vnd.dev.sigstore.bundle.v0.3+json") -> bytes:
    material = {"publicKey": {"hint": "a hint"}, "tlogEntries": []}
    return compact({"mediaType": media_type, "verificationMaterial": material, "dsseEnvelope": envelope})


SIGNS = "https://sigstore.dev/cosign/sign/v1"
PROVENANCE_1, PROVENANCE_0_2 = "https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"
SPDX, CYCLONEDX = "https://spdx.dev/Document", "https://cyclonedx.org/bom"
BUILDER = "https://builder.example/shop"
SPDX_DOCUMENT = {"spdxVersion": "SPDX-2.3", "name": "shop"}
CYCLONEDX_DOCUMENT = {"bomFormat": "CycloneDX", "specVersion": "1.6"}


def provenance(builder: Any = BUILDER, *, digest: str = DIGEST, version: str = "1") -> dict[str, Any]:
    if version == "0.2":
        kind = "https://in-toto.io/Statement/v0.1"
        return statement(PROVENANCE_0_2, {"builder": {"id": builder}}, digest=digest, kind=kind)
    return statement(PROVENANCE_1, {"buildDefinition": {}, "runDetails": {"builder": {"id": builder}}}, digest=digest)
