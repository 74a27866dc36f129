"""The four rules against a registry: where tools keep things, what is merely missing, and what does not hold."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from slipway.domain.rules import NotYet, RuleResult
from slipway.effects.registry import Registry, TooLarge, Unreachable, Where
from slipway.effects.supply_chain import ProvenanceTrust, Wanted, check
from slipway.effects.supply_chain._attachments import MOST_ATTACHED
from slipway.testing.artifacts import Built, digest_of, image, index
from slipway.testing.registry import MemoryRegistry
from tests.unit.effects.registry.pairs import make_pair
from tests.unit.effects.supply_chain.attaching import (
    DSSE,
    IN_TOTO,
    NOTATION,
    SIGNATURE_ARTIFACT,
    Layer,
    People,
    attested,
    buildx_attestations,
    buildx_index,
    built_with_buildx,
    classic,
    in_bundle,
    manifest,
    notation,
    sbom,
    signed_in_bundle,
    simple_layer,
)
from tests.unit.effects.supply_chain.authority import NOW, ec_key, root, signer
from tests.unit.effects.supply_chain.signing import (
    BUILDER,
    CYCLONEDX_DOCUMENT,
    OTHER,
    PROVENANCE_1,
    SPDX,
    SPDX_DOCUMENT,
    compact,
    dsse,
    provenance,
    statement,
)

REPOSITORY = "team/shop"
SHOP = image(b"the shop")


@dataclass
class Place:
    """A registry with one image, and who is trusted."""

    held: MemoryRegistry
    client: Registry
    people: People
    image: Built = SHOP

    def push(self, built: Built, tag: str | None = None) -> None:
        self.held.seed(REPOSITORY, built, tag)

    def tag(self, suffix: str, built: Built, about: Built | None = None) -> None:
        self.push(built, (about or self.image).digest.replace(":", "-") + suffix)

    def look(self, *names: str, wanted: Wanted | None = None) -> RuleResult:
        """The one rule that is asked for; `names` are the fields of Wanted to keep."""
        everything = wanted or self.people.everything()
        empty = Wanted()
        kept = {name: getattr(everything, name) for name in names}
        (found,) = check(self.client, REPOSITORY, self.image.digest, replace(empty, **kept), NOW)
        return found


@pytest.fixture(scope="module")
def people() -> People:
    return People()


@pytest.fixture
def place(people: People) -> Place:
    pair = make_pair()
    made = Place(held=pair.source, client=pair.from_source, people=people)
    made.push(SHOP, "1")
    return made


def with_image(place: Place, built: Built) -> Place:
    made = replace(place, image=built)
    made.push(built, "1")
    return made


def test_a_bare_image_lacks_everything_and_all_of_it_may_still_come(place: Place) -> None:
    found = check(place.client, REPOSITORY, SHOP.digest, place.people.everything(), NOW)
    names = ["signed-by-notation", "signed-by-cosign", "has-sbom", "built-by"]
    assert [each.name for each in found] == names
    assert not any(each.passed for each in found)
    assert all(isinstance(each, NotYet) for each in found)
    assert found[0].reason == f"expected a Notation signature of {SHOP.digest[:19]}, there is none"


def test_nothing_is_looked_for_that_is_not_wanted(place: Place) -> None:
    assert check(place.client, REPOSITORY, SHOP.digest, Wanted(), NOW) == ()


# ---- signed-by-notation


@pytest.mark.parametrize("as_cose", [False, True], ids=["JWS", "COSE"])
@pytest.mark.parametrize("old_layout", [False, True], ids=["artifact type", "configuration"])
def test_a_notation_signature_is_found_and_verified(place: Place, as_cose: bool, old_layout: bool) -> None:
    place.push(notation(SHOP, place.people.notation, as_cose=as_cose, old_layout=old_layout))
    found = place.look("notation")
    assert found.passed, found.reason
    assert found.reason.startswith("Notation signature: CN=release,O=contoso.com,ST=WA,C=US, at 2026-11-22")


def test_one_notation_signature_that_holds_is_enough_and_the_reason_is_always_the_same(place: Place) -> None:
    place.push(notation(SHOP, signer(by=root("Fabrikam Root"))))
    place.push(notation(SHOP, place.people.notation, as_cose=True))
    first, second = place.look("notation"), place.look("notation")
    assert first.passed
    assert first == second


def test_a_signature_that_does_not_hold_is_not_waited_for_and_every_reason_is_given(place: Place) -> None:
    for number in range(5):
        place.push(notation(SHOP, signer(by=root(f"Root {number}"))))
    found = place.look("notation")
    assert not found.passed
    assert not isinstance(found, NotYet)
    assert "none of 5 holds" in found.reason
    assert "does not lead to a trusted root" in found.reason
    assert found.reason.endswith("and 2 more")
    assert len(found.reason) <= 700


def test_a_signature_of_another_image_that_was_attached_to_this_one_does_not_hold(place: Place) -> None:
    other = image(b"another")
    signed = notation(other, place.people.notation)
    moved = manifest(Layer("application/jose+json", signed.blobs[1]), subject=SHOP, artifact_type=NOTATION)
    place.push(moved)
    assert f"it is for {other.digest}" in place.look("notation").reason


def test_a_registry_that_lists_what_refers_to_another_image_is_not_believed(place: Place) -> None:
    other = image(b"another")
    signature = notation(other, place.people.notation)
    place.push(other)
    place.push(signature)
    original = place.held._referrers
    place.held._referrers = lambda request, repository, digest: original(request, repository, other.digest)  # type: ignore[method-assign]
    assert isinstance(place.look("notation"), NotYet)


def test_a_signature_manifest_must_hold_one_envelope(place: Place) -> None:
    envelope = Layer("application/jose+json", b"{}")
    place.push(manifest(envelope, envelope, subject=SHOP, artifact_type=NOTATION))
    assert "expected one envelope, got 2" in place.look("notation").reason


def test_an_envelope_that_is_too_large_is_not_downloaded(place: Place) -> None:
    place.push(manifest(Layer("application/jose+json", b" " * 2**21), subject=SHOP, artifact_type=NOTATION))
    assert "expected at most 1048576 bytes" in place.look("notation").reason
    assert not [each for each in place.held.log if "/blobs/" in each.path]


def test_a_signature_whose_envelope_is_gone_does_not_hold_and_does_not_stop_the_others(place: Place) -> None:
    gone = notation(SHOP, signer())
    place.push(gone)
    for blob in gone.blobs[1:]:
        del place.held.blobs[REPOSITORY, digest_of(blob)]
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
        raise Unreachable(Where("source.test"), "it is away")

    place.held._blob = away  # type: ignore[method-assign,assignment]
    with pytest.raises(Unreachable):
        place.look("notation")


# ---- signed-by-cosign


def test_a_classic_cosign_signature_is_found_under_its_tag(place: Place) -> None:
    place.tag(".sig", classic(simple_layer(SHOP, ec_key()), simple_layer(SHOP, place.people.cosign)))
    found = place.look("cosign")
    assert found.passed, found.reason
    assert found.reason == "cosign signature: made with the required key"


def test_a_cosign_signature_is_found_among_the_referrers(place: Place) -> None:
    layer = simple_layer(SHOP, place.people.cosign)
    place.push(manifest(layer, subject=SHOP, artifact_type=SIGNATURE_ARTIFACT))
    assert place.look("cosign").passed


def test_a_cosign_3_signature_is_found_as_a_bundle(place: Place) -> None:
    place.push(signed_in_bundle(SHOP, place.people.cosign))
    found = place.look("cosign")
    assert found.passed, found.reason


def test_attestations_of_the_same_key_are_no_signature(place: Place) -> None:
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
    found = place.look("cosign")
    assert not found.passed
    assert not isinstance(found, NotYet)
    assert "not signed with the required key" in found.reason
    assert "not for this image" in found.reason


def test_a_layer_without_its_signature_does_not_hold(place: Place) -> None:
    layer = simple_layer(SHOP, place.people.cosign)
    place.tag(".sig", classic(Layer(layer.media_type, layer.data)))
    assert "not signed with the required key" in place.look("cosign").reason


def test_the_signature_of_one_platform_is_not_that_of_the_index(place: Place) -> None:
    both = index(SHOP, image(b"arm", architecture="arm64"))
    there = with_image(place, both)
    there.tag(".sig", classic(simple_layer(SHOP, place.people.cosign)), about=SHOP)
    assert isinstance(there.look("cosign"), NotYet)


# ---- has-sbom

HANGING: dict[str, Callable[[Place, Built], None]] = {
    "as a referrer": lambda place, about: place.push(sbom(about)),
    "as CycloneDX": lambda place, about: place.push(
        sbom(about, compact(CYCLONEDX_DOCUMENT), "application/vnd.cyclonedx+json")
    ),
    "under cosign's tag": lambda place, about: place.tag(
        ".sbom", classic(Layer("text/spdx", b"SPDXVersion: SPDX-2.3\n")), about
    ),
    "attested under cosign's tag": lambda place, about: place.tag(
        ".att", attested(dsse(ec_key(), statement(SPDX, SPDX_DOCUMENT, digest=about.digest)), kinds=(SPDX,)), about
    ),
    "attested in a bundle": lambda place, about: place.push(
        in_bundle(about, ec_key(), statement(SPDX, SPDX_DOCUMENT, digest=about.digest))
    ),
    "in a DSSE envelope": lambda place, about: place.push(
        manifest(
            Layer(DSSE, compact(dsse(ec_key(), statement(SPDX, SPDX_DOCUMENT, digest=about.digest)))),
            subject=about,
            artifact_type=DSSE,
        )
    ),
    "as a bare statement": lambda place, about: place.push(
        manifest(
            Layer(IN_TOTO, compact(statement(SPDX, SPDX_DOCUMENT, digest=about.digest))),
            subject=about,
            artifact_type=IN_TOTO,
        )
    ),
}


@pytest.mark.parametrize("how", HANGING)
def test_an_sbom_is_found_wherever_tools_keep_it(place: Place, how: str) -> None:
    HANGING[how](place, SHOP)
    found = place.look("sbom")
    assert found.passed, found.reason


def test_the_sboms_that_buildx_makes_count_for_their_platforms(place: Place) -> None:
    found = with_image(place, built_with_buildx()).look("sbom")
    assert found.passed, found.reason
    assert found.reason.startswith("linux/amd64: SBOM: SPDX")
    assert "linux/arm64: SBOM: SPDX" in found.reason


@pytest.mark.parametrize("how", HANGING)
def test_an_sbom_of_the_index_is_enough(place: Place, how: str) -> None:
    there = with_image(place, index(SHOP, image(b"arm", architecture="arm64")))
    HANGING[how](there, there.image)
    assert there.look("sbom").passed


@pytest.mark.parametrize("how", HANGING)
def test_every_platform_needs_one_otherwise(place: Place, how: str) -> None:
    arm = image(b"arm", architecture="arm64")
    there = with_image(place, index(SHOP, arm))
    HANGING[how](there, SHOP)
    found = there.look("sbom")
    assert not found.passed
    assert isinstance(found, NotYet)
    assert "linux/arm64: expected an SBOM" in found.reason
    HANGING[how](there, arm)
    assert there.look("sbom").passed


def test_what_is_attached_as_an_sbom_must_be_one(place: Place) -> None:
    place.push(sbom(SHOP, b'{"hello":"world"}'))
    found = place.look("sbom")
    assert not isinstance(found, NotYet)
    assert "neither SPDX nor CycloneDX" in found.reason


def test_an_sbom_that_is_attested_for_another_image_does_not_count(place: Place) -> None:
    place.tag(".att", attested(dsse(ec_key(), statement(SPDX, SPDX_DOCUMENT, digest=OTHER))))
    assert "it is about" in place.look("sbom").reason


# ---- built-by


@pytest.mark.parametrize("version", ["0.2", "1"])
def test_signed_provenance_of_the_builder_holds(place: Place, version: str) -> None:
    content = provenance(digest=SHOP.digest, version=version)
    place.tag(".att", attested(dsse(place.people.builder, content)))
    found = place.look("provenance")
    assert found.passed, found.reason
    assert found.reason == f"provenance: {BUILDER} (signed with the required key)"


def test_provenance_in_a_bundle_holds(place: Place) -> None:
    place.push(in_bundle(SHOP, place.people.builder, provenance(digest=SHOP.digest)))
    assert place.look("provenance").passed


def test_provenance_of_another_builder_does_not_hold(place: Place) -> None:
    place.push(in_bundle(SHOP, place.people.builder, provenance("https://laptop.example", digest=SHOP.digest)))
    found = place.look("provenance")
    assert not isinstance(found, NotYet)
    assert "it names the builder https://laptop.example" in found.reason


def test_what_buildx_says_is_not_signed_and_counts_only_without_a_key(place: Place) -> None:
    there = with_image(place, built_with_buildx())
    found = there.look("provenance")
    assert not found.passed
    assert "it is not signed" in found.reason
    unsigned = Wanted(provenance=ProvenanceTrust(builders=(BUILDER,)))
    found = there.look("provenance", wanted=unsigned)
    assert found.passed, found.reason
    assert "no signature asked for" in found.reason


def test_buildx_must_speak_of_the_platform_that_it_hangs_on(place: Place) -> None:
    arm = image(b"arm", architecture="arm64")
    swapped = buildx_index(
        SHOP,
        arm,
        attestations={
            SHOP.digest: buildx_attestations(SHOP, provenance(digest=SHOP.digest)),
            arm.digest: buildx_attestations(arm, provenance(digest=OTHER)),
        },
    )
    unsigned = Wanted(provenance=ProvenanceTrust(builders=(BUILDER,)))
    found = with_image(place, swapped).look("provenance", wanted=unsigned)
    assert not found.passed
    assert f"linux/arm64: expected provenance of {arm.digest[:19]}, none of 1 holds" in found.reason


def test_only_what_may_be_provenance_is_downloaded(place: Place) -> None:
    large = statement(SPDX, SPDX_DOCUMENT | {"packages": ["x" * 1000] * 1000}, digest=SHOP.digest)
    mine = dsse(place.people.builder, provenance(digest=SHOP.digest))
    place.tag(".att", attested(dsse(ec_key(), large), mine, kinds=(SPDX, PROVENANCE_1)))
    assert place.look("provenance").passed
    assert len([each for each in place.held.log if "/blobs/" in each.path]) == 1


# ---- all together


def test_an_image_with_all_four_holds_all_four(place: Place) -> None:
    people = place.people
    place.push(notation(SHOP, people.notation, as_cose=True))
    place.tag(".sig", classic(simple_layer(SHOP, people.cosign)))
    place.push(sbom(SHOP))
    place.push(in_bundle(SHOP, people.builder, provenance(digest=SHOP.digest)))
    found = check(place.client, REPOSITORY, SHOP.digest, people.everything(), NOW)
    assert [each.passed for each in found] == [True] * 4


def test_registries_without_the_referrers_api_are_read_by_its_tag(people: People) -> None:
    pair = make_pair(source_api=False)
    place = Place(held=pair.source, client=pair.from_source, people=people)
    place.push(SHOP, "1")
    signature, signed = notation(SHOP, people.notation), signed_in_bundle(SHOP, people.cosign)
    place.tag("", index(signature, signed))
    assert place.look("notation").passed
    assert place.look("cosign").passed


def test_a_statement_with_many_subjects_counts_for_each(place: Place) -> None:
    content = provenance(digest=OTHER)
    content["subject"] += provenance(digest=SHOP.digest)["subject"]
    place.tag(".att", attested(dsse(place.people.builder, content)))
    assert place.look("provenance").passed


def test_a_bundle_is_found_though_its_list_names_another_type_as_cosign_writes_it(place: Place) -> None:
    bundle = signed_in_bundle(SHOP, place.people.cosign)
    place.push(bundle)
    place.held.referrers_api = False
    place.tag("", index(replace(bundle, artifact_type="application/vnd.oci.empty.v1+json")))
    found = place.look("cosign")
    assert found.passed, found.reason
