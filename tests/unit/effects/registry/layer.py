"""Shared by the tests of hostile registries: an image with a layer of several chunks, and functions to move it."""

from collections.abc import Callable

from slipway.effects.registry import CopySource, CopyTarget, Registry, copy_artifact
from slipway.testing.artifacts import digest_of, image

type Client = Callable[..., Registry]

LAYER = bytes(range(256)) * 12_000  # about 3 MB: more than sockets buffer, and several chunks
IMAGE = image(LAYER)
DIGEST = digest_of(LAYER)
SECRET = "sig=very-secret-signature"


def copy(source: Registry, target: Registry) -> int:
    return copy_artifact(
        CopySource(registry=source, repository="team/shop", digest=IMAGE.digest),
        CopyTarget(registry=target, repository="prod/shop", digest=IMAGE.digest, tag="482"),
    ).blobs_copied


def read(registry: Registry) -> bytes:
    return b"".join(registry.open_blob("team/shop", DIGEST, len(LAYER)))


def times[T](count: int, value: T) -> Callable[[], T | None]:
    """A function that returns `value` for `count` calls, and None from then on."""
    remaining = [count]

    def next_value() -> T | None:
        remaining[0] -= 1
        return value if remaining[0] >= 0 else None

    return next_value
