"""Parts and referrers that the source lists but does not have, or that the target does not accept."""

import pytest

from slipway.effects.registry import (
    Incomplete,
    Locked,
    NotInRegistry,
    RequestRejected,
    SubjectRefused,
    TagTaken,
)
from slipway.testing.artifacts import (
    cosign_signature,
    digest_of,
    image,
    index,
    referrer,
)
from slipway.testing.registry import MemoryPool, RegistryReply, Request, error
from tests.unit.effects.registry.pairs import TWO_PLATFORMS, Pair, alter_replies, run


def test_a_referrer_that_is_listed_and_gone_is_left_out_and_noted(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    present, purged = referrer(TWO_PLATFORMS, b"signed"), referrer(TWO_PLATFORMS, b"purged")
    pair.source.referrers_api = False
    for artifact in (present, purged, referrer(purged, b"a signature of what was purged")):
        pair.source.seed("team/shop", artifact)
    pair.source.seed("team/shop", index(present, purged), digest.replace(":", "-"))
    del pair.source.manifests["team/shop", purged.digest]

    record = run(pair, digest)

    assert record.referrers == (present.digest,)
    assert record.notes == (f"source.test/team/shop@{digest} lists {purged.digest}, which is gone and was left out",)
    assert run(pair, digest).manifests_copied == 0


def test_a_referrer_with_a_missing_child_is_left_out_as_a_whole(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    child = image(b"of an attestation")
    attestation = index(child, subject=TWO_PLATFORMS)
    pair.source.seed("team/shop", attestation)
    del pair.source.manifests["team/shop", child.digest]

    record = run(pair, digest)

    assert record.referrers == ()
    assert attestation.digest in record.notes[0]


def test_a_referrer_whose_bytes_are_gone_is_left_out_as_a_whole(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    part, signature = image(b"of an attestation"), referrer(TWO_PLATFORMS, b"signed")
    attestation = index(part, subject=TWO_PLATFORMS)
    for artifact in (signature, attestation):
        pair.source.seed("team/shop", artifact)
    del pair.source.blobs["team/shop", digest_of(b"of an attestation")]

    record = run(pair, digest)

    assert record.referrers == (signature.digest,)
    assert record.manifests == record.comparison.read_back
    assert sorted(note.rpartition("referrer ")[2] for note in record.notes) == sorted(
        [
            f"{part.digest} was left out: {digest_of(b'of an attestation')} is gone",
            f"{attestation.digest} was left out: a part of it is",
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


def test_an_index_that_lists_a_missing_platform_is_refused_by_name(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    arm = TWO_PLATFORMS.children[1]
    del pair.source.manifests["team/shop", arm.digest]

    with pytest.raises(Incomplete) as error:
        run(pair, digest)

    assert f"source.test/team/shop@{digest}: the index lists linux/arm64 {arm.digest}, which" in str(error.value)
    assert "build and push it again" in str(error.value)
    assert pair.target.writes() == []


def test_a_refused_list_of_referrers_is_noted_once_for_source_and_target_each(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    pair.source.referrers_api = pair.target.referrers_api = False
    signature = referrer(TWO_PLATFORMS, b"signed")
    pair.source.seed("team/shop", signature)
    pair.source.seed("team/shop", index(signature), digest.replace(":", "-"))
    pair.source.lists_answer = pair.target.lists_answer = error(406, "NOT_ACCEPTABLE")

    record = run(pair, digest)

    assert record.referrers == (signature.digest,)
    note = "answers 406 when asked for referrers, so their list is looked for under a tag"
    assert record.notes == (f"source.test/team/shop {note}", f"target.test/prod/shop {note}")


def test_a_copy_fails_where_the_tag_for_the_list_of_referrers_names_something_else(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    pair.source.seed("team/shop", referrer(TWO_PLATFORMS, b"signed"))
    pair.target.referrers_api = False
    pair.target.seed("prod/shop", image(b"something else"), digest.replace(":", "-"))

    with pytest.raises(TagTaken, match="the list of referrers has to go there, and it names something else"):
        run(pair, digest)

    assert ("prod/shop", "482") not in pair.target.tags


REFUSALS = [error(status, "UNSUPPORTED") for status in (400, 405, 415)]


def signed_and_signed_again(pair: Pair) -> tuple[str, str, str]:
    """The digests of an image, its signature, and a signature of the signature."""
    signature = referrer(TWO_PLATFORMS, b"signed")
    second_signature = referrer(signature, b"signed again")
    for artifact in (TWO_PLATFORMS, signature, second_signature):
        pair.source.seed("team/shop", artifact)
    return TWO_PLATFORMS.digest, signature.digest, second_signature.digest


@pytest.mark.parametrize("reply", REFUSALS)
def test_a_target_that_takes_no_subject_is_reported_with_what_can_be_done(pair: Pair, reply: RegistryReply) -> None:
    digest, signature, _ = signed_and_signed_again(pair)
    pair.target.subject_answer = reply

    with pytest.raises(SubjectRefused) as error:
        run(pair, digest)

    assert not error.value.retryable
    assert f"target.test/prod/shop@{signature}: it is a referrer, and a manifest with a subject was refused" in str(
        error.value
    )
    assert "promotion.referrers: try" in str(error.value)
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
    assert [any(referrer in note for note in record.notes) for referrer in referrers] == [True, True]


def test_an_image_that_is_refused_is_not_a_referrer_that_may_be_left_out(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", TWO_PLATFORMS)
    alter_replies(pair, lambda request, reply: error(405, "UNSUPPORTED") if request.method == "PUT" else reply)

    with pytest.raises(RequestRejected):
        run(pair, digest, may_lack_referrers=True)


def test_a_referrer_that_is_locked_is_not_left_out(pair: Pair) -> None:
    digest, *_ = signed_and_signed_again(pair)
    pair.target.subject_answer = error(405, "REGISTRY_DISALLOWED_OPERATION")

    with pytest.raises(Locked, match="unlock it first"):
        run(pair, digest, may_lack_referrers=True)
