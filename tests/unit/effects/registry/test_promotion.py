"""What a promotion does and refuses, between two registries in memory."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from slipway.effects.registry import (
    DigestMismatch,
    Incomplete,
    LayerMissing,
    Locked,
    NotInRegistry,
    NotListed,
    Progress,
    Promotion,
    PromotionSource,
    PromotionTarget,
    RequestRejected,
    SubjectRefused,
    TagTaken,
    Unsupported,
    promote,
)
from slipway.testing.artifacts import (
    DOCKER_FOREIGN,
    DOCKER_LIST,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    SCHEMA_1,
    Built,
    blob_descriptor,
    cosign_signature,
    digest_of,
    image,
    index,
    referrer,
    written,
)
from slipway.testing.registry import MemoryPool, RegistryReply, Request, error
from tests.unit.effects.registry.pairs import Pair, make_pair

TWO_PLATFORMS = index(image(b"base", b"amd", architecture="amd64"), image(b"base", b"arm", architecture="arm64"))


def run(pair: Pair, digest: str, tag: str = "482", *, may_lack_referrers: bool = False, **options: Any) -> Promotion:
    return promote(
        PromotionSource(registry=pair.from_source, repository="team/shop", digest=digest),
        PromotionTarget(
            registry=pair.to_target,
            repository="prod/shop",
            digest=digest,
            tag=tag,
            may_lack_referrers=may_lack_referrers,
        ),
        **options,
    )


def test_the_record_says_what_was_copied_and_is_json(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)

    record = run(pair, digest)

    assert record.platforms == ("linux/amd64", "linux/arm64")
    assert record.media_type == OCI_INDEX
    assert (record.manifests_copied, record.blobs_copied, record.blobs_skipped) == (3, 5, 0)
    assert record.bytes_copied == sum(len(data) for data in pair.target.blobs.values())
    assert record.manifests[-1] == digest
    assert record.comparison.read_back == record.manifests
    assert record.comparison.resolves_to == digest
    assert Promotion.model_validate_json(record.model_dump_json()) == record


def test_an_artifact_of_which_the_target_holds_a_part_gets_the_rest(pair: Pair) -> None:
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
    attestation = Built(
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
    other = pair.target.seed("prod/shop", image(b"other"), "482")
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)

    with pytest.raises(TagTaken, match=rf"target\.test/prod/shop:482: it names {other}, but should name {digest}"):
        run(pair, digest)

    assert pair.target.writes() == []
    assert pair.source.writes() == []


def test_a_tag_that_is_taken_while_blobs_travel_is_not_moved(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)

    with pytest.raises(TagTaken):
        run(pair, digest, progress=lambda at: pair.target.seed("prod/shop", image(b"other"), "482") and None)

    assert "PUT /v2/prod/shop/manifests/482" not in pair.target.writes()


def test_the_digest_of_the_plan_must_be_that_of_the_source(pair: Pair) -> None:
    source = PromotionSource(registry=pair.from_source, repository="team/shop", digest=digest_of(b"one"))
    target = PromotionTarget(registry=pair.to_target, repository="prod/shop", digest=digest_of(b"two"), tag="482")

    with pytest.raises(DigestMismatch):
        promote(source, target)


WINDOWS = b"the base of windows"
ADDRESS = {"urls": ["https://mcr.example/v2/windows/blobs/x?sig=secret"]}
DOCKER_BASE = blob_descriptor(DOCKER_FOREIGN, WINDOWS) | ADDRESS
OCI_BASE = blob_descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", WINDOWS)


def windows(layer: dict[str, object], *, held: bool) -> Built:
    document = json.loads(image(b"x").raw)
    document["layers"] = [layer, *document["layers"]]
    return Built(
        raw=written(document), media_type=OCI_MANIFEST, blobs=(*image(b"x").blobs, *((WINDOWS,) if held else ()))
    )


@pytest.mark.parametrize("layer", [DOCKER_BASE, OCI_BASE, blob_descriptor(OCI_LAYER, WINDOWS) | ADDRESS])
def test_a_foreign_layer_that_the_source_holds_is_copied_like_any_other(pair: Pair, layer: dict[str, object]) -> None:
    digest = pair.source.seed("team/shop", windows(layer, held=True))

    record = run(pair, digest)

    assert (record.blobs_copied, record.notes) == (3, ())
    assert pair.target.blobs["prod/shop", digest_of(WINDOWS)] == WINDOWS


@pytest.mark.parametrize("layer", [DOCKER_BASE, OCI_BASE | ADDRESS, blob_descriptor(OCI_LAYER, WINDOWS) | ADDRESS])
def test_a_foreign_layer_that_the_source_lacks_stays_where_it_is_and_is_noted(
    pair: Pair, layer: dict[str, object]
) -> None:
    digest = pair.source.seed("team/shop", windows(layer, held=False))

    record = run(pair, digest)

    where = f"source.test/team/shop@{digest_of(WINDOWS)}"
    assert record.blobs_copied == 2
    assert record.notes == (f"{where} is a foreign layer that is not there, and was left at mcr.example",)


def test_a_foreign_layer_that_is_nowhere_is_refused_before_anything_is_written(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", windows(OCI_BASE, held=False))

    with pytest.raises(LayerMissing, match="the foreign layer is not there") as caught:
        run(pair, digest)

    assert "allow-nondistributable-artifacts" in str(caught.value)
    assert pair.target.writes() == []


def test_a_schema_1_image_is_refused(pair: Pair) -> None:
    raw = b'{"schemaVersion": 1, "name": "team/shop", "fsLayers": []}'
    digest = pair.source.seed("team/shop", Built(raw=raw, media_type=SCHEMA_1))

    with pytest.raises(Unsupported, match="schema 1"):
        run(pair, digest)


def test_an_index_that_misstates_a_child_is_refused(pair: Pair) -> None:
    document = json.loads(TWO_PLATFORMS.raw)
    document["manifests"][0]["size"] += 1
    digest = pair.source.seed(
        "team/shop", Built(raw=written(document), media_type=OCI_INDEX, children=TWO_PLATFORMS.children)
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
    grown = pair.source.seed("team/shop", cosign_signature(b"one", b"two"), tag)

    run(pair, digest)

    assert pair.target.tags["prod/shop", tag] == grown


def test_a_cosign_tag_that_would_lose_a_signature_is_not_moved(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", image(b"x"))
    tag = digest.replace(":", "-") + ".sig"
    pair.source.seed("team/shop", cosign_signature(b"one"), tag)
    held = pair.target.seed("prod/shop", cosign_signature(b"added in production"), tag)

    with pytest.raises(TagTaken, match=r"\.sig"):
        run(pair, digest)

    assert pair.target.tags["prod/shop", tag] == held
    assert ("prod/shop", "482") not in pair.target.tags


def test_referrers_kept_under_a_tag_are_merged_with_what_the_target_has() -> None:
    pair = make_pair(source_api=False, target_api=False)
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    tag = digest.replace(":", "-")
    ours, theirs = referrer(TWO_PLATFORMS, b"ours"), referrer(TWO_PLATFORMS, b"theirs")
    for registry, repository, one in ((pair.source, "team/shop", ours), (pair.target, "prod/shop", theirs)):
        registry.seed(repository, TWO_PLATFORMS)
        registry.seed(repository, one)
        registry.seed(repository, index(one), tag)

    run(pair, digest)

    listed = pair.to_target.referrers("prod/shop", digest).listed
    assert {each.digest for each in listed} == {ours.digest, theirs.digest}


def test_a_target_that_takes_a_referrer_but_does_not_list_it_is_worth_another_try(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    pair.source.seed("team/shop", referrer(TWO_PLATFORMS, b"signed"))
    _replace(pair, lambda request, reply: _empty_index() if "/referrers/" in request.path else reply)

    with pytest.raises(NotListed) as caught:
        run(pair, digest)

    assert caught.value.retryable
    assert ("prod/shop", "482") not in pair.target.tags


def test_a_list_that_names_a_stranger_as_referrer_is_refused() -> None:
    pair = make_pair(source_api=False)
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    stranger = image(b"stranger")
    pair.source.seed("team/shop", index(stranger), digest.replace(":", "-"))

    with pytest.raises(Unsupported, match=f"{stranger.digest} is listed as its referrer, but refers to None"):
        run(pair, digest)


def test_a_target_that_gives_other_bytes_back_gets_no_tag(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    altered = RegistryReply(status=200, headers={"Content-Type": OCI_INDEX}, body=b"{}")
    _replace(pair, lambda request, reply: altered if (request.method, reply.status) == ("GET", 200) else reply)

    with pytest.raises(DigestMismatch, match=r"target\.test/prod/shop@sha256"):
        run(pair, digest)

    assert ("prod/shop", "482") not in pair.target.tags


def test_within_one_registry_blobs_are_mounted_and_no_bytes_travel(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    source = PromotionSource(registry=pair.from_source, repository="team/shop", digest=digest)
    target = PromotionTarget(registry=pair.from_source, repository="prod/shop", digest=digest, tag="482")

    record = promote(source, target)

    assert (record.blobs_mounted, record.blobs_copied, record.bytes_copied) == (5, 0, 0)
    assert pair.source.tags["prod/shop", "482"] == digest


def test_progress_is_told_of_each_blob(pair: Pair) -> None:
    seen: list[Progress] = []

    run(pair, pair.source.seed("team/shop", TWO_PLATFORMS), progress=seen.append)

    assert [at.blobs for at in seen] == [0, 1, 2, 3, 4, 5]
    assert (seen[0].bytes, seen[-1].bytes, seen[-1].of_blobs) == (0, seen[-1].of_bytes, 5)


def _replace(pair: Pair, change: Callable[[Request, RegistryReply], RegistryReply]) -> None:
    """Let somebody alter the target's replies."""

    def handle(request: Request) -> RegistryReply:
        return change(request, pair.target.handle(request))

    pool = pair.to_target._session.around.pool
    assert isinstance(pool, MemoryPool)
    pool.hosts["target.test"] = handle


def test_a_referrer_that_is_listed_and_gone_is_left_out_and_noted(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    kept, gone = referrer(TWO_PLATFORMS, b"signed"), referrer(TWO_PLATFORMS, b"purged")
    pair.source.referrers_api = False
    for each in (kept, gone, referrer(gone, b"a signature of what was purged")):
        pair.source.seed("team/shop", each)
    pair.source.seed("team/shop", index(kept, gone), digest.replace(":", "-"))
    del pair.source.manifests["team/shop", gone.digest]

    record = run(pair, digest)

    assert record.referrers == (kept.digest,)
    assert record.notes == (f"source.test/team/shop@{digest} lists {gone.digest}, which is gone and was left out",)
    assert run(pair, digest).manifests_copied == 0


def test_a_referrer_of_which_a_part_is_gone_is_left_out_as_a_whole(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    child = image(b"of an attestation")
    whole = index(child, subject=TWO_PLATFORMS)
    pair.source.seed("team/shop", whole)
    del pair.source.manifests["team/shop", child.digest]

    record = run(pair, digest)

    assert record.referrers == ()
    assert whole.digest in record.notes[0]


def test_a_referrer_whose_bytes_are_gone_is_left_out_as_a_whole(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    part, kept = image(b"of an attestation"), referrer(TWO_PLATFORMS, b"signed")
    whole = index(part, subject=TWO_PLATFORMS)
    for each in (kept, whole):
        pair.source.seed("team/shop", each)
    del pair.source.blobs["team/shop", digest_of(b"of an attestation")]

    record = run(pair, digest)

    assert record.referrers == (kept.digest,)
    assert record.manifests == record.comparison.read_back
    assert sorted(note.rpartition("referrer ")[2] for note in record.notes) == sorted(
        [
            f"{part.digest} was left out: {digest_of(b'of an attestation')} is gone",
            f"{whole.digest} was left out: a part of it is",
        ]
    )


def test_a_layer_of_the_image_that_is_gone_is_never_left_out(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    pair.source.seed("team/shop", image(b"base", subject=TWO_PLATFORMS))
    del pair.source.blobs["team/shop", digest_of(b"base")]

    with pytest.raises(NotInRegistry, match=digest_of(b"base")):
        run(pair, digest)

    assert pair.target.tags == {}


def test_a_signature_of_cosign_that_is_gone_is_left_out_and_noted(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    signature = cosign_signature(b"signed")
    pair.source.seed("team/shop", signature, digest.replace(":", "-") + ".sig")
    usual = pair.source.handle

    def handle(request: Request) -> RegistryReply:
        if request.method == "GET" and request.path.endswith(signature.digest):
            return error(404, "MANIFEST_UNKNOWN")
        return usual(request)

    pool = pair.from_source._session.around.pool
    assert isinstance(pool, MemoryPool)
    pool.hosts["source.test"] = handle

    assert signature.digest in run(pair, digest).notes[0]


def test_an_index_that_lists_a_platform_in_vain_is_refused_by_name(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    arm = TWO_PLATFORMS.children[1]
    del pair.source.manifests["team/shop", arm.digest]

    with pytest.raises(Incomplete) as caught:
        run(pair, digest)

    assert f"source.test/team/shop@{digest}: the index lists linux/arm64 {arm.digest}, which" in str(caught.value)
    assert "build and push it again" in str(caught.value)
    assert pair.target.writes() == []


def test_what_a_registry_answers_in_place_of_lists_is_noted_once_for_each_end(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    pair.source.referrers_api = pair.target.referrers_api = False
    signature = referrer(TWO_PLATFORMS, b"signed")
    pair.source.seed("team/shop", signature)
    pair.source.seed("team/shop", index(signature), digest.replace(":", "-"))
    pair.source.lists_answer = pair.target.lists_answer = error(406, "NOT_ACCEPTABLE")

    record = run(pair, digest)

    assert record.referrers == (signature.digest,)
    said = "answers 406 when asked for referrers, so their list is looked for under a tag"
    assert record.notes == (f"source.test/team/shop {said}", f"target.test/prod/shop {said}")


def test_a_tag_that_the_list_of_referrers_needs_is_not_taken_from_what_it_names(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    pair.source.seed("team/shop", referrer(TWO_PLATFORMS, b"signed"))
    pair.target.referrers_api = False
    pair.target.seed("prod/shop", image(b"something else"), digest.replace(":", "-"))

    with pytest.raises(TagTaken, match="the list of referrers has to go there, and it names something else"):
        run(pair, digest)

    assert ("prod/shop", "482") not in pair.target.tags


REFUSALS = [error(status, "UNSUPPORTED") for status in (400, 405, 415)]


def signed_and_signed_again(pair: Pair) -> tuple[str, str, str]:
    """Digests of an image, its signature, and a signature of that."""
    signature = referrer(TWO_PLATFORMS, b"signed")
    again = referrer(signature, b"signed again")
    for built in (TWO_PLATFORMS, signature, again):
        pair.source.seed("team/shop", built)
    return TWO_PLATFORMS.digest, signature.digest, again.digest


@pytest.mark.parametrize("reply", REFUSALS)
def test_a_target_that_takes_no_subject_is_told_of_with_what_can_be_done(pair: Pair, reply: RegistryReply) -> None:
    digest, signature, _ = signed_and_signed_again(pair)
    pair.target.subject_answer = reply

    with pytest.raises(SubjectRefused) as caught:
        run(pair, digest)

    assert not caught.value.retryable
    assert f"target.test/prod/shop@{signature}: it is a referrer, and a manifest with a subject was refused" in str(
        caught.value
    )
    assert "promotion.referrers: try" in str(caught.value)
    assert ("prod/shop", "482") not in pair.target.tags


@pytest.mark.parametrize("reply", REFUSALS)
@pytest.mark.parametrize("api", [True, False])
def test_referrers_that_are_refused_are_left_out_where_that_is_allowed(
    pair: Pair, reply: RegistryReply, api: bool
) -> None:
    digest, *referrers = signed_and_signed_again(pair)
    pair.target.referrers_api, pair.target.subject_answer = api, reply

    record = run(pair, digest, may_lack_referrers=True)

    assert record.referrers == ()
    assert record.manifests == record.comparison.read_back
    assert not set(referrers) & set(record.manifests)
    assert pair.target.tags == {("prod/shop", "482"): digest}
    assert [any(each in note for note in record.notes) for each in referrers] == [True, True]


def test_an_image_that_is_refused_is_not_a_referrer_that_may_be_left_out(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    _replace(pair, lambda request, reply: error(405, "UNSUPPORTED") if request.method == "PUT" else reply)

    with pytest.raises(RequestRejected):
        run(pair, digest, may_lack_referrers=True)


def test_a_referrer_that_is_locked_is_not_left_out(pair: Pair) -> None:
    digest, *_ = signed_and_signed_again(pair)
    pair.target.subject_answer = error(405, "REGISTRY_DISALLOWED_OPERATION")

    with pytest.raises(Locked, match="unlock it first"):
        run(pair, digest, may_lack_referrers=True)


def _empty_index() -> RegistryReply:
    body = written({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
    return RegistryReply(status=200, headers={"Content-Type": OCI_INDEX}, body=body)
