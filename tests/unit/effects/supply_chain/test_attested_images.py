"""SBOMs and provenance in a registry: where tools store them, and which do not count."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from slipway.domain.rules import NotYet
from slipway.effects.supply_chain import ProvenanceTrust, RequiredChecks
from slipway.testing.artifacts import ArtifactDouble, image, index
from tests.unit.effects.supply_chain.attaching import (
    DSSE,
    IN_TOTO,
    Layer,
    attested,
    buildx_attestations,
    buildx_index,
    built_with_buildx,
    classic,
    in_bundle,
    manifest,
    sbom,
)
from tests.unit.effects.supply_chain.authority import ec_key
from tests.unit.effects.supply_chain.place import REPOSITORY, SHOP, Place, with_image
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

# ---- has-sbom

ATTACH: dict[str, Callable[[Place, ArtifactDouble], None]] = {
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


@pytest.mark.parametrize("how", ATTACH)
def test_an_sbom_is_found_wherever_tools_keep_it(place: Place, how: str) -> None:
    ATTACH[how](place, SHOP)
    result = place.look("sbom")
    assert result.passed, result.reason


def test_the_sboms_that_buildx_makes_count_for_their_platforms(place: Place) -> None:
    result = with_image(place, built_with_buildx()).look("sbom")
    assert result.passed, result.reason
    assert result.reason.startswith("linux/amd64: SBOM: SPDX")
    assert "linux/arm64: SBOM: SPDX" in result.reason


@pytest.mark.parametrize("how", ATTACH)
def test_an_sbom_of_the_index_is_enough(place: Place, how: str) -> None:
    with_index = with_image(place, index(SHOP, image(b"arm", architecture="arm64")))
    ATTACH[how](with_index, with_index.image)
    assert with_index.look("sbom").passed


@pytest.mark.parametrize("how", ATTACH)
def test_without_an_sbom_of_the_index_every_platform_needs_one(place: Place, how: str) -> None:
    arm = image(b"arm", architecture="arm64")
    with_index = with_image(place, index(SHOP, arm))
    ATTACH[how](with_index, SHOP)
    result = with_index.look("sbom")
    assert not result.passed
    assert isinstance(result, NotYet)
    assert "linux/arm64: expected an SBOM" in result.reason
    ATTACH[how](with_index, arm)
    assert with_index.look("sbom").passed


def test_an_sbom_that_is_listed_and_was_purged_may_still_come(place: Place) -> None:
    purged = sbom(SHOP)
    place.push(purged)
    place.registry.referrers_api = False
    place.push(index(purged), SHOP.digest.replace(":", "-"))
    del place.registry.manifests[REPOSITORY, purged.digest]
    result = place.look("sbom")
    assert isinstance(result, NotYet)
    assert "expected an SBOM" in result.reason


def test_an_attachment_that_only_claims_to_be_an_sbom_does_not_count(place: Place) -> None:
    place.push(sbom(SHOP, b'{"hello":"world"}'))
    result = place.look("sbom")
    assert not isinstance(result, NotYet)
    assert "neither SPDX nor CycloneDX" in result.reason


def test_an_sbom_that_is_attested_for_another_image_does_not_count(place: Place) -> None:
    place.tag(".att", attested(dsse(ec_key(), statement(SPDX, SPDX_DOCUMENT, digest=OTHER))))
    assert "it is about" in place.look("sbom").reason


# ---- built-by


@pytest.mark.parametrize("version", ["0.2", "1"])
def test_signed_provenance_of_the_builder_holds(place: Place, version: str) -> None:
    content = provenance(digest=SHOP.digest, version=version)
    place.tag(".att", attested(dsse(place.people.builder, content)))
    result = place.look("provenance")
    assert result.passed, result.reason
    assert result.reason == f"provenance: {BUILDER} (signed with the required key)"


def test_provenance_in_a_bundle_holds(place: Place) -> None:
    place.push(in_bundle(SHOP, place.people.builder, provenance(digest=SHOP.digest)))
    assert place.look("provenance").passed


@pytest.mark.parametrize("platform", [{"os": "linux", "architecture": "amd64"}, {"os": "unknown"}, None])
def test_a_runnable_image_that_is_marked_as_an_attestation_needs_provenance(
    place: Place, platform: dict[str, str] | None
) -> None:
    arm = image(b"arm", architecture="arm64")
    two_platforms = index(SHOP, arm)
    document = json.loads(two_platforms.raw)
    document["manifests"][0]["annotations"] = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": arm.digest,
    }
    document["manifests"][0]["platform"] = platform
    with_index = with_image(place, replace(two_platforms, raw=json.dumps(document).encode()))
    with_index.push(in_bundle(arm, place.people.builder, provenance(digest=arm.digest)))
    assert not with_index.look("provenance").passed


def test_provenance_of_another_builder_does_not_hold(place: Place) -> None:
    place.push(in_bundle(SHOP, place.people.builder, provenance("https://laptop.example", digest=SHOP.digest)))
    result = place.look("provenance")
    assert not isinstance(result, NotYet)
    assert "it names the builder https://laptop.example" in result.reason


def test_provenance_of_buildx_is_not_signed_and_counts_only_without_a_key(place: Place) -> None:
    buildx_image = with_image(place, built_with_buildx())
    result = buildx_image.look("provenance")
    assert not result.passed
    assert "it is not signed" in result.reason
    unsigned = RequiredChecks(provenance=ProvenanceTrust(builders=(BUILDER,)))
    result = buildx_image.look("provenance", required=unsigned)
    assert result.passed, result.reason
    assert "no signature asked for" in result.reason


def test_provenance_of_buildx_must_be_about_the_platform_it_is_attached_to(place: Place) -> None:
    arm = image(b"arm", architecture="arm64")
    swapped = buildx_index(
        SHOP,
        arm,
        attestations={
            SHOP.digest: buildx_attestations(SHOP, provenance(digest=SHOP.digest)),
            arm.digest: buildx_attestations(arm, provenance(digest=OTHER)),
        },
    )
    unsigned = RequiredChecks(provenance=ProvenanceTrust(builders=(BUILDER,)))
    result = with_image(place, swapped).look("provenance", required=unsigned)
    assert not result.passed
    assert f"linux/arm64: expected provenance of {arm.digest[:19]}, none of 1 holds" in result.reason


def test_only_attestations_that_may_be_provenance_are_downloaded(place: Place) -> None:
    large = statement(SPDX, SPDX_DOCUMENT | {"packages": ["x" * 1000] * 1000}, digest=SHOP.digest)
    signed_provenance = dsse(place.people.builder, provenance(digest=SHOP.digest))
    place.tag(".att", attested(dsse(ec_key(), large), signed_provenance, kinds=(SPDX, PROVENANCE_1)))
    assert place.look("provenance").passed
    assert len([request for request in place.registry.log if "/blobs/" in request.path]) == 1
