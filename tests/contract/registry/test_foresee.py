"""What would stop a copy is found by reading alone; what a clean-up deleted beside the image stops none.

On a real registry, and on the double.
"""

import pytest

from slipway.effects.registry import (
    CopySource,
    CopyTarget,
    Incomplete,
    LayerMissing,
    Registry,
    TagTaken,
    check_children,
    check_whole,
    copy_artifact,
    foresee,
)
from slipway.testing.artifacts import ArtifactDouble, digest_of, image, index, push_artifact, refer, referrer
from tests.contract.registry.places import Place

LAYER = b"only here"
ROOT = index(image(b"base", LAYER), image(b"base", b"arm", architecture="arm64"))
SBOM = referrer(ROOT, b"what is in the image", "application/spdx+json")


def ends(registry: Registry, repository: str, root: ArtifactDouble = ROOT) -> tuple[CopySource, CopyTarget]:
    return (
        CopySource(registry=registry, repository=repository, digest=root.digest, tag="481"),
        CopyTarget(registry=registry, repository=f"prod/{repository}", digest=root.digest, tag="482"),
    )


def test_a_complete_image_has_nothing_that_would_stop_its_copy_and_nothing_is_written(
    place: Place, repository: str
) -> None:
    registry = place.client()
    push_artifact(registry, repository, ROOT, "481")
    foresee(*ends(registry, repository))
    check_whole(registry, repository, ROOT.digest)
    assert registry.resolve(f"prod/{repository}", "482") is None
    assert not registry.blob_exists(f"prod/{repository}", digest_of(LAYER))


def test_a_tag_that_is_taken_is_foreseen(place: Place, repository: str) -> None:
    registry = place.client()
    push_artifact(registry, repository, ROOT, "481")
    existing = push_artifact(registry, f"prod/{repository}", image(b"other"), "482")
    with pytest.raises(TagTaken, match=existing):
        foresee(*ends(registry, repository))


def test_a_platform_that_a_clean_up_took_is_foreseen_by_its_name(place: Place, repository: str) -> None:
    registry = place.client()
    push_artifact(registry, repository, ROOT, "481")
    purged = ROOT.children[1].digest
    place.purge(repository, "manifests", purged)
    expected = f"the index lists linux/arm64 {purged}, which the registry no longer has"
    with pytest.raises(Incomplete, match=expected):
        foresee(*ends(registry, repository))
    with pytest.raises(Incomplete, match=expected):
        check_children(registry, repository, registry.manifest(repository, ROOT.digest))


def test_bytes_that_are_gone_are_foreseen_by_their_size(place: Place, repository: str) -> None:
    registry = place.client()
    push_artifact(registry, repository, ROOT, "481")
    place.purge(repository, "blobs", digest_of(LAYER))
    expected = f"{digest_of(LAYER)}: these {len(LAYER)} bytes of the image are not there"
    with pytest.raises(LayerMissing, match=expected):
        foresee(*ends(registry, repository))
    with pytest.raises(LayerMissing, match=expected):
        check_whole(registry, repository, ROOT.digest)


def test_a_referrer_that_is_listed_and_was_purged_stops_nothing_and_is_noted(place: Place, repository: str) -> None:
    registry = place.client()
    push_artifact(registry, repository, ROOT, "481")
    refer(registry, repository, ROOT, SBOM)
    place.purge(repository, "manifests", SBOM.digest)
    foresee(*ends(registry, repository))
    result = copy_artifact(*ends(registry, repository))
    assert result.comparison.resolves_to == ROOT.digest
    assert result.referrers == ()
    listed = {entry.digest for entry in registry.referrers(repository, ROOT.digest).listed}
    if SBOM.digest in listed:  # under a tag, which no registry cleans up
        assert any(SBOM.digest in note for note in result.notes)


def test_a_referrer_whose_bytes_are_gone_stops_nothing_and_is_noted(place: Place, repository: str) -> None:
    registry = place.client()
    push_artifact(registry, repository, ROOT, "481")
    refer(registry, repository, ROOT, SBOM)
    place.purge(repository, "blobs", digest_of(b"what is in the image"))
    foresee(*ends(registry, repository))
    result = copy_artifact(*ends(registry, repository))
    assert result.comparison.resolves_to == ROOT.digest
    assert any(SBOM.digest in note and "left out" in note for note in result.notes)
