"""What the tests of hostile registries share: one image with a layer of several chunks, and ways to move it."""

from collections.abc import Callable

from slipway.effects.registry import CopySource, CopyTarget, Registry, copy_artifact
from slipway.testing.artifacts import digest_of, image

type Client = Callable[..., Registry]

LAYER = bytes(range(256)) * 12_000  # about 3 MB: more than what sockets buffer, and several chunks
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
    """The value so many times, and None from then on."""
    left = [count]

    def take() -> T | None:
        left[0] -= 1
        return value if left[0] >= 0 else None

    return take
