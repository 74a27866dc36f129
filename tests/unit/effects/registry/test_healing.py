"""What a registry loses or does not show for a moment is sent again, and a mount that it refuses becomes a copy."""

from collections.abc import Callable

import pytest

from slipway.effects.registry import (
    Anonymous,
    CopyResult,
    CopySource,
    CopyTarget,
    Forgotten,
    Limits,
    NotInRegistry,
    Registry,
    RegistryEndpoint,
    RegistryError,
    TagTaken,
    copy_artifact,
)
from slipway.testing.artifacts import digest_of, image, index
from slipway.testing.registry import MemoryPool, MemoryRegistry, RegistryReply, Request, error
from tests.unit.effects.registry.pairs import Waiting

IMAGE = index(image(b"a layer"), image(b"another layer", architecture="arm64"))
type Rule = Callable[[Request], bool]


class CopyEnds:
    """A source and a target, or one registry as both; tests may answer requests to the target themselves."""

    def __init__(self, *, one_registry: bool = False) -> None:
        self.waiting = Waiting()
        self.source = MemoryRegistry()
        self.target = self.source if one_registry else MemoryRegistry()
        self._rules: list[tuple[Rule, RegistryReply, list[int]]] = []
        pool = MemoryPool(**{"source.test": self.source.handle, "target.test": self._handle})
        self._pool = pool
        self.one_registry = one_registry

    def answer(self, rule: Rule, reply: RegistryReply, *, times: int = 1) -> None:
        self._rules.append((rule, reply, [times]))

    def copy(self) -> CopyResult:
        host = "target.test" if self.one_registry else "source.test"
        source = CopySource(registry=self.client(host), repository="team/shop", digest=IMAGE.digest)
        target = CopyTarget(
            registry=self.client("target.test"),
            repository="prod/shop",
            digest=IMAGE.digest,
            tag="482",
        )
        return copy_artifact(source, target)

    def client(self, host: str) -> Registry:
        return Registry(RegistryEndpoint(host), Anonymous(), pool=self._pool, pause=self.waiting.pause)

    def _handle(self, request: Request) -> RegistryReply:
        for rule, reply, remaining in self._rules:
            if remaining[0] and rule(request):
                remaining[0] -= 1
                return reply
        return self.target.handle(request)


@pytest.fixture
def ends() -> CopyEnds:
    copy_ends = CopyEnds()
    copy_ends.source.seed("team/shop", IMAGE)
    return copy_ends


def begins_an_upload(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith("/blobs/uploads/")


def ends_an_upload(request: Request) -> bool:
    return request.method == "PUT" and "/blobs/uploads/" in request.path


def stores_a_manifest(request: Request) -> bool:
    return request.method == "PUT" and "/manifests/" in request.path


LOST = {
    "unknown": error(404, "BLOB_UPLOAD_UNKNOWN"),
    "not found at all": RegistryReply(status=404, body=b"404 page not found"),
    "invalid": error(400, "BLOB_UPLOAD_INVALID"),
    "invalid range": error(416, "RANGE_INVALID"),
}


@pytest.mark.parametrize("reply", LOST.values(), ids=LOST.keys())
def test_an_upload_that_the_registry_lost_is_begun_again_after_a_pause(ends: CopyEnds, reply: RegistryReply) -> None:
    ends.answer(ends_an_upload, reply, times=3)
    assert ends.copy().comparison.resolves_to == IMAGE.digest
    assert len(ends.waiting.pauses) == 3


def test_an_upload_that_is_completed_at_once_without_the_blob_is_begun_again_after_a_pause(ends: CopyEnds) -> None:
    ends.answer(begins_an_upload, RegistryReply(status=201), times=3)
    assert ends.copy().comparison.resolves_to == IMAGE.digest
    assert len(ends.waiting.pauses) == 3


def test_an_upload_that_keeps_being_lost_is_left_to_a_later_message(ends: CopyEnds) -> None:
    ends.answer(ends_an_upload, LOST["unknown"], times=1000)
    with pytest.raises(Forgotten, match="uploading the blob was answered with 404") as error:
        ends.copy()
    assert error.value.retryable
    assert "try again later" in str(error.value)
    assert ends.target.tags == {}


def test_a_repository_that_is_not_there_is_no_lost_upload(ends: CopyEnds) -> None:
    ends.answer(lambda request: request.method == "POST", error(404, "NAME_UNKNOWN"), times=1000)
    with pytest.raises(NotInRegistry, match="check the name"):
        ends.copy()
    assert ends.waiting.pauses == []


def test_a_manifest_is_sent_again_where_a_replica_does_not_see_its_content_yet(ends: CopyEnds) -> None:
    ends.answer(stores_a_manifest, error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"), times=2)
    assert ends.copy().comparison.resolves_to == IMAGE.digest
    assert len(ends.waiting.pauses) == 2


def test_a_manifest_is_sent_again_where_a_replica_does_not_see_its_repository_yet(ends: CopyEnds) -> None:
    ends.answer(stores_a_manifest, error(404, "NAME_UNKNOWN", "repository name not known to registry"), times=2)
    assert ends.copy().comparison.resolves_to == IMAGE.digest
    assert len(ends.waiting.pauses) == 2


def looks_for_the_tag(ends: CopyEnds) -> Rule:
    """Requests for the tag after it was set, as if a replica did not know it yet."""
    return lambda request: request.method == "HEAD" and request.path.endswith("/482") and bool(ends.target.tags)


def test_a_tag_that_a_replica_does_not_show_yet_is_looked_for_again(ends: CopyEnds) -> None:
    ends.answer(looks_for_the_tag(ends), error(404, "MANIFEST_UNKNOWN"), times=3)
    assert ends.copy().comparison.resolves_to == IMAGE.digest
    assert len(ends.waiting.pauses) == 3


def test_a_tag_that_still_names_its_earlier_digest_is_looked_for_again(ends: CopyEnds) -> None:
    old_digest, new_digest = digest_of(b"old"), ends.target.seed("prod/shop", IMAGE, "482")
    named_before = RegistryReply(status=200, headers={"Docker-Content-Digest": old_digest})
    ends.answer(looks_for_the_tag(ends), named_before, times=2)
    assert (
        ends.client("target.test").named_after_writing("prod/shop", "482", new_digest, before=old_digest) == new_digest
    )
    assert len(ends.waiting.pauses) == 2


def test_a_tag_that_stays_unseen_is_left_to_a_later_message_and_is_not_said_to_be_taken(ends: CopyEnds) -> None:
    ends.answer(looks_for_the_tag(ends), error(404, "MANIFEST_UNKNOWN"), times=1000)
    with pytest.raises(Forgotten, match=r"the tag was set to .*, and is not there") as failure:
        ends.copy()
    assert failure.value.retryable
    assert "delete the tag" not in str(failure.value)


def test_a_tag_that_somebody_moves_meanwhile_is_said_to_be_moved(ends: CopyEnds) -> None:
    other_digest = "sha256:" + "5" * 64
    reply = RegistryReply(status=200, headers={"Docker-Content-Digest": other_digest})
    ends.answer(looks_for_the_tag(ends), reply, times=1)
    with pytest.raises(TagTaken, match=f"moved to {other_digest}"):
        ends.copy()


def test_a_manifest_whose_content_stays_unseen_is_left_to_a_later_message(ends: CopyEnds) -> None:
    ends.answer(stores_a_manifest, error(400, "MANIFEST_BLOB_UNKNOWN"), times=1000)
    with pytest.raises(Forgotten) as failure:
        ends.copy()
    assert failure.value.retryable
    assert sum(map(stores_a_manifest, ends.target.log)) == 0
    assert len(ends.waiting.pauses) <= 2 * (Limits().attempts - 1), "the pauses of both platforms"


def test_a_manifest_that_cannot_be_read_back_yet_is_left_to_a_later_message(ends: CopyEnds) -> None:
    platform_digests = {child.digest for child in IMAGE.children}

    def reads_it_back(request: Request) -> bool:
        return (
            request.method == "GET"
            and request.path.rpartition("/")[2] in platform_digests
            and bool(ends.target.manifests)
        )

    ends.answer(reads_it_back, error(404, "MANIFEST_UNKNOWN"), times=1000)
    with pytest.raises(RegistryError, match="it was stored, but is not there") as failure:
        ends.copy()
    assert failure.value.retryable


@pytest.mark.parametrize("reply", [error(400, "UNSUPPORTED"), error(403, "DENIED"), error(405, "UNSUPPORTED")])
def test_a_link_that_is_refused_is_replaced_by_a_copy(reply: RegistryReply) -> None:
    ends = CopyEnds(one_registry=True)
    ends.source.seed("team/shop", IMAGE)
    ends.answer(lambda request: "mount" in request.query, reply, times=1000)
    record = ends.copy()
    assert (record.blobs_mounted, record.blobs_copied) == (0, 4)
    assert ends.target.blobs["prod/shop", digest_of(b"a layer")] == b"a layer"
