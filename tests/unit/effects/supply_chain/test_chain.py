"""Certificate chains: the Notary Project's rules for each certificate and for the chain."""

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from slipway.effects.supply_chain._chain import LONGEST_CHAIN, check_chain, public_key_of, read_chain
from slipway.effects.supply_chain._reading import Unproven
from tests.unit.effects.supply_chain.authority import (
    LEAF_EXTENSIONS,
    NOW,
    Issued,
    Key,
    authority_extensions,
    ec_key,
    intermediate,
    issue,
    name,
    root,
    rsa_key,
    signer,
    usage,
)

_, USAGE, EXTENDED = LEAF_EXTENSIONS
UNKNOWN = (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b""), True)


def root_with(key: Key) -> Issued:
    return issue(name("Contoso Root"), key, extensions=authority_extensions())


def check(by: Issued) -> None:
    check_chain(read_chain(by.chain), (NOW,))


def refusal(by: Issued) -> str:
    with pytest.raises(Unproven) as error:
        check(by)
    return str(error.value)


@pytest.mark.parametrize(
    "make",
    [
        signer,
        lambda: signer(by=root()),
        lambda: signer(by=intermediate(intermediate(root(path_length=2)), path_length=0)),
        lambda: signer(extensions=(USAGE,)),
        lambda: signer(extensions=((usage("digital_signature", "content_commitment"), True), EXTENDED)),
        lambda: signer(extensions=(USAGE, (x509.ExtendedKeyUsage([ObjectIdentifier("1.3.6.1.4.1.311.97.1.0")]), True))),
        lambda: signer(
            extensions=(*LEAF_EXTENSIONS, (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b""), True))
        ),
        lambda: issue(name("alone"), ec_key()),
        lambda: signer(
            by=issue(name("Ed Root"), ed25519.Ed25519PrivateKey.generate(), extensions=authority_extensions())
        ),
        lambda: signer(by=issue(name("RSA Root"), rsa_key(2048), extensions=authority_extensions())),
    ],
    ids=[
        "with an intermediate",
        "under the root",
        "with two intermediates",
        "without the extensions that are optional",
        "that may also promise",
        "with a use of its vendor's",
        "with a critical extension that nobody knows",
        "self-signed",
        "under an Ed25519 root",
        "under an RSA root",
    ],
)
def test_an_acceptable_signing_certificate_passes(make: Callable[[], Issued]) -> None:
    check(make())


@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        ((EXTENDED,), "digitalSignature"),
        (((USAGE[0], False), EXTENDED), "digitalSignature"),
        (((usage("content_commitment"), True),), "digitalSignature"),
        (((usage("digital_signature", "key_encipherment"), True),), "also for keyEncipherment"),
        (((usage("digital_signature", "data_encipherment"), True),), "also for dataEncipherment"),
        (((usage("digital_signature", "key_agreement", "encipher_only"), True),), "also for keyAgreement"),
        (((usage("digital_signature", "key_cert_sign"), True),), "also for keyCertSign"),
        (((usage("digital_signature", "crl_sign"), True),), "also for cRLSign"),
        (((x509.BasicConstraints(ca=True, path_length=None), True), USAGE), "is that of a CA"),
        ((USAGE, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)), "TLS servers"),
        ((USAGE, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)), "TLS clients"),
        ((USAGE, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)), "e-mail"),
        ((USAGE, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)), "time stamps"),
        (
            (
                USAGE,
                (
                    x509.ExtendedKeyUsage(
                        [ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]
                    ),
                    False,
                ),
            ),
            "any use",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_signing_certificate_with_another_or_no_usage_is_refused(
    extensions: tuple[tuple[x509.ExtensionType, bool], ...], expected: str
) -> None:
    assert expected in refusal(signer(extensions=extensions))


@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        ((), "is not that of a CA"),
        (((x509.BasicConstraints(ca=False, path_length=None), True),), "is not that of a CA"),
        (((x509.BasicConstraints(ca=True, path_length=None), False), authority_extensions()[1]), "is not that of a CA"),
        (((x509.BasicConstraints(ca=True, path_length=None), True),), "keyCertSign"),
        (((x509.BasicConstraints(ca=True, path_length=None), True), (usage("crl_sign"), True)), "keyCertSign"),
        (((x509.BasicConstraints(ca=True, path_length=None), True), (usage("key_cert_sign"), False)), "keyCertSign"),
    ],
)
def test_an_issuer_must_be_a_ca(extensions: tuple[tuple[x509.ExtensionType, bool], ...], expected: str) -> None:
    issuing = issue(name("Contoso Issuing"), ec_key(), by=root(), extensions=extensions)
    reason = refusal(signer(by=issuing))
    assert expected in reason
    assert "Contoso Issuing" in reason


def test_a_ca_may_have_only_as_many_cas_below_it_as_it_says() -> None:
    assert "allows 0 CAs below it, here are 1" in refusal(signer(by=intermediate(root(path_length=0))))
    assert "allows 1 CAs" in refusal(signer(by=intermediate(intermediate(intermediate(root(path_length=1))))))


def test_a_self_signed_signer_must_not_be_a_ca() -> None:
    assert "must not be a CA" in refusal(root())


def test_each_certificate_must_be_issued_by_the_next() -> None:
    by, other_signer = signer(), signer()
    leaf, issuing, above = read_chain(by.chain)
    for wrong_chain in (
        (leaf, above),
        (leaf, above, issuing),
        (issuing, leaf, above),
        (leaf, read_chain(other_signer.chain)[1], above),
        (leaf, issuing, read_chain(other_signer.chain)[2]),
        (leaf, issuing, above, above),
        (leaf, leaf, issuing, above),
    ):
        with pytest.raises(Unproven):
            check_chain(wrong_chain, (NOW,))


def test_a_chain_without_its_root_is_not_whole() -> None:
    leaf, issuing, _ = read_chain(signer().chain)
    with pytest.raises(Unproven, match="which is not a root"):
        check_chain((leaf, issuing), (NOW,))


@pytest.mark.parametrize("position", [0, 1])
def test_no_certificate_may_be_signed_with_sha_1(position: int) -> None:
    # No library creates one any more, so the algorithm's name is changed in a certificate made with SHA-256.
    above = root_with(rsa_key(2048))
    chain = list(signer(by=above).chain)
    chain[position] = chain[position].replace(bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105"))
    with pytest.raises(Unproven, match="SHA-1"):
        check_chain(read_chain(chain), (NOW,))


def test_there_may_be_only_so_many_certificates() -> None:
    by = signer()
    with pytest.raises(Unproven, match=f"1 to {LONGEST_CHAIN} certificates, got 0"):
        read_chain(())
    with pytest.raises(Unproven, match=f"got {LONGEST_CHAIN + 1}"):
        read_chain(by.chain[:1] * (LONGEST_CHAIN + 1))


def test_certificates_that_are_cut_or_altered_anywhere_never_crash() -> None:
    by = signer()
    encoded = by.chain[0]
    for position in range(len(encoded)):
        altered = bytearray(encoded)
        altered[position] ^= 0x55
        for damaged in (encoded[:position], bytes(altered)):
            with pytest.raises(Unproven):
                read_and_check((damaged, *by.chain[1:]))


def read_and_check(encoded: tuple[bytes, ...]) -> None:
    chain = read_chain(encoded)
    public_key_of(chain[0])
    check_chain(chain, (NOW,))
