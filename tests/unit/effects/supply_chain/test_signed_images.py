"""Signatures of Notation and cosign in a registry: where tools store them, and which do not count."""

import pytest

from slipway.domain.rules import NotYet
from slipway.effects.registry import ErrorSubject, TooLarge, Unreachable
from slipway.effects.supply_chain._attachments import MOST_ATTACHED
from slipway.testing.artifacts import digest_of, image, index
from tests.unit.effects.supply_chain.attaching import (
    NOTATION,
    SIGNATURE_ARTIFACT,
    Layer,
    classic,
    in_bundle,
    manifest,
    notation,
    signed_in_bundle,
    simple_layer,
)
from tests.unit.effects.supply_chain.authority import ec_key, root, signer
from tests.unit.effects.supply_chain.place import REPOSITORY, SHOP, Place, with_image
from tests.unit.effects.supply_chain.signing import (
    provenance,
)

# ---- signed-by-notation


@pytest.mark.parametrize("as_cose", [False, True], ids=["JWS", "COSE"])
@pytest.mark.parametrize("old_layout", [False, True], ids=["artifact type", "configuration"])
def test_a_notation_signature_is_found_and_verified(place: Place, as_cose: bool, old_layout: bool) -> None:
    place.push(notation(SHOP, place.people.notation, as_cose=as_cose, old_layout=old_layout))
    result = place.look("notation")
    assert result.passed, result.reason
    assert result.reason.startswith("Notation signature: CN=release,O=contoso.com,ST=WA,C=US, at 2026-11-22")


def test_one_valid_notation_signature_is_enough_and_the_result_is_always_the_same(place: Place) -> None:
    place.push(notation(SHOP, signer(by=root("Fabrikam Root"))))
    place.push(notation(SHOP, place.people.notation, as_cose=True))
    first, second = place.look("notation"), place.look("notation")
    assert first.passed
    assert first == second


def test_a_signature_that_does_not_hold_is_not_waited_for_and_every_reason_is_given(place: Place) -> None:
    for number in range(5):
        place.push(notation(SHOP, signer(by=root(f"Root {number}"))))
    result = place.look("notation")
    assert not result.passed
    assert not isinstance(result, NotYet)
    assert "none of 5 holds" in result.reason
    assert "does not lead to a trusted root" in result.reason
    assert result.reason.endswith("and 2 more")
    assert len(result.reason) <= 700


def test_a_signature_of_another_image_that_was_attached_to_this_one_does_not_hold(place: Place) -> None:
    other_image = image(b"another")
    signed = notation(other_image, place.people.notation)
    attached_here = manifest(Layer("application/jose+json", signed.blobs[1]), subject=SHOP, artifact_type=NOTATION)
    place.push(attached_here)
    assert f"it is for {other_image.digest}" in place.look("notation").reason


def test_a_registry_that_lists_what_refers_to_another_image_is_not_believed(place: Place) -> None:
    other_image = image(b"another")
    signature = notation(other_image, place.people.notation)
    place.push(other_image)
    place.push(signature)
    usual = place.registry._referrers
    place.registry._referrers = lambda request, repository, digest: usual(request, repository, other_image.digest)  # type: ignore[method-assign]
    assert isinstance(place.look("notation"), NotYet)


def test_a_signature_manifest_must_hold_one_envelope(place: Place) -> None:
    envelope = Layer("application/jose+json", b"{}")
    place.push(manifest(envelope, envelope, subject=SHOP, artifact_type=NOTATION))
    assert "expected one envelope, got 2" in place.look("notation").reason


def test_an_envelope_that_is_too_large_is_not_downloaded(place: Place) -> None:
    place.push(manifest(Layer("application/jose+json", b" " * 2**21), subject=SHOP, artifact_type=NOTATION))
    assert "expected at most 1048576 bytes" in place.look("notation").reason
    assert not [request for request in place.registry.log if "/blobs/" in request.path]


def test_a_signature_whose_envelope_is_gone_does_not_hold_and_does_not_stop_the_others(place: Place) -> None:
    purged = notation(SHOP, signer())
    place.push(purged)
    for blob in purged.blobs[1:]:
        del place.registry.blobs[REPOSITORY, digest_of(blob)]
    assert "none of 1 holds" in place.look("notation").reason
    place.push(notation(SHOP, place.people.notation))
    assert place.look("notation").passed


def test_only_so_many_signatures_are_looked_at(place: Place) -> None:
    for number in range(MOST_ATTACHED + 1):
        place.push(manifest(Layer("application/jose+json", b"%d" % number), subject=SHOP, artifact_type=NOTATION))
    with pytest.raises(TooLarge, match=f"at most {MOST_ATTACHED} referrers"):
        place.look("notation")


def test_a_registry_that_cannot_be_reached_is_asked_again_instead(place: Place) -> None:
    place.push(notation(SHOP, place.people.notation))

    def away(*_: object) -> None:
        raise Unreachable(ErrorSubject("source.test"), "it is away")

    place.registry._blob = away  # type: ignore[method-assign,assignment]
    with pytest.raises(Unreachable):
        place.look("notation")


# ---- signed-by-cosign


def test_a_classic_cosign_signature_is_found_under_its_tag(place: Place) -> None:
    place.tag(".sig", classic(simple_layer(SHOP, ec_key()), simple_layer(SHOP, place.people.cosign)))
    result = place.look("cosign")
    assert result.passed, result.reason
    assert result.reason == "cosign signature: made with the required key"


def test_a_cosign_signature_is_found_among_the_referrers(place: Place) -> None:
    layer = simple_layer(SHOP, place.people.cosign)
    place.push(manifest(layer, subject=SHOP, artifact_type=SIGNATURE_ARTIFACT))
    assert place.look("cosign").passed


def test_a_cosign_3_signature_is_found_as_a_bundle(place: Place) -> None:
    place.push(signed_in_bundle(SHOP, place.people.cosign))
    result = place.look("cosign")
    assert result.passed, result.reason


def test_attestations_of_the_same_key_are_not_signatures(place: Place) -> None:
    place.push(in_bundle(SHOP, place.people.cosign, provenance(digest=SHOP.digest)))
    assert isinstance(place.look("cosign"), NotYet)
    unannotated = manifest(
        Layer(
            "application/vnd.dev.sigstore.bundle.v0.3+json",
            in_bundle(SHOP, place.people.cosign, provenance(digest=SHOP.digest)).blobs[1],
        ),
        subject=SHOP,
        artifact_type="application/vnd.dev.sigstore.bundle.v0.3+json",
    )
    place.push(unannotated)
    assert "it is an attestation" in place.look("cosign").reason


def test_cosign_signatures_of_another_key_or_image_do_not_hold(place: Place) -> None:
    place.tag(".sig", classic(simple_layer(SHOP, ec_key()), simple_layer(image(b"other"), place.people.cosign)))
    result = place.look("cosign")
    assert not result.passed
    assert not isinstance(result, NotYet)
    assert "not signed with the required key" in result.reason
    assert "not for this image" in result.reason


def test_a_layer_without_its_signature_does_not_hold(place: Place) -> None:
    layer = simple_layer(SHOP, place.people.cosign)
    place.tag(".sig", classic(Layer(layer.media_type, layer.data)))
    assert "not signed with the required key" in place.look("cosign").reason


def test_the_signature_of_one_platform_is_not_that_of_the_index(place: Place) -> None:
    two_platforms = index(SHOP, image(b"arm", architecture="arm64"))
    with_index = with_image(place, two_platforms)
    with_index.tag(".sig", classic(simple_layer(SHOP, place.people.cosign)), about=SHOP)
    assert isinstance(with_index.look("cosign"), NotYet)
