"""Connections that are cut, stall or are never made: what can continue does, and everything else ends with a clear
error."""

from dataclasses import replace

import pytest

from slipway.effects.registry import (
    CopySource,
    CopyTarget,
    Limits,
    Unreachable,
    copy_artifact,
)
from slipway.testing.artifacts import image, index
from slipway.testing.registry import RegistryReply
from tests.unit.effects.registry.conftest import Hostile
from tests.unit.effects.registry.hostile import FaultyRegistry
from tests.unit.effects.registry.layer import DIGEST, IMAGE, LAYER, Client, copy, read, times
from tests.unit.effects.registry.pairs import Waiting


def test_a_download_that_is_cut_goes_on_where_it_stopped(
    source: FaultyRegistry, client: Client, waiting: Waiting
) -> None:
    cut_at = times(2, 1_500_000)
    source.sent_of_reply = lambda request: cut_at() if DIGEST in request.path else None

    assert read(client(source)) == LAYER

    ranges = [logged.headers.get("Range") for logged in source.registry.log if DIGEST in logged.path]
    assert ranges[0] is None
    assert all(value is not None and value != "bytes=0-" for value in ranges[1:])
    assert len(waiting.pauses) == 2


def test_a_download_goes_on_where_the_registry_knows_no_ranges(source: FaultyRegistry, client: Client) -> None:
    cut_at = times(1, 1_500_000)
    source.sent_of_reply = lambda request: cut_at() if DIGEST in request.path else None
    source.reply = lambda request, reply: (
        RegistryReply(status=200, body=LAYER) if DIGEST in request.path and reply.status == 206 else reply
    )

    assert read(client(source)) == LAYER


def test_a_download_that_never_gets_anywhere_ends_as_unreachable(source: FaultyRegistry, client: Client) -> None:
    source.sent_of_reply = lambda request: 100 if DIGEST in request.path else None

    with pytest.raises(Unreachable, match=rf"{DIGEST}: reading the blob after \d+ of {len(LAYER)} bytes") as error:
        read(client(source))

    assert error.value.retryable
    assert len([logged for logged in source.registry.log if DIGEST in logged.path]) == Limits().attempts


def test_a_cut_upload_is_begun_again(source: FaultyRegistry, hostile: Hostile, client: Client) -> None:
    target = hostile()
    cut_at = times(2, 1_000_000)
    target.read_of_upload = lambda request: cut_at() if request.query.get("digest") == DIGEST else None

    assert copy(client(source), client(target)) == 2
    assert target.registry.blobs["prod/shop", DIGEST] == LAYER


def test_an_upload_whose_answer_is_lost_is_not_repeated(hostile: Hostile, client: Client) -> None:
    target = hostile()
    lose_answer = times(1, 0)
    target.sent_of_reply = lambda request: lose_answer() if request.method == "PUT" else None
    target.reply = lambda request, reply: (
        replace(reply, headers={**reply.headers, "Content-Length": "10"}) if request.method == "PUT" else reply
    )

    client(target).put_blob("prod/shop", DIGEST, len(LAYER), lambda: [LAYER])

    assert len([logged for logged in target.registry.log if logged.method == "PUT"]) == 1


def test_an_upload_that_is_always_cut_ends_as_unreachable_and_leaves_no_tag(
    source: FaultyRegistry, hostile: Hostile, client: Client
) -> None:
    target = hostile()
    target.read_of_upload = lambda request: 1000 if request.query.get("digest") == DIGEST else None

    with pytest.raises(Unreachable, match=f"{target.login_server}/prod/shop@{DIGEST}"):
        copy(client(source), client(target))

    assert target.registry.tags == {}


def test_a_source_that_breaks_is_not_taken_for_a_broken_target(
    source: FaultyRegistry, hostile: Hostile, client: Client
) -> None:
    target = hostile()
    source.sent_of_reply = lambda request: 100 if DIGEST in request.path else None

    with pytest.raises(Unreachable, match=f"{source.login_server}/team/shop@{DIGEST}"):
        copy(client(source), client(target))

    assert len([logged for logged in target.registry.log if logged.method == "POST"]) <= 2  # one for each blob


def test_a_manifest_cut_short_is_asked_for_again(source: FaultyRegistry, client: Client) -> None:
    cut_at = times(1, 10)
    source.sent_of_reply = lambda request: cut_at()

    assert client(source).manifest("team/shop", "481").raw == IMAGE.raw


def test_a_registry_that_stalls_is_given_up(source: FaultyRegistry, client: Client) -> None:
    source.reply = lambda request, reply: replace(reply, headers={"Content-Length": "99999"})
    limits = Limits(attempts=1, read_seconds=0.05)

    with pytest.raises(Unreachable, match="Timeout"):
        client(source, limits=limits).manifest("team/shop", "481")


def test_a_registry_that_is_not_there_is_unreachable(hostile: Hostile, client: Client) -> None:
    unreachable = FaultyRegistry(hostile().registry)
    unreachable.port = 1

    with pytest.raises(Unreachable, match=r"HEAD 127\.0\.0\.1 failed"):
        client(unreachable).resolve("team/shop", "481")


def test_an_index_is_copied_from_a_registry_that_cuts_every_other_download(hostile: Hostile, client: Client) -> None:
    source, target = hostile(), hostile()
    root = index(*(image(LAYER[number:], architecture=f"a{number}") for number in range(4)))
    source.registry.seed("team/shop", root)
    downloads = iter(range(10_000))
    source.sent_of_reply = lambda request: (
        900_000 if "/blobs/" in request.path and request.method == "GET" and next(downloads) % 2 else None
    )

    copy_artifact(
        CopySource(registry=client(source), repository="team/shop", digest=root.digest),
        CopyTarget(registry=client(target), repository="prod/shop", digest=root.digest, tag="482"),
    )

    assert target.registry.tags["prod/shop", "482"] == root.digest
