"""Registries that answer 429 and 503 get the time they ask for, within limits."""

import pytest

from slipway.effects.registry import (
    Limits,
    Throttled,
    Unreachable,
)
from slipway.testing.artifacts import digest_of
from slipway.testing.registry import RegistryReply
from tests.unit.effects.registry.conftest import Hostile
from tests.unit.effects.registry.hostile import FaultyRegistry
from tests.unit.effects.registry.layer import IMAGE, Client, times
from tests.unit.effects.registry.pairs import Waiting


def test_a_busy_registry_is_given_the_time_it_asks_for(
    source: FaultyRegistry, client: Client, waiting: Waiting
) -> None:
    busy = times(2, RegistryReply(status=429, headers={"Retry-After": "7"}))
    source.reply = lambda request, reply: busy() or reply

    assert client(source).resolve("team/shop", "481") == IMAGE.digest
    assert waiting.pauses == [7, 7]


def test_a_storm_of_429_ends_as_throttled(source: FaultyRegistry, client: Client, waiting: Waiting) -> None:
    source.reply = lambda request, reply: RegistryReply(status=429)

    with pytest.raises(Throttled) as error:
        client(source).resolve("team/shop", "481")

    assert error.value.retryable
    assert len(waiting.pauses) == Limits().attempts - 1
    assert sum(waiting.pauses) < 10


def test_a_registry_that_asks_for_a_long_wait_is_left_to_the_next_step(
    source: FaultyRegistry, client: Client, waiting: Waiting
) -> None:
    source.reply = lambda request, reply: RegistryReply(status=503, headers={"Retry-After": "3600"})

    with pytest.raises(Unreachable) as error:
        client(source).resolve("team/shop", "481")

    assert error.value.retry_after == 3600
    assert waiting.pauses == []


def test_a_retry_after_date_is_understood(source: FaultyRegistry, client: Client, waiting: Waiting) -> None:
    waiting.now = 1_795_000_000.0  # 2026-11-18 11:06:40 UTC
    busy = times(1, RegistryReply(status=503, headers={"Retry-After": "Wed, 18 Nov 2026 11:06:45 GMT"}))
    source.reply = lambda request, reply: busy() or reply

    client(source).resolve("team/shop", "481")

    assert waiting.pauses == [5]


def test_an_upload_that_is_throttled_is_begun_again(hostile: Hostile, client: Client, waiting: Waiting) -> None:
    target = hostile()
    busy = times(1, RegistryReply(status=429, headers={"Retry-After": "3"}))
    target.reply = lambda request, reply: (busy() or reply) if request.method == "PUT" else reply
    starts: list[int] = []

    def chunks() -> list[bytes]:
        starts.append(1)
        return [b"data"]

    client(target).put_blob("prod/shop", digest_of(b"data"), 4, chunks)

    assert waiting.pauses == [3]
    assert len(starts) == 1  # the bytes had arrived nevertheless
