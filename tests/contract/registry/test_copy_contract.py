"""Copies between every two kinds of registry, with all that belongs to an artifact."""

import os
import tracemalloc

import pytest

from slipway.effects.registry import (
    BasicCredential,
    CopyResult,
    CopySource,
    CopyTarget,
    Registry,
    TagTaken,
    copy_artifact,
)
from slipway.testing.artifacts import (
    ArtifactDouble,
    cosign_signature,
    digest_of,
    image,
    index,
    push_artifact,
    refer,
    referrer,
)
from tests.contract.registry.conftest import KINDS, Places
from tests.contract.registry.places import PASSWORD, Place

ROOT = index(image(b"base", b"amd" * 900_000), image(b"base", b"arm", architecture="arm64"))
SIGNATURE = referrer(ROOT, b"signature of the index")
SBOM = referrer(ROOT.children[0], b"what is in the image", "application/spdx+json")
SIGNATURE_OF_SBOM = referrer(SBOM, b"signature of the SBOM")
COSIGN = cosign_signature(b"classic")
COSIGN_TAG = ROOT.digest.replace(":", "-") + ".sig"
EVERYTHING: tuple[ArtifactDouble, ...] = (*ROOT.parts(), SIGNATURE, SBOM, SIGNATURE_OF_SBOM, COSIGN)


def fill(registry: Registry, repository: str) -> None:
    push_artifact(registry, repository, ROOT, "481")
    refer(registry, repository, ROOT, SIGNATURE)
    refer(registry, repository, ROOT.children[0], SBOM)
    refer(registry, repository, SBOM, SIGNATURE_OF_SBOM)
    push_artifact(registry, repository, COSIGN, COSIGN_TAG)


def run(source: Registry, target: Registry, repository: str, tag: str = "482") -> CopyResult:
    return copy_artifact(
        CopySource(registry=source, repository=repository, digest=ROOT.digest, tag="481"),
        CopyTarget(registry=target, repository=f"prod/{repository}", digest=ROOT.digest, tag=tag),
    )


@pytest.mark.parametrize("kind_of_source", KINDS)
@pytest.mark.parametrize("kind_of_target", KINDS)
def test_an_artifact_arrives_with_all_that_belongs_to_it(
    places: Places, kind_of_source: str, kind_of_target: str, repository: str
) -> None:
    source, target = places(kind_of_source).client(), places(kind_of_target).client()
    fill(source, repository)
    target_repository = f"prod/{repository}"

    record = run(source, target, repository)

    assert set(record.manifests) == {part.digest for part in EVERYTHING}
    assert set(record.referrers) == {part.digest for part in (SIGNATURE, SBOM, SIGNATURE_OF_SBOM, COSIGN)}
    assert record.platforms == ("linux/amd64", "linux/arm64")
    for part in EVERYTHING:
        assert target.manifest(target_repository, part.digest).raw == part.raw
    assert target.resolve(target_repository, "482") == ROOT.digest
    assert target.resolve(target_repository, COSIGN_TAG) == COSIGN.digest
    for subject, statement in ((ROOT, SIGNATURE), (ROOT.children[0], SBOM), (SBOM, SIGNATURE_OF_SBOM)):
        assert [entry.digest for entry in target.referrers(target_repository, subject.digest).listed] == [
            statement.digest
        ]
    assert (record.blobs_copied == 0) == (kind_of_source == kind_of_target)
    assert record.blobs_copied + record.blobs_mounted > 0


def test_running_it_again_copies_nothing(place: Place, places: Places, repository: str) -> None:
    source = places(KINDS[2]).client()
    fill(source, repository)
    first = run(source, place.client(), repository)

    second = run(source, place.client(), repository)

    assert (second.manifests_copied, second.blobs_copied, second.blobs_mounted, second.bytes_copied) == (0, 0, 0, 0)
    assert second.blobs_skipped == first.blobs_copied + first.blobs_mounted + first.blobs_skipped
    assert second.comparison == first.comparison


def test_a_tag_that_is_taken_stays_where_it_is(place: Place, places: Places, repository: str) -> None:
    source, target = places(KINDS[2]).client(), place.client()
    fill(source, repository)
    existing = push_artifact(target, f"prod/{repository}", image(b"other"), "482")

    with pytest.raises(TagTaken, match=existing):
        run(source, target, repository)

    assert target.resolve(f"prod/{repository}", "482") == existing


def test_a_locked_artifact_is_copied_again_without_touching_it(places: Places, repository: str) -> None:
    registry = places(KINDS[2]).client()
    fill(registry, repository)
    run(registry, registry, repository)
    registry.lock(f"prod/{repository}", "482", ROOT.digest)

    assert run(registry, registry, repository).manifests_copied == 0


def test_a_name_and_password_are_enough_on_acr(places: Places, repository: str) -> None:
    registry = places(KINDS[2]).client(BasicCredential("ada", PASSWORD))
    fill(registry, repository)

    assert run(registry, registry, repository).digest == ROOT.digest


def test_memory_stays_flat_however_large_the_layers_are(places: Places, repository: str) -> None:
    source, target = places(KINDS[0]).client(), places(KINDS[1]).client()
    layers = [os.urandom(16 * 1024 * 1024) for _ in range(3)]
    digest = push_artifact(source, repository, image(*layers))
    assert len({digest_of(layer) for layer in layers}) == 3
    del layers
    total_bytes = 3 * 16 * 1024 * 1024

    tracemalloc.start()
    try:
        record = copy_artifact(
            CopySource(registry=source, repository=repository, digest=digest),
            CopyTarget(registry=target, repository=repository, digest=digest, tag="482"),
            workers=2,
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert record.bytes_copied > total_bytes
    assert peak < total_bytes / 4
