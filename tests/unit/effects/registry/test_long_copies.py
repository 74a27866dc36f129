"""Copies that take longer than one invocation: they stop between blobs and continue where they stopped."""

from collections import Counter

import pytest

from slipway.effects.registry import CopyResult, CopySource, CopyTarget, Progress, Unfinished, copy_artifact
from slipway.testing.artifacts import digest_of, image, index, referrer
from tests.unit.effects.registry.pairs import Pair

LAYERS = [bytes([number]) * (100_000 - number) for number in range(6)]
ROOT = index(image(*LAYERS[:3]), image(*LAYERS[3:], architecture="arm64"))
LARGE = bytes(range(256)) * 16_384  # 4 MiB


class OverError(Exception):
    """An error that cannot be taken for a broken connection."""


class Invocation:
    """One call of `copy_artifact`, with time for a number of blobs."""

    def __init__(self, pair: Pair, *, blobs: int | None = None) -> None:
        self.pair, self.blob_limit = pair, blobs
        self.reports: list[Progress] = []

    def is_over(self) -> bool:
        return self.blob_limit is not None and self.reports[-1].sent >= self.blob_limit

    def run(self, digest: str) -> CopyResult:
        return copy_artifact(
            CopySource(registry=self.pair.from_source, repository="team/shop", digest=digest),
            CopyTarget(registry=self.pair.to_target, repository="prod/shop", digest=digest, tag="482"),
            workers=1,
            progress=self.reports.append,
            time_is_up=self.is_over,
        )


def test_a_copy_stops_between_blobs_and_goes_on_where_it_stopped(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", ROOT)
    pair.source.seed("team/shop", referrer(ROOT, b"signed"))
    for blobs_done in (3, 6, 9):
        with pytest.raises(Unfinished, match=f"{blobs_done} of 10 blobs"):
            Invocation(pair, blobs=3).run(digest)
        assert pair.target.tags == {}
        assert pair.target.manifests == {}
    record = Invocation(pair, blobs=3).run(digest)

    uploads = Counter(request.query["digest"] for request in pair.target.log if "digest" in request.query)
    assert set(uploads) == {
        digest_of(blob) for blob in [*LAYERS, *(content for platform in ROOT.children for content in platform.blobs)]
    } | {
        digest_of(b"{}"),
        digest_of(b"signed"),
    }
    assert set(uploads.values()) == {1}
    assert pair.target.tags["prod/shop", "482"] == digest
    assert record.comparison.read_back == record.manifests


def test_each_invocation_copies_at_least_one_blob(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", image(b"one", b"two"))

    for blobs_done in (1, 2):
        with pytest.raises(Unfinished, match=f"{blobs_done} of 3 blobs are at the target"):
            Invocation(pair, blobs=0).run(digest)

    assert Invocation(pair, blobs=0).run(digest).blobs_copied == 1


def test_blobs_that_are_there_already_take_no_time_from_an_invocation(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", ROOT)
    pair.target.seed("prod/shop", ROOT.children[0])

    invocation = Invocation(pair, blobs=5)
    record = invocation.run(digest)

    assert (record.blobs_skipped, record.blobs_copied, invocation.reports[-1].sent) == (4, 4, 4)


def test_progress_is_reported_within_a_large_blob(pair: Pair) -> None:
    invocation = Invocation(pair)
    invocation.run(pair.source.seed("team/shop", image(LARGE)))

    within = [report.bytes for report in invocation.reports if report.blobs == 0]
    assert within == sorted(within)
    assert len(within) >= 4
    assert invocation.reports[-1].bytes == invocation.reports[-1].of_bytes > len(LARGE)


def test_an_exception_while_reporting_progress_ends_the_copy_in_mid_blob(pair: Pair) -> None:
    def give_up(at: Progress) -> None:
        if at.bytes > len(LARGE) // 2:
            raise OverError("the time is over")

    digest = pair.source.seed("team/shop", image(LARGE))
    source = CopySource(registry=pair.from_source, repository="team/shop", digest=digest)
    target = CopyTarget(registry=pair.to_target, repository="prod/shop", digest=digest, tag="482")

    with pytest.raises(OverError):
        copy_artifact(source, target, workers=1, progress=give_up)

    assert ("prod/shop", digest_of(LARGE)) not in pair.target.blobs
    assert pair.target.tags == {}
