"""cosign signatures, DSSE envelopes, SBOMs and provenance: what counts as proof, and what does not."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from slipway.effects.supply_chain._cosign import verify_bundle, verify_simple_signing
from slipway.effects.supply_chain._documents import attested_sbom_name, builder_of, sbom_name
from slipway.effects.supply_chain._dsse import read_attestation
from slipway.effects.supply_chain._keys import PublicKey
from slipway.effects.supply_chain._reading import Unproven
from tests.unit.effects.supply_chain.authority import Key, ec_key, rsa_key
from tests.unit.effects.supply_chain.signing import (
    BUILDER,
    CYCLONEDX,
    CYCLONEDX_DOCUMENT,
    DIGEST,
    OTHER,
    PROVENANCE_1,
    SIGNS,
    SPDX,
    SPDX_DOCUMENT,
    b64,
    bundle,
    compact,
    dsse,
    key_signature,
    provenance,
    simple_signing,
    statement,
)

KEYS: dict[str, Callable[[], Key]] = {
    "ECDSA P-256": ec_key,
    "RSA": lambda: rsa_key(2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}
KINDS = pytest.mark.parametrize("kind", KEYS)


def public(key: Key) -> PublicKey:
    public_key = key.public_key()
    return public_key


# ---- simple signing


@KINDS
def test_a_cosign_signature_by_each_kind_of_key_holds(kind: str) -> None:
    key = KEYS[kind]()
    payload = simple_signing()
    verify_simple_signing(payload, b64(key_signature(key, payload)), DIGEST, public(key))


@KINDS
@pytest.mark.parametrize("other", KEYS)
def test_a_cosign_signature_by_another_key_does_not_hold(kind: str, other: str) -> None:
    key, required_key = KEYS[kind](), KEYS[other]() if other != "RSA" or kind != "RSA" else rsa_key(2048, 1)
    payload = simple_signing()
    with pytest.raises(Unproven, match="not signed with the required key"):
        verify_simple_signing(payload, b64(key_signature(key, payload)), DIGEST, public(required_key))


@KINDS
def test_an_altered_payload_or_signature_does_not_hold(kind: str) -> None:
    key = KEYS[kind]()
    payload = simple_signing()
    signature = key_signature(key, payload)
    for content, proof in (
        (payload.replace(b"shop", b"shoq"), signature),
        (payload + b" ", signature),
        (payload, signature[:-1]),
        (payload, bytes([signature[0] ^ 1]) + signature[1:]),
        (payload, b""),
        (payload, b"\x00" * 100_000),
    ):
        with pytest.raises(Unproven, match="not signed"):
            verify_simple_signing(content, b64(proof), DIGEST, public(key))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (simple_signing(OTHER), f"it is for {OTHER}"),
        (simple_signing(type="atomic container signature"), "it is a atomic container signature"),
        (simple_signing(image={}), "it is for nothing"),
        (simple_signing(image=[]), "expected an object in image"),
        (simple_signing(image={"docker-manifest-digest": OTHER, "Docker-manifest-digest": DIGEST}), "it is for"),
        (b"{}", "expected an object in critical"),
        (b"[]", "expected a JSON object"),
        (b'{"critical":{},"critical":{}}', "the key 'critical' is used twice"),
        (b'{"critical":' + b"[" * 50_000, "nested too deep"),
    ],
    ids=["another image", "another type", "none", "list", "two digests", "empty", "array", "twice", "deep"],
)
def test_a_signed_payload_for_another_image_or_of_another_shape_is_refused(payload: bytes, expected: str) -> None:
    key = ec_key()
    with pytest.raises(Unproven, match=expected):
        verify_simple_signing(payload, b64(key_signature(key, payload)), DIGEST, public(key))


@pytest.mark.parametrize("signature", ["", "!", "AAA", "AA=A", "\u00e9AAA", "AAAA\n"])
def test_a_signature_that_is_not_base64_does_not_hold(signature: str) -> None:
    with pytest.raises(Unproven):
        verify_simple_signing(simple_signing(), signature, DIGEST, public(ec_key()))


# ---- bundles


@KINDS
def test_a_signature_as_cosign_3_writes_it_holds(kind: str) -> None:
    key = KEYS[kind]()
    verify_bundle(bundle(dsse(key, statement(SIGNS))), DIGEST, public(key))


def test_an_attestation_is_not_a_signature_though_the_key_is_right() -> None:
    key = ec_key()
    with pytest.raises(Unproven, match="it is an attestation"):
        verify_bundle(bundle(dsse(key, provenance())), DIGEST, public(key))


def test_a_bundle_must_be_of_this_key_for_this_image_and_of_a_known_kind() -> None:
    key = ec_key()
    with pytest.raises(Unproven, match="not signed with the required key"):
        verify_bundle(bundle(dsse(ec_key(), statement(SIGNS))), DIGEST, public(key))
    with pytest.raises(Unproven, match=f"it is about {OTHER}"):
        verify_bundle(bundle(dsse(key, statement(SIGNS, digest=OTHER))), DIGEST, public(key))
    with pytest.raises(Unproven, match="which is not known"):
        verify_bundle(
            bundle(dsse(key, statement(SIGNS)), "application/vnd.dev.sigstore.bundle.v9+json"), DIGEST, public(key)
        )
    with pytest.raises(Unproven, match="it is not signed"):
        verify_bundle(compact(statement(SIGNS)), DIGEST, public(key))


def test_a_message_signature_in_a_bundle_is_not_taken_for_a_signature_of_an_image() -> None:
    document = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "messageSignature": {"signature": "AAAA"}}
    with pytest.raises(Unproven):
        verify_bundle(compact(document), DIGEST, public(ec_key()))


# ---- envelopes


def test_one_of_several_signatures_of_an_envelope_is_enough() -> None:
    trusted_key, other_key = ec_key(), ec_key()
    envelope = dsse(other_key, provenance())
    envelope["signatures"] += dsse(trusted_key, provenance())["signatures"]
    read_attestation(compact(envelope)).check_signed_by(public(trusted_key))


def test_the_type_of_the_payload_is_signed_too() -> None:
    key = ec_key()
    envelope = dsse(key, provenance(), payload_type="text/plain") | {"payloadType": "application/vnd.in-toto+json"}
    with pytest.raises(Unproven, match="not signed with the required key"):
        read_attestation(compact(envelope)).check_signed_by(public(key))


@pytest.mark.parametrize(
    "change",
    [
        {"payloadType": "text/plain"},
        {"payloadType": None},
        {"payload": "not base64!"},
        {"payload": b64(b"[]")},
        {"payload": b64(b"[" * 50_000)},
        {"signatures": []},
        {"signatures": None},
        {"signatures": ["AAAA"]},
        {"signatures": [{"sig": 1}]},
        {"signatures": [{"sig": "AAAA"}] * 11},
    ],
    ids=lambda change: str(change)[:40],
)
def test_an_envelope_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Unproven):
        read_attestation(compact(dsse(ec_key(), provenance()) | change))


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v9"},
        {"_type": None},
        {"subject": None},
        {"subject": [{}] * 1001},
        {"predicateType": None},
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_statement_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Unproven):
        read_attestation(compact(provenance() | change))


@pytest.mark.parametrize("subject", [[], [None], [{"digest": None}], [{"digest": {"sha512": "00"}}], [{"digest": []}]])
def test_a_statement_about_nothing_is_not_about_this_image(subject: list[Any]) -> None:
    with pytest.raises(Unproven, match="it is about nothing"):
        read_attestation(compact(provenance() | {"subject": subject})).check_about(DIGEST)


# ---- provenance


@pytest.mark.parametrize("version", ["0.2", "1"])
def test_provenance_names_its_builder(version: str) -> None:
    key = ec_key()
    attestation = read_attestation(compact(dsse(key, provenance(version=version))))
    assert builder_of(attestation, DIGEST, ["https://other.example", BUILDER], public(key)) == BUILDER


def test_unsigned_provenance_counts_only_where_no_key_is_asked_for() -> None:
    attestation = read_attestation(compact(provenance()))
    assert builder_of(attestation, DIGEST, [BUILDER], None) == BUILDER
    with pytest.raises(Unproven, match="it is not signed"):
        builder_of(attestation, DIGEST, [BUILDER], public(ec_key()))


def test_provenance_signed_with_another_key_does_not_count() -> None:
    attestation = read_attestation(compact(dsse(ec_key(), provenance())))
    with pytest.raises(Unproven, match="not signed with the required key"):
        builder_of(attestation, DIGEST, [BUILDER], public(ec_key()))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (provenance(digest=OTHER), "it is about"),
        (provenance(BUILDER + "/"), "which is not one of those required"),
        (provenance(BUILDER.upper()), "which is not one of those required"),
        (provenance(""), "it names no builder"),
        (provenance(None), "it names no builder"),
        (provenance([BUILDER]), "it names no builder"),
        (statement(PROVENANCE_1, None), "it names no builder"),
        (statement(PROVENANCE_1, {"builder": {"id": BUILDER}}), "it names no builder"),
        (statement(SPDX, SPDX_DOCUMENT), "not SLSA provenance"),
        (statement("https://slsa.dev/provenance/v0.1", {"builder": {"id": BUILDER}}), "not SLSA provenance"),
    ],
)
def test_provenance_of_something_or_someone_else_does_not_count(content: dict[str, Any], expected: str) -> None:
    with pytest.raises(Unproven, match=expected):
        builder_of(read_attestation(compact(content)), DIGEST, [BUILDER], None)


# ---- SBOMs


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (compact(SPDX_DOCUMENT), "SPDX"),
        (json.dumps(SPDX_DOCUMENT, indent=2).encode(), "SPDX"),
        (compact({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}), "SPDX"),
        (b"SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n", "SPDX"),
        (b"# made by a tool\nSPDXVersion: SPDX-2.3\n", "SPDX"),
        (b'<?xml version="1.0"?><rdf:RDF xmlns="http://spdx.org/rdf/terms#">', "SPDX"),
        (compact(CYCLONEDX_DOCUMENT), "CycloneDX"),
        (b'<?xml version="1.0"?>\n<bom xmlns="http://cyclonedx.org/schema/bom/1.6">', "CycloneDX"),
        (b"\xef\xbb\xbf" + b'<bom xmlns="http://cyclonedx.org/schema/bom/1.6">', "CycloneDX"),
    ],
)
def test_an_sbom_is_spdx_or_cyclonedx(document: bytes, expected: str) -> None:
    assert sbom_name(document) == expected


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"{",
        b"hello",
        b"<html>",
        b'{"a":' * 50_000,
        compact({"spdxVersion": "2.3"}),
        compact({"bomFormat": "Other"}),
        compact({"artifacts": [], "schema": {"url": "syft"}}),
    ],
    ids=lambda document: str(document[:20]),
)
def test_any_other_document_is_no_sbom(document: bytes) -> None:
    with pytest.raises(Unproven):
        sbom_name(document)


@pytest.mark.parametrize(
    ("kind", "document", "expected"),
    [
        (SPDX, SPDX_DOCUMENT, "SPDX"),
        (f"{SPDX}/v2.3", SPDX_DOCUMENT, "SPDX"),
        (CYCLONEDX, CYCLONEDX_DOCUMENT, "CycloneDX"),
        (f"{CYCLONEDX}/v1.6", CYCLONEDX_DOCUMENT, "CycloneDX"),
    ],
)
def test_an_sbom_may_be_attested(kind: str, document: dict[str, Any], expected: str) -> None:
    for raw in (compact(statement(kind, document)), bundle(dsse(ec_key(), statement(kind, document)))):
        assert attested_sbom_name(read_attestation(raw), DIGEST) == expected


@pytest.mark.parametrize(
    "content",
    [
        provenance(),
        statement(SPDX, SPDX_DOCUMENT, digest=OTHER),
        statement(SPDX, {}),
        statement(SPDX, None),
        statement(SPDX, "text"),
    ],
    ids=["provenance", "another image", "empty", "nothing", "text"],
)
def test_an_attestation_of_something_else_is_not_an_sbom(content: dict[str, Any]) -> None:
    with pytest.raises(Unproven):
        attested_sbom_name(read_attestation(compact(content)), DIGEST)
