"""Notation signatures: which are valid, and everything that must be refused."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from slipway.domain.subjects import checked_identities
from slipway.effects.supply_chain._notation import LARGEST_ENVELOPE, NotationTrust, SignedDescriptor, verify_notation
from slipway.effects.supply_chain._reading import Unproven
from tests.unit.effects.supply_chain.authority import DAY, NOW, Issued, Key, ec_key, name, root, rsa_key, signer
from tests.unit.effects.supply_chain.signing import (
    COSE,
    EXPIRY,
    JWS,
    OTHER,
    SCHEME,
    SIGNED_AT,
    TARGET,
    Tag,
    b64url,
    compact,
    cose,
    jws,
    payload_for,
)

type Sign = Callable[..., bytes]

FORMATS = pytest.mark.parametrize(("sign", "media_type"), [(jws, JWS), (cose, COSE)], ids=["JWS", "COSE"])
RELEASE = "C=US, ST=WA, O=contoso.com, CN=release"


def trust(by: Issued, *identities: str) -> NotationTrust:
    return NotationTrust(roots=(by.root.certificate,), identities=checked_identities(identities) if identities else ())


def refusal(raw: bytes, media_type: str, by: Issued, **fields: Any) -> str:
    arguments: dict[str, Any] = {"target": TARGET, "trust": trust(by), "now": NOW} | fields
    with pytest.raises(Unproven) as error:
        verify_notation(raw, media_type, arguments["target"], arguments["trust"], arguments["now"])
    return str(error.value)


@pytest.fixture(scope="module")
def by() -> Issued:
    return signer()


KEYS: dict[str, Callable[[], Key]] = {
    "ES256": ec_key,
    "ES384": lambda: ec_key(ec.SECP384R1()),
    "ES512": lambda: ec_key(ec.SECP521R1()),
    "PS256": lambda: rsa_key(2048),
    "PS384": lambda: rsa_key(3072),
    "PS512": lambda: rsa_key(4096),
}


@FORMATS
@pytest.mark.parametrize("algorithm", KEYS)
def test_a_signature_of_each_algorithm_holds(sign: Sign, media_type: str, algorithm: str) -> None:
    by = signer(KEYS[algorithm]())
    description = verify_notation(sign(by, expiry=NOW + DAY), media_type, TARGET, trust(by, RELEASE), NOW)
    kind = {JWS: "JWS", COSE: "COSE"}[media_type]
    assert description == f"CN=release,O=contoso.com,ST=WA,C=US, at 2026-11-22 08:00 UTC ({kind}, {algorithm})"


# ---- what was signed


@FORMATS
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (SignedDescriptor(media_type=TARGET.media_type, digest=OTHER, size=TARGET.size), f"it is for {OTHER}"),
        (SignedDescriptor(media_type=TARGET.media_type, digest=TARGET.digest, size=1), "another media type or size"),
        (SignedDescriptor(media_type="a/b", digest=TARGET.digest, size=TARGET.size), "another media type or size"),
    ],
)
def test_a_signature_is_for_one_descriptor(
    sign: Sign, media_type: str, target: SignedDescriptor, expected: str, by: Issued
) -> None:
    assert expected in refusal(sign(by, payload=payload_for(target)), media_type, by)


@FORMATS
@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"targetArtifact":[]}', b'{"targetArtifact":{},"targetArtifact":{}}', b"\xff"]
)
def test_a_payload_that_names_no_artifact_does_not_hold(
    sign: Sign, media_type: str, payload: bytes, by: Issued
) -> None:
    assert refusal(sign(by, payload=payload), media_type, by)


@FORMATS
def test_metadata_that_the_user_signed_with_it_is_allowed(sign: Sign, media_type: str, by: Issued) -> None:
    raw = sign(by, payload=payload_for(annotations={"io.contoso.build": "123"}))
    assert verify_notation(raw, media_type, TARGET, trust(by), NOW)


def test_an_altered_payload_is_found(by: Issued) -> None:
    raw = json.loads(jws(by))
    raw["payload"] = b64url(payload_for(SignedDescriptor(media_type=TARGET.media_type, digest=OTHER, size=TARGET.size)))
    assert "altered" in refusal(compact(raw), JWS, by)
    signed_digest = TARGET.digest.encode()
    assert "altered" in refusal(cose(by).replace(signed_digest, OTHER.encode()), COSE, by)


def test_an_altered_header_is_found(by: Issued) -> None:
    raw = json.loads(jws(by, expiry=NOW + DAY))
    later = json.loads(jws(by, expiry=NOW + 30 * DAY))
    assert "altered" in refusal(compact(raw | {"protected": later["protected"]}), JWS, by)
    assert "altered" in refusal(
        cose(by)
        .replace(b"notary.x509", b"notary.x509", 1)
        .replace(int((NOW - DAY).timestamp()).to_bytes(4), int((NOW - 2 * DAY).timestamp()).to_bytes(4)),
        COSE,
        by,
    )


@FORMATS
def test_a_signature_with_another_key_than_the_certificates_does_not_hold(
    sign: Sign, media_type: str, by: Issued
) -> None:
    assert "altered" in refusal(sign(by, key=ec_key()), media_type, by)


def test_a_signature_that_is_too_short_or_in_der_does_not_hold(by: Issued) -> None:
    raw = json.loads(jws(by))
    for signature in (b"", b"\x00" * 64, b"\x00" * 63, b"\xff" * 64, b"\x30" * 71, b"\x00" * 10_000):
        assert "does not match" in refusal(compact(raw | {"signature": b64url(signature)}), JWS, by)


# ---- algorithms


@pytest.mark.parametrize("claimed", ["none", "HS256", "RS256", "PS256", "ES384", "es256", ""])
def test_the_algorithm_that_an_envelope_claims_must_be_its_keys(claimed: str, by: Issued) -> None:
    assert "its key's is ES256" in refusal(jws(by, changes={"alg": claimed}), JWS, by)


@pytest.mark.parametrize("claimed", [5, -35, -37, -8, 0, "ES256", None, True])
def test_the_algorithm_that_a_cose_envelope_claims_must_be_its_keys(claimed: Any, by: Issued) -> None:
    assert "its key's is ES256" in refusal(cose(by, changes={1: claimed}), COSE, by)


@FORMATS
@pytest.mark.parametrize("key", [lambda: rsa_key(1024), lambda: ec_key(ec.SECP256K1())], ids=["RSA 1024", "secp256k1"])
def test_keys_of_another_kind_or_size_do_not_count(sign: Sign, media_type: str, key: Callable[[], Key]) -> None:
    by = signer(key())
    assert "of another kind" in refusal(sign(by), media_type, by)


# ---- who signed


@FORMATS
def test_a_signature_under_another_root_does_not_count(sign: Sign, media_type: str, by: Issued) -> None:
    other_trust = trust(signer(by=root("Fabrikam Root")))
    assert "does not lead to a trusted root" in refusal(sign(by), media_type, by, trust=other_trust)


@FORMATS
def test_a_root_with_the_same_name_is_another_root(sign: Sign, media_type: str, by: Issued) -> None:
    assert "does not lead to a trusted root" in refusal(sign(by), media_type, by, trust=trust(signer()))


@FORMATS
def test_a_trusted_root_that_is_only_put_beside_the_chain_does_not_help(
    sign: Sign, media_type: str, by: Issued
) -> None:
    mallory = signer(by=root("Mallory"))
    raw = sign(mallory, chain=(*mallory.chain, by.chain[-1]))
    assert "was not issued by the next one" in refusal(raw, media_type, by)


@FORMATS
@pytest.mark.parametrize(
    "identity",
    ["C=US, ST=WA, O=fabrikam.com", f"{RELEASE}, OU=Release", "C=US, ST=WA, O=contoso.com, CN=Release", "*"],
)
def test_only_the_subjects_that_are_listed_may_sign(sign: Sign, media_type: str, identity: str, by: Issued) -> None:
    raw = sign(by)
    if identity == "*":
        assert verify_notation(raw, media_type, TARGET, trust(by, identity), NOW)
    else:
        assert "is not one of the trusted identities" in refusal(raw, media_type, by, trust=trust(by, identity))


@FORMATS
def test_one_of_several_identities_is_enough(sign: Sign, media_type: str, by: Issued) -> None:
    several = trust(by, "C=DE, ST=BE, O=contoso.com", "x509.subject: C=US, ST=WA, O=contoso.com")
    assert verify_notation(sign(by), media_type, TARGET, several, NOW)


def test_the_subject_counts_and_not_the_issuers() -> None:
    mallory = signer(subject=name("release", O="mallory.com"))
    assert "not one of the trusted" in refusal(jws(mallory), JWS, mallory, trust=trust(mallory, RELEASE))


# ---- times


@FORMATS
def test_a_signature_that_has_expired_does_not_hold(sign: Sign, media_type: str, by: Issued) -> None:
    assert "it expired at 2026-11-23 08:00 UTC" in refusal(sign(by, expiry=NOW), media_type, by)
    assert verify_notation(sign(by, expiry=NOW + timedelta(seconds=1)), media_type, TARGET, trust(by), NOW)


@FORMATS
def test_a_signature_cannot_expire_before_it_was_made(sign: Sign, media_type: str, by: Issued) -> None:
    raw = sign(by, signed_at=NOW + DAY, expiry=NOW + DAY)
    assert "expired before it was signed" in refusal(raw, media_type, by)


@FORMATS
def test_certificates_must_be_valid_when_it_was_signed_and_now(sign: Sign, media_type: str) -> None:
    expired = signer(ends=NOW - timedelta(hours=1))
    assert "had expired at 2026-11-23 08:00 UTC" in refusal(sign(expired), media_type, expired)
    not_yet_valid = signer(begins=NOW - timedelta(hours=1))
    assert "was not valid yet at 2026-11-22 08:00 UTC" in refusal(sign(not_yet_valid), media_type, not_yet_valid)


@FORMATS
def test_an_expired_root_ends_the_trust(sign: Sign, media_type: str) -> None:
    under_expired_root = signer(by=root(ends=NOW - timedelta(hours=1)))
    assert "Contoso Root" in refusal(sign(under_expired_root), media_type, under_expired_root)


# ---- attributes


@FORMATS
def test_an_unknown_critical_attribute_is_refused(sign: Sign, media_type: str, by: Issued) -> None:
    critical = {JWS: "crit", COSE: 2}[media_type]
    raw = sign(by, changes={critical: [SCHEME, "io.contoso.new"], "io.contoso.new": "x"})
    assert "a critical attribute that is not known: io.contoso.new" in refusal(raw, media_type, by)


@FORMATS
def test_an_unknown_attribute_that_is_not_critical_is_ignored(sign: Sign, media_type: str, by: Issued) -> None:
    raw = sign(by, changes={"io.contoso.new": "x"})
    assert verify_notation(raw, media_type, TARGET, trust(by), NOW)


@FORMATS
def test_a_signature_that_needs_a_plugin_is_refused(sign: Sign, media_type: str, by: Issued) -> None:
    critical, plugin = {JWS: "crit", COSE: 2}[media_type], "io.cncf.notary.verificationPlugin"
    raw = sign(by, changes={critical: [SCHEME, plugin], plugin: "com.contoso.plugin"})
    assert "by a Notation plugin" in refusal(raw, media_type, by)


@FORMATS
@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([], "no critical attributes"),
        (None, "no critical attributes"),
        (SCHEME, "no critical attributes"),
        ([SCHEME, SCHEME], "malformed"),
        ([[SCHEME]], "malformed"),
        ([True], "malformed"),
        ([SCHEME, EXPIRY], "is not there"),
        ([SCHEME, "alg"], "not known: alg"),
        ([SCHEME, 3], "not known: 3"),
    ],
)
def test_the_list_of_critical_attributes_must_be_right(
    sign: Sign, media_type: str, listed: Any, expected: str, by: Issued
) -> None:
    critical = {JWS: "crit", COSE: 2}[media_type]
    assert expected in refusal(sign(by, changes={critical: listed}), media_type, by)


@FORMATS
def test_an_attribute_that_must_be_critical_and_is_not_listed_as_such_is_refused(
    sign: Sign, media_type: str, by: Issued
) -> None:
    critical = {JWS: "crit", COSE: 2}[media_type]
    raw = sign(by, expiry=NOW + DAY, changes={critical: [SCHEME]})
    assert f"{EXPIRY} is not marked as critical" in refusal(raw, media_type, by)


@FORMATS
@pytest.mark.parametrize("absent", [SCHEME, SIGNED_AT, "cty", "crit", "alg"])
def test_every_attribute_that_is_needed_must_be_there(sign: Sign, media_type: str, absent: str, by: Issued) -> None:
    place = {"alg": 1, "crit": 2, "cty": 3}.get(absent, absent) if media_type == COSE else absent
    assert refusal(sign(by, without=[place]), media_type, by)


@FORMATS
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({SCHEME: "notary.x509.signingAuthority"}, "is not supported"),
        ({SCHEME: "notary.x510"}, "its signing scheme is notary.x510"),
        ({SCHEME: 1}, "its signing scheme is 1"),
        ({"io.cncf.notary.authenticSigningTime": 1}, "not marked as critical"),
    ],
)
def test_only_the_scheme_x509_is_known(
    sign: Sign, media_type: str, changes: dict[str, Any], expected: str, by: Issued
) -> None:
    assert expected in refusal(sign(by, changes=changes), media_type, by)


@pytest.mark.parametrize("kind", ["application/json", "", None, 7])
def test_the_content_must_be_notations(kind: Any, by: Issued) -> None:
    assert "its content type is" in refusal(jws(by, changes={"cty": kind}), JWS, by)
    assert "its content type is" in refusal(cose(by, changes={3: kind}), COSE, by)


@pytest.mark.parametrize("time", ["yesterday", "2026-11-22", "2026-13-22T00:00:00Z", "2026-11-22T00:00:00", 1, None])
def test_times_in_jws_are_those_of_rfc_3339(time: Any, by: Issued) -> None:
    assert "its signing time is not a time" in refusal(jws(by, changes={SIGNED_AT: time}), JWS, by)


@pytest.mark.parametrize("time", [1, "2026-11-22T00:00:00Z", Tag(0, "2026"), Tag(1, "1"), Tag(1, True), Tag(1, 2**63)])
def test_times_in_cose_are_tagged_seconds(time: Any, by: Issued) -> None:
    assert "its signing time is not a time" in refusal(cose(by, changes={SIGNED_AT: time}), COSE, by)


# ---- shapes


def test_a_header_that_is_signed_and_unsigned_at_once_is_refused(by: Issued) -> None:
    raw = json.loads(jws(by))
    with_two_headers = raw | {"header": raw["header"] | {"alg": "none"}}
    assert "alg occurs twice" in refusal(compact(with_two_headers), JWS, by)
    assert "occurs twice" in refusal(cose(by, unprotected={1: -37}), COSE, by)


@pytest.mark.parametrize(
    "change",
    [
        {"signatures": []},
        {"header": []},
        {"header": {}},
        {"header": {"x5c": "MII"}},
        {"header": {"x5c": [1]}},
        {"header": {"x5c": []}},
        {"header": {"x5c": ["not base64!"]}},
        {"header": {"x5c": ["AAAA"]}},
        {"protected": 1},
        {"protected": "e30="},
        {"protected": "e+0"},
        {"protected": b64url(b"[]")},
        {"protected": b64url(b'{"alg":"ES256","alg":"none"}')},
        {"payload": None},
        {"payload": "a"},
        {"signature": {}},
        {"signature": "ab=="},
    ],
    ids=str,
)
def test_a_jws_of_another_shape_is_refused(change: dict[str, Any], by: Issued) -> None:
    assert refusal(compact(json.loads(jws(by)) | change), JWS, by)


@pytest.mark.parametrize(
    "unprotected", [{33: []}, {33: b"\x30"}, {33: [1]}, {33: [b"\x30"]}, {33: None}, {33: [b"\x30" * 40_000]}], ids=str
)
def test_a_cose_of_another_shape_is_refused(unprotected: dict[Any, Any], by: Issued) -> None:
    assert refusal(cose(by, unprotected=unprotected), COSE, by)


@pytest.mark.parametrize("tag", [17, 98, 61])
def test_only_a_tagged_cose_sign1_counts(tag: int, by: Issued) -> None:
    assert "expected a tagged COSE_Sign1" in refusal(cose(by, tag=tag), COSE, by)


def test_a_jws_is_not_read_as_cose_nor_cose_as_jws(by: Issued) -> None:
    assert refusal(jws(by), COSE, by)
    assert refusal(cose(by), JWS, by)
    assert "expected application/jose+json or application/cose" in refusal(jws(by), "application/pkcs7", by)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"NaN", b"\xff\xfe", b"9" * 5000, b"{}"]
)
def test_garbage_is_refused_without_a_crash(raw: bytes, by: Issued) -> None:
    assert refusal(raw, JWS, by)
    assert refusal(raw, COSE, by)


def test_deep_nesting_behind_a_good_signature_is_refused(by: Issued) -> None:
    nested = b'{"targetArtifact":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    assert "nested too deep" in refusal(jws(by, payload=nested), JWS, by)


@FORMATS
def test_a_huge_envelope_is_not_even_read(sign: Sign, media_type: str, by: Issued) -> None:
    raw = sign(by, payload=b" " * LARGEST_ENVELOPE)
    assert "larger than" in refusal(raw, media_type, by)
