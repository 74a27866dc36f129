"""SBOMs and provenance in a registry: where tools keep them, and what does not hold."""

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

HANGING: dict[str, Callable[[Place, ArtifactDouble], None]] = {
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


def test_an_sbom_that_is_listed_and_was_purged_is_missing_and_no_trouble_of_the_registry(place: Place) -> None:
    gone = sbom(SHOP)
    place.push(gone)
    place.held.referrers_api = False
    place.push(index(gone), SHOP.digest.replace(":", "-"))
    del place.held.manifests[REPOSITORY, gone.digest]
    found = place.look("sbom")
    assert isinstance(found, NotYet)
    assert "expected an SBOM" in found.reason


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


@pytest.mark.parametrize("platform", [{"os": "linux", "architecture": "amd64"}, {"os": "unknown"}, None])
def test_an_image_that_says_it_is_an_attestation_needs_provenance_where_nodes_may_run_it(
    place: Place, platform: dict[str, str] | None
) -> None:
    arm = image(b"arm", architecture="arm64")
    both = index(SHOP, arm)
    document = json.loads(both.raw)
    document["manifests"][0]["annotations"] = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": arm.digest,
    }
    document["manifests"][0]["platform"] = platform
    there = with_image(place, replace(both, raw=json.dumps(document).encode()))
    there.push(in_bundle(arm, place.people.builder, provenance(digest=arm.digest)))
    assert not there.look("provenance").passed


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
    unsigned = RequiredChecks(provenance=ProvenanceTrust(builders=(BUILDER,)))
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
    unsigned = RequiredChecks(provenance=ProvenanceTrust(builders=(BUILDER,)))
    found = with_image(place, swapped).look("provenance", wanted=unsigned)
    assert not found.passed
    assert f"linux/arm64: expected provenance of {arm.digest[:19]}, none of 1 holds" in found.reason


def test_only_what_may_be_provenance_is_downloaded(place: Place) -> None:
    large = statement(SPDX, SPDX_DOCUMENT | {"packages": ["x" * 1000] * 1000}, digest=SHOP.digest)
    mine = dsse(place.people.builder, provenance(digest=SHOP.digest))
    place.tag(".att", attested(dsse(ec_key(), large), mine, kinds=(SPDX, PROVENANCE_1)))
    assert place.look("provenance").passed
    assert len([each for each in place.held.log if "/blobs/" in each.path]) == 1
