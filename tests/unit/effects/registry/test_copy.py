"""What a copy between two registries in memory does and refuses."""

import json

import pytest

from slipway.effects.registry import (
    CopyResult,
    CopySource,
    CopyTarget,
    DigestMismatch,
    LayerMissing,
    NotListed,
    Progress,
    TagTaken,
    Unsupported,
    copy_artifact,
)
from slipway.testing.artifacts import (
    DOCKER_FOREIGN,
    DOCKER_LIST,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    SCHEMA_1,
    ArtifactDouble,
    blob_descriptor,
    cosign_signature,
    digest_of,
    image,
    index,
    referrer,
    unusual_json,
)
from slipway.testing.registry import RegistryReply
from tests.unit.effects.registry.pairs import TWO_PLATFORMS, Pair, alter_replies, empty_index, make_pair, run


def test_the_record_says_what_was_copied_and_is_json(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)

    record = run(pair, digest)

    assert record.platforms == ("linux/amd64", "linux/arm64")
    assert record.media_type == OCI_INDEX
    assert (record.manifests_copied, record.blobs_copied, record.blobs_skipped) == (3, 5, 0)
    assert record.bytes_copied == sum(len(blob) for blob in pair.target.blobs.values())
    assert record.manifests[-1] == digest
    assert record.comparison.read_back == record.manifests
    assert record.comparison.resolves_to == digest
    assert CopyResult.model_validate_json(record.model_dump_json()) == record


def test_only_the_parts_that_the_target_lacks_are_copied(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    pair.target.seed("prod/shop", TWO_PLATFORMS.children[0])

    record = run(pair, digest)

    assert (record.manifests_copied, record.blobs_copied, record.blobs_skipped) == (2, 2, 3)


def test_a_docker_manifest_list_keeps_its_media_types(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", index(image(b"x", docker=True), docker=True))

    assert run(pair, digest).media_type == DOCKER_LIST
    assert pair.target.manifests["prod/shop", digest] == pair.source.manifests["team/shop", digest]


def test_a_single_image_names_its_platform_from_its_configuration(pair: Pair) -> None:
    assert run(pair, pair.source.seed("team/shop", image(b"x", architecture="arm64"))).platforms == ("linux/arm64",)


def test_build_attestations_travel_but_are_not_platforms(pair: Pair) -> None:
    attestation = image(b"in-toto")
    attestation = ArtifactDouble(
        raw=attestation.raw,
        media_type=attestation.media_type,
        blobs=attestation.blobs,
        platform={"os": "unknown", "architecture": "unknown"},
    )
    digest = pair.source.seed("team/shop", index(image(b"x"), attestation))

    record = run(pair, digest)

    assert record.platforms == ("linux/amd64",)
    assert attestation.digest in record.manifests


def test_a_tag_that_names_another_digest_is_never_moved_and_nothing_is_written(pair: Pair) -> None:
    other_digest = pair.target.seed("prod/shop", image(b"other"), "482")
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)

    with pytest.raises(
        TagTaken, match=rf"target\.test/prod/shop:482: it names {other_digest}, but should name {digest}"
    ):
        run(pair, digest)

    assert pair.target.writes() == []
    assert pair.source.writes() == []


def test_a_tag_that_is_taken_while_blobs_travel_is_not_moved(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)

    with pytest.raises(TagTaken):
        run(pair, digest, progress=lambda at: pair.target.seed("prod/shop", image(b"other"), "482") and None)

    assert "PUT /v2/prod/shop/manifests/482" not in pair.target.writes()


def test_the_digest_of_the_plan_must_be_that_of_the_source(pair: Pair) -> None:
    source = CopySource(registry=pair.from_source, repository="team/shop", digest=digest_of(b"one"))
    target = CopyTarget(registry=pair.to_target, repository="prod/shop", digest=digest_of(b"two"), tag="482")

    with pytest.raises(DigestMismatch):
        copy_artifact(source, target)


WINDOWS = b"the base of windows"
ADDRESS = {"urls": ["https://mcr.example/v2/windows/blobs/x?sig=secret"]}
DOCKER_BASE = blob_descriptor(DOCKER_FOREIGN, WINDOWS) | ADDRESS
OCI_BASE = blob_descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", WINDOWS)


def windows(layer: dict[str, object], *, in_registry: bool) -> ArtifactDouble:
    document = json.loads(image(b"x").raw)
    document["layers"] = [layer, *document["layers"]]
    return ArtifactDouble(
        raw=unusual_json(document),
        media_type=OCI_MANIFEST,
        blobs=(*image(b"x").blobs, *((WINDOWS,) if in_registry else ())),
    )


@pytest.mark.parametrize("layer", [DOCKER_BASE, OCI_BASE, blob_descriptor(OCI_LAYER, WINDOWS) | ADDRESS])
def test_a_foreign_layer_that_the_source_holds_is_copied_like_any_other(pair: Pair, layer: dict[str, object]) -> None:
    digest = pair.source.seed("team/shop", windows(layer, in_registry=True))

    record = run(pair, digest)

    assert (record.blobs_copied, record.notes) == (3, ())
    assert pair.target.blobs["prod/shop", digest_of(WINDOWS)] == WINDOWS


@pytest.mark.parametrize("layer", [DOCKER_BASE, OCI_BASE | ADDRESS, blob_descriptor(OCI_LAYER, WINDOWS) | ADDRESS])
def test_a_foreign_layer_that_the_source_lacks_stays_where_it_is_and_is_noted(
    pair: Pair, layer: dict[str, object]
) -> None:
    digest = pair.source.seed("team/shop", windows(layer, in_registry=False))

    record = run(pair, digest)

    layer_name = f"source.test/team/shop@{digest_of(WINDOWS)}"
    assert record.blobs_copied == 2
    assert record.notes == (f"{layer_name} is a foreign layer that is not there, and was left at mcr.example",)


def test_a_foreign_layer_that_is_nowhere_is_refused_before_anything_is_written(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", windows(OCI_BASE, in_registry=False))

    with pytest.raises(LayerMissing, match="the foreign layer is not there") as error:
        run(pair, digest)

    assert "allow-nondistributable-artifacts" in str(error.value)
    assert pair.target.writes() == []


def test_a_schema_1_image_is_refused(pair: Pair) -> None:
    raw = b'{"schemaVersion": 1, "name": "team/shop", "fsLayers": []}'
    digest = pair.source.seed("team/shop", ArtifactDouble(raw=raw, media_type=SCHEMA_1))

    with pytest.raises(Unsupported, match="schema 1"):
        run(pair, digest)


def test_an_index_that_misstates_a_child_is_refused(pair: Pair) -> None:
    document = json.loads(TWO_PLATFORMS.raw)
    document["manifests"][0]["size"] += 1
    digest = pair.source.seed(
        "team/shop", ArtifactDouble(raw=unusual_json(document), media_type=OCI_INDEX, children=TWO_PLATFORMS.children)
    )

    with pytest.raises(Unsupported, match="it says that"):
        run(pair, digest)


def test_a_signature_added_later_follows_on_the_next_run(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    run(pair, digest)
    signature = referrer(TWO_PLATFORMS, b"signed")
    pair.source.seed("team/shop", signature)

    record = run(pair, digest)

    assert record.referrers == (signature.digest,)
    assert (record.manifests_copied, record.blobs_copied) == (1, 2)


def test_a_cosign_tag_that_has_grown_at_the_source_grows_at_the_target(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", image(b"x"))
    tag = digest.replace(":", "-") + ".sig"
    pair.source.seed("team/shop", cosign_signature(b"one"), tag)
    run(pair, digest)
    two_signatures = pair.source.seed("team/shop", cosign_signature(b"one", b"two"), tag)

    run(pair, digest)

    assert pair.target.tags["prod/shop", tag] == two_signatures


def test_a_cosign_tag_that_would_lose_a_signature_is_not_moved(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", image(b"x"))
    tag = digest.replace(":", "-") + ".sig"
    pair.source.seed("team/shop", cosign_signature(b"one"), tag)
    target_digest = pair.target.seed("prod/shop", cosign_signature(b"added in production"), tag)

    with pytest.raises(TagTaken, match=r"\.sig"):
        run(pair, digest)

    assert pair.target.tags["prod/shop", tag] == target_digest
    assert ("prod/shop", "482") not in pair.target.tags


def test_referrers_kept_under_a_tag_are_merged_with_what_the_target_has() -> None:
    pair = make_pair(source_api=False, target_api=False)
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    tag = digest.replace(":", "-")
    source_referrer, target_referrer = referrer(TWO_PLATFORMS, b"ours"), referrer(TWO_PLATFORMS, b"theirs")
    for registry, repository, artifact in (
        (pair.source, "team/shop", source_referrer),
        (pair.target, "prod/shop", target_referrer),
    ):
        registry.seed(repository, TWO_PLATFORMS)
        registry.seed(repository, artifact)
        registry.seed(repository, index(artifact), tag)

    run(pair, digest)

    listed = pair.to_target.referrers("prod/shop", digest).listed
    assert {referrer_listed.digest for referrer_listed in listed} == {source_referrer.digest, target_referrer.digest}


def test_a_target_that_takes_a_referrer_but_does_not_list_it_is_worth_another_try(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    pair.source.seed("team/shop", referrer(TWO_PLATFORMS, b"signed"))
    alter_replies(pair, lambda request, reply: empty_index() if "/referrers/" in request.path else reply)

    with pytest.raises(NotListed) as error:
        run(pair, digest)

    assert error.value.retryable
    assert ("prod/shop", "482") not in pair.target.tags


def test_a_list_that_names_an_unrelated_manifest_as_referrer_is_refused() -> None:
    pair = make_pair(source_api=False)
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    stranger = image(b"stranger")
    pair.source.seed("team/shop", index(stranger), digest.replace(":", "-"))

    with pytest.raises(Unsupported, match=f"{stranger.digest} is listed as its referrer, but refers to None"):
        run(pair, digest)


def test_a_target_that_gives_other_bytes_back_gets_no_tag(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    altered = RegistryReply(status=200, headers={"Content-Type": OCI_INDEX}, body=b"{}")
    alter_replies(pair, lambda request, reply: altered if (request.method, reply.status) == ("GET", 200) else reply)

    with pytest.raises(DigestMismatch, match=r"target\.test/prod/shop@sha256"):
        run(pair, digest)

    assert ("prod/shop", "482") not in pair.target.tags


def test_within_one_registry_blobs_are_mounted_and_no_bytes_travel(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    source = CopySource(registry=pair.from_source, repository="team/shop", digest=digest)
    target = CopyTarget(registry=pair.from_source, repository="prod/shop", digest=digest, tag="482")

    record = copy_artifact(source, target)

    assert (record.blobs_mounted, record.blobs_copied, record.bytes_copied) == (5, 0, 0)
    assert pair.source.tags["prod/shop", "482"] == digest


def test_progress_is_reported_for_each_blob(pair: Pair) -> None:
    reports: list[Progress] = []

    run(pair, pair.source.seed("team/shop", TWO_PLATFORMS), progress=reports.append)

    assert [report.blobs for report in reports] == [0, 1, 2, 3, 4, 5]
    assert (reports[0].bytes, reports[-1].bytes, reports[-1].of_blobs) == (0, reports[-1].of_bytes, 5)
